"""The commands diagnose, frc and residuals, as a person runs them."""

import json

import numpy as np
import pytest

import bragg_problems
import problems
import ptychograd as pg
from ptychograd.core.table import as_json
from speckles import diffuser_scan
from spirals import irregular_scan

PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """A far field whose y axis points the other way."""
    path = tmp_path_factory.mktemp("scan") / "scan.h5"
    pg.write(path, pg.data.apply_orientation(irregular_scan(), 2))
    return path


@pytest.mark.slow
def test_diagnose_finds_the_orientation_and_reconstruct_takes_it(run, scan, tmp_path):
    status, out, err = run("diagnose", scan, "-o", "page.png", "--json")
    assert status == 0, err
    figures = json.loads(out.splitlines()[-1])
    assert figures["best_orientations"] == [2]
    assert figures["orientations"][0]["code"] == 2
    assert "reconstruct ... --orientation 2" in out
    assert (tmp_path / "page.png").read_bytes().startswith(PNG)
    held = []
    for options in ((), ("--orientation", 2)):
        options = ("--epochs", 12, "--hold-out", 0.1, *options)
        status, out, err = run("reconstruct", scan, "-o", "r.h5", "--json", *options)
        assert status == 0, err
        held.append(json.loads(out.splitlines()[-1])["held_out_r_factor"])
    assert held[1] < 0.7 * held[0]
    assert "positions turned: y negated (orientation 2)" in " ".join(err.split())
    status, out, _ = run("resume", "r.h5", "--epochs", 13)
    assert status == 0
    assert "after 13 epochs" in " ".join(out.split())
    status, out, _ = run("diagnose", scan, "--orientation", 2)
    assert "Keep --orientation 2." in out


@pytest.mark.slow
def test_of_a_diffuser_diagnose_says_how_wide_a_beam_to_begin_with(run):
    """What it says is followed, and the run gets to the noise; without it, it doesn't."""
    patterns, places = diffuser_scan(48, 44, 4.0, 4.0, count=100)
    pixel = np.array([20e-9, 30e-9])
    geometry = pg.Geometry(1e-10, 1.0, (1e-10 / (48 * pixel[0]), 1e-10 / (44 * pixel[1])))
    data = pg.make_dataset(patterns.astype(np.uint16), places * pixel, geometry=geometry)
    pg.write("diffuser.h5", pg.data.apply_orientation(data, 1))
    status, out, err = run("diagnose", "diffuser.h5")
    assert status == 0, err
    advice = " ".join(out.split()).rpartition("reconstruct ... ")[2]
    assert "--orientation 1" in advice
    assert "--focal-spot 2." in advice  # 231 nm
    options = advice[advice.index("--focal-spot") :].split()
    held = []
    for more in (options, []):
        given = ("--orientation", 1, "--hold-out", 0.1, "-o", "r.h5", "--json", *more)
        held.append(json.loads(run("reconstruct", "diffuser.h5", *given)[1].splitlines()[-1])["held_out_r_factor"])
    assert held[0] < 0.12
    assert held[1] > 2 * held[0]


@pytest.mark.slow
def test_diagnose_without_a_trial_and_of_what_can_not_be_reconstructed(run, tmp_path):
    data = problems.measurement()
    np.savez("fine.npz", patterns=data.patterns, positions=data.positions)
    np.savez("far.npz", patterns=data.patterns, positions=data.positions * 1e5)
    np.savez("few.npz", patterns=data.patterns[:5], positions=data.positions[:5])
    status, out, err = run("diagnose", "fine.npz", "--no-trial", "--json")
    assert status == 0
    figures = json.loads(out.splitlines()[-1])
    assert figures["orientations"] == []
    assert "photon scale" in {finding["name"] for finding in figures["findings"]}
    assert "orientations" not in err
    status, out, err = run("diagnose", "far.npz", "-o", "far.png")
    assert status == 0
    assert "give the positions in object pixels" in " ".join(out.split())
    assert "No orientation was tried: The positions span" in " ".join(err.split())
    status, _, err = run("diagnose", "few.npz")
    assert status == 0
    assert "5 patterns with photons are too few" in err


def strict(text):
    """JSON as the standard has it, without NaN and Infinity."""
    return json.loads(text, parse_constant=lambda text_part: pytest.fail(f"{text_part} in JSON"))


@pytest.mark.parametrize("case", ["one position", "no photons", "large numbers"])
def test_json_never_holds_what_is_no_number(run, case):
    data = problems.measurement()
    patterns, positions = data.patterns.astype(float), data.positions
    if case == "one position":
        patterns, positions = patterns[:1], positions[:1]
    elif case == "no photons":
        patterns = 0 * patterns
    else:
        patterns = patterns * 1e303
    np.savez("scan.npz", patterns=patterns, positions=positions)
    status, out, err = run("diagnose", "scan.npz", "--json", *(("--no-trial",) if case == "large numbers" else ()))
    assert status == 0, err
    assert strict(out.splitlines()[-1])["orientations"] == []


