"""A run that was interrupted goes on as if it had not been: bit for bit, from any epoch, for every kind of run."""

import json
import os
import re
import subprocess
import sys

import h5py
import numpy as np
import pytest

import bragg_problems
import near_problems
import problems
import ptychograd as pg
from ptychograd._course import Course
from ptychograd._files import replacing
from ptychograd._files._atomic import fcntl
from ptychograd._stages import crystal_stages
from ptychograd.cli._checkpoints import Every

FAR, NEAR, CRYSTAL = problems.measurement(), near_problems.measurement(), bragg_problems.measurement()
STEPS = {"object": 0.02, "probe": 1.0}


def settled(history):
    """A rule that ends a stage after the fourth epoch."""
    return "enough" if history.epochs >= 4 else ""


def far(solver, *stages, batch_size=8):
    return lambda: pg.Run(problems.start_model(FAR), FAR, solver, stages, batch_size, seed=3)


def near():
    return pg.Run(pg.near_field(NEAR, object=pg.random_object(2)), NEAR, pg.Nesterov(), (pg.Stage(5),), 7)


def crystal():
    return pg.Run(pg.bragg(CRYSTAL), CRYSTAL, pg.Nesterov(), crystal_stages(10), 20, seed=1)


HELD = (pg.Stage(1, ("object",)), pg.Stage(3))
RUNS = {
    "Nesterov": far(pg.Nesterov(), pg.Stage(5)),
    "ePIE": far(pg.PIE(), *HELD, batch_size=1),
    "AD-ePIE": far(pg.ADePIE(), *HELD, batch_size=3),
    "rPIE": far(pg.PIE(0.1), *HELD),
    "Adam": far(pg.adam(STEPS), *HELD),
    "stages": far(
        pg.Nesterov(),
        pg.Stage(2, ("object",)),
        pg.Stage(6, until=settled),
        pg.Stage(4),
        pg.Stage(2, noise=pg.Poisson(), until=settled),
    ),
    "no epochs first": far(pg.Nesterov(), pg.Stage(0, ("object",)), pg.Stage(3)),
    "near field": near,
    "crystal": crystal,
}


def told(result, *without):
    """All that a result is, as bytes and text, but the seconds."""
    settings = {name: value for name, value in result.settings.items() if name not in without}
    return {
        "arrays": {name: array.tobytes() for name, array in result.arrays.items()},
        "state": {name: array.tobytes() for name, array in result.state.items()},
        "history": result.history._replace(seconds=()),
        "settings": json.dumps(settings, sort_keys=True),
    }


def through_a_file(result, path):
    result.save(path)
    return pg.load(path)


@pytest.mark.parametrize("kind", RUNS)
def test_a_run_goes_on_from_every_checkpoint(kind, tmp_path):
    """What a killed process leaves: the result after an epoch, before the run asks what comes next."""
    run, checkpoints = RUNS[kind](), []
    whole = pg.perform(run, lambda progress: checkpoints.append(through_a_file(progress.so_far(), tmp_path / "r.h5")))
    assert len(checkpoints) == whole.history.epochs > 2
    for checkpoint in checkpoints:
        assert checkpoint.stopped == "under way"
        assert told(pg.perform(run, resume=checkpoint)) == told(whole)


@pytest.mark.parametrize(("kind", "step"), [("Nesterov", 1), ("stages", 1), ("crystal", 4)])
def test_a_run_goes_on_from_any_interrupt(kind, step, tmp_path, monkeypatch):
    """In the midst of an epoch, too, be it one of a shift along the beam that is only tried."""
    run, append, calls = RUNS[kind](), pg.History.append, []
    whole = pg.perform(run)

    def interrupted(*arguments):
        calls.append(None)
        if len(calls) == calls_before:
            raise KeyboardInterrupt
        return append(*arguments)

    monkeypatch.setattr(pg.History, "append", interrupted)
    calls_before = None
    pg.perform(run)
    for calls_before in range(1, len(calls) + 1, step):  # noqa: B007 (`interrupted` looks at it)
        calls.clear()
        result = through_a_file(pg.perform(run), tmp_path / "r.h5")
        assert result.stopped == "interrupted"
        assert told(pg.perform(run, resume=result)) == told(whole)


