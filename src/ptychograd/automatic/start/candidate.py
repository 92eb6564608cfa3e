"""A start that is tried: which beam, how the scan lies to the detector, and which fields of a plan say so."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex

from ptychograd.data.dataset import Dataset
from ptychograd.data.orientation import ALL, TEXTS, apply_orientation, turn_of, twin
from ptychograd.data.preparation.scan import rotated

SQUARE = math.radians(0.05)  # by less than that a scan is not turned


class Placing(NamedTuple):
    """How a scan lies to the detector: an orientation, and the angle by which it is turned besides.

    Args:
        orientation: of the axes, 0 to 7, as for `ptychograd.data.apply_orientation`.
        rotation: radians, from x towards y, after that.
    """

    orientation: int = 0
    rotation: float = 0.0

    @property
    def text(self) -> str:
        """The same in words."""
        return TEXTS[self.orientation] + (f", turned by {math.degrees(self.rotation):.1f}°" if self.is_turned else "")

    @property
    def is_turned(self) -> bool:
        """Whether the scan is turned against the detector by more than quarters of a turn."""
        return abs(self.rotation) > SQUARE

    @property
    def twin(self) -> "Placing":
        """The one that no far field tells from this: the scan turned by half a turn."""
        return self._replace(orientation=twin(self.orientation))

    @property
    def fields(self) -> dict[str, object]:
        """Fields of a plan that say so; none where a file says it right."""
        found: dict[str, object] = {"data.orientation": self.orientation} if self.orientation else {}
        return found | ({"data.prepare.rotate_scan": round(self.rotation, 5)} if self.is_turned else {})

    @classmethod
    def of(cls, turn: np.ndarray) -> "Placing":
        """That of the matrix by which positions (y, x) are multiplied: the orientation that leaves least to turn."""
        angles = {}
        for code in ALL:
            rest = turn @ np.linalg.inv(turn_of(code))
            if np.linalg.det(rest) > 0:
                angles[code] = math.atan2(rest[0, 1], rest[0, 0])
        code = min(angles, key=lambda code: (round(abs(angles[code]), 6), code))
        return cls(code, angles[code])

    def applied(self, data: Dataset) -> Dataset:
        """The data with their positions so."""
        data = apply_orientation(data, self.orientation)
        return rotated(data, self.rotation) if self.is_turned else data


class StartCandidate(NamedTuple):
    """A start that is tried.

    Args:
        family: of beams, as "pupil".
        text: the start in words.
        wave: complex (y, x), the probe with which the trial begins.
        placing: how the scan lies to the detector.
        fields: of a plan, which make this probe.
        width: twice the rms width of the beam in object pixels, negative before the focus; 0 in it.
    """

    family: str
    text: str
    wave: Complex[np.ndarray, "y x"]
    placing: Placing = Placing()
    fields: Mapping[str, object] = {}
    width: float = 0.0

    @property
    def all_fields(self) -> dict[str, object]:
        """Fields of a plan that make the start, the scan's orientation among them."""
        return {**self.placing.fields, **self.fields}