def test_every_figure_that_is_no_number_becomes_null():
    figures = {"a": np.nan, "b": [1, np.float32("inf"), {"c": -np.inf}], "d": np.int64(3), "e": (True, None, "χ²")}
    assert strict(as_json(figures)) == {"a": None, "b": [1, None, {"c": None}], "d": 3, "e": [True, None, "χ²"]}
    assert as_json(figures).isascii()


@pytest.mark.slow
def test_the_mask_that_is_found_is_written_and_taken(run, tmp_path):
    data = problems.measurement(photons=1e6, dtype=np.uint32)
    patterns = data.patterns.copy()
    patterns[:, 8, 8], patterns[:, 2, 14] = 0, 60_000
    own = np.ones(problems.FRAME, bool)
    own[0] = False
    pg.write("scan.h5", pg.make_dataset(patterns, data.positions, mask=own, probe=data.probe))
    status, out, err = run("diagnose", "scan.h5", "--no-trial", "--write-mask", "good.npy")
    assert status == 0, err
    assert "--mask FILE.npy takes it" in " ".join(out.split())
    assert "good.npy: of 360 pixels 20 are masked, 2 more than before." in out
    good = np.load("good.npy")
    own[8, 8] = own[2, 14] = False
    np.testing.assert_array_equal(good, own)
    status, out, _ = run("diagnose", "scan.h5", "--no-trial", "--mask", "good.npy", "--write-mask", "good.npy")
    assert "none that is not masked" in " ".join(out.split())
    assert "0 more than before" in out
    assert run("reconstruct", "scan.h5", "--mask", "good.npy", "--epochs", 1)[0] == 0
    moved = ("--set", "data.prepare.crop=16", "--set", "data.prepare.flip=y")
    status, out, err = run("diagnose", "scan.h5", "--no-trial", *moved, "--write-mask", "good.npy")
    assert status == 0, err
    assert "of the file's own pixels" in err
    np.testing.assert_array_equal(np.load("good.npy"), own)
    np.save("numbers.npy", np.ones(problems.FRAME))
    (tmp_path / "text.npy").write_text("no array")
    for name in ("numbers.npy", "text.npy", "scan.h5", "none/good.npy"):
        before = (tmp_path / name).read_bytes() if (tmp_path / name).exists() else None
        status, _, err = run("diagnose", "scan.h5", "--no-trial", "--write-mask", name)
        assert status == 2, name
        assert before is None or (tmp_path / name).read_bytes() == before


def test_what_has_to_be_mended_first_comes_before_a_trial(run):
    data = problems.measurement()
    np.savez("corner.npz", patterns=np.fft.ifftshift(data.patterns, axes=(1, 2)), positions=data.positions)
    status, out, err = run("diagnose", "corner.npz")
    assert status == 0
    assert "crop the patterns less" not in " ".join(out.split())
    assert "No orientation was tried: mend what is said to be bad about centre before." in " ".join(err.split())


@pytest.mark.slow
def test_diagnose_of_a_crystal(run):
    pg.write("crystal.h5", bragg_problems.measurement())
    status, out, err = run("diagnose", "crystal.h5", "-o", "crystal.png", "--json")
    assert status == 0, err
    assert json.loads(out.splitlines()[-1])["orientations"] == []
    assert "which the diffraction fixes" in " ".join(err.split())


@pytest.mark.slow
def test_frc_of_two_halves_and_of_their_results(run, tmp_path):
    pg.write("dense.h5", irregular_scan(step=2.0))
    scan, options = "dense.h5", ("--epochs", 40, "--devices", 1)
    status, out, err = run("frc", scan, "-o", "curve.png", "--json", *options)
    assert status == 0, err
    figures = json.loads(out.splitlines()[-1])
    assert figures["unit"] == "pixel"
    assert 1 <= figures["resolution_half_bit"] <= figures["resolution_one_bit"] < 16
    assert "pixels half period" in out
    assert (tmp_path / "curve.png").read_bytes().startswith(PNG)
    halves = [pg.load(f"curve_half_{number}.h5") for number in (1, 2)]
    assert halves[0].object.tobytes() != halves[1].object.tobytes()
    status, out, err = run("frc", "curve_half_1.h5", "curve_half_2.h5", "-o", "again.png", "--json")
    assert json.loads(out.splitlines()[-1]) == figures
    assert "Beware" not in err
    status, out, err = run("frc", "curve_half_1.h5", "curve_half_1.h5", "--json")
    assert json.loads(out.splitlines()[-1])["reaches_limit"]
    assert "agree in their noise too" in " ".join(err.split())