def test_a_reconstruction_goes_on(tmp_path):
    """The loop itself, whose seed, order and cooling are as before."""
    model, shared = problems.start_model(FAR), {"batch_size": 8, "seed": 3}
    whole = pg.reconstruct(model, FAR, pg.Nesterov(), epochs=5, **shared)
    first = through_a_file(pg.reconstruct(model, FAR, pg.Nesterov(), epochs=2, planned=5, **shared), tmp_path / "r.h5")
    assert told(pg.reconstruct(model, FAR, pg.Nesterov(), epochs=3, resume=first, **shared)) == told(whole)


# To another number of epochs ------------------------------------------------------------------------------


def stopped_after(run, epochs):
    def stop(progress):
        if progress.epoch == epochs:
            raise KeyboardInterrupt

    return pg.perform(run, stop)


def test_a_run_to_more_epochs_is_the_longer_run():
    """As long as it did not cool; and when it is interrupted a second time, it still knows where to."""
    short, long = far(pg.Nesterov(), pg.Stage(6))(), pg.perform(far(pg.Nesterov(), pg.Stage(9))())
    first = stopped_after(short, 4)
    again = pg.perform(short, resume=first, epochs=9)
    assert told(again, "course") == told(long, "course")
    ends = []
    pg.perform(short, lambda progress: ends.append(progress.so_far()), first, 9)
    assert told(pg.perform(short, resume=ends[2])) == told(again)


def test_what_is_left_is_stretched_and_no_rule_ends_it():
    run = RUNS["stages"]()
    result = pg.perform(run, resume=stopped_after(run, 3), epochs=25)
    assert Course.of(result.settings).ends == (2, 13, 21, 25)  # 5, 4 and 2 of 11 epochs: 22 now
    assert (result.history.epochs, result.stopped) == (25, "all epochs done")


def test_a_finished_run_goes_on_with_its_last_stage():
    run = RUNS["stages"]()
    finished = pg.perform(run)
    assert (finished.history.epochs, finished.stopped) == (4 + 2 + 1, "enough")
    again = pg.perform(run, resume=finished._replace(model=None))
    assert told(again) == told(finished)
    assert again.model is not None
    longer = pg.perform(run, resume=finished, epochs=9)
    assert (longer.history.epochs, longer.stopped) == (9, "all epochs done")
    assert longer.settings["noise"] == repr(pg.Poisson())
    assert longer.history.loss[:7] == finished.history.loss
    with pytest.raises(pg.InputError, match="9 epochs in all, but 9 of them are done; give more than 9"):
        pg.perform(run, resume=longer, epochs=9)


def test_what_does_not_belong_to_the_run_is_refused():
    run = RUNS["Nesterov"]()
    with pytest.raises(pg.InputError, match="a run of 2 stages, and this one has 1"):
        pg.perform(run, resume=stopped_after(RUNS["rPIE"](), 2))
    with pytest.raises(pg.InputError, match="does not say how far its run was"):
        pg.perform(run, resume=pg.reconstruct(run.model, FAR, pg.Nesterov(), epochs=1))


# The command ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    path = tmp_path_factory.mktemp("resume") / "scan.h5"
    pg.write(path, FAR)
    return path


