"""Runs of the peers: each a process of its own on one core, and what is told of it."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.peers.environments import Missing, driver, interpreter

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
GRACE = 600  # seconds to import, to compile, and for the last epoch
FASTEST = 10  # per cent of all epochs, whose slowest counts


def settings(name: str) -> list[str]:
    """The settings that a peer is run with."""
    return json.loads(_called(interpreter(name), name, [], GRACE).splitlines()[-1])["settings"]


def found(
    name: str, problem: Path, setting: str, epochs: int, every: int, seconds: float, python: Path | None = None
) -> dict[str, np.ndarray]:
    """What a peer finds with a setting: objects and probes after the epochs of `numbers`, and seconds of each epoch."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "found.npz"
        options = [str(problem), str(path), setting, str(epochs), str(every), str(seconds)]
        _called(python or interpreter(name), name, options, seconds + GRACE)
        with np.load(path) as file:
            return dict(file)


def with_times(runs: list[dict], within: float) -> list[dict]:
    """The runs with epochs and time to so many times the best figure of them all.

    Each has `errors` after the epochs of `numbers`, and `times` of all epochs. Below 1 stands for figures of which the
    largest is the best.
    """
    sign = 1 if within > 1 else -1
    values = [np.nan_to_num(sign * np.array(run["errors"], float), nan=np.inf, posinf=np.inf) for run in runs]
    target = within * min((float(one.min()) for one in values), default=np.inf)
    told = []
    for run, value in zip(runs, values, strict=True):
        each, best = float(np.percentile(run["times"], FASTEST)), int(np.argmin(value))
        reached = np.flatnonzero(value <= target)
        epochs = int(run["numbers"][reached[0]]) if len(reached) else None
        facts = {"target": sign * target, "epoch": each, "reached": epochs}
        facts |= {"seconds": None if epochs is None else epochs * each}
        told.append(run | facts | {"best": float(run["errors"][best]), "best after": int(run["numbers"][best])})
    return told


def rate(name: str, data, batch: int, folder: Path) -> dict:
    """Patterns a second of a setting with that batch, if there is one, in this interpreter, for benchmarks/gpu.py.

    With `DEVICE=cuda` in the environment on the accelerator, on all cores otherwise.
    """
    arrays = {"patterns": np.asarray(data.patterns), "positions": np.asarray(data.positions, float)}
    probe = np.asarray(data.probe, np.complex64).reshape(-1, *data.frame_shape)
    shape = np.ceil(arrays["positions"].max(axis=0)).astype(int) + data.frame_shape
    path, python = folder / "peer.npz", Path(sys.executable)
    np.savez(path, object=np.ones(shape, np.complex64), probe=probe, hold=0, **arrays)
    told = json.loads(_called(python, name, [], GRACE).splitlines()[-1])
    chosen = next((one for one in told["settings"] if str(batch) in one), told["settings"][0])
    seconds = found(name, path, chosen, 6, 6, 30, python)["seconds"]
    path.unlink()
    return told | {"settings": chosen, "patterns/s": data.count / float(np.median(seconds[1:]))}


def _called(python: Path, name: str, options: list[str], limit: float) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [str(python), str(driver(name)), *options]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, env=environment, check=True)
    except subprocess.CalledProcessError as problem:
        raise Missing(problem.stderr.strip()[-500:]) from None
    except subprocess.TimeoutExpired:
        raise Missing(f"took longer than {limit:.0f} s") from None
    return done.stdout


def on_one_core(core: int) -> None:
    """Hold this process, and those that it starts, on one core, with one thread each."""
    os.sched_setaffinity(0, {core})
    os.environ.update(dict.fromkeys(THREADS, "1"))
