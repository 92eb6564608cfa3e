"""What every result of another package gives, and how its arrays are found."""

import abc
from typing import ClassVar, NamedTuple

import numpy as np
from jaxtyping import Complex, Float

from ptychograd.core.errors import InputError
from ptychograd.data.files.formats.quantities import real
from ptychograd.data.files.safety import Catalogue, Entry


class ForeignResult(NamedTuple):
    """A reconstruction that another package made.

    Args:
        package: its name.
        object: transmission (y, x), or slices of it (slices, y, x).
        probe: modes (modes, y, x).
        pixel: of the object, (dy, dx), in metres.
        corner: first pixel of each pattern's window on the object, (index, 2), (y, x), fractions included.
        positions: (index, 2), (y, x), in metres, as a data set of the same scan has them.
        is_relative: whether the positions are known up to a common shift only.
    """

    package: str
    object: Complex[np.ndarray, "*slices y x"]
    probe: Complex[np.ndarray, "modes y x"]
    pixel: tuple[float, float]
    corner: Float[np.ndarray, "index 2"]
    positions: Float[np.ndarray, "index 2"]
    is_relative: bool = False


class ResultFormat(abc.ABC):
    """One way in which a package keeps its results.

    Attributes:
        name: what people call it.
    """

    name: ClassVar[str]

    @abc.abstractmethod
    def recognises(self, catalogue: Catalogue) -> bool:
        """Whether a file is a result of this package."""

    @abc.abstractmethod
    def read(self, catalogue: Catalogue) -> ForeignResult:
        """Object, probe and positions, in this package's conventions."""


def needed(catalogue: Catalogue, *places: str) -> Entry:
    """The entry at the first of these places where there is one.

    Raises:
        InputError: there is none.
    """
    entry = catalogue.first(*places)
    if entry is None:
        raise InputError(f"there is no {' or '.join(places)}; the file holds {catalogue.listing()}.")
    return entry


def wave(entry: Entry) -> np.ndarray:
    """Complex numbers of at least two axes.

    Raises:
        InputError: it is something else.
    """
    if entry.dtype.kind != "c" or len(entry.shape) < 2 or entry.size == 0:
        raise InputError(f"{entry} can't be an object or a probe; expected complex numbers along y and x.")
    return entry.array()


def layers(values: np.ndarray) -> np.ndarray:
    """An object (y, x), or (slices, y, x) if it has several; axes of length 1 before them are taken away."""
    values = values.reshape(-1, *values.shape[-2:])
    return values[0] if len(values) == 1 else values


def pairs(entry: Entry) -> np.ndarray:
    """Real numbers (index, 2) or (index, 3).

    Raises:
        InputError: they are of another shape.
    """
    values = real(entry).astype(float)
    if values.ndim != 2 or values.shape[1] not in (2, 3):
        raise InputError(f"{entry} can't be positions; expected (index, 2).")
    return values
