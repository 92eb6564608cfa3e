"""What effects ask of a model before they go into it."""

from typing import TypeVar

import equinox as eqx

from ptychograd.core.errors import InputError, check_kind
from ptychograd.core.parameters import AbstractPart
from ptychograd.physics.model import AbstractModel, parts_of
from ptychograd.physics.objects import AbstractObject
from ptychograd.physics.probes import AbstractProbe
from ptychograd.physics.ptychography import Ptychography

Model = TypeVar("Model", bound=AbstractModel)
Part = TypeVar("Part", bound=AbstractPart)


def checked(model: AbstractModel, what: str) -> Ptychography:
    """The model, if it is one of a thin beam's exit wave; a crystal has no such part."""
    check_kind(model, AbstractModel, "model")
    if not isinstance(model, Ptychography):
        raise InputError(
            f"{what} can't go into {type(model).__name__}; it is for far-field and near-field ptychography."
        )
    return model


def object_of(model: AbstractModel, what: str) -> AbstractObject:
    """The object of a model that has one as a part."""
    return part_of(model, "object", AbstractObject, what)


def probe_of(model: AbstractModel, what: str) -> AbstractProbe:
    """The probe of a model that has one as a part."""
    return part_of(model, "probe", AbstractProbe, what)


def part_of(model: AbstractModel, name: str, kind: type[Part], what: str) -> Part:
    """The part of that name and kind, or a sentence on what can't go into a model without."""
    check_kind(model, AbstractModel, "model")
    part = parts_of(model).get(name)
    if not isinstance(part, kind):
        raise InputError(
            f"{what} can't go into {type(model).__name__}; it is for far-field and near-field ptychography, and models "
            f"of your own with a field `{name}`, a pg.physics.{kind.__name__} that their call goes through."
        )
    return part


def answered(found: object, kind: type[Part], part: AbstractPart, method: str) -> Part:
    """What a part made of itself; raises `InputError` where a method of one's own gives something else."""
    if not isinstance(found, kind):
        raise InputError(
            f"`{method}` of {type(part).__name__} gives {type(found).__name__}; expected an object of {kind.__name__}"
            f"{': does it lack a return?' if found is None else '.'}"
        )
    return found


def lengths(model: Ptychography, what: str) -> tuple[tuple[float, float], float]:
    """Size of an object pixel and wavelength in metres."""
    if model.sampling is None or model.wavelength is None:
        raise InputError(
            f"{what} needs lengths in metres, and this model knows pixels only; give wavelength, distance and pixel "
            "size with the data."
        )
    return model.sampling, model.wavelength


def with_part(model: Model, name: str, part: AbstractPart) -> Model:
    """The model with another part."""
    return eqx.tree_at(lambda model: getattr(model, name), model, part)


def count_of(number: int, what: str, least: int = 1) -> int:
    """The number, if it is large enough."""
    if not (number >= least and number == int(number)):
        raise InputError(f"{number} {what}; expected {least} or more.")
    return number
