"""Fig. 2 and the times of section 3.3: ePIE, AD-ePIE and Adam, one pattern after another."""

from collections.abc import Mapping
from dataclasses import asdict

from ptychograd.data.dataset import Dataset
from ptychograd.fitting.reconstruction import Progress
from ptychograd.fitting.result import Result
from ptychograd.fitting.solvers import EvaluateOnly
from ptychograd.models.recipes import far_field
from ptychograd.paper.far_field import FarFieldExperiment
from ptychograd.paper.figures import figure2
from ptychograd.paper.monitored_runs import monitored
from ptychograd.paper.plans import run_of
from ptychograd.paper.report import Report, Reproduction
from ptychograd.quality.comparison import inside_support
from ptychograd.runs.benchmark import time_solvers
from ptychograd.runs.stage import Run

EXPERIMENT = FarFieldExperiment(photons=1e6)
EPOCHS, QUICK_EPOCHS = 150, 60
SEED = 0
ADAM_STEPS = {"object": 0.001, "probe": 0.1}
METHODS: dict[str, dict] = {
    "ePIE": {"kind": "epie"},
    "AD-ePIE": {"kind": "ad-epie"},
    "Adam": {"kind": "adam", "steps": ADAM_STEPS},
}
# Sections 3.3 and 3.4: NRMSE of object and probe; milliseconds an update on a 3 GHz Xeon.
PAPER_ERRORS = {"ePIE": (0.06, 0.04), "AD-ePIE": None, "Adam": (0.03, 0.02)}
PAPER_TIMES = {"forward model": 1.0, "ePIE": 1.2, "AD-ePIE": 4.0, "Adam": 5.8}
TIME_SHARE = 0.1  # of all progress, for the times of a step


def reproduce(place: Reproduction) -> Report:
    """All of Fig. 2: the curves of the three methods, the images of Adam, and the time of an update."""
    data = EXPERIMENT.dataset(SEED)
    times = _times(place, data)
    epochs = QUICK_EPOCHS if place.quick else EPOCHS
    runs = {method: _run(place, data, method, epochs) for method in METHODS}
    curves = {method: result.settings["curve"] for method, result in runs.items()}
    rows = [_row(method, curve) for method, curve in curves.items()]
    forward = times["forward model"]
    for name, paper in PAPER_TIMES.items():
        ours = f"{1e3 * times[name]:.4f} ms ({times[name] / forward:.1f}:1)"
        theirs = f"{paper:g} ms ({paper / PAPER_TIMES['forward model']:.1f}:1)"
        rows.append((f"{name}, time of an update", ours, theirs))
    images = runs["Adam"]
    objects = inside_support(images.object, data)
    return Report(
        f"Fig. 2: far field, {EXPERIMENT.photons:g} photons, {epochs} iterations, batches of one",
        ("NRMSE of object, probe", "here", "paper"),
        tuple(rows),
        {"epochs": epochs, "curves": curves, "seconds_per_update": times, "experiment": asdict(EXPERIMENT)},
        [
            {"method": method, "epoch": epoch, **{name: curve[name][k] for name in curve if name != "epoch"}}
            for method, curve in curves.items()
            for k, epoch in enumerate(curve["epoch"])
        ],
        figure2(curves, objects, images.probe[0], "√photons"),
        _notes(place.quick),
    )


def _times(place: Reproduction, data: Dataset) -> dict[str, float]:
    """Seconds an update, measured round robin in this process, anew each time."""
    runs = {method: _planned(data, method, EPOCHS) for method in METHODS}
    solvers = {"forward model": EvaluateOnly(), **{method: run.solver for method, run in runs.items()}}
    _, timings = time_solvers(far_field(data), data, 1, 5, solvers)
    times = {name: timing.step for name, timing in timings.items()}
    place.tell(TIME_SHARE, "times")
    return times


def _run(place: Reproduction, data: Dataset, method: str, epochs: int) -> Result:
    """One method with the errors after each epoch in its settings; the probe is held in the first epoch."""
    run = _planned(data, method, epochs)
    share = (1 - TIME_SHARE) / len(METHODS)
    name = f"{method} {epochs} iterations"

    def text(_: Progress, errors: Mapping[str, float]) -> str:
        return f"{method}: object NRMSE {errors['object_nrmse']:.4f}"

    return monitored(place, name, run, figure=2, every=1, share=share, text=text)


def _planned(data: Dataset, method: str, epochs: int) -> Run:
    return run_of(data, METHODS[method], batch_size=1, epochs=epochs, held=1, seed=SEED)


def _row(method: str, curve: dict) -> tuple[str, str, str]:
    paper = PAPER_ERRORS[method]
    ours = f"{curve['object_nrmse'][-1]:.4f}, {curve['probe_nrmse'][-1]:.4f}"
    return method, ours, "as ePIE" if paper is None else ", ".join(f"{error:g}" for error in paper)


def _notes(quick: bool) -> tuple[str, ...]:
    notes = ("The images are scikit-image's astronaut and camera for the paper's mandrill and cameraman.",)
    if quick:
        notes += (f"--quick: {QUICK_EPOCHS} iterations in place of {EPOCHS}; ePIE is not converged by then.",)
    return notes
