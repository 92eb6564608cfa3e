"""Where a run computes, as its plan says: devices, how much memory patterns may take, and what the computer lacks."""

import os
from collections.abc import Mapping

import jax

from ptychograd.core.errors import InputError
from ptychograd.core.memory import available_memory
from ptychograd.data.dataset import StreamFromFile
from ptychograd.fitting.epoch import Device
from ptychograd.runs.plan.sections.other import MachineSection
from ptychograd.runs.processes import least, together
from ptychograd.runs.setting_names import MACHINE

SHARE_OF_MEMORY = 0.4  # that patterns may take, of what is free: some have to be converted, and are then held twice
DETERMINISTIC = "--xla_gpu_deterministic_ops=true"
LEAST, MOST = 2**14, 2**28  # bytes of a block of patterns from a file


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def environment(machine: MachineSection, now: Mapping[str, str]) -> dict[str, str]:
    """What JAX and XLA are to read from the environment when they begin, beside what is in it now."""
    found = {}
    if machine.gpu_memory is not None:
        found["XLA_PYTHON_CLIENT_MEM_FRACTION"] = f"{machine.gpu_memory:g}"
    if machine.deterministic and DETERMINISTIC not in now.get("XLA_FLAGS", ""):
        found["XLA_FLAGS"] = f"{now.get('XLA_FLAGS', '')} {DETERMINISTIC}".strip()
    return found


def cores_as_devices(machine: MachineSection) -> int:
    """How many devices the cores are to be: as many as are asked for, and no more than there are."""
    asked = cores() if machine.devices == "all" else machine.devices
    return min(asked, max(cores(), os.cpu_count() or 1))


def devices(machine: MachineSection) -> list[Device]:
    """The devices that share every batch."""
    found = jax.devices()
    if jax.process_count() > 1:
        return found
    if machine.devices == "all":
        return found[: cores()] if found[0].platform == "cpu" else found
    if machine.devices > len(found):
        raise InputError(
            f"`machine.devices` {machine.devices}: there are {len(found)} ({found[0].device_kind}); give 1 to "
            f"{len(found)}, or all."
        )
    return found[: machine.devices]


def in_file(machine: MachineSection, grows: bool = False) -> StreamFromFile:
    """When patterns stay in their file, which may still be written."""
    free = available_memory()
    limit = int(machine.memory) if machine.memory else int(SHARE_OF_MEMORY * (2**40 if free is None else free))
    block = min(MOST, max(LEAST, limit // 4))
    return StreamFromFile(limit, block, jax.process_index(), jax.process_count(), together, grows)


def chosen(machine: MachineSection, given: MachineSection) -> MachineSection:
    """The same with devices and memory in numbers, which say how patterns are dealt out, alike in all processes."""
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


def require_devices() -> None:
    """Raise `InputError` where there is nothing to compute on, as a GPU that was asked for and is not there."""
    try:
        jax.devices()
    except AssertionError:  # JAX knows of cuda, but nothing of it is installed
        text = _no_device("nothing is installed for what was asked")
    except RuntimeError as problem:
        text = lacking(problem) or str(problem)
    else:
        return
    raise InputError(text)


def lacking(problem: RuntimeError) -> str | None:
    """What the computer lacks that JAX was told to use, or has too little of, in a sentence; None for other errors."""
    text = " ".join(str(problem).split())
    if text.startswith(("Unable to initialize backend", "Unknown backend")):
        return _no_device(text)
    if text.startswith("RESOURCE_EXHAUSTED"):
        return f"The memory of the device is full ({text}). Take smaller batches, fewer modes or more devices."
    return None


def _no_device(text: str) -> str:
    asked = os.environ.get("JAX_PLATFORMS")
    cure = "mend it" if asked is None else f"mend it, or unset JAX_PLATFORMS, which is {asked!r}"
    return f"There is no device to compute on ({text.rstrip('.')}); {cure}."
