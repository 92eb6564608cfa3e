"""How much memory a reconstruction will take, told from shapes before anything is compiled."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from ptychograd._dataset import Dataset, StoredPatterns
from ptychograd._epoch import (
    Asked,
    Footprint,
    arguments_of_an_epoch,
    bytes_of,
    footprint_of_an_epoch,
    room_on_device,
    stays_in_file,
)
from ptychograd._errors import InputError
from ptychograd._memory import available_memory, is_aligned, used_memory
from ptychograd._reconstruct import Standing, Task, Work, prepared

COMPILER, AN_EQUATION = 60_000_000, 60_000  # bytes of the first compilation, and of each operation in a program
BLOCKS = 3  # of patterns in their file: one worked on, one ready, and one that is being read or on its way
PATTERNS, PROGRAM = "patterns", "program"


class Part(NamedTuple):
    """What takes so many bytes, on an accelerator or beside the program itself."""

    name: str
    bytes: int
    on_device: bool = False


class MemoryPlan(NamedTuple):
    """What a reconstruction takes, part by part, and what there is for it.

    Attributes:
        taken: bytes of the parts beside the program that it holds already.
        free: bytes that it may still have; None if the system does not say.
        device_free: the same of an accelerator; None if there is none.
    """

    parts: tuple[Part, ...]
    taken: int
    free: int | None
    device_free: int | None = None

    @property
    def total(self) -> int:
        """Bytes of all parts beside the program."""
        return sum(part.bytes for part in self.parts if not part.on_device)

    @property
    def on_device(self) -> int:
        """Bytes of all parts on an accelerator; 0 if there is none."""
        return sum(part.bytes for part in self.parts if part.on_device)

    def __getitem__(self, name: str | int) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Bytes of a part by its name."""
        return sum(part.bytes for part in self.parts if part.name == name)

    @property
    def words(self) -> str:
        """One short line."""
        text = f"memory: about {size(self.total)}, of which {PATTERNS} {size(self[PATTERNS])}"
        text += "" if self.free is None else f"; {size(self.free)} free"
        if self.on_device:
            text += f"; on the device {size(self.on_device)}"
            text += "" if self.device_free is None else f" of {size(self.device_free)}"
        return text

    def check(self) -> None:
        """Raise `InputError` for what can't fit, with the numbers and what to change."""
        places = (
            (False, self.total, self.taken, self.free, "GB are taken already and {} are free"),
            (True, self.on_device, 0, self.device_free, "{} are free on the device"),
        )
        for on_device, total, taken, free, _ in places:
            if free is None or total - taken <= free:
                continue
            largest = sorted((part for part in self.parts if part.on_device == on_device), key=lambda part: -part.bytes)
            what = ", ".join(f"{part.name} {size(part.bytes)}" for part in largest[:3])
            there = f"{size(free)} are free" + (" on the device" if on_device else "")
            there += f" beside the {size(taken)} that it has by now" if taken > 0.05 * total else ""
            raise InputError(f"This needs about {size(total)} ({what}, ...), and {there}; give {_ways_out(largest)}.")


def memory_plan(tasks: Sequence[Task]) -> MemoryPlan:
    """What the stages of a run take together: of each part the most that it takes in any of them.

    Sizes are those of the arrays with which a stage begins, and of those that its program makes (see `footprint`).
    """
    plans = [_of_stage(task, after_another=number > 0) for number, task in enumerate(tasks)]
    names = [part.name for part in plans[0]]
    used = used_memory()
    compiling = COMPILER + AN_EQUATION * sum(part.bytes for parts in plans for part in parts if part.name == "compiling")
    most = {name: max((part for parts in plans for part in parts if part.name == name), key=_bytes) for name in names}
    most["compiling"] = Part("compiling", compiling)
    held = _held(tasks[0])
    parts = (Part(PROGRAM, max(0, used - held)), *most.values())
    return MemoryPlan(parts, used, available_memory(), room_on_device())


def size(number: float) -> str:
    """Bytes as a person reads them."""
    for unit, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if number >= 0.995 * unit:
            return f"{number / unit:.2g} {name}" if number < 99.5 * unit else f"{number / unit:.0f} {name}"
    return f"{number / 1e3:.0f} kB"


def _of_stage(task: Task, after_another: bool) -> list[Part]:
    """The parts of one stage but the program; of compiling the number of operations."""
    work, standing = prepared(task)
    member = standing.member
    found = footprint_of_an_epoch(member, task.data, work.asked)
    there = jax.default_backend() != "cpu"
    each = 1 if there or work.asked.mesh is None else work.asked.mesh.size  # devices whose memory is the program's
    parameters, state = bytes_of(member.variables), bytes_of(member.state)
    kept = parameters + state if after_another else 0
    sums, waves = _sums_and_waves(found, standing, work)
    return [
        *_patterns(task.data, work.asked, there),
        Part("start", bytes_of(task.model) + bytes_of(member.objective) + kept),
        Part("parameters", 2 * each * parameters, there),
        Part("solver state", 2 * each * state, there),
        Part("sums of a minibatch", each * sums, there),
        Part("working set of a minibatch", each * waves, there),
        Part("Fourier transforms", each * found.transform, there),
        Part("compiling", found.equations),
    ]
