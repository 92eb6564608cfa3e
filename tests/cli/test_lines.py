"""What is wrong with a run of a plan in a file is said with the file's line, wherever in the package it shows."""

from pathlib import Path

import h5py
import numpy as np
import pytest

import ptychograd as pg
from ptychograd.cli.app import main

BEGIN = '[data]\npaths = "scan.h5"\n'


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A folder with a scan of twelve patterns."""
    monkeypatch.chdir(tmp_path)
    patterns = np.random.default_rng(3).poisson(20.0, (12, 16, 18)).astype(np.uint16)
    pg.write("scan.h5", pg.make_dataset(patterns, np.indices((3, 4)).reshape(2, -1).T * 2.0))


def told(capfd, *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert ended.value.code == 2
    return " ".join(capfd.readouterr().err.split())


@pytest.mark.parametrize(
    ("text", "line", "cure"),
    [
        ("[fit]\nbatch_size = 50\n", 4, "A batch of 50 patterns (`fit.batch_size`) can't be taken from 12; give 1 to"),
        ("[model.probe]\nvariations = 70\n", 4, "`model.probe.variations`: 70 variations of the probe; expected fewer"),
        ("[fit.constraints]\nobjekt = 'real'\n", 4, 'Unknown parameter "objekt"; this model\'s parameters are:'),
        ("[validation]\nhold_out = 0.01\n", 4, "`validation.hold_out`: A share of 0.01 of 12 patterns can't be held"),
        ("[output]\nresult = 'r.txt'\n", 4, "r.txt is to be an HDF5 file; expected a name that ends in .h5"),
        ("[data.mask]\nbeam_stop = 90\n", 4, "leaves none of the (16, 18) pixels; give a smaller radius."),
        ("[data.keys]\nframes = 'a'\n", 4, 'there is no item "frames"; the items of a file are patterns,'),
        (
            "[geometry]\nfocus_distance = inf\n[model]\nkind = 'far-field'\n",
            4,
            "`geometry.focus_distance` is given, and `model.kind` is far-field, which has none; leave the one out, or",
        ),
    ],
)
def test_what_shows_in_a_run_has_file_line_and_cure(capfd, text, line, cure):
    Path("run.toml").write_text(BEGIN + text)
    said = told(capfd, "run", "run.toml")
    assert f"ptychograd: run.toml, line {line}: " in said
    assert cure in said


def test_a_focus_distance_makes_a_near_field_and_that_is_said(caplog):
    lengths = {"distance": "1 m", "energy": "8 keV", "pixel_size": "5 um", "focus_distance": float("inf")}
    with caplog.at_level("INFO", "ptychograd"):
        data = pg.Plan(data={"paths": "scan.h5"}, geometry=lengths).read()
    assert isinstance(data.geometry, pg.NearFieldGeometry)
    assert "read as shadows, a near field, because `geometry.focus_distance` is given" in caplog.text


def test_inspect_lists_what_no_format_knows_with_the_keys_to_give(capfd, monkeypatch):
    with h5py.File("odd.h5", "w") as file:
        file["m/one"] = file["m/two"] = np.ones((12, 5, 6), np.uint16)
        file["m/stage"] = np.ones((12, 2))
        file["m/stage"].attrs["units"] = "um"
        file["m/photon_energy"] = 8200.0
    with pytest.raises(SystemExit) as ended:
        main(["inspect", "odd.h5"])
    assert ended.value.code == 2
    said = capfd.readouterr()
    assert "patterns could be any of" in said.err
    rows = {line.split("  ")[0].strip(): " ".join(line.split()) for line in said.out.splitlines()}
    assert rows["m/stage"] == "m/stage (12, 2) float64 um"
    assert rows["m/photon_energy"] == "m/photon_energy () float64 8200"
    assert (
        "--key patterns=m/one --key positions=m/stage --key energy=m/photon_energy:eV --key distance=1:m "
        "--key pixel_size=55:um" in " ".join(said.out.split())
    )


def test_what_options_gave_has_no_line(capfd):
    Path("run.toml").write_text(f"{BEGIN}[fit]\nbatch_size = 4\n")
    said = told(capfd, "run", "run.toml", "--set", "fit.batch_size=50")
    assert "give 1 to 12" in said
    assert "run.toml" not in said
