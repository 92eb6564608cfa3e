"""Reconstructing along with a scan that is still being written."""

import gc
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cyclopts import Parameter

from ptychograd.cli.checkpoints import Checkpoints, Every
from ptychograd.cli.console import INTERRUPTED, errors, leave
from ptychograd.cli.machine import Machine, devices, in_file
from ptychograd.cli.options import Options
from ptychograd.cli.placed import leave_unless_there
from ptychograd.cli.places import refines_positions
from ptychograd.cli.plan import make_run, read_file
from ptychograd.cli.signals import ending
from ptychograd.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptychograd.cli.placed import Placed
    from ptychograd.data.dataset import Dataset, StoredPatterns
    from ptychograd.fitting.reconstruction import Progress
    from ptychograd.fitting.result import History, Result
    from ptychograd.physics.model import AbstractModel
    from ptychograd.runs.stage import Run

FOREVER = 10**9  # epochs
POLL = 0.5  # seconds
LIVE = Every(seconds=20)  # between looks that a person may want


@Parameter(name="*")
@dataclass(frozen=True)
class Following:
    """Whether to read along with a scan that is still being written.

    Attributes:
        follow: Begin with the patterns that an HDF5 file holds while it is being written (SWMR), and take in new ones
            at every epoch; the run as asked begins when all positions have their pattern. --key arrived=PATH names what
            the writer counts patterns by, if it does.
        patience: Seconds without a new pattern after which a scan that is followed counts as ended.
    """

    follow: bool = False
    patience: float = 60.0


class Scan(NamedTuple):
    """A file that is being written, how it is to be reconstructed, and what saves the result so far, and at the end."""

    path: Path
    options: Options
    machine: Machine
    following: Following
    save: "Callable[[Dataset, Result], None]"
    end: "Callable[[Dataset, Result], Placed]"


def followed(scan: Scan) -> "tuple[Dataset, AbstractModel]":
    """The data when no more patterns come, and the model as it was reconstructed by then."""
    import jax

    from ptychograd.data.dataset import StoredPatterns
    from ptychograd.fitting.reconstruction import CUT_SHORT

    if scan.options.hold_out or jax.process_count() > 1:
        raise InputError("--follow runs in one process and fits all patterns; leave out --hold-out and --rank.")
    if refines_positions(scan.options.refine or ()):
        raise InputError(
            "--follow refines no positions: no patterns are held out to judge them. Refine when the scan is done."
        )
    data = _begun(scan)
    patterns = data.patterns
    if not isinstance(patterns, StoredPatterns):
        raise InputError(f"{scan.path} is no HDF5 file that can be read while it is written; leave --follow out.")
    run = make_run(scan.options, data)
    ended = _Ended(patterns.arrived, data.count, scan.following.patience)
    result = _monitored(scan, data, run, ended)
    if result.stopped in CUT_SHORT:
        leave_unless_there(scan.end(data, result))
        text = ending.summary or "interrupted; "
        errors.print(f"{text}{scan.path.name} as it was reconstructed so far is saved", style="dim")
        leave(INTERRUPTED)
    ending.release()
    errors.print(f"{scan.path.name}: {result.stopped}; the run as asked begins", style="dim", soft_wrap=True)
    return _whole(data, patterns, ended.arrived), result.onto(run.model)


def _monitored(scan: Scan, data: "Dataset", run: "Run", ended: "_Ended") -> "Result":
    """What is reconstructed while patterns come, shown and saved now and then."""
    from ptychograd.cli.progress import EpochBar
    from ptychograd.fitting.reconstruction import reconstruct
    from ptychograd.fitting.result import NonFiniteError

    with EpochBar("patterns") as bar, Checkpoints(LIVE, partial(scan.save, data), 0) as live:

        def on_epoch(progress: "Progress") -> None:
            bar.advance(progress._replace(epoch=ended.arrived, epochs=data.count))
            live.after(progress)

        try:
            result = reconstruct(
                *(run.model, data, run.solver),
                epochs=FOREVER,
                batch_size=run.batch_size,
                trainable=run.stages[-1].trainable,
                seed=run.seed,
                until=ended,
                on_epoch=on_epoch,
                devices=devices(scan.machine),
            )
            ending.hold()
        except NonFiniteError as problem:
            scan.end(data, problem.result)
            raise InputError(str(problem)) from None
    return result


class _Ended:
    """A rule for `until`: every position has its pattern, or none has come for so many seconds."""

    def __init__(self, count, expected: int, patience: float):
        self._count, self._expected, self._patience = count, expected, patience
        self.arrived, self._since = count(), time.monotonic()

    def __call__(self, history: "History") -> str:
        now = self._count()
        if now > self.arrived:
            self.arrived, self._since = now, time.monotonic()
        if self.arrived >= self._expected:
            return f"all {self._expected:,} patterns came in the course of {history.epochs} epochs"
        if time.monotonic() - self._since > self._patience:
            return f"no new pattern for {self._patience:g} s, {self.arrived:,} of {self._expected:,} are there"
        return ""


def _begun(scan: Scan) -> "Dataset":
    """The data as soon as there are enough for a batch; until then it waits, at most as long as it has patience."""
    deadline = time.monotonic() + scan.following.patience
    errors.print(f"waiting for patterns in {scan.path}", style="dim", soft_wrap=True)
    while True:
        found = _looked_at(scan)
        if not isinstance(found, str):
            return found
        if time.monotonic() > deadline:
            raise InputError(found)
        gc.collect()  # HDF5 shows nothing new of a file of which anything is still open
        time.sleep(POLL)


def _looked_at(scan: Scan) -> "Dataset | str":
    """The data, or why there is too little of them yet; nothing of the file is open then."""
    try:
        data = read_file(scan.path, scan.options, in_file(scan.machine, grows=True))
        _check_positions(data)
    except InputError as error:
        return str(error)
    return data if data.total > 0 else f"{scan.path}: there is not one photon, or not one whole rocking curve, yet."


def _check_positions(data: "Dataset") -> None:
    """Refuse positions whose last ones are all 0, as in a file that has room for them and not yet the positions."""
    import numpy as np

    from ptychograd.data.dataset import positions_of

    written = int(np.max(np.flatnonzero(positions_of(data).any(axis=1)) + 1, initial=0))
    if data.count - written > data.group:
        raise InputError(
            f"The positions from number {written} on are all 0, as if they were not written yet; "
            "a scan is followed once the positions of all its patterns are there."
        )


def _whole(data: "Dataset", patterns: "StoredPatterns", arrived: int) -> "Dataset":
    """The data looked at once more; in memory, if all are there and have room in it. What never came is masked."""
    import numpy as np

    from ptychograd.data.dataset import frozen, make_dataset

    patterns = patterns.of(data.count)
    if arrived < data.count or patterns.nbytes > patterns.keep.limit:
        return replace(data, patterns=patterns)
    frames, mask = patterns.frames(slice(None), data.mask)
    missing = np.flatnonzero(~mask.any(axis=(1, 2)))
    shown = () if not len(missing) else (f"patterns: {len(missing):,} in the midst of the scan never came; masked",)
    mask = mask[0] if (mask == mask[0]).all() else mask
    items = {name: getattr(data, name) for name in ("geometry", "probe", "support", "truth", "source", "variables")}
    whole = make_dataset(frozen(frames), data.positions, mask=mask, notes=(*data.notes, *shown), **items)
    for note in whole.notes[len(data.notes) :]:
        errors.print(f"{data.source}: {note}", style="dim", soft_wrap=True)
    return whole
