"""At which distance a near field fits best: which distance is scanned, at which places, and what was found."""

import math
from typing import NamedTuple

from ptychograd.core.errors import InputError
from ptychograd.data.files import NO_FOCUS
from ptychograd.data.geometry import format_length
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.plan.quantities import quantity
from ptychograd.runs.searches import Search
from ptychograd.runs.sweeps import Sweep, doubts, lowest_point

TEXTS = {"focus-distance": "the distance from focus to sample", "distance": "the distance from sample to detector"}
FIELDS = {"focus-distance": "geometry.focus_distance", "distance": "geometry.distance"}
EPOCHS = 15


def typed_range(first: str, last: str, steps: int) -> tuple[float, float]:
    """Two distances in metres, of --from and --to.

    Raises:
        InputError: no length, or nothing between them to scan in so many steps.
    """
    low, high = _metres("--from", first), _metres("--to", last)
    if not (0 < low < high < math.inf) or steps < 3:
        raise InputError(f"--from {first} --to {last} --steps {steps}: expected 0 < from < to and 3 steps or more.")
    return low, high


def _metres(option: str, text: str) -> float:
    try:
        return quantity(text, "m")
    except ValueError as problem:
        raise InputError(f"{option}: {problem}.") from None


class DistanceScan(NamedTuple):
    """Runs of a near field over a distance.

    Args:
        plan: what they have in common.
        axis: "focus-distance", from focus to sample, or "distance", from sample to detector.
        distances: in metres, evenly spaced.
    """

    plan: Plan
    axis: str
    distances: list[float]

    @classmethod
    def of(cls, plan: Plan, first: float, last: float, steps: int, axis: str | None = None) -> "DistanceScan":
        """The scan of a plan.

        Args:
            plan: of one run, with fifteen epochs if it does not say how many.
            first: metres.
            last: metres.
            steps: how many distances.
            axis: which one; by default that to the detector where the beam is given or known to be parallel.

        Raises:
            InputError: the plan is of a far field, or says what is to be scanned.
        """
        if plan.model.kind == "far-field":
            raise InputError("`model.kind` far-field: a distance is scanned in a near field; leave the model out.")
        epochs = EPOCHS if plan.fit.epochs is None else plan.fit.epochs
        plan = plan.with_fields({"model.kind": "near-field", "fit.epochs": epochs})
        if axis is not None and plan.field(FIELDS[axis]) is not None:
            raise InputError(f"--{axis} is what is scanned; leave it out.")
        distances = [float(f"{first + (last - first) * k / (steps - 1):.7g}") for k in range(steps)]
        return cls(plan, axis or _axis(plan), distances)

    @property
    def summary(self) -> str:
        """What is scanned, in words."""
        return f"scanning: {TEXTS[self.axis]}"

    @property
    def grid(self) -> dict[str, list[float]]:
        """The field of the plan that is scanned, and its values."""
        return {FIELDS[self.axis]: self.distances}

    def lowest(self, found: Sweep | Search, by: str) -> str:
        """Where the figure by which runs are judged is lowest, in words."""
        place = lowest_point(self.distances, found.values(by))
        text = (
            f"{format_length(place)}, by a parabola" if place else "not within this range; scan one around the lowest"
        )
        return f"{self.axis} of the lowest {by}: {text}"

    def doubts(self, found: Sweep | Search, by: str) -> str:
        """Why it may be another one; nothing if all is well."""
        text = doubts(found.values(by))
        return f"Beware: {text}." if text else ""


def _axis(plan: Plan) -> str:
    """The distance to the detector where the beam is given or known to be parallel, else that from the focus."""
    if plan.geometry.focus_distance is not None:
        return "distance"
    data = plan.read()
    parallel = math.isinf(getattr(data.geometry, "focus_distance", math.inf))
    guessed = NO_FOCUS in data.notes
    return "distance" if parallel and not guessed and plan.geometry.distance is None else "focus-distance"
