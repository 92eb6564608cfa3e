"""How much memory a run is said to take: sizes that follow from shapes, and the peak of a process that does it."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

import problems
import ptychograd as pg
from ptychograd.core.memory import ALIGNED, available_memory, is_aligned
from ptychograd.data.dataset import StreamFromFile
from ptychograd.data.files import read
from ptychograd.fitting.epoch import bytes_of, chunk, footprint, patterns_at_once
from ptychograd.fitting.epoch.shapes import LARGEST_TRANSFORM
from ptychograd.fitting.reconstruction import Task, prepared, task
from ptychograd.runs import memory_plan as _memory_plan
from ptychograd.runs.memory_plan import PARAMETERS, PATTERNS, STATE, SUMS, TRANSFORMS, WAVES, memory_plan, size

ROOT = Path(__file__).parents[2]
ADAM = pg.adam({"object": 0.01, "probe": 1.0})


def task_of(data, solver=None, batch_size=8, modes=1, **changes) -> Task:
    model = problems.start_model(data, modes=modes)
    both = ("object", "probe")
    return Task(model, data, solver or pg.Nesterov(), 2, batch_size, both, pg.Amplitude())._replace(**changes)


def parts(*tasks: Task) -> dict[str, int]:
    return memory_plan(tasks).host.parts


def test_parts_add_up(data):
    place = memory_plan([task_of(data)]).host
    assert place.total == sum(place.parts.values())
    assert all(number >= 0 for number in place.parts.values())
    assert place.free == pytest.approx(available_memory(), rel=0.2)
    assert place.fits


@pytest.mark.slow
@pytest.mark.parametrize("solver", [pg.Nesterov(), pg.PIE(), ADAM], ids=str)
def test_parameters_and_state_are_held_before_and_after(data, solver):
    one = task_of(data, solver)
    member = prepared(one)[1].member
    assert parts(one)[PARAMETERS] == 2 * bytes_of(member.variables) > 2 * 8 * (53 * 47 + 20 * 18) - 1
    assert parts(one)[STATE] == 2 * bytes_of(member.state)


@pytest.mark.slow
def test_modes_take_what_their_pixels_take(data):
    one, three = (parts(task_of(data, modes=modes)) for modes in (1, 3))
    assert three[PARAMETERS] - one[PARAMETERS] == 2 * 2 * 20 * 18 * 8
    assert three[STATE] - one[STATE] == 2 * 2 * 20 * 18 * 8
    assert three[TRANSFORMS] == 3 * one[TRANSFORMS] == 3 * 20 * 18 * 8
    assert three[WAVES] > one[WAVES]


@pytest.mark.slow
def test_devices_hold_copies_of_all_but_patterns(data):
    one, two = (parts(task_of(data, devices=devices)) for devices in (None, tuple(jax.devices()[:2])))
    for name in (PARAMETERS, STATE, WAVES, TRANSFORMS):
        assert two[name] == 2 * one[name], name
    assert two[PATTERNS] == one[PATTERNS]
    assert two[SUMS] >= one[SUMS]


@pytest.mark.slow
def test_patterns_are_held_once_where_a_device_takes_them_as_they_are(tmp_path, data):
    pg.write(tmp_path / "scan.h5", data)
    from_file = read(tmp_path / "scan.h5")
    assert is_aligned(np.asarray(from_file.patterns))
    mask = data.mask.nbytes
    assert parts(task_of(from_file))[PATTERNS] == data.patterns.nbytes + mask
    raw = np.empty(data.patterns.nbytes + 2 * ALIGNED, np.uint8)
    begin = -raw.ctypes.data % ALIGNED + 2
    aside = raw[begin : begin + data.patterns.nbytes].view(np.uint16).reshape(data.patterns.shape)
    aside[:] = data.patterns
    assert parts(task_of(_with(data, aside)))[PATTERNS] == data.patterns.nbytes + mask  # copied to where they are taken
    raw.flags.writeable = aside.flags.writeable = False
    assert parts(task_of(_with(data, aside)))[PATTERNS] == 2 * data.patterns.nbytes + mask
    doubles = _with(data, data.patterns.astype(np.float64))
    assert parts(task_of(doubles))[PATTERNS] == (4 + 2) * data.patterns.nbytes + mask


def _with(data, patterns):
    return pg.make_dataset(patterns, data.positions, probe=data.probe)


def test_patterns_in_their_file_take_some_blocks(tmp_path, data):
    pg.write(tmp_path / "scan.h5", data)
    each = data.patterns[0].nbytes
    stored = read(tmp_path / "scan.h5", keep=StreamFromFile(16 * each, 8 * each))
    assert (
        parts(task_of(stored))[PATTERNS] == _memory_plan.READER + _memory_plan.BLOCKS * 8 * each + 2 * data.mask.nbytes
    )


@pytest.mark.slow
def test_stages_that_differ_are_compiled_each(data):
    held = task_of(data, trainable=("object",))
    one, same, two = parts(task_of(data)), parts(task_of(data), task_of(data)), parts(held, task_of(data))
    assert same["compiling"] == one["compiling"] < two["compiling"]
    assert two[PARAMETERS] == one[PARAMETERS]


def test_footprint_of_something_known():
    """Alive at the end are the sum (4 kB), the same as complex numbers (8 kB) and their transform (8 kB)."""
    shape = jax.ShapeDtypeStruct((1000,), np.float32)

    def steps(x):
        y = jax.numpy.sin(x)
        z = jax.numpy.cos(y)
        return jax.numpy.fft.fft(z + y)

    found = footprint(steps, shape)
    assert found.peak == 20_000
    assert found.transform == 8_000


@pytest.mark.slow
def test_what_cannot_fit_is_refused_with_numbers(data, monkeypatch):
    monkeypatch.setattr(_memory_plan, "available_memory", lambda: 10_000_000)
    with pytest.raises(pg.InputError) as refused:
        memory_plan([task_of(data, modes=2, devices=tuple(jax.devices()))]).check()
    text = str(refused.value)
    assert "needs about" in text
    assert "10 MB are free" in text
    assert "`machine.devices=1` or fewer `model.probe.modes` or a smaller part of the scan" in text


@pytest.mark.slow
def test_many_patterns_may_stay_in_their_file(data, monkeypatch):
    """Where they take the most: a scan of 40,000 patterns, all alike, in a process that holds nothing else."""
    count = 40_000
    patterns = np.broadcast_to(data.patterns[:1], (count, *data.frame_shape))
    large = replace(data, patterns=patterns, positions=np.resize(data.positions, (count, 2)))
    monkeypatch.setattr(_memory_plan, "available_memory", lambda: 8_000_000)
    monkeypatch.setattr(_memory_plan, "used_memory", lambda: 0)
    with pytest.raises(
        pg.InputError, match=r"patterns \d+ MB, .* 8 MB are free; give `machine.memory=2MB` so that patterns"
    ):
        memory_plan([task_of(large)]).check()


@pytest.mark.slow
def test_commands_say_it_and_refuse(run, tmp_path, data, monkeypatch):
    pg.write(tmp_path / "scan.h5", data)
    monkeypatch.setattr("ptychograd.cli.engine.start", lambda *_: None)
    status, out, _ = run("inspect", "scan.h5", "--memory-plan", "--modes", 2, "--devices", 2, "--memory", "1GB")
    assert status == 0
    assert all(name in out for name in ("memory", "solver state", "working set", "compiling"))
    assert "compiling" not in run("inspect", "scan.h5")[1]
    status, _, err = run("reconstruct", "scan.h5", "--epochs", 1)
    assert status == 0
    assert "memory: about" in err
    monkeypatch.setattr(_memory_plan, "available_memory", lambda: 1_000_000)
    status, _, err = run("reconstruct", "scan.h5", "--epochs", 1, "-o", "other.h5")
    assert status == 2
    assert "1 MB are free" in " ".join(err.split())
    assert not Path("other.h5").exists()


@pytest.mark.parametrize(("batch", "most", "part"), [(32, 12, 8), (32, 40, 32), (31, 16, 16), (7, 0, 1), (30, 29, 15)])
def test_chunks_divide_a_batch(batch, most, part):
    assert chunk(batch, most) == part
    assert part <= max(1, most)


@pytest.mark.slow
def test_accelerators_take_as_many_patterns_as_fit(data, monkeypatch):
    work, standing = prepared(task_of(data, batch_size=16))
    arguments = standing.member, data, work.asked
    assert patterns_at_once(*arguments, None) == 1
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert patterns_at_once(*arguments, None) == 16
    found = [patterns_at_once(*arguments, room) for room in (10**5, 6 * 10**5, 10**6, 10**9)]
    assert found[0] == 1
    assert found[-1] == 16
    assert found == sorted(found)
    assert 1 < found[1] < 16
    monkeypatch.setattr("ptychograd.fitting.epoch.shapes.LARGEST_TRANSFORM", 5 * 20 * 18 * 8)
    assert patterns_at_once(*arguments, 10**9) == 4
    assert LARGEST_TRANSFORM == 10**9


@pytest.mark.slow
@pytest.mark.variants
@pytest.mark.parametrize("solver", [pg.Nesterov(), pg.PIE(0.1), pytest.param(ADAM, marks=pytest.mark.slow)], ids=str)
def test_chunks_change_no_result(data, solver, monkeypatch):
    model, results = problems.start_model(data), []
    for at_once in (1, 5, 16):
        monkeypatch.setattr(task, "patterns_at_once", lambda *_, at_once=at_once: at_once)
        results.append(pg.reconstruct(model, data, solver, epochs=1, batch_size=16))
    for other in results[1:]:
        assert other.history.loss == pytest.approx(results[0].history.loss, rel=1e-6)
        assert np.linalg.norm(other.object - results[0].object) < 2e-6 * np.linalg.norm(results[0].object)


def test_sizes_in_words():
    assert [size(number) for number in (900, 24_000, 760_000_000, 1_240_000_000, 30_000_000_000)] == [
        "900 B",
        "24 kB",
        "760 MB",
        "1.2 GB",
        "30 GB",
    ]


@pytest.mark.slow
def test_the_estimate_is_near_the_peak_of_a_process():
    script = (
        "import json, sys; sys.path.insert(0, 'benchmarks'); import memory\n"
        "case = memory.Case('', 64, 4000, 12, 'adam', modes=2)\n"
        "print(json.dumps(memory.measured(case)))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["measured"] > 300e6
    assert told["estimate"] == pytest.approx(told["measured"], rel=0.25)
