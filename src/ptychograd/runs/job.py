"""One run from files to a file: what may be replaced, what is read, and what is saved of it and when."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import jax

from ptychograd.core.errors import InputError
from ptychograd.core.log import log
from ptychograd.data.dataset import Dataset
from ptychograd.data.files import RESULT, require_replaceable
from ptychograd.data.files.writing.placing import Placed
from ptychograd.fitting.reconstruction import CUT_SHORT, LOST, Progress
from ptychograd.fitting.result import Result
from ptychograd.physics.model import AbstractModel
from ptychograd.runs.checkpoints import Checkpoints, Every
from ptychograd.runs.data_name import stem_of
from ptychograd.runs.following import check_followed
from ptychograd.runs.machine import chosen, devices, in_file
from ptychograd.runs.origins import require_same_data
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.plan.sections.other import MachineSection
from ptychograd.runs.planned import PlannedRun, described
from ptychograd.runs.setting_names import FINGERPRINT, FOLDER, MACHINE

IMAGES = ("data.mask.image", "model.detector.flat_field", "model.detector.point_spread")


class Job(NamedTuple):
    """One run from files to a file.

    Args:
        plan: of the run.
        machine: its machine in numbers.
        folder: where it was started, into which the result goes even if that is no longer the working folder.
        resume: what it goes on from, if it does.
        epochs: those of the whole run, in place of those that were planned.
        settings: what its results have in their settings beside what every run tells.
    """

    plan: Plan
    machine: MachineSection
    folder: Path
    resume: Result | None = None
    epochs: int | None = None
    settings: Mapping[str, object] = MappingProxyType({})

    @classmethod
    def of(
        cls, plan: Plan, machine: MachineSection, folder: Path, resume: Result | None = None, epochs: int | None = None
    ) -> "Job":
        """A job whose result can be written.

        Args:
            plan: of the run.
            machine: where it computes, as it was for an earlier part of the run.
            folder: the working folder.
            resume: the result of that part.
            epochs: those of the whole run, in place of those that were planned.

        Raises:
            InputError: it is to stop before it begins, or its result would take the place of something else.
        """
        job = cls(_with_whole_paths(plan), chosen(machine, plan.machine), folder, resume, epochs)
        stop = plan.output.stop_after
        if stop is not None and stop <= job.done:
            raise InputError(f"`output.stop_after` {stop}: expected an epoch to come, {job.done + 1} or a later one.")
        job.check_output()
        return job

    @property
    def data(self) -> Path:
        """The (first) file of the data."""
        return Path(self.plan.data.paths[0])

    @property
    def files(self) -> list[Path]:
        """All files of the data, from wherever they are seen."""
        return [self.folder / path for path in self.plan.data.paths]

    @property
    def result_path(self) -> Path:
        """Where the result goes, as a person would call it."""
        return result_path(self.plan)

    @property
    def is_named(self) -> bool:
        """Whether a person said where the result goes."""
        return self.plan.output.result is not None

    @property
    def place(self) -> Path:
        """Where the result goes, from wherever it is seen."""
        return self.folder / self.result_path

    @property
    def done(self) -> int:
        """How many epochs were done before."""
        return self.resume.history.epochs if self.resume else 0

    def check_output(self) -> None:
        """Find out before the computing whether the result can be written after it."""
        path = self.result_path
        if path.suffix not in (".h5", ".hdf5"):
            raise InputError(f"{path} is to be an HDF5 file; expected a name that ends in .h5 or .hdf5.")
        if path.exists() and self.data.exists() and path.samefile(self.data):
            raise InputError(f"{self.data} would be replaced by its own result; give another name with --output.")
        require_replaceable(path, RESULT)
        if self.resume is None and self.is_named:
            note_replaced(path)

    def read(self) -> Dataset:
        """The data, unless they are others than those that the run began with, or those of the result that is there."""
        data = self.plan.read(in_file(self.machine))
        if self.resume is not None and self.resume.settings[FINGERPRINT] != data.fingerprint:
            raise InputError(f"{self.data} holds other data than the run began with; name the right file with --data.")
        self.require_own_place(data.fingerprint)
        if not self.is_named:
            note_replaced(self.result_path)
        return data

    def require_own_place(self, fingerprint: str | None) -> None:
        """Raise `NotWrittenError` where the result has a made-up name at which another scan's is."""
        if not self.is_named:
            require_same_data(self.place, self.files, fingerprint)

    def require_followable(self) -> None:
        """Raise `InputError` unless the run can begin while its scan is still being written."""
        self.require_own_place(None)
        check_followed(self.plan, jax.process_count())

    def starts_unnamed(self, data: Dataset) -> bool:
        """Whether a far field begins with the mean pattern in focus, as neither plan nor file tell of its beam."""
        said = self.plan.model.start.model_fields_set - {"object"}
        is_unsaid = not said and data.probe is None and self.plan.is_of_package
        return data.is_far_field and data.positions is not None and is_unsaid

    def planned(self, data: Dataset, model: AbstractModel | None = None) -> PlannedRun:
        """The run, with the model as it was reconstructed so far, if it was."""
        return PlannedRun.of(self.plan, data, devices(self.machine), model, self.resume)

    def checkpoints(self, data: Dataset) -> Checkpoints:
        """What saves the result so far, as often as the plan says."""
        return Checkpoints(Every.of(self.plan.output.checkpoint_every), partial(self.save, data), self.done)

    def after_epoch(self, show: Callable[[Progress], None], checkpoints: Checkpoints) -> Callable[[Progress], None]:
        """What is done after each epoch: it is shown and perhaps saved, and the run ends if it is to stop there."""

        def after(progress: Progress) -> None:
            show(progress)
            checkpoints.after(progress)
            if progress.epoch == self.plan.output.stop_after:
                raise KeyboardInterrupt

        return after

    def is_cut_short(self, result: Result) -> bool:
        """Whether a run ended before it was to."""
        return result.stopped in CUT_SHORT and result.history.epochs != self.plan.output.stop_after

    def ending_of(self, result: Result) -> str:
        """Why a run ended, in words: one that was to stop there was not interrupted."""
        was_asked = result.stopped in CUT_SHORT and not self.is_cut_short(result)
        return f"stopped after epoch {result.history.epochs}, as asked" if was_asked else result.stopped

    def require_news(self, result: Result) -> None:
        """End without saving if a run was cut short before its first epoch was done: what was there stays."""
        if result.stopped not in CUT_SHORT or result.history.epochs > self.done:
            return
        if LOST in result.settings:
            raise InputError(
                f"Another process ended before an epoch was done ({result.settings[LOST]}); start all processes again."
            )
        raise KeyboardInterrupt

    def of_result(self, result: Result) -> "Job":
        """The job whose plan is that of its result, as a run found it."""
        return self._replace(plan=self.plan.of_result(result, trusted=True))

    def save_plan(self, where: Placed) -> str:
        """Write the plan as TOML beside its result, and say where it is; nothing where there is no result."""
        if where.found is None:
            return ""
        self.plan.save(where.found.with_suffix(".toml"))
        return f"{where.spoken.with_suffix('.toml')}: its plan; `ptychograd run` makes it again"

    def save(self, data: Dataset, result: Result, path: Path | None = None) -> None:
        """Write the result, with all that it takes to make its run anew; of several processes one does."""
        if jax.process_index() > 0:
            return
        if path in (None, self.place):  # another run may have put its own there meanwhile
            self.require_own_place(data.fingerprint)
        had = {"devices": self.machine.devices, "memory": self.machine.memory if data.is_stored else None}
        result = described(result, self.plan, data)
        result = result._replace(settings={**result.settings, **self.settings, FOLDER: str(self.folder), MACHINE: had})
        result.save(path or self.place)


