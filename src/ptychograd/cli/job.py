"""One reconstruction from file to file, with progress: what `reconstruct`, `resume` and `demo` do."""

import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ptychograd.cli import checkpoints
from ptychograd.cli.checkpoints import Checkpoints, Every
from ptychograd.cli.console import FAILED, INTERRUPTED, complain, errors, heard, leave, output, tell_json
from ptychograd.cli.follow import followed
from ptychograd.cli.naming import stem_of
from ptychograd.cli.placed import Placed, leave_unless_there, placed, working_folder
from ptychograd.cli.saving import described, require_same_data, with_whole_paths
from ptychograd.cli.signals import ending
from ptychograd.core.errors import InputError
from ptychograd.output.captions import VERDICT, final_figures, solver_line
from ptychograd.output.texts.corrections import summary_of_flat_field, summary_of_parameters, summary_of_positions
from ptychograd.output.texts.verdicts import on_rise, verdict_line
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.plan.sections.other import MachineSection
from ptychograd.runs.setting_names import FINGERPRINT, HELD_OUT

if TYPE_CHECKING:
    from ptychograd.data.dataset import Dataset, StreamFromFile
    from ptychograd.fitting.reconstruction import Progress
    from ptychograd.fitting.result import Result
    from ptychograd.physics.model import AbstractModel
    from ptychograd.runs.planned import PlannedRun


class Job(NamedTuple):
    """The plan of a run, its machine in numbers, the folder where it was started, and what it goes on from.

    The result goes into that folder even if that is no longer the working folder; `epochs` are those of the whole run.
    """

    plan: Plan
    machine: MachineSection
    folder: Path
    resume: "Result | None" = None
    epochs: int | None = None

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
        named = self.plan.output.result
        return Path(f"{stem_of(self.data)}_result.h5") if named is None else Path(named)

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


def run(plan: Plan, json: bool = False, resume: "Result | None" = None, epochs: int | None = None) -> "Result":
    """Read, reconstruct and save; after an interrupt (status 130) or a failure (2) it saves what there is."""
    from ptychograd.cli.machine import as_before, chosen, devices, start
    from ptychograd.fitting.reconstruction import CUT_SHORT, LOST
    from ptychograd.fitting.result import NonFiniteError
    from ptychograd.runs.planned import PlannedRun

    if not plan.data.paths:
        raise InputError("No data: name a file, or give it in the plan as `data.paths`.")
    machine = as_before(plan.machine, resume.settings if resume else {})
    plan.check()  # what is wrong with it is said before there is anything to wait for
    start(machine)
    job = Job(with_whole_paths(plan), chosen(machine, plan.machine), working_folder(), resume, epochs)
    checkpoints.check(plan.output, job.done)
    check_output(job)
    data, model = _begin(job)
    keep, end = partial(save, job, data), partial(ended, job, data)
    begin = time.perf_counter()
    with heard():
        planned = PlannedRun.of(job.plan, data, devices(job.machine), model)
    tell_memory(planned)
    try:
        result = monitored(job, planned, keep)
    except NonFiniteError as problem:
        ending.hold()
        where = end(problem.result)
        complain(f"{problem} It is in {where}." if where.found else str(problem))
        leave(FAILED)
    seconds = time.perf_counter() - begin
    check_news(job, result)
    where = end(result)
    ending.release()
    if planned.is_to_be_validated(result):
        errors.print("patterns that were held out are looked at ...", style="dim")
        result = planned.validated(result)
        where = _once_more(end, result, where)
    report(job, where, result, planned.run.data.count, seconds, json)
    leave_unless_there(where)
    if result.stopped in CUT_SHORT and result.history.epochs != plan.output.stop_after:
        leave(INTERRUPTED if result.stopped != LOST else FAILED)
    return result


def check_news(job: Job, result: "Result") -> None:
    """End the command without saving if a run was cut short before its first epoch was done: what was there stays."""
    from ptychograd.fitting.reconstruction import CUT_SHORT, LOST

    if result.stopped not in CUT_SHORT or result.history.epochs > job.done:
        return
    if LOST in result.settings:
        raise InputError(
            f"Another process ended before an epoch was done ({result.settings[LOST]}); start all processes again."
        )
    raise KeyboardInterrupt


def _begin(job: Job) -> "tuple[Dataset, AbstractModel | None]":
    """The data, and the model that they make, if that was reconstructed while they were measured."""
    from ptychograd.cli.machine import in_file

    if job.plan.data.follow:
        if not job.is_named:
            require_same_data(job.place, job.files, None)
        return followed(job.plan, job.machine, partial(save, job), partial(ended, job))
    data = read_data(job.plan, in_file(job.machine))
    _check_data(job, data)
    if job.resume is None and starts_unnamed(job.plan, data):
        errors.print("no start is named; `ptychograd auto` would look for one", style="dim", soft_wrap=True)
    return data, None


def starts_unnamed(plan: Plan, data: "Dataset") -> bool:
    """Whether a far field begins with the mean pattern in focus, as neither plan nor file say anything of its beam."""
    from ptychograd.data.dataset import BraggGeometry, NearFieldGeometry

    said = plan.model.start.model_fields_set - {"object"}
    is_far = not isinstance(data.geometry, BraggGeometry | NearFieldGeometry)
    return is_far and not said and data.probe is None and data.positions is not None and plan.is_of_package


def read_data(plan: Plan, keep: "StreamFromFile | None" = None) -> "Dataset":
    """The data set, after telling what was guessed about it; `keep` says when its patterns stay in the file."""
    with heard():
        return plan.read(keep)


