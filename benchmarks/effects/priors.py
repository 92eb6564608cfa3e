"""What priors gain at few photons, at which weight."""

from collections.abc import Iterator

import ptychograd as pg
from benchmarks.effects._case import Case, measured
from benchmarks.effects.detectors import counted, far_field
from ptychograd.paper.far_field import FarFieldExperiment

CHOICES = {
    1e3: [pg.priors.TotalVariation(w) for w in (0.1, 0.3, 0.5, 1.0)]
    + [pg.priors.Tikhonov(1.0), pg.priors.Sparse(0.3), pg.priors.Sparse(1.0)],
    1e5: [pg.priors.TotalVariation(0.3), pg.priors.Sparse(0.3)],
}


def priors() -> Iterator[Case]:
    """At 1e3 and 1e5 photons in the probe, with counted photons in the last third."""
    for photons, choices in CHOICES.items():
        data = FarFieldExperiment(photons=photons).dataset()
        for prior in (None, *choices):
            run = counted(far_field(data), data)
            added = () if prior is None else (prior,)
            run = run._replace(stages=tuple(stage._replace(priors=added) for stage in run.stages))
            name = "none" if prior is None else f"{type(prior).__name__} {prior.weight:g}"
            yield measured(f"{photons:g} {name}", run, data)[0]


EFFECTS = {"priors": priors}
