"""Commands on several devices, out of a file, and along with a scan that is still being written."""

import threading
import time

import jax
import pytest

import problems
import ptychograd as pg
from detector_writer import Writer


@pytest.fixture
def scan(tmp_path):
    pg.write(tmp_path / "scan.h5", problems.measurement())
    return tmp_path / "scan.h5"


@pytest.mark.slow
def test_two_devices_do_what_one_does(run, scan):
    for devices in (1, 2):
        options = ("--devices", devices, "--epochs", 2, "-o", f"{devices}.h5")
        status, _, err = run("reconstruct", scan, *options)
        assert status == 0, err
    one, two = (pg.load(scan.parent / name) for name in ("1.h5", "2.h5"))
    assert two.history.loss == pytest.approx(one.history.loss, rel=1e-4)
    assert two.object.tobytes() != one.object.tobytes()  # they did divide the work


def test_more_devices_than_there_are(run, scan):
    status, _, err = run("reconstruct", scan, "--devices", 99)
    assert status == 2
    assert "there are 4" in err


@pytest.mark.slow
def test_patterns_that_stay_in_their_file(run, scan):
    """With less memory than the patterns take, the run is as good."""
    for name, options in (("whole", ()), ("part", ("--memory", "20KB"))):
        status, _, err = run("reconstruct", scan, "--epochs", 30, "-o", f"{name}.h5", *options)
        assert status == 0, err
    whole, part = (pg.load(scan.parent / f"{name}.h5") for name in ("whole", "part"))
    assert part.history.loss[0] != whole.history.loss[0]  # another order
    assert part.history.r_factor[-1] == pytest.approx(whole.history.r_factor[-1], rel=0.05)


@pytest.mark.slow
def test_a_streamed_run_goes_on_bit_for_bit(run, scan):
    options = ("reconstruct", scan, "--epochs", 4, "--memory", "20KB")
    assert run(*options, "-o", "whole.h5")[0] == 0
    assert run(*options, "-o", "part.h5", "--stop-after", 2)[0] == 0
    assert run("resume", "part.h5")[0] == 0
    whole, part = (pg.load(scan.parent / f"{name}.h5") for name in ("whole", "part"))
    assert part.history.loss == whole.history.loss
    assert part.object.tobytes() == whole.object.tobytes()


@pytest.mark.slow
def test_following_a_scan(run, tmp_path):
    """From no pattern at all to all of them; then the run as asked, whose result can be resumed."""
    data = problems.measurement()
    writer = Writer(tmp_path, data, 0)

    def measuring():
        """Half of the scan after two seconds, then a few more now and then."""
        for number, seconds in ((30, 2.0), *(((4, 0.5),) * 7)):
            time.sleep(seconds)
            writer.write(number)

    detector = threading.Thread(target=measuring)
    detector.start()
    options = ("--follow", "--set", "data.patience=30", "--epochs", 20, "-o", "live.h5")
    status, out, err = run("reconstruct", "scan.h5", *options)
    detector.join()
    writer.close()
    assert status == 0, err
    assert "all 56 patterns came" in err
    assert "after 20 epochs" in out
    whole = pg.reconstruct(problems.start_model(data), data, pg.Nesterov(), epochs=20, batch_size=12)
    assert pg.load(tmp_path / "live.h5").history.r_factor[-1] < 1.2 * whole.history.r_factor[-1]
    status, _, err = run("resume", "live.h5", "--epochs", 22)
    assert status == 0, err


@pytest.mark.slow
def test_a_scan_that_does_not_come(run, tmp_path):
    status, _, err = run("reconstruct", "nothing.h5", "--follow", "--set", "data.patience=1")
    assert status == 2
    assert "there is no such file" in err


@pytest.mark.slow
def test_a_scan_that_ends_early(run, tmp_path):
    """After some time without a new pattern the run goes on with those that came."""
    data = problems.measurement()
    writer = Writer(tmp_path, data, 40)
    status, out, err = run(
        "reconstruct", "scan.h5", "--follow", "--set", "data.patience=1", "--epochs", 3, "-o", "live.h5"
    )
    writer.close()
    assert status == 0, err
    assert "40 of 56 are there" in err
    assert "after 3 epochs" in out


@pytest.mark.slow
def test_an_interrupt_before_the_first_epoch_replaces_nothing(run, scan, monkeypatch):
    """A result that was there is there still, to the last byte."""
    assert run("reconstruct", scan, "--epochs", 2, "-o", "r.h5")[0] == 0
    before = (scan.parent / "r.h5").read_bytes()

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(jax, "block_until_ready", interrupted)  # while the devices are at work
    status, _, err = run("reconstruct", scan, "--epochs", 2, "-o", "r.h5")
    assert status == 130
    assert "nothing more was written" in err
    assert (scan.parent / "r.h5").read_bytes() == before
