"""Positions that are refined: what corrects them, and scans that hold the corrections."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ptychograd.core.rows import checked_index, row
from ptychograd.core.strict import lifted, meant
from ptychograd.physics.roles import CORRECTING, Positions
from ptychograd.physics.scan.base import AbstractScan, SubPixelScan, nominal_positions

STEP = 0.2  # pixels, of the typical position each time that it is seen
GLOBAL_STEP = 0.5  # pixels, of a batch, for what all patterns share: it has to be found before the object follows it
TERMS = 3  # polynomials of a drift


class RoundedScan(AbstractScan):
    """A scan whose windows move by whole pixels only, without what is left of a position."""

    corner: Int[Array, "index 2"]
    scan: AbstractScan

    def __call__(self, index):
        return self.scan(index)[0], None


class RefinableScan(AbstractScan):
    """Positions that can be refined: nominal + affine · (nominal - middle) + drift(t) + offset, in object pixels.

    You get one from `pg.models.with_refinable_positions`, which gives the object's array the margin that it needs. The
    corner of a window is the rounded position and has no derivative; the rest, within half a pixel, has one. The
    correction is bounded to `reach` pixels along y and along x.

    Args:
        corner: nominal first pixel (y, x) of each pattern's window, (index, 2).
        shift: what remains of each nominal position, (index, 2), in pixels.
        offset: each pattern's own error (y, x), (index, 2), in pixels.
        affine: deviation from the identity, (2, 2), of what a stage with a wrong scale, shear or rotation does about
            `middle` (see `affine_parts`).
        drift: coefficients (terms, 2), in pixels, of the Legendre polynomials P1, P2, ... of time, which goes from -1
            to 1 with the number of the pattern.
        reach: the largest correction, in whole pixels: the margin of the object's array.
        middle: mean (y, x) of the nominal positions, in pixels.
        extent: how far the farthest nominal position is from the middle along y or x, in pixels; it sets the step of
            `affine`.
        is_anchored: True where a known surround of the object tells the mean of all corrections, which is removed
            elsewhere.

    Example:
        >>> scan = pg.models.with_refinable_positions(model, reach=2).scan
        >>> scan.offset.shape, scan.drift.shape
        ((56, 2), (3, 2))
    """

    corner: Int[Array, "index 2"]
    shift: Float[Array, "index 2"]
    offset: Float[Array, "index 2"]
    affine: Float[Array, "2 2"]
    drift: Float[Array, "terms 2"]
    reach: Int[Array, ""]
    middle: tuple[float, float] = eqx.field(static=True)
    extent: float = eqx.field(static=True)
    is_anchored: bool = eqx.field(static=True, default=False)

    def __call__(self, index):
        index = checked_index(index, len(self.corner))
        time = jnp.asarray(2 * index, self.offset.dtype) / max(1, len(self.corner) - 1) - 1
        correction = self._bounded(self._correction(self._nominal(index), time, row(self.offset, index)))
        moved = self.shift[index] + correction
        whole = self._whole(jax.lax.stop_gradient(moved))
        return self.corner[index] + whole.astype(self.corner.dtype), moved - whole

    def places(self):
        nominal, parameters = nominal_positions(self.corner, self.shift), (self.offset, self.affine, self.drift)
        return Positions(self.corners(), self.corrections(), self.reach, nominal, *parameters)

    @property
    def rest(self):
        return self.shift

    def surrogate(self):
        return RoundedScan(self.corner, self)

    @property
    def steps(self):
        return {"offset": STEP, "affine": GLOBAL_STEP / max(1.0, self.extent), "drift": GLOBAL_STEP}

    @property
    def per_pattern(self):
        return {"offset": 2}

    def gauge_fixed(self):
        """Offsets within the reach and, unless the scan is anchored, without the mean of all corrections."""
        total = self.everything()
        mean = 0 if self.is_anchored else jnp.mean(total, axis=0, keepdims=True)
        return ({"offset": self.offset + self._within_reach(total - mean) - total},)

    @meant
    def corrections(self) -> Float[Array, "index 2"]:
        """What is added to the nominal position (y, x) of every pattern, in object pixels."""
        return self._bounded(self.everything())

    @meant
    def corners(self) -> Int[Array, "index 2"]:
        """Corners of all windows at the corrected positions."""
        return self.corner + self._whole(self.shift + self.corrections()).astype(self.corner.dtype)

    @meant
    def with_corrections(self, **values: Float[np.ndarray, "..."] | None) -> "RefinableScan":
        """The scan with other `offset`, `affine` and `drift`: 0 for what is not given."""
        zero = {name: jnp.zeros_like(getattr(self, name)) for name in CORRECTING}
        given = {name: jnp.asarray(value, self.shift.dtype) for name, value in values.items() if value is not None}
        return dataclasses.replace(self, **(zero | given))

    def everything(self) -> Float[Array, "index 2"]:
        """`corrections` as they are asked for, however far beyond the reach."""
        time = jnp.linspace(-1, 1, len(self.corner), dtype=self.offset.dtype)
        return self._correction(self._nominal(slice(None)), time, self.offset)

    def _nominal(self, which: Int[Array, ""] | slice) -> Float[Array, "*index 2"]:
        nominal = self.corner[which].astype(self.shift.dtype) + self.shift[which]
        return nominal - lifted(jnp.asarray(self.middle, self.shift.dtype), nominal)

    def _correction(
        self, nominal: Float[Array, "*index 2"], time: Float[Array, "*index"], offset: Float[Array, "*index 2"]
    ) -> Float[Array, "*index 2"]:
        before, polynomial, total = jnp.ones_like(time), time, nominal @ self.affine.T + offset
        for degree, coefficient in enumerate(self.drift, start=1):
            total = total + polynomial[..., None] * lifted(coefficient, total)
            after = ((2 * degree + 1) * time * polynomial - degree * before) / (degree + 1)
            before, polynomial = polynomial, after
        return total

    def _whole(self, moved: Float[Array, "*index 2"]) -> Float[Array, "*index 2"]:
        """Whole pixels of a move, within the margin that the object's array has."""
        reach = self.reach.astype(moved.dtype)
        return jnp.clip(jnp.round(moved), -reach, reach)

    def _bounded(self, correction: Float[Array, "*index 2"]) -> Float[Array, "*index 2"]:
        """Clipped, with the derivative of what is not, so that a position finds back from the bound."""
        return correction - jax.lax.stop_gradient(correction - self._within_reach(correction))

    def _within_reach(self, correction: Float[Array, "*index 2"]) -> Float[Array, "*index 2"]:
        reach = self.reach.astype(correction.dtype)
        return jnp.clip(correction, -reach, reach)


