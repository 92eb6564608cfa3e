"""How much memory a reconstruction will take, told from shapes before anything is compiled."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.core.memory import available_memory, is_aligned, used_memory
from ptychograd.data.dataset import Dataset
from ptychograd.fitting.epoch import (
    Asked,
    arguments_of_an_epoch,
    bytes_of,
    footprint_of_an_epoch,
    footprint_of_waves,
    room_on_device,
    stays_in_file,
)
from ptychograd.fitting.reconstruction import Task, prepared

COMPILER, AN_OPERATION = 60_000_000, 60_000  # bytes of the first compilation, and of each operation in a program
BLOCKS = 4  # of patterns in their file that are held at a time (measured): one is worked on, one is read
READER = 50_000_000  # bytes of a thread that reads and unpacks, beside its blocks (measured)
PROGRAM, PATTERNS, START, PARAMETERS, STATE = "program", "patterns", "start", "parameters", "solver state"
SUMS, WAVES, TRANSFORMS = "sums of a minibatch", "working set", "Fourier transforms"
COMPILING = "compiling"
SHOWN = 3  # parts in a sentence


class MemoryShare(NamedTuple):
    """What a reconstruction takes of one memory, part by part.

    Attributes:
        parts: bytes, by name.
        free: bytes that may still be had; None if the system does not say.
        taken: bytes of the parts that are there already.
    """

    parts: dict[str, int]
    free: int | None
    taken: int = 0

    @property
    def total(self) -> int:
        """Bytes of all parts."""
        return sum(self.parts.values())

    @property
    def fits(self) -> bool:
        """Whether what is not there yet can be had."""
        return self.free is None or self.total - self.taken <= self.free


class MemoryPlan(NamedTuple):
    """What a reconstruction takes of the computer's memory, and of each accelerator's if there are any.

    `ways` are what would make one smaller that does not fit, in the words of the command line.
    """

    host: MemoryShare
    device: MemoryShare | None
    ways: tuple[str, ...]

    @property
    def summary(self) -> str:
        """One short line."""
        text = f"memory: about {size(self.host.total)}, of which patterns {size(self.host.parts[PATTERNS])}"
        text += "" if self.host.free is None else f"; {size(self.host.free)} free"
        if self.device is not None:
            text += f"; on each device about {size(self.device.total)}"
            text += "" if self.device.free is None else f"; {size(self.device.free)} free"
        return text

    def check(self) -> None:
        """Raise `InputError` for what can't fit, with the numbers and what to change."""
        for place, where in ((self.host, ""), (self.device, " on the device")):
            if place is None or place.fits or place.free is None:
                continue
            largest = sorted(place.parts.items(), key=lambda part: -part[1])
            parts = ", ".join(f"{name} {size(number)}" for name, number in largest[:SHOWN])
            there = f", {size(place.taken)} of them are taken by now" if place.taken else ""
            raise InputError(
                f"The reconstruction needs about {size(place.total)} of memory{where} ({parts}, ...){there}, and "
                f"{size(place.free)} are free; give {' or '.join(self.ways)}."
            )


def memory_plan(tasks: Sequence[Task]) -> MemoryPlan:
    """What the stages of a run take: of each part the most that it takes in any of them.

    Sizes are those of the arrays with which a stage begins, and of those that its program makes (see `footprint`).
    """
    on_device = jax.default_backend() != "cpu"
    kinds = {(task.trainable, repr(task.noise), type(task.solver), task.batch_size): task for task in tasks}
    unlike = kinds.values()  # each compiled once
    stages = [_parts_of(task, len(tasks) > 1, on_device) for task in unlike]
    most = {name: max(stage[name] for stage in stages) for name in stages[0]}
    most[COMPILING] = COMPILER + AN_OPERATION * sum(stage[COMPILING] for stage in stages)
    data, model, used = tasks[0].data, tasks[0].model, used_memory()
    held = bytes_of((data.mask, model)) + (0 if data.is_stored else data.patterns.nbytes)
    here = {PROGRAM: max(0, used - held), PATTERNS: most.pop(PATTERNS)}
    there = {PATTERNS: most.pop("on the device")}
    for name, number in most.items():
        (there if on_device and name not in (START, COMPILING) else here)[name] = number
    host = MemoryShare(here, available_memory(), used)
    device = MemoryShare(there, room_on_device()) if on_device else None
    fits = host.fits and (device is None or device.fits)
    return MemoryPlan(host, device, () if fits else tuple(_ways(tasks[0], host)))


