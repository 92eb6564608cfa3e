"""What suits few photons: an object that absorbs nothing, or counts in place of amplitudes, by held-out patterns."""

from collections.abc import Sequence

import numpy as np

from ptychograd.automatic.budget import Budget, Tried
from ptychograd.automatic.orientation.preference import critical
from ptychograd.core.strict import meant
from ptychograd.data.dataset import Dataset
from ptychograd.fitting.batch_size import is_faint, signal_of
from ptychograd.fitting.reconstruction import require_whole
from ptychograd.fitting.result import NonFiniteError
from ptychograd.fitting.verdict import LATTICE, causes_of
from ptychograd.physics.model import AbstractModel
from ptychograd.refinement.positions.validation import HeldOutMisfits, held_out_misfits
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.planned import PlannedRun

EPOCHS = 30
WAYS: dict[str, dict[str, object]] = {
    "an object that absorbs nothing": {"model.object.phase_only": True},
    "the likelihood of counts": {"fit.noise": "poisson"},
}


@meant
def evidence_at_few_photons(
    plan: Plan, data: Dataset, budget: Budget, said: Sequence[str] = ()
) -> tuple[Plan, tuple[str, ...], tuple[Tried, ...]]:
    """The plan with what expects held-out patterns better where photons are few, notes, and what was tried.

    There χ² is near 1 whatever the image is; only patterns that were not fitted tell. Elsewhere the plan is as it was.

    Args:
        plan: one that holds out patterns.
        data: all patterns.
        budget: of time.
        said: fields that a person said, which are left as they are.
    """
    ways = {text: fields for text, fields in WAYS.items() if not set(fields) & set(said)}
    if not ways or not is_faint(data, signal_of(data)) or not budget.allows(0.0):
        return plan, (), ()
    plain = _misfits(plan, data)
    if plain is None:
        return plan, (), ()
    found = {text: _misfits(plan.with_fields(fields), data) for text, fields in ways.items()}
    rows = {text: (_errors(plain, other), other.r_factor) for text, other in found.items() if other is not None}
    needed = critical(len(plain.residual), len(ways))
    clear = {text: row for text, row in rows.items() if row[0] >= needed}
    best = min(clear, key=lambda text: clear[text][1], default=None)
    tried = [Tried("few photons", text, r, errors, EPOCHS, text == best) for text, (errors, r) in rows.items()]
    tried = (Tried("few photons", "neither", plain.r_factor, None, EPOCHS, best is None), *tried)
    if best is None:
        return plan, ("photons are few; neither an object without absorption nor counts are told to be better",), tried
    note = f"photons are few, and {best} expects held-out patterns better by {rows[best][0]:.1f} standard errors"
    return plan.with_fields(ways[best]), (note,), tried


def _errors(plain: HeldOutMisfits, other: HeldOutMisfits) -> float:
    """Standard errors by which the second expects held-out patterns better, pattern by pattern."""
    each = [np.maximum(one.residual, 1e-30) for one in (plain, other)]
    ratio = np.log(each[0] / each[1]) / 2
    return float(np.mean(ratio) / max(np.std(ratio, ddof=1) / np.sqrt(len(ratio)), 1e-12))


def _misfits(plan: Plan, data: Dataset) -> HeldOutMisfits | None:
    """What a short run leaves of held-out patterns; None if it diverged, or took up the lattice of the scan."""
    planned = PlannedRun.of(plan.with_fields({"fit.epochs": EPOCHS}), data)
    try:
        result = require_whole(planned.perform())
    except NonFiniteError:
        return None
    if planned.held is None or not isinstance(result.model, AbstractModel) or LATTICE in causes_of(result):
        return None
    return held_out_misfits(result.model, planned.held, None, {})
