"""From what a search of the start found to fields of a plan: the beam, the scan's orientation, and which twin."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex

from ptychograd.automatic.budget import Budget, Tried
from ptychograd.automatic.conventions import expected_sign, matter_sign
from ptychograd.automatic.orientation.preference import errors_apart
from ptychograd.automatic.start import (
    Placing,
    StartCandidate,
    StartSearch,
    StartTrial,
    find_start,
    shadow_fits,
    shadows_of,
)
from ptychograd.automatic.start.search import FILE
from ptychograd.automatic.start.shadow_distance import is_near_field, shadow_distance
from ptychograd.automatic.start.trials import Tell
from ptychograd.core.errors import InputError
from ptychograd.core.strict import meant
from ptychograd.data.dataset import Dataset
from ptychograd.fitting.result import Result
from ptychograd.runs.plan.plan import Plan

NONE = Budget()  # no bound
SURE = 5.0  # standard errors from which on the sign of matter turns a scan by half a turn
SHADOW = 0.3  # correlation of neighbours from which on a beam wider than the window is believed
ALIKE = 0.98  # correlation of a wave with that of a plan's fields, from which on they make it
MOST_OTHERS = 2  # starts that are carried on beside the best
SHOWN = 12  # trials in a result's table
DEFOCUS = "model.start.defocus"
OF_FAR_FIELD = ("data.prepare.centre",)  # what a near field does not have


class Beginning(NamedTuple):
    """How a run begins.

    Args:
        fields: of a plan.
        others: fields of other beginnings that could not be told apart from it, and what they are in words.
        notes: what was found, in sentences.
        tried: the trials.
        is_poor: whether even the best explains little.
    """

    fields: dict[str, object] = {}  # noqa: RUF012 (never written to)
    others: tuple[tuple[str, dict[str, object]], ...] = ()
    notes: tuple[str, ...] = ()
    tried: tuple[Tried, ...] = ()
    is_poor: bool = False


@meant
def beginning_of(
    plan: Plan, data: Dataset, said: Sequence[str], on_trial: Tell | None = None, budget: Budget = NONE
) -> Beginning:
    """How a run of a plan begins, as far as the plan leaves it open: of a far field with positions.

    Args:
        plan: what is known.
        data: as the plan reads them.
        said: fields that a person said.
        on_trial: is called with each trial.
        budget: of time, for the search; no bound by default.
    """
    if any(path.startswith("model.start.") and path != "model.start.object" for path in said):
        return Beginning(notes=("the start is as it was said",))
    if not (plan.is_of_package and data.positions is not None and data.is_far_field):
        return Beginning(notes=("only the start of a far field with positions is searched",))
    near = _near_field(data, said, plan.seed, on_trial) if data.probe is None else None
    if near is not None:
        return near
    return _by_search(plan, data, data, said, on_trial, budget)


@meant
def other_beginning(
    plan: Plan, data: Dataset, said: Sequence[str], on_trial: Tell | None = None, budget: Budget = NONE
) -> Beginning:
    """How a run of a far field begins in place of the probe of its file, which did not lead to an image.

    Takes what `beginning_of` does; without fields where none was found that explains the patterns.
    """
    found = _by_search(plan, replace(data, probe=None), data, said, on_trial, budget)
    return found._replace(fields={}, others=()) if found.is_poor else found


def _by_search(
    plan: Plan, looked_at: Dataset, data: Dataset, said: Sequence[str], on_trial: Tell | None, budget: Budget
) -> Beginning:
    """The beginning of a run of `data` that a search in `looked_at` finds."""
    is_placed = any(path in said for path in ("data.orientation", "data.prepare.rotate_scan"))
    placing = Placing() if is_placed else None
    try:
        found = find_start(looked_at, placing=placing, seed=plan.seed, on_trial=on_trial, budget=budget)
    except InputError as problem:
        return Beginning(notes=(f"no start was searched: {problem}",), is_poor=True)
    return _found(plan, data, found, is_placed)


def _near_field(data: Dataset, said: Sequence[str], seed: int, on_trial: Tell | None) -> Beginning | None:
    """How a near field begins that a file does not state, if the sample's shadow tells that it is one."""
    if {"model.kind", "geometry.focus_distance", "data.orientation", "data.prepare.rotate_scan"} & set(said):
        return None
    shadows = shadows_of(data)
    fits = [] if shadows is None else shadow_fits(shadows)
    if shadows is None or not fits or not is_near_field(fits[0], data) or np.nanmean(fits[0].each) < SHADOW:
        return None
    found = shadow_distance(data, shadows, fits[0], seed, on_trial)
    if found is None:
        return None
    fields: dict[str, object] = {
        "model.kind": "near-field",
        "geometry.focus_distance": float(f"{found.focus_distance:.5g}"),
    }
    fields |= {path: None for path in OF_FAR_FIELD if path not in said}
    best = found.trials[0]
    rows = [Tried("start", one.candidate.text, one.r_factor, None, one.epochs, one is best) for one in found.trials]
    return Beginning({**found.placing.fields, **fields}, (), (found.note,), tuple(rows))


