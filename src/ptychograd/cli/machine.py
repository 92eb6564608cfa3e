"""Where a command computes: devices of this computer, several processes, and how much memory patterns may take."""

import contextlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from ptychograd.cli.engine import configure, require_devices
from ptychograd.cli.headings import COMPUTER
from ptychograd.cli.hosts import ProcessRank, least, together
from ptychograd.cli.options import OptionalWhole, whole
from ptychograd.core.errors import InputError
from ptychograd.core.memory import UNITS, available_memory

if TYPE_CHECKING:
    from ptychograd.data.dataset import StreamFromFile
    from ptychograd.fitting.epoch import Device

SHARE_OF_MEMORY = 0.4  # that patterns may take, of what is free: some have to be converted, and are then held twice
LEAST, MOST = 2**14, 2**28  # bytes of a block of patterns from a file
MACHINE = "machine"  # settings: devices and memory of a run


Devices = Annotated[
    int | Literal["all"],
    Parameter(converter=lambda _, tokens: "all" if tokens[0].value == "all" else whole(tokens[0].value)),
]


@Parameter(name="*")
@dataclass(frozen=True)
class Machine:
    """Where to compute.

    Attributes:
        devices: How many devices share every batch: cores of a CPU, or accelerators. By default all.
        memory: The most that patterns may take, as 4GB; more stay in their file and are read block by block. By
            default 40 % of what is free.
        coordinator: Of several processes: HOST:PORT of the first one, which all can reach. Under Slurm's srun and
            Open MPI's mpirun --coordinator, --processes and --rank are known and need not be given.
        processes: Of several processes: how many there are.
        rank: Of several processes: the number of this one; number 0 writes the result.
    """

    devices: Annotated[Devices, COMPUTER] = "all"
    memory: Annotated[str | None, COMPUTER] = None
    coordinator: Annotated[str | None, COMPUTER] = None
    processes: Annotated[OptionalWhole, COMPUTER] = None
    rank: Annotated[OptionalWhole, COMPUTER] = None


def start(machine: Machine, precision: str) -> None:
    """Set the process up: precision, cores as devices, and the link to the other processes, if there are any."""
    import jax

    place = ProcessRank.of(machine.coordinator, machine.processes, machine.rank)
    if machine.devices != "all" and machine.devices < 1:
        raise InputError(f"--devices {machine.devices}: expected 1 or more, or all.")
    cores = 1 if place else machine.devices if machine.devices != "all" else _cores()
    with contextlib.suppress(RuntimeError):  # where JAX is at work already, as in a notebook, cores stay as they are
        jax.config.update("jax_num_cpu_devices", cores)
    configure(precision)
    if place:
        place.join()
    require_devices()


def devices(machine: Machine) -> "list[Device]":
    """The devices that share every batch."""
    import jax

    found = jax.devices()
    if jax.process_count() > 1:
        return found
    if machine.devices == "all":
        return found[: _cores()] if found[0].platform == "cpu" else found
    if machine.devices > len(found):
        raise InputError(f"--devices {machine.devices}: there are {len(found)} ({found[0].device_kind}).")
    return found[: machine.devices]


def writes() -> bool:
    """Whether this is the process that writes and speaks."""
    import jax

    return jax.process_index() == 0


def in_file(machine: Machine, grows: bool = False) -> "StreamFromFile":
    """When patterns stay in their file."""
    import jax

    from ptychograd.data.dataset import StreamFromFile

    free = available_memory()
    limit = _bytes(machine.memory) if machine.memory else int(SHARE_OF_MEMORY * (2**40 if free is None else free))
    block = min(MOST, max(LEAST, limit // 4))
    return StreamFromFile(limit, block, jax.process_index(), jax.process_count(), together, grows)


def chosen(machine: Machine, given: Machine) -> Machine:
    """The same with devices and memory in numbers, which say how patterns are dealt out, alike in all processes."""
    import jax

    if machine.devices != "all" and given.devices == "all" and machine.devices > len(jax.devices()):
        machine = replace(machine, devices="all")  # there are fewer than there were
    limit = in_file(machine).limit // (1 if machine.memory else jax.process_count())
    return replace(machine, devices=len(devices(machine)), memory=f"{least(limit)}B")


def as_before(machine: Machine, settings: Mapping) -> Machine:
    """The same with what is not given as it was for an earlier part of a run, of which these are the settings."""
    before = settings.get(MACHINE, {})
    held = f"{2**62}B" if before else None  # what was in memory is again, however little there is
    known = before.get("devices") if machine.devices == "all" else None
    memory = machine.memory or before.get("memory") or held
    return replace(machine, devices=known or machine.devices, memory=memory)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _bytes(text: str) -> int:
    """A size as 4GB or 500 MiB."""
    found = re.fullmatch(r"\s*([\d.]+)\s*([A-Za-z]+)\s*", text)
    if found is None or found[2].upper() not in UNITS or found[1].count(".") > 1:
        raise InputError(f'--memory "{text}" can\'t be read; expected a size such as 4GB or 500MB.')
    return int(float(found[1]) * UNITS[found[2].upper()])
