"""What suits few photons: an object that absorbs nothing, or counts in place of amplitudes, by held-out patterns."""

from collections.abc import Sequence

import numpy as np

from ptychograd.automatic.budget import Budget, Tried
from ptychograd.automatic.orientation.preference import critical
from ptychograd.core.strict import meant
from ptychograd.data.dataset import Dataset
from ptychograd.fitting.batch_size import is_faint, signal_of
from ptychograd.fitting.result import NonFiniteError
from ptychograd.physics.model import AbstractModel
from ptychograd.refinement.positions import held_out_misfits
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
    plain = _of_each(plan, data)
    found = {text: _of_each(plan.with_fields(fields), data) for text, fields in ways.items()}
    if plain is None:
        return plan, (), ()
    needed, rows, best = critical(len(plain), len(ways)), [], None
    for text, each in found.items():
        if each is None:
            continue
        ratio = np.log(plain / each) / 2
        errors = float(np.mean(ratio) / max(np.std(ratio, ddof=1) / np.sqrt(len(ratio)), 1e-12))
        rows.append((text, errors, float(np.exp(-np.mean(ratio)))))
        if errors >= needed and (best is None or rows[-1][2] < best[2]):
            best = rows[-1]
    tried = tuple(
        Tried("few photons", text, share, errors, EPOCHS, best is not None and best[0] == text)
        for text, errors, share in rows
    )
    if best is None:
        return plan, ("photons are few; neither an object without absorption nor counts are told to be better",), tried
    note = f"photons are few, and {best[0]} expects held-out patterns better by {best[1]:.1f} standard errors"
    return plan.with_fields(ways[best[0]]), (note,), tried


def _of_each(plan: Plan, data: Dataset) -> np.ndarray | None:
    """What a short run leaves of each held-out pattern; None if it diverged."""
    planned = PlannedRun.of(plan.with_fields({"fit.epochs": EPOCHS}), data)
    try:
        result = planned.perform()
    except NonFiniteError:
        return None
    if planned.held is None or not isinstance(result.model, AbstractModel):
        return None
    return np.maximum(held_out_misfits(result.model, planned.held, None, {}).residual, 1e-30)
