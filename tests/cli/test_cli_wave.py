"""Options for what probe, object and spectrum do beside the ideal."""

import json

import numpy as np
import pytest

import bragg_problems
import ptychograd as pg
from ptychograd.paper.far_field import FarFieldExperiment

FEW = {"box": 90, "object_size": 64, "frame": 48}  # 64 patterns


@pytest.fixture
def small(monkeypatch):
    """The paper's far field on fewer positions."""
    monkeypatch.setattr(
        "ptychograd.paper.far_field.FarFieldExperiment", lambda photons: FarFieldExperiment(photons=photons, **FEW)
    )


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The same as a file."""
    path = tmp_path_factory.mktemp("small") / "f.h5"
    pg.write(path, FarFieldExperiment(**FEW).dataset())
    return path


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_a_truth_with_modes_intensities_and_a_spectrum_is_simulated_and_reconstructed(run):
    options = (
        "--modes",
        2,
        "--set",
        "model.probe.varying_intensity=true",
        "--set",
        "model.spectrum.bandwidth=0.02",
        "--set",
        "model.probe.variations=1",
    )
    assert run("simulate", "far-field", "a.h5", *options)[0] == 0
    truth = pg.read("a.h5").truth
    assert truth.probe.shape == (2, 48, 48)
    assert truth.parameters["propagator.weights"].shape == (5,)
    assert np.std(truth.parameters["probe.intensity"]) == pytest.approx(0.1, rel=0.2)
    assert truth.parameters["probe.weights"].shape[1] == 1
    status, out, _ = run("reconstruct", "a.h5", *options, "--epochs", 2)
    assert status == 0
    assert "orthogonal modes of the probe: " in out
    result = pg.load("a_result.h5")
    assert result.probe.shape[0] == 2
    assert result.arrays["probe.intensity"].shape == (len(truth.parameters["probe.intensity"]), 1)
    assert np.any(result.arrays["probe.weights"] != 0)
    status, out, _ = run("compare", "a_result.h5", "a.h5", "--json")
    assert "probe.intensity error" in json.loads(out)


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_slices_are_simulated_reconstructed_compared_and_shown(run):
    sliced = ("--set", "model.object.slices=2", "--set")
    assert run("simulate", "far-field", "b.h5", *sliced, "model.object.slice_distance=0.03")[0] == 0
    asked = ("--epochs", 3, "--refine", "object.distance", "--set", "fit.refine_after=1")
    assert run("reconstruct", "b.h5", *sliced, "model.object.slice_distance=25 mm", *asked)[0] == 0
    result = pg.load("b_result.h5")
    assert result.object.shape == pg.read("b.h5").truth.object.shape
    assert float(result.arrays["object.distance"]) != np.float32(0.025)
    figures = json.loads(run("compare", "b_result.h5", "b.h5", "--json")[1])
    assert {"slice_1_nrmse", "slice_2_nrmse", "object.distance error"} <= figures.keys()
    for command in (("plot", "b_result.h5"), ("export", "b_result.h5", "o.tiff")):
        assert run(*command)[0] == 0


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_a_distance_of_slices_that_is_not_refined_stays(run):
    sliced = ("--set", "model.object.slices=2", "--set")
    assert run("simulate", "far-field", "b.h5", *sliced, "model.object.slice_distance=0.03")[0] == 0
    assert (
        run("reconstruct", "b.h5", *sliced, "model.object.slice_distance=25 mm", "--epochs", 2, "-o", "held.h5")[0] == 0
    )
    assert float(pg.load("held.h5").arrays["object.distance"]) == np.float32(0.025)
    assert run("resume", "held.h5", "--epochs", 3)[0] == 0
    assert float(pg.load("held.h5").arrays["object.distance"]) == np.float32(0.025)


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_a_defocus_is_refined_with_the_aperture_held(run):
    assert run("simulate", "far-field", "c.h5")[0] == 0
    asked = ("--aperture", 7e-6, "--defocus", 0.11, "--refine", "probe.defocus", "--epochs", 3)
    assert run("reconstruct", "c.h5", *asked)[0] == 0
    arrays = pg.load("c_result.h5").arrays
    assert float(arrays["probe.defocus"]) != np.float32(0.11)
    illuminated = np.abs(arrays["probe.modes"][0]) > 0.5 * np.abs(arrays["probe.modes"]).max()
    rows, columns = (int(illuminated.any(axis=axis).sum()) for axis in (1, 0))
    assert illuminated.sum() == rows * columns  # the square, as it was


@pytest.mark.usefixtures("small")
@pytest.mark.slow
def test_states_and_magnitudes(run):
    assert run("simulate", "far-field", "d.h5", "--set", "model.object.states=2")[0] == 0
    assert run("reconstruct", "d.h5", "--set", "model.object.states=2", "--epochs", 2)[0] == 0
    assert pg.load("d_result.h5").object.shape == (2, 90, 90)
    assert run("plot", "d_result.h5")[0] == 0
    assert run("simulate", "far-field", "e.h5", "--set", "model.object.phase_only=true")[0] == 0
    np.testing.assert_allclose(np.abs(pg.read("e.h5").truth.object), 1, atol=1e-5)
    assert run("reconstruct", "e.h5", "--set", "model.object.phase_only=true", "--epochs", 2)[0] == 0
    np.testing.assert_allclose(np.abs(pg.load("e_result.h5").object), 1, atol=1e-5)


@pytest.mark.variants
@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--set", "model.object.slices=2"), "`model.object.slice_distance`"),
        (("--refine", "object.distance"), "2 or more"),
        (("--set", "model.object.phase_only=true", "--set", "model.object.magnitude_at_most=1"), "give one of them"),
        (
            ("--set", "model.spectrum.lines.1.energy=8.7 keV", "--set", "model.spectrum.bandwidth=0.1"),
            "give one of them",
        ),
        (("--set", "model.spectrum.lines.1.energy=x"), '"x" is no energy'),
        (("--refine", "propagator.weights"), "`model.spectrum.lines` or `model.spectrum.bandwidth`"),
        (("--set", "model.probe.aberrations.0=1"), "Noll's number"),
        (("--set", "model.probe.numerical_aperture=2", "--refine", "probe.aberrations"), "above 0 and below 1"),
        (
            (
                "--set",
                "model.object.states=2",
                "--set",
                "model.object.slices=2",
                "--set",
                "model.object.slice_distance=1e-3",
            ),
            "can't be combined",
        ),
        (("--set", "model.probe.variations=-1"), "model.probe.variations -1: expected 0 or more"),
    ],
)
def test_what_can_not_be_is_said(run, file, options, text):
    status, _, err = run("reconstruct", file, *options, "--epochs", 1)
    assert status != 0
    assert text in " ".join(err.split())


@pytest.mark.slow
def test_a_crystal_has_no_slices_nor_a_spectrum(run):
    pg.write("g.h5", bragg_problems.measurement())
    for options in (
        ("--set", "model.object.slices=2", "--set", "model.object.slice_distance=1e-6"),
        ("--set", "model.spectrum.bandwidth=0.01"),
        (
            "--set",
            "model.probe.varying_intensity=true",
        ),
    ):
        status, _, err = run("reconstruct", "g.h5", *options, "--epochs", 1)
        assert status != 0
        assert "can't go into BraggPtychography" in " ".join(err.split())
