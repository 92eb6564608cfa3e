"""Several processes that share a run: on this machine, linked by its loopback, started as `mpirun` or `srun` would."""

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import problems
import ptychograd as pg
from own_models import holograms
from ptychograd.data.dataset import StoredPatterns, StreamFromFile, Whole, added
from ptychograd.data.files import write
from ptychograd.runs import processes

SECONDS = 150  # after which a process that still runs has failed the test


@pytest.fixture(scope="module")
def data():
    return problems.measurement()


@pytest.fixture
def scan(tmp_path, data):
    write(tmp_path / "scan.h5", data)
    return tmp_path / "scan.h5"


def coordinator():
    """An address where nobody listens yet."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def started(scan, count, *options, command="reconstruct"):
    """The processes of one run."""
    environment = os.environ | {"XDG_CACHE_HOME": str(scan.parent / "cache")}
    command = [sys.executable, "-m", "ptychograd", command, scan.name, "-o", "result.h5", *map(str, options)]
    command += ["--set", f"machine.coordinator={coordinator()}", "--set", f"machine.processes={count}"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": scan.parent}
    return [subprocess.Popen([*command, "--set", f"machine.rank={k}"], env=environment, **pipes) for k in range(count)]


def ended(begun):
    """What each wrote, and its exit status; none is left behind."""
    try:
        texts = [process.communicate(timeout=SECONDS) for process in begun]
    finally:
        for process in begun:
            process.kill()
    return texts, [process.returncode for process in begun]


@pytest.mark.slow
def test_two_processes_do_one_run(scan, data):
    """One result, written by the first; as good as that of one process, whose batches are others."""
    texts, statuses = ended(started(scan, 2, "--epochs", 20, "--batch-size", 8, "--hold-out", 0.1))
    assert statuses == [0, 0], texts
    assert "after 20 epochs" in texts[0][0]
    assert "epochs" not in texts[1][0]
    result = pg.load(scan.parent / "result.h5")
    assert list(result.history.monitored) == [5, 10, 15, 20]
    alone = pg.reconstruct(pg.far_field(data), data, pg.Nesterov(), epochs=20, batch_size=8)
    assert result.history.r_factor[-1] == pytest.approx(alone.history.r_factor[-1], rel=0.15)


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--set", "machine.memory=1kB")], ids=["held", "streamed"])
def test_a_model_in_a_module_beside_its_plan(tmp_path, monkeypatch, options):
    """A solver whose steps are arrays; all four patterns in each step, as one process has them."""
    page = (Path(__file__).parents[2] / "docs" / "plan.md").read_text(encoding="utf-8")
    page = page.partition("## Parts of your own")[2]
    module, plan = (re.search(rf"```{kind}\n(.*?)```", page, re.DOTALL)[1] for kind in ("python", "toml"))
    (tmp_path / "my_model.py").write_text(module)
    (tmp_path / "run.toml").write_text(plan)
    write(tmp_path / "holo.h5", holograms())
    texts, statuses = ended(started(tmp_path / "run.toml", 2, "--set", "fit.batch_size=4", *options, command="run"))
    assert statuses == [0, 0], texts
    monkeypatch.delitem(sys.modules, "my_model", raising=False)  # of another test
    both, alone = pg.load(tmp_path / "result.h5"), pg.Plan.load(tmp_path / "run.toml")
    alone = alone.with_fields({"fit.batch_size": 4}).run()
    np.testing.assert_allclose(both.object, alone.object, atol=1e-4 * np.abs(alone.object).max())
    np.testing.assert_allclose(both.history.loss, alone.history.loss, rtol=1e-4)


@pytest.mark.parametrize("bytes_of", [(10_000, 70_000), (2**40 + 5, 2**31), (2**62, 2**40 + 5), (2**62, 2**63)])
def test_all_processes_take_the_memory_of_the_one_with_least(monkeypatch, bytes_of):
    """To the byte, in whole numbers of 32 bits; of none at all there could be no run."""
    told = []
    monkeypatch.setattr(processes.jax, "process_count", lambda: 2)
    monkeypatch.setattr(processes, "gathered", lambda array: (told.append(array), np.stack(told))[1])
    processes.least(bytes_of[0])
    assert processes.least(bytes_of[1]) == min(*bytes_of, 2**62 - 1)
    assert told[0].dtype == np.int32


DISAGREEING = """
import sys, jax
address, rank = sys.argv[1], int(sys.argv[2])
jax.config.update("jax_num_cpu_devices", 2)
jax.distributed.initialize(address, 2, rank)
from ptychograd.fitting.epoch import agreed, grid
of_all, of_one = jax.devices(), jax.local_devices()
print("agreed", agreed(0.5 + rank, grid(of_all, 2)), agreed(0.5 + rank, grid(of_one, 2)), flush=True)
"""


@pytest.mark.slow
def test_what_processes_work_out_is_agreed_upon():
    """Where they share a run, and not where each has its own."""
    pipes, address = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}, coordinator()
    command = [sys.executable, "-c", DISAGREEING, address]
    texts, statuses = ended([subprocess.Popen([*command, str(rank)], **pipes) for rank in range(2)])
    assert statuses == [0, 0], texts
    found = [re.findall(r"agreed (\S+) (\S+)", out) for out, _ in texts]  # Gloo writes there as well
    assert found == [[("0.5", "0.5")], [("0.5", "1.5")]]


@pytest.mark.slow
def test_a_process_that_dies_ends_the_run_which_another_number_resumes(scan):
    """Three, of which one is killed; the others say so at once, and one process alone goes on."""
    processes = started(scan, 3, "--epochs", 100000, "--batch-size", 9, "--checkpoint-every", 1)
    try:
        deadline = time.monotonic() + SECONDS
        while not (scan.parent / "result.h5").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        processes[2].kill()
    finally:
        texts, statuses = ended(processes)
    assert statuses[:2] == [2, 2], texts
    assert "another process ended" in texts[0][1]
    begun = pg.load(scan.parent / "result.h5")
    assert begun.history.epochs >= 1
    epochs = begun.history.epochs + 2
    command = [sys.executable, "-m", "ptychograd", "resume", "result.h5", "--epochs", str(epochs)]
    done = subprocess.run(command, cwd=scan.parent, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    history = pg.load(scan.parent / "result.h5").history
    assert history.epochs == epochs
    assert history.loss[: begun.history.epochs] == begun.history.loss


@pytest.mark.slow
def test_the_end_of_a_batch_job_is_an_interrupt_for_all(scan):
    """SIGTERM to each, as Slurm sends it: the result is saved, and can be resumed."""
    processes = started(scan, 2, "--epochs", 100000, "--batch-size", 8, "--checkpoint-every", 1)
    try:
        deadline = time.monotonic() + SECONDS
        while not (scan.parent / "result.h5").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        for process in processes:
            process.terminate()
    finally:
        texts, statuses = ended(processes)
    assert set(statuses) <= {130, 2}, texts  # who sees first that the other has left says that
    assert pg.load(scan.parent / "result.h5").stopped in ("interrupted", "another process ended")


def test_a_process_reads_its_own_patterns_only(scan, data):
    """Three shares looked at one by one; together they tell what a look at all tells."""
    monitored = []
    for share in range(3):
        numbers = []

        def reading(begin, end, out, numbers=numbers):
            numbers.extend(range(begin, end))
            out[:] = data.patterns[begin:end]

        keep = StreamFromFile(0, 2**20, share, 3)
        stored = StoredPatterns(reading, data.patterns.shape, data.patterns.dtype, keep, Whole(data.count))
        stored.gap_notes = ()  # gaps of the detector were looked for
        monitored.append(stored.surveyed_with(data.mask))
        assert numbers == list(range(56 * share // 3, 56 * (share + 1) // 3))
    survey = added([type(one).unpacked(one.packed()) for one in monitored])
    assert np.array_equal(survey.photons, data.photons)
    assert survey.seen == data.count
    assert np.allclose(survey.total, data.sums[0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            ("--set", "machine.rank=0"),
            "several processes need `machine.coordinator`, `machine.processes` and `machine.rank`",
        ),
        (
            ("--set", "machine.coordinator=127.0.0.1:1", "--set", "machine.processes=2", "--set", "machine.rank=2"),
            "expected a rank from 0 to one less",
        ),
        (("--devices", "0"), "expected 1 or more"),
        (("--memory", "lots"), "is no memory; expected a number and one of the units B, kB"),
    ],
)
def test_what_can_not_be(scan, options, text):
    command = [sys.executable, "-m", "ptychograd", "reconstruct", scan.name, *options]
    done = subprocess.run(command, cwd=scan.parent, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 2
    assert text in done.stderr
    assert "Traceback" not in done.stderr
