"""Constraints that every number of an array has to fulfil by itself."""

import jax
import jax.numpy as jnp

from ptychograd.core.errors import InputError
from ptychograd.fitting.constraints.base import AbstractConstraint


class Positive(AbstractConstraint):
    """Every number is real, and 0 or more.

    Example:
        >>> import jax.numpy as jnp
        >>> pg.constraints.Positive()(jnp.array([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """

    def __call__(self, array):
        return jnp.maximum(array.real, 0).astype(array.dtype)


class Real(AbstractConstraint):
    """Every number is real, of either sign.

    Example:
        >>> import jax.numpy as jnp
        >>> pg.constraints.Real()(jnp.array([-1.0 + 2.0j])).tolist()
        [(-1+0j)]
    """

    def __call__(self, array):
        return array.real.astype(array.dtype)


class MagnitudeAtMostOne(AbstractConstraint):
    """No magnitude is above 1: an object that absorbs, and makes no light.

    Example:
        >>> import jax.numpy as jnp
        >>> pg.constraints.MagnitudeAtMostOne()(jnp.array([2.0j, 0.5j])).tolist()
        [1j, 0.5j]
    """

    def __call__(self, array):
        return array / jnp.maximum(jnp.abs(array), 1).astype(array.dtype)


class PhaseOnly(AbstractConstraint):
    """Every magnitude is 1: an object that shifts phases and absorbs nothing. It is for complex arrays.

    Example:
        >>> import jax.numpy as jnp
        >>> pg.constraints.PhaseOnly()(jnp.array([2.0j, 0.0j])).tolist()
        [1j, (1+0j)]
    """

    def __call__(self, array):
        if not jnp.iscomplexobj(array):
            raise InputError("PhaseOnly takes a complex array, and this one is real")
        size = jnp.abs(array)
        known = jnp.where(size > 0, size, 1)
        return jnp.where(size > 0, array / jax.lax.complex(known, jnp.zeros_like(known)), 1)
