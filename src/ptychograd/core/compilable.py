"""What makes code of one's own fit to be compiled, and a sentence with the line where it is not."""

import functools
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from ptychograd.core.errors import InputError

Function = TypeVar("Function", bound=Callable)

OURS = Path(__file__).parents[1]
INSTALLED = ("site-packages", "dist-packages")
NOT_KNOWN = (  # JAX's errors where code wants the value of an array that stands for any value
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
)
MISTAKES = (TypeError, ValueError, AttributeError, NameError, LookupError, ArithmeticError)


def on_device(model: PyTree) -> PyTree:
    """The model with its NumPy arrays, which are constants, as JAX arrays, so that indices may be traced."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf, model)


def compilable(function: Function) -> Function:
    """Decorates what calls code of one's own before a run: an error there is told with its line, as `InputError`."""

    @functools.wraps(function)
    def explaining(*arguments, **options):
        try:
            return function(*arguments, **options)
        except InputError:
            raise
        except MISTAKES as problem:
            if not (line := _own_line(problem)):
                raise
            raise InputError(f"{line} {_what(problem)}") from problem

    return cast(Function, explaining)


def _what(problem: Exception) -> str:
    if isinstance(problem, NOT_KNOWN):
        return (
            "wants the value of an array, which is not known while it is compiled; write jnp for np, jnp.where for "
            "`if`, no int() or float() of arrays, and jnp.asarray(...)[index] for a list or an array of NumPy."
        )
    first = next(iter(str(problem).splitlines()), "").rstrip(".")
    return f"ends with an error, {type(problem).__name__}: {first}."


def _own_line(problem: BaseException) -> str:
    """The last line outside of this package and of what is installed; empty where there is none."""
    own = (frame for frame in reversed(traceback.extract_tb(problem.__traceback__)) if _is_own(Path(frame.filename)))
    frame = next(own, None)
    return "" if frame is None else f"Line {frame.lineno} of {Path(frame.filename).name}, in {frame.name},"


def _is_own(file: Path) -> bool:
    return not file.is_relative_to(OURS) and not any(part in INSTALLED for part in file.parts)
