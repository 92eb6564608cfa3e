"""The verdict on a run, in a line for a person, with what to try in fields of a plan."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ptychograd.output.captions import VERDICT, VERDICTS
from ptychograd.physics.paths import MODES
from ptychograd.runs.setting_names import PLAN

if TYPE_CHECKING:
    from ptychograd.fitting.result import Result

MOST_CAUSES = 3  # that are told in the line; JSON and the result file hold all
UNSEEN = "; whether both axes of the positions are negated no far field can tell"


OF_THE_PACKAGE = re.compile(r"`(model|data|fit\.refine)\b|diagnose")  # what does nothing for a model of one's own


class Remedy(NamedTuple):
    """What to try against a cause: `what`, and in its place {} how, by the options of a command or in Python."""

    what: str
    by_options: str = ""
    in_python: str = ""


REMEDIES = {
    "halves": Remedy("more photons or more patterns: what only one half of them shows is noise"),
    "lattice": Remedy(
        "more patterns in a batch from the start ({}); the next scan with positions off the raster",
        "no `fit.batch_size`, or as many as there are",
        "a larger batch_size, or none",
    ),
    "not_counts": Remedy("give the counts as they were measured"),
    "object_not_told_from_noise": Remedy(
        "larger batches ({}) or more photons; patterns that are held out judge it better",
        "`fit.batch_size`, up to all patterns; `validation.hold_out=0.05` holds some out",
        "batch_size",
    ),
    "loss_rose": Remedy("larger batches ({}), or another solver", "`fit.batch_size`", "batch_size"),
    "too_few_epochs": Remedy("more epochs ({})", "`ptychograd resume ... --epochs N`", "resume=result"),
    "start_probe": Remedy(
        "another start of the illumination ({})",
        "`ptychograd diagnose` tries beams out of focus too; or give it: `data.keys.probe=PATH`, or "
        "`model.start.zone_plate`, `model.start.focal_spot`, `model.start.pinhole` or `model.start.aperture` with "
        "`model.start.defocus`",
        "probe= of the recipe",
    ),
    "orientation": Remedy(
        "other axes of the positions ({})", "`ptychograd diagnose` tries all eight", "pg.data.apply_orientation"
    ),
    "positions": Remedy(
        "check unit and order of the positions, or refine them ({})",
        "`fit.refine=scan.offset` finds them, and `model.positions.placed_within=32` beside it those that are far off",
        "with_refinable_positions",
    ),
    "defocus": Remedy(
        "another distance ({})", "`model.start.defocus`, also with the other sign", "also with the other sign"
    ),
    "modes": Remedy("more modes ({})", "`model.probe.modes`", "of the illumination"),
}  # by the code of a cause


def by_options(code: str) -> str:
    """What to try, for whoever gave a command."""
    return REMEDIES[code].what.format(REMEDIES[code].by_options)


def in_python(code: str) -> str:
    """What to try of a run that no plan made."""
    return REMEDIES[code].what.format(REMEDIES[code].in_python)


def of_ones_own(code: str) -> str:
    """What to try of a plan with a model of one's own; how is left out where that is by options of the package's."""
    what, how, _ = REMEDIES[code]
    return what.replace(" ({})", "") if OF_THE_PACKAGE.search(how) else what.format(how)


def on_rise(result: "Result") -> str:
    """That the loss rose, and which state is kept; nothing if it did not."""
    rose = result.settings.get("loss_rose")
    if rose is None:
        return ""
    before, after = rose["after_epoch"], result.history.epochs
    losses = f"from {rose['loss']:.4g} after epoch {before} to {rose['last_loss']:.4g} after {after}"
    return f"the loss rose {losses}; the state after epoch {before} is kept"


def line(verdict: Mapping | None, way: Callable[[str], str] = by_options) -> str:
    """One line: the verdict, its likeliest causes, and what to try; nothing without one."""
    if verdict is None:
        return ""
    causes = [f"{cause['found']} -> {way(cause['code'])}" for cause in verdict["causes"][:MOST_CAUSES]]
    return f"verdict: {VERDICTS[verdict['code']]}" + (f"; {'; '.join(causes)}" if causes else "")


def is_of_package(result: "Result") -> bool:
    """Whether a result is of one of the package's models: as its plan says, or without one, as its arrays are named."""
    plan = result.settings.get(PLAN)
    model = plan.get("model") if isinstance(plan, Mapping) else None
    kind = model.get("kind") if isinstance(model, Mapping) else None
    return MODES in result.arrays and (kind is None or (isinstance(kind, str) and ":" not in kind))


def verdict_line(result: "Result", way: Callable[[str], str] | None = None) -> str:
    """`line` of a result, and what such a verdict can't see; nothing without a verdict.

    What to try is said by the options of a command; those that are of the package's models are left out for one of
    one's own.
    """
    way = way or (by_options if is_of_package(result) else of_ones_own)
    verdict, geometry = result.settings.get(VERDICT), result.settings.get("geometry") or {}
    is_fitted = verdict is not None and verdict["code"] in ("at_noise", "near_noise")
    is_far = is_of_package(result) and not {"focus_distance", "rocking"} & geometry.keys()
    return line(verdict, way) + (UNSEEN if is_fitted and is_far and result.roles.positions is not None else "")