def content(path):
    """Every dataset of a result file but those that tell of the run around it."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, node: found.update({name: node}))
        found = {name: node[()] for name, node in found.items() if isinstance(node, h5py.Dataset)}
    settings = json.loads(found.pop("entry/settings"))
    del found["entry/history/seconds"], found["entry/versions"], settings["options"]["output"]
    return {name: np.asarray(value).tobytes() for name, value in found.items()} | {"settings": settings}


OPTIONS = {
    "as it is": (6, ()),
    "auto": (20, ("--epochs", "auto")),
    "two kinds of noise": (
        5,
        ("--noise", "poisson", "--hold-probe", 2, "--start", "random", "--seed", 4, "--epochs", 8),
    ),
    "held out": (3, ("--hold-out", 0.1, "--solver", "rpie", "--modes", 2, "--epochs", 5)),
    "Adam": (1, ("--solver", "adam", "--step", "object=0.02", "--step", "probe=1", "--epochs", 3)),
}


@pytest.mark.parametrize("kind", OPTIONS)
def test_the_command_goes_on_to_the_same_bytes(run, scan, kind):
    epochs, options = OPTIONS[kind]
    assert run("reconstruct", scan, "-o", "whole.h5", *options)[0] == 0
    status, out, _ = run("reconstruct", scan, "-o", "r.h5", "--stop-after", epochs, *options)
    assert status == 130
    assert f"after {epochs} epochs" in out
    assert (pg.load("r.h5").stopped, pg.load("r.h5").history.epochs) == ("interrupted", epochs)
    status, _, err = run("resume", "r.h5")
    assert status == 0, err
    assert content("r.h5") == content("whole.h5")
    status, out, _ = run("resume", "r.h5")
    assert status == 0
    assert "the run is over after" in out
    assert "or more goes on" in out


def test_held_out_patterns_are_measured_after_a_run_that_was_killed_before(run, scan):
    run("reconstruct", scan, "-o", "r.h5", "--hold-out", 0.1, "--epochs", 2)
    whole, result = content("r.h5"), pg.load("r.h5")
    without = {name: value for name, value in result.settings.items() if name != "held_out_r_factor"}
    for arguments in ((), ("--epochs", 2)):
        result._replace(settings=without).save("r.h5")
        assert run("resume", "r.h5", *arguments)[0] == 0
        assert content("r.h5") == whole


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
    assert "status 130" in done.stdout
    assert pg.load(tmp_path / "r.h5").object.dtype == np.complex128
    assert content(tmp_path / "r.h5") == content(tmp_path / "whole.h5")


def test_to_more_epochs_and_to_another_file(run, scan, tmp_path):
    run("reconstruct", scan, "-o", "r.h5", "--epochs", 3)
    before = (tmp_path / "r.h5").read_bytes()
    assert run("resume", "r.h5", "--epochs", 6, "-o", "longer.h5", "--stop-after", 4)[0] == 130
    assert (tmp_path / "r.h5").read_bytes() == before
    assert run("resume", "longer.h5")[0] == 0
    assert pg.load("longer.h5").history.epochs == 6


def test_the_data_are_found_where_they_were_or_where_they_are_now(run, scan, tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "scan.h5").write_bytes(scan.read_bytes())
    monkeypatch.chdir(tmp_path / "there")
    run("reconstruct", "scan.h5", "-o", "r.h5", "--epochs", 3, "--stop-after", 1)
    monkeypatch.chdir(tmp_path)
    assert run("resume", "there/r.h5", "--stop-after", 2)[0] == 130
    (tmp_path / "there").rename("elsewhere")
    status, _, err = run("resume", "elsewhere/r.h5")
    assert status == 0, err
    (tmp_path / "elsewhere" / "scan.h5").rename("moved.h5")
    status, _, err = run("resume", "elsewhere/r.h5", "--epochs", 4)
    assert status == 2
    assert "name their file with --data" in err
    assert run("resume", "elsewhere/r.h5", "--epochs", 4, "--data", "moved.h5")[0] == 0


def test_what_can_not_go_on_is_refused_in_a_sentence(run, scan, tmp_path):
    run("reconstruct", scan, "-o", "r.h5", "--epochs", 3, "--stop-after", 2)
    good = pg.load("r.h5")
    pg.write("other.h5", problems.measurement(seed=1))
    without = {name: value for name, value in good.settings.items() if name != "course"}
    good._replace(settings=without).save("old.h5")
    good._replace(settings=good.settings | {"asked": {}}).save("kept.h5")
    odd = good.settings["options"] | {"colour": "red"}
    good._replace(settings=good.settings | {"options": odd}).save("new.h5")
    mistakes = {
        ("r.h5", "--data", "other.h5"): "other.h5 holds other data than the run began with",
        ("r.h5", "--epochs", 1): "1 epochs in all, but 2 of them are done",
        ("r.h5", "--stop-after", 2): "--stop-after 2: expected an epoch to come, 3 or a later one",
        ("r.h5", "--checkpoint-every", "soon"): 'every "soon": expected epochs, as 10, or time',
        ("old.h5",): "does not say all that it takes to go on",
        ("kept.h5",): "kept without the solver's state",
        ("new.h5",): "options unknown to this version: colour",
        ("none.h5",): "No such file",
        (scan,): "no result of ptychograd",
    }
    before = (tmp_path / "r.h5").read_bytes()
    for arguments, expected in mistakes.items():
        status, _, err = run("resume", *arguments)
        assert (status, len(err.strip().splitlines())) == (2, 1), err
        assert expected in err
    assert (tmp_path / "r.h5").read_bytes() == before


# Checkpoints ----------------------------------------------------------------------------------------------


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
    assert Every.of(text) == (epochs, seconds)


@pytest.mark.parametrize("text", ["", "-1", "1.5", "min", "5 minutes", "1e3", "s"])
def test_what_is_no_interval_is_refused(text):
    with pytest.raises(pg.InputError, match="expected epochs, as 10"):
        Every.of(text)


@pytest.fixture
def saved(monkeypatch):
    """Why each result that is saved had stopped, and after which epoch."""
    seen, save = [], pg.Result.save

    def watched(self, path):
        seen.append((self.stopped, self.history.epochs))
        save(self, path)
        (path.parent / f"{self.history.epochs}.kept.h5").write_bytes(path.read_bytes())

    monkeypatch.setattr(pg.Result, "save", watched)
    return seen


def test_checkpoints_are_written_and_can_be_resumed(run, scan, saved):
    every = ("--checkpoint-every", 4, "--epochs", 60)
    assert run("reconstruct", scan, "-o", "r.h5", *every)[0] == 0
    *under_way, last = saved
    assert last == ("all epochs done", 60)
    assert len(under_way) >= 2
    assert all(stopped == "under way" for stopped, _ in under_way)
    assert np.diff([0, *(epoch for _, epoch in under_way)]).min() >= 4
    whole, (_, epoch) = content("r.h5"), under_way[0]
    assert run("resume", f"{epoch}.kept.h5", "-o", "r.h5")[0] == 0
    assert content("r.h5") == whole


def test_none_is_written_without_need(run, scan, saved):
    run("reconstruct", scan, "-o", "r.h5", "--checkpoint-every", "never", "--epochs", 6)
    run("reconstruct", scan, "-o", "r.h5", "--epochs", 6)
    assert [stopped for stopped, _ in saved] == ["all epochs done"] * 2


def test_a_checkpoint_that_fails_is_said_once_and_the_run_goes_on(run, scan, tmp_path, monkeypatch):
    """A full disk, which has room again at the end; and one that has not."""
    (tmp_path / "r.h5").write_text("old")
    save, full = pg.Result.save, {"under way"}

    def failing(self, path):
        if self.stopped in full:
            raise pg.InputError(f"{path} can't be written: No space left on device; nothing there has changed.")
        save(self, path)

    monkeypatch.setattr(pg.Result, "save", failing)
    call = ("reconstruct", scan, "-o", "r.h5", "--epochs", 40, "--checkpoint-every", 2)
    status, _, err = run(*call)
    assert status == 0
    assert err.count("no checkpoint: ") == 1
    assert pg.load("r.h5").history.epochs == 40
    before = (tmp_path / "r.h5").read_bytes()
    full.add("all epochs done")
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


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of a file as POSIX does")
def test_a_disk_that_is_full_from_the_beginning(scan, tmp_path):
    """As a process of its own, with the errors of the operating system."""
    (tmp_path / "r.h5").write_text("old")
    environment = os.environ | {"XDG_CACHE_HOME": "/dev/null"}  # nor may programs be kept
    call = [sys.executable, "-c", FULL_DISK, str(scan)]
    done = subprocess.run(call, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 2
    assert done.stderr.count("no checkpoint: ") == 1
    assert re.search(r"r\.h5 can't be written: .*; nothing there has changed\.$", done.stderr.strip())
    assert "Traceback" not in done.stderr
    assert (tmp_path / "r.h5").read_text() == "old"
    assert os.listdir(tmp_path) == ["r.h5"]


# What killed processes leave ------------------------------------------------------------------------------


@pytest.mark.skipif(fcntl is None, reason="knows by a lock of POSIX which files are written")
def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path):
    others = (".r.12345678.part.npz", ".r.1234567.part.h5", ".q.12345678.part.h5", "r.12345678.part.h5")
    for name in (".r.12345678.part.h5", ".r.0123abcd.part.h5", *others):
        (tmp_path / name).write_text("half")
    with replacing(tmp_path / "r.h5") as first:
        first.write_text("first")
        with replacing(tmp_path / "r.h5") as second:  # another writer of the same file, at the same time
            second.write_text("second")
        assert first.read_text() == "first"
    assert (tmp_path / "r.h5").read_text() == "first"
    assert sorted(os.listdir(tmp_path)) == sorted(["r.h5", *others])
