"""Fig. 6: multi-angle Bragg ptychography of section 4.2, by Adam as in the paper, and by the default solver."""

import warnings
from collections.abc import Mapping
from dataclasses import asdict

import numpy as np

from ptychograd.data.dataset import BraggGeometry, Dataset
from ptychograd.fitting.reconstruction import Progress
from ptychograd.fitting.result import Result
from ptychograd.models.recipes import bragg
from ptychograd.paper.bragg import BraggExperiment
from ptychograd.paper.figures import figure6
from ptychograd.paper.monitored_runs import monitored
from ptychograd.paper.report import Report, Reproduction
from ptychograd.quality.comparison import registered_crystal
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.stage import Run

EXPERIMENT, QUICK_EXPERIMENT = BraggExperiment(), BraggExperiment.reduced()
EPOCHS = 40  # of the default solver
POSITIONS = 16  # of a batch of it, each with all its angles
SEED = 0
ADAM_EPOCHS, ADAM_STEP = 70, 0.01
ADAM_POSITIONS = 26  # 390 patterns where the paper has 400, so that angles stay together
EVERY = 5  # epochs, after which the crystal is compared with the truth
PAPER_NRMSE = 0.09
FIGURES = {
    "object_nrmse": "NRMSE",
    "core_nrmse": "NRMSE of the core",
    "core_phase_rms": "phase of the core, rms (rad)",
    "shift_along_beam": "shift along the beam (voxels)",
}


def reproduce(place: Reproduction) -> Report:
    """The crystal of Fig. 6, found by two solvers, its errors, and the paper's beside them."""
    experiment = QUICK_EXPERIMENT if place.quick else EXPERIMENT
    data = experiment.dataset(SEED)
    truth, geometry = data.truth, data.rocking_curve
    if truth is None or geometry is None:
        raise TypeError("an experiment of rocking curves is expected")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about aliasing, which the notes tell
        runs, beam = _runs(data), bragg(data).probe()
    results = {name: _run(place, name, run, 1 / len(runs)) for name, run in runs.items()}
    curves = {name: result.settings["curve"] for name, result in results.items()}
    rows = [
        (f"{text}, {name}", f"{curves[name][figure][-1]:.4f}", f"{PAPER_NRMSE:g}" if figure == "object_nrmse" else "")
        for figure, text in FIGURES.items()
        for name in runs
    ]
    for name, result in results.items():
        rows.append((f"seconds an epoch, {name}", f"{sum(result.history.seconds) / result.history.epochs:.2f}", ""))
    registered = registered_crystal(truth.object, results[list(runs)[-1]].object)
    middle, sides = len(truth.object) // 2, tuple(1e6 * side for side in geometry.voxel(data.frame_shape))
    return Report(
        f"Fig. 6: Bragg, {data.count:,} patterns of {experiment.frame} x {experiment.frame} pixels",
        ("", "here", "paper"),
        tuple(rows),
        {"curves": curves, "experiment": asdict(experiment), "changes": _changes(results)},
        [
            {"method": name, **{figure: values[k] for figure, values in curve.items()}}
            for name, curve in curves.items()
            for k in range(len(curve["epoch"]))
        ],
        figure6(truth.object, registered, np.asarray(beam)[0, middle], sides),
        _notes(place.quick, geometry, data.frame_shape),
    )


def _runs(data: Dataset) -> dict[str, Run]:
    """The runs of all plans, by their names; the search of the crystal is what a plan has by itself."""
    adam = {"solver": {"kind": "adam", "steps": {"object": ADAM_STEP}}, "batch_size": ADAM_POSITIONS * data.group}
    default = {"solver": {"kind": "nesterov"}, "batch_size": POSITIONS * data.group, "epochs": EPOCHS}
    fits = {
        f"Adam, {ADAM_EPOCHS} epochs": {**adam, "stages": [{"epochs": ADAM_EPOCHS, "refine": ["object"]}]},
        f"Adam, {ADAM_EPOCHS} epochs, ghosts cut off": {**adam, "epochs": ADAM_EPOCHS},
        f"default, {EPOCHS} epochs": default,
    }
    return {name: Plan(fit=fit, seed=SEED).make_run(data) for name, fit in fits.items()}


def _run(place: Reproduction, name: str, run: Run, share: float) -> Result:
    def text(progress: Progress, errors: Mapping[str, float]) -> str:
        found = f", NRMSE {errors['object_nrmse']:.3f}" if errors else ""
        return f"{name}: epoch {progress.epoch}, R {progress.r_factor:.4f}{found}"

    return monitored(place, name, run, figure=6, every=EVERY, share=share, text=text)


def _changes(results: Mapping[str, Result]) -> dict[str, list]:
    """What was done to the crystal between stages, in words."""
    return {name: result.settings.get("changes", []) for name, result in results.items()}


def _notes(quick: bool, geometry: BraggGeometry, frame_shape: tuple[int, int]) -> tuple[str, ...]:
    notes = (
        "The crystal is a random polyhedron with a smooth strain.",
        "The paper's 8.7 keV and 66 nm exclude each other: here 8.0 keV.",
        f"As in the paper, {geometry.aliased(frame_shape)}.",
    )
    if quick:
        notes += ("--quick: a smaller crystal, a quarter of the patterns, of 32 x 32; the paper's number is for all.",)
    return notes
