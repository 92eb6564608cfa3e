"""Positions that can be refined, and the margin of the object that they then need."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ptychograd.core.errors import InputError, check_kind
from ptychograd.core.strict import meant
from ptychograd.models.effects.common import Model
from ptychograd.physics.bragg import BraggPtychography
from ptychograd.physics.model import AbstractModel
from ptychograd.physics.ptychography import Ptychography
from ptychograd.physics.scan import TERMS, refinable

REACH = 16  # pixels
JITTER = 7  # tells its random numbers from those of other effects with the same seed


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
    whole = _scanned(model, "refined")
    if whole.scan.places().offset is not None:
        raise InputError("The positions of this model can be refined already.")
    if reach < 1 or terms < 0:
        raise InputError(f"A reach of {reach} pixels and {terms} terms of drift; expected 1 or more, and none or more.")
    window = whole.frame_shape
    if reach > max(window):
        raise InputError(f"A reach of {reach} pixels; expected no more than a window has, {max(window)}.")
    image = whole.roles().image
    is_anchored = image is not None and image.support is not None and bool(image.outside)  # by a surround that is lit
    scan = refinable(whole.scan, reach, terms, is_anchored=is_anchored, dtype=whole.detector.background.dtype)
    parts = whole.object.with_margin(reach), scan
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
    whole = _scanned(model, "wrong")
    errors = rms * np.random.default_rng([seed, JITTER]).normal(size=whole.scan.corner.shape)
    errors -= errors.mean(axis=0)
    model = with_refinable_positions(model, max(1, int(np.ceil(np.abs(errors).max()))))
    return eqx.tree_at(lambda model: model.scan.offset, model, jnp.asarray(errors, whole.detector.background.dtype))


def _scanned(model: AbstractModel, what: str) -> Ptychography | BraggPtychography:
    """The model, if it has positions that could be refined, or wrong."""
    check_kind(model, AbstractModel, "model")
    if not isinstance(model, Ptychography | BraggPtychography):
        raise InputError(f"A {type(model).__name__} has no scan whose positions could be {what}.")
    return model