def size(number: int) -> str:
    """Bytes as a person reads them."""
    units = (1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")
    unit, name = next((pair for pair in units if number >= 0.995 * pair[0]), (1, "B"))
    return f"{number / unit:.1f} {name}" if unit > 1e6 and number < 9.95 * unit else f"{number / unit:.0f} {name}"


def _parts_of(task: Task, one_of_several: bool, on_device: bool) -> dict[str, int]:
    """The parts of one stage; of compiling the number of operations."""
    work, standing = prepared(task)
    member, asked = standing.member, work.asked
    found, waves = footprint_of_an_epoch(member, task.data, asked), footprint_of_waves(member, task.data, asked)
    each = 1 if on_device or asked.mesh is None else len(asked.mesh.local_devices)  # with memory from the host
    parameters, state = bytes_of(member.variables), bytes_of(member.state)
    made = max(0, found.peak - parameters - state)  # those of the end of the epoch
    result = parameters + state if one_of_several else 0  # of the stage before
    return {
        PATTERNS: _patterns_here(task.data, asked, on_device),
        "on the device": _patterns_there(task.data, asked),
        START: bytes_of(task.model) + each * bytes_of(member.objective) + result,
        PARAMETERS: 2 * each * parameters,
        STATE: 2 * each * state,
        SUMS: each * max(0, made - waves.peak),
        WAVES: each * min(made, waves.peak),
        TRANSFORMS: each * waves.transform,
        COMPILING: found.operations,
    }


def _patterns_there(data: Dataset, asked: Asked) -> int:
    """Bytes of patterns and masks on one device."""
    counts, mask = arguments_of_an_epoch(data, asked)[0]
    held = BLOCKS if stays_in_file(data, asked) else 1
    shares = 1 if asked.mesh is None else asked.mesh.devices.shape[0]
    own = mask.ndim == counts.ndim
    return held * bytes_of((counts, mask) if own else counts) // shares + (0 if own else bytes_of(mask))


def _patterns_here(data: Dataset, asked: Asked, on_device: bool) -> int:
    """Bytes of patterns and masks in the computer's memory: as they are read, and as a CPU's devices have them."""
    counts, mask = arguments_of_an_epoch(data, asked)[0]
    there = _patterns_there(data, asked)
    alike = counts.dtype == data.patterns.dtype
    if data.is_stored:
        read = math.prod(counts.shape) * data.patterns.dtype.itemsize // data.store.shares
        reader = READER if stays_in_file(data, asked) else 0
        return bytes_of(data.mask) + reader + (read if on_device else there + (0 if alike else read))
    held = data.patterns.nbytes + bytes_of(data.mask)
    if on_device:
        return held if alike else held + there
    whole = len(counts) * asked.group == data.count
    copied = 0 if alike and whole and is_aligned(np.asarray(data.patterns)) else bytes_of(counts)
    return held + copied + (bytes_of(mask) if mask.ndim == counts.ndim else 0)


def _ways(task: Task, host: MemoryShare) -> Iterator[str]:
    """What makes a run smaller, the most helpful first."""
    work, standing = prepared(task)
    asked, objective = work.asked, standing.member.objective
    if host.parts[PATTERNS] > 0.2 * host.total:
        retained = max(1, (host.free or 0) // 4 // 10**6)
        yield f"`machine.memory={retained}MB` so that patterns stay in their file"
    if asked.mesh is not None and jax.default_backend() == "cpu":
        yield "`machine.devices=1`"
    if objective.at_once > 1:
        yield "a smaller `fit.batch_size`"
    probe = getattr(getattr(task.model, "probe", None), "modes", np.zeros(1))
    if len(probe) > 1:
        yield "fewer `model.probe.modes`"
    if asked.real == np.float64:
        yield "`machine.precision=single`"
    yield "a smaller part of the scan"
