"""A data set: patterns as the detector shows them, positions, variables, mask, geometry; SI units."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Complex, Float64, Inexact, Real

from ptychograd.core.errors import InputError, check_kind
from ptychograd.data.dataset.abstract import AbstractPatterns
from ptychograd.data.dataset.checks import check_each, check_extras, check_frames, check_groups, check_support
from ptychograd.data.dataset.freezing import frozen, shown
from ptychograd.data.dataset.loaded import patterns_of
from ptychograd.data.dataset.stated import Stated
from ptychograd.data.dataset.variables import Variable, checked_variables, way_to
from ptychograd.data.geometry import (
    BraggGeometry,
    Geometry,
    NearFieldGeometry,
    bounded,
    check_extent,
    far_field_sampling,
    object_shape_needed,
)

__all__ = [
    "BraggGeometry",
    "Dataset",
    "Geometry",
    "GroundTruth",
    "NearFieldGeometry",
    "check_extent",
    "far_field_sampling",
    "object_shape_needed",
    "positions_in_pixels",
    "positions_of",
]


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """What the patterns of a simulation were made from; no reconstruction ever uses it.

    Args:
        object: complex transmission (Y, X), or a crystal's density (X, Y, Z); of a model of your own its image.
        probe: complex modes (modes, y, x); the sum of |probe|² is the number of photons per exposure. None by default,
            of a model without a probe.
        parameters: others that a model might refine, by their path in the model (as "scan.offset"), in its units; by
            default none.

    Example:
        >>> truth = pg.data.GroundTruth(np.ones((40, 48), complex), np.ones((1, 20, 18), complex))
        >>> pg.make_dataset(data.patterns, data.positions, truth=truth).truth.object.shape
        (40, 48)
    """

    object: Inexact[np.ndarray, "Y X"] | Inexact[np.ndarray, "X Y Z"]
    probe: Complex[np.ndarray, "modes probe_y probe_x"] | None = None
    parameters: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Measured patterns with the positions, mask and geometry that belong to them, all read-only.

    `read` and `make_dataset` make it: they clean and convert what they are given. Here it is only checked that all
    parts fit together.

    Args:
        patterns: photons (index, y, x) in the detector's own type, as the detector shows them: the zero frequency of a
            far-field pattern is at pixel (ny // 2, nx // 2). For the axes (x, z) of a rocking curve and the order of
            its patterns see `BraggGeometry`.
        positions: (index, 2), (y, x), in metres if the geometry is known, else in object pixels; a larger y means that
            the window lies at a larger row of the object. None for data that have none, as projections of tomography:
            whatever needs positions says so.
        mask: (y, x) or (index, y, x), True = valid.
        geometry: wavelength, distance and pixel size; None (by default) if they are not known.
        probe: complex start probe (modes, y, x); None (by default) if there is none.
        support: (Y, X), True where the transmission is unknown; it is 1 elsewhere. If given, positions are those of the
            window's corner relative to pixel (0, 0) of this array. Of a crystal (X, Y, Z): its density is 0 elsewhere,
            and the last window ends where the array does. By default none.
        truth: what a simulation started from; by default none.
        source: where the patterns come from, in words.
        notes: what a reader guessed and what was cleaned, one sentence each.
        variables: what else differs from pattern to pattern, by name, as {"angle": `Variable`}; by default nothing.
        stated: what the file says of its patterns' centre, dark and flat field, for `pg.data.prepare`; by default
            nothing.

    Raises:
        InputError: shapes that don't belong together, no pattern, no valid pixel, a position that is not finite, a
            variable of another length or with a name that isn't free.

    Example:
        >>> data
        Dataset(memory: 56 patterns of (20, 18) uint16, in pixels)
        >>> data.count, data.frame_shape, data.photons.shape, data.mean_pattern.shape
        (56, (20, 18), (56,), (20, 18))
    """

    patterns: Real[np.ndarray, "index y x"] | AbstractPatterns
    positions: Float64[np.ndarray, "index 2"] | None
    mask: Bool[np.ndarray, "y x"] | Bool[np.ndarray, "index y x"]
    geometry: Geometry | None = None
    probe: Complex[np.ndarray, "modes probe_y probe_x"] | None = None
    support: Bool[np.ndarray, "Y X"] | Bool[np.ndarray, "X Y Z"] | None = None
    truth: GroundTruth | None = None
    source: str = "memory"
    notes: tuple[str, ...] = ()
    variables: Mapping[str, Variable] = field(default_factory=dict)
    stated: Stated = field(default_factory=Stated)

    def __post_init__(self):
        variables = checked_variables(self.variables)
        object.__setattr__(self, "variables", variables)
        check_frames(self.patterns)
        check_each(len(self.patterns), self.positions, variables)
        check_extras(self.patterns, self.mask, self.probe, self.support)
        check_support(self.support, self.geometry)
        check_groups(len(self.patterns), self.positions, self.group)
        for name in ("patterns", "positions", "mask", "probe", "support"):
            if isinstance(array := getattr(self, name), np.ndarray):
                object.__setattr__(self, name, shown(array))

    def __repr__(self) -> str:
        unit = "no positions" if self.positions is None else "in pixels" if self.geometry is None else "in metres"
        parts = (unit, *(f"{name} in {variable.unit}" for name, variable in self.variables.items()))
        patterns = f"{self.count} patterns of {self.frame_shape} {self.patterns.dtype}"
        return f"Dataset({self.source}: {patterns}, {', '.join(parts)})"

    @property
    def count(self) -> int:
        """Number of patterns."""
        return len(self.patterns)

    @property
    def group(self) -> int:
        """How many patterns belong to one position, one after another."""
        return 1 if self.geometry is None else self.geometry.patterns_together

    @property
    def near_field(self) -> NearFieldGeometry | None:
        """The geometry of shadows, None where patterns are no near field."""
        return None if self.geometry is None else self.geometry.near_field

    @property
    def rocking_curve(self) -> BraggGeometry | None:
        """The geometry of rocking curves around a Bragg reflection, None where patterns are of no crystal."""
        return None if self.geometry is None else self.geometry.rocking_curve

    @property
    def is_far_field(self) -> bool:
        """Whether patterns are a thin object's far field, as those with positions and no geometry are taken to be."""
        return self.positions is not None if self.geometry is None else self.geometry.is_far_field

    @property
    def frame_shape(self) -> tuple[int, int]:
        """Rows and columns of one pattern."""
        return self.patterns.shape[1], self.patterns.shape[2]

    @property
    def store(self) -> AbstractPatterns:
        """The patterns as they are asked for by number, wherever they are: in memory or in their file."""
        return patterns_of(self.patterns)

    @property
    def is_stored(self) -> bool:
        """Whether the patterns are in their file, from which they are read block by block."""
        return self.store.in_file

    @property
    def grows(self) -> bool:
        """Whether the file of the patterns is still being written, so that more may come."""
        return self.store.grows

    @property
    def arrived(self) -> int:
        """How many patterns are there by now."""
        return self.store.arrived()

    def variable(self, name: str) -> Float64[np.ndarray, "index *k"]:
        """Values of a variable for every pattern, in its unit of the SI: (index,) or (index, k), read-only.

        Raises:
            InputError: there is none of that name; it says which there are.
        """
        if name not in self.variables:
            raise InputError(f'{self.source} has no variable "{name}"; {way_to(name, self.variables)}.')
        return self.variables[name].values

    def frames(self, which: slice | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Some of the patterns, by their numbers, and their mask: (y, x), or one for each pattern."""
        return self.store.frames(which, self.mask)

    @cached_property
    def photons(self) -> Float64[np.ndarray, " index"]:
        """Sum of each pattern over its valid pixels."""
        return self.store.photons_in(self.mask)

    @cached_property
    def fingerprint(self) -> str:
        """Short text that differs for other data; the same for patterns in memory and in their file.

        Of the patterns it knows the photons of each, and over all of them the photons and valid counts of each pixel.
        """
        digest = hashlib.sha256(f"{self.geometry} {self.patterns.shape}".encode())
        digest.update("".join(f" {name} {self.variables[name].unit}" for name in sorted(self.variables)).encode())
        total, valid = self.sums
        patterns = (self.photons.astype(np.float32), total.astype(np.float32), valid.astype(np.int64))
        truth = (self.truth.object, self.truth.probe, *self.truth.parameters.values()) if self.truth else (None, None)
        arrays = (*patterns, self.positions, self.probe, self.support, *truth)
        arrays += tuple(self.variables[name].values for name in sorted(self.variables))
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
        total, valid = self.sums
        return frozen(total / np.maximum(valid, 1))

    @cached_property
    def sums(self) -> tuple[np.ndarray, np.ndarray]:
        """For each pixel (y, x) the photons in all patterns in which it is valid, and how many these are."""
        return self.store.sums_in(self.mask)

    @cached_property
    def largest(self) -> float:
        """The largest count of a valid pixel."""
        return self.store.largest_in(self.mask)

    def only(self, which: Bool[np.ndarray, " index"]) -> "Dataset":
        """The same data with all pixels of other patterns masked."""
        patterns, mask = self.store.only(which, self.mask)
        return replace(self, patterns=patterns, mask=mask)


def positions_of(data: Dataset) -> Float64[np.ndarray, "index 2"]:
    """Positions (index, 2), (y, x), in metres or pixels, for what can't do without.

    Raises:
        InputError: the data have none.
    """
    if data.positions is None:
        said = [note.removeprefix("model: ") for note in data.notes if note.startswith("model: ")]
        if said:
            raise InputError(f"{data.source} holds {said[0]}.")
        raise InputError(
            f"{data.source} has no positions, which ptychography needs: expected ({data.count}, 2), a place (y, x) for "
            "each pattern; give them to `make_dataset`, or name where the file keeps them (`data.keys.positions=PATH`)."
        )
    return data.positions


def positions_in_pixels(data: Dataset, sampling: tuple[float, float] | None) -> Float64[np.ndarray, "index 2"]:
    """Positions (index, 2) in object pixels, (y, x).

    Args:
        sampling: object pixel (dy, dx) in metres; None takes that of the geometry.

    Raises:
        InputError: no positions, or a sampling for some that are in pixels already.
    """
    positions = positions_of(data)
    if data.geometry is None:
        if sampling is not None:
            raise InputError(
                f"The geometry is unknown, so positions are in object pixels and the sampling {sampling} m"
                " can't be applied; give wavelength, distance and pixel_size, and positions in metres."
            )
        return positions
    return bounded(positions) / (sampling or data.geometry.sampling(data.frame_shape))


def check_data(data: object) -> None:
    """Raise `InputError` for anything but a `Dataset`, such as an array."""
    check_kind(data, Dataset, "data", ", as `read` and `make_dataset` make one")
