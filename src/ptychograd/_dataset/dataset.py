"""A ptychographic data set: patterns as the detector shows them, positions, mask, geometry; SI units."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Complex, Float64, Real

from ptychograd._cleaning import clean
from ptychograd._dataset.checks import check_extras, check_frames, check_groups
from ptychograd._dataset.stored import StoredPatterns, Survey
from ptychograd._errors import InputError
from ptychograd._geometry import (
    BraggGeometry,
    Geometry,
    NearFieldGeometry,
    check_extent,
    far_field_sampling,
    object_shape_needed,
)

__all__ = [
    "BraggGeometry",
    "Dataset",
    "Geometry",
    "NearFieldGeometry",
    "Truth",
    "check_extent",
    "far_field_sampling",
    "make_dataset",
    "object_shape_needed",
    "positions_in_pixels",
    "subset",
]


@dataclass(frozen=True, eq=False)
class Truth:
    """What a simulation started from; never used by a reconstruction.

    Args:
        object: complex transmission (Y, X), or a crystal's density (X, Y, Z).
        probe: complex modes (modes, y, x); the sum of |probe|^2 is the number of photons per exposure.
    """

    object: Complex[np.ndarray, "Y X"] | Complex[np.ndarray, "X Y Z"]
    probe: Complex[np.ndarray, "modes probe_y probe_x"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Measured patterns and where they were taken; made by `make_dataset`, which cleans and converts.

    Args:
        patterns: photons (index, y, x) in the detector's own type, as the detector shows them: the zero
            frequency of a far-field pattern is at pixel (ny // 2, nx // 2). For the axes (x, z) of a rocking curve and
            the order of its patterns see `BraggGeometry`.
        positions: (index, 2), (y, x), in metres if the geometry is known, else in object pixels; a larger y
            means that the window lies at a larger row of the object.
        mask: (y, x) or (index, y, x), True = valid.
        geometry: None if the file doesn't tell.
        probe: complex start probe (modes, y, x), or None.
        support: (Y, X), True where the transmission is unknown; it is 1 elsewhere. If given, positions are
            those of the window's corner relative to pixel (0, 0) of this array. Of a crystal (X, Y, Z): its density
            is 0 elsewhere, and the last window ends where the array does.
        truth: what a simulation started from, or None.
        source: where the patterns come from, in words.
        notes: what a reader guessed and what was cleaned, one sentence each.

    Raises:
        InputError: shapes that don't belong together, no pattern, no valid pixel, a position not finite.
    """

    patterns: Real[np.ndarray, "index y x"] | StoredPatterns
    positions: Float64[np.ndarray, "index 2"]
    mask: Bool[np.ndarray, "y x"] | Bool[np.ndarray, "index y x"]
    geometry: Geometry | None = None
    probe: Complex[np.ndarray, "modes probe_y probe_x"] | None = None
    support: Bool[np.ndarray, "Y X"] | Bool[np.ndarray, "X Y Z"] | None = None
    truth: Truth | None = None
    source: str = "memory"
    notes: tuple[str, ...] = ()

    def __post_init__(self):
        check_frames(self.patterns, self.positions)
        check_extras(self.patterns, self.mask, self.probe, self.support)
        check_groups(self)

    def __repr__(self) -> str:
        unit = "pixels" if self.geometry is None else "metres"
        return f"Dataset({self.source}: {self.count} patterns of {self.frame_shape} {self.patterns.dtype}, in {unit})"

    @property
    def count(self) -> int:
        """Number of patterns."""
        return len(self.patterns)

    @property
    def group(self) -> int:
        """How many patterns belong to one position, one after another."""
        return 1 if self.geometry is None else self.geometry.patterns_together

    @property
    def frame_shape(self) -> tuple[int, int]:
        """Rows and columns of one pattern."""
        return self.patterns.shape[1], self.patterns.shape[2]

    def frames(self, which: slice | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Some of the patterns, by their numbers, and their mask: (y, x), or one for each pattern."""
        if isinstance(self.patterns, StoredPatterns):
            return self.patterns.frames(which, self.mask)
        return self.patterns[which], self.mask if self.mask.ndim == 2 else self.mask[which]

    @cached_property
    def photons(self) -> Float64[np.ndarray, " index"]:
        """Sum of each pattern over its valid pixels."""
        if isinstance(self.patterns, StoredPatterns):
            return surveyed(self).photons * (1 if self.patterns.used is None else self.patterns.used)
        return np.asarray(np.sum(self.patterns, axis=(1, 2), dtype=np.float64, where=self.mask))

    @cached_property
    def fingerprint(self) -> str:
        """Short text that differs where anything does that a reconstruction or its comparison uses."""
        digest = hashlib.sha256(repr(self.geometry).encode())
        patterns = self.photons if isinstance(self.patterns, StoredPatterns) else self.patterns
        truth = (self.truth.object, self.truth.probe) if self.truth else (None, None)
        arrays = (patterns, self.positions, self.mask, self.probe, self.support, *truth)
        for array in map(np.asarray, (array if array is not None else 0 for array in arrays)):
            digest.update(f"{array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()[:16]

    @property
    def total(self) -> float:
        """Sum of all patterns over their valid pixels."""
        return float(self.photons.sum())

    @cached_property
    def mean_pattern(self) -> Float64[np.ndarray, "y x"]:
        """Mean of the patterns over their valid pixels; 0 where no pattern has one."""
        if isinstance(self.patterns, StoredPatterns):
            seen = surveyed(self)
            return seen.total / np.maximum(seen.valid, 1)
        total, valid = np.zeros(self.frame_shape), np.zeros(self.frame_shape)
        masks = self.mask if self.mask.ndim == 3 else [self.mask] * self.count
        for pattern, mask in zip(self.patterns, masks, strict=True):
            total += np.where(mask, pattern, 0)
            valid += mask
        return total / np.maximum(valid, 1)

    @cached_property
    def largest(self) -> float:
        """The largest count of a valid pixel."""
        if isinstance(self.patterns, StoredPatterns):
            return surveyed(self).largest
        return float(self.patterns.max(where=self.mask, initial=0))

    def only(self, which: Bool[np.ndarray, " index"]) -> "Dataset":
        """The same data with all pixels of other patterns masked."""
        if isinstance(self.patterns, StoredPatterns):
            return replace(self, patterns=self.patterns.only(which))
        return replace(self, mask=self.mask & which[:, None, None])


def make_dataset(
    patterns,
    positions,
    *,
    mask=None,
    geometry: Geometry | None = None,
    probe=None,
    support=None,
    truth: Truth | None = None,
    source: str = "memory",
    notes: Sequence[str] = (),
) -> Dataset:
    """A data set from anything NumPy can read as arrays; bad pixels are masked here, once.

    NaN, infinite and negative values, and counts at the maximum of a detector's integer type (gaps,
    saturation), become masked zeros, and a note tells how many.

    Args:
        patterns: photons (index, y, x), real; the type is kept.
        positions: (index, 2), (y, x), in metres if `geometry` is given, else in object pixels; of rocking
            curves (y, z), one for each pattern or one for each curve.
        mask: (y, x) or (index, y, x), True or non-zero = valid; None = all valid.
        probe: start probe (y, x) or (modes, y, x), complex.

    Raises:
        InputError: as `Dataset`; or more than half of all pixels are bad.

    Example:
        >>> import numpy as np
        >>> data = make_dataset(np.ones((3, 4, 6), np.uint16), [[0, 0], [0, 2.5], [1, 2]])
        >>> data.count, data.frame_shape, data.total
        (3, (4, 6), 72.0)
    """
    positions = np.ascontiguousarray(positions, np.float64)
    if isinstance(patterns, StoredPatterns):
        patterns = patterns.of(len(positions)) if patterns.grows else patterns
    else:
        patterns = np.asarray(patterns)
        patterns = patterns.astype(patterns.dtype.newbyteorder("="), copy=False)
    group = 1 if geometry is None else geometry.patterns_together
    if group > 1 and len(positions) * group == len(patterns):
        positions = np.repeat(positions, group, axis=0)
    check_frames(patterns, positions)
    mask = np.ones(patterns.shape[1:], bool) if mask is None else np.asarray(mask).astype(bool)
    support = None if support is None else np.asarray(support).astype(bool)
    if probe is not None:
        probe = np.asarray(probe)
        probe = probe[None] if probe.ndim == 2 else probe
        probe = probe if np.iscomplexobj(probe) else probe.astype(np.complex64)
    check_extras(patterns, mask, probe, support)
    patterns, mask, cleaned = (
        looked_at(patterns, mask) if isinstance(patterns, StoredPatterns) else clean(patterns, mask)
    )
    return Dataset(patterns, positions, mask, geometry, probe, support, truth, source, (*notes, *cleaned))


def subset(data: Dataset, indices) -> Dataset:
    """The patterns with these numbers, in this order, with all that belongs to them.

    Of rocking curves all angles of a position stay together.

    Args:
        indices: whole numbers from 0 to count - 1, or (count,) booleans.
    """
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
        positions=data.positions[chosen],
        mask=mask,
        support=None,
        notes=(*data.notes, f"subset: {chosen.size:,} of {data.count:,} patterns"),
    )
    if data.support is None or data.support.ndim == 2:
        return replace(part, support=data.support)
    return _cropped(part, data, data.support)


def _cropped(part: Dataset, whole: Dataset, support: np.ndarray) -> Dataset:
    """Rocking curves with as much of the support and of the truth as their windows see: the last one ends the array."""
    corners, kept = (np.round(positions_in_pixels(data, None)).max(axis=0).astype(int) for data in (whole, part))
    far = kept + support.shape[1:] - corners
    inside = (slice(None), slice(far[0]), slice(far[1]))
    truth = None if part.truth is None else Truth(part.truth.object[inside], part.truth.probe)
    return replace(part, support=support[inside], truth=truth)


def positions_in_pixels(data: Dataset, sampling: tuple[float, float] | None) -> Float64[np.ndarray, "index 2"]:
    """Positions (index, 2) in object pixels, (y, x).

    Args:
        sampling: object pixel (dy, dx) in metres; None takes that of the geometry.

    Raises:
        InputError: a sampling for positions that are in pixels already.
    """
    if data.geometry is None:
        if sampling is not None:
            raise InputError(
                f"The geometry is unknown, so positions are in object pixels and the sampling {sampling} m"
                " can't be applied; give wavelength, distance and pixel_size, and positions in metres."
            )
        return data.positions
    return data.positions / (sampling or data.geometry.sampling(data.frame_shape))


def looked_at(patterns: StoredPatterns, mask: np.ndarray) -> tuple[StoredPatterns, np.ndarray, tuple[str, ...]]:
    """Patterns after a look at all of them, their mask without pixels that are bad in all, and what was found."""
    if mask.ndim != 2:
        raise InputError("Patterns that stay in their file need one mask for all, (y, x), not one for each pattern.")
    seen = patterns.look(mask)
    if not seen.kinds:
        return patterns, mask, ()
    words = ", ".join(f"{number:,} {kind}" for kind, number in seen.kinds.items())
    where = f"{np.count_nonzero(seen.bad):,} in {seen.bad_frames:,} of {seen.seen:,} patterns"
    mask = mask if seen.differs else mask & (seen.bad == 0)
    return patterns, mask, (f"mask: bad pixels found and masked: {where} ({words})",)


def surveyed(data: Dataset) -> Survey:
    """What a look at the patterns in their file told."""
    patterns = data.patterns
    if not isinstance(patterns, StoredPatterns):
        raise TypeError("only patterns in a file are surveyed")
    return patterns.survey or patterns.look(data.mask)
