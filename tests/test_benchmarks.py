"""The benchmarks that tell of other machines and other packages: each runs, small, and judges rightly."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks import fine_grid, misfit
from benchmarks.peers import judging
from benchmarks.peers.runs import with_times
from benchmarks.peers.table import best_of, table

from problems import FRAME, object_wave, positions, probe_wave

ROOT = Path(__file__).parents[1]


def called(*arguments):
    """What a script says, run as a person would, without the strictness that tests ask of JAX."""
    command = [sys.executable, *map(str, arguments)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def ramp():
    y, x = np.mgrid[: object_wave().shape[0], : object_wave().shape[1]]
    return np.exp(2j * np.pi * (2 * y / y.shape[0] - x / x.shape[1]))


def test_the_truth_is_judged_as_true_whatever_no_pattern_tells(ramp):
    """Scale, phase, a ramp that the probe takes back, a shift of both; and another object as wrong."""
    object, probe, places = object_wave(), probe_wave(), positions()
    other = np.conj(object[::-1])
    same = np.roll(2j * object * ramp, (1, 2), (0, 1))
    judge = judging.inside(object, probe, places)
    assert judge(same, np.roll(probe, (1, 2), (0, 1))[None]) < 0.02
    assert judge(other, probe[None]) > 0.5
    judge = judging.correlation(np.exp(0.2j * np.angle(object)), probe, places)
    assert judge(3j * np.exp(0.2j * np.angle(object)), probe[None]) > 0.999
    assert abs(judge(np.exp(0.2j * np.angle(other)), probe[None])) < 0.5
    assert judge(np.ones_like(object), probe[None]) == 0


def test_a_period_of_the_raster_is_no_error():
    object, probe, period = object_wave(), probe_wave(), 6
    support = np.zeros(object.shape, bool)
    support[5:47, 3:45] = True
    y, x = np.mgrid[: object.shape[0], : object.shape[1]]
    grid = 1 + 0.3 * np.cos(2 * np.pi * y / period) * np.sin(4 * np.pi * x / period)
    judge = judging.up_to_a_raster(object, probe[None], support, period)
    assert judge(1j * object * grid, probe[None]) < 1e-6
    assert judge(object * (1 + 0.3 * np.cos(2 * np.pi * y / 7.3)), probe[None]) > 0.05


def test_held_out_patterns_are_expected_where_they_were_measured():
    """Between the pixels too; the scale of a transform is anyone's own."""
    object, probe, places = object_wave(), probe_wave()[None], positions()[:9] + 0.3
    f = [np.fft.fftfreq(n) for n in FRAME]
    ramp = np.exp(-2j * np.pi * 0.3 * (f[0][:, None] + f[1]))
    moved = np.fft.ifft2(np.fft.fft2(probe[0]) * ramp)
    windows = (object[y : y + FRAME[0], x : x + FRAME[1]] for y, x in np.floor(places).astype(int))
    patterns = np.array([np.abs(np.fft.fftshift(np.fft.fft2(moved * window))) ** 2 for window in windows])
    judge = judging.held_out(patterns, places)
    assert judge(object, probe) < 1e-6
    assert judge(object, 5 * probe) < 1e-6
    assert judge(np.conj(object), probe) > 0.1


def a_run(peer, setting, errors, times=(1.0,) * 9):
    numbers = [2 * place + 2 for place in range(len(errors))]
    return {"peer": peer, "version": "1.0", "setting": setting, "numbers": numbers, "errors": errors, "times": times}


def test_time_is_epochs_times_the_fastest_tenth_up_to_near_the_best():
    times = [9.0, *np.linspace(1, 2, 10)]
    runs = [
        a_run("one", "a", [0.4, 0.11, 0.12], times),
        a_run("two", "b", [0.3, 0.1]),
        a_run("two", "c", [np.nan, 0.4]),
    ]
    first, second, third = with_times(runs, 1.2)
    assert first["target"] == pytest.approx(0.12)
    assert (first["reached"], first["best"], first["best after"]) == (4, 0.11, 4)
    assert first["epoch"] == pytest.approx(np.percentile(times, 10))
    assert first["seconds"] == pytest.approx(4 * first["epoch"])
    assert second["seconds"] == 4.0
    assert third["seconds"] is None
    most, least = with_times([a_run("one", "a", [0.5, 0.9]), a_run("two", "b", [0.84, 0.85])], 0.95)
    assert (most["reached"], least["reached"]) == (4, None)
    assert most["target"] == pytest.approx(0.95 * 0.9)


