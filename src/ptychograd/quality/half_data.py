"""Two reconstructions from disjoint halves of the patterns, and up to which detail they agree."""

import numpy as np
from jaxtyping import Bool

from ptychograd.core.errors import InputError
from ptychograd.data.geometry import format_length
from ptychograd.fitting.result import Result, pixels_with_data
from ptychograd.physics.roles import Roles
from ptychograd.quality.rings import RingCorrelation, fourier_ring_correlation


def half_agreement(one: Result, other: Result) -> RingCorrelation:
    """How far two results of one scan, each from half of its patterns, agree: their Fourier ring correlation.

    It is taken where both were lit; of crystals on shells, in the support of both. Each half has half of the photons
    and of the overlap, so all patterns together are better than what this tells. What both halves share besides the
    sample (a support, the grid of a raster, a wrong position) makes it look better than it is.

    Args:
        one: the result from one half of the patterns, as `ptychograd.data.halves` gives them.
        other: the result from the other half.

    Returns:
        the ring correlation, in cycles per metre if the results know the size of their pixels, else per pixel.

    Raises:
        InputError: the objects are of different shape or pixel size, are made of slices or states, or were hardly lit
            in common.

    Example:
        one, other = pg.data.halves(data)
        first = pg.reconstruct(pg.far_field(one), one, pg.Nesterov(), epochs=60, seed=0)
        second = pg.reconstruct(pg.far_field(other), other, pg.Nesterov(), epochs=60, seed=1)
        pg.quality.half_agreement(first, second).resolution()
    """
    require_one_image(one.roles)
    if one.object.shape != other.object.shape or one.sampling != other.sampling:
        each = (f"{result.object.shape} pixels of {_size(result)}" for result in (one, other))
        raise InputError(f"The objects of the results have {' and '.join(each)}; expected two of the same scan.")
    return fourier_ring_correlation(one.object, other.object, common_area(one, other), one.sampling)


def require_one_image(roles: Roles) -> None:
    """Raise `InputError` for roles of a model whose image is made of several."""
    if roles.image is not None and roles.image.layers:
        raise InputError("Ring correlation is for thin objects and crystals; slices and states have no one image.")


def common_area(one: Result, other: Result) -> Bool[np.ndarray, "..."]:
    """Pixels that both results' own patterns lit, those that have photons; of a crystal those of both supports."""
    first, second = _illuminated(one), _illuminated(other)
    return first & second


def _illuminated(result: Result) -> Bool[np.ndarray, "..."]:
    places, roles = result.illuminated, result.roles
    if places is not None and roles.positions is not None:
        places = np.any(places.reshape(len(roles.positions.corner), -1), axis=1)
    return pixels_with_data(roles, places)


def _size(result: Result) -> str:
    return "unknown size" if result.sampling is None else " × ".join(map(format_length, result.sampling))
