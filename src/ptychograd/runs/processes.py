"""Several processes that share a run: which one this is, and what they tell each other."""

import os
import re
import signal
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental.multihost_utils import process_allgather

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import Survey, added

WAITING = 120  # seconds for all processes to be there
HEARTBEAT = 20  # seconds after which a process that says nothing is taken for dead
PATIENCE = 3600  # seconds that those which are done wait for the one that writes
STARTED = (("SLURM_STEP_NUM_TASKS", "SLURM_PROCID"), ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"))


class ProcessRank(NamedTuple):
    """Where this process stands: HOST:PORT of the first one, how many there are, and which one it is."""

    coordinator: str | None
    processes: int | None
    rank: int | None

    @classmethod
    def of(cls, coordinator: str | None, processes: int | None, rank: int | None) -> "ProcessRank | None":
        """From what is given, or else from who started the process; None if it is alone."""
        known = next((pair for pair in STARTED if int(os.environ.get(pair[0]) or 1) > 1), None)
        if known is not None and processes is None and rank is None:
            number = os.environ.get(known[1])
            return cls(coordinator, int(os.environ[known[0]]), int(number) if number else None)
        names = {"coordinator": coordinator, "processes": processes, "rank": rank}
        given = [name for name, value in names.items() if value is not None]
        if not given:
            return None
        if len(given) < len(names):
            text = "several processes need `machine.coordinator`, `machine.processes` and `machine.rank`."
            raise InputError(f"{' and '.join(f'`machine.{name}`' for name in given)} alone: {text}")
        place = cls(coordinator, processes, rank)
        if not 0 <= (rank or 0) < (processes or 0):
            raise InputError(
                f"`machine.rank` {rank} of `machine.processes` {processes}: expected a rank from 0 to one less."
            )
        if not re.fullmatch(r".+:\d+", coordinator or ""):
            raise InputError(f'`machine.coordinator` "{coordinator}": expected HOST:PORT, as host1:8476.')
        return place if (processes or 0) > 1 else None


def link(place: ProcessRank) -> None:
    """Find the other processes; until they are there SIGINT and SIGTERM end this one at once, where they are heeded.

    Raises:
        InputError: they can't be found, or were not within `WAITING` seconds.
    """
    known = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)}
    heeded = {name: handler for name, handler in known.items() if handler not in (signal.SIG_IGN, None)}
    for name in heeded:
        signal.signal(name, signal.SIG_DFL)
    try:
        _link(place)
    finally:
        for name, handler in heeded.items():
            signal.signal(name, handler)


def _link(place: ProcessRank) -> None:
    both = (place.processes, place.rank) if place.coordinator else (None, None)
    try:
        jax.distributed.initialize(
            place.coordinator,
            *both,
            initialization_timeout=WAITING,
            heartbeat_timeout_seconds=HEARTBEAT,
            shutdown_timeout_seconds=PATIENCE,
        )
    except ValueError as problem:
        raise InputError(
            f"The processes can't find each other ({str(problem).splitlines()[0]}); give the address of the first "
            "one as `machine.coordinator=HOST:PORT`."
        ) from None
    except RuntimeError as problem:
        why = str(problem).splitlines()[0]
        raise InputError(f"The processes did not find each other within {WAITING} s: {why}") from None


def gathered(array: np.ndarray) -> Any:
    """The arrays of all processes, stacked."""
    try:
        return np.asarray(process_allgather(array)).reshape(jax.process_count(), *array.shape)
    except jax.errors.JaxRuntimeError:
        raise InputError("Another process ended before the run began; its own message says why.") from None


def least(number: int) -> int:
    """The least of the numbers of bytes that all processes know."""
    if jax.process_count() == 1:
        return number
    halves = divmod(min(number, 2**62 - 1), 2**31)  # as JAX has whole numbers of 32 bits only
    return min((int(high) << 31) + int(low) for high, low in gathered(np.array(halves, np.int32)))


def together(survey: Survey) -> Survey:
    """What all processes saw of the patterns, added up, to the last bit the same in each."""
    if jax.process_count() == 1:
        return survey
    packed = survey.packed()
    sizes = gathered(np.array([packed.size], np.int32)).ravel()
    padded = np.zeros(int(sizes.max()), np.uint8)
    padded[: packed.size] = packed
    every = gathered(padded)
    return added([type(survey).unpacked(one[:size]) for one, size in zip(every, sizes, strict=True)])