def require_data(plan: Plan) -> None:
    """Raise `InputError` for a plan of no data."""
    if not plan.data.paths:
        raise InputError("No data: name a file, or give it in the plan as `data.paths`.")


def stem_of_data(plan: Plan) -> str:
    """The name of the (first) file of the data without its ending; raises `InputError` for a plan of no data."""
    require_data(plan)
    return stem_of(plan.data.paths[0])


def require_whole_scan(plan: Plan) -> None:
    """Raise `InputError` for a plan of several scans, or of one that is still being written."""
    if plan.data.each or plan.data.follow:
        raise InputError("`data.each` and `data.follow` are for `reconstruct`; call `auto` for one scan that is whole.")


def result_path(plan: Plan) -> Path:
    """Where the result of a plan goes: by default into the working folder, with the name of the data."""
    named = plan.output.result
    return Path(f"{stem_of(plan.data.paths[0])}_result.h5" if named is None else named)


def note_replaced(path: Path) -> None:
    """Say that another result stands where this one is to be."""
    if path.exists():
        log.info("%s will be replaced by the result of this run", path)


def _with_whole_paths(plan: Plan) -> Plan:
    """The plan with whole paths in place of images in files, which are found from wherever the run goes on."""
    given = {path: plan.field(path) for path in IMAGES}
    whole = {
        path: str(Path(name).resolve())
        for path, name in given.items()
        if isinstance(name, str) and Path(name).is_file()
    }
    return plan.with_fields(whole) if whole else plan
