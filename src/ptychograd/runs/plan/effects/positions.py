"""Positions that are refined, put into a model."""

from collections.abc import Sequence

from ptychograd.models.effects import with_refinable_positions
from ptychograd.physics.model import AbstractModel
from ptychograd.runs.plan.held_share import refines_positions
from ptychograd.runs.plan.problems import about_field
from ptychograd.runs.plan.sections.model import PositionsSection

BEYOND = 8  # pixels that refinement may move a position beyond where it was placed


def with_positions(model: AbstractModel, asked: PositionsSection, refine: Sequence[str]) -> AbstractModel:
    """The model whose positions can be corrected, if a correction is to be refined."""
    if not refines_positions(refine):
        return model
    reach = asked.reach if asked.placed_within is None else max(asked.reach, asked.placed_within + BEYOND)
    with about_field("model.positions.reach" if asked.placed_within is None else "model.positions.placed_within"):
        return with_refinable_positions(model, reach)
