"""What a check is given, and what it gives."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Complex, Float64, Real

from ptychograd.data.dataset import Dataset, positions_in_pixels
from ptychograd.data.description import probe_diameter
from ptychograd.data.geometry import bounded, nearest_step

GOOD, DOUBTFUL, BAD = "good", "doubtful", "bad"
SAMPLES, FEWEST = 24, 6  # patterns that are looked at pixel by pixel, spread over the scan
PIXELS = 2**22  # that are looked at, by fewer patterns where they are large


class Finding(NamedTuple):
    """What one check of `diagnose` found in a data set, in words and in numbers, and what to do about it.

    Args:
        name: the check, as "overlap", "photon scale" or "mask".
        verdict: "good", "doubtful" or "bad".
        found: what was found, with its numbers, as one line of text.
        advice: how to mend it; empty where the verdict is "good".
        figures: the same numbers by name, for programs.

    Example:
        >>> finding = pg.diagnose(data)[0]
        >>> finding.verdict in ("good", "doubtful", "bad"), finding._fields
        (True, ('name', 'verdict', 'found', 'advice', 'figures'))
    """

    name: str
    verdict: str
    found: str
    advice: str
    figures: Mapping[str, float | int | list[int]]


class Sample(NamedTuple):
    """A few patterns, with photons if there are such, spread over the scan; and which of their pixels are valid."""

    patterns: Real[np.ndarray, "few frame_y frame_x"]
    mask: Bool[np.ndarray, "few frame_y frame_x"]

    @classmethod
    def of(cls, data: Dataset) -> "Sample":
        """A look at the data; of a scan that is being written, at what has arrived."""
        there = np.arange(data.arrived) if data.grows else np.flatnonzero(data.photons > 0)
        there = there if len(there) else np.arange(data.count)
        most = min(SAMPLES, max(FEWEST, PIXELS // int(np.prod(data.frame_shape))))
        which = np.unique(np.linspace(0, len(there) - 1, min(len(there), most)).astype(int))
        patterns, mask = data.frames(there[which])
        return cls(patterns, np.broadcast_to(mask, patterns.shape))

    @property
    def mean(self) -> Float64[np.ndarray, "frame_y frame_x"]:
        """The mean pattern, 0 where no pixel is valid."""
        total = np.sum(self.patterns, axis=0, dtype=np.float64, where=self.mask)
        return total / np.maximum(self.mask.sum(axis=0), 1)


class Evidence(NamedTuple):
    """A data set as the checks look at it.

    `positions` are those of windows in object pixels (y, x), one for each rocking curve; of data without any there is
    none, and `step` is nan. `pixel` is the object's in
    metres, None if only pixels are known; `step` is the median distance to the nearest other place. `probe` is None for
    a crystal whose beam is not known; it `is_estimated` from the mean pattern where the data have none. `patterns` are
    a few, spread over the scan (see `Sample`).
    """

    data: Dataset
    positions: Float64[np.ndarray, "place 2"]
    step: float
    pixel: tuple[float, float] | None
    probe: Complex[np.ndarray, "modes y x"] | None
    is_estimated: bool
    patterns: Real[np.ndarray, "few frame_y frame_x"]
    mask: Bool[np.ndarray, "few frame_y frame_x"]

    @classmethod
    def of(
        cls, data: Dataset, probe: Complex[np.ndarray, "modes y x"] | None = None, is_estimated: bool = False
    ) -> "Evidence":
        """A look at the data, with a start probe in place of the data's own."""
        pixel = None if data.geometry is None else data.geometry.sampling(data.frame_shape)
        given = data.probe if probe is None else probe
        known = data.positions is not None
        places = bounded(positions_in_pixels(data, None)[:: data.group]) if known else np.zeros((0, 2))
        step = nearest_step(np.unique(places, axis=0))
        return cls(data, places, step, pixel, given, is_estimated, *Sample.of(data))

    @property
    def sample(self) -> Sample:
        return Sample(self.patterns, self.mask)

    @property
    def is_crystal(self) -> bool:
        return self.data.rocking_curve is not None

    @property
    def is_far(self) -> bool:
        return self.data.is_far_field

    @property
    def is_near(self) -> bool:
        return self.data.near_field is not None

    @property
    def diameter(self) -> float:
        """Diameter in object pixels of the circle that holds 90 % of the start probe's power; nan if it has none."""
        return float("nan") if self.probe is None else probe_diameter(self.probe)

    @property
    def mean(self) -> Float64[np.ndarray, "frame_y frame_x"]:
        """The mean pattern."""
        return self.data.mean_pattern


Check = Callable[[Evidence], Finding | None]


def numbers(which: np.ndarray, most: int = 8) -> str:
    """The numbers of some patterns in words."""
    text = ", ".join(str(number) for number in which[:most])
    return text if len(which) <= most else f"{text} and {len(which) - most:,} more"


def plural(count: int, what: str) -> str:
    """So many of something."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
