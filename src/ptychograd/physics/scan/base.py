"""The scan: where the window of each pattern lies on the object."""

import abc

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ptychograd.core.errors import InputError
from ptychograd.core.overriding import is_own, refused
from ptychograd.core.parameters import AbstractPart
from ptychograd.core.rows import Index, Number, checked_index, nan_outside
from ptychograd.core.strict import meant
from ptychograd.physics.margins import grid_refusal
from ptychograd.physics.roles import Positions

WHOLE_PIXEL_TOLERANCE = 0.01  # pixels: far below what any data can tell


class AbstractScan(AbstractPart):
    """Base class of scans: where the window of each pattern lies on the object.

    A subclass has the field `corner` (index, 2), and its call gives the corner (y, x) of a pattern's window in whole
    object pixels, and the rest of its position, by which the probe is shifted.

    Example:
        >>> corner, shift = model.scan(0)
        >>> corner.shape, shift
        ((2,), None)
    """

    corner: eqx.AbstractVar[Int[Array, "index 2"]]

    @abc.abstractmethod
    def __call__(self, index: Int[Array, ""]) -> tuple[Int[Array, "2"], Float[Array, "2"] | None]:
        """Corner (y, x) of the window in object pixels; sub-pixel shift (y, x), None if there is none."""

    def place(self, index: Number) -> tuple[Int[Array, "2"], Float[Array, "2"] | None]:
        """What the call gives; raises `InputError` for a number without a position, where it is known."""
        return self(checked_index(index, len(self.corner)))

    def places(self) -> Positions:
        """Where the windows are, and by how much they were moved."""
        return Positions(self.corner)

    @property
    def rest(self) -> Float[Array, "index 2"] | None:
        """What remains of each nominal position (y, x) beside its `corner`, in pixels; None for nothing."""
        return None

    def with_corrections(self, **values: Float[np.ndarray, "..."] | None) -> "AbstractScan":
        """The scan with other `offset`, `affine` and `drift`: 0 for what is not given."""
        said = f"Positions of a {type(self).__name__} can't be corrected"
        raise refused(self, "with_corrections", said, "see with_refinable_positions")

    def everything(self) -> Float[Array, "index 2"]:
        """The corrections as they are asked for, however far beyond the margin that the object has."""
        corrections = self.places().corrections
        return jnp.asarray(np.zeros(self.corner.shape) if corrections is None else corrections)

    def on_finer_pixels(self, finer: int, dtype: np.dtype | type) -> "AbstractScan":
        """The scan over an object each of whose pixels is divided into `finer` x `finer`; `dtype` is that of shifts."""
        raise grid_refusal(self, "on_finer_pixels")

    def nan_outside(self, index: Index, dtype: np.dtype) -> Float[Array, ""]:
        """0 for a pattern that has a position, else NaN: added to what a pattern is expected to hold."""
        return nan_outside(jnp.asarray(index), len(self.corner), dtype)

    def surrogate(self) -> "AbstractScan":
        """The scan without what is less than a pixel, near enough for step sizes."""
        return WholePixelScan(self.corner)


class WholePixelScan(AbstractScan):
    """Positions on whole pixels of the object: nothing is shifted, and nothing is paid for it.

    Args:
        corner: first pixel (y, x) of each pattern's window, (index, 2), in object pixels.

    Example:
        >>> import jax.numpy as jnp
        >>> corner, shift = pg.physics.WholePixelScan(jnp.array([[0, 0], [4, 3]]))(1)
        >>> corner.tolist(), shift
        ([4, 3], None)
    """

    corner: Int[Array, "index 2"]

    def __call__(self, index):
        return self.corner[checked_index(index, len(self.corner))], None

    def on_finer_pixels(self, finer, dtype):
        return _finer(self, np.asarray(self.corner, float), finer, dtype)


class SubPixelScan(AbstractScan):
    """Positions between the object's pixels: the window goes to the nearest pixel and the probe is shifted by the rest.

    Args:
        corner: first pixel (y, x) of each pattern's window, (index, 2), in object pixels.
        shift: what remains of each position (y, x), (index, 2), within half a pixel.

    Example:
        >>> import jax.numpy as jnp
        >>> scan = pg.physics.SubPixelScan(jnp.array([[0, 0], [4, 3]]), jnp.array([[0.0, 0.0], [0.25, -0.5]]))
        >>> scan(1)[1].tolist()
        [0.25, -0.5]
    """

    corner: Int[Array, "index 2"]
    shift: Float[Array, "index 2"]

    def __call__(self, index):
        index = checked_index(index, len(self.corner))
        return self.corner[index], self.shift[index]

    def places(self):
        return Positions(self.corner, nominal=nominal_positions(self.corner, self.shift))

    @property
    def rest(self):
        return self.shift

    def on_finer_pixels(self, finer, dtype):
        return _finer(self, nominal_positions(self.corner, self.shift), finer, dtype)


def _finer(
    scan: AbstractScan, positions: Float[np.ndarray, "index 2"], finer: int, dtype: np.dtype | type
) -> WholePixelScan | SubPixelScan:
    if is_own(scan):  # it does more than these do
        raise grid_refusal(scan, "on_finer_pixels")
    return make_scan(finer * positions, dtype)


def nominal_positions(corner: Int[Array, "index 2"], shift: Float[Array, "index 2"]) -> Float[np.ndarray, "index 2"]:
    """Whole pixels and fractions together, in double precision."""
    return np.asarray(corner) + np.asarray(shift, np.float64)


@meant
def make_scan(
    positions: Float[np.ndarray, "index 2"], dtype: np.dtype | type = np.float32
) -> WholePixelScan | SubPixelScan:
    """Make the scan for given positions.

    Positions that are all within 0.01 pixels of whole ones give a `WholePixelScan`, others a `SubPixelScan`.

    Args:
        positions: where each pattern's window begins, (index, 2), each (y, x) in object pixels, none of them negative.
        dtype: real number type of the sub-pixel shifts.

    Returns:
        the scan.

    Raises:
        InputError: for another shape, and for positions that are negative or not finite.

    Example:
        >>> pg.physics.make_scan(np.array([[0.0, 0.0], [4.25, 3.0]])).shift.tolist()
        [[0.0, 0.0], [0.25, 0.0]]
    """
    positions = np.asarray(positions, np.float64)
    if positions.ndim != 2 or positions.shape[1] != 2 or not len(positions):
        raise InputError(f"Positions of shape {positions.shape}; expected (index, 2), each (y, x).")
    if not np.isfinite(positions).all():
        raise InputError("A position of the scan is not finite; give where each window begins, in object pixels.")
    if np.round(positions).min() < 0:
        raise InputError(f"A window begins at {positions.min():g} pixels, outside the object; expected 0 or more.")
    corner = np.round(positions)
    shift = positions - corner
    if np.abs(shift).max() < WHOLE_PIXEL_TOLERANCE:
        return WholePixelScan(jnp.asarray(corner, jnp.int32))
    return SubPixelScan(jnp.asarray(corner, jnp.int32), jnp.asarray(shift, dtype))
