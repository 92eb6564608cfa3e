"""A ptychographic data set: patterns as the detector shows them, positions, mask, geometry; SI units."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Complex, Float64, Real

from ptychograd._cleaning import clean
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

    patterns: Real[np.ndarray, "index y x"]
    positions: Float64[np.ndarray, "index 2"]
    mask: Bool[np.ndarray, "y x"] | Bool[np.ndarray, "index y x"]
    geometry: Geometry | None = None
    probe: Complex[np.ndarray, "modes probe_y probe_x"] | None = None
    support: Bool[np.ndarray, "Y X"] | Bool[np.ndarray, "X Y Z"] | None = None
    truth: Truth | None = None
    source: str = "memory"
    notes: tuple[str, ...] = ()

    def __post_init__(self):
        _check_frames(self.patterns, self.positions)
        _check_extras(self.patterns, self.mask, self.probe, self.support)
        _check_groups(self)

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
        return self.patterns[which], self.mask if self.mask.ndim == 2 else self.mask[which]

    @cached_property
    def photons(self) -> Float64[np.ndarray, " index"]:
        """Sum of each pattern over its valid pixels."""
        return np.asarray(np.sum(self.patterns, axis=(1, 2), dtype=np.float64, where=self.mask))

    @cached_property
    def fingerprint(self) -> str:
        """Short text that differs where anything does that a reconstruction or its comparison uses."""
        digest = hashlib.sha256(repr(self.geometry).encode())
        truth = (self.truth.object, self.truth.probe) if self.truth else (None, None)
        arrays = (self.patterns, self.positions, self.mask, self.probe, self.support, *truth)
        for array in map(np.asarray, (array if array is not None else 0 for array in arrays)):
            digest.update(f"{array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()[:16]

    @property
    def total(self) -> float:
        """Sum of all patterns over their valid pixels."""
        return float(self.photons.sum())


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
    patterns, positions = np.asarray(patterns), np.ascontiguousarray(positions, np.float64)
    group = 1 if geometry is None else geometry.patterns_together
    if group > 1 and len(positions) * group == len(patterns):
        positions = np.repeat(positions, group, axis=0)
    _check_frames(patterns, positions)
    patterns = patterns.astype(patterns.dtype.newbyteorder("="), copy=False)
    mask = np.ones(patterns.shape[1:], bool) if mask is None else np.asarray(mask).astype(bool)
    support = None if support is None else np.asarray(support).astype(bool)
    if probe is not None:
        probe = np.asarray(probe)
        probe = probe[None] if probe.ndim == 2 else probe
        probe = probe if np.iscomplexobj(probe) else probe.astype(np.complex64)
    _check_extras(patterns, mask, probe, support)
    patterns, mask, cleaned = clean(patterns, mask)
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
    part = replace(
        data,
        patterns=data.patterns[chosen],
        positions=data.positions[chosen],
        mask=data.mask if data.mask.ndim == 2 else data.mask[chosen],
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


def _check_frames(patterns: np.ndarray, positions: np.ndarray) -> None:
    """Refuse patterns and positions that aren't one for one."""
    if patterns.ndim != 3 or patterns.size == 0:
        raise InputError(f"The patterns have shape {patterns.shape}; expected (index, y, x), at least one pattern.")
    if patterns.dtype.kind not in "uif":
        raise InputError(f"The patterns are {patterns.dtype}; expected real counts of photons.")
    count = len(patterns)
    if positions.ndim != 2 or positions.shape[1] != 2:
        raise InputError(f"The positions have shape {positions.shape}; expected ({count}, 2), each (y, x).")
    if len(positions) != count:
        raise InputError(f"There are {count} patterns but {len(positions)} positions; expected one for each.")
    finite = np.isfinite(positions).all(axis=1)
    if not finite.all():
        first = int(np.argmin(finite))
        raise InputError(
            f"{np.count_nonzero(~finite)} positions are not finite, the first is number {first},"
            f" {positions[first]}; correct them or leave these patterns out."
        )


def _check_extras(patterns: np.ndarray, mask: np.ndarray, probe: np.ndarray | None, support: np.ndarray | None) -> None:
    """Refuse what doesn't belong to these patterns."""
    if mask.shape not in (patterns.shape, patterns.shape[1:]):
        raise InputError(f"The mask has shape {mask.shape}; expected {patterns.shape[1:]} or {patterns.shape}.")
    if not mask.any():
        raise InputError("The mask leaves no valid pixel; expected True (or non-zero) where a pixel is good.")
    if probe is not None and not (probe.ndim == 3 and np.isfinite(probe).all()):
        raise InputError(f"The start probe has shape {probe.shape}; expected finite modes (modes, y, x).")
    if support is not None and not (support.ndim in (2, 3) and support.any()):
        raise InputError(f"The support has shape {support.shape}; expected (Y, X) or (X, Y, Z), and True somewhere.")


def _check_groups(data: Dataset) -> None:
    """Refuse rocking curves that aren't whole, and a support of the wrong dimension."""
    dimensions = 3 if isinstance(data.geometry, BraggGeometry) else 2
    if data.support is not None and data.support.ndim != dimensions:
        raise InputError(
            f"The support has shape {data.support.shape}; expected {dimensions} axes for this geometry, "
            f"{type(data.geometry).__name__}."
        )
    if data.group == 1:
        return
    if data.count % data.group:
        raise InputError(
            f"There are {data.count} patterns and {data.group} angles, so some rocking curves are not whole; expected "
            "a pattern for every angle at every position, angle by angle."
        )
    places = data.positions.reshape(-1, data.group, 2)
    moved = np.abs(places - places[:, :1]).max(axis=(1, 2))
    if moved.any():
        first = int(np.argmax(moved > 0))
        raise InputError(
            f"The {data.group} patterns of rocking curve {first} were taken at positions up to {moved[first]:.3g} m "
            "apart; expected one position, its angles one after another."
        )
