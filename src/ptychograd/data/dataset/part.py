"""Some of the patterns of a data set, with all that belongs to them."""

from dataclasses import replace

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.dataset.dataset import Dataset, check_data, positions_in_pixels
from ptychograd.data.dataset.variables import Variables


def subset(data: Dataset, indices) -> Dataset:
    """The patterns with these numbers, in this order, with all that belongs to them.

    Of rocking curves all angles of a position stay together.

    Args:
        data: the data set; it is not changed.
        indices: whole numbers from 0 to count - 1, or (count,) booleans.

    Raises:
        InputError: numbers out of that range, none at all, or parts of a rocking curve.

    Example:
        >>> pg.data.subset(data, [0, 2, 5]).count
        3
    """
    check_data(data)
    chosen = np.asarray(indices)
    if chosen.dtype == bool and chosen.shape == (data.count,):
        chosen = np.flatnonzero(chosen)
    whole = chosen.ndim == 1 and chosen.size > 0 and np.issubdtype(chosen.dtype, np.integer)
    if not whole or chosen.min() < 0 or chosen.max() >= data.count:
        raise InputError(f"A subset needs whole numbers from 0 to {data.count - 1}, at least one; got {indices!r}.")
    if not np.array_equal(chosen % data.group, np.resize(np.arange(data.group), chosen.size)):
        raise InputError(
            f"A subset of rocking curves needs whole ones, all {data.group} angles of a position in order."
        )
    patterns, mask = data.frames(chosen)
    part = replace(
        data,
        patterns=patterns,
        positions=None if data.positions is None else data.positions[chosen],
        mask=mask,
        variables=Variables(data.variables).of(chosen),
        support=None,
        notes=(*data.notes, f"subset: {chosen.size:,} of {data.count:,} patterns"),
    )
    if data.support is None or data.support.ndim == 2 or data.positions is None:
        return replace(part, support=data.support)
    return _cropped(part, data, data.support)


def _cropped(part: Dataset, whole: Dataset, support: np.ndarray) -> Dataset:
    """Rocking curves with as much of the support and of the truth as their windows see: the last one ends the array."""
    corners, retained = (np.round(positions_in_pixels(data, None)).max(axis=0).astype(int) for data in (whole, part))
    far = retained + support.shape[1:] - corners
    inside = (slice(None), slice(far[0]), slice(far[1]))
    truth = None if part.truth is None else replace(part.truth, object=part.truth.object[inside])
    return replace(part, support=support[inside], truth=truth)
