"""The object: from the incident wave to the exit wave."""

from ptychograd.physics.objects.base import AbstractObject
from ptychograd.physics.objects.magnitude import AbstractMagnitude, AnyMagnitude, BoundedMagnitude, UnitMagnitude
from ptychograd.physics.objects.multislice import MultisliceObject
from ptychograd.physics.objects.states import MixedObject
from ptychograd.physics.objects.thin import AbstractThinObject, SupportedObject, ThinObject

__all__ = [
    "AbstractMagnitude",
    "AbstractObject",
    "AbstractThinObject",
    "AnyMagnitude",
    "BoundedMagnitude",
    "MixedObject",
    "MultisliceObject",
    "SupportedObject",
    "ThinObject",
    "UnitMagnitude",
]
