"""The probe: the wave that falls on the object."""

from ptychograd.physics.probes.aberrated import AberratedProbe
from ptychograd.physics.probes.base import AbstractProbe
from ptychograd.physics.probes.modes import orthogonal_modes
from ptychograd.physics.probes.plain import Probe
from ptychograd.physics.probes.varying import VaryingProbe
from ptychograd.physics.probes.zernike import zernike

__all__ = ["AberratedProbe", "AbstractProbe", "Probe", "VaryingProbe", "orthogonal_modes", "zernike"]
