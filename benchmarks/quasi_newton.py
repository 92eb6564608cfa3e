"""Where a quasi-Newton stage pays: L-BFGS after a few stochastic epochs against the default solver alone.

    taskset -c 0 python benchmarks/quasi_newton.py [--work free dim near] [--seeds 1 2] [--first 5 20] [--paper-images]
    taskset -c 0 python benchmarks/quasi_newton.py --data FILE.npz --modes 3

`free` is the paper's far field with nothing known about its surround, `dim` that experiment with 1e3 photons, `near`
the near field at half of its lengths, `weak` a weak phase object with 2,000 electrons a pattern, of which 5 % are held
out; the far fields of scikit-image's moon and coins, as the numbers in `LBFGS` were chosen on its astronaut and
camera. Each row: passes through the patterns, seconds of one core's computing without compiling, R of the model that
comes out, and errors. At the end, for each way, the first row whose R is that of the default's longest run or less.
"""

import argparse
import dataclasses
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.fft import fft2, ifft2
from scipy.ndimage import gaussian_filter
from skimage.data import coins, moon
from skimage.io import imsave

import ptychograd as pg
from ptychograd.core.arrays import shifted
from ptychograd.paper.far_field import FarFieldExperiment
from ptychograd.paper.near_field import NearFieldExperiment
from ptychograd.quality.comparison import compare_with_truth, inside_support
from ptychograd.quality.metrics import raster_nrmse, register

LENGTHS = (20, 40, 60, 100, 150)  # epochs for which the default is planned
STEPS = (5, 10, 15, 20, 25, 30, 40, 60, 80, 120)  # of L-BFGS
ALWAYS = 10**6  # epochs planned, so that nothing cools


class Work(NamedTuple):
    """A scan, the model with which it starts, batches of the default, epochs in which the probe is held."""

    data: pg.Dataset
    model: pg.Ptychography
    batch: int
    held: int
    errors: Callable[[pg.Result], str]


class Row(NamedTuple):
    """What was reached in so many passes and seconds."""

    passes: int
    seconds: float
    r_factor: float
    errors: str


def told(data: pg.Dataset) -> Callable[[pg.Result], str]:
    """Errors against the truth, in words."""

    def errors(result):
        figures = compare_with_truth(result, data)
        return f"object {figures['object_nrmse']:.4f} probe {figures['probe_nrmse']:.4f}"

    return errors


def free(seed: int, images: tuple[Path, ...]) -> Work:
    experiment = FarFieldExperiment()
    known = experiment.dataset(seed, *images)
    data = dataclasses.replace(known, support=None)

    def errors(result):
        shift, _ = register(np.abs(known.truth.probe[0]), np.abs(result.probe[0]))
        pair = (inside_support(image, known) for image in (known.truth.object, shifted(result.object, shift)))
        return f"up to the raster {raster_nrmse(*pair, experiment.step):.4f}"

    return Work(data, pg.far_field(data, object=pg.models.flat_object), 16, 2, errors)


def dim(seed: int, images: tuple[Path, ...]) -> Work:
    data = FarFieldExperiment(photons=1e3).dataset(seed, *images)
    return Work(data, pg.far_field(data, object=pg.models.random_object(seed)), 16, 0, told(data))


def near(seed: int, images: tuple[Path, ...]) -> Work:
    data = NearFieldExperiment.reduced().dataset(seed)
    return Work(data, pg.near_field(data, object=pg.models.random_object(seed)), 5, 0, told(data))


def weak(seed: int, images: tuple[Path, ...]) -> Work:
    """1,600 patterns of 64 x 64 pixels on a turned raster of steps of 3.4 pixels; half an electron a pixel."""
    rng, n, size, wavelength, pixel = np.random.default_rng(seed), 64, 160, 1.97e-12, 9.3e-10
    truth = np.exp(1.5j * gaussian_filter(rng.normal(size=(size + n, size + n)), 3))
    rates = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n, pixel),) * 2, indexing="ij"))
    defocus = np.exp(1j * np.pi * wavelength * 13.5e-6 * rates**2)
    probe = np.fft.fftshift(ifft2((wavelength * rates < 1.03e-3) * defocus))
    probe *= np.sqrt(2000 / np.sum(np.abs(probe) ** 2))
    turn = np.array([[np.cos(np.pi / 6), np.sin(np.pi / 6)], [-np.sin(np.pi / 6), np.cos(np.pi / 6)]])
    corners = np.stack(np.meshgrid(np.arange(40), np.arange(40), indexing="ij"), -1).reshape(-1, 2) @ turn
    corners -= corners.min(axis=0)
    corners *= (size - 1) / corners.max()
    f, patterns = np.fft.fftfreq(n), []
    for y, x in corners:
        row, column = int(y), int(x)
        moved = ifft2(fft2(probe) * np.exp(-2j * np.pi * (f[:, None] * (y - row) + f * (x - column))))
        wave = fft2(moved * truth[row : row + n, column : column + n], norm="ortho")
        patterns.append(rng.poisson(np.fft.fftshift(np.abs(wave) ** 2)))
    geometry = pg.Geometry(wavelength, 1.0, (wavelength / (n * pixel),) * 2)
    data = pg.make_dataset(np.array(patterns, np.uint16), corners * pixel, geometry=geometry)
    fitted, held = pg.hold_out(data, 0.05)
    model = pg.far_field(fitted, probe=pg.models.mean_pattern(-13.5e-6))

    def errors(result):
        return f"held out {pg.r_factor(result.model, held):.5f} phases {correlation(result.object, truth):.3f}"

    return Work(fitted, model, 16, 0, errors)


