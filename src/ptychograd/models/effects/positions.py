"""Positions that can be refined, and the margin of the object that they then need."""

from typing import TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Shaped

from ptychograd.core.errors import InputError
from ptychograd.core.parameters import is_parameter, trainable_names
from ptychograd.core.strict import meant
from ptychograd.physics.bragg import BraggPtychography
from ptychograd.physics.model import AbstractModel
from ptychograd.physics.ptychography import Ptychography
from ptychograd.physics.scan import TERMS, RefinableScan, refinable

REACH = 16  # pixels
JITTER = 7  # tells its random numbers from those of other effects with the same seed

Model = TypeVar("Model", bound=AbstractModel)


@meant
def with_refinable_positions(model: Model, reach: int = REACH, terms: int = TERMS) -> Model:
    """Let the positions of the scan be refined, together with the object, by gradients.

    Refine them by the names "scan.offset" (each pattern's own error), "scan.affine" (scale, shear and rotation of the
    whole scan) and "scan.drift" (polynomials of the pattern's number). The object's array gets a margin of `reach`
    pixels on every side, into which windows may move: transmission continued, and known to be that of the surround
    where the object has a known one.

    Args:
        model: a far-field, near-field or Bragg model.
        reach: object pixels by which a position may move along y and x, 1 or more, and no more than the window has; by
            default 16.
        terms: polynomials of the drift, 0 or more; by default 3.

    Raises:
        InputError: a model without a scan or with such a scan already, or numbers out of these ranges.

    Example:
        >>> free = pg.models.with_refinable_positions(model, reach=4)
        >>> free.scan.offset.shape, free.scan.drift.shape, free.object.transmission.shape
        ((56, 2), (3, 2), (61, 55))
    """
    if not isinstance(model, Ptychography | BraggPtychography):
        raise InputError(f"A {type(model).__name__} has no scan whose positions could be refined.")
    if isinstance(model.scan, RefinableScan):
        raise InputError("The positions of this model can be refined already.")
    if reach < 1 or terms < 0:
        raise InputError(f"A reach of {reach} pixels and {terms} terms of drift; expected 1 or more, and none or more.")
    window = model.frame_shape
    if reach > max(window):
        raise InputError(f"A reach of {reach} pixels; expected no more than a window has, {max(window)}.")
    is_anchored = isinstance(model, Ptychography) and getattr(model.object, "support", None) is not None
    scan = refinable(model.scan, reach, terms, is_anchored=is_anchored, dtype=model.detector.background.dtype)
    parts = padded(model.object, reach), scan
    return eqx.tree_at(lambda model: (model.object, model.scan), model, parts)


@meant
def with_jitter(model: Model, rms: float, seed: int = 0) -> Model:
    """Give the positions of a model Gaussian errors, 0 on average, so that you can simulate a stage that is not exact.

    Args:
        model: a far-field, near-field or Bragg model.
        rms: standard deviation of the errors along each axis, in object pixels.
        seed: of the errors.

    Raises:
        InputError: a model without a scan, or with positions that can be refined already.

    Example:
        >>> pg.models.with_jitter(model, 1.0).scan.offset.shape
        (56, 2)
    """
    if not isinstance(model, Ptychography | BraggPtychography):
        raise InputError(f"A {type(model).__name__} has no scan whose positions could be wrong.")
    errors = rms * np.random.default_rng([seed, JITTER]).normal(size=model.scan.corner.shape)
    errors -= errors.mean(axis=0)
    model = with_refinable_positions(model, max(1, int(np.ceil(np.abs(errors).max()))))
    return eqx.tree_at(lambda model: model.scan.offset, model, jnp.asarray(errors, model.detector.background.dtype))


def padded(object: eqx.Module, margin: int) -> eqx.Module:
    """The object with that many more pixels on every side of all its arrays (..., y, x)."""
    shapes = {leaf.shape[-2:] for leaf in jax.tree.leaves(object) if is_parameter(leaf) and leaf.ndim > 1}
    if len(shapes) != 1:
        names = ", ".join(trainable_names(object))
        raise InputError(f"An object with arrays of {len(shapes)} sizes ({names}) can't be given a margin.")
    (shape,) = shapes

    def pad(leaf: Shaped[Array | np.ndarray, "..."]) -> Shaped[Array | np.ndarray, "..."]:
        if not isinstance(leaf, jax.Array) or leaf.shape[-2:] != shape:  # kernels and other constants are NumPy's
            return leaf
        width = ((0, 0),) * (leaf.ndim - 2) + ((margin, margin),) * 2
        return jnp.pad(leaf, width) if leaf.dtype == bool else jnp.pad(leaf, width, mode="symmetric")

    return jax.tree.map(pad, object)
