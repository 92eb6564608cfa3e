"""The plan that data call for: what their files say, what was guessed, and what is advised, field by field."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ptychograd.automatic.beginning import beginning_of
from ptychograd.automatic.start.trials import Tell
from ptychograd.core.errors import InputError
from ptychograd.data.checks import GOOD, Finding, findings, first_to_mend
from ptychograd.data.contents import Contents, contents
from ptychograd.data.dataset import Dataset
from ptychograd.data.description import describe
from ptychograd.data.preparation import guess_preparation
from ptychograd.models.diagnosis import observed
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.plan.preparation import preparation_of
from ptychograd.runs.plan.reading import keys_of

START = "model.start.probe"  # the field under which trials are told
DIGITS = 10  # of lengths that files state: 55 µm as 55.0 * 1e-6 is 54.999999999999993 µm
MOST_LISTED = 12  # arrays of a file that could not be read by itself
LOUD = ("missing", "problem", "warning")
FIELD_OF = {  # under which field a finding stands, by its name
    "units": "data.keys",
    "overlap": "model.start.focal_spot",
    "probe fill": "model.start.focal_spot",
    "probe power": "model.start.focal_spot",
    "detector edge": "model.detector.oversampling",
    "centre": "data.paths",
    "raster": "fit.refine",
    "outliers": "data.keys",
    "duplicates": "data.keys",
    "photon scale": "fit.noise",
    "dark patterns": "data.paths",
    "saturation": "model.detector.saturation",
    "mask": "data.mask.nonzero",
    "dead and hot pixels": "data.mask.image",
}
OF_GEOMETRY = ("distance", "wavelength", "pixel_size")


class Proposal(NamedTuple):
    """A plan for data, and what a person is to know of it.

    Args:
        plan: with what was found out; all else is as it is by itself.
        notes: lines about fields, by their paths.
        found: what the files say of fields that the plan leaves to them, by path.
        data: the data; None if they can't be read yet.

    Example:
        proposal = pg.automatic.propose(pg.Plan(data={"paths": "scan.h5"}))
        proposal.plan.save("run.toml")
    """

    plan: Plan
    notes: Mapping[str, Sequence[str]]
    found: Mapping[str, object]
    data: Dataset | None


def propose(asked: Plan, *, trial: bool = False, on_trial: Tell | None = None) -> Proposal:
    """Look at data, and propose a plan for them.

    Args:
        asked: what is known already: at least the files, in `data.paths`.
        trial: find by short reconstructions the beam, and how the axes of scan and detector lie, as `auto` does.
        on_trial: is called with each of them.

    Raises:
        InputError: a file is not there.
    """
    if not asked.data.paths:
        raise InputError("`data.paths` names no file; give one.")
    try:
        plan, data, notes = _readable(asked)
    except InputError as problem:
        there = _contents(asked)
        if there is None or not there.arrays:
            raise
        return _unread(asked, there, str(problem))
    plan, data, needed = _prepared(plan, data)
    evidence = observed(data)
    found = findings(evidence)
    notes = [*notes, *needed, *_facts(data), *_advice(found), *_missing(data)]
    if trial:
        fields, said = _tried(plan, data, found, on_trial)
        plan, notes = plan.with_fields(fields), [*notes, *said]
    return Proposal(plan, _gathered(notes), dict(_of_files(data, plan)), data)


Note = tuple[str, str]  # a field, and a line about it


def _readable(asked: Plan) -> tuple[Plan, Dataset, list[Note]]:
    """The plan with which the data can be read: as asked, or with what the file seems to keep in which place."""
    try:
        data = _read(asked)
    except InputError:
        there = _contents(asked)
        if there is None or not there.guesses:
            raise
        plan, notes = _guessed(asked, there)
        return plan, _read(plan), notes
    there = _contents(asked) if data.geometry is None and data.positions is not None else None
    if there is not None and there.guesses:
        plan, notes = _guessed(asked, there)
        with suppress(InputError):
            return plan, _read(plan), notes
    return asked, data, []


def _prepared(plan: Plan, data: Dataset) -> tuple[Plan, Dataset, list[Note]]:
    """The plan with what the data show to be needed beyond doubt, the data after that, and why."""
    guesses = guess_preparation(data, preparation_of(plan.data.prepare))
    if not guesses:
        return plan, data, []
    plan = plan.with_fields({path: value for guess in guesses for path, value in guess.in_plan.items()})
    return plan, _read(plan), [(next(iter(guess.in_plan)), f"GUESSED: {guess.text}.") for guess in guesses]


def _read(plan: Plan) -> Dataset:
    return plan.with_fields({"data.mask.allow_most": True}).read()


def _contents(asked: Plan) -> Contents | None:
    """What the first file holds; None if it can't be opened."""
    try:
        return contents(Path(asked.data.paths[0]), keys_of(asked), asked.data.links_into)
    except InputError:
        return None


