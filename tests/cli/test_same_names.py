"""Scans of one name in different folders: neither takes the place of what the other made."""

import json
import os
import shutil
import tempfile

import pytest

import problems
import ptychograd as pg

NEAR = ("--from", "0.01", "--to", "0.02", "--steps", 3)
DEFAULTS = {  # commands that make up a name, and a file that they leave by it
    "reconstruct": ((), "data_result.h5"),
    "frc": ((), "data_frc_half_1.h5"),
    "sweep": (("--grid", "seed=3"), "data_sweep/runs/seed-3.h5"),
}


@pytest.fixture
def scans(tmp_path):
    """Two scans of one name, in the folders one and two."""
    for number, folder in enumerate(("one", "two")):
        (tmp_path / folder).mkdir()
        pg.write(tmp_path / folder / "data.h5", problems.measurement(seed=number))


@pytest.mark.slow
@pytest.mark.parametrize("command", DEFAULTS)
def test_the_second_is_refused_before_its_run(run, scans, tmp_path, command):
    """And the first again is not, where its file has moved."""
    options, left = DEFAULTS[command]
    text = (*options, "--epochs", 1)
    status, _, err = run(command, "one/data.h5", *text)
    assert status == 0, err
    before = (tmp_path / left).read_bytes()
    status, _, err = run(command, "two/data.h5", *text)
    assert status == 2
    told = " ".join(err.split())
    assert f"is there and is of {tmp_path}/one/data.h5: it would be lost. Give another name with --output." in told
    assert "will be replaced" not in told
    assert not any(text_part in told for text_part in ("compiling", "begun"))
    assert (tmp_path / left).read_bytes() == before
    if command == "frc":
        return  # which takes longest, and goes the same way
    named = {"reconstruct": "other.h5", "sweep": "other"}[command]
    assert run(command, "two/data.h5", *text, "-o", named)[0] == 0
    (tmp_path / "one").rename(tmp_path / "moved")
    assert run(command, "moved/data.h5", *text)[0] == 0


@pytest.mark.slow
def test_the_name_that_a_person_gave_is_theirs(run, scans):
    for folder in ("one", "two"):
        assert run("reconstruct", f"{folder}/data.h5", "-o", "r.h5", "--epochs", 1)[0] == 0


@pytest.mark.slow
def test_a_file_that_was_measured_anew_is_still_the_same(run, scans, tmp_path):
    assert run("reconstruct", "one/data.h5", "--epochs", 1)[0] == 0
    shutil.copy(tmp_path / "two" / "data.h5", tmp_path / "one" / "data.h5")
    status, _, err = run("reconstruct", "one/data.h5", "--epochs", 1)
    assert status == 0
    assert "data_result.h5 will be replaced" in err


@pytest.mark.parametrize("settings", [{}, {"plan": {"fit": {"epochs": 3}}}, {"plan": None}])
def test_a_result_that_does_not_say_of_what_it_is_stays(run, scans, settings):
    """As one that was saved from Python."""
    pg.Result({}, {}, pg.fitting.History.empty(), settings).save("data_result.h5")
    status, _, err = run("reconstruct", "one/data.h5", "--epochs", 1)
    assert status == 2
    assert "is of data that it does not name" in " ".join(err.split())


@pytest.mark.slow
def test_two_that_begin_at_the_same_moment(run, scans, tmp_path, monkeypatch):
    """Neither saw a result of the other; whoever ends later keeps its own elsewhere and says so."""
    from ptychograd.runs.run import perform

    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    assert run("reconstruct", "one/data.h5", "--epochs", 1, "-o", "first.h5")[0] == 0

    def meanwhile(*arguments):
        result = perform(*arguments)
        os.replace("first.h5", "data_result.h5")
        return result

    monkeypatch.setattr("ptychograd.runs.planned.perform", meanwhile)
    status, out, err = run("reconstruct", "two/data.h5", "--epochs", 1, "--json")
    assert status == 2
    (retained,) = (tmp_path / "temporary").rglob("data_result.h5")
    assert f"It is kept as {retained}." in err
    assert json.loads(out.splitlines()[-1])["epochs"] == 1
    for path, folder in ((tmp_path / "data_result.h5", "one"), (retained, "two")):
        assert pg.load(path).settings["plan"]["data"]["paths"] == [f"{folder}/data.h5"]


@pytest.mark.slow
def test_a_checkpoint_does_not_take_the_place_of_another_scans_result(run, scans, tmp_path, monkeypatch):
    from ptychograd.runs.run import perform

    assert run("reconstruct", "one/data.h5", "--epochs", 1)[0] == 0
    shutil.move("data_result.h5", "first.h5")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def meanwhile(planned, on_epoch, *rest):
        shutil.copy("first.h5", "data_result.h5")
        return perform(planned, on_epoch, *rest)

    monkeypatch.setattr("ptychograd.runs.planned.perform", meanwhile)
    status, _, err = run("reconstruct", "two/data.h5", "--epochs", 20, "--checkpoint-every", 1)
    assert status == 2
    assert err.count("no checkpoint: ") == 1
    assert (tmp_path / "data_result.h5").read_bytes() == (tmp_path / "first.h5").read_bytes()


def test_distances_are_scanned_into_a_folder_of_ones_own(run, scans, tmp_path, monkeypatch):
    """The folder of `scan-distance` is judged as that of `sweep`."""
    monkeypatch.setattr(pg.Plan, "read", lambda plan, *_: pg.read(plan.data.paths[0]))
    (tmp_path / "data_distance" / "runs").mkdir(parents=True)
    settings = {"data_file": "one/data.h5", "folder": str(tmp_path)}
    pg.Result({}, {}, pg.fitting.History.empty(), settings).save(tmp_path / "data_distance" / "runs" / "a.h5")
    status, _, err = run("scan-distance", "two/data.h5", *NEAR, "--of", "distance")
    assert status == 2
    assert "one/data.h5: it would be lost" in " ".join(err.split())