@meant
def corrections_of(
    nominal: Float[np.ndarray, "index 2"], dtype: np.dtype, **values: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "index 2"]:
    """What a `RefinableScan` at these nominal positions adds to them with such parameters, however far."""
    whole = np.round(nominal)
    scan = SubPixelScan(jnp.asarray(whole, jnp.int32), jnp.asarray((nominal - whole).astype(dtype)))
    return np.asarray(refinable(scan, 0).with_corrections(**values).everything())


def affine_fit(
    nominal: Float[np.ndarray, "index 2"], correction: Float[np.ndarray, "index 2"]
) -> tuple[Float[np.ndarray, "2 2"], Float[np.ndarray, "index 2"]]:
    """The `affine` that comes nearest to all corrections together, and what it does to each position."""
    nominal = nominal - nominal.mean(axis=0)
    affine = np.linalg.lstsq(nominal, correction - correction.mean(axis=0))[0].T
    return affine, nominal @ affine.T


@meant
def refinable(
    scan: AbstractScan,
    reach: int,
    terms: int = TERMS,
    *,
    is_anchored: bool = False,
    dtype: np.dtype | type = np.float32,
) -> RefinableScan:
    """The scan with corrections of 0, moved by `reach` pixels into an object's array with such a margin."""
    corner = scan.corner + reach
    rest = jnp.zeros(corner.shape, dtype) if scan.rest is None else scan.rest
    return RefinableScan(
        corner=corner,
        shift=rest,
        offset=jnp.zeros_like(rest),
        affine=jnp.zeros((2, 2), rest.dtype),
        drift=jnp.zeros((terms, 2), rest.dtype),
        reach=jnp.asarray(reach, corner.dtype),
        is_anchored=is_anchored,
        **about_nominal(corner, rest),
    )


def about_nominal(corner: Int[Array, "index 2"], shift: Float[Array, "index 2"]) -> dict:
    """Middle of the nominal positions, and how far the farthest is from it."""
    nominal = nominal_positions(corner, shift)
    middle = nominal.mean(axis=0)
    return {"middle": tuple(middle.tolist()), "extent": float(np.abs(nominal - middle).max())}
