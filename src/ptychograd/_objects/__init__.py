"""The object: from the incident wave to the exit wave."""

from ptychograd._objects.base import AbstractObject
from ptychograd._objects.magnitude import AbstractMagnitude, AnyMagnitude, BoundedMagnitude, UnitMagnitude
from ptychograd._objects.multislice import MultisliceObject
from ptychograd._objects.states import MixedObject
from ptychograd._objects.thin import AbstractThinObject, EmbeddedObject, ThinObject

__all__ = [
    "AbstractMagnitude",
    "AbstractObject",
    "AbstractThinObject",
    "AnyMagnitude",
    "BoundedMagnitude",
    "EmbeddedObject",
    "MixedObject",
    "MultisliceObject",
    "ThinObject",
    "UnitMagnitude",
]
