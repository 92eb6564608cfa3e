"""Two reconstructions from disjoint halves of the patterns, and up to which detail they agree."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Bool

from ptychograd._dataset import Dataset, check_data
from ptychograd._errors import InputError
from ptychograd._geometry import format_length
from ptychograd._hold_out import set_aside
from ptychograd._illumination import lit_pixels
from ptychograd._patterns import lit_positions
from ptychograd._result import Result
from ptychograd._rings import RingCorrelation, fourier_ring_correlation


def halves(data: Dataset, seed: int = 0) -> tuple[Dataset, Dataset]:
    """The data with one half of the patterns and with the other, chosen by chance; whole rocking curves of them.

    By chance, as every second pattern of a raster would double the step along one axis and not along the other.
    Both keep all patterns and positions, so that one model serves both; those of the other half are masked.

    Example:
        one, other = halves(data)
        first = reconstruct(far_field(one), one, Nesterov(), epochs=60, seed=0)
        second = reconstruct(far_field(other), other, Nesterov(), epochs=60, seed=1)
        half_agreement(first, second).resolution()
    """
    check_data(data)
    lit = len(lit_positions(data))
    if lit < 4:
        raise InputError(f"{data.source}: {lit} positions with photons can't be halved; expected 4 or more.")
    one, other = set_aside(data, round(lit / 2), seed)
    source = f"{data.source}, {{}} half of the patterns"
    return replace(one, source=source.format("first")), replace(other, source=source.format("second"))


def half_agreement(one: Result, other: Result) -> RingCorrelation:
    """Fourier ring correlation of two results of one scan where both were lit; shells for crystals, in their support.

    In metres if the results know the size of their pixels, else in pixels. Each half has half of the photons and of the
    overlap, so all patterns together are better than what this tells; what both halves share besides the sample
    (a support, the grid of a raster, a wrong position) makes it look better than it is.
    """
    require_one_image(one.arrays)
    if one.object.shape != other.object.shape or one.sampling != other.sampling:
        each = (f"{result.object.shape} pixels of {_size(result)}" for result in (one, other))
        raise InputError(f"The objects of the results have {' and '.join(each)}; expected two of the same scan.")
    return fourier_ring_correlation(one.object, other.object, common_area(one, other), one.sampling)


def require_one_image(arrays: Mapping[str, Any]) -> None:
    """Raise `InputError` for parameters by path, of which an object's transmission is not one image."""
    if "object.transmission" in arrays and np.ndim(arrays["object.transmission"]) != 2:
        raise InputError("Ring correlation is for thin objects and crystals; slices and states have no one image.")


def common_area(one: Result, other: Result) -> Bool[np.ndarray, "..."]:
    """Pixels that both results' own patterns lit, those that have photons; of a crystal those of both supports."""
    first, second = _lit(one), _lit(other)
    return first & second


def _lit(result: Result) -> Bool[np.ndarray, "..."]:
    support = result.arrays.get("object.support")
    if result.object.ndim == 3 or "scan.corner" not in result.arrays:
        return np.ones(result.object.shape, bool) if support is None else support
    corners = result.corners
    if result.lit is not None:
        corners = corners[result.lit.reshape(len(corners), -1).any(axis=1)]
    return lit_pixels(result.object.shape, corners, result.probe, support)


def _size(result: Result) -> str:
    return "unknown size" if result.sampling is None else " × ".join(map(format_length, result.sampling))
