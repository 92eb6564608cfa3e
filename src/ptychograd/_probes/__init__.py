"""The probe: the wave that falls on the object."""

from ptychograd._probes.aberrated import AberratedProbe
from ptychograd._probes.base import AbstractProbe, Probe
from ptychograd._probes.modes import orthogonal_modes
from ptychograd._probes.varying import VaryingProbe
from ptychograd._probes.zernike import zernike

__all__ = ["AberratedProbe", "AbstractProbe", "Probe", "VaryingProbe", "orthogonal_modes", "zernike"]
