"""Rocking curves on the command line: simulate, inspect, reconstruct, compare, and what is refused."""

import contextlib
import json
import re

import numpy as np
import pytest

import bragg_problems
import ptychograd as pg
from ptychograd.data.description import describe

VOXEL = bragg_problems.VOXEL[0]
KEYS = ("wavelength=1.5e-10", "distance=0.4", "pixel_size=55e-6,66e-6", "two_theta=0.9", "rocking=omega", "probe=beam")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The same rocking curves with a support and without; as NPZ; and of angles that alias."""
    folder = tmp_path_factory.mktemp("bragg")
    data = bragg_problems.measurement()
    pg.write(folder / "crystal.h5", data)
    pg.write(folder / "slab.h5", bragg_problems.measurement(support=None, truth=None))
    pg.write(folder / "dark.h5", bragg_problems.measurement(probe=None))
    wide = pg.BraggGeometry(1.5e-10, 0.4, (55e-6, 66e-6), 0.9, tuple(3 * angle for angle in bragg_problems.ROCKING))
    pg.write(folder / "wide.h5", bragg_problems.measurement(geometry=wide))
    arrays = {"omega": np.array(bragg_problems.ROCKING), "beam": data.probe, "start": data.support}
    np.savez(folder / "crystal.npz", patterns=data.patterns, positions=data.positions, **arrays)
    pg.write(
        folder / "far.h5",
        pg.make_dataset(data.patterns, data.positions, geometry=pg.Geometry(1.5e-10, 0.4, (55e-6,) * 2)),
    )
    return folder


@pytest.fixture
def reconstruct(run, files):
    """What a reconstruction that has to work ends with; and what it told."""

    def call(file, *arguments):
        status, out, err = run("reconstruct", files / file, *arguments, "-o", "r.h5")
        assert status == 0, err
        return pg.load("r.h5"), out, err

    return call


def changes(result):
    return [change["change"].split()[0] for change in result.settings.get("changes", ())]


# Reconstruct ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_rocking_curves_in_their_own_file_need_no_word(reconstruct, run, files):
    """The crystal is searched for, the beam held as it is, and the result compared in three dimensions."""
    result, out, _ = reconstruct("crystal.h5", "--epochs", 12, "--json")
    assert result.object.shape == bragg_problems.BOX
    assert result.sampling == pytest.approx((VOXEL, VOXEL, bragg_problems.VOXEL[1]))
    assert changes(result) == ["support"] * 3 + ["moved"] + ["support"] * 5
    assert (result.history.epochs, json.loads(out.splitlines()[-1])["epochs"]) == (12, 12)
    np.testing.assert_allclose(result.probe, bragg_problems.probe_wave()[None], rtol=1e-5, atol=1e-3)
    status, out, err = run("compare", "r.h5", files / "crystal.h5", "--json")
    assert status == 0, err
    figures = json.loads(out)
    assert figures["probe_nrmse"] < 1e-5
    assert {"object_nrmse", "core_nrmse", "core_phase_rms", "shift_along_beam", "shift_across_beam"} < set(figures)


@pytest.mark.slow
def test_keys_say_the_same_as_the_own_format(reconstruct):
    keys = [part for key in (*KEYS, "support=start") for part in ("--key", key)]
    own, _, _ = reconstruct("crystal.h5", "--epochs", 2)
    other, _, _ = reconstruct("crystal.npz", *keys, "--epochs", 2)
    assert other.sampling == pytest.approx(own.sampling)
    scale = np.vdot(other.object, own.object) / np.vdot(other.object, other.object)
    np.testing.assert_allclose(scale * other.object, own.object, atol=1e-3 * np.abs(own.object).max())


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [("--set", "fit.shrink_wrap=false", "--epochs", 7), ("--epochs", 5)], ids=["told", "too few epochs"]
)
def test_nothing_is_searched_for_if_told_or_in_too_few_epochs(reconstruct, options):
    result, _, _ = reconstruct("crystal.h5", *options)
    assert changes(result) == []
    assert result.history.epochs == options[-1]
    np.testing.assert_array_equal(result.arrays["object.support"], bragg_problems.support())


@pytest.mark.slow
def test_no_epochs_give_the_start(reconstruct):
    result, out, _ = reconstruct("crystal.h5", "--epochs", 0)
    assert result.history.epochs == 0
    assert "the start" in out


@pytest.mark.slow
def test_the_beam_is_refined_after_the_epochs_that_it_is_held(reconstruct):
    """Never if nothing is said."""
    held, _, _ = reconstruct("crystal.h5", "--epochs", 6, "--set", "fit.shrink_wrap=false")
    refined, _, _ = reconstruct(
        "crystal.h5", "--epochs", 6, "--set", "fit.shrink_wrap=false", "--set", "fit.hold_probe=4"
    )
    start = bragg_problems.probe_wave()[None]
    np.testing.assert_allclose(held.probe, start, rtol=1e-5, atol=1e-3)
    assert np.abs(refined.probe - start).max() > 0.01 * np.abs(start).max()
    assert refined.settings["trainable"] == ["object", "probe"]
    assert refined.history.r_factor[:4] == held.history.r_factor[:4]
    assert refined.history.r_factor[5] != held.history.r_factor[5]


@pytest.mark.slow
@pytest.mark.parametrize("held", [None, 0, 1, 4, 9, 20, 99])
@pytest.mark.parametrize("epochs", [3, 12, 60])
@pytest.mark.parametrize("noise", ["amplitude", "poisson"])
def test_stages_of_all_kinds_take_the_epochs_that_were_asked_for(held, epochs, noise):
    """With the beam held for just so many; each change is made once, where it would be without."""
    data = bragg_problems.measurement()
    plain = pg.Plan(fit={"epochs": epochs, "noise": noise})
    stages = plain.with_fields({"fit.hold_probe": held}).make_run(data).stages
    assert sum(stage.epochs for stage in stages) == epochs
    alone = sum(stage.epochs for stage in stages if stage.trainable == ("object",))
    assert alone == (epochs if held is None else min(epochs, held))
    assert [stage.trainable for stage in stages] == sorted((stage.trainable for stage in stages), key=len)
    assert places(stages) == places(plain.make_run(data).stages)


def test_epochs_that_end_by_themselves_come_after_the_search():
    """Which nothing ends early, and which is that of the forty epochs that there are if nothing is said."""
    data = bragg_problems.measurement()
    stages, usual = (plan.make_run(data).stages for plan in (pg.Plan(fit={"epochs": "auto"}), pg.Plan()))
    assert sum(stage.epochs for stage in usual) == 40
    assert stages[:8] == usual[:8]
    assert [stage.until is not None for stage in stages] == [False] * 8 + [True, False]
    assert {stage.trainable for stage in stages} == {("object",)}


def places(stages):
    """Epochs before which something is done first, with what."""
    starts = np.cumsum([0, *(stage.epochs for stage in stages)])
    return [(start, stage.first) for start, stage in zip(starts, stages, strict=False) if stage.first]


def test_a_batch_counts_positions_with_all_their_angles():
    """A fifth of twenty; or as many patterns as are said."""
    data = bragg_problems.measurement()
    assert pg.Plan().make_run(data).batch_size == 4 * 5
    assert pg.Plan(fit={"batch_size": 10}).make_run(data).batch_size == 10
    assert pg.Plan(fit={"solver": {"kind": "epie"}}).make_run(data).batch_size == 5


@pytest.mark.slow
def test_a_slab_has_the_thickness_that_is_said_and_a_spot_may_stand_for_the_beam():
    data = bragg_problems.measurement(support=None, probe=None)
    start = {"thickness": 6 * VOXEL, "focal_spot": 4 * VOXEL}
    model = pg.Plan(model={"start": start, "probe": {"modes": 2}}).make_run(data).model
    assert model.object.density.shape[0] == 6
    assert model.probe.modes.shape == (2, *bragg_problems.FRAME)


@pytest.mark.slow
def test_whole_rocking_curves_are_held_out(reconstruct):
    result, out, _ = reconstruct("crystal.h5", "--epochs", 3, "--hold-out", 0.1, "--json")
    held = result.settings["held_out_r_factor"]
    assert held > result.history.r_factor[-1] > 0
    assert json.loads(out.splitlines()[-1])["held_out_r_factor"] == held


@pytest.mark.slow
def test_angles_that_alias_are_told(reconstruct, run, files):
    _, _, err = reconstruct("wide.h5", "--epochs", 1)
    sentence = r"rocking angles alias in depth: the phase turns by up to \S+ radians"
    assert re.search(sentence, " ".join(err.split()))
    text = " ".join(run("inspect", files / "wide.h5")[1].split())
    assert re.search(f"warning .*{sentence}", text)
    assert "alias" not in reconstruct("crystal.h5", "--epochs", 1)[2]


def test_inspect_shows_the_rocking_curve(run, files):
    text = " ".join(run("inspect", files / "crystal.h5")[1].split())
    assert "5 angles from -0.04584 to 0.04011 degrees around 2θ = 51.566 degrees, at each of 20 positions" in text
    assert "83.92 nm x 83.92 nm x 75.76 nm (x, y, z)" in text
    assert "7 x 26 x 21 pixels" in text
    assert "median step to the nearest neighbour 3 pixels" in text


MISTAKES = {
    "thickness with a support": (("crystal.h5", "--set", "model.start.thickness=5e-7"), "has a support of its own"),
    "no thickness": (("slab.h5",), "need the crystal's thickness along x"),
    "thickness in pixels": (("slab.h5", "--set", "model.start.thickness=6"), "A crystal 6 m thick does not fit"),
    "thickness of nothing": (("slab.h5", "--set", "model.start.thickness=nan"), "nan is no length"),
    "thickness of a far field": (
        ("far.h5", "--set", "model.start.thickness=5e-7"),
        "`model.start.thickness` is for rocking curves of a crystal",
    ),
    "no beam": (("dark.h5",), "holds no probe, and the beam can't be estimated"),
    "two beams": (("crystal.h5", "--pinhole", "4e-7", "--aperture", "4e-7"), "Give one of --aperture"),
    "defocus of nothing": (("crystal.h5", "--defocus", "1e-3"), "--defocus is for a start probe from"),
    "far field": (("crystal.h5", "--model", "far-field"), "--model far-field: "),
    "near field": (("crystal.h5", "--model", "near-field"), "which is no near field"),
    "held before the start": (
        ("crystal.h5", "--set", "fit.hold_probe=-1"),
        "fit.hold_probe -1: expected 0 or more",
    ),
    "epochs before the start": (("crystal.h5", "--epochs", "-1"), "--epochs -1: expected 0 or more"),
    "no batch": (("crystal.h5", "--batch-size", "0"), "--batch-size 0: expected 1 or more"),
    "degrees": (("crystal.h5", "--key", "two_theta=51.6"), "is this degrees?"),
    "held out too little": (("crystal.h5", "--hold-out", "0.01"), "share of 0.01 of 20"),
}


@pytest.mark.variants
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_ends_in_one_sentence_and_status_2(run, files, mistake, tmp_path):
    (file, *arguments), expected = MISTAKES[mistake]
    epochs = () if "--epochs" in arguments else ("--epochs", 1)
    status, _, err = run("reconstruct", files / file, *epochs, "-o", "r.h5", *arguments)
    *notes, sentence = err.strip().splitlines()
    assert status == 2
    assert expected in sentence
    assert all(note.startswith((f"{file}:", "start probe", "1 epochs are too few")) for note in notes if note)
    assert not list(tmp_path.glob("*.h5"))


# Simulate -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """A file of the reduced experiment, with everything that can be said about it."""
    from ptychograd.cli import main

    file = tmp_path_factory.mktemp("simulated") / "c.h5"
    text = ("--photons", "5e3", "--rocking-step", "0.01", "--background", "0.5", "--seed", "3")
    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(SystemExit):
        patch.setattr("ptychograd.cli.engine.prepare", lambda precision="single": None)
        main(["simulate", "bragg", str(file), "--reduced", *text])
    return pg.read(file)


@pytest.mark.slow
def test_a_simulated_crystal_goes_into_a_file(simulated):
    """With the photons, the angles and the background that were asked for."""
    assert simulated.patterns.shape == (21 * 12 * 15, 32, 32)
    assert simulated.truth.object.shape == simulated.support.shape
    assert np.sum(np.abs(simulated.truth.probe) ** 2) == pytest.approx(5e3)
    assert np.degrees(simulated.geometry.rocking) == pytest.approx(0.01 * np.arange(-7, 8), abs=1e-12)
    assert simulated.geometry.aliased(simulated.frame_shape) == ""
    assert "seed 3" in simulated.source
    dimmest = simulated.patterns.mean(axis=0).min()
    assert dimmest == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    ("option", "text"),
    [
        (("--photons", "0"), "0 photons in the probe"),
        (("--background", "-1"), "A background of -1 photons a pixel"),
        (("--rocking-step", "5"), "are these degrees?"),
        (("--rocking-step", "0"), "Two angles of the rocking curve are the same"),
        (("--seed", "-1"), "seed of -1"),
    ],
)
def test_a_crystal_that_can_not_be_simulated_is_refused(run, option, text, tmp_path):
    status, _, err = run("simulate", "bragg", "c.h5", "--reduced", *option)
    assert status == 2
    assert text in " ".join(err.split())
    assert not list(tmp_path.glob("*.h5"))


def test_a_known_background_goes_into_every_model(files):
    """Of a far field as of a crystal; less than none is refused."""
    thin = pg.make_dataset(np.ones((4, 6, 5)), [[0, 0], [0, 2], [2, 0], [2, 2]], probe=np.ones((6, 5), complex))
    for data in (thin, pg.read(files / "crystal.h5")):
        assert float(pg.Plan(model={"detector": {"background": 0.25}}).make_run(data).model.detector.background) == 0.25
        with pytest.raises(pg.InputError, match=r"`model\.detector\.background` -1: expected 0 or more"):
            pg.Plan(model={"detector": {"background": -1.0}}).make_run(data)


def test_patterns_stacked_angle_by_angle_are_noticed():
    """And those in the right order are not; one position for each curve is enough."""
    data = bragg_problems.measurement()
    places = data.positions[:: data.group]
    right = pg.make_dataset(data.patterns, places, geometry=data.geometry, probe=data.probe)
    np.testing.assert_array_equal(right.positions, data.positions)
    turned = data.patterns.reshape(len(places), data.group, *data.frame_shape).swapaxes(0, 1)
    wrong = pg.make_dataset(turned.reshape(data.patterns.shape), places, geometry=data.geometry, probe=data.probe)
    noticed = ["look ordered angle by angle" in " ".join(text for _, text in describe(d)) for d in (right, wrong)]
    assert noticed == [False, True]
    assert any(label == "depth" and "along the scattering vector" in text for label, text in describe(right))