def correlation(image: np.ndarray, truth: np.ndarray) -> float:
    """Of the phases in the middle, without planes, at the best shift of whole pixels."""
    height, width = (min(pair) for pair in zip(image.shape, truth.shape, strict=True))
    middle, inner = np.s_[64 : height - 64, 64 : width - 64], np.s_[14:-14, 14:-14]
    one, other = (flat_phase(array[:height, :width][middle]) for array in (image, truth))
    shifts = itertools.product(range(-10, 11), repeat=2)
    rolled = (np.roll(one, shift, (0, 1))[inner].ravel() for shift in shifts)
    return max(np.corrcoef(phases, other[inner].ravel())[0, 1] for phases in rolled)


def flat_phase(wave: np.ndarray) -> np.ndarray:
    """The phase without its mean and its plane."""
    y, x = np.indices(wave.shape)
    ramp = (np.angle(np.sum(wave[1:] * wave[:-1].conj())), np.angle(np.sum(wave[:, 1:] * wave[:, :-1].conj())))
    wave = wave * np.exp(-1j * (ramp[0] * y + ramp[1] * x))
    phase = np.angle(wave * np.exp(-1j * np.angle(wave.mean())))
    plane = np.stack([np.ones(phase.size), y.ravel(), x.ravel()], axis=1)
    return phase - (plane @ np.linalg.lstsq(plane, phase.ravel())[0]).reshape(phase.shape)


def measured(path: Path, modes: int) -> Work:
    names = {"patterns": "intensity", "positions": "position_px", "probe": "probe_guess"}
    data = pg.read(path, names)
    return Work(data, pg.far_field(data, modes=modes), 16, 0, lambda result: "")


def timed(
    work: Work, solver, batch: int, epochs: int, resume=None, planned=None, names=None
) -> tuple[pg.Result, float]:
    """The result and the CPU seconds of its epochs; one of them is done before, to compile."""
    options = {"batch_size": batch, "planned": planned, "trainable": names, "resume": resume}
    if not epochs:
        return resume, 0.0
    pg.reconstruct(work.model, work.data, solver, epochs=1, **options)
    times = [time.process_time()]

    def tick(progress):
        times.append(time.process_time())

    result = pg.reconstruct(work.model, work.data, solver, epochs=epochs, on_epoch=tick, **options)
    each = np.diff(times)
    each[0] = np.median(each[1:] if epochs > 1 else each)  # the first one begins with checks
    return result, float(each.sum())


def begun(work: Work, epochs: int, planned: int) -> tuple[pg.Result | None, float]:
    """The default solver, with the probe held at first."""
    held, seconds = timed(work, pg.Nesterov(), work.batch, work.held, planned=planned, names=("object",))
    result, more = timed(work, pg.Nesterov(), work.batch, epochs - work.held, held, planned)
    return result, seconds + more


def row(work: Work, result: pg.Result, passes: int, seconds: float) -> Row:
    return Row(passes, seconds, pg.r_factor(result.model, work.data), work.errors(result))


def default(work: Work) -> Iterator[Row]:
    for epochs in LENGTHS:
        result, seconds = begun(work, epochs, epochs)
        yield row(work, result, epochs, seconds)


def quasi_newton(work: Work, first: int, solver: pg.LBFGS) -> Iterator[Row]:
    """L-BFGS after so many epochs of the default, one call after another."""
    result, seconds = begun(work, first, ALWAYS) if first else (None, 0.0)
    for before, now in itertools.pairwise((0, *STEPS)):
        result, more = timed(work, solver, work.data.count, now - before, result)
        seconds += more
        yield row(work, result, first + int(result.state["passes"]), seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", nargs="+", default=["free", "dim"], choices=["free", "dim", "near", "weak"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--first", type=int, nargs="+", default=[5, 20], help="epochs of the default before L-BFGS")
    parser.add_argument("--paper-images", action="store_true", help="astronaut and camera")
    parser.add_argument("--data", type=Path, help="a measured far field in place of the simulated ones")
    parser.add_argument("--modes", type=int, default=1)
    options = parser.parse_args()
    images = ()
    if not options.paper_images:
        folder = Path(tempfile.mkdtemp())
        images = (folder / "moon.png", folder / "coins.png")
        for path, image in zip(images, (moon(), coins()), strict=True):
            imsave(path, image, check_contrast=False)
    makers = {"free": free, "dim": dim, "near": near, "weak": weak}
    works = {f"{name}, seed {seed}": (makers[name], seed) for name in options.work for seed in options.seeds}
    for name, (make, seed) in works.items() if options.data is None else [(options.data.name, (None, 0))]:
        work = measured(options.data, options.modes) if options.data else make(seed, images)
        ways = {"Nesterov": default(work)} | {
            f"L-BFGS after {first} epochs": quasi_newton(work, first, pg.LBFGS()) for first in options.first
        }
        compared(name, ways)


def compared(name: str, ways: dict[str, Iterator[Row]]):
    """Print all rows, and where each way reaches the floor of the first one."""
    print(f"\n{name}", flush=True)
    found = {}
    for way, rows in ways.items():
        found[way] = []
        for one in rows:
            found[way].append(one)
            figures = f"{one.passes:4d} passes {one.seconds:7.2f} s  R {one.r_factor:.5f}  {one.errors}"
            print(f"{way:26s} {figures}", flush=True)
    floor = found["Nesterov"][-1].r_factor
    for way, rows in found.items():
        there = next((one for one in rows if one.r_factor <= floor), None)
        text = "not there" if there is None else f"{there.passes} passes, {there.seconds:.2f} s"
        print(f"R {floor:.5f}: {way:26s} {text}", flush=True)


if __name__ == "__main__":
    main()
