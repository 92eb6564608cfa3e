"""All that can be told of data before they are reconstructed: the checks, and then the trial of orientations."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ptychograd.automatic.orientation import WIDTHS, OrientationTrial, Preference, preference, try_orientations
from ptychograd.core.errors import InputError
from ptychograd.core.log import log
from ptychograd.data.checks import Evidence, Finding, findings, first_to_mend
from ptychograd.data.dataset import Dataset
from ptychograd.data.orientation import apply_orientation, inverse
from ptychograd.models.diagnosis import observed
from ptychograd.runs.machine import in_file
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.plan.reading import as_in_file, moves_pixels, on_detector


class Report(NamedTuple):
    """What the checks found, and the trials.

    Args:
        evidence: the data as the checks saw them.
        findings: what these found.
        trials: a short reconstruction in each orientation, whose codes are those of the positions in the file.
        preference: which orientation these tell to be right; None without trials.
        untried: why there are none.
    """

    evidence: Evidence
    findings: list[Finding]
    trials: Sequence[OrientationTrial] = ()
    preference: Preference | None = None
    untried: str = ""


def report(data: Dataset, plan: Plan, with_trials: bool = True) -> Report:
    """All checks, and why no trials can be made, if so.

    Args:
        data: the data set, as the plan reads it.
        plan: says with which beam a reconstruction would start.
        with_trials: whether they are wanted.
    """
    problem, probe = "", None
    try:
        probe = np.asarray(plan.make_plain_model(data).probe.modes)  # pyright: ignore[reportAttributeAccessIssue]
    except InputError as refused:
        problem = str(refused)
    evidence = observed(data, probe if _is_given(plan) else None)
    found = findings(evidence)
    if data.rocking_curve:
        problem = problem or "rocking curves have one orientation, which the diffraction fixes; none is tried"
    elif with_trials and not problem and (first := first_to_mend(found)):
        problem = f"mend what is said to be bad about {' and '.join(first)} before."
    return Report(evidence, found, untried=problem)


def with_trials(
    found: Report, data: Dataset, plan: Plan, epochs: int, on_trial: Callable[[int, float], None] | None = None
) -> Report:
    """The report with the trials, or with the reason why there are none.

    Args:
        found: what the checks found.
        data: the data set, as the plan reads it.
        plan: says with which beam trials begin.
        epochs: of each of them.
        on_trial: is called with each orientation and its R-factor.
    """
    flat = plan if plan.model.start.object else plan.with_fields({"model.start.object": "flat"})
    try:
        trials = try_orientations(
            apply_orientation(replace(data, support=None), inverse(plan.data.orientation)),
            flat.make_plain_model,
            epochs=epochs,
            seed=plan.seed,
            widths=() if _is_given(plan) else WIDTHS,
            on_trial=on_trial,
        )
    except InputError as refused:
        return found._replace(untried=str(refused))
    return found._replace(trials=trials, preference=preference(trials, data))


def _is_given(plan: Plan) -> bool:
    start = plan.model.start
    return bool(start.beams or start.defocus)


def of_file_pixels(evidence: Evidence, plan: Plan) -> Evidence:
    """What was seen of the pixels of the file, in which a mask is taken; the data are read again if they were moved."""
    if not moves_pixels(evidence.data, plan.data):
        return evidence
    log.info("the mask is of the file's own pixels, before `data.prepare` moves them")
    return Evidence.of(on_detector(as_in_file(plan, in_file(plan.machine)), plan.data))
