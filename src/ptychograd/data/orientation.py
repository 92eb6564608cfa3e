"""How the axes of a scan lie to those of the detector: eight ways, of which one is right."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float64

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import Dataset, check_data, positions_of

TRANSPOSED, ROWS, COLUMNS = 4, 2, 1  # parts of a code
TEXTS = (
    "as they are",
    "x negated",
    "y negated",
    "both negated",
    "y and x exchanged",
    "y and x exchanged, then x negated",
    "y and x exchanged, then y negated",
    "y and x exchanged, then both negated",
)
ALL = range(len(TEXTS))


def apply_orientation(data: Dataset, code: int) -> Dataset:
    """The data with the positions turned by one of eight codes, 0 to 7; the patterns stay as the detector shows them.

    Bit 4 exchanges y and x, then bit 2 negates y and bit 1 negates x. 0 to 4 and 7 are the codes of PtyPy and PtyLab,
    which turn the patterns instead; what they call 5 is 6 here, and the other way round. y and x are exchanged in the
    unit of the positions. A support, whose array the positions are counted from, is turned with them.

    Args:
        data: the data set; it is not changed.
        code: 0 (as they are) to 7 (exchanged, then both negated).

    Raises:
        InputError: another code, rocking curves, no positions, or a support whose axes can't be exchanged, as pixels or
            frames are not square.

    Example:
        >>> turned = pg.data.apply_orientation(data, 2)  # a stage whose y points up
        >>> bool(np.all(turned.positions == [-1, 1] * data.positions))
        True
    """
    check_data(data)
    if code not in ALL:
        raise InputError(f"An orientation of {code}; expected a code from 0 ({TEXTS[0]}) to 7 ({TEXTS[7]}).")
    if code == 0:
        return data
    if data.rocking_curve:
        raise InputError(f"{data.source} holds rocking curves, whose axes the diffraction fixes; leave it as it is.")
    positions, support = _turned(positions_of(data), code), data.support
    if support is not None:
        support = _exchanged(data, support) if code & TRANSPOSED else support
        negated = np.array([bool(code & ROWS), bool(code & COLUMNS)])
        room = (np.array(support.shape) - data.frame_shape) * _pixel(data)
        positions = positions + np.where(negated, room, 0)
        support = np.flip(support, tuple(int(axis) for axis in np.flatnonzero(negated)))
    text = f"positions turned: {TEXTS[code]} (orientation {code})"
    return replace(data, positions=np.ascontiguousarray(positions), support=support, notes=(*data.notes, text))


def twin(code: int) -> int:
    """The orientation that a far field can't tell from this one: both axes negated.

    |F(P O_j)|² is also that of P*(-r) and O*(-r) at the negated positions. Only what is known of the probe beforehand
    tells the two apart, such as on which side of the focus the sample is.
    """
    return code ^ (ROWS | COLUMNS)


def inverse(code: int) -> int:
    """The code that undoes another: itself, but for the two quarter turns."""
    return {5: 6, 6: 5}.get(code, code)


def turn_of(code: int) -> Float64[np.ndarray, "2 2"]:
    """The matrix by which an orientation multiplies positions (y, x)."""
    return _turned(np.eye(2), code).T


def _turned(positions: Float64[np.ndarray, "index 2"], code: int) -> Float64[np.ndarray, "index 2"]:
    positions = positions[:, ::-1] if code & TRANSPOSED else positions
    return np.where([bool(code & ROWS), bool(code & COLUMNS)], -positions, positions)


def _pixel(data: Dataset) -> tuple[float, float]:
    return (1.0, 1.0) if data.geometry is None else data.geometry.sampling(data.frame_shape)


def _exchanged(data: Dataset, support: np.ndarray) -> np.ndarray:
    """The support with its axes exchanged, if the windows still lie where they did."""
    dy, dx = _pixel(data)
    if data.frame_shape[0] != data.frame_shape[1] or not np.isclose(dy, dx):
        rows, columns = data.frame_shape
        raise InputError(
            f"The support of {data.source} can't be turned with y and x exchanged, as frames of {rows} x {columns} "
            "pixels or their pixels are not square; turn positions and support before they are read."
        )
    return support.T
