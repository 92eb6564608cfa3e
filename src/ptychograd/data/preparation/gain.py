"""What a photon adds to a pixel, and what a pixel shows without any, by how its values scatter."""

from typing import NamedTuple

from ptychograd.data.dataset import Dataset


class FoundGain(NamedTuple):
    """What one photon adds, as the patterns show it.

    Args:
        gain: in the unit of the patterns.
        error: of that, one standard deviation.
        summary: how it is known, in words.
    """

    gain: float
    error: float
    summary: str


def gain_by_variance(data: Dataset) -> FoundGain | None:
    """What one photon adds; None where the patterns do not show it beyond doubt."""
    return None
