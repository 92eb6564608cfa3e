"""The paper's runs of thin samples, as plans."""

from collections.abc import Mapping

from ptychograd.data.dataset import Dataset
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.stage import Run


def run_of(data: Dataset, solver: Mapping[str, object], batch_size: int, epochs: int, held: int, seed: int) -> Run:
    """The run of a simulated measurement, whose probe is held in the first epochs.

    Args:
        data: the measurement, with the paper's start probe and support.
        solver: the section of a plan, as {"kind": "epie"}.
        batch_size: patterns a step.
        epochs: in all.
        held: in how many of them the probe stays as it is.
        seed: of the order of patterns, and of the start object.
    """
    stages = [{"epochs": held, "refine": ["object"]}] if held else []
    stages.append({"epochs": epochs - held})
    return Plan(fit={"solver": solver, "batch_size": batch_size, "stages": stages}, seed=seed).make_run(data)
