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


def settings(name: str) -> tuple[str, list[str]]:
    """Version of a peer, and its settings."""
    told = json.loads(_called(interpreter(name), name, [], GRACE).splitlines()[-1])
    return told["version"], told["settings"]


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


def summary(numbers: np.ndarray, errors: list[float], seconds: np.ndarray, target: float, smaller: bool) -> dict:
    """Epochs and time to a target, the best of all errors, and seconds of an epoch."""
    each = float(np.percentile(seconds, FASTEST))
    sign = 1 if smaller else -1
    values = np.array(errors, float) * sign
    values = np.where(np.isfinite(values), values, np.inf)
    reached = np.flatnonzero(values <= sign * target)
    epochs = int(numbers[reached[0]]) if len(reached) else None
    best = int(np.argmin(values))
    told = {"epoch": each, "reached": epochs, "seconds": None if epochs is None else epochs * each}
    return told | {"best": float(errors[best]), "best after": int(numbers[best]), "last": float(errors[-1])}


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