def test_the_table_shows_the_best_setting_and_what_was_left_out():
    runs = [a_run("one", "slow", [0.2, 0.3, 0.02]), a_run("one", "fast", [0.2, 0.021]), a_run("two", "not", [0.2, 0.1])]
    assert best_of(with_times(runs, 1.2)[:2], True)["setting"] == "fast"
    assert best_of(with_times(runs, 1.2)[2:], True)["setting"] == "not"
    one = {"name": "a set", "figure": "NRMSE", "within": 1.2, "patterns": [5, 8, 8], "runs": runs}
    where = {"processor": "a processor", "python": "3", "jax": "0"}
    text = table({"machine": where, "sets": {"a": one | {"left out": {"other": "no wheel"}}}})
    assert "| one 1.0 | fast (of 2) | 4.00, 4 | 1000.0 | 0.0210, 4 |" in text
    assert "| two 1.0 | not (of 1) | not |" in text
    assert "- other: no wheel" in text


@pytest.mark.slow
def test_the_benchmark_for_a_gpu_runs_on_a_cpu(tmp_path):
    """Every part once; a CPU agrees with itself, and the tables are told from what was measured."""
    called("benchmarks/gpu.py", "--platform", "cpu", "--small", "--out", tmp_path)
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert found["agreement"]
    assert all(one["agrees"] for one in found["agreement"].values())
    assert {(row["frame"], row["batch"]) for row in found["rates"]} >= {(16, 4), (24, 3)}
    assert all(row["patterns/s"] > 0 and row["pair"] > 0 for row in found["rates"])
    assert found["streaming"]["streamed"] > 0
    assert {one["what"] for one in found["left out"]} <= {"pty-chi", "PtyLab"}
    text = called("benchmarks/gpu.py", "--table", tmp_path / "gpu.json")
    assert "| Nesterov | 24² | 3 |" in text
    assert "jax" in (tmp_path / "gpu.log").read_text()


@pytest.mark.slow
def test_a_gpu_benchmark_without_time_says_what_it_left_out(tmp_path):
    called("benchmarks/gpu.py", "--platform", "cpu", "--small", "--out", tmp_path, "--minutes", 0)
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert not found["rates"]
    assert {one["why"] for one in found["left out"]} <= {"no time left", "not installed"}


@pytest.mark.slow
def test_peers_run_side_by_side(tmp_path):
    """Those that need no environment of their own; from 0.64, which the flat start has."""
    options = ("--sets", "jittered", "--peers", "ptychograd", "NumPy ePIE", "--epochs", 60, "--small")
    called("-m", "benchmarks.peers", "--out", tmp_path, *options)
    runs = json.loads((tmp_path / "peers.json").read_text())["sets"]["jittered"]["runs"]
    assert {run["peer"] for run in runs} == {"ptychograd", "NumPy ePIE"}
    for run in runs:
        assert run["numbers"] == list(range(1, 61))
        assert len(run["times"]) == 60
        assert run["errors"][-1] < 0.5
    text = called("-m", "benchmarks.peers", "--table", tmp_path / "peers.json")
    assert "| NumPy ePIE" in text


def test_images_are_compared_up_to_what_no_pattern_tells():
    """A ramp, a factor and a shift of whole pixels; another object, and one with noise, are told."""
    truth, rng = object_wave(), np.random.default_rng(1)
    y, x = np.mgrid[: truth.shape[0], : truth.shape[1]]
    where = np.zeros(truth.shape, bool)
    where[9:40, 8:33] = True
    same = np.where(where, 0.3j * truth * np.exp(1j * (0.03 * y - 0.11 * x)), 7)
    assert fine_grid.alike(same, truth, where) > 0.999
    assert fine_grid.alike(same, truth, where, True) > 0.999
    moved, there = np.roll(same, (2, -1), (0, 1)), np.roll(where, (2, -1), (0, 1))
    plain, blurred, by = fine_grid.registered(moved, truth, there)
    assert (plain > 0.999, blurred > 0.999, by) == (True, True, (2, -1))
    assert abs(fine_grid.alike(np.conj(truth[::-1]), truth, where)) < 0.5
    noisy = truth + 0.3 * rng.normal(size=truth.shape)
    assert fine_grid.alike(noisy, truth, where) < fine_grid.alike(noisy, truth, where, True)


