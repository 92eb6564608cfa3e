"""Where an array is free, and what it is elsewhere."""

from typing import SupportsFloat

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Bool

from ptychograd.core.errors import InputError
from ptychograd.core.strict import lifted
from ptychograd.fitting.constraints.base import AbstractConstraint


def _mask(mask: ArrayLike) -> Bool[np.ndarray, "..."]:
    return mask if isinstance(mask, np.ndarray) and mask.dtype == bool else _checked(np.asarray(mask))


def _checked(mask: np.ndarray) -> Bool[np.ndarray, "..."]:
    if not np.isin(mask, (0, 1)).all():
        raise InputError("A support is True where the array is free and False elsewhere; this mask has other values.")
    return mask.astype(bool)


def _complex(value: complex | SupportsFloat) -> complex:
    return complex(value)


class Support(AbstractConstraint):
    """An array that is known outside of a support: free where the mask is True, one number elsewhere.

    Args:
        mask: True where the array is free, as large as its last axes: (y, x) serves all slices or modes.
        outside: the number elsewhere, 0 by default; 1 for the transmission of an object in an empty surround. A real
            array takes its real part.

    Raises:
        InputError: a mask that is not True or False; when a run begins, one of another shape than the array.

    Example:
        >>> mask = np.zeros((53, 47), bool)
        >>> mask[10:-10, 10:-10] = True
        >>> stage = pg.Stage(60, constraints={"object": pg.constraints.Support(mask, outside=1)})
    """

    mask: Bool[np.ndarray, "..."] = eqx.field(converter=_mask)
    outside: complex = eqx.field(static=True, default=0j, converter=_complex)

    def __call__(self, array):
        if array.shape[max(0, array.ndim - self.mask.ndim) :] != self.mask.shape:
            raise InputError(f"a mask of {self.mask.shape} does not fit an array of {array.shape}")
        outside = self.outside if jnp.iscomplexobj(array) else self.outside.real
        return jnp.where(lifted(jnp.asarray(self.mask), array), array, outside)
