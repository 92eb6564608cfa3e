"""Seconds of an epoch for ever more patterns at constant overlap: does the cost grow as the work grows?

    python benchmarks/linearity.py [--largest 100000] [--frame 64] [--solvers Nesterov rPIE ...] [--limit 120]
                                   [--rounds 3] [--json FILE]

Patterns are counts without meaning, of a scan whose windows overlap by 69 %: what they show makes no difference to
the time. Compiling is timed apart. A solver is taken to ten times as many patterns only if its epoch would be done
within `--limit` seconds should time grow with the square. The exponent is the slope of log time over log patterns.
"""

import argparse
import json
import math
import time
from pathlib import Path

import jax
import numpy as np

import ptychograd as pg
from ptychograd.fitting.epoch import Resident, one_epoch
from ptychograd.fitting.reconstruction import Task, prepared

SOLVERS = {
    "Nesterov": (pg.Nesterov(), 16),
    "ePIE": (pg.PIE(), 1),
    "AD-ePIE": (pg.ADePIE(), 1),
    "rPIE": (pg.PIE(0.1), 32),
    "Adam": (pg.adam({"object": 1e-2, "probe": 1.0}), 100),
}
FEWEST, BANK = 100, 64  # patterns of the smallest scan; different patterns in a scan


def scan(count, frame):
    """So many patterns (uint16) on a square raster, 5/16 of a frame apart."""
    side, step = math.isqrt(count - 1) + 1, frame * 5 // 16
    rows, columns = np.divmod(np.arange(count), side)
    y, x = np.mgrid[:frame, :frame] / frame - 0.5
    mean = 200 * np.exp(-(y**2 + x**2) / 0.02)
    bank = np.random.default_rng(0).poisson(mean, (BANK, frame, frame)).astype(np.uint16)
    probe = np.exp(-(y**2 + x**2) / 0.03) * np.exp(40j * (y**2 + x**2))
    probe *= np.sqrt(mean.sum() / np.sum(np.abs(probe) ** 2))
    corners = step * np.stack([rows, columns], axis=1).astype(float)
    return pg.make_dataset(bank[np.arange(count) % BANK], corners, probe=probe, source="benchmark")


def timed(solver, batch_size, data, rounds):
    """Seconds of an epoch, the fastest of some, seconds of compiling, and pixels of the object."""
    model = pg.far_field(data, object=pg.models.flat_object)
    task = Task(model, data, solver, 1, batch_size, ("object", "probe"), pg.Amplitude())
    work, standing = prepared(task)
    feed = Resident(data, work.asked)
    arguments = (standing.member, feed.patterns, feed.plan(0, 0, 1))
    begin = time.perf_counter()
    epoch = one_epoch.lower(*arguments).compile()
    compilation, seconds = time.perf_counter() - begin, []
    for _ in range(rounds + 1):  # the first finds its memory
        begin = time.perf_counter()
        jax.block_until_ready(epoch(*arguments))
        seconds.append(time.perf_counter() - begin)
    return min(seconds[1:] or seconds), compilation, model.object.transmission.shape


def exponent(counts, seconds):
    """The slope of log seconds over log patterns."""
    return float(np.polyfit(np.log(counts), np.log(seconds), 1)[0]) if len(counts) > 1 else math.nan


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--largest", type=int, default=100_000, help="patterns of the largest scan")
    parser.add_argument("--frame", type=int, default=64, help="pixels along a side of a pattern")
    parser.add_argument("--solvers", nargs="+", choices=SOLVERS, default=list(SOLVERS))
    parser.add_argument("--limit", type=float, default=120.0, help="seconds of an epoch that are too many")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = {name: {} for name in options.solvers}
    print("solver     batch  patterns  object             s/epoch  patterns/s compile s")
    count = FEWEST
    while count <= options.largest:
        data = scan(count, options.frame)
        for name in options.solvers:
            solver, batch_size = SOLVERS[name]
            times = found[name]
            if times and (count // 10 not in times or 100 * times[count // 10] > options.limit):
                continue
            seconds, compilation, shape = timed(solver, min(batch_size, count), data, options.rounds)
            times[count] = seconds
            size = f"{shape[0]} x {shape[1]}"
            line = f"{name:10s}{batch_size:6d}{count:10d}  {size:16s}{seconds:10.4g}{count / seconds:12.0f}"
            print(f"{line}{compilation:10.2f}", flush=True)
        count *= 10
    for name, times in found.items():
        print(f"{name:10s} exponent {exponent(list(times), list(times.values())):.3f}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