def tell_memory(planned: "PlannedRun") -> None:
    """Say how much memory the run will take, and refuse what can't fit."""
    memory = planned.memory
    memory.check()
    errors.print(memory.summary, style="dim", soft_wrap=True)


def monitored(job: Job, planned: "PlannedRun", save: Callable[["Result"], object]) -> "Result":
    """The result of a run that is shown, and saved now and then, while it goes on."""
    from ptychograd.cli.progress import EpochBar

    every = Every.of(job.plan.output.checkpoint_every)
    with EpochBar() as bar, Checkpoints(every, save, job.done) as checkpoints:

        def on_epoch(progress: "Progress") -> None:
            bar.advance(progress)
            checkpoints.after(progress)
            if progress.epoch == job.plan.output.stop_after:
                raise KeyboardInterrupt

        with heard():
            result = planned.perform(on_epoch, job.resume, job.epochs)
        ending.hold()  # until what it found is saved
    return result


def _check_data(job: Job, data: "Dataset") -> None:
    """Refuse to go on with other data than those that the run began with, and to replace the result of others."""
    if job.resume is not None and job.resume.settings[FINGERPRINT] != data.fingerprint:
        raise InputError(f"{job.data} holds other data than the run began with; name the right file with --data.")
    if not job.is_named:
        require_same_data(job.place, job.files, data.fingerprint)
        tell_replaced(job.result_path)


def check_output(job: Job) -> None:
    """Find out before the computing whether the result can be written after it."""
    from ptychograd.data.files import RESULT, require_replaceable

    if job.result_path.suffix not in (".h5", ".hdf5"):
        raise InputError(f"{job.result_path} is to be an HDF5 file; expected a name that ends in .h5 or .hdf5.")
    if job.result_path.exists() and job.data.exists() and job.result_path.samefile(job.data):
        raise InputError(f"{job.data} would be replaced by its own result; give another name with --output.")
    require_replaceable(job.result_path, RESULT)
    if job.resume is None and job.is_named:
        tell_replaced(job.result_path)


def tell_replaced(path: Path) -> None:
    """Say that another result stands where this one is to be."""
    if path.exists():
        errors.print(f"{path} will be replaced by the result of this run", style="dim", soft_wrap=True)


def save(job: Job, data: "Dataset", result: "Result", path: Path | None = None) -> None:
    """Write the result, with all that it takes to make its run anew; of several processes one does."""
    from ptychograd.cli.machine import writes

    if not writes():
        return
    if not job.is_named and path in (None, job.place):  # another run may have put its own there meanwhile
        require_same_data(job.place, job.files, data.fingerprint)
    described(result, data, job.plan, job.machine, job.folder).save(path or job.place)


def ended(job: Job, data: "Dataset", result: "Result", path: Path | None = None) -> Placed:
    """Write the result of a run that has ended: to its place (or `path`), or else where it is not lost."""
    return placed(partial(save, job, data, result), path or job.result_path, job.folder)


def _once_more(end: Callable[..., Placed], result: "Result", before: Placed) -> Placed:
    """Write a result that was written before, and is now better known, to where it is."""
    elsewhere = None if before.is_there else before.found
    now = end(result, elsewhere)
    return now._replace(is_there=now.is_there and elsewhere is None)


def report(job: Job, where: Placed, result: "Result", count: int, seconds: float, json: bool) -> None:
    import numpy as np

    from ptychograd.fitting.reconstruction import INTERRUPTED as STOPPED
    from ptychograd.fitting.reconstruction import LOST
    from ptychograd.physics.probes import orthogonal_modes

    history = result.history
    speed = count / statistics.median(history.seconds[1:] or history.seconds) if history.epochs else 0.0
    held = result.settings.get(HELD_OUT)
    figure, chi_squared = final_figures(result)
    r_factor = "the start" if figure is None else f"R = {figure:.4f}, χ² = {chi_squared:.3g}"
    r_factor += f" (held-out patterns {held:.4f})" if held is not None else ""
    output.print(
        f"{where}: {r_factor} after {history.epochs} epochs, {seconds:.1f} s, "
        f"{speed:,.0f} patterns/s ({result.stopped}).",
        soft_wrap=True,
    )
    beam = result.roles.illumination
    if beam is not None and np.ndim(beam.array) == 3 and len(beam.array) > 1:
        powers = orthogonal_modes(np.asarray(beam.array))[1]
        shares = ", ".join(f"{100 * share:.3g} %" for share in powers / max(powers.sum(), 1e-30))
        output.print(f"orthogonal modes of the probe: {shares} of its power", soft_wrap=True)
    for text in (*summary_of_positions(result), *summary_of_flat_field(result), *summary_of_parameters(result)):
        output.print(text, soft_wrap=True)
    for text in filter(None, (solver_line(result), on_rise(result), verdict_line(result))):
        output.print(text, soft_wrap=True)
    if result.stopped == STOPPED:
        errors.print(f"{ending.summary}`ptychograd resume {where}` goes on", style="dim", soft_wrap=True)
    if json:
        tell_json(figures(result, seconds, speed))
    if LOST in result.settings:
        why = result.settings[LOST]
        complain(f"another process ended ({why}); `ptychograd resume {where}` goes on.")


def figures(result: "Result", seconds: float = 0.0, speed: float = 0.0) -> dict:
    """What `--json` tells: of a result, of the seconds that were just spent on it, and of patterns a second."""
    history = result.history
    return {
        "r_factor": final_figures(result)[0],
        "chi_squared": final_figures(result)[1],
        "verdict": result.settings.get(VERDICT),
        HELD_OUT: result.settings.get(HELD_OUT),
        "epochs": history.epochs,
        "stopped": result.stopped,
        "seconds": seconds,
        "patterns_per_second": speed,
    }
