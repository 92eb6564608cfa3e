"""The result of a reconstruction, and its file, which is the checkpoint too."""

from ptychograd._result.history import History
from ptychograd._result.result import OBJECTS, NonFiniteError, Result, is_kept, load
from ptychograd._result.settings import load_settings

__all__ = ["OBJECTS", "History", "NonFiniteError", "Result", "is_kept", "load", "load_settings"]
