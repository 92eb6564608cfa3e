"""Kill reconstructions with SIGKILL at random moments, look at what is left, go on, and compare with one left alone.

    python tests/long/kill_loop.py --kills 60

Every run writes checkpoints as often as it can. Every other kill waits for a write to begin and comes within it or soon
after. After each kill the result file, if there is one, has to load, with no fewer epochs than before. What is left in
the end has to be the result of an uninterrupted run, bit for bit, with no temporary file beside it. It takes about five
seconds a kill and ends with a table and status 0, or with status 1.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

import ptychograd as pg

KINDS = {  # what is simulated, how it is reconstructed
    "far field": (("far-field", "--photons", "1e5"), ("--epochs", "150")),
    "far field, Poisson, held out": (
        ("far-field", "--photons", "1e5"),
        (
            "--epochs",
            "100",
            "--noise",
            "poisson",
            "--set",
            "fit.hold_probe=20",
            "--hold-out",
            "0.05",
            "--start",
            "random",
        ),
    ),
    "near field, until settled": (("near-field", "--reduced"), ("--epochs", "auto")),
    "crystal": (("bragg", "--reduced"), ("--epochs", "20")),
}
LONGEST_WAIT = 8.0  # seconds from the start of a process to its end
WINDOW = 0.02  # seconds after the begin of a write in which it is hit


class Killed(NamedTuple):
    """One kill: when, whether a file was being written, and the epochs of the result file before and after."""

    kind: str
    seconds: float
    writing: bool
    before: int
    after: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng, kills = random.Random(arguments.seed), []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        each = -(-arguments.kills // len(KINDS))
        for kind in KINDS:
            kills += killed(kind, Path(folder) / kind.replace(" ", "_"), each, rng)
    report(kills)


def killed(kind: str, folder: Path, count: int, rng: random.Random) -> Iterator[Killed]:
    """So many kills of a kind of run; each chain of them is compared with the whole when it has come to its end."""
    simulated, options = KINDS[kind]
    folder.mkdir()
    call("simulate", simulated[0], folder / "data.h5", *simulated[1:]).wait()
    call("reconstruct", folder / "data.h5", "-o", folder / "whole.h5", *options).wait()
    result, done, chains = folder / "result.h5", 0, 0
    while done < count or result.exists():
        before = epochs(result)
        every = ("--checkpoint-every", "1")
        begin = ("resume", result) if before else ("reconstruct", folder / "data.h5", "-o", result, *options)
        leftovers = halves(folder)
        process, start = call(*begin, *every), time.monotonic()
        if done < count and kill(process, folder, rng):
            seconds, writing = time.monotonic() - start, bool(halves(folder) - leftovers)
            done += 1
            yield tell(Killed(kind, seconds, writing, before, epochs(result)))
            continue
        require(process.wait() == 0, f"{kind}: status {process.returncode}")
        require(content(result) == content(folder / "whole.h5"), f"{kind}: not the bytes of the uninterrupted run")
        require(not halves(folder), f"{kind}: temporary files are left")
        result.unlink()
        chains += 1
    print(f"{kind}: {chains} interrupted runs are the uninterrupted one, bit for bit", flush=True)


def kill(process: subprocess.Popen, folder: Path, rng: random.Random) -> bool:
    """Kill a process at a random moment; whether it had not ended before."""
    moment = time.monotonic() + rng.uniform(0.5, LONGEST_WAIT)
    while time.monotonic() < moment and process.poll() is None:
        time.sleep(0.001)
    leftovers = halves(folder)
    if rng.random() < 0.5:
        while process.poll() is None and not halves(folder) - leftovers:
            time.sleep(0.0002)
        time.sleep(rng.uniform(0, WINDOW))
    process.kill()
    return process.wait() < 0


def halves(folder: Path) -> set[Path]:
    """The temporary files of writers, be they alive or dead."""
    return set(folder.glob(".*.part.h5"))


def call(*arguments: object) -> subprocess.Popen:
    command = [sys.executable, "-m", "ptychograd", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def epochs(path: Path) -> int:
    """The epochs of a result, which has to load; 0 if there is none."""
    return pg.load(path).history.epochs if path.exists() else 0


def content(path: Path) -> dict:
    """Every dataset of a result but seconds and versions, and the settings but the names of the files."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, node: found.update({name: node}))
        found = {name: np.asarray(node[()]) for name, node in found.items() if isinstance(node, h5py.Dataset)}
    settings = json.loads(found.pop("entry/settings").item())
    del found["entry/history/seconds"], found["entry/versions"], settings["plan"]["output"]
    return {name: (array.dtype.str, array.tobytes()) for name, array in found.items()} | {"settings": settings}


def tell(one: Killed) -> Killed:
    where = "in a write" if one.writing else ""
    print(f"{one.kind:30} {one.seconds:6.2f} s  {one.before:4} -> {one.after:4} epochs  {where}", flush=True)
    require(one.after >= one.before, "the result file went back")
    return one


def report(kills: list[Killed]) -> None:
    print(f"\n{'kind':30} kills  in a write  before the first checkpoint  without a new one")
    for kind in KINDS:
        some = [one for one in kills if one.kind == kind]
        still = sum(one.after == one.before > 0 for one in some)
        none = sum(one.after == 0 for one in some)
        print(f"{kind:30} {len(some):5}  {sum(one.writing for one in some):10}  {none:27}  {still:17}")
    print(f"{'all':30} {len(kills):5}  {sum(one.writing for one in kills):10}")


def require(fine: bool, complaint: str) -> None:
    if not fine:
        sys.exit(f"FAILED: {complaint}")


if __name__ == "__main__":
    main()
