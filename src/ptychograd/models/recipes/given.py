"""Starts that a person gives, as arrays or as functions that make them, checked before anything is made of them."""

from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Array, Complex, Inexact

from ptychograd.core.errors import InputError
from ptychograd.physics.objects import AbstractObject
from ptychograd.physics.probes import AbstractProbe

Given = Array | np.ndarray | Sequence  # in the place of a function that makes a start


def made(given: object, *arguments: object) -> object:
    """The start itself, or what its function makes of the arguments."""
    if isinstance(given, (AbstractProbe, AbstractObject)):
        name = "probe.modes" if isinstance(given, AbstractProbe) else "object.transmission"
        raise InputError(f"A {type(given).__name__} is a part of a model, and no start; give its array, model.{name}.")
    return given(*arguments) if callable(given) else given


def modes_of(given: object, what: str, frame_shape: tuple[int, int]) -> Complex[np.ndarray, "modes y x"]:
    """Modes in double precision from a wave (y, x), or from several, real or complex, of NumPy or of JAX.

    Raises `InputError` for what is none, has another size than the patterns, is not finite, or 0 everywhere.
    """
    waves = _numbers(given, what, "(y, x) or (modes, y, x)")
    waves = waves[None] if waves.ndim == 2 else waves
    if waves.ndim != 3 or not len(waves):
        raise InputError(f"{what} has shape {waves.shape}; expected (y, x) or (modes, y, x).")
    if waves.shape[1:] != frame_shape:
        raise InputError(
            f"{what} has {waves.shape[1:]} pixels, the patterns have {frame_shape}; "
            "give one of the same size, or none, so that it is estimated."
        )
    _check_finite(waves, what)
    if not waves.any():
        raise InputError(f"{what} is 0 everywhere; give another, or none.")
    return waves.astype(np.complex128)


def object_of(given: object, shape: tuple[int, ...]) -> Complex[np.ndarray, "..."]:
    """The start object in double precision; raises `InputError` for another shape, and for what is not finite."""
    what = "The start object"
    start = _numbers(given, what, str(shape))
    if start.shape != shape:
        raise InputError(
            f"{what} has shape {start.shape}; expected {shape}, as large as all windows of the scan together (or as "
            "the support); a function of the shape, as flat_object, makes one that fits."
        )
    _check_finite(start, what)
    return start.astype(np.complex128)


def _numbers(given: object, what: str, shape: str) -> Inexact[np.ndarray, "..."]:
    try:
        array = np.asarray(jax.device_get(given))
    except ValueError:  # of rows that differ in length
        array = np.asarray(None)
    if array.dtype.kind not in "biufc":
        raise InputError(f"{what} is {type(given).__name__}; expected numbers {shape}, or a function that makes them.")
    return array if array.dtype.kind in "fc" else array.astype(np.float64)


def _check_finite(array: Inexact[np.ndarray, "..."], what: str) -> None:
    bad = np.count_nonzero(~np.isfinite(array))
    if bad:
        raise InputError(f"{what} holds NaN or infinity in {bad:,} places; mend it, or start without one.")
