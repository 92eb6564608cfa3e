"""Reconstructing: what is asked for, and the loop over epochs."""

from ptychograd.fitting.reconstruction.callback import AbstractCallback
from ptychograd.fitting.reconstruction.loop import (
    CUT_SHORT,
    DONE,
    INTERRUPTED,
    LOST,
    NOT_FINITE,
    Progress,
    bytes_needed,
    reconstruct,
    require_whole,
)
from ptychograd.fitting.reconstruction.task import Task, prepared
from ptychograd.fitting.reconstruction.together import can_go_together, reconstruct_together

__all__ = [
    "CUT_SHORT",
    "DONE",
    "INTERRUPTED",
    "LOST",
    "NOT_FINITE",
    "AbstractCallback",
    "Progress",
    "Task",
    "bytes_needed",
    "can_go_together",
    "prepared",
    "reconstruct",
    "reconstruct_together",
    "require_whole",
]
