"""What the file of some patterns states of them, done where nobody says otherwise: dark, flat field, centre.

A dark that the patterns are below, and a centre away from the light, are told and left undone.
"""

from dataclasses import replace

import numpy as np

from ptychograd.data.cleaning import spread
from ptychograd.data.dataset import Dataset
from ptychograd.data.preparation.centre import light_of
from ptychograd.data.preparation.counts import flat_fielded, is_darker, without_dark
from ptychograd.data.preparation.frame import Centre
from ptychograd.data.preparation.wanted import Preparation

LEAST = 1.0  # pixels from the middle one; a beam that is nearer stays there
CLOSE = 2.0  # pixels from the light's own middle within which a stated centre always is trusted
AMID = 0.5  # of the light's radius: within it a stated centre is trusted
AS_STATED = "as the file states"


def with_stated_dark(data: Dataset, wanted: Preparation) -> Dataset:
    """The data without the dark that their file states, if it is darker than they are."""
    dark = data.stated.dark
    data = replace(data, stated=data.stated.without("dark"))
    if dark is None or wanted.dark is not None or not wanted.stated or not np.any(dark):
        return data
    if not is_darker(data, dark):
        return _undone(data, "dark", "it is brighter than the patterns, from which it may be subtracted already")
    return _followed(without_dark(data, dark), "dark")


def with_stated_flat(data: Dataset, wanted: Preparation) -> Dataset:
    """The data divided by the flat field that their file states."""
    flat = data.stated.flat
    data = replace(data, stated=data.stated.without("flat"))
    if flat is None or wanted.flat is not None or not wanted.stated or (flat == flat.flat[0]).all():
        return data
    if not (flat > 0).any():
        return _undone(data, "flat", "no pixel of it is above 0")
    return _followed(flat_fielded(data, flat), "flat")


def with_stated_centre(data: Dataset, wanted: Preparation) -> tuple[Dataset, Preparation, str]:
    """The preparation with the centre that the file states, if that is amid the light; and how its centre is known."""
    centre = data.stated.centre
    data = replace(data, stated=data.stated.without("centre"))
    if centre is None or wanted.centre is not None or not wanted.stated or not data.is_far_field:
        return data, wanted, "as given"
    if not wanted.shift and all(abs(place - n // 2) < LEAST for place, n in zip(centre, data.frame_shape, strict=True)):
        return data, wanted, "as given"
    doubt = _doubt(data, centre)
    if doubt:
        return _undone(data, "centre", doubt), wanted, "as given"
    data = replace(data, stated=data.stated.followed("centre"))
    return data, replace(wanted, centre=centre), AS_STATED


def _doubt(data: Dataset, centre: Centre) -> str:
    """Why a centre, in pixels of the patterns, can't be that of their light; empty where it can."""
    frames, mask = data.frames(spread(max(1, data.arrived)))
    valid = np.broadcast_to(mask, frames.shape)
    mean = frames.sum(axis=0, dtype=np.float64, where=valid) / np.maximum(valid.sum(axis=0), 1)
    light = light_of(mean, np.asarray(valid.any(axis=0)))
    if light is None:
        return "the light is too even to confirm it"
    if any(not 0 <= place <= n - 1 for place, n in zip(centre, data.frame_shape, strict=True)):
        away = "is not in the frame"
    else:
        shape = np.array(data.frame_shape)
        distance = float(np.hypot(*((np.subtract(centre, light.centre) + shape / 2) % shape - shape / 2)))
        if distance <= max(CLOSE, AMID * light.radius):
            return ""
        away = f"is {distance:.1f} pixels from it"
    y, x = light.centre
    return f"the light's middle is ({y:.1f}, {x:.1f}), its radius {light.radius:.0f} pixels, and the centre {away}"


NAMES = {"dark": "dark", "flat": "flat field", "centre": "centre of the beam"}


def _undone(data: Dataset, name: str, why: str) -> Dataset:
    note = f"the {NAMES[name]} that the file states is not used: {why}; to give one, say `data.prepare.{name}`"
    return replace(data, notes=(*data.notes, note))


def _followed(data: Dataset, name: str) -> Dataset:
    """The data after a step, of which the last note tells, with why it was done."""
    *before, last = data.notes
    return replace(data, stated=data.stated.followed(name), notes=(*before, f"{last}; {AS_STATED}"))
