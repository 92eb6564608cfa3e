"""What a command sets in the process before it computes, and before JAX reads the environment; no library does."""

import contextlib
import os
import sys
import traceback
import warnings
from typing import TYPE_CHECKING

from ptychograd.cli.console import errors, note, output, process
from ptychograd.runs.signals import ending

if TYPE_CHECKING:
    from ptychograd.runs.plan.sections.other import MachineSection
    from ptychograd.runs.processes import ProcessRank


def prepare(precision: str = "single") -> None:
    """Set up a process that computes alone."""
    from ptychograd.runs.machine import require_devices

    _configure(precision)
    require_devices()


def start(machine: "MachineSection") -> None:
    """Set up a process as a plan says: precision, cores as devices, and the link to other processes, if any."""
    import jax

    from ptychograd.runs.machine import cores_as_devices, environment, require_devices
    from ptychograd.runs.processes import ProcessRank

    rank = ProcessRank.of(machine.coordinator, machine.processes, machine.rank)
    os.environ.update(environment(machine, os.environ))
    with contextlib.suppress(RuntimeError):  # where JAX is at work already, as in a notebook, cores stay as they are
        jax.config.update("jax_num_cpu_devices", 1 if rank else cores_as_devices(machine))
    _configure(machine.precision)
    if rank:
        _join(rank)
    require_devices()


def _configure(precision: str) -> None:
    """Choose the precision, keep compiled programs between runs, and heed the signals that end a job."""
    import jax

    from ptychograd.core.memory import give_back_large_arrays

    give_back_large_arrays()
    jax.config.update("jax_enable_x64", precision == "double")
    jax.config.update("jax_transfer_guard", "allow")  # a command sends what it needs, whatever the environment says
    keep_programs()
    ending.heed()


def keep_programs() -> None:
    """Let JAX keep compiled programs in the user's cache, if there can be one."""
    import jax

    from ptychograd.core.programs import Healing, program_folder

    folder = program_folder(note)
    if folder is None:
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    warnings.filterwarnings("always", "Error (reading|writing) persistent compilation cache", UserWarning)
    shown = warnings.showwarning
    warnings.showwarning = Healing(folder, shown.plain if isinstance(shown, Healing) else shown, note)


def _join(rank: "ProcessRank") -> None:
    """Link up with the others; from here on an error of one ends all of them, and only the first one speaks."""
    import jax

    from ptychograd.runs.processes import WAITING, link

    # JAX would take over SIGTERM, by which batch systems end a job; it is to end the run as Ctrl-C does.
    jax.config.update("jax_enable_preemption_service", False)
    note(f"waiting for the other processes, {WAITING} s at most")
    link(rank)
    sys.excepthook = _at_once
    process.prefix = f"ptychograd (process {jax.process_index()}): "
    output.quiet = errors.quiet = jax.process_index() > 0
    note(f"{jax.process_count()} processes, {len(jax.devices())} devices")


def _at_once(kind, problem, trace) -> None:
    """Show an error that nobody expected, and leave, so that the other processes notice."""
    traceback.print_exception(kind, problem, trace)
    sys.stderr.flush()
    os._exit(1)
