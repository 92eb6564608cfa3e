"""What holds however strictly JAX is set in a user's process.

With `jax_numpy_dtype_promotion` "strict" and `jax_numpy_rank_promotion` "raise" operands have to be of one number type
and of as many axes, with `jax_transfer_guard` "disallow" whatever goes from the host to a device or back has to be sent
in so many words.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar, cast

import jax
import numpy as np

Operand = TypeVar("Operand", jax.Array, np.ndarray)
Function = TypeVar("Function", bound=Callable)


def meant(function: Function) -> Function:
    """Decorates what makes a model or a start of a run, or takes a result apart.

    There every number and every array goes between host and device because that is the purpose. The loop over epochs
    has no need of it.
    """

    @functools.wraps(function)
    def allowed(*arguments, **options):
        with jax.transfer_guard("allow"):
            return function(*arguments, **options)

    return cast(Function, allowed)


def lifted(array: Operand, like: jax.Array | np.ndarray) -> Operand:
    """The array with axes of length 1 before its own, as many as `like` has more; a number stays what it is."""
    missing = like.ndim - array.ndim
    return array if array.ndim == 0 or missing <= 0 else array.reshape((1,) * missing + array.shape)


def as_complex(array: Operand) -> Operand:
    """Real numbers as complex ones of the same precision."""
    return array.astype(np.result_type(array.dtype, np.complex64))


@contextmanager
def promoted_by_jax() -> Iterator[None]:
    """JAX promotes by itself in here, whatever it is set to: for code of others that counts on it, as optax's Adam."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


@contextmanager
def full_precision() -> Iterator[None]:
    """Products of matrices in here take all bits of their numbers.

    Recent GPUs take eleven of 24 by default (TF32), and positions, phases and transforms to other wavelengths come out
    of such products. It changes nothing on a CPU.
    """
    with jax.default_matmul_precision("highest"):
        yield
