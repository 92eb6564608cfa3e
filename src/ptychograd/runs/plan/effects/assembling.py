"""All that a plan asks for beside the ideal, put into a model."""

from collections.abc import Callable, Sequence

from ptychograd.data.dataset import Dataset
from ptychograd.physics.model import AbstractModel
from ptychograd.runs.plan.effects.detector import on_finer_grid, with_detector
from ptychograd.runs.plan.effects.positions import with_positions
from ptychograd.runs.plan.effects.wave import with_wave
from ptychograd.runs.plan.sections.model import ModelSection


def assembled(
    model: AbstractModel,
    data: Dataset,
    asked: ModelSection,
    refine: Sequence[str],
    begun: Callable[[AbstractModel], AbstractModel],
) -> AbstractModel:
    """The model with all parts that are asked for, and those that have the parameters to `refine`.

    `begun` gives it another start where its pixels and its positions are known.
    """
    model = begun(with_positions(on_finer_grid(model, asked.detector), asked.positions, refine))
    return with_detector(with_wave(model, asked, refine), asked.detector, refine, data)
