"""Fig. 3: Adam over a grid of step sizes at three photon counts, and ePIE beside it (section 3.4)."""

from dataclasses import asdict

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.core.version import __version__
from ptychograd.data.dataset import Dataset
from ptychograd.fitting.result import Result
from ptychograd.paper.far_field import FarFieldExperiment
from ptychograd.paper.figures import figure3
from ptychograd.paper.plans import run_of
from ptychograd.paper.report import Report, Reproduction
from ptychograd.quality.comparison import compare_with_truth, inside_support
from ptychograd.runs.archive import archived, keep
from ptychograd.runs.stage import Run
from ptychograd.runs.sweeps import Point, Sweep, sweep

COUNTS = (1e3, 1e6, 1e9)
OBJECT_STEPS = (10.0, 1.0, 0.1, 0.01, 0.001)
PROBE_STEPS = (100.0, 10.0, 1.0, 0.1, 0.01)
CHOSEN = {"object": 0.01, "probe": 1.0}
BATCH, EPOCHS, EPIE_EPOCHS = 100, 1500, 150
QUARTER = 121  # patterns: batches of 100 make 5 updates an iteration here, 4 where the ragged last one is left out
SEED = 0
HIGHEST = 0.6  # "For clarity, the NRMSEs plotted are capped at 0.6"
QUICK_OBJECT_STEPS, QUICK_PROBE_STEPS, QUICK_EPOCHS = (0.1, 0.01, 0.001), (10.0, 1.0, 0.1), 100
# Section 3.4: NRMSE of object and probe for Adam at the chosen steps, and for ePIE after 150 iterations.
PAPER_ADAM = {1e3: (0.28, 0.51), 1e6: (0.03, 0.02), 1e9: (0.004, 0.0004)}
PAPER_EPIE = {1e3: (0.28, 0.50), 1e6: (0.06, 0.04), 1e9: (0.05, 0.008)}


def reproduce(place: Reproduction) -> Report:
    """The whole grid at each photon count, the objects at the chosen steps, and ePIE's errors."""
    objects, probes = (QUICK_OBJECT_STEPS, QUICK_PROBE_STEPS) if place.quick else (OBJECT_STEPS, PROBE_STEPS)
    epochs = QUICK_EPOCHS if place.quick else EPOCHS
    grids, images, rows, records = {}, {}, [], []
    for photons in COUNTS:
        data = FarFieldExperiment(photons=photons).dataset(SEED)
        found = _grid(place, data, photons, {"object": objects, "probe": probes}, epochs)
        epie = _grid(place, data, photons, {"ePIE": (EPIE_EPOCHS,)}, EPIE_EPOCHS)
        quarters = _grid(place, data, photons, {"batch": (QUARTER,)}, epochs)
        name = f"{photons:.0e}".replace("e+0", "e")
        grids[name] = found.values("object_nrmse")
        chosen = next(row for row in found.rows if row.point == CHOSEN)
        images[name] = inside_support(_chosen_image(place, data, photons, epochs), data)
        rows += [_row(f"Adam (0.01, 1.0), {name}", chosen.figures, PAPER_ADAM[photons])]
        rows += [_row(f"  4 updates an iteration, {name}", quarters.rows[0].figures, PAPER_ADAM[photons])]
        rows += [_row(f"ePIE, {name}", epie.rows[0].figures, PAPER_EPIE[photons])]
        all_rows = (*found.rows, *quarters.rows, *epie.rows)
        records += [{"photons": photons, **row.point, **row.figures} for row in all_rows]
    return Report(
        f"Fig. 3: far field, Adam, batches of {BATCH}, {epochs} iterations",
        ("NRMSE of object, probe", "here", "paper"),
        tuple(rows),
        {
            "epochs": epochs,
            "object_steps": objects,
            "probe_steps": probes,
            "cells": [_finite(record) for record in records],
            "experiment": asdict(FarFieldExperiment()),
        },
        records,
        figure3(grids, objects, probes, images, HIGHEST),
        _notes(place.quick),
    )


def _grid(place: Reproduction, data: Dataset, photons: float, grid: dict, epochs: int) -> Sweep:
    """A sweep whose finished runs are kept in the folder and found there again."""
    share = 1 / len(COUNTS) / (sum(np.prod([len(values) for values in axes.values()]) for axes in _axes(place.quick)))

    def run(point: Point) -> Run:
        return _run(data, point, epochs)

    def on_run(point: Point, result: Result) -> None:
        keep(place.folder, _name(photons, point, epochs), result, _what(run(point)))
        place.tell(share, f"{photons:g} photons")

    def find(point: Point) -> Result | None:
        result = archived(place.folder, _name(photons, point, epochs), _what(run(point)))
        if result is not None:
            place.tell(share, f"{photons:g} photons")
        return result

    return sweep(run, grid, measure=lambda result, _: compare_with_truth(result, data), archived=find, on_run=on_run)


def _axes(quick: bool) -> tuple[dict, ...]:
    objects, probes = (QUICK_OBJECT_STEPS, QUICK_PROBE_STEPS) if quick else (OBJECT_STEPS, PROBE_STEPS)
    return {"object": objects, "probe": probes}, {"ePIE": (EPIE_EPOCHS,)}, {"batch": (QUARTER,)}


def _run(data: Dataset, point: Point, epochs: int) -> Run:
    """ePIE, Adam at the chosen steps with other batches, or Adam at a point of the grid."""
    solver, size = {"kind": "adam", "steps": CHOSEN if "batch" in point else point}, BATCH
    if "ePIE" in point:
        solver, size = {"kind": "epie"}, 1
    elif "batch" in point:
        size = QUARTER
    return run_of(data, solver, batch_size=size, epochs=epochs, held=1, seed=SEED)


def _chosen_image(place: Reproduction, data: Dataset, photons: float, epochs: int) -> np.ndarray:
    result = archived(place.folder, _name(photons, CHOSEN, epochs), _what(_run(data, CHOSEN, epochs)))
    if result is None:
        raise InputError(f"{place.folder} lost a run while it was used; call the command again.")
    return result.object


def _what(run: Run) -> dict:
    return {"figure": 3, "version": __version__, **run.summary}


def _name(photons: float, point: Point, epochs: int) -> str:
    return f"{photons:g} photons {epochs} epochs " + " ".join(f"{name}={value:g}" for name, value in point.items())


def _row(name: str, figures: dict, paper: tuple[float, float]) -> tuple[str, str, str]:
    ours = f"{figures['object_nrmse']:.4f}, {figures['probe_nrmse']:.4f}"
    return name, ours, ", ".join(f"{error:g}" for error in paper)


def _finite(record: dict) -> dict:
    """NaN is no JSON."""
    return {name: None if isinstance(value, float) and np.isnan(value) else value for name, value in record.items()}


def _notes(quick: bool) -> tuple[str, ...]:
    notes = ("The images are scikit-image's astronaut and camera for the paper's mandrill and cameraman.",)
    if quick:
        notes += (
            f"--quick: {len(QUICK_OBJECT_STEPS)} x {len(QUICK_PROBE_STEPS)} step sizes and {QUICK_EPOCHS} iterations "
            f"in place of {len(OBJECT_STEPS)} x {len(PROBE_STEPS)} and {EPOCHS}, by which Adam is not converged.",
        )
    return notes
