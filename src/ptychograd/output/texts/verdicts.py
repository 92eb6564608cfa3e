"""The verdict on a run, in a line for a person, with what to try in fields of a plan."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ptychograd.output.captions import VERDICT, VERDICTS

if TYPE_CHECKING:
    from ptychograd.fitting.result import Result

MOST_CAUSES = 3  # that are told in the line; JSON and the result file hold all
UNSEEN = "; whether both axes of the positions are negated no far field can tell"
TRY = {
    "lattice": "more patterns in a batch from the start (no `fit.batch_size`, or as many as there are); the next scan "
    "with positions off the raster",
    "not_counts": "give the counts as they were measured",
    "object_not_told_from_noise": "larger batches (`fit.batch_size=256`) or more photons; `validation.hold_out=0.05` "
    "judges it better",
    "loss_rose": "larger batches (`fit.batch_size`), or another solver",
    "too_few_epochs": "more epochs (`ptychograd resume ... --epochs N`)",
    "start_probe": "`ptychograd diagnose`, which tries beams out of focus too; or give it "
    "(`data.keys.probe=PATH`, or `model.start.focal_spot`, `model.start.pinhole` or `model.start.aperture` with "
    "`model.start.defocus`)",
    "orientation": "`ptychograd diagnose` tries all eight",
    "positions": "`fit.refine=scan.offset`; check their unit and order",
    "defocus": "`model.start.defocus` with the other sign, or another value",
    "modes": "more modes (`model.probe.modes`)",
}

TRY_IN_PYTHON = {
    "lattice": "more patterns in a batch from the start (a larger batch_size, or none); the next scan with positions "
    "off the raster",
    "not_counts": TRY["not_counts"],
    "object_not_told_from_noise": "a larger batch_size or more photons; patterns that are held out judge it better",
    "loss_rose": "a larger batch_size, or another solver",
    "too_few_epochs": "more epochs (resume=result)",
    "start_probe": "another start of the illumination",
    "orientation": "exchange or negate them (pg.data.apply_orientation)",
    "positions": "check their unit and order, or refine them",
    "defocus": "another distance",
    "modes": "more modes of the illumination",
}  # of runs that no command made, whose model may be one that the package does not know


def on_rise(result: "Result") -> str:
    """That the loss rose, and which state is kept; nothing if it did not."""
    rose = result.settings.get("loss_rose")
    if rose is None:
        return ""
    before, after = rose["after_epoch"], result.history.epochs
    losses = f"from {rose['loss']:.4g} after epoch {before} to {rose['last_loss']:.4g} after {after}"
    return f"the loss rose {losses}; the state after epoch {before} is kept"


def line(verdict: Mapping | None, ways: Mapping[str, str] = TRY) -> str:
    """One line: the verdict, its likeliest causes, and what to try; nothing without one."""
    if verdict is None:
        return ""
    causes = [f"{cause['found']} -> {ways[cause['code']]}" for cause in verdict["causes"][:MOST_CAUSES]]
    return f"verdict: {VERDICTS[verdict['code']]}" + (f"; {'; '.join(causes)}" if causes else "")


def verdict_line(result: "Result", ways: Mapping[str, str] = TRY) -> str:
    """`line` of a result, and what such a verdict can't see; nothing without a verdict."""
    verdict, geometry = result.settings.get(VERDICT), result.settings.get("geometry") or {}
    is_fitted = verdict is not None and verdict["code"] in ("at_noise", "near_noise")
    is_far = not {"focus_distance", "rocking"} & geometry.keys()
    return line(verdict, ways) + (UNSEEN if is_fitted and is_far and result.roles.positions is not None else "")