def _found(plan: Plan, data: Dataset, found: StartSearch, is_placed: bool) -> Beginning:
    """The beginning that a search found, with the sign of matter that its field has."""
    chosen, text = found.best.candidate, ""
    if not is_placed and chosen.family != FILE:
        chosen, text = of_right_sign(found.best, None if data.geometry is None else data.geometry.wavelength)
    rest = [one.candidate for one in found.finalists if one is not found.best][:MOST_OTHERS]
    if found.is_poor or chosen.family == FILE:  # the file says how its scan lies
        rest = []
    others = [(f"{one.text}, positions {one.placing.text},", fields_of(one, plan, data)) for one in rest]
    notes = [*found.notes, *([text] if text else [])]
    if found.is_poor and chosen.family == FILE:
        notes.append("the probe of the file explains little in short trials")
    elif found.is_poor:
        notes.append("even the best start explains little: something else is wrong, or it is far from the true beam")
    tried = [_row(found, trial) for trial in found.trials[:SHOWN]]
    return Beginning(fields_of(chosen, plan, data), tuple(others), tuple(notes), tuple(tried), found.is_poor)


def _row(found: StartSearch, trial: StartTrial) -> Tried:
    one, is_best = trial.candidate, trial is found.best
    errors = None if is_best else errors_apart(found.best, trial)
    return Tried("start", f"{one.text}; positions {one.placing.text}", trial.r_factor, errors, trial.epochs, is_best)


def fields_of(one: StartCandidate, plan: Plan, data: Dataset) -> dict[str, object]:
    """Fields of a plan for a start: lengths where they make its wave, or else the wave itself.

    The probe of the file, and the mean pattern in focus of a file without one, are what a run begins with by itself.
    """
    if one.fields:
        placed = one.placing.applied(replace(data, support=None))
        try:
            made = np.asarray(plan.with_fields(one.fields).make_plain_model(placed).probe.modes)[0]  # pyright: ignore[reportAttributeAccessIssue]
        except InputError:
            made = np.zeros(1)
        if made.shape == one.wave.shape and _alike(made, one.wave):
            return one.all_fields
    elif one.family == FILE or (not one.width and data.probe is None):
        return dict(one.placing.fields)
    return {**one.placing.fields, "model.start.probe": one.wave.astype(np.complex64)}


def _alike(one: Complex[np.ndarray, "y x"], other: Complex[np.ndarray, "y x"]) -> bool:
    return bool(abs(np.vdot(one, other)) > ALIKE * np.linalg.norm(one) * np.linalg.norm(other))


def twin_of(one: StartCandidate) -> StartCandidate:
    """The start that no far field tells from this: P*(-r), on the scan turned by half a turn."""
    turned = one.wave[::-1, ::-1].conj()
    wave = np.roll(turned, [1 - n % 2 for n in turned.shape], axis=(0, 1))  # about pixel n // 2
    fields = {path: -value if path == DEFOCUS else value for path, value in one.fields.items()}  # pyright: ignore[reportOperatorIssue]
    text = one.text.replace(" behind ", " BEHIND ").replace(" before ", " behind ").replace(" BEHIND ", " before ")
    return StartCandidate(one.family, text, wave, one.placing.twin, fields, -one.width)


def of_right_sign(trial: StartTrial, wavelength: float | None) -> tuple[StartCandidate, str]:
    """The start of a trial or its twin, whichever has matter of the sign of its field, and how that is known."""
    expected, found, one = expected_sign(wavelength), matter_sign(trial.result), trial.candidate
    kind = {1: "electrons or light", -1: "X-rays"}.get(expected, "")
    if expected == 0 or (one.family == "opening" and DEFOCUS in one.fields):
        return one, ""
    if found.sign == 0:
        text = f"the sign of the phase is that of the file's orientation ({found.summary}; no far field tells it)"
        return one, text
    if found.sign == expected:
        return one, f"the phase of matter is {_signed(expected)}, as it is for {kind}: {found.summary}"
    if found.errors < SURE:
        return one, f"the phase of matter may have the other sign than it has for {kind}, and no far field tells"
    other = twin_of(one)
    text = f"the scan is taken to be turned by half a turn, positions {other.placing.text}: matter is then "
    return other, f"{text}of {_signed(expected)} phase, as it is for {kind} ({found.summary})"


def _signed(sign: int) -> str:
    return "positive" if sign > 0 else "negative"


def doubts_of_sign(result: Result, data: Dataset) -> Iterator[str]:
    """A note where the sign of matter's phase is not that of its field."""
    expected = expected_sign(None if data.geometry is None else data.geometry.wavelength)
    found = matter_sign(result) if result.roles.image is not None else None
    if expected and found is not None and found.sign == -expected and found.errors >= SURE:
        yield (
            "matter has the other sign of the phase than its field gives it; turn the scan by half a turn "
            "(`data.orientation`) and take the other side of the focus, if that is wrong"
        )
