"""Parts of the model that a run above the noise may lack, as fields of a plan."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

from ptychograd.data.dataset import Dataset
from ptychograd.physics.paths import BACKGROUND, CORRECTING, INTENSITY, POINT_SPREAD_WIDTH
from ptychograd.runs.plan.plan import Plan

COUNTS, MODES = (2, 4, 6), "model.probe.modes"
OFFSETS, RELEASED = CORRECTING["offset"], "fit.refine"
PLACED, FARTHEST = "model.positions.placed_within", 32  # object pixels


class Part(NamedTuple):
    """A part of the model that may be missing.

    Args:
        name: in words.
        fields: of the plan that put it in; those of `fit.refine` are added to what is refined already.
        about: the field by which a person may have said it.
    """

    name: str
    fields: Mapping[str, object]
    about: str

    def put_into(self, plan: Plan) -> Plan:
        """The plan with this part."""
        fields = dict(self.fields)
        if RELEASED in fields:
            names = (*plan.fit.refine, *cast("tuple[str, ...]", fields[RELEASED]))
            fields[RELEASED] = tuple(dict.fromkeys(names))
        return plan.with_fields(fields)


def parts_for(plan: Plan, data: Dataset, is_far: bool = False) -> list[Part]:
    """What may be missing in a plan and was not said in it, the simplest of each kind.

    Positions are looked for far off only where a run `is_far` from the data.
    """
    found = _more_modes(plan)
    if data.positions is not None:
        found.append(Part("refined positions", {RELEASED: (OFFSETS,)}, OFFSETS))
    if data.positions is not None and is_far and plan.model.positions.placed_within is None:
        within = min(FARTHEST, min(data.frame_shape) // 3)
        found.append(Part("positions placed by holograms", {PLACED: within, RELEASED: (OFFSETS,)}, PLACED))
    found += [
        Part("an intensity for each pattern", {RELEASED: (INTENSITY,)}, INTENSITY),
        Part("a background", {RELEASED: (BACKGROUND,)}, BACKGROUND),
        Part("a point spread", {RELEASED: (POINT_SPREAD_WIDTH,)}, POINT_SPREAD_WIDTH),
    ]
    return [part for part in found if part.about not in plan.fit.refine]


def unsaid(parts: Sequence[Part], said: Sequence[str]) -> list[Part]:
    """Those of which a person has said nothing."""
    return [part for part in parts if part.about not in said and not (RELEASED in said and RELEASED in part.fields)]


def next_modes(plan: Plan, paid: Sequence[Part]) -> list[Part]:
    """More modes, where modes paid and went in."""
    return _more_modes(plan) if any(part.about == MODES and part.put_into(plan) == plan for part in paid) else []


def _more_modes(plan: Plan) -> list[Part]:
    more = [count for count in COUNTS if count > plan.model.probe.modes]
    return [Part(f"{count} modes of the probe", {MODES: count}, MODES) for count in more[:1]]


def together(parts: Sequence[Part]) -> Part:
    """All of these as one."""
    fields: dict[str, object] = {path: value for part in parts for path, value in part.fields.items()}
    released = tuple(name for part in parts for name in cast("tuple[str, ...]", part.fields.get(RELEASED, ())))
    fields |= {RELEASED: released} if released else {}
    return Part(" with ".join(part.name for part in parts), fields, "")
