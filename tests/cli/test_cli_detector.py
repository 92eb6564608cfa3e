"""Detector, noise and priors as options of `simulate` and `reconstruct`."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import near_problems
import ptychograd as pg
from problems import FRAME, measurement
from ptychograd.paper.far_field import FarFieldExperiment

FULL = int(measurement().patterns.max())  # photons


@pytest.fixture
def scan(tmp_path):
    path = tmp_path / "scan.h5"
    pg.write(path, measurement())
    return path


@pytest.mark.slow
def test_a_run_with_all_of_it_can_be_gone_on_from(run, scan):
    flat = np.ones(FRAME)
    flat[3, 4] = 0
    np.save("flat.npy", flat)
    text = [
        "--refine",
        "detector.background",
        "--refine",
        "detector.point_spread.width",
        "--set",
        "model.detector.flat_field=flat.npy",
    ]
    text += [
        "--noise",
        "poisson-gaussian",
        "--set",
        "model.detector.readout=1",
        "--set",
        f"model.detector.saturation={FULL}",
        "--prior",
        "tv=0.2",
    ]
    text += [
        "--set",
        "model.detector.background=0.5",
        "--set",
        "data.mask.beam_stop=1",
        "--epochs",
        "4",
        "--batch-size",
        "8",
    ]
    status, out, err = run("reconstruct", scan, "-o", "result.h5", *text)
    assert status == 0, err
    result = pg.load("result.h5")
    assert f"detector.background: {result.arrays['detector.background']:.4g} photons a pixel" in out.splitlines()
    assert float(result.arrays["detector.background"]) != 0.5
    assert float(result.arrays["detector.point_spread.width"]) != 0.5
    assert result.settings["noise"].startswith("Censored(")
    assert "PoissonGaussian(readout=1.0)" in result.settings["noise"].replace("\n", "").replace("  ", "")
    assert result.settings["priors"] == [repr(pg.priors.TotalVariation(0.2, path="object.transmission"))]
    status, out, err = run("resume", "result.h5", "--epochs", "5", "--json")
    assert status == 0, err
    assert json.loads(out.splitlines()[-1])["epochs"] == 5


def test_noise_models_take_over_at_the_end_and_full_pixels_are_known_throughout(scan):
    data = pg.read(scan)
    detector = {"readout": 2.0, "saturation": FULL}
    stages = pg.Plan(fit={"epochs": 9, "noise": "gaussian"}, model={"detector": detector}).make_run(data).stages
    assert [stage.epochs for stage in stages] == [6, 3]
    assert all(isinstance(stage.noise, pg.noise.Censored) for stage in stages)
    assert isinstance(stages[0].noise.noise, pg.Amplitude)
    np.testing.assert_allclose(stages[1].noise.noise.variance, data.mean_pattern + 4, rtol=1e-5)
    brightest = np.maximum(data.patterns.max(axis=0), data.mean_pattern + 4)
    np.testing.assert_allclose(stages[1].noise.noise.brightest, brightest, rtol=1e-5)
    assert [type(stage.noise) for stage in pg.Plan(fit={"epochs": 9}).make_run(data).stages] == [pg.Amplitude]


@pytest.mark.slow
def test_a_flat_field_is_calibrated_by_counts(run, scan):
    text = ["--refine", "detector.flat_field", "--epochs", 9]
    status, out, err = run("reconstruct", scan, "-o", "result.h5", *text)
    assert status == 0, err
    result = pg.load("result.h5")
    changes = result.settings["changes"]
    assert [change["after_epoch"] for change in changes] == [6, 7, 8]
    assert f"after epoch 8: {changes[-1]['change']}" in out.splitlines()
    assert sum("flat field calibrated" in line for line in out.splitlines()) == 1
    assert result.arrays["detector.flat_field"].std() > 0
    assert "Poisson" in result.settings["noise"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (["--epochs", 0], "With --epochs 0 there is no epoch that fits counted photons"),
        (
            ["--epochs", 6, "--set", "fit.hold_probe=6"],
            "and `fit.hold_probe` 6 there is no epoch that fits counted photons",
        ),
        (["--epochs", 6, "--noise", "amplitude"], "under amplitudes alone"),
        (
            ["--epochs", 6, "--set", "fit.refine_after=6"],
            "leaves no epoch to refine detector.flat_field: the run has 6",
        ),
    ],
)
def test_a_flat_field_that_no_epoch_would_calibrate_is_refused(run, scan, text, expected):
    status, _, err = run("reconstruct", scan, "-o", "result.h5", "--refine", "detector.flat_field", *text)
    assert status == 2
    assert expected in " ".join(err.split())
    assert not Path("result.h5").exists()


def test_what_would_be_refined_after_the_last_epoch_is_refused(scan):
    data = pg.read(scan)
    for after in (4, 5):
        with pytest.raises(
            pg.InputError, match=r"leaves no epoch to refine detector\.background, object: the run has 4"
        ):
            pg.Plan(fit={"epochs": 4, "refine": ["detector.background", "object"], "refine_after": after}).make_run(
                data
            )
    plan = pg.Plan(fit={"epochs": 4, "refine": ["detector.background"], "refine_after": 3})
    stages = plan.make_run(data).stages
    assert [(stage.epochs, "detector.background" in stage.trainable) for stage in stages] == [(3, False), (1, True)]


@pytest.mark.slow
def test_a_near_field_is_doubted_once_and_by_reconstruct_alone(run, capsys):
    """`residuals`, `frc` and others plan the run as well."""
    pg.write("near.h5", near_problems.measurement())
    pg.Plan(fit={"epochs": 3, "refine": ["detector.flat_field"]}).make_run(pg.read("near.h5"))
    assert "still beam" not in capsys.readouterr().err
    text = ["--refine", "detector.flat_field", "--epochs", 3]
    status, _, err = run("reconstruct", "near.h5", "-o", "result.h5", *text)
    assert status == 0, err
    assert err.count("hardly tells the structure of a still beam") == 1


def test_a_flat_field_that_is_given_is_calibrated_with_the_whole_detector(scan, tmp_path):
    np.save(tmp_path / "flat.npy", np.ones(FRAME))
    plan = pg.Plan(fit={"epochs": 9, "refine": ["detector"]})
    given = plan.with_fields({"model.detector.flat_field": str(tmp_path / "flat.npy")})
    stages = given.make_run(pg.read(scan)).stages
    assert stages[-1].trainable == ("object", "probe", "detector.background")
    assert stages[-1].first
    plain = plan.make_run(pg.read(scan)).stages
    assert not any(stage.first for stage in plain)


def test_masks_and_binning(scan, tmp_path):
    mask = np.ones(FRAME, int)
    mask[2, 3] = 0
    np.save(tmp_path / "mask.npy", mask)
    mask_section = {"beam_stop": 2.0, "image": str(tmp_path / "mask.npy"), "above": 100.0}
    plan = pg.Plan(data={"paths": str(scan), "mask": mask_section}, model={"detector": {"oversampling": 2}})
    data = plan.read()
    expected = (mask == 1) & pg.data.beam_stop(FRAME, 2.0) & (measurement().patterns < 100)
    np.testing.assert_array_equal(data.mask, expected)
    model = plan.make_run(data).model
    assert model.frame_shape == (2 * FRAME[0], 2 * FRAME[1])
    assert model.detector.oversampling == 2


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (("fit.noise", "poisson-gaussian"), "needs `model.detector.readout`"),
        (("model.detector.readout", 1.0), "needs `fit.noise`"),
        (("fit.priors.smooth", 1), "one of: tv, tikhonov, l1, slices"),
        (("fit.priors.tv", -1), "above zero"),
    ],
)
def test_what_does_not_go_together_is_said_before_anything_is_read(field, text):
    with pytest.raises(pg.InputError, match=text):
        pg.Plan().with_fields(dict([field])).check()


def test_a_file_that_is_no_array_is_named(scan):
    with pytest.raises(pg.InputError, match=r"scan.h5: it does not begin as such a file"):
        pg.Plan(data={"paths": str(scan), "mask": {"image": str(scan)}}).read()


@pytest.mark.slow
def test_simulations_have_what_was_asked_for(run, monkeypatch):
    few = partial(FarFieldExperiment, box=90, object_size=64, frame=48)  # 64 patterns
    monkeypatch.setattr("ptychograd.paper.far_field.FarFieldExperiment", few)
    text = [
        "--set",
        "model.detector.background=2",
        "--set",
        "model.detector.point_spread=0.7",
        "--noise",
        "poisson-gaussian",
        "--set",
        "model.detector.readout=1.5",
    ]
    status, _, err = run(
        "simulate", "far-field", "data.h5", *text, "--set", "model.detector.saturation=200", "--photons", "1e4"
    )
    assert status == 0, err
    data = pg.read("data.h5")
    assert data.patterns.dtype.kind == "f"
    assert (data.patterns.min(), data.patterns.max()) == (0, 200)
    parameters = data.truth.parameters
    assert float(parameters["detector.background"]) == 2
    assert float(parameters["detector.point_spread.width"]) == pytest.approx(0.7)


@pytest.fixture
def arrays(scan, monkeypatch, tmp_path):
    """Files beside the scan, of which few are what an option expects."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.npy").write_text("20 numbers")
    for name, array in {"small": np.ones((4, 5)), "vector": np.ones(5), "waves": np.ones(FRAME, complex)}.items():
        np.save(f"{name}.npy", array)
    np.save("nan.npy", np.full(FRAME, np.nan))
    np.save("kernel.npy", [[0.0, 0.1], [0.2, 0.7]])
    return scan


