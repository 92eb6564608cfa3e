"""A data set out of arrays of any kind: converted, cleaned and checked once, here."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ptychograd.core.memory import aligned_empty
from ptychograd.data.cleaning import clean
from ptychograd.data.dataset.checks import check_extras, check_frames
from ptychograd.data.dataset.dataset import Dataset, GroundTruth
from ptychograd.data.dataset.freezing import frozen, held_copy
from ptychograd.data.dataset.stored import StoredPatterns, surveyed
from ptychograd.data.dataset.types import as_modes, counted_in, square_held_in
from ptychograd.data.dataset.valid import bared, check_share, filled, joined, valid_pixels
from ptychograd.data.geometry import Geometry


def make_dataset(
    patterns,
    positions,
    *,
    mask=None,
    geometry: Geometry | None = None,
    probe=None,
    support=None,
    truth: GroundTruth | None = None,
    source: str = "memory",
    notes: Sequence[str] = (),
    mask_is: str | None = None,
    allow_masked: bool = False,
) -> Dataset:
    """A data set from anything that NumPy can read as arrays; bad pixels are found and masked here, once.

    NaN, infinite and negative values, counts at the maximum of a detector's integer type (gaps, saturation), and pixels
    that hold the mark of a gap in nearly all patterns become masked zeros, and a note tells how many. What `numpy.ma`
    masks is masked too.

    Arrays that you could still change are copied, so that they can't differ from what was already summed up. For
    patterns this takes their size in memory once more, unless they are read-only (`patterns.flags.writeable = False`)
    or come from `read`.

    Args:
        patterns: photons (index, y, x), real; their number type is kept.
        positions: (index, 2), (y, x), in metres if `geometry` is given, else in object pixels; of rocking curves (y,
            z), one for each pattern or one for each curve.
        mask: (y, x) or (index, y, x), True or non-zero = valid; by default all are valid. NaN is not valid.
        geometry: a `Geometry` (far field), `NearFieldGeometry` or `BraggGeometry`; by default unknown, and then
            positions are in object pixels.
        probe: start probe (y, x) or (modes, y, x), complex; by default none, so that the recipe estimates one.
        support: (Y, X), or (X, Y, Z) of a crystal, True where the object is unknown (see `Dataset`); by default none.
        truth: what a simulation started from; by default none.
        source: where the patterns come from, in words, for messages.
        notes: what you want to keep with the data, one sentence each.
        mask_is: "bad" if True or non-zero means a bad pixel in the mask; by default "good".
        allow_masked: True takes data of whose pixels fewer than half are valid, too.

    Raises:
        InputError: parts that don't fit together (see `Dataset`), or more than half of all pixels bad or masked.

    Example:
        >>> scan = pg.make_dataset(np.ones((3, 4, 6), np.uint16), [[0, 0], [0, 2.5], [1, 2]])
        >>> scan.count, scan.frame_shape, scan.total
        (3, (4, 6), 72.0)
    """
    positions, known = filled(positions), None
    if isinstance(patterns, StoredPatterns):
        given = patterns = patterns.of(len(positions)) if patterns.grows else patterns
    else:
        given, known = bared(patterns)
        patterns = given.astype(counted_in(given.dtype), copy=False)
    group = 1 if geometry is None else geometry.patterns_together
    if group > 1 and len(positions) * group == len(patterns):
        positions = np.repeat(positions, group, axis=0)
    check_frames(patterns, positions)
    mask = joined(valid_pixels(mask, patterns.shape, mask_is), known)
    support = None if support is None else np.asarray(support).astype(bool)
    if probe is not None:
        probe = as_modes(probe)
    check_extras(patterns, mask, probe, support)
    patterns, mask, cleaned = (
        surveyed(patterns, mask) if isinstance(patterns, StoredPatterns) else clean(patterns, mask, aligned_empty)
    )
    if isinstance(patterns, np.ndarray):
        patterns = held_copy(patterns) if patterns is given else frozen(patterns)
    positions, probe = held_copy(positions), None if probe is None else held_copy(probe)
    if not allow_masked:
        check_share(mask, (*notes, *cleaned))
    return Dataset(patterns, positions, mask, geometry, probe, support, truth, source, (*notes, *cleaned))


def squared(data: Dataset, note: str) -> Dataset:
    """The data set of which the patterns are the square roots of photons, in a type that holds the squares."""
    roots = data.patterns
    if isinstance(roots, StoredPatterns):
        raise TypeError("only patterns in memory are squared")
    photons = aligned_empty(roots.shape, square_held_in(roots))
    np.multiply(roots, roots, out=photons, dtype=photons.dtype, casting="unsafe")
    return replace(data, patterns=frozen(photons), notes=(*data.notes, note))
