"""The result of a reconstruction, and its file, which is the checkpoint too."""

from ptychograd.fitting.result.history import History
from ptychograd.fitting.result.reading import load
from ptychograd.fitting.result.result import ROSE, NonFiniteError, Result, arrays_of, is_array_or_number
from ptychograd.fitting.result.roles import pixels_with_data, seen
from ptychograd.fitting.result.settings import load_settings, require_present_version

__all__ = [
    "ROSE",
    "History",
    "NonFiniteError",
    "Result",
    "arrays_of",
    "is_array_or_number",
    "load",
    "load_settings",
    "pixels_with_data",
    "require_present_version",
    "seen",
]
