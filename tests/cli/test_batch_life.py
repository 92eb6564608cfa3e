"""Life under a batch system: signals that end a run in order, and logs that show it going on."""

import json
import os
import re
import signal
import sys
import threading
import time
from types import SimpleNamespace

import jax
import pytest

import problems
import ptychograd as pg
from ptychograd.cli.progress import EpochBar, ShareBar
from ptychograd.output import progress_log as _progress
from ptychograd.output.progress_log import duration
from ptychograd.runs.signals import ENDING, Ending, ending

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends signals as POSIX does")
WARNINGS = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU")


@pytest.fixture
def scan(tmp_path_factory):
    path = tmp_path_factory.mktemp("scan") / "scan.h5"
    pg.write(path, problems.measurement())
    return path


@pytest.fixture
def heeded():
    """The signals as a command heeds them, for one test."""
    numbers = [getattr(signal, name) for name in ENDING if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:  # a shell that starts the tests in the background has SIGINT ignored
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    ending.heed()
    yield ending
    for number, handler in before.items():
        signal.signal(number, handler)
    ending.forget()


def send(name):
    signal.raise_signal(getattr(signal, name))


# Signals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WARNINGS)
def test_the_end_of_a_job_and_the_warning_before_it_interrupt(heeded, name):
    with pytest.raises(KeyboardInterrupt):
        send(name)
    assert heeded.summary == f"interrupted by {name}; "


@pytest.mark.parametrize("name", ["SIGHUP", "SIGINT", "SIGUSR1"])
def test_what_is_ignored_stays_so(name):
    """SIGHUP by nohup, SIGINT by a shell that starts a process in the background."""
    before = signal.signal(getattr(signal, name), signal.SIG_IGN)
    try:
        mine = Ending()
        others = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR2, signal.SIGINT)}
        mine.heed()
        send(name)
        assert signal.getsignal(getattr(signal, name)) is signal.SIG_IGN
        assert mine.summary == ""
    finally:
        for number, handler in others.items():
            signal.signal(number, handler)
        signal.signal(getattr(signal, name), before)


def test_the_others_of_a_burst_are_not_heeded_but_later_ones_are(heeded, monkeypatch):
    """srun and timeout send some one after another; a run that hangs can be interrupted once more."""
    with pytest.raises(KeyboardInterrupt):
        send("SIGTERM")
    send("SIGUSR1")
    now = time.monotonic()
    monkeypatch.setattr("ptychograd.runs.signals.time.monotonic", lambda: now + 60)
    with pytest.raises(KeyboardInterrupt):
        send("SIGINT")
    assert heeded.summary == "interrupted by SIGTERM; "


def test_a_signal_waits_until_all_is_saved(heeded):
    heeded.hold()
    send("SIGUSR1")
    with pytest.raises(KeyboardInterrupt):
        heeded.release()
    assert heeded.summary == "interrupted by SIGUSR1; "
    heeded.hold()
    send("SIGTERM")
    heeded.release()  # it was interrupted before, and does not go on
    with pytest.raises(KeyboardInterrupt):
        send("SIGINT")  # what comes after the saving is no part of a burst


def test_an_interrupt_that_was_lost_comes_again(heeded):
    """Python drops what is raised in some of the functions that it calls back, as when an object is freed."""
    heeded.insist()
    with pytest.raises(KeyboardInterrupt):
        send("SIGUSR1")
    with EpochBar() as bar, pytest.raises(KeyboardInterrupt):
        bar.advance(epoch(1))


def test_other_threads_may_not_heed(heeded):
    mine, problems = Ending(), []

    def work():
        try:
            mine.heed()
        except ValueError as problem:
            problems.append(problem)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert not problems


def sent_while_saved(monkeypatch, before, after=None):
    """Signals that come when a result is about to take its place, and when it has; a trial takes none."""
    replace = os.replace

    def replaced(source, target):
        is_result = target.suffix == ".h5" and ".part" not in target.suffixes
        if is_result:
            send(before)
        replace(source, target)
        if is_result and after:
            send(after)

    monkeypatch.setattr(os, "replace", replaced)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGUSR1", "SIGXCPU"])
