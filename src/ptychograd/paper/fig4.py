"""Fig. 4: near-field ptychography of section 4.1, by the default solver."""

from collections.abc import Mapping
from dataclasses import asdict

from ptychograd.data.dataset import Dataset
from ptychograd.fitting.reconstruction import Progress
from ptychograd.fitting.result import Result
from ptychograd.paper.figures import figure4
from ptychograd.paper.monitored_runs import monitored
from ptychograd.paper.near_field import NearFieldExperiment
from ptychograd.paper.plans import run_of
from ptychograd.paper.report import Report, Reproduction
from ptychograd.quality.comparison import inside_support

EXPERIMENT, QUICK_EXPERIMENT = NearFieldExperiment(), NearFieldExperiment.reduced()
EPOCHS, QUICK_EPOCHS = 600, 250
COMPARISONS = 25  # times that object and probe are compared with the truth
SEED = 0
BATCH_SIZE = 5
PAPER_ERRORS = {"object": 0.01, "probe": 0.12}
PAPER_EPOCHS = 10_000  # of Adam
KINDS = {"": "plain", "_ramp_removed": "shift and ramp removed", "_scanned": "and only where scanned"}


def reproduce(place: Reproduction) -> Report:
    """Object and probe of Fig. 4, their errors epoch by epoch, and the paper's beside them."""
    experiment = QUICK_EXPERIMENT if place.quick else EXPERIMENT
    epochs = QUICK_EPOCHS if place.quick else EPOCHS
    data = experiment.dataset(SEED)
    result = _run(place, data, epochs)
    curve, seconds = result.settings["curve"], sum(result.history.seconds)
    rows = [
        (f"{name}, {text}", f"{curve[f'{name}_nrmse{kind}'][-1]:.4f}", _paper(name, kind))
        for name in PAPER_ERRORS
        for kind, text in KINDS.items()
    ]
    rows.append(("epochs", str(epochs), f"{PAPER_EPOCHS}"))
    rows.append(("seconds of computing", f"{seconds:.0f}", ""))
    labels = {f"{name}_nrmse{kind}": text for name in PAPER_ERRORS for kind, text in KINDS.items()}
    frame = f"{experiment.frame} x {experiment.frame} pixels"
    return Report(
        f"Fig. 4: near field, {frame}, {data.count} patterns, {epochs} epochs of {result.settings['solver']}",
        ("NRMSE of", "here", "paper"),
        tuple(rows),
        {"epochs": epochs, "seconds": seconds, "curve": curve, "experiment": asdict(experiment)},
        [{name: values[k] for name, values in curve.items()} for k in range(len(curve["epoch"]))],
        figure4(inside_support(result.object, data), result.probe[0], curve, labels),
        _notes(place.quick),
    )


def _paper(name: str, kind: str) -> str:
    return "" if kind else f"{PAPER_ERRORS[name]:g}"


def _run(place: Reproduction, data: Dataset, epochs: int) -> Result:
    """The reconstruction, with the errors on its way in its settings."""
    run = run_of(data, {"kind": "nesterov"}, batch_size=BATCH_SIZE, epochs=epochs, held=0, seed=SEED)
    name = f"{data.frame_shape[0]} pixels {epochs} epochs"

    def text(progress: Progress, _: Mapping[str, float]) -> str:
        return f"epoch {progress.epoch}, R {progress.r_factor:.4f}"

    return monitored(place, name, run, figure=4, every=max(1, epochs // COMPARISONS), share=1.0, text=text)


def _notes(quick: bool) -> tuple[str, ...]:
    notes = (
        "The images are scikit-image's astronaut and camera for the paper's mandrill and cameraman.",
        "The paper's lengths contradict each other; here a pixel is 0.3 µm, a step 44, the beam's width 64.",
    )
    if quick:
        notes += ("--quick: half of all lengths in pixels, so a quarter of the area; the paper's numbers are for all.",)
    return notes