MISTAKES = {
    "no array": (("--set", "model.detector.flat_field=text.npy"), "text.npy: it does not begin as such a file"),
    "no file": (("--set", "model.detector.point_spread=none.npy"), "can't be read from none.npy"),
    "numbers in a row": (("--mask", "vector.npy"), "it holds float64 of shape (5,); expected numbers"),
    "complex numbers": (("--set", "model.detector.flat_field=waves.npy"), "it holds complex128 of shape (20, 18)"),
    "a small flat field": (
        ("--set", "model.detector.flat_field=small.npy"),
        "has (4, 5) pixels, the detector (20, 18)",
    ),
    "a small mask": (("--mask", "small.npy"), "(4, 5); expected (20, 18) or (56, 20, 18)"),
    "a flat field of amplitudes": (
        ("--refine", "detector.flat_field", "--noise", "amplitude"),
        "The flat field is refined under amplitudes alone",
    ),
    "no number": (("--set", "model.detector.flat_field=nan.npy"), "has to be finite"),
    "a quiet readout": (
        ("--noise", "poisson-gaussian", "--set", "model.detector.readout=0"),
        "model.detector.readout 0: expected a number above zero",
    ),
    "half a photon": (
        ("--set", "model.detector.saturation=100.5"),
        "`model.detector.saturation` 100.5: expected a whole number",
    ),
    "slices of a thin object": (("--prior", "slices=1"), "--prior slices needs `model.object.slices` beside it"),
    "a width of nothing": (
        ("--set", "model.detector.point_spread=0", "--refine", "detector.point_spread.width"),
        "in which direction to go",
    ),
    "a width below nothing": (
        ("--set", "model.detector.point_spread=-1"),
        "A point spread of -1 pixels; expected 0 or more",
    ),
    "the width of an image": (
        ("--set", "model.detector.point_spread=kernel.npy", "--refine", "detector.point_spread.width"),
        "Unknown",
    ),
}


