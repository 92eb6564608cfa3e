"""Automatic runs: what is said is not searched, what is missing is found, and nothing unsure is called sure."""

import dataclasses
import json

import numpy as np
import pytest

import problems
import ptychograd as pg
from lens_scans import WAVELENGTH, lens_scan
from ptychograd.automatic.auto import Asked, _has_image, _with_other_start, with_held_out
from ptychograd.automatic.beginning import Beginning, beginning_of, of_right_sign, twin_of
from ptychograd.automatic.budget import Budget, Tried
from ptychograd.automatic.halves import HalvesShared, halves_share, with_halves
from ptychograd.automatic.missing import State, look_for_missing, run_from
from ptychograd.automatic.parts import parts_for
from ptychograd.automatic.start import Placing, StartCandidate, StartTrial
from ptychograd.automatic.under_way import AUTO, is_under_way
from ptychograd.fitting.reconstruction import require_whole
from ptychograd.fitting.result import History, Result
from ptychograd.runs.plan.reading import as_in_file


@pytest.fixture(scope="module")
def scan():
    return lens_scan()[0]


def written(folder, data):
    path = folder / "scan.h5"
    pg.write(path, data)
    return path


def test_a_budget_tells_what_is_left():
    assert Budget.of(None).allows(1e9)
    assert not Budget.of(-1.0).allows(0.0)
    assert 0 < Budget.of(100.0).left <= 100


def test_the_table_of_what_was_tried_goes_into_json():
    row = Tried("start", "a beam", float("inf"), float("nan"), 4, False).summary
    assert json.loads(json.dumps(row, allow_nan=False))["held_out"] is None


def test_twin_of_a_start_is_its_mirrored_conjugate():
    rng = np.random.default_rng(0)
    wave = rng.normal(size=(8, 7)) + 1j * rng.normal(size=(8, 7))
    one = StartCandidate("pupil", "1 mm behind the focus", wave, Placing(1, 0.1), {"model.start.defocus": 1e-3}, 5.0)
    twin = twin_of(one)
    assert (twin.text, twin.width, twin.fields) == ("1 mm before the focus", -5.0, {"model.start.defocus": -1e-3})
    assert twin.placing == Placing(2, 0.1)
    assert twin.wave[4, 3] == np.conj(wave[4, 3])
    assert twin.wave[4 + 2, 3 - 1] == np.conj(wave[4 - 2, 3 + 1])
    again = twin_of(twin)
    assert again.text == one.text
    np.testing.assert_array_equal(again.wave, wave)


def image_of(sign):
    """A result of some epochs whose matter absorbs and has a phase of this sign."""
    rng = np.random.default_rng(1)
    thick = np.abs(
        np.fft.ifft2(np.fft.fft2(rng.normal(size=(64, 64))) * (np.hypot(*np.meshgrid(*[np.fft.fftfreq(64)] * 2)) < 0.1))
    )
    image = np.exp((1j * sign - 0.2) * thick * 4)
    corners = np.stack(np.meshgrid(*[np.arange(0, 49, 8)] * 2, indexing="ij"), axis=-1).reshape(-1, 2).astype(float)
    arrays = {"object.transmission": image, "probe.modes": np.ones((1, 16, 16), complex), "scan.corner": corners}
    return Result(arrays, {}, History.empty(), {})


@pytest.mark.parametrize(("sign", "wavelength", "is_turned"), [(-1, 1e-10, False), (1, 1e-10, True), (-1, 2e-12, True)])
def test_of_twins_the_one_whose_matter_has_the_sign_of_its_field(sign, wavelength, is_turned):
    wave = np.ones((16, 16), complex)
    one = StartCandidate("pupil", "in focus", wave, Placing(4))
    trial = StartTrial(one, 0.1, np.zeros(3), 6, image_of(sign))
    one, text = of_right_sign(trial, wavelength)
    assert one.placing == (Placing(7) if is_turned else Placing(4))
    assert ("turned by half a turn" in text) == is_turned


@pytest.mark.parametrize(
    "said", [{"model.start.defocus": 1e-3}, {"model.start.focal_spot": 2e-6}, {"model.start.probe": np.ones((40, 44))}]
)
def test_a_start_that_was_said_is_not_searched(scan, said):
    plan = pg.Plan().with_fields(said)
    assert beginning_of(plan, scan, tuple(said)) == Beginning(notes=("the start is as it was said",))


def test_only_a_far_field_is_searched(scan):
    assert (
        "only the start of a far field"
        in beginning_of(pg.Plan(), dataclasses.replace(scan, positions=None), ()).notes[0]
    )
    few = pg.data.subset(scan, range(5))
    assert "5 patterns with photons are too few" in beginning_of(pg.Plan(), few, ()).notes[0]


