"""Where a command computes: devices of this computer, several processes, and how much memory patterns may take."""

import contextlib
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ptychograd.cli.engine import configure, require_devices
from ptychograd.cli.hosts import join
from ptychograd.core.errors import InputError
from ptychograd.core.memory import available_memory
from ptychograd.runs.plan.sections.other import MachineSection
from ptychograd.runs.processes import ProcessRank, least, together
from ptychograd.runs.setting_names import MACHINE

if TYPE_CHECKING:
    from ptychograd.data.dataset import StreamFromFile
    from ptychograd.fitting.epoch import Device

SHARE_OF_MEMORY = 0.4  # that patterns may take, of what is free: some have to be converted, and are then held twice
LEAST, MOST = 2**14, 2**28  # bytes of a block of patterns from a file
DETERMINISTIC = "--xla_gpu_deterministic_ops=true"


def start(machine: MachineSection) -> None:
    """Set the process up: precision, cores as devices, and the link to the other processes, if there are any."""
    import jax

    place = ProcessRank.of(machine.coordinator, machine.processes, machine.rank)
    _tell_jax(machine)
    asked = machine.devices if machine.devices != "all" else _cores()
    cores = 1 if place else min(asked, max(_cores(), os.cpu_count() or 1))  # no more than there are
    with contextlib.suppress(RuntimeError):  # where JAX is at work already, as in a notebook, cores stay as they are
        jax.config.update("jax_num_cpu_devices", cores)
    configure(machine.precision)
    if place:
        join(place)
    require_devices()


def devices(machine: MachineSection) -> "list[Device]":
    """The devices that share every batch."""
    import jax

    found = jax.devices()
    if jax.process_count() > 1:
        return found
    if machine.devices == "all":
        return found[: _cores()] if found[0].platform == "cpu" else found
    if machine.devices > len(found):
        raise InputError(
            f"`machine.devices` {machine.devices}: there are {len(found)} ({found[0].device_kind}); give 1 to "
            f"{len(found)}, or all."
        )
    return found[: machine.devices]


def writes() -> bool:
    """Whether this is the process that writes and speaks."""
    import jax

    return jax.process_index() == 0


def in_file(machine: MachineSection, grows: bool = False) -> "StreamFromFile":
    """When patterns stay in their file."""
    import jax

    from ptychograd.data.dataset import StreamFromFile

    free = available_memory()
    limit = int(machine.memory) if machine.memory else int(SHARE_OF_MEMORY * (2**40 if free is None else free))
    block = min(MOST, max(LEAST, limit // 4))
    return StreamFromFile(limit, block, jax.process_index(), jax.process_count(), together, grows)


def chosen(machine: MachineSection, given: MachineSection) -> MachineSection:
    """The same with devices and memory in numbers, which say how patterns are dealt out, alike in all processes."""
    import jax

    if machine.devices != "all" and given.devices == "all" and machine.devices > len(jax.devices()):
        machine = machine.replaced(devices="all")  # there are fewer than there were
    limit = in_file(machine).limit // (1 if machine.memory else jax.process_count())
    return machine.replaced(devices=len(devices(machine)), memory=float(least(limit)))


def as_before(machine: MachineSection, settings: Mapping) -> MachineSection:
    """The same with what is not given as it was for an earlier part of a run, of which these are the settings."""
    before = settings.get(MACHINE, {})
    held = float(2**62) if before else None  # what was in memory is again, however little there is
    known = before.get("devices") if machine.devices == "all" else None
    memory = machine.memory or before.get("memory") or held
    return machine.replaced(devices=known or machine.devices, memory=memory)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _tell_jax(machine: MachineSection) -> None:
    """What JAX and XLA read from the environment when they begin."""
    if machine.gpu_memory is not None:
        os.environ["XLA_PYTHON_CLIENT_MEM_FRACTION"] = f"{machine.gpu_memory:g}"
    if machine.deterministic and DETERMINISTIC not in os.environ.get("XLA_FLAGS", ""):
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {DETERMINISTIC}".strip()
