"""The data sets: arrays for the drivers, and how an error is told from what they find."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from skimage.data import brick, grass, gravel
from skimage.io import imsave
from skimage.transform import resize

import ptychograd as pg
from benchmarks.peers.judging import Judge, correlation, held_out, inside, up_to_a_raster
from ptychograd.paper.far_field import FarFieldExperiment


@dataclass(frozen=True)
class Problem:
    """What every peer is given, and how what it finds is judged.

    Attributes:
        arrays: patterns, corners of windows in pixels (`positions`), and the start: `object` and `probe`.
        judge: from object and probe to a number, of which `figure` says what it is.
        within: times the best number that anybody reaches, to which the time is told; below 1 where more is better.
        epochs: that everybody may take.
        hold: epochs for which the probe is held, in half of the runs.
    """

    name: str
    arrays: dict[str, np.ndarray]
    judge: Judge
    within: float
    epochs: int
    figure: str
    hold: int = 0


def far_field(folder: Path, measured: Path, small: bool) -> Problem:
    """The paper's far field (section 3.3), nothing known about the surround; images and seed are others.

    The default's constants were chosen on astronaut, camera, moon and coins with seeds 0 to 4; that the probe is held
    for two epochs on these images too, among others (`hold_probe.py`).
    """
    images = folder / "brick.png", folder / "gravel.png"
    for path, image in zip(images, (brick(), gravel()), strict=True):
        imsave(path, image, check_contrast=False)
    sizes = {"object_size": 40, "box": 88} if small else {}
    experiment = FarFieldExperiment(**sizes)
    data = experiment.dataset(11, *images)
    positions = pg.far_field(data).scan.corner
    arrays = {
        "patterns": np.asarray(data.patterns),
        "positions": np.asarray(positions, float),
        "object": np.ones(data.truth.object.shape, np.complex64),
        "probe": np.asarray(data.probe, np.complex64).reshape(1, *data.frame_shape),
    }
    judge = up_to_a_raster(data.truth.object, data.truth.probe, data.support, experiment.step)
    return Problem("far field", arrays, judge, 1.2, 200, "NRMSE of the object, up to the raster", hold=2)


def jittered(folder: Path, measured: Path, small: bool) -> Problem:
    """Patterns of 256 x 256 pixels, positions off a raster by whole pixels, a probe out of focus, 1e7 photons."""
    n, side, step, defocus = (48, 7, 6, 280) if small else (256, 12, 26, 900)
    rng = np.random.default_rng(5)
    corners = step * np.stack(np.mgrid[:side, :side], -1).reshape(-1, 2) + rng.integers(0, step // 2, (side**2, 2))
    corners -= corners.min(axis=0)
    shape = corners.max(axis=0) + n
    magnitude, phase = (resize(image.astype(float) / 255, shape, anti_aliasing=True) for image in (grass(), brick()))
    object = (0.4 + 0.6 * magnitude) * np.exp(0.7j * (phase - phase.mean()) / phase.std())
    y, x = (np.mgrid[:n, :n] - n // 2) / n
    pupil = np.hypot(y - 0.02, x + 0.01) < 0.12

    def focused(phase):
        wave = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(pupil * np.exp(1j * phase))))
        return wave * np.sqrt(1e7 / np.sum(np.abs(wave) ** 2))

    probe = focused(defocus * (x**2 + 1.1 * y**2) + 400 * x**3)
    start = focused(0.8 * defocus * (x**2 + y**2))
    patterns = np.array([rng.poisson(_far(probe * object[r : r + n, c : c + n])) for r, c in corners], np.uint32)
    arrays = {"patterns": patterns, "positions": corners.astype(float), "object": np.ones(shape, np.complex64)}
    arrays["probe"] = start[None].astype(np.complex64)
    judge = inside(object, probe, corners)
    return Problem("jittered, 256 x 256", arrays, judge, 1.2, 120, "NRMSE of the object, where it is lit")


def low_dose(folder: Path, measured: Path, small: bool, seed: int = 3) -> Problem:
    """A weak phase object at 3000 electrons a pattern on a turned raster, three of four of a pixel dark.

    A short copy of the case `dose` of `lattice.py`, an independent simulation of low-dose electron ptychography that
    was handed to the project.
    """
    rng = np.random.default_rng(seed)
    n, steps, wavelength, pixel, electrons = 64, 8 if small else 40, 2e-12, 4e-10, 3000
    turn = np.deg2rad(-36.0)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    positions = 5.0 * np.stack(np.meshgrid(*(np.arange(steps),) * 2, indexing="ij"), -1).reshape(-1, 2) @ rotation
    positions -= positions.min(axis=0)
    shape = tuple(np.ceil(positions.max(axis=0)).astype(int) + n + 2)
    k2 = sum(np.meshgrid(*(np.fft.fftfreq(m) ** 2 for m in shape), indexing="ij"))
    cloud = np.fft.ifft2(np.fft.fft2(rng.normal(size=shape)) * np.exp(-2 * (np.pi * 2.0) ** 2 * k2)).real
    y, x = np.mgrid[: shape[0], : shape[1]]
    discs = np.zeros(shape)
    for _ in range(40):
        where = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        discs += np.clip(5.0 * rng.uniform(0.7, 1.3) - np.hypot(y - where[0], x - where[1]) + 0.5, 0, 1)
    object = np.exp(0.12j * (0.5 * (cloud - cloud.mean()) / cloud.std() + 1.5 * discs))
    q2 = sum(np.meshgrid(*(np.fft.fftfreq(n, pixel) ** 2,) * 2, indexing="ij")) * wavelength**2
    soft = np.clip((1.15e-3 - np.sqrt(q2)) / (wavelength / n / pixel) + 0.5, 0, 1)
    probe = np.fft.fftshift(np.fft.ifft2(soft * np.exp(-1j * np.pi / wavelength * -5e-6 * q2)))
    probe *= np.sqrt(electrons / np.sum(np.abs(probe) ** 2))
    f = np.fft.fftfreq(n)
    expected = []
    for position in positions:
        corner = np.round(position).astype(int)
        rest = position - corner
        moved = np.fft.ifft2(np.fft.fft2(probe) * np.exp(-2j * np.pi * (f[:, None] * rest[0] + f * rest[1])))
        expected.append(_far(moved * object[corner[0] : corner[0] + n, corner[1] : corner[1] + n]))
    patterns = rng.poisson(expected).astype(np.uint16)
    start = probe * np.sqrt(patterns.sum(axis=(1, 2)).max() / electrons)
    arrays = {"patterns": patterns, "positions": positions, "object": np.ones(shape, np.complex64)}
    arrays["probe"] = start[None].astype(np.complex64)
    judge = correlation(object, probe, positions)
    return Problem("low dose", arrays, judge, 0.95, 60, "correlation of phases with the truth")


def siemens_star(folder: Path, measured: Path, small: bool) -> Problem:
    """The measured star (APS Velociprobe), one in twenty patterns held out; raises where the file is absent."""
    path = measured / "siemens_star" / "siemens_star.npz"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there")
    with np.load(path) as file:
        patterns, positions = file["intensity"], file["position_px"].astype(float)
        probe = file["probe_guess"]
    positions -= positions.min(axis=0)
    if small:
        patterns, positions = patterns[:40], positions[:40]
    held = np.zeros(len(patterns), bool)
    held[np.random.default_rng(7).permutation(len(patterns))[: len(patterns) // 20]] = True
    shape = np.ceil(positions.max(axis=0)).astype(int) + patterns.shape[1] + 1
    modes = probe[None] * np.sqrt(patterns.sum(axis=(1, 2)).max() / np.sum(np.abs(probe) ** 2))
    arrays = {"patterns": patterns[~held], "positions": positions[~held]}
    arrays |= {"object": np.ones(shape, np.complex64), "probe": modes.astype(np.complex64)}
    judge = held_out(patterns[held], positions[held])
    return Problem("Siemens star", arrays, judge, 1.03, 60, "R of held-out patterns")


def _far(wave: np.ndarray) -> np.ndarray:
    return np.abs(np.fft.fftshift(np.fft.fft2(wave, norm="ortho"))) ** 2


PROBLEMS: dict[str, Callable[[Path, Path, bool], Problem]] = {
    "far-field": far_field,
    "jittered": jittered,
    "low-dose": low_dose,
    "siemens-star": siemens_star,
}