@pytest.mark.variants
@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_end_in_one_sentence(run, arrays, tmp_path, mistake):
    text, sentence = MISTAKES[mistake]
    status, _, err = run("reconstruct", arrays, "-o", "r.h5", "--epochs", 1, *text)
    assert status == 2
    assert sentence in " ".join(err.split())
    assert "Traceback" not in err
    assert not (tmp_path / "r.h5").exists()


@pytest.mark.slow
def test_an_image_of_the_point_spread_is_taken(run, arrays):
    fits = []
    for text in ((), ("--set", "model.detector.point_spread=kernel.npy")):
        status, _, err = run("reconstruct", arrays, "-o", "r.h5", "--epochs", 1, "--json", *text)
        assert status == 0, err
        fits.append(pg.load("r.h5").history.r_factor[-1])
    assert fits[0] != fits[1]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            (
                "--set",
                "model.detector.background_image=true",
            ),
            "`model.detector.background_image` is for a reconstruction",
        ),
        (
            ("--noise", "poisson-gaussian", "--set", "model.detector.readout=0"),
            "model.detector.readout 0: expected a number above zero",
        ),
        (("--noise", "gaussian"), "--noise gaussian needs `model.detector.readout`"),
        (("--set", "model.detector.saturation=0.5"), "`model.detector.saturation` 0.5: expected a whole number"),
    ],
)
def test_what_can_not_be_simulated_is_said_and_no_file_is_left(run, tmp_path, text, sentence):
    status, _, err = run("simulate", "far-field", "s.h5", *text)
    assert status == 2
    assert sentence in " ".join(err.split())
    assert not (tmp_path / "s.h5").exists()


@pytest.mark.slow
def test_errors_of_parameters_are_told_with_their_units(run, monkeypatch):
    few = partial(FarFieldExperiment, box=90, object_size=64, frame=48)
    monkeypatch.setattr("ptychograd.paper.far_field.FarFieldExperiment", few)
    assert run("simulate", "far-field", "data.h5", "--background", "2", "--jitter", "1")[0] == 0
    assert run("reconstruct", "data.h5", "-o", "r.h5", "--epochs", 1, "--set", "model.detector.background=1.5")[0] == 0
    _, out, _ = run("compare", "r.h5", "data.h5")
    lines = [line.split() for line in out.splitlines()]
    assert ["detector.background", "error", "0.5", "photons", "a", "pixel"] in lines
    assert any(line[:2] == ["scan.position", "error"] and line[3:] == ["object", "pixels"] for line in lines)
    assert all(len(line) == 2 for line in lines if line[0].startswith("object_nrmse"))


@pytest.mark.slow
def test_a_level_below_what_was_counted_is_refused(run):
    pg.write("d.h5", measurement())
    most = int(measurement().patterns.max())
    status, _, err = run("reconstruct", "d.h5", "--set", f"model.detector.saturation={most - 1}", "--epochs", 1)
    assert status == 2
    assert f"has pixels of up to {most} photons" in err.replace("\n", " ")
    assert run("reconstruct", "d.h5", "--set", f"model.detector.saturation={most}", "--epochs", 1)[0] == 0
