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
    stack,
    traced,
    unstack,
)
from ptychograd._epoch.feed import Asked, Feed, Resident
from ptychograd._epoch.misfit import Misfit, misfits
from ptychograd._epoch.placing import AXES, Device, at_home, everywhere, grid
from ptychograd._epoch.shapes import (
    Footprint,
    arguments_of_an_epoch,
    bytes_of,
    chunk,
    footprint,
    footprint_of_an_epoch,
    footprint_of_waves,
    patterns_at_once,
    room_on_device,
    type_on_devices,
)
from ptychograd._epoch.streamed import feed_of, stays_in_file

__all__ = [
    "AXES",
    "After",
    "Asked",
    "Device",
    "Feed",
    "Footprint",
    "Member",
    "Misfit",
    "Patterns",
    "Resident",
    "alike",
    "arguments_of_an_epoch",
    "at_home",
    "bytes_of",
    "bytes_of_an_epoch",
    "chunk",
    "device_memory",
    "everywhere",
    "feed_of",
    "footprint",
    "footprint_of_an_epoch",
    "footprint_of_waves",
    "grid",
    "misfits",
    "on_device",
    "one_epoch",
    "one_epoch_of_all",
    "patterns_at_once",
    "room_on_device",
    "stack",
    "stays_in_file",
    "traced",
    "type_on_devices",
    "unstack",
]
