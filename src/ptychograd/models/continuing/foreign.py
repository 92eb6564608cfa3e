"""A start that continues the result of another package."""

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import Dataset, positions_of
from ptychograd.data.files.results import ForeignResult
from ptychograd.models.continuing.earlier import EarlierResult
from ptychograd.models.continuing.start import continued
from ptychograd.physics.bragg import BraggPtychography
from ptychograd.physics.model import AbstractModel
from ptychograd.physics.ptychography import Ptychography
from ptychograd.physics.roles import Illumination, Image, Positions, Roles


def continued_foreign(
    model: AbstractModel, data: Dataset, foreign: ForeignResult
) -> tuple[Ptychography | BraggPtychography, tuple[str, ...]]:
    """A start model with object and probe of another package's result, placed by positions, and what was done.

    Positions of the data are kept. Where the result knows its own up to a shift only, the middles of both scans are put
    on each other.

    Raises:
        InputError: as `continued`, or arrays that make no result.
    """
    is_thick = foreign.object.ndim == 3
    if len(foreign.corner) != len(foreign.positions) or not len(foreign.corner):
        raise InputError(f"The result of {foreign.package} has no positions that belong together.")
    shift = 0.0
    if foreign.is_relative:
        shift = positions_of(data).mean(axis=0) - foreign.positions.mean(axis=0)
    roles = Roles(
        Image(foreign.object, sampling=foreign.pixel, layers="slices" if is_thick else "", gauge=("scale", "phase")),
        Illumination(foreign.probe, sampling=foreign.pixel),
        Positions(foreign.corner),
    )
    model, notes = continued(model, data, EarlierResult(roles, np.asarray(foreign.positions + shift)))
    return model, (f"a result of {foreign.package}", *notes)
