"""The command that goes on with a run, and the checkpoints that it goes on from."""

import errno
import json
import os
import re
import shutil
import subprocess
import sys
import threading

import h5py
import numpy as np
import pytest

import problems
import ptychograd as pg
from ptychograd.runs.checkpoints import Every
from ptychograd.runs.plan.typed import value_of


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    path = tmp_path_factory.mktemp("resume") / "scan.h5"
    pg.write(path, problems.measurement())
    return path


def content(path):
    """Every dataset of a result file but those that tell of the run around it."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, node: found.update({name: node}))
        found = {name: node[()] for name, node in found.items() if isinstance(node, h5py.Dataset)}
    settings = json.loads(found.pop("entry/settings"))
    del found["entry/history/seconds"], found["entry/versions"], settings["plan"]["output"]
    return {name: np.asarray(value).tobytes() for name, value in found.items()} | {"settings": settings}


OPTIONS = {
    "as it is": (6, ()),
    "auto": (20, ("--epochs", "auto")),
    "two kinds of noise": (
        5,
        ("--noise", "poisson", "--set", "fit.hold_probe=2", "--start", "random", "--seed", 4, "--epochs", 8),
    ),
    "held out": (3, ("--hold-out", 0.1, "--solver", "rpie", "--modes", 2, "--epochs", 5)),
    "flat field": (5, ("--refine", "detector.flat_field", "--epochs", 9)),
    "Adam": (
        1,
        (
            "--solver",
            "adam",
            "--set",
            "fit.solver.steps.object=0.02",
            "--set",
            "fit.solver.steps.probe=1",
            "--epochs",
            3,
        ),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", OPTIONS)
def test_the_command_goes_on_to_the_same_bytes(run, scan, kind):
    epochs, options = OPTIONS[kind]
    assert run("reconstruct", scan, "-o", "whole.h5", *options)[0] == 0
    status, out, _ = run("reconstruct", scan, "-o", "r.h5", "--stop-after", epochs, *options)
    assert f"(stopped after epoch {epochs}, as asked)." in out
    assert status == 0  # a wish that was fulfilled
    assert f"after {epochs} epochs" in out
    assert (pg.load("r.h5").stopped, pg.load("r.h5").history.epochs) == ("interrupted", epochs)
    status, _, err = run("resume", "r.h5")
    assert status == 0, err
    assert content("r.h5") == content("whole.h5")
    status, out, _ = run("resume", "r.h5", "--json")
    assert status == 0
    assert "the run is over after" in out
    assert json.loads(out.splitlines()[-1])["epochs"] == pg.load("whole.h5").history.epochs


@pytest.mark.slow
def test_held_out_patterns_are_measured_after_a_run_that_was_killed_before(run, scan):
    run("reconstruct", scan, "-o", "r.h5", "--hold-out", 0.1, "--epochs", 2)
    whole, result = content("r.h5"), pg.load("r.h5")
    without = {name: value for name, value in result.settings.items() if name != "held_out_r_factor"}
    for arguments in ((), ("--epochs", 2)):
        result._replace(settings=without).save("r.h5")
        assert run("resume", "r.h5", *arguments)[0] == 0
        assert content("r.h5") == whole


@pytest.mark.slow
def test_double_precision_goes_on_to_the_same_bytes(scan, tmp_path):
    """In one process of its own, because precision is a setting of the process."""
    code = (
        "import sys\nfrom ptychograd.cli import main\n"
        "for line in sys.stdin:\n    try:\n        main(line.split())\n    except SystemExit as end:\n"
        "        print('status', end.code)\n"
    )
    call = f"reconstruct {scan} --precision double --epochs 4"
    lines = f"{call} -o whole.h5\n{call} -o r.h5 --stop-after 2\nresume r.h5\n"
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=lines,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        check=True,
    )
    assert "status" not in done.stdout, done.stdout
    assert pg.load(tmp_path / "r.h5").object.dtype == np.complex128
    assert content(tmp_path / "r.h5") == content(tmp_path / "whole.h5")


@pytest.mark.slow
def test_to_more_epochs_and_to_another_file(run, scan, tmp_path):
    run("reconstruct", scan, "-o", "r.h5", "--epochs", 3)
    before = (tmp_path / "r.h5").read_bytes()
    assert run("resume", "r.h5", "--epochs", 6, "-o", "longer.h5", "--stop-after", 4)[0] == 0
    assert (tmp_path / "r.h5").read_bytes() == before
    assert run("resume", "longer.h5")[0] == 0
    assert pg.load("longer.h5").history.epochs == 6


@pytest.mark.slow
def test_the_data_are_found_where_they_were_or_where_they_are_now(run, scan, tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "scan.h5").write_bytes(scan.read_bytes())
    monkeypatch.chdir(tmp_path / "there")
    run("reconstruct", "scan.h5", "-o", "r.h5", "--epochs", 3, "--stop-after", 1)
    monkeypatch.chdir(tmp_path)
    assert run("resume", "there/r.h5", "--stop-after", 2)[0] == 0
    (tmp_path / "there").rename("elsewhere")
    status, _, err = run("resume", "elsewhere/r.h5")
    assert status == 0, err
    (tmp_path / "elsewhere" / "scan.h5").rename("moved.h5")
    status, _, err = run("resume", "elsewhere/r.h5", "--epochs", 4)
    assert status == 2
    assert "name their file with --data" in err
    assert run("resume", "elsewhere/r.h5", "--epochs", 4, "--data", "moved.h5")[0] == 0


@pytest.mark.slow
def test_what_can_not_go_on_is_refused_in_a_sentence(run, scan, tmp_path):
    run("reconstruct", scan, "-o", "r.h5", "--epochs", 3, "--stop-after", 2)
    good = pg.load("r.h5")
    pg.write("other.h5", problems.measurement(seed=1))
    without = {name: value for name, value in good.settings.items() if name != "run_progress"}
    good._replace(settings=without).save("old.h5")
    good._replace(settings=good.settings | {"asked": {}}).save("kept.h5")
    odd = good.settings["plan"] | {"colour": "red"}
    good._replace(settings=good.settings | {"plan": odd}).save("new.h5")
    mistakes = {
        ("r.h5", "--data", "other.h5"): "other.h5 holds other data than the run began with",
        ("r.h5", "--epochs", 1): "1 epochs in all, but 2 of them are done",
        ("r.h5", "--stop-after", 2): "--stop-after 2: expected an epoch to come, 3 or a later one",
        ("r.h5", "--checkpoint-every", "soon"): "expected epochs, as 10, or time",
        ("old.h5",): "does not say with which plan it was made",
        ("kept.h5",): "kept without the solver's state",
        ("new.h5",): "`colour` is unknown",
        ("none.h5",): "there is no such file",
        (scan,): "no result of ptychograd",
    }
    before = (tmp_path / "r.h5").read_bytes()
    for arguments, expected in mistakes.items():
        status, _, err = run("resume", *arguments)
        assert (status, len(err.strip().splitlines())) == (2, 1), err
        assert expected in err
    assert (tmp_path / "r.h5").read_bytes() == before


# Checkpoints ----------------------------------------------------------------------------------------------


def every(text):
    """An interval as a plan has it, from what is typed."""
    value = value_of("output.checkpoint_every", text)
    return pg.Plan(output={"checkpoint_every": value}).output.checkpoint_every


@pytest.mark.parametrize(
    ("text", "epochs", "seconds"),
    [
        ("10", 10, np.inf),
        ("30s", np.inf, 30),
        ("1.5min", np.inf, 90),
        ("2 h", np.inf, 7200),
        ("0", np.inf, np.inf),
        ("0s", np.inf, np.inf),
        ("never", np.inf, np.inf),
    ],
)
def test_intervals_are_read(text, epochs, seconds):
    assert Every.of(every(text)) == (epochs, seconds)


@pytest.mark.parametrize("text", ["-1", "1.5", "min", "5 km", "1e3", "s"])
def test_what_is_no_interval_is_refused(text):
    with pytest.raises(pg.InputError, match="expected epochs, as 10"):
        every(text)


@pytest.fixture
def saved(monkeypatch):
    """Copies of all that took the place of `r.h5`, in their order."""
    seen, replace = [], os.replace

    def replaced(source, target):
        replace(source, target)
        if target.name == "r.h5":
            seen.append(shutil.copy(target, target.with_name(f"{len(seen)}.kept.h5")))

    monkeypatch.setattr(os, "replace", replaced)
    return seen


def stops(paths):
    """Why each result had stopped, and after which epoch."""
    return [(result.stopped, result.history.epochs) for result in map(pg.load, paths)]


@pytest.mark.slow
def test_checkpoints_are_written_and_can_be_resumed(run, scan, saved):
    every = ("--checkpoint-every", 4, "--epochs", 60)
    assert run("reconstruct", scan, "-o", "r.h5", *every)[0] == 0
    *under_way, last = stops(saved)
    assert last == ("all epochs done", 60)
    assert under_way
    assert all(stopped == "under way" for stopped, _ in under_way)
    assert np.diff([0, *(epoch for _, epoch in under_way)]).min() >= 4
    whole = content("r.h5")
    assert run("resume", saved[0], "-o", "r.h5")[0] == 0
    assert content("r.h5") == whole


@pytest.mark.slow
def test_none_is_written_without_need(run, scan, saved):
    run("reconstruct", scan, "-o", "r.h5", "--checkpoint-every", "never", "--epochs", 6)
    run("reconstruct", scan, "-o", "r.h5", "--epochs", 6)
    assert stops(saved) == [("all epochs done", 6)] * 2


def old_result(path):
    """A file that a run may replace."""
    with h5py.File(path, "w") as file:
        file.attrs["format"] = "ptychograd result"


@pytest.mark.slow
def test_a_checkpoint_that_fails_is_said_once_and_the_run_goes_on(run, scan, tmp_path, monkeypatch):
    """A full disk, which has room again at the end; and one that has not."""
    old_result(tmp_path / "r.h5")
    replace, is_full_at_the_end = os.replace, False

    def failing(source, target):
        is_checkpoint = threading.current_thread() is not threading.main_thread()
        if target.name == "r.h5" and (is_checkpoint or is_full_at_the_end):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing)
    call = ("reconstruct", scan, "-o", "r.h5", "--epochs", 40, "--checkpoint-every", 2)
    status, _, err = run(*call)
    assert status == 0
    assert err.count("no checkpoint: ") == 1
    assert pg.load("r.h5").history.epochs == 40
    before = (tmp_path / "r.h5").read_bytes()
    is_full_at_the_end = True
    status, _, err = run(*call)
    assert status == 2
    assert err.strip().splitlines()[-1].endswith("No space left on device; nothing there has changed.")
    assert (tmp_path / "r.h5").read_bytes() == before


FULL_DISK = """
import resource, sys
from ptychograd.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, resource.RLIM_INFINITY))
main(["reconstruct", sys.argv[1], "-o", "r.h5", "--epochs", "40", "--checkpoint-every", "2"])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of a file as POSIX does")
def test_a_disk_that_is_full_from_the_beginning(scan, tmp_path):
    """As a process of its own, with the errors of the operating system."""
    old_result(tmp_path / "r.h5")
    before = (tmp_path / "r.h5").read_bytes()
    environment = os.environ | {"XDG_CACHE_HOME": "/dev/null"}  # nor may programs be kept
    call = [sys.executable, "-c", FULL_DISK, str(scan)]
    done = subprocess.run(call, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 2
    assert done.stderr.count("no checkpoint: ") == 1
    assert re.search(r"r\.h5 can't be written: .*; nothing there has changed\.$", done.stderr.strip())
    assert "Traceback" not in done.stderr
    assert (tmp_path / "r.h5").read_bytes() == before
    assert os.listdir(tmp_path) == ["r.h5"]
