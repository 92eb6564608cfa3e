"""Time of one minibatch step of every solver on the paper's far-field data, side by side in one process.

    python benchmarks/step_cost.py [--batch-sizes 1 25 100] [--rounds 7] [--json FILE]

Each solver runs whole compiled epochs; rounds go round robin over the solvers, so that a slow moment of the
machine hits all of them. Reported is the median over rounds, in milliseconds a step, and its ratio to ePIE's.
"""

import argparse
import json
import platform
import statistics
import time
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import ptychograd as pg
from ptychograd._objective import Objective
from ptychograd._parameters import partition
from ptychograd._reconstruct import _compiled_epoch, _real_dtype, _to_device
from ptychograd._solvers.base import AbstractSolver
from ptychograd.paper.far_field import FarFieldExperiment


class ForwardOnly(AbstractSolver):
    """The forward model and its misfit, and no step: what the other times are measured against."""

    @property
    def description(self):
        return "forward model"

    def variables(self, parameters):
        return parameters

    def init(self, objective, variables):
        return ()

    def step(self, objective, variables, batch, state):
        windows = objective.windows(variables, batch.index)
        expected = objective.expected(objective.look(variables, windows), windows, batch.index)
        return variables, state, objective.value(expected, batch)


SOLVERS = {
    "forward model": ForwardOnly(),
    "ePIE": pg.PIE(),
    "AD-ePIE": pg.ADePIE(),
    "Nesterov": pg.Nesterov(),
    "Adam": pg.adam({"object": 0.001, "probe": 0.1}),
}


def epoch_of(solver, model, data, batch_size):
    """A function that runs one compiled epoch from the same start and waits for it."""
    parameters, rest = partition(model, ("object", "probe"))
    objective = Objective(rest, pg.Amplitude())
    variables = solver.variables(parameters)
    state = solver.init(objective, variables)
    patterns = _to_device(data, _real_dtype(variables))
    plan = (np.array([0, 0], np.uint32), np.zeros(2, np.float32))

    def run():
        jax.block_until_ready(_compiled_epoch(objective, solver, variables, state, patterns, plan, batch_size))

    return run


def fft_pair(batch_size, shape, repeats):
    """Two batched Fourier transforms as XLA does them, `repeats` times in one compiled loop."""
    wave = jnp.asarray(np.random.default_rng(0).normal(size=(batch_size, *shape)) + 0j, jnp.complex64)

    @eqx.filter_jit
    def loop(wave):
        def pair(wave, _):
            return pg.ifft2(pg.fft2(wave)), None

        return jax.lax.scan(pair, wave, None, length=repeats)[0]

    return lambda: jax.block_until_ready(loop(wave))


def measure(jobs, steps, rounds):
    """Median milliseconds a step of every job."""
    for job in jobs.values():
        job()
    times = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            times[name].append((time.perf_counter() - start) / steps * 1e3)
    return {name: statistics.median(values) for name, values in times.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 25, 100])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    data = FarFieldExperiment().dataset()
    model = pg.far_field(data, object=pg.random_object(0))
    report = {
        "machine": platform.processor() or platform.machine(),
        "jax": jax.__version__,
        "dtype": "complex64",
    }
    for batch_size in options.batch_sizes:
        steps = -(-data.count // batch_size)
        jobs = {"two FFTs": fft_pair(batch_size, data.frame_shape, steps)}
        jobs |= {name: epoch_of(solver, model, data, batch_size) for name, solver in SOLVERS.items()}
        times = measure(jobs, steps, options.rounds)
        report[f"batch {batch_size}"] = times
        print(f"batch {batch_size}, 64 x 64, complex64, {steps} steps an epoch")
        for name, milliseconds in times.items():
            speed = batch_size / milliseconds * 1e3
            ratio = milliseconds / times["ePIE"]
            print(f"  {name:14s} {milliseconds:8.4f} ms/step  {ratio:5.2f} x ePIE  {speed:10,.0f} patterns/s")
    if options.json:
        options.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