def test_frc_of_slices_is_refused_before_the_first_run(run, tmp_path):
    data = problems.measurement()
    geometry = pg.Geometry(1e-10, 1.0, (55e-6, 60e-6))
    positions = data.positions * geometry.sampling(data.frame_shape)
    pg.write("thick.h5", pg.make_dataset(data.patterns, positions, geometry=geometry, probe=data.probe))
    status, _, err = run(
        "frc", "thick.h5", "--set", "model.object.slices=2", "--set", "model.object.slice_distance=1e-5", "--epochs", 2
    )
    assert status == 2
    assert "slices and states have no one image" in " ".join(err.split())
    assert "first half" not in err
    assert {path.name for path in tmp_path.iterdir()} == {"thick.h5"}


@pytest.mark.slow
def test_frc_searches_and_judges_positions_in_each_half(run):
    """As `reconstruct` does, by patterns of that half alone; and told what came of it."""
    pg.write("dense.h5", problems.measurement())
    options = ("--refine", "scan.offset", "--set", "model.positions.reach=3", "--epochs", 6, "--devices", 1)
    status, _, err = run("frc", "dense.h5", "-o", "curve.png", *options)
    assert status == 0, err
    halves = [pg.load(f"curve_half_{number}.h5") for number in (1, 2)]
    for half in halves:
        changes = [change["change"] for change in half.settings["changes"]]
        assert changes[0].startswith("positions searched within")
        assert changes[-1].startswith(("refined positions kept", "positions put back"))
        assert changes[-1] in " ".join(err.split())
    one, other = pg.data.halves(pg.read("dense.h5"))
    for half, data in zip(halves, (one, other), strict=True):
        searched = int(half.settings["changes"][0]["change"].split(" of ")[1].split()[0])
        illuminated = np.count_nonzero(data.photons)
        assert searched == illuminated - max(1, round(0.05 * illuminated), round(min(0.15 * illuminated, 3)))


@pytest.mark.slow
def test_residuals_of_a_result(run, tmp_path):
    data = problems.measurement()
    patterns = data.patterns.copy()
    patterns[30] = np.roll(patterns[30], 4, axis=1)
    pg.write("scan.h5", pg.make_dataset(patterns, data.positions, probe=data.probe))
    assert run("reconstruct", "scan.h5", "-o", "r.h5", "--epochs", 15, "--hold-out", 0.1)[0] == 0
    status, out, err = run("residuals", "r.h5", "--json", "--devices", 1)
    assert status == 0, err
    figures = json.loads(out.splitlines()[-1])
    assert figures["worst"][0] == 30
    assert len(figures["r_of_pattern"]) == data.count
    assert (tmp_path / "r_residuals.png").read_bytes().startswith(PNG)
    other = problems.measurement(seed=3)
    pg.write("other.h5", other)
    status, _, err = run("residuals", "r.h5", "other.h5")
    assert status == 2
    assert "holds other data than r.h5 was made from" in " ".join(err.split())


MISTAKES = {
    "no such orientation": (("reconstruct", "SCAN", "--orientation", 8), "--orientation 8: expected 0 to 7"),
    "no such file": (("diagnose", "none.h5"), "none.h5"),
    "a page that is no picture": (("diagnose", "SCAN", "-o", "page.txt"), "no ending of a picture"),
    "the data as the page": (("diagnose", "SCAN", "-o", "SCAN"), "would be replaced"),
    "hold out in frc": (("frc", "SCAN", "--hold-out", 0.1), "leave it out"),
    "states in frc": (("frc", "SCAN", "--set", "model.object.states=2"), "slices and states have no one image"),
    "no epoch": (("frc", "SCAN", "--epochs", 0), "starts have no resolution"),
    "frc into no picture": (("frc", "SCAN", "-o", "frc.txt", "--epochs", 10**9), "no ending of a picture"),
    "data in place of a result": (("residuals", "SCAN"), "is no result of ptychograd"),
    "a result in place of a picture": (("frc", "SCAN", "-o", "frc.h5"), "expected a name such as frc.png"),
    "data and a result": (("frc", "SCAN", "SCAN"), "is no result of ptychograd"),
}


@pytest.mark.variants
@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_end_in_one_sentence(run, scan, mistake):
    arguments, text = MISTAKES[mistake]
    status, _, err = run(*(scan if argument == "SCAN" else argument for argument in arguments))
    assert status == 2
    assert text in " ".join(err.split())
