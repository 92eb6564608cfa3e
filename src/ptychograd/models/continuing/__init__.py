"""Starts that continue from an earlier result, on other pixels and over another extent."""

from ptychograd.models.continuing.earlier import EarlierResult
from ptychograd.models.continuing.foreign import continued_foreign
from ptychograd.models.continuing.start import continued

__all__ = ["EarlierResult", "continued", "continued_foreign"]
