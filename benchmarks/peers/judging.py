"""Errors of what was found: the same ones for everybody, by plain NumPy and the package's metrics."""

from collections.abc import Callable

import numpy as np

from ptychograd.core.arrays import shifted
from ptychograd.quality.metrics import nrmse_within, raster_nrmse, register, remove_relative_ramp

Judge = Callable[[np.ndarray, np.ndarray], float]
ILLUMINATED = 0.1  # of the largest light on a pixel: where an object is compared


def up_to_a_raster(object: np.ndarray, probe: np.ndarray, support: np.ndarray, period: int) -> Judge:
    """NRMSE inside the support, after registration by the probes, up to what a raster of this period leaves open."""
    rows, columns = (np.flatnonzero(support.any(axis=axis)) for axis in (1, 0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]

    def judge(found, modes):
        shift, _ = register(np.abs(probe[0]), np.abs(modes[0]))
        return raster_nrmse(object[box], shifted(found, shift)[box], period)

    return judge


def light(shape: tuple[int, ...], probe: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Photons on each pixel of an object over a whole scan."""
    total = np.zeros(shape)
    for y, x in np.round(positions).astype(int):
        total[y : y + probe.shape[0], x : x + probe.shape[1]] += np.abs(probe) ** 2
    return total


def inside(object: np.ndarray, probe: np.ndarray, positions: np.ndarray) -> Judge:
    """NRMSE where the object is lit, after registration by the probes, the best complex scale and without a ramp."""
    total = light(object.shape, probe, positions)
    where = total > ILLUMINATED * total.max()

    def judge(found, modes):
        shift, _ = register(np.abs(probe), np.abs(modes[0]))
        truth, moved = (np.where(where, one, 0) for one in (object, shifted(found, shift)))
        return nrmse_within(truth, remove_relative_ramp(truth, moved), where)

    return judge


def correlation(object: np.ndarray, probe: np.ndarray, positions: np.ndarray) -> Judge:
    """Pearson's correlation of the phases where the object is lit, after registration, without planes."""
    total = light(object.shape, probe, positions)
    where = total > ILLUMINATED * total.max()
    truth = _flat(np.angle(object), where)

    def judge(found, modes):
        turned = found * np.exp(-1j * np.angle(np.sum(np.where(where, found, 0))))
        phase = _flat(np.angle(turned), where)
        if not phase.any():
            return 0.0
        shift, _ = register(np.where(where, truth, 0), np.where(where, phase, 0))
        moved = shifted(phase.astype(complex), shift).real if np.abs(shift).max() < 3 else phase
        return float(np.corrcoef(truth[where], moved[where])[0, 1])

    return judge


def held_out(patterns: np.ndarray, positions: np.ndarray) -> Judge:
    """R of patterns that nobody was given, with the positions that they have, after the best scale.

    Packages scale their transforms unlike one another: R = sqrt(1 - (Σ√h√y)² / (Σh Σy)).
    """
    amplitudes = np.fft.ifftshift(np.sqrt(patterns.astype(float)), (1, 2))

    def judge(found, modes):
        both, power, (n, m) = 0.0, 0.0, modes.shape[1:]
        fy, fx = np.fft.fftfreq(n)[:, None], np.fft.fftfreq(m)
        for amplitude, position in zip(amplitudes, positions, strict=True):
            y, x = np.floor(position).astype(int)
            dy, dx = position - (y, x)
            moved = np.fft.ifft2(np.fft.fft2(modes) * np.exp(-2j * np.pi * (fy * dy + fx * dx)))
            far = np.fft.fft2(moved * found[y : y + n, x : x + m], norm="ortho")
            expected = np.sum(np.abs(far) ** 2, axis=0)
            both, power = both + np.sum(np.sqrt(expected) * amplitude), power + np.sum(expected)
        return float(np.sqrt(max(0.0, 1 - both**2 / max(power * np.sum(amplitudes**2), 1e-300))))

    return judge


def _flat(phase: np.ndarray, where: np.ndarray) -> np.ndarray:
    """A phase without the plane that fits it best on some pixels."""
    y, x = np.mgrid[: phase.shape[0], : phase.shape[1]] / max(phase.shape)
    plane = np.stack([np.ones_like(y), y, x], axis=-1)
    return phase - plane @ np.linalg.lstsq(plane[where], phase[where], rcond=None)[0]
