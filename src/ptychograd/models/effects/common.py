"""What pieces ask of a model before they go into it."""

import equinox as eqx

from ptychograd.core.errors import InputError
from ptychograd.core.parameters import AbstractPart
from ptychograd.physics.model import AbstractModel
from ptychograd.physics.ptychography import Ptychography


def checked(model: AbstractModel, what: str) -> Ptychography:
    """The model, if it is one of a thin beam's exit wave; a crystal has no such part."""
    if not isinstance(model, Ptychography):
        raise InputError(
            f"{what} can't go into {type(model).__name__}; it is for far-field and near-field ptychography."
        )
    return model


def lengths(model: Ptychography, what: str) -> tuple[tuple[float, float], float]:
    """Size of an object pixel and wavelength in metres."""
    if model.sampling is None or model.wavelength is None:
        raise InputError(
            f"{what} needs lengths in metres, and this model knows pixels only; give wavelength, distance and pixel "
            "size with the data."
        )
    return model.sampling, model.wavelength


def with_part(model: Ptychography, name: str, part: AbstractPart) -> Ptychography:
    """The model with another part."""
    return eqx.tree_at(lambda model: getattr(model, name), model, part)


def count_of(number: int, what: str, least: int = 1) -> int:
    """The number, if it is large enough."""
    if not (number >= least and number == int(number)):
        raise InputError(f"{number} {what}; expected {least} or more.")
    return number
