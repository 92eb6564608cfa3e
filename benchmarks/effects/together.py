"""All effects at once on one far-field scan: positions, modes, intensities, background, point spread, dead pixels."""

from collections.abc import Iterator

import numpy as np

import ptychograd as pg
from benchmarks.effects._case import Case, measured, usual
from benchmarks.effects.probes import three_modes
from ptychograd.models.effects.truths import truly_unsteady
from ptychograd.paper.far_field import FarFieldExperiment

JITTER, BACKGROUND, WIDTH, DEAD = 0.5, 1.0, 0.6, 0.005  # pixels, photons, detector pixels, share of the pixels
EPOCHS, DELAY, COUNTING = 150, 10, 50  # of all, before what is not ideal is refined, and of counted photons at the end
REFINED = ("scan.offset", "probe.intensity", "detector.background", "detector.point_spread.width")


def truth(model: pg.Ptychography) -> pg.Ptychography:
    """The experiment as it is."""
    model = truly_unsteady(three_modes(model), 1)
    model = pg.models.with_jitter(model, JITTER, 1)
    return pg.models.with_point_spread(pg.models.with_background(model, BACKGROUND), WIDTH)


def start(data: pg.Dataset) -> pg.Ptychography:
    """The experiment as it may be, as far as known."""
    model = pg.models.with_varying_intensity(pg.far_field(data, modes=3))
    model = pg.models.with_refinable_positions(model)
    return pg.models.with_point_spread(pg.models.with_background(model, pg.models.estimate_background(data)))


def together() -> Iterator[Case]:
    """Everything ignored, everything refined, and everything known."""
    experiment = FarFieldExperiment()
    ideal, data = experiment.dataset(), experiment.dataset(change=truth)
    alive = np.random.default_rng(5).random(data.frame_shape) > DEAD
    data = pg.data.mask_pixels(data, alive)
    yield measured("ideal", usual(pg.far_field(ideal), ideal, epochs=EPOCHS), ideal)[0]
    yield measured("ignored", usual(pg.far_field(data), data, epochs=EPOCHS), data)[0]
    both = ("object", "probe.modes")
    stages = (
        pg.Stage(DELAY, both),
        pg.Stage(EPOCHS - DELAY - COUNTING, (*both, *REFINED)),
        pg.Stage(COUNTING, (*both, *REFINED), pg.Poisson()),
    )
    model = start(data)
    run = usual(model, data)._replace(stages=pg.runs.with_position_search(stages, data, model))
    case, result = measured("modelled", run, data)
    powers = pg.physics.orthogonal_modes(result.probe)[1]
    found = {path: float(result.arrays[path]) for path in REFINED[2:]}
    found |= {f"power {k + 1}": float(power) for k, power in enumerate(powers / powers.sum())}
    yield Case(case.what, {**case.figures, **found})


EFFECTS = {"together": together}
