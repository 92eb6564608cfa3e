"""Positions that are not where they were thought to be: jitter, a stage's scale and rotation, drift."""

from collections.abc import Callable, Iterator

import equinox as eqx
import jax.numpy as jnp
import numpy as np

import ptychograd as pg
from benchmarks.effects._case import Case, measured, usual
from ptychograd.paper.far_field import FarFieldExperiment
from ptychograd.paper.near_field import NearFieldExperiment
from ptychograd.physics.scan import AffineParts

EPOCHS, NEAR_EPOCHS, REACH = 300, 200, 16
FEWER = 100  # epochs: errors of a pixel, and what all patterns share, need no more
DELAY = 5  # epochs


def _cases(near: bool, change: Callable, *paths: str, far_epochs: int = EPOCHS) -> Iterator[Case]:
    experiment = NearFieldExperiment.reduced() if near else FarFieldExperiment()
    recipe, epochs = (pg.near_field, NEAR_EPOCHS) if near else (pg.far_field, far_epochs)
    ideal, data = experiment.dataset(), experiment.dataset(change=change)
    yield measured("ideal", usual(recipe(ideal), ideal, epochs=epochs), ideal)[0]
    yield measured("ignored", usual(recipe(data), data, epochs=epochs), data)[0]
    run, both = usual(pg.models.with_refinable_positions(recipe(data), REACH), data, epochs=epochs), ("object", "probe")
    first = DELAY if paths == ("scan.offset",) else 0  # what all patterns share is found before the object follows it
    stages = (pg.Stage(first, both), pg.Stage(epochs - first, (*both, *paths)))
    stages = pg.runs.with_position_search([stage for stage in stages if stage.epochs], data, run.model)
    run = run._replace(stages=stages)
    case, result = measured("modelled", run, data)
    yield case._replace(figures=case.figures | _global(result))


def _global(result: pg.Result) -> dict[str, float]:
    parts = pg.physics.affine_parts(result.arrays["scan.affine"])
    return {"scale_y": parts.scale_y, "scale_x": parts.scale_x, "rotation_degrees": float(np.degrees(parts.rotation))}


def _stage(model: pg.Ptychography) -> pg.Ptychography:
    model = pg.models.with_refinable_positions(model, REACH)
    affine = pg.physics.affine_of(AffineParts(1.01, 1.01, 0.0, np.radians(0.5)))
    return eqx.tree_at(lambda model: model.scan.affine, model, jnp.asarray(affine, jnp.float32))


def _drifting(model: pg.Ptychography) -> pg.Ptychography:
    model = pg.models.with_refinable_positions(model, REACH)
    drift = jnp.array([[1.5, -1.5], [0.0, 0.0], [0.0, 0.0]], jnp.float32)  # 3 pixels from end to end
    return eqx.tree_at(lambda model: model.scan.drift, model, drift)


EFFECTS = {
    "jitter 0.5 px, far field": lambda: _cases(
        False, lambda model: pg.models.with_jitter(model, 0.5, 1), "scan.offset", far_epochs=FEWER
    ),
    "jitter 1 px, far field": lambda: _cases(
        False, lambda model: pg.models.with_jitter(model, 1.0, 1), "scan.offset", far_epochs=FEWER
    ),
    "jitter 3 px, far field": lambda: _cases(False, lambda model: pg.models.with_jitter(model, 3.0, 1), "scan.offset"),
    "jitter 3 px, near field": lambda: _cases(True, lambda model: pg.models.with_jitter(model, 3.0, 1), "scan.offset"),
    "stage 1 %, 0.5 deg, far field": lambda: _cases(False, _stage, "scan.affine", far_epochs=FEWER),
    "drift 3 px, far field": lambda: _cases(False, _drifting, "scan.drift", far_epochs=FEWER),
    "drift 3 px, as offsets, far field": lambda: _cases(False, _drifting, "scan.offset"),
    "jitter 1 px, near field": lambda: _cases(True, lambda model: pg.models.with_jitter(model, 1.0, 1), "scan.offset"),
    "jitter 3 px, affine too, near field": lambda: _cases(
        True, lambda model: pg.models.with_jitter(model, 3.0, 1), "scan.affine", "scan.offset"
    ),
}