def test_a_run_that_is_warned_is_saved_whatever_else_comes(run, scan, tmp_path, monkeypatch, heeded, name):
    """The warning in the fourth epoch, others while the file is written; what is saved goes on to the end."""
    ready, epochs = jax.block_until_ready, []

    def warned(arrays):
        epochs.append(None)
        if len(epochs) == 4:
            send(name)
        return ready(arrays)

    monkeypatch.setattr(jax, "block_until_ready", warned)  # while the devices are at work
    sent_while_saved(monkeypatch, "SIGTERM", "SIGINT")
    status, out, err = run("reconstruct", scan, "--epochs", 9, "-o", "r.h5", "--json")
    assert status == 130
    assert f"interrupted by {name}; `ptychograd resume r.h5` goes on" in err
    assert json.loads(out.splitlines()[-1])["epochs"] == pg.load(tmp_path / "r.h5").history.epochs == 3
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    heeded.forget()
    assert run("resume", tmp_path / "r.h5")[0] == 0


def test_a_signal_before_there_is_anything_says_what_it_was(run, scan, monkeypatch, heeded):
    monkeypatch.setattr("ptychograd.runs.plan.reading.read", lambda *_, **__: send("SIGUSR2"))
    status, _, err = run("reconstruct", scan)
    assert status == 130
    assert err == "ptychograd: interrupted by SIGUSR2; nothing more was written.\n"


@pytest.mark.slow
def test_a_sweep_keeps_the_run_that_it_is_saving(run, scan, tmp_path, monkeypatch, heeded):
    sent_while_saved(monkeypatch, "SIGUSR1")
    status, _, err = run("sweep", scan, "--grid", "seed=1,2", "--epochs", 1)
    assert status == 130
    assert "interrupted by SIGUSR1; 1 finished runs are kept" in " ".join(err.split())
    assert len(list((tmp_path / "scan_sweep" / "runs").iterdir())) == 1


# A log --------------------------------------------------------------------------------------------------------


def epoch(number, of=60):
    result = pg.Result({}, {}, pg.fitting.History.empty(), {})
    return pg.fitting.Progress(number, of, 1.0, 0.1234, 1.0, 4567.8, lambda: result)


@pytest.fixture
def clock(monkeypatch):
    """A clock by hand; a minute is 20 ms long."""
    now = [100.0]
    monkeypatch.setattr(_progress, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(_progress, "EVERY", 0.02)
    return now


def test_without_a_terminal_a_line_tells_how_far_it_is(capsys, clock, monkeypatch):
    monkeypatch.setattr(_progress, "EVERY", 1000)
    with EpochBar() as bar:
        assert capsys.readouterr().err == "epoch, compiling ...\n"
        clock[0] += 30
        bar.advance(epoch(1))
        assert capsys.readouterr().err == "epoch 1 of 60, R 0.1234, 4,568 patterns/s, 30 s so far\n"
        clock[0] += 120
        bar.advance(epoch(3))
        assert capsys.readouterr().err == ""


def test_a_later_line_tells_how_long_it_will_take(capsys, clock):
    """The time that is left, from the epochs after the first one, in which there is more to do."""
    said, patience = "", time.monotonic() + 60
    with EpochBar() as bar:
        for number, seconds in ((1, 30), (3, 120)):
            clock[0] += seconds
            bar.advance(epoch(number))
        while "epoch 3" not in said and time.monotonic() < patience:
            time.sleep(0.01)
            said += capsys.readouterr().err
    line = "epoch 3 of 60, R 0.1234, 4,568 patterns/s, 2 min so far, about 57 min left"
    assert line in said.splitlines()


def test_it_comes_every_minute_whether_an_epoch_ends_or_not(capsys, clock):
    with ShareBar("sweep") as bar:
        bar.advance(0.25, "seed=1")
        time.sleep(0.3)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "sweep, begun"
    assert 3 <= lines.count("sweep 25%, seed=1") <= 17
    time.sleep(0.06)
    assert capsys.readouterr().err == ""  # nothing more once it is over


def test_on_a_terminal_a_bar_moves(capsys, monkeypatch):
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": "120"}.items():
        monkeypatch.setenv(name, value)
    with EpochBar() as bar:
        bar.advance(epoch(2))
    drawn = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", capsys.readouterr().err)  # without colours and moves of the cursor
    assert re.search(r"epoch +2/60 .* R 0\.1234   4,568 patterns/s", drawn)
    assert "so far" not in drawn


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (89.0, "89 s"), (91.0, "2 min"), (3599.0, "1 h 00 min"), (9000.0, "2 h 30 min")],
)
def test_times_in_words(seconds, text):
    assert duration(seconds) == text
