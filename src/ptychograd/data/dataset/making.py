"""A data set out of arrays of any kind: converted, cleaned and checked once, here."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ptychograd.core.memory import aligned_empty
from ptychograd.data.dataset.checks import check_each, check_extras, check_frames
from ptychograd.data.dataset.dataset import Dataset, GroundTruth
from ptychograd.data.dataset.freezing import frozen, held_copy
from ptychograd.data.dataset.loaded import patterns_of
from ptychograd.data.dataset.stored import StoredPatterns
from ptychograd.data.dataset.types import as_modes, counted_in, square_held_in
from ptychograd.data.dataset.valid import bared, check_share, filled, joined, valid_pixels
from ptychograd.data.dataset.variables import Variable, Variables, checked_variables
from ptychograd.data.geometry import Geometry


def make_dataset(
    patterns,
    positions=None,
    *,
    variables: Mapping[str, Variable] | None = None,
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
            z), one for each pattern or one for each curve. By default there are none, as for projections of
            tomography; whatever needs positions then says so.
        variables: what else differs from pattern to pattern, by name, each with its unit, as {"angle":
            `pg.data.Variable`(angles, "deg")}; of rocking curves one value for each pattern or for each curve. By
            default nothing.
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

        Projections of a sample that turns, in the model that you write for it:

        >>> angle = pg.data.Variable(np.array([0, 60, 120]), "deg")
        >>> pg.make_dataset(np.ones((3, 4, 6), np.uint16), variables={"angle": angle})
        Dataset(memory: 3 patterns of (4, 6) uint16, no positions, angle in rad)
    """
    places, known = None if positions is None else filled(positions), None
    each = checked_variables({} if variables is None else variables)
    if isinstance(patterns, StoredPatterns):
        given = patterns = _of_whole_scan(patterns, places, each) if patterns.grows else patterns
    else:
        given, known = bared(patterns)
        patterns = given.astype(counted_in(given.dtype), copy=False)
    check_frames(patterns)
    places, each = _for_each_pattern(places, each, len(patterns), 1 if geometry is None else geometry.patterns_together)
    check_each(len(patterns), places, each)
    mask = joined(valid_pixels(mask, patterns.shape, mask_is), known)
    support = None if support is None else np.asarray(support).astype(bool)
    if probe is not None:
        probe = as_modes(probe)
    check_extras(patterns, mask, probe, support)
    patterns, mask, cleaned = patterns_of(patterns).cleaned(mask)
    if isinstance(patterns, np.ndarray):
        patterns = held_copy(patterns) if patterns is given else frozen(patterns)
    places, probe = (None if array is None else held_copy(array) for array in (places, probe))
    if not allow_masked:
        check_share(mask, (*notes, *cleaned))
    return Dataset(patterns, places, mask, geometry, probe, support, truth, source, (*notes, *cleaned), each)


def _of_whole_scan(patterns: StoredPatterns, positions: np.ndarray | None, variables: Variables) -> StoredPatterns:
    """Patterns of a scan that is still being written: as many as there are positions, or values of a variable."""
    lengths = [len(variable.values) for variable in variables.values()]
    lengths = [len(patterns), *lengths[:1]] if positions is None else [len(positions)]
    return patterns.of(lengths[-1])


def _for_each_pattern(
    positions: np.ndarray | None, variables: Variables, count: int, group: int
) -> tuple[np.ndarray | None, Variables]:
    """Positions and variables of `count` patterns, where one was given for all angles of a rocking curve."""
    if group == 1:
        return positions, variables
    curves = np.repeat(np.arange(count // group), group)
    if positions is not None and len(positions) * group == count:
        positions = positions[curves]
    found = {
        name: variable.of(curves) if len(variable.values) * group == count else variable
        for name, variable in variables.items()
    }
    return positions, Variables(found)


def squared(data: Dataset, note: str) -> Dataset:
    """The data set of which the patterns are the square roots of photons, in a type that holds the squares."""
    if data.is_stored:
        raise TypeError("only patterns in memory are squared")
    roots = np.asarray(data.patterns)
    photons = aligned_empty(roots.shape, square_held_in(roots))
    np.multiply(roots, roots, out=photons, dtype=photons.dtype, casting="unsafe")
    return replace(data, patterns=frozen(photons), notes=(*data.notes, note))
