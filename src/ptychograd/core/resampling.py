"""Images and waves on other pixels: band-limited, real and imaginary part alike, so that phases stay sound.

Each axis has a matrix of a windowed sinc, widened where the new pixels are larger, so that what they can't hold is left
out and not folded back.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float, Inexact, Int
from scipy.sparse import csr_array

LOBES = 16  # of the sinc to either side
SHAPE = 7.86  # of Kaiser's window: 80 dB; with these lobes it passes 0.42 cycles a pixel and stops those above 0.58
EXACT = 5  # digits of a pixel: what is nearer to a whole pixel lies on it
NOTHING = 1e-12  # weight of a pixel that counts as none


class NewPixels(NamedTuple):
    """Pixels of a new array along one axis: number k lies at `first` + `step` · k, in pixels of the old array."""

    size: int
    first: float
    step: float

    @property
    def places(self) -> Float[np.ndarray, " new"]:
        """Where they lie, in pixels of the old array."""
        return np.round(self.first + self.step * np.arange(self.size), EXACT)


def about_middle(size: int, old_size: int, step: float) -> NewPixels:
    """New pixels, `step` old ones wide, that have their middle pixel n // 2 where the old ones have theirs."""
    return NewPixels(size, old_size // 2 - step * (size // 2), step)


def continued_beyond(
    image: Inexact[np.ndarray, "*lead y x"], rows: NewPixels, columns: NewPixels
) -> Complex[np.ndarray, "*lead Y X"]:
    """An image on new pixels; beyond its edges it is mirrored."""
    return _applied(image, _mirrored(rows, image.shape[-2]), _mirrored(columns, image.shape[-1]))


def dark_beyond(
    wave: Inexact[np.ndarray, "*lead y x"], rows: NewPixels, columns: NewPixels
) -> Complex[np.ndarray, "*lead Y X"]:
    """A wave on new pixels, with the power that it has where they lie; beyond its edges it is 0."""
    found = _applied(wave, _bounded(rows, wave.shape[-2]), _bounded(columns, wave.shape[-1]))
    return found * np.sqrt(rows.step * columns.step)


def _applied(image: Inexact[np.ndarray, "*lead y x"], along_y: csr_array, along_x: csr_array) -> np.ndarray:
    flat = np.asarray(image, np.complex128).reshape(-1, *image.shape[-2:])
    found = np.stack([(along_x @ (along_y @ layer).T).T for layer in flat])
    return found.reshape(*image.shape[:-2], *found.shape[-2:])


def _mirrored(pixels: NewPixels, size: int) -> csr_array:
    numbers, weights = _weights(pixels)
    numbers = numbers % (2 * size)
    return _matrix(np.where(numbers < size, numbers, 2 * size - 1 - numbers), weights, size)


def _bounded(pixels: NewPixels, size: int) -> csr_array:
    numbers, weights = _weights(pixels)
    inside = (numbers >= 0) & (numbers < size)
    return _matrix(np.where(inside, numbers, 0), np.where(inside, weights, 0), size)


def _weights(pixels: NewPixels) -> tuple[Int[np.ndarray, "new taps"], Float[np.ndarray, "new taps"]]:
    """Old pixels of which each new one is made, and their weights, 1 in all."""
    places, width = pixels.places, max(1.0, pixels.step)
    reach = int(np.ceil(LOBES * width))
    numbers = np.floor(places).astype(int)[:, None] + np.arange(1 - reach, reach + 1)
    away = (numbers - places[:, None]) / width
    weights = np.sinc(away) * np.i0(SHAPE * np.sqrt(np.clip(1 - (away / LOBES) ** 2, 0, None))) / np.i0(SHAPE)
    weights[(np.abs(weights) < NOTHING) | (np.abs(away) >= LOBES)] = 0
    return numbers, weights / weights.sum(axis=1, keepdims=True)


def _matrix(numbers: Int[np.ndarray, "new taps"], weights: Float[np.ndarray, "new taps"], size: int) -> csr_array:
    rows = np.repeat(np.arange(len(numbers)), numbers.shape[1])
    used = np.flatnonzero(weights.ravel())
    entries = weights.ravel()[used], (rows[used], numbers.ravel()[used])
    return csr_array(entries, shape=(len(numbers), size))
