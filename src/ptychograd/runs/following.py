"""Reconstructing along with a scan that is still being written."""

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.core.log import log
from ptychograd.data.dataset import Dataset, StreamFromFile, frozen, make_dataset, positions_of
from ptychograd.fitting.batch_size import is_faint, signal_of
from ptychograd.fitting.epoch import Device
from ptychograd.fitting.reconstruction import Progress, reconstruct
from ptychograd.fitting.result import History, Result
from ptychograd.physics.model import AbstractModel
from ptychograd.runs.checkpoints import Checkpoints, Every
from ptychograd.runs.plan.held_share import refines_positions
from ptychograd.runs.plan.making import make_run
from ptychograd.runs.plan.reading import read_data

if TYPE_CHECKING:
    from ptychograd.runs.plan.whole import PlanFields

FOREVER = 10**9  # epochs
POLL = 0.5  # seconds
LIVE = Every(seconds=20)  # between looks that a person may want


class ScanEnd:
    """A rule for `until`: every position has its pattern, or none has come for so many seconds.

    Args:
        count: says how many patterns there are.
        expected: how many there will be.
        patience: seconds without a new one after which the scan counts as ended.
    """

    def __init__(self, count: Callable[[], int], expected: int, patience: float):
        self._count, self._expected, self._patience = count, expected, patience
        self.arrived, self._since = count(), time.monotonic()

    def __call__(self, history: History) -> str:
        now = self._count()
        if now > self.arrived:
            self.arrived, self._since = now, time.monotonic()
        if self.arrived >= self._expected:
            return f"all {self._expected:,} patterns came in the course of {history.epochs} epochs"
        if time.monotonic() - self._since > self._patience:
            return f"no new pattern for {self._patience:g} s, {self.arrived:,} of {self._expected:,} are there"
        return ""


class FollowedScan:
    """A scan that is still being written, whose patterns so far are reconstructed.

    Args:
        plan: of the run; its own epochs begin when the scan has ended.
        keep: when patterns stay in their file.
    """

    def __init__(self, plan: "PlanFields", keep: StreamFromFile):
        self.plan, self.data = plan, _begun(plan, keep)
        if not self.data.is_stored:
            raise InputError(
                f"{plan.data.paths[0]} is no HDF5 file that can be read while it is written; leave `data.follow` out."
            )
        self.end = ScanEnd(self.data.store.arrived, self.data.count, plan.data.patience)
        self._run = make_run(plan, self.data)

    def fit(
        self,
        show: Callable[[Progress], None],
        devices: Sequence[Device],
        save: Callable[[Dataset, Result], object],
        on_end: Callable[[], object],
    ) -> Result:
        """Reconstruct what there is until the scan has ended.

        Args:
            show: is called after each epoch, with patterns in the place of epochs.
            devices: which share every batch.
            save: writes the result so far, for a person who wants to look at it.
            on_end: is called when the last epoch is done, before the last write has ended.
        """
        with Checkpoints(LIVE, partial(save, self.data)) as checkpoints:

            def after_epoch(progress: Progress) -> None:
                show(progress._replace(epoch=self.end.arrived, epochs=self.data.count))
                checkpoints.after(progress)

            result = self._fitted(after_epoch, devices)
            on_end()
        return result

    def _fitted(self, on_epoch: Callable[[Progress], None], devices: Sequence[Device]) -> Result:
        run = self._run
        result = reconstruct(
            *(run.model, self.data, run.solver),
            epochs=FOREVER,
            batch_size=run.batch_size,
            trainable=run.stages[-1].trainable,
            seed=run.seed,
            until=self.end,
            on_epoch=on_epoch,
            devices=devices,
        )
        return result._replace(model=result.onto(run.model))

    def whole(self) -> Dataset:
        """The data looked at once more; in memory, if all are there and have room in it. What never came is masked."""
        data = replace(self.data, patterns=self.data.store.afresh())
        if self.end.arrived < data.count or data.store.exceeds_memory(data.count):
            return data
        frames, mask = data.frames(slice(None))
        missing = np.flatnonzero(~mask.any(axis=(1, 2)))
        shown = () if not len(missing) else (f"patterns: {len(missing):,} in the midst of the scan never came; masked",)
        mask = mask[0] if (mask == mask[0]).all() else mask
        items = {name: getattr(data, name) for name in ("geometry", "probe", "support", "truth", "source", "variables")}
        whole = make_dataset(frozen(frames), data.positions, mask=mask, notes=(*data.notes, *shown), **items)
        for note in whole.notes[len(data.notes) :]:
            log.info("%s: %s", data.source, note)
        return whole


def start_of_run(plan: "PlanFields", data: Dataset, result: Result) -> AbstractModel | None:
    """The model with which the run as asked begins when the scan is there; None for the start of the plan.

    It is the one as it was reconstructed meanwhile, unless photons are few: batches of a scan that comes are small, and
    of few photons they may have left a lattice of the scan's period, which all patterns at once heal but slowly.
    """
    if plan.fit.batch_size is None and is_faint(data, signal_of(data)):
        log.info("photons are few, so the run begins with its start, and not with what was reconstructed meanwhile")
        return None
    return result.model


def check_followed(plan: "PlanFields", processes: int) -> None:
    """Refuse what can't be done while a scan is being written."""
    if plan.validation.hold_out or processes > 1:
        raise InputError(
            "`data.follow` runs in one process and fits all patterns; leave out `validation.hold_out` and "
            "`machine.rank`."
        )
    if refines_positions(plan.fit.refine):
        raise InputError(
            "`data.follow` refines no positions: no patterns are held out to judge them. Refine when the scan is done."
        )
    if len(plan.data.paths) != 1:
        raise InputError(f"`data.follow` reads along with one file; {len(plan.data.paths)} are named.")


def _begun(plan: "PlanFields", keep: StreamFromFile) -> Dataset:
    """The data as soon as there are enough for a batch; until then it waits, at most as long as it has patience."""
    deadline = time.monotonic() + plan.data.patience
    while True:
        found = _looked_at(plan, keep)
        if not isinstance(found, str):
            return found
        if time.monotonic() > deadline:
            raise InputError(found)
        gc.collect()  # HDF5 shows nothing new of a file of which anything is still open
        time.sleep(POLL)


def _looked_at(plan: "PlanFields", keep: StreamFromFile) -> Dataset | str:
    """The data, or why there is too little of them yet; nothing of the file is open then."""
    try:
        data = read_data(plan, keep)
        _check_positions(data)
    except InputError as error:
        return str(error)
    source = plan.data.paths[0]
    return data if data.total > 0 else f"{source}: there is not one photon, or not one whole rocking curve, yet."


def _check_positions(data: Dataset) -> None:
    """Refuse positions whose last ones are all 0, as in a file that has room for them and not yet the positions."""
    written = int(np.max(np.flatnonzero(positions_of(data).any(axis=1)) + 1, initial=0))
    if data.count - written > data.group:
        raise InputError(
            f"The positions from number {written} on are all 0, as if they were not written yet; "
            "a scan is followed once the positions of all its patterns are there."
        )
