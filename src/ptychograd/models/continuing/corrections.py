"""Positions that continue those of an earlier result: what was found beside the nominal ones."""

from typing import TypeVar

import equinox as eqx
import numpy as np
from jaxtyping import Float

from ptychograd.data.geometry import format_length
from ptychograd.models.continuing.earlier import EarlierResult
from ptychograd.physics.bragg import BraggPtychography
from ptychograd.physics.ptychography import Ptychography
from ptychograd.physics.roles import CORRECTING, Positions
from ptychograd.physics.scan import WHOLE_PIXEL_TOLERANCE, AbstractScan

Model = TypeVar("Model", Ptychography, BraggPtychography)


def corrections_wanted(
    positions: Float[np.ndarray, "place 2"], pixel: Float[np.ndarray, "2"], earlier: EarlierResult
) -> tuple[Float[np.ndarray, "place 2"] | None, str]:
    """Corrections of the earlier positions in metres, if these are positions of the new data too; else why not.

    Args:
        positions: of the new data, in metres or in pixels, one for each window.
        pixel: of the new object, in that unit.
    """
    added = earlier.places.corrections
    if added is None or not np.any(np.asarray(added)):
        return None, ""
    before = earlier.each_position
    if len(before) != len(positions):
        return None, (
            f"positions: corrections left out, as there were {len(before):,} positions and now there are "
            f"{len(positions):,}"
        )
    away = np.abs(positions - before) / pixel
    if away.max() > WHOLE_PIXEL_TOLERANCE:
        return None, (
            f"positions: corrections left out, as {np.count_nonzero(away.max(axis=1) > WHOLE_PIXEL_TOLERANCE):,} of "
            f"{len(positions):,} positions differ from the earlier ones, by up to {away.max():.3g} pixels"
        )
    return np.asarray(added, np.float64) * np.array((earlier.image.sampling or (1.0, 1.0))[-2:]), ""


def corrected(
    model: Model,
    wanted: Float[np.ndarray, "place 2"],
    pixel: Float[np.ndarray, "2"],
    earlier: EarlierResult,
) -> tuple[Model, str]:
    """The model, whose positions can be refined, with corrections in metres, and what was done."""
    scan = model.scan.with_corrections(**_parameters(model.scan, wanted, pixel, earlier))
    changed, reach = eqx.tree_at(lambda model: model.scan, model, scan), int(scan.places().margin)
    largest, beyond = np.abs(wanted).max(), np.abs(wanted / pixel) > reach
    size = f"{largest:.3g} pixels" if earlier.image.sampling is None else format_length(float(largest))
    text = f"positions: corrected as before, by up to {size} along an axis"
    if beyond.any():
        text += f"; {np.count_nonzero(beyond.any(axis=1)):,} are beyond the reach of {reach} pixels"
    return changed, text


def _parameters(
    scan: AbstractScan, wanted: Float[np.ndarray, "place 2"], pixel: Float[np.ndarray, "2"], earlier: EarlierResult
) -> dict[str, Float[np.ndarray, "..."]]:
    """The parameters of the scan that make the corrections: those of before where there are such, else offsets."""
    places: Positions = earlier.places
    given = {name: getattr(places, name) for name in CORRECTING}
    scale = np.array((earlier.image.sampling or (1.0, 1.0))[-2:]) / pixel
    there = scan.places().drift
    if any(value is None for value in given.values()) or there is None or np.shape(given["drift"]) != np.shape(there):
        return {"offset": wanted / pixel}
    offset, affine, drift = (np.asarray(given[name], np.float64) for name in CORRECTING)
    found = {"offset": offset * scale, "affine": affine * scale[:, None] / scale, "drift": drift * scale}
    asked = scan.with_corrections(**found).everything()
    return found if np.allclose(np.asarray(asked), wanted / pixel, atol=1e-3) else {"offset": wanted / pixel}


def reach_needed(wanted: Float[np.ndarray, "place 2"], pixel: Float[np.ndarray, "2"]) -> int:
    """Whole pixels of margin that hold the corrections."""
    return max(1, int(np.ceil(np.abs(wanted / pixel).max())))
