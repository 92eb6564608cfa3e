"""`init`, `validate`, `run` and `plan`: from a foreign file to a result, and from the result to the same bytes."""

import json
import tomllib
from pathlib import Path

import h5py
import numpy as np
import pytest

import ptychograd as pg
from ptychograd.cli.app import main
from ptychograd.runs.plan.plan import Plan


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a scan of another program."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(3)
    with h5py.File("foreign.h5", "w") as file:
        file["run7/eiger"] = generator.poisson(20.0, (12, 16, 18)).astype(np.uint16)
        file["run7/stage"] = np.indices((3, 4)).reshape(2, -1).T * 2.1e-6
    return tmp_path


def failing(*arguments: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert ended.value.code == 2


@pytest.mark.slow
def test_from_a_foreign_file_to_a_result_and_back(here, capfd):
    main(["init", "foreign.h5"])
    assert "MISSING" in capfd.readouterr().out
    text = Path("run.toml").read_text()
    for line in ("# energy =", "# epochs =", "# modes = 1", "GUESSED"):
        assert line in text
    text = text.replace('# distance = "... mm"', 'distance = "0.31 m"').replace(
        '# energy = "... keV"', 'energy = "8 keV"'
    )
    text = text.replace('# pixel_size = "... mm"', 'pixel_size = "55 um"').replace("# epochs = ...", "epochs = 2")
    Path("run.toml").write_text(text)
    main(["validate", "run.toml"])
    assert "it can be run; 12 patterns" in capfd.readouterr().out
    main(["run", "run.toml"])
    capfd.readouterr()
    first = pg.load("foreign_result.h5")

    main(["plan", "foreign_result.h5"])
    printed = capfd.readouterr().out
    assert tomllib.loads(printed)["geometry"] == {"distance": "310 mm", "energy": "8 keV", "pixel_size": "55 µm"}
    Path("again.toml").write_text(printed)
    Path("foreign_result.h5").rename("first.h5")
    main(["run", "again.toml"])
    again = pg.load("foreign_result.h5")
    assert Plan.of_result(again).as_settings() == Plan.of_result(first).as_settings()
    for name, array in first.arrays.items():
        np.testing.assert_array_equal(again.arrays[name], array)


@pytest.mark.slow
def test_a_plan_with_an_array_goes_through_a_result(here, capfd):
    keys = {"patterns": "run7/eiger", "positions": "run7/stage"}
    lengths = {"distance": 0.31, "energy": "8 keV", "pixel_size": "55 um"}
    probe = np.exp(-np.hypot(*(np.indices((16, 18)) - 8)) / 4).astype(np.complex64)
    plan = Plan(
        data={"paths": "foreign.h5", "keys": keys},
        geometry=lengths,
        model={"start": {"probe": probe}},
        fit={"epochs": 1},
        output={"result": "made.h5"},
    )
    plan.run()
    main(["plan", "made.h5"])
    Path("again.toml").write_text(capfd.readouterr().out)
    np.testing.assert_array_equal(Plan.load("again.toml").model.start.probe, probe)
    main(["plan", "made.h5", "-o", "kept.toml"])
    Path("made.h5").unlink()
    np.testing.assert_array_equal(Plan.load("kept.toml").model.start.probe, probe)
    assert Path("kept_arrays.h5").exists()


@pytest.mark.slow
def test_a_result_that_was_resumed_says_how_it_is_made_again(here, capfd):
    """By two commands, in a line of the plan too; one that was only interrupted by its plan alone."""
    keys = {"patterns": "run7/eiger", "positions": "run7/stage"}
    lengths = {"distance": 0.31, "energy": "8 keV", "pixel_size": "55 um"}
    fit, machine = {"epochs": 2, "batch_size": 12}, {"devices": 1}
    plan = Plan(data={"paths": "foreign.h5", "keys": keys}, geometry=lengths, fit=fit, machine=machine)
    plan.save("made.toml")
    main(["run", "made.toml", "-o", "r.h5", "--stop-after", "1"])
    main(["resume", "r.h5"])
    capfd.readouterr()
    main(["plan", "r.h5"])
    assert capfd.readouterr().err == ""
    main(["resume", "r.h5", "--epochs", "3"])
    capfd.readouterr()
    main(["plan", "r.h5", "-o", "run.toml"])
    said = " ".join(capfd.readouterr().err.split())
    commands = ("ptychograd run run.toml -o r.h5", "ptychograd resume r.h5 --epochs 3")
    assert f"it is made again by `{commands[0]}`, then `{commands[1]}`." in said
    assert "# r.h5 was resumed to 3 epochs" in Path("run.toml").read_text()
    first = pg.load("r.h5")
    Path("r.h5").unlink()
    for command in commands:
        main(command.split()[1:])
    again = pg.load("r.h5")
    assert again.history.loss == first.history.loss
    for name, array in first.arrays.items():
        np.testing.assert_array_equal(again.arrays[name], array)


def test_a_file_that_is_no_plan_is_not_replaced(here, capfd):
    Path("run.toml").write_text("[tool]\nmine = 1\n")
    failing("init", "foreign.h5")
    assert "it would be lost" in capfd.readouterr().err
    assert Path("run.toml").read_text() == "[tool]\nmine = 1\n"
    failing("init", "foreign.h5", "-o", "run.txt")
    failing("init", "none.h5", "-o", "new.toml")
    assert not Path("new.toml").exists()


def test_validate_says_file_line_and_cure(here, capfd):
    Path("run.toml").write_text('[data]\npaths = "foreign.h5"\n\n[fit]\nrefine_after = 3\n')
    failing("validate", "run.toml")
    assert "run.toml, line 5: " in capfd.readouterr().err
    Path("run.toml").write_text('[data]\npaths = "foreign.h5"\n\n[output]\nresult = "x.txt"\n')
    failing("validate", "run.toml")
    assert "run.toml, line 5: x.txt is to be an HDF5 file" in " ".join(capfd.readouterr().err.split())
    Path("run.toml").write_text('[data]\npaths = "absent.h5"\n')
    main(["validate", "run.toml"])
    told = capfd.readouterr()
    assert "its fields are right" in told.out
    assert "run.toml, line 2: absent.h5: not there" in told.err


def test_run_takes_the_options_of_reconstruct(here, capfd):
    Path("run.toml").write_text('[data]\npaths = "foreign.h5"\n')
    failing("run", "run.toml", "--epochs", "many")
    told = " ".join(capfd.readouterr().err.split())
    assert '--epochs: "many" is no whole number' in told


def test_the_schema_is_json(capfd):
    main(["plan", "--schema"])
    schema = json.loads(capfd.readouterr().out)
    assert set(schema["properties"]) == set(Plan.model_fields)
    failing("plan")
