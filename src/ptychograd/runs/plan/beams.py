"""From a plan to the start probe that it names."""

from typing import TYPE_CHECKING

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.models.starts import (
    ProbeStart,
    aperture,
    electron_probe,
    focal_spot,
    known_lengths,
    pair,
    pinhole,
    propagated,
    zone_plate,
)
from ptychograd.runs.plan.sections.model import BEAMS
from ptychograd.runs.plan.waves import Beam, given_wave

if TYPE_CHECKING:
    from ptychograd.runs.plan.sections.lenses import ZonePlateSection
    from ptychograd.runs.plan.sections.model import StartSection


def beam_of(start: "StartSection") -> Beam | None:
    """What makes the start probe, if one is named: an opening, a lens or a wave; raises `InputError` if several are."""
    if len(start.beams) > 1:
        named = [f"`model.start.{name}`" for name in BEAMS]
        raise InputError(f"Give one of {', '.join(named[:-1])} and {named[-1]}, not several.")
    away = start.defocus
    if start.probe is not None:
        return _carried(given_wave(start.probe), away)
    if start.focal_spot is not None:
        return focal_spot(start.focal_spot, away)
    if start.zone_plate is not None:
        return _zone_plate(start.zone_plate, away)
    if start.aperture is not None:
        return aperture(start.aperture, one_defocus(start))
    if start.pinhole is not None:
        return pinhole(start.pinhole, one_defocus(start))
    if start.electron_probe is not None:
        lens = start.electron_probe
        return electron_probe(lens.semi_angle, lens.aberrations, one_defocus(start))
    return None


def _carried(wave: Beam, defocus: float | tuple[float, float]) -> Beam:
    """A given wave, or each of its modes, behind the plane in which it is given."""
    if not any(pair(defocus)):
        return wave

    def start(data, sampling):
        lengths, wavelength = known_lengths(data, sampling)
        found = wave(data, sampling) if callable(wave) else wave
        modes = [propagated(mode, lengths, wavelength, defocus) for mode in np.atleast_3d(found.T).T.astype(complex)]
        return np.stack(modes)

    return start


def one_defocus(start: "StartSection") -> float:
    """The defocus; raises `InputError` where two are given for what has one."""
    if isinstance(start.defocus, tuple):
        raise InputError(
            "Two of `model.start.defocus` are for a focal_spot, a zone_plate, or a pupil of the mean pattern; give "
            "one, and C12 for the astigmatism of an electron_probe."
        )
    return start.defocus


def _zone_plate(lens: "ZonePlateSection", defocus: float | tuple[float, float]) -> ProbeStart:
    if lens.diameter is None or lens.outermost_width is None:
        missing = "diameter" if lens.diameter is None else "outermost_width"
        raise InputError(
            f'`model.start.zone_plate.{missing}` is missing; a zone plate needs both, as {{diameter = "150 um", '
            'outermost_width = "60 nm"}.'
        )
    return zone_plate(
        lens.diameter,
        lens.outermost_width,
        lens.central_stop,
        defocus,
        order_sorting_aperture=lens.order_sorting_aperture,
        order_sorting_distance=lens.order_sorting_distance,
    )
