"""Noise of reading at low flux: which noise model finds most."""

from collections.abc import Iterator

import ptychograd as pg
from benchmarks.effects._case import Case, measured
from benchmarks.effects.detectors import counted, far_field
from ptychograd.models.effects.noises import gaussian_noise
from ptychograd.paper.far_field import FarFieldExperiment

READOUT = 2.0  # photons rms


def readout() -> Iterator[Case]:
    """Counting and 2 photons rms of reading, at 1e4 and 1e5 photons in the probe."""
    for photons in (1e4, 1e5):
        data = FarFieldExperiment(photons=photons).dataset(noise=pg.noise.PoissonGaussian(READOUT))
        models = {
            "amplitude": pg.Amplitude(),
            "poisson": pg.Poisson(),
            "gaussian": gaussian_noise(data, READOUT),
            "poisson-gaussian": pg.noise.PoissonGaussian(READOUT),
        }
        for name, noise in models.items():
            yield measured(f"{photons:g} {name}", counted(far_field(data), data, noise=noise), data)[0]


EFFECTS = {"readout": readout}
