"""What a beam's spectrum does: patterns of several wavelengths add up."""

from collections.abc import Iterator

import numpy as np

import ptychograd as pg
from benchmarks.effects._case import Case, measured, usual
from ptychograd.models.effects import gaussian_lines, with_spectrum
from ptychograd.paper.far_field import FarFieldExperiment

BANDWIDTH, LINES = 0.04, 5


def spectrum() -> Iterator[Case]:
    """A Gaussian spectrum, as wide as given; and its weights, refined from equal ones."""

    def broad(model: pg.Ptychography) -> pg.Ptychography:
        return with_spectrum(model, *gaussian_lines(model.wavelength, BANDWIDTH, LINES))

    ideal, data = FarFieldExperiment().dataset(), FarFieldExperiment().dataset(change=broad)
    yield measured("ideal", usual(pg.far_field(ideal), ideal), ideal)[0]
    yield measured("ignored", usual(pg.far_field(data), data), data)[0]
    yield measured("modelled", usual(broad(pg.far_field(data)), data), data)[0]
    start = pg.far_field(data)
    lines, _ = gaussian_lines(start.wavelength, BANDWIDTH, LINES)
    even = with_spectrum(start, lines, np.ones(LINES).tolist())
    yield measured("refined", usual(even, data, "propagator.weights"), data)[0]


EFFECTS = {"spectrum": spectrum}
