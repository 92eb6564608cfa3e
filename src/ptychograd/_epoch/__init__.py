"""Epochs as compiled programs, and what feeds them with patterns."""

from ptychograd._epoch.compiled import (
    After,
    Member,
    Patterns,
    alike,
    bytes_of_an_epoch,
    device_memory,
    on_device,
    one_epoch,
    one_epoch_of_all,
    patterns_at_once,
    stack,
    traced,
    unstack,
)
from ptychograd._epoch.feed import Asked, Feed, Resident
from ptychograd._epoch.placing import AXES, Device, at_home, everywhere, grid
from ptychograd._epoch.streamed import feed_of

__all__ = [
    "AXES",
    "After",
    "Asked",
    "Device",
    "Feed",
    "Member",
    "Patterns",
    "Resident",
    "alike",
    "at_home",
    "bytes_of_an_epoch",
    "device_memory",
    "everywhere",
    "feed_of",
    "grid",
    "on_device",
    "one_epoch",
    "one_epoch_of_all",
    "patterns_at_once",
    "stack",
    "traced",
    "unstack",
]