def test_parts_that_are_in_the_plan_are_not_missing(scan):
    names = [part.name for part in parts_for(pg.Plan(), scan)]
    assert names[:2] == ["2 modes of the probe", "refined positions"]
    plan = pg.Plan(model={"probe": {"modes": 6}}, fit={"refine": ("scan.offset",)})
    left = parts_for(plan, scan)
    assert [part.about for part in left] == ["probe.intensity", "detector.background", "detector.point_spread.width"]
    assert left[0].put_into(plan).fit.refine == ("scan.offset", "probe.intensity")


def test_positions_are_looked_for_far_off_where_a_run_is_far_from_the_data(scan):
    placed = [part for part in parts_for(pg.Plan(), scan, is_far=True) if part not in parts_for(pg.Plan(), scan)]
    assert [part.name for part in placed] == ["positions placed by holograms"]
    plan = placed[0].put_into(pg.Plan())
    assert plan.fit.refine == ("scan.offset",)
    assert plan.model.positions.placed_within == min(32, min(scan.frame_shape) // 3)
    assert placed[0].put_into(plan) == plan
    said = pg.Plan(model={"positions": {"placed_within": 5}}, fit={"refine": ("scan.offset",)})
    assert "positions placed by holograms" not in [part.name for part in parts_for(said, scan, is_far=True)]


@pytest.mark.slow
def test_positions_that_are_placed_are_not_placed_again_in_trials(scan):
    plain = pg.Plan(validation={"hold_out": 0.1})
    placed = parts_for(plain, scan, is_far=True)[2].put_into(plain)
    result = pg.reconstruct(pg.far_field(scan), scan, pg.PIE(), epochs=1)
    for state, is_placed in ((State(plain, result), True), (State(placed, result), False)):
        actions = [action for stage in run_from(placed, scan, state, 2).stages for action in stage.first]
        assert any(isinstance(one, pg.refinement.PositionPlacement) for one in actions) == is_placed


@pytest.mark.slow
def test_halves_are_compared_at_the_positions_that_were_found(scan):
    away = np.random.default_rng(3).normal(0, 1.2, scan.positions.shape) * scan.geometry.sampling(scan.frame_shape)
    wrong = dataclasses.replace(scan, positions=scan.positions + away, probe=lens_scan()[1][None])
    plan = pg.Plan(fit={"epochs": 40, "refine": ("scan.offset",)}, validation={"hold_out": 0.1})
    plan = plan.with_fields({"model.positions.placed_within": 6})
    planned = pg.runs.PlannedRun.of(plan, wrong)
    assert halves_share(plan, wrong, planned.validated(planned.perform())).is_shared


def test_held_out_patterns_are_a_share_that_judges(scan):
    assert with_held_out(pg.Plan(), scan).validation.hold_out == pytest.approx(0.15)
    said = pg.Plan(validation={"hold_out": 0.3})
    assert with_held_out(said, scan) is said


def test_data_are_read_as_they_are_in_the_file(scan, tmp_path):
    path = str(written(tmp_path, scan))
    plan = pg.Plan(data={"paths": path, "orientation": 3, "prepare": {"crop": (20, 20)}, "mask": {"above": 10}})
    raw = as_in_file(plan)
    np.testing.assert_array_equal(raw.positions, scan.positions)
    assert raw.frame_shape == scan.frame_shape
    assert raw.mask.all()


def test_images_that_halves_do_not_share_are_not_solved():
    verdict = {"code": "at_noise", "causes": []}
    result = Result({}, {}, History.empty(), {"verdict": verdict})
    found = with_halves(result, HalvesShared(False, "they do not")).settings["verdict"]
    assert (found["code"], found["causes"][0]["code"]) == ("not_solved", "halves")
    assert with_halves(result, HalvesShared(True, "they do")).settings["verdict"] == verdict
    assert with_halves(result, HalvesShared(None, "")).settings["verdict"] == verdict


@pytest.mark.slow
def test_from_a_file_to_a_sure_result_by_the_command(run, scan, tmp_path):
    turned = pg.data.apply_orientation(scan, 2)
    status, out, err = run("auto", written(tmp_path, turned), "--json")
    figures = json.loads(out.splitlines()[-1])
    assert status == 0, err
    assert figures["verdict"]["code"] in ("at_noise", "near_noise")
    assert "the shadow of the sample moves" in err
    result = pg.load("scan_result.h5")
    table = result.settings[AUTO]["tried"]
    assert sum(row["is_chosen"] for row in table if row["step"] == "start") == 1
    plan = pg.Plan.load("scan_result.toml")
    assert plan.data.orientation == 2
    assert plan.model.start.defocus * WAVELENGTH == pytest.approx(lens_scan()[2], rel=0.3)
    assert run("run", "scan_result.toml", "-o", "again.h5")[0] == 0
    np.testing.assert_array_equal(pg.load("again.h5").object, result.object)


@pytest.mark.parametrize(
    ("code", "left", "cause", "has_image"),
    [
        ("near_noise", 0.3, "modes", True),
        ("not_solved", 0.04, "positions", True),
        ("not_solved", 0.3, "positions", False),
        ("not_solved", 0.0, "object_not_told_from_noise", False),
        ("not_solved", -0.01, "lattice", True),
        ("not_solved", None, "loss_rose", False),
    ],
)
def test_a_run_that_explains_nearly_all_has_an_image(code, left, cause, has_image):
    verdict = {"code": code, "left": left, "causes": [{"code": cause, "found": ""}]}
    assert _has_image(Result({}, {}, History.empty(), {"verdict": verdict})) is has_image


@pytest.mark.slow
def test_another_start_than_a_files_probe_keeps_what_was_prepared(scan):
    """The file's probe is in focus, the beam is not; the detector has a hot pixel, and the scan is turned."""
    patterns = np.array(scan.patterns)
    patterns[:, 3, 5] = 60000 + np.arange(len(patterns))
    focused = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(np.abs(np.fft.fft2(lens_scan()[1]))))).astype(complex)
    wrong = pg.data.apply_orientation(dataclasses.replace(scan, patterns=patterns, probe=focused[None]), 1)
    ready = pg.Plan(data={"prepare": {"hot_pixels": True}}, fit={"epochs": 40})

    def done(plan, data, settings):
        planned = pg.runs.PlannedRun.of(plan, data)
        return planned.validated(planned.perform())

    asked = Asked(pg.Plan(), wrong, Budget.of(None), done)
    settings = {"verdict": {"code": "not_solved", "causes": []}, "held_out_r_factor": 0.9, "stopped": "all epochs done"}
    failed = Result({}, {}, History.empty(), settings)
    state, data = _with_other_start(asked, ready, State(ready, failed), wrong, [])
    assert state.plan.data.prepare.hot_pixels
    assert state.plan.data.orientation == 1
    assert not data.mask[..., 3, 5].any()
    assert {"model.start.defocus", "model.start.probe"} & set(state.plan.said_fields)
    assert state.result.settings["verdict"]["code"] in ("at_noise", "near_noise")


