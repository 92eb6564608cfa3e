"""The scan: where the window of each pattern lies on the object."""

import abc

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ptychograd._errors import InputError
from ptychograd._parameters import AbstractPart

WHOLE_PIXEL_TOLERANCE = 0.01  # pixels: far below what any data can tell


class AbstractScan(AbstractPart):
    """Index of a pattern -> corner of its window (whole pixels) and the rest of its position."""

    corner: eqx.AbstractVar[Int[Array, "index 2"]]

    @abc.abstractmethod
    def __call__(self, index: Int[Array, ""]) -> tuple[Int[Array, "2"], Float[Array, "2"] | None]:
        """Corner (y, x) of the window in object pixels; sub-pixel shift (y, x), None if there is none."""

    def coarse(self) -> "AbstractScan":
        """The scan without what is less than a pixel, near enough for step sizes."""
        return WholePixelScan(self.corner)


class WholePixelScan(AbstractScan):
    """Positions on the object's pixels: nothing is shifted and nothing is paid for it."""

    corner: Int[Array, "index 2"]

    def __call__(self, index):
        return self.corner[index], None


class SubPixelScan(AbstractScan):
    """Positions between the object's pixels: the probe is shifted by the remainder, within half a pixel."""

    corner: Int[Array, "index 2"]
    shift: Float[Array, "index 2"]

    def __call__(self, index):
        return self.corner[index], self.shift[index]


def make_scan(
    positions: Float[np.ndarray, "index 2"], dtype: np.dtype | type = np.float32
) -> WholePixelScan | SubPixelScan:
    """The scan for window corners at `positions` (y, x) in object pixels, none of them negative."""
    if np.round(positions).min() < 0:
        raise InputError(f"A window begins at {positions.min():g} pixels, outside the object; expected 0 or more.")
    corner = np.round(positions)
    shift = positions - corner
    if np.abs(shift).max() < WHOLE_PIXEL_TOLERANCE:
        return WholePixelScan(jnp.asarray(corner, jnp.int32))
    return SubPixelScan(jnp.asarray(corner, jnp.int32), jnp.asarray(shift, dtype))
