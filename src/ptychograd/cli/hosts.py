"""Several processes that share a run: how they find each other, and how they end."""

import os
import signal
import sys
import traceback

from ptychograd.cli.console import errors, note, output, process
from ptychograd.runs.processes import WAITING, ProcessRank, link


def join(place: ProcessRank) -> None:
    """Link up with the others; from here on an error of one ends all of them, and only the first one speaks."""
    import jax

    # JAX would take over SIGTERM, by which batch systems end a job; it is to end the run as Ctrl-C does.
    jax.config.update("jax_enable_preemption_service", False)
    note(f"waiting for the other processes, {WAITING} s at most")
    known = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)}
    heeded = {name: handler for name, handler in known.items() if handler not in (signal.SIG_IGN, None)}
    for name in heeded:
        signal.signal(name, signal.SIG_DFL)
    try:
        link(place)
    finally:
        for name, handler in heeded.items():
            signal.signal(name, handler)
    sys.excepthook = _at_once
    process.prefix = f"ptychograd (process {jax.process_index()}): "
    output.quiet = errors.quiet = jax.process_index() > 0
    note(f"{jax.process_count()} processes, {len(jax.devices())} devices")


def _at_once(kind, problem, trace) -> None:
    """Show an error that nobody expected, and leave, so that the other processes notice."""
    traceback.print_exception(kind, problem, trace)
    sys.stderr.flush()
    os._exit(1)
