"""The process of a command that computes as a plan says: precision, cores as devices, and other processes."""

import contextlib
import os

from ptychograd.cli.engine import configure
from ptychograd.cli.hosts import join
from ptychograd.runs.machine import cores, require_devices
from ptychograd.runs.plan.sections.other import MachineSection
from ptychograd.runs.processes import ProcessRank

DETERMINISTIC = "--xla_gpu_deterministic_ops=true"


def start(machine: MachineSection) -> None:
    """Set the process up: precision, cores as devices, and the link to the other processes, if there are any."""
    import jax

    place = ProcessRank.of(machine.coordinator, machine.processes, machine.rank)
    _tell_jax(machine)
    asked = machine.devices if machine.devices != "all" else cores()
    devices = 1 if place else min(asked, max(cores(), os.cpu_count() or 1))  # no more than there are
    with contextlib.suppress(RuntimeError):  # where JAX is at work already, as in a notebook, cores stay as they are
        jax.config.update("jax_num_cpu_devices", devices)
    configure(machine.precision)
    if place:
        join(place)
    require_devices()


def _tell_jax(machine: MachineSection) -> None:
    """What JAX and XLA read from the environment when they begin."""
    if machine.gpu_memory is not None:
        os.environ["XLA_PYTHON_CLIENT_MEM_FRACTION"] = f"{machine.gpu_memory:g}"
    if machine.deterministic and DETERMINISTIC not in os.environ.get("XLA_FLAGS", ""):
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {DETERMINISTIC}".strip()