def test_an_interrupted_run_goes_on_where_it_was_with_what_was_decided(scan):
    """The run is interrupted after its second epoch; no start is looked for again."""
    plan = pg.Plan(fit={"epochs": 4}, model={"start": {"probe": lens_scan()[1]}}, validation={"hold_out": 0.1})
    ran = []

    def stopped(plan, data, settings):
        def stop(progress):
            if progress.epoch == 2:
                raise KeyboardInterrupt

        result = pg.runs.PlannedRun.of(plan, data).perform(stop)
        return result._replace(settings={**result.settings, **settings})

    part = pg.auto(scan, plan, perform=stopped, time=None)
    assert is_under_way(part.settings)
    there = pg.auto(scan, resume=part, time="1s", on_epoch=lambda progress: ran.append(progress.epoch))
    assert ran[:2] == [3, 4]
    assert there.history.epochs >= 4
    assert not is_under_way(there.settings)
    assert there.settings["auto"]["notes"][: len(part.settings["auto"]["notes"])] == part.settings["auto"]["notes"]


@pytest.fixture(scope="module")
def dim_scan():
    """A scan with photons from elsewhere, its true probe, and the state after a run that knows nothing of them."""
    data = problems.measurement(background=20.0)
    plan = pg.Plan(fit={"epochs": 15}, model={"start": {"probe": data.truth.probe}}, validation={"hold_out": 0.15})
    planned = pg.runs.PlannedRun.of(plan, data)
    return data, State(plan, planned.validated(planned.perform()))


@pytest.mark.slow
def test_a_missing_background_is_found_by_held_out_patterns(dim_scan):
    data, state = dim_scan
    found = look_for_missing(state, data, Budget.of(None))
    assert "detector.background" in found.plan.fit.refine
    chosen = [row.what for row in found.tried if row.is_chosen]
    assert "a background" in chosen
    assert all(row.errors is not None for row in found.tried)


@pytest.mark.slow
def test_nothing_is_tried_without_time_or_where_it_was_said(dim_scan):
    data, state = dim_scan
    assert look_for_missing(state, data, Budget.of(-1.0)).plan == state.plan
    said = ("fit.refine", "model.probe.modes")
    assert look_for_missing(state, data, Budget.of(None), said).tried == ()


def test_a_trial_that_is_cut_short_ends_all(dim_scan):
    """A signal within a trial: the result of two of its epochs is judged by nobody."""
    data, state = dim_scan

    def stop(progress):
        raise KeyboardInterrupt

    cut = pg.perform(run_from(state.plan, data, state, 3), stop)
    assert cut.stopped == "interrupted"
    assert require_whole(state.result) is state.result
    with pytest.raises(KeyboardInterrupt):
        require_whole(cut)


def test_only_an_automatic_run_that_has_more_to_do_goes_on(scan, dim_scan):
    _, state = dim_scan
    with pytest.raises(pg.InputError, match="of no automatic run that has more to do"):
        pg.auto(scan, pg.Plan(), resume=state.result)