def _guessed(asked: Plan, there: Contents) -> tuple[Plan, list[Note]]:
    """The plan with the keys that the contents of a file suggest, each with its reason."""
    plan = asked.with_fields({f"data.keys.{name}": guess.key for name, guess in there.guesses.items()})
    return plan, [
        ("data.keys", f"GUESSED {name} = {guess.key} ({guess.reason}); check it.")
        for name, guess in there.guesses.items()
    ]


def _unread(asked: Plan, there: Contents, problem: str) -> Proposal:
    """The proposal where a person has to say first where the file keeps what."""
    plan, guessed = _guessed(asked, there)
    absent = [f"{name} = {key}" for name, key, reason in there.needed() if not reason]
    missing = [f"MISSING: {problem}", *([f"MISSING: keys, as {', '.join(absent)}"] if absent else [])]
    listed = there.lines
    more = [f"and {len(listed) - MOST_LISTED} more"] if len(listed) > MOST_LISTED else []
    said = [("data.keys", text) for text in (*missing, "The file holds:", *listed[:MOST_LISTED], *more)]
    shown = {} if there.guesses else {"data.keys": {"patterns": "...", "positions": "..."}}
    return Proposal(plan, _gathered([*said, *guessed]), shown, None)


def _facts(data: Dataset) -> Iterator[Note]:
    """What the data are in words, and how they were found."""
    for label, text in describe(data):
        is_said_below = label == "note" or (label in ("missing", "geometry") and data.geometry is None)
        if not is_said_below:
            yield "data.paths", f"{label.upper() if label in LOUD else label}: {text}"
    for note in data.notes:
        yield "data.keys", f"GUESSED {note}" if ": guessed " in note else note


def _advice(found: Sequence[Finding]) -> Iterator[Note]:
    for finding in found:
        if finding.verdict != GOOD:
            advice = f" -> {finding.advice}" if finding.advice else ""
            yield (
                FIELD_OF.get(finding.name, "data.paths"),
                f"{finding.verdict.upper()}, {finding.name}: {finding.found}{advice}",
            )


def _missing(data: Dataset) -> Iterator[Note]:
    """Lengths that no file states."""
    if data.geometry is None and data.positions is not None:
        for name in ("energy", "distance", "pixel_size"):
            yield f"geometry.{name}", "MISSING: the file does not state it; without it lengths are in pixels."
    if data.rocking_curve and data.support is None:
        yield "model.start.thickness", "MISSING: the file has no support; give the crystal's thickness."


def _of_files(data: Dataset, plan: Plan) -> Iterator[tuple[str, object]]:
    """What the files say of the geometry, in so many digits as one reads, for fields that the plan leaves to them."""
    geometry = data.geometry
    if geometry is None:
        return
    rows, columns = np.broadcast_to(np.asarray(geometry.pixel_size, float), 2)
    values = {"distance": geometry.distance, "wavelength": geometry.wavelength}
    if rows == columns:
        values["pixel_size"] = float(rows)
    if near := geometry.near_field:
        values["focus_distance"] = near.focus_distance
        yield "model.kind", "near-field"
    given = plan.geometry
    for name, value in values.items():
        if getattr(given, name) is None and not (name == "wavelength" and given.energy is not None):
            yield f"geometry.{name}", float(f"{value:.{DIGITS}g}")


def _tried(
    plan: Plan, data: Dataset, found: Sequence[Finding], tell: Tell | None
) -> tuple[dict[str, object], list[Note]]:
    """What trials say of beam and orientation, and in which words."""
    first = first_to_mend(found)
    if first:
        return {}, [(START, f"Not tried: mend what is said to be bad about {' and '.join(first)} before.")]
    begin = beginning_of(plan, data, plan.said_fields, tell)
    return {} if begin.is_poor else begin.fields, [(START, f"Tried: {text}.") for text in begin.notes]


def _gathered(notes: Sequence[Note]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for field, text in notes:
        found.setdefault(field, []).append(text)
    return found