def test_the_finer_grid_sees_the_far_field_that_the_pixels_see():
    """Of an object that these resolve; a wave moved on is moved back, and light is kept."""
    rng = np.random.default_rng(2)
    v = fine_grid.potential(rng, (40, 44), 4.0, 6.0, 0.3)
    probe = fine_grid.wave(32, "gauss", 0.1, 4.0)
    places = np.array([[0.0, 0.0], [3.5, 6.0]])
    fine = fine_grid.far_fields(np.exp(1j * v)[None], [probe], places)
    coarse = fine_grid.wave(32, "gauss", 0.1, 4.0, 1)
    windows = [np.exp(1j * v[::2, ::2])[:32, :32], np.exp(1j * v[1::2, ::2])[3:35, 6:38]]
    for pattern, window in zip(fine, windows, strict=True):
        near = np.abs(np.fft.fftshift(np.fft.fft2(coarse * window, norm="ortho"))) ** 2
        assert np.linalg.norm(pattern - near) < 0.05 * np.linalg.norm(near)
    there = fine_grid.onwards(probe, 9.0)
    assert np.isclose(np.linalg.norm(there), np.linalg.norm(probe))
    np.testing.assert_allclose(fine_grid.onwards(there, -9.0), probe, atol=1e-12)


def a_row(batch, r, **changes):
    one = {"misfit": "thick", "scan": "raster", "dose": 2e3, "seed": 0, "batch": batch, "r": r, "verdict": "at_noise"}
    return one | {"causes": [], "lattice": 0.1, "correlation": 0.95} | changes


def test_a_default_is_kept_near_the_best_batch_or_told():
    others = [a_row(batch, r) for batch, r in zip(misfit.BATCHES[1:], (0.4, 0.3, 0.2, 0.3), strict=True)]
    first = "1 of 1 default runs without a lattice and within 1.1 of the best R; of the others 0"
    assert first in misfit.table([a_row("default", 0.21), *others])
    assert "0 of 1 default" in misfit.table([a_row("default", 0.23), *others])
    assert "others 1 are not told" in misfit.table([a_row("default", 0.2, lattice=0.8), *others])
    told = a_row("default", 0.2, lattice=0.8, verdict="not_solved", causes=["lattice"])
    assert "others 0 are not told" in misfit.table([told, *others])
    right = [a_row("default", 0.1, misfit="none", seed=k, causes=["lattice"] * (k == 1)) for k in range(3)]
    assert "3 right ones, 3 good (correlation above 0.9): 1 with the cause lattice" in misfit.table(right)


@pytest.mark.slow
def test_misfits_are_run_once_and_told(tmp_path):
    file = tmp_path / "runs.jsonl"
    options = (file, "--only", "background raster 2e+03", "--side", 5, "--epochs", 3, "--good", 0)
    called("-m", "benchmarks.misfit", *options)
    first = file.read_text()
    assert len(first.splitlines()) == len(misfit.BATCHES)
    called("-m", "benchmarks.misfit", *options)
    assert file.read_text() == first
    assert "of 1 default runs" in called("-m", "benchmarks.misfit", file, "--table")


@pytest.mark.slow
def test_random_problems_of_every_kind_run():
    text = called("-m", "benchmarks.random_problems", "--count", 6, "--small", "--epochs", 2)
    assert len([line for line in text.splitlines() if line.startswith("| ")]) == 7
    assert "of 6 solved" in text


@pytest.mark.slow
def test_a_thick_crystal_runs():
    options = ("--seeds", 1, "--side", 4, "--epochs", 2, "--batches", 8, "all")
    lines = called("-m", "benchmarks.thick_crystal", *options).splitlines()
    assert [line.split(" | ")[1] for line in lines[2:]] == ["default", "8", "all"]
