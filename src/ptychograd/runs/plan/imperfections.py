"""What a simulated measurement has beside the ideal, as it is asked for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ptychograd.runs.plan.plan import Plan


@dataclass(frozen=True)
class Imperfections:
    """What a measurement of a thin sample has beside the ideal.

    Args:
        background: Photons a pixel from elsewhere.
        noise: How the photons scatter; gaussian as --noise gaussian of `reconstruct`, with model.detector.readout.
        modes: Incoherent modes of the probe.
        seed: Seed of the noise, of variations, and of speckle in the probe of a near field.
        magnitude: Image for the object's magnitude; scikit-image's astronaut by default.
        phase: Image for the object's phase; scikit-image's camera by default.
        jitter: Root-mean-square error of the positions along each axis, in object pixels.
    """

    background: float = 0.0
    noise: Literal["poisson", "poisson-gaussian", "gaussian", "amplitude"] = "poisson"
    modes: int = 1
    seed: int = 0
    magnitude: Path | None = None
    phase: Path | None = None
    jitter: float = 0.0

    @property
    def plan(self) -> Plan:
        """Those that a plan has fields for."""
        return Plan(model={"probe": {"modes": self.modes}, "detector": {"background": self.background}})
