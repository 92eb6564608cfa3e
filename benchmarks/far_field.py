"""What every solver reaches on the paper's far-field data: NRMSE, epochs, seconds to the paper's figure.

    python benchmarks/far_field.py [--photons 1e3 1e6 1e9] [--seeds 0 1 2 3 4] [--phase-range 3.14159] [--json FILE]

The default solver, with amplitude noise and with the Poisson likelihood for the last third, over several seeds of
noise and start; then the seconds that each solver needs to an NRMSE of 0.03 (object) and 0.02 (probe) at 1e6 photons.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
from skimage.data import coins, moon
from skimage.io import imsave

import ptychograd as pg
from ptychograd._compare import compare_with_truth
from ptychograd.paper.far_field import FarFieldExperiment

EPOCHS, BATCH = 60, 32
TARGET = {"object_nrmse": 0.03, "probe_nrmse": 0.02}


def default(data, seed, poisson):
    """The default solver for 60 epochs, with the Poisson likelihood for the last 20 if asked for."""
    model = pg.far_field(data, object=pg.random_object(seed))
    first = EPOCHS - 20 if poisson else EPOCHS
    result = pg.reconstruct(model, data, pg.Nesterov(), epochs=first, batch_size=BATCH, seed=seed, planned=EPOCHS)
    if poisson:
        result = pg.reconstruct(
            result.model,
            data,
            pg.Nesterov(),
            epochs=20,
            batch_size=BATCH,
            seed=seed,
            noise=pg.Poisson(),
            resume=result,
            planned=EPOCHS,
        )
    return compare_with_truth(result, data)


def seconds_to_target(data, solver, batch_size, epochs, held):
    """Compute seconds and epochs until both errors are below the target; comparing takes none of the time."""
    model = pg.far_field(data, object=pg.random_object(0))
    result, seconds = None, 0.0
    compile_first = held and pg.reconstruct(model, data, solver, epochs=1, batch_size=batch_size, trainable=("object",))
    del compile_first
    pg.reconstruct(model, data, solver, epochs=1, batch_size=batch_size)
    for epoch in range(epochs):
        trainable = ("object",) if epoch < held else ("object", "probe")
        result = pg.reconstruct(
            model if result is None else result.model,
            data,
            solver,
            epochs=1,
            batch_size=batch_size,
            trainable=trainable,
            resume=result,
            planned=10 * epochs,
        )
        seconds += result.history.seconds[-1]
        figures = compare_with_truth(result, data) if (epoch + 1) % max(1, epochs // 200) == 0 else {}
        if figures and all(figures[name] <= limit for name, limit in TARGET.items()):
            return seconds, epoch + 1
    return float("nan"), epochs


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
    images = ()
    if options.other_images:
        folder = Path(tempfile.mkdtemp())
        images = (folder / "moon.png", folder / "coins.png")
        for path, image in zip(images, (moon(), coins()), strict=True):
            imsave(path, image, check_contrast=False)
    for photons in () if options.times else options.photons:
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
    if options.times:
        data = FarFieldExperiment().dataset()
        jobs = {
            "Nesterov": (pg.Nesterov(), BATCH, 60, 0),
            "ePIE": (pg.PIE(), 1, 150, 1),
            "rPIE 0.1": (pg.PIE(0.1), BATCH, 150, 1),
            "Adam, batch 1": (pg.adam({"object": 1e-3, "probe": 0.1}), 1, 150, 1),
            "Adam, batch 100": (pg.adam({"object": 1e-2, "probe": 1.0}), 100, 1500, 1),
        }
        for name, job in jobs.items():
            seconds, epochs = seconds_to_target(data, *job)
            report[f"time {name}"] = (seconds, epochs)
            print(f"{name:18s} {seconds:8.2f} s, {epochs} epochs", flush=True)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
