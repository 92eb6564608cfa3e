"""Near fields on the command line: simulate, reconstruct, scan a distance, and what is refused."""

import json
import re

import numpy as np
import pytest

import near_problems
import problems
import ptychograd as pg
from ptychograd.runs.plan_sweep import file_name_of

TRUE = near_problems.GEOMETRY.focus_distance


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The same patterns in a cone beam; in a parallel one, of the same pixels; as NPZ; and a far field."""
    folder = tmp_path_factory.mktemp("near")
    cone = near_problems.measurement(truth=None)
    sampling, distance = near_problems.SAMPLING, near_problems.DISTANCE
    parallel = pg.NearFieldGeometry(1e-10, distance, sampling)
    pg.write(folder / "cone.h5", cone)
    pg.write(folder / "parallel.h5", near_problems.measurement(truth=None, geometry=parallel))
    np.savez(folder / "cone.npz", patterns=cone.patterns, positions=cone.positions, support=cone.support)
    far = problems.measurement(truth=None)
    geometry = pg.Geometry(1e-10, 2.0, (5e-5, 6e-5))
    metres = far.positions * geometry.sampling(far.frame_shape)
    pg.write(folder / "far.h5", pg.make_dataset(far.patterns, metres, geometry=geometry, probe=far.probe))
    return folder


KEYS = ("wavelength=1e-10", "distance=0.072", "pixel_size=1.2e-6,1.3e-6", "support=support")


def keys():
    return [part for key in KEYS for part in ("--key", key)]


def numbers(folder):
    return json.loads((folder / "sweep.json").read_text(encoding="utf-8"))


# Reconstruct ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_near_field_in_its_own_file_needs_no_word(run, files, tmp_path):
    """And the other ways to say the same make the same result."""
    ways = {
        "own": ("cone.h5",),
        "named": ("cone.h5", "--model", "near-field"),
        "other": ("cone.npz", *keys(), "--model", "near-field", "--focus-distance", TRUE),
        "key": ("cone.npz", *keys(), "--key", f"focus_distance={TRUE}"),
    }
    found = {}
    for name, (file, *text) in ways.items():
        options = ("--epochs", 3, "--start", "flat", "-o", f"{name}.h5")
        status, _, err = run("reconstruct", files / file, *text, *options)
        assert status == 0, err
        found[name] = pg.load(f"{name}.h5")
    assert "propagator.distance" in found["own"].arrays
    assert found["own"].sampling == pytest.approx(near_problems.SAMPLING)
    for result in found.values():
        np.testing.assert_allclose(result.object, found["own"].object, atol=1e-3)


@pytest.mark.slow
def test_a_person_may_know_better_than_the_file(run, files):
    """Another distance, or a far field."""
    options = ("--epochs", 1, "-o", "r.h5")
    assert run("reconstruct", files / "cone.h5", "--distance", 0.06, *options)[0] == 0
    assert float(pg.load("r.h5").arrays["propagator.distance"]) == pytest.approx(1 / (1 / 0.024 + 1 / 0.06))
    assert run("reconstruct", files / "cone.h5", "--focus-distance", "inf", "--distance", 0.01, *options)[0] == 0
    assert pg.load("r.h5").sampling == pytest.approx(near_problems.GEOMETRY.pixel_size)
    assert run("reconstruct", files / "parallel.h5", "--model", "far-field", *options)[0] == 2, "too large an object"


def test_inspect_shows_the_near_field(run, files):
    text = " ".join(run("inspect", files / "cone.h5")[1].split())
    assert "300 nm x 325 nm (y, x), of the near field 24 mm behind a focus: magnified 4 times" in text
    assert "as a parallel beam over 18 mm" in text


MISTAKES = {
    "focus of a far field": (
        ("cone.h5", "--model", "far-field", "--focus-distance", "1"),
        "--model is far-field, which has none",
    ),
    "focus twice": (
        ("cone.h5", "--focus-distance", "1", "--key", "focus_distance=1"),
        "--focus-distance and --key focus_distance are both given",
    ),
    "distance twice": (("cone.h5", "--distance", "1", "--key", "distance=1"), "--distance and --key distance"),
    "defocus of nothing": (("cone.h5", "--defocus", "0.01"), "--defocus is for a start probe from an opening"),
    "focus in the sample": (("cone.h5", "--focus-distance", "0"), "--focus-distance 0: expected a number above zero"),
    "focus before the detector": (
        ("cone.h5", "--focus-distance", "-0.01"),
        "--focus-distance -0.01: expected a number above zero",
    ),
    "distance that aliases": (("parallel.h5", "--distance", "0.5"), "aliases on 36 pixels"),
    "distance of nothing": (("cone.h5", "--distance", "0"), "--distance 0: expected a number above zero"),
    "model that is none": (("cone.h5", "--model", "bragg"), "holds no rocking curves"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_ends_in_one_sentence_and_status_2(run, files, mistake, tmp_path):
    (file, *arguments), expected = MISTAKES[mistake]
    status, _, err = run("reconstruct", files / file, "--epochs", 1, "-o", "r.h5", *arguments)
    *notes, sentence = err.strip().splitlines()
    assert status == 2
    assert expected in sentence
    assert all(note.startswith(("cone.h5:", "parallel.h5:", "start probe")) for note in notes)
    assert not list(tmp_path.glob("*.h5"))


@pytest.mark.variants
@pytest.mark.parametrize(
    ("solver", "count", "expected"),
    [
        ("nesterov", 25, 5),
        ("nesterov", 200, 16),
        ("nesterov", 484, 16),
        ("nesterov", 3, 1),
        ("nesterov", 26, 6),
        ("rpie", 25, 5),
        ("rpie", 484, 32),
        ("epie", 25, 1),
        ("adam", 484, 100),
        ("adam", 25, 25),
    ],
)
def test_few_patterns_are_dealt_into_five_batches_or_more(solver, count, expected):
    """Where steps learn from one another; what a person says is done."""
    patterns = np.random.default_rng(0).integers(0, 500, (count, 4, 6))  # each another one: more than noise
    data = pg.make_dataset(patterns, np.arange(2 * count).reshape(count, 2) % 7 * 1.0)
    asked = {"kind": solver, "steps": {"object": 1, "probe": 1} if solver == "adam" else {}}
    assert pg.Plan(fit={"solver": asked}).make_run(data).batch_size == expected
    assert pg.Plan(fit={"batch_size": min(count, 17)}).make_run(data).batch_size == min(count, 17)


# Distances ------------------------------------------------------------------------------------------------


def scan(run, file, *arguments):
    """With epochs enough to tell distances apart."""
    options = ("--epochs", 60, "--start", "flat", "--batch-size", 7, "-o", "scan")
    return run("scan-distance", file, *arguments, *options)


@pytest.mark.slow
def test_a_scan_finds_the_distance_of_a_parallel_beam(run, files, tmp_path):
    """A table, a curve, the best result, and between the places the lowest point, to two per cent."""
    status, out, err = scan(run, files / "parallel.h5", "--from", 0.0165, "--to", 0.0199, "--steps", 5)
    assert status == 0, err
    rows = numbers(tmp_path / "scan")
    assert [row["geometry.distance"] for row in rows] == pytest.approx([0.0165, 0.01735, 0.0182, 0.01905, 0.0199])
    assert min(rows, key=lambda row: row["r_factor"])["geometry.distance"] == pytest.approx(0.0182)
    found = re.fullmatch(r"distance of the lowest r_factor: (\S+) mm, by a parabola", out.splitlines()[-1])
    assert float(found[1]) == pytest.approx(18, rel=0.02)
    assert "scanning: the distance from sample to detector" in err
    made = {path.name for path in (tmp_path / "scan").iterdir()}
    assert made == {"sweep.csv", "sweep.json", "sweep.txt", "sweep.png", "best.h5", "runs"}
    assert float(pg.load(tmp_path / "scan" / "best.h5").arrays["propagator.distance"]) == pytest.approx(0.0182)


@pytest.mark.slow
def test_a_scan_of_a_cone_beam_is_over_the_focus_distance(run, files, tmp_path):
    """Which changes the pixels, the positions in pixels and the effective distance, all at once; here at an edge."""
    whole = near_problems.measurement(truth=None, support=None)
    pg.write(tmp_path / "free.h5", whole)
    status, out, err = run("scan-distance", "free.h5", "--from", 0.024, "--to", 0.03, "--steps", 3, "--epochs", 12)
    assert status == 0, err
    rows = numbers(tmp_path / "free_distance")
    assert [row["geometry.focus_distance"] for row in rows] == pytest.approx([0.024, 0.027, 0.03])
    assert rows[0]["r_factor"] < min(row["r_factor"] for row in rows[1:])
    assert "focus-distance of the lowest r_factor: not within this range" in out.splitlines()[-1]
    for focus_distance in (0.024, 0.027, 0.03):
        name = file_name_of({"geometry.focus_distance": focus_distance})
        result = pg.load(tmp_path / "free_distance" / "runs" / f"{name}.h5")
        magnification = 1 + 0.072 / focus_distance
        assert result.sampling == pytest.approx((1.2e-6 / magnification, 1.3e-6 / magnification))
        assert float(result.arrays["propagator.distance"]) == pytest.approx(0.072 / magnification)


@pytest.mark.slow
def test_which_distance_is_scanned_may_be_said(run, files, tmp_path):
    """Here that from sample to detector, of a cone beam."""
    arguments = ("--from", 0.071, "--to", 0.073, "--steps", 3, "--of", "distance", "--epochs", 1, "-o", "s")
    status, _, err = run("scan-distance", files / "cone.h5", *arguments)
    assert status == 0, err
    assert [row["geometry.distance"] for row in numbers(tmp_path / "s")] == pytest.approx([0.071, 0.072, 0.073])


SCAN_MISTAKES = {
    "range upside down": (("--from", 2, "--to", 1), "expected 0 < from < to"),
    "range from nothing": (("--from", 0, "--to", 1), "expected 0 < from < to"),
    "range without end": (("--from", 1, "--to", "inf"), "expected 0 < from < to"),
    "two steps": (("--from", 1, "--to", 2, "--steps", 2), "3 steps or more"),
    "no range": (("--from", 1), "--to"),
    "another length": (("--from", 1, "--to", 2, "--of", "wavelength"), "wavelength"),
}


@pytest.mark.parametrize("mistake", SCAN_MISTAKES)
def test_a_mistake_in_a_scan_ends_in_one_sentence_and_status_2(run, files, mistake):
    arguments, expected = SCAN_MISTAKES[mistake]
    status, out, err = run("scan-distance", files / "parallel.h5", *arguments, "--epochs", 1)
    assert status == 2
    assert expected in err.strip().splitlines()[-1]
    assert not out.strip()


# Simulate -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_simulated_near_field_goes_into_a_file(run, tmp_path):
    """Half of all lengths, with the flux and distance that were asked for."""
    options = ("--reduced", "--flux", 500, "--distance", 0.06, "--seed", 3)
    status, out, err = run("simulate", "near-field", "n.h5", *options)
    assert status == 0, err
    assert "25 patterns of 256 x 256 pixels" in out
    data = pg.read("n.h5")
    assert isinstance(data.geometry, pg.NearFieldGeometry)
    assert data.geometry.distance == 0.06
    assert np.sum(np.abs(data.truth.probe) ** 2) == pytest.approx(500 * 256**2)
    assert "seed 3" in data.source
    assert run("simulate", "near-field", "o.h5", "--flux", "0")[0] == 2


@pytest.mark.slow
@pytest.mark.data
def test_measured_near_field_of_petra_is_reconstructed_by_the_command(run, shared_data):
    """200 patterns behind a focus: the misfit of 15 epochs, and object and probe on 179 nm."""
    file = shared_data / "petra_p25" / "PETRAIII_P25_Near_Field_Ptycho.cxi"
    options = ("--model", "near-field", "--focus-distance", 3.65e-3, "--epochs", 15, "-o", "r.h5", "--json")
    status, out, err = run("reconstruct", file, *options)
    assert status == 0, err
    figures = json.loads(out.splitlines()[-1])
    assert figures["r_factor"] <= 0.068
    assert pg.load("r.h5").sampling == pytest.approx((178.659e-9, 178.659e-9), rel=1e-5)


@pytest.mark.slow
@pytest.mark.data
def test_the_distance_of_petra_is_found_by_a_scan(run, shared_data):
    """The experimenters say 3.65 mm."""
    file = shared_data / "petra_p25" / "PETRAIII_P25_Near_Field_Ptycho.cxi"
    status, out, err = run("scan-distance", file, "--from", 3.5e-3, "--to", 3.8e-3, "--steps", 5, "-o", "s")
    assert status == 0, err
    found = re.fullmatch(r"focus-distance of the lowest r_factor: (\S+) mm, by a parabola", out.splitlines()[-1])
    assert float(found[1]) == pytest.approx(3.65, abs=0.05)
