"""One reconstruction of one simulated truth, and what came of it."""

import time
from collections.abc import Mapping
from typing import NamedTuple

import ptychograd as pg
from ptychograd.quality.comparison import compare_with_truth


class Case(NamedTuple):
    """What was modelled ("ideal", "ignored", "modelled"), and the figures of the result."""

    what: str
    figures: Mapping[str, float]

    def line(self, effect: str) -> str:
        figures = "  ".join(f"{name} {value:.4g}" for name, value in self.figures.items())
        return f"{effect:28s} {self.what:10s} {figures}"


def measured(what: str, run: pg.Run, data: pg.Dataset, **figures: float) -> tuple[Case, pg.Result]:
    """The run performed, and its errors against the truth of `data`."""
    begin = time.perf_counter()
    result = pg.perform(run)
    errors = compare_with_truth(result, data)
    names = {"object": "object_nrmse", "probe": "probe_nrmse"}
    found = {short: errors[name] for short, name in names.items()}
    found |= {name: value for name, value in errors.items() if name.endswith(" error")}
    found |= {"R": result.history.r_factor[-1], "seconds": time.perf_counter() - begin}
    return Case(what, found | figures), result


def usual(model: pg.Ptychography, data: pg.Dataset, *refine: str, epochs: int = 60, **stage) -> pg.Run:
    """The default run of the command line: Nesterov, 60 epochs, batches of 16; `refine` after a fifth."""
    first, both = round(epochs * 0.2) if refine else 0, ("object", "probe")
    stages = (pg.Stage(first, both, **stage), pg.Stage(epochs - first, (*both, *refine), **stage))
    return pg.Run(model, data, pg.Nesterov(), tuple(s for s in stages if s.epochs), min(16, -(-data.count // 5)))
