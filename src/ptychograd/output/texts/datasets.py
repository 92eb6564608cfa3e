"""What a person is told of data that were written."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ptychograd.data.dataset import Dataset


def prepared_line(where: object, data: "Dataset") -> str:
    """How many patterns a file holds, their shape, and their photons."""
    return f"{where}: {data.count:,} {_patterns(data)}."


def simulated_line(where: object, data: "Dataset") -> str:
    """The same of patterns that were simulated."""
    return f"{where}: {data.count} {_patterns(data)}, with ground truth."


def aliased_line(where: object, data: "Dataset") -> str:
    """That the geometry of a file aliases; nothing of one that does not."""
    aliased = data.geometry and data.geometry.aliased(data.frame_shape)
    return f"{where}: {aliased}." if aliased else ""


def _patterns(data: "Dataset") -> str:
    rows, columns = data.frame_shape
    return f"patterns of {rows} x {columns} pixels, {data.photons.mean():.4g} photons each on average"
