"""What every solver reaches on the paper's far-field data: NRMSE, epochs, seconds to the paper's figure.

    python benchmarks/far_field.py [--photons 1e3 1e6 1e9] [--seeds 0 1 2 3 4] [--phase-range 3.14159] [--json FILE]
    python benchmarks/far_field.py --times

The default solver, with amplitude noise and with the Poisson likelihood for the last third, over several seeds of
noise and start. With `--times` the seconds of computing until object and probe are below 0.03 and 0.02 at 1e6
photons, for each solver; and for the same data with nothing known about the surround, where the error is the one
that the raster leaves.
"""

import argparse
import dataclasses
import json
import tempfile
from pathlib import Path

import numpy as np
from skimage.data import coins, moon
from skimage.io import imsave

import ptychograd as pg
from ptychograd.core.arrays import shifted
from ptychograd.paper.far_field import FarFieldExperiment
from ptychograd.quality.comparison import compare_with_truth, inside_support
from ptychograd.quality.metrics import raster_nrmse, register

EPOCHS, BATCH = 60, 16
TARGET = {"object_nrmse": 0.03, "probe_nrmse": 0.02}
ALL_FREE = {"raster_nrmse": 0.03}
BOTH = ("object", "probe")


class Reached(Exception):
    """The errors are below the target."""


def default(data, seed, poisson):
    """Errors of the default solver after 60 epochs, the last 20 of them with the Poisson likelihood if asked for."""
    stages = (pg.Stage(EPOCHS - 20), pg.Stage(20, BOTH, pg.Poisson())) if poisson else (pg.Stage(EPOCHS),)
    model = pg.far_field(data, object=pg.models.random_object(seed))
    return compare_with_truth(pg.perform(pg.Run(model, data, pg.Nesterov(), stages, BATCH, seed)), data)


def time_to(target, errors_of, run):
    """Seconds of computing and epochs until all errors are below the target; compiling and comparing take none."""
    pg.perform(run._replace(stages=tuple(stage._replace(epochs=1) for stage in run.stages)))  # compiled by now
    seconds, epoch = 0.0, 0
    every = max(1, sum(stage.epochs for stage in run.stages) // 200)

    def on_epoch(progress):
        nonlocal seconds, epoch
        seconds, epoch = seconds + progress.seconds, progress.epoch
        if epoch % every == 0:
            errors = errors_of(progress.so_far())
            if all(errors[name] <= limit for name, limit in target.items()):
                raise Reached

    try:
        pg.perform(run, on_epoch)
    except Reached:
        return seconds, epoch
    return float("nan"), epoch


def up_to_the_raster(result, data, period):
    """Errors of an object all of which was free, after registration by the probes."""
    shift, _ = register(np.abs(data.truth.probe[0]), np.abs(result.probe[0]))
    recovered = shifted(result.object, shift)
    pair = (inside_support(image, data) for image in (data.truth.object, recovered))
    return {"raster_nrmse": raster_nrmse(*pair, period)}


def runs_to_time(data):
    """Every solver as the paper has it, or as it is by default here; cooling is left out."""
    held = pg.Stage(1, ("object",))
    start = pg.far_field(data, object=pg.models.random_object(0))
    jobs = {
        "Nesterov": (pg.Nesterov(), (pg.Stage(60),), BATCH),
        "rPIE 0.1": (pg.PIE(0.1), (held, pg.Stage(149)), 32),
        "ePIE": (pg.PIE(), (held, pg.Stage(149)), 1),
        "Adam, batch 1": (pg.adam({"object": 1e-3, "probe": 0.1}), (held, pg.Stage(149)), 1),
        "Adam, batch 100": (pg.adam({"object": 1e-2, "probe": 1.0}), (held, pg.Stage(1499)), 100),
    }
    return {name: pg.Run(start, data, *job) for name, job in jobs.items()}


def free_runs(data):
    """The same patterns and nothing known about the object, which starts as 1; the probe is held for two epochs."""
    free = dataclasses.replace(data, support=None)
    start = pg.far_field(free, object=pg.models.flat_object)

    def run(solver, epochs, batch_size):
        return pg.Run(start, free, solver, (pg.Stage(2, ("object",)), pg.Stage(epochs - 2)), batch_size)

    return {
        "Nesterov, 40 epochs, all free": run(pg.Nesterov(), 40, BATCH),
        "Nesterov, 150 epochs, all free": run(pg.Nesterov(), 150, BATCH),
        "Nesterov, floor 0.1, 40 epochs, all free": run(pg.Nesterov(floor=0.1), 40, BATCH),
        "rPIE 0.1, all free": run(pg.PIE(0.1), 300, BATCH),
        "ePIE, all free": run(pg.PIE(), 300, 1),
    }


def print_times(report):
    """Seconds and epochs to the targets."""
    experiment = FarFieldExperiment()
    data = experiment.dataset()
    tables = (
        (runs_to_time(data), TARGET, lambda result: compare_with_truth(result, data)),
        (free_runs(data), ALL_FREE, lambda result: up_to_the_raster(result, data, experiment.step)),
    )
    for runs, target, errors_of in tables:
        for name, run in runs.items():
            seconds, epochs = time_to(target, errors_of, run)
            report[f"time {name}"] = (seconds, epochs)
            print(f"{name:40s} {seconds:8.2f} s, {epochs} epochs", flush=True)


def print_errors(report, options):
    """The default solver's errors over seeds."""
    images = ()
    if options.other_images:
        folder = Path(tempfile.mkdtemp())
        images = (folder / "moon.png", folder / "coins.png")
        for path, image in zip(images, (moon(), coins()), strict=True):
            imsave(path, image, check_contrast=False)
    for photons in options.photons:
        for poisson in (False, True):
            errors = []
            for seed in options.seeds:
                experiment = FarFieldExperiment(photons=photons, phase_range=options.phase_range)
                figures = default(experiment.dataset(seed, *images), seed, poisson)
                errors.append((figures["object_nrmse"], figures["probe_nrmse"]))
            name = f"{photons:g} photons, {'Poisson' if poisson else 'amplitude'}"
            report[name] = errors
            worst = np.max(errors, axis=0).round(5)
            print(f"{name:28s} worst {worst}, all {np.round(errors, 4).tolist()}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photons", type=float, nargs="+", default=[1e3, 1e6, 1e9])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--phase-range", type=float, default=np.pi)
    parser.add_argument("--other-images", action="store_true", help="scikit-image's moon and coins")
    parser.add_argument("--times", action="store_true", help="only the seconds to the paper's figure")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    report = {}
    if options.times:
        print_times(report)
    else:
        print_errors(report, options)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
