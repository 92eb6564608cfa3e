"""Bases in which few coefficients of a parameter differ from 0, for the prior that expects that."""

import abc
from typing import SupportsFloat

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

from ptychograd.core.errors import InputError


def _complex(value: complex | SupportsFloat) -> complex:
    return complex(value)


class AbstractBasis(eqx.Module):
    """Base class of bases for `Sparse`: a linear map from an array to coefficients, of which most are expected to be 0.

    A subclass gives the call (the coefficients) and `spread` (a bound, from which step sizes follow).
    """

    @abc.abstractmethod
    def __call__(self, array: Inexact[Array, "..."]) -> tuple[Inexact[Array, "..."], ...]:
        """The coefficients, in one array or several."""

    @abc.abstractmethod
    def spread(self, curvatures: tuple[Float[Array, "..."], ...]) -> Float[Array, "..."]:
        """For each entry i of the array Σ_k |B_ki| c_k Σ_j |B_kj|, with a curvature c of each coefficient k."""


class Pixels(AbstractBasis):
    """The pixels themselves, less a constant: for an object that is empty nearly everywhere.

    Args:
        middle: the constant, as 1 for the transmission of a mostly empty object; a real array takes its real part.

    Example:
        >>> pg.priors.Sparse(0.5, pg.priors.Pixels()).basis.middle
        (1+0j)
    """

    middle: complex = eqx.field(static=True, default=1.0, converter=_complex)

    def __call__(self, array):
        return (array - (self.middle if jnp.iscomplexobj(array) else self.middle.real),)

    def spread(self, curvatures):
        return curvatures[0]


class Haar(AbstractBasis):
    """The details of Haar's wavelets over squares of 2, 4, ... pixels; means over the largest squares stay free.

    A. Haar, Math. Ann. 69, 331 (1910). Orthonormal; a last row or column that has no partner is left out.

    Args:
        levels: how often the squares are doubled: 3 for details over up to 8 x 8 pixels.

    Raises:
        InputError: for less than one level.

    Example:
        >>> pg.priors.Sparse(0.5, pg.priors.Haar(levels=4)).basis.levels
        4
    """

    levels: int = eqx.field(static=True, default=3)

    def __check_init__(self):
        if self.levels < 1:
            raise InputError(f"Haar's wavelets of {self.levels} levels; expected 1 or more.")

    def __call__(self, array):
        details = []
        for _ in range(self.levels):
            array, detail = _haar(array)
            details.append(detail)
        return tuple(details)

    def spread(self, curvatures):
        total = None
        for detail in reversed(curvatures):  # from the largest squares to the smallest
            here = jnp.sum(detail, axis=0)
            here = here if total is None else here + filled_up(total, here)
            total = jnp.repeat(jnp.repeat(here, 2, axis=-2), 2, axis=-1)
        return total


def filled_up(array: Float[Array, "..."], like: Inexact[Array, "..."]) -> Float[Array, "..."]:
    """The array with zeros after its last rows and columns, where another is larger."""
    spare = [(0, n - m) for n, m in zip(like.shape[-2:], array.shape[-2:], strict=True)]
    return jnp.pad(array, [(0, 0)] * (array.ndim - 2) + spare)


def _haar(array: Inexact[Array, "..."]) -> tuple[Inexact[Array, "..."], Inexact[Array, "..."]]:
    """Twice the means over squares of 2 x 2 pixels, and the three details of each."""
    rows, columns = (n - n % 2 for n in array.shape[-2:])
    a, b, c, d = (array[..., y:rows:2, x:columns:2] for y in (0, 1) for x in (0, 1))
    return (a + b + c + d) / 2, jnp.stack([a - b + c - d, a + b - c - d, a - b - c + d]) / 2
