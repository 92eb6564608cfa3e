"""One reconstruction from file to file, with progress: what `reconstruct`, `resume` and `demo` do."""

import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ptychograd.cli.checkpoints import Checkpoints, Every, Keeping
from ptychograd.cli.console import FAILED, INTERRUPTED, complain, errors, leave, output, tell_json
from ptychograd.cli.detector import doubts
from ptychograd.cli.follow import Following, Scan, followed
from ptychograd.cli.held import HELD_OUT, monitored, parted, validated_by, with_judges, with_search_and_validation
from ptychograd.cli.machine import Machine
from ptychograd.cli.options import Options
from ptychograd.cli.placed import Placed, leave_unless_there, placed, working_folder
from ptychograd.cli.positions import summary_of_flat_field, summary_of_parameters, summary_of_positions
from ptychograd.cli.saving import FINGERPRINT, described, named_files, require_same_data
from ptychograd.cli.signals import ending
from ptychograd.cli.verdicts import on_rise, verdict_line
from ptychograd.core.errors import InputError
from ptychograd.output.captions import FOLDER, VERDICT, final_figures, solver_line

if TYPE_CHECKING:
    from ptychograd.data.dataset import Dataset
    from ptychograd.fitting.reconstruction import Progress
    from ptychograd.fitting.result import Result
    from ptychograd.physics.model import AbstractModel
    from ptychograd.runs.stage import Run


class Job(NamedTuple):
    """What to reconstruct, where the result goes, how and on what; what it goes on from, and to how many epochs.

    `folder` is where the command was started: the result goes there even if that is no longer the working folder.
    """

    data: Path
    output: Path | None = None
    options: Options = Options()
    keeping: Keeping = Keeping()
    machine: Machine = Machine()
    following: Following = Following()
    resume: "Result | None" = None
    epochs: int | None = None
    folder: Path = Path()

    @property
    def result_path(self) -> Path:
        """Where the result goes, as a person would call it."""
        return self.output or Path(f"{self.data.stem}_result.h5")

    @property
    def place(self) -> Path:
        """Where the result goes, from wherever it is seen."""
        return self.folder / self.result_path

    @property
    def done(self) -> int:
        """How many epochs were done before."""
        return self.resume.history.epochs if self.resume else 0


def run(job: Job, json: bool = False) -> "Result":
    """Read, reconstruct and save; after an interrupt (status 130) or a failure (2) it saves what there is."""
    from ptychograd.cli.machine import as_before, chosen, devices, start
    from ptychograd.cli.plan import make_solver
    from ptychograd.fitting.reconstruction import CUT_SHORT, LOST
    from ptychograd.fitting.result import NonFiniteError

    machine = as_before(job.machine, job.resume.settings if job.resume else {})
    start(machine, job.options.precision)
    job = job._replace(machine=chosen(machine, job.machine), folder=working_folder(), options=named_files(job.options))
    make_solver(job.options)  # what is wrong with the options is said before the data are read
    job.keeping.check(job.done)
    _check_output(job)
    data, model = _begin(job)
    keep, end = partial(save, job, data), partial(ended, job, data)
    data, held = parted(job.options, data)
    begin, together = time.perf_counter(), tuple(devices(job.machine))
    planned = monitored(_planned(job, data, held, model)._replace(devices=together), held)
    _tell_memory(planned)
    try:
        result = _monitored(job, planned, keep)
    except NonFiniteError as problem:
        ending.hold()
        where = end(problem.result)
        complain(f"{problem} It is in {where}." if where.found else str(problem))
        leave(FAILED)
    seconds = time.perf_counter() - begin
    if result.stopped in CUT_SHORT:
        _check_news(job, result)
    where = end(result)
    ending.release()
    alone = len({device.process_index for device in together}) == 1  # others stopped elsewhere
    if held is not None and result.model is not None and (alone or result.stopped not in CUT_SHORT):
        errors.print("patterns that were held out are looked at ...", style="dim")
        result = _validated(result, held, planned)
        where = _once_more(end, result, where)
    _report(job, where, result, data.count, seconds, json)
    leave_unless_there(where)
    if result.stopped in CUT_SHORT:
        leave(INTERRUPTED if result.stopped != LOST else FAILED)
    return result


def _check_news(job: Job, result: "Result") -> None:
    """End the command without saving if a run was cut short before its first epoch was done: what was there stays."""
    from ptychograd.fitting.reconstruction import LOST

    if result.history.epochs > job.done:
        return
    if LOST in result.settings:
        raise InputError(
            f"Another process ended before an epoch was done ({result.settings[LOST]}); start all processes again."
        )
    raise KeyboardInterrupt


def _begin(job: Job) -> "tuple[Dataset, AbstractModel | None]":
    """The data, and the model that they make, if that was reconstructed while they were measured."""
    from ptychograd.cli.machine import in_file
    from ptychograd.cli.plan import read_data

    if job.following.follow:
        if job.output is None:
            require_same_data(job.place, job.folder / job.data, None)
        return followed(
            Scan(job.data, job.options, job.machine, job.following, partial(save, job), partial(ended, job))
        )
    data = read_data(job.data, job.options, in_file(job.machine))
    _check_data(job, data)
    return data, None


def _planned(job: Job, data: "Dataset", held: "Dataset | None", model: "AbstractModel | None") -> "Run":
    from ptychograd.cli.plan import make_run

    run = with_search_and_validation(make_run(job.options, data), held)
    for text in () if job.resume else doubts(data, job.options.refine or (), job.options.effects):
        errors.print(text, style="yellow", soft_wrap=True)
    return run if model is None else run._replace(model=model)


def _validated(result: "Result", held: "Dataset", planned: "Run") -> "Result":
    """The result with what held-out patterns say of it, and after a whole run with what was found of their own."""
    import numpy as np

    from ptychograd.core.parameters import named_parameters
    from ptychograd.fitting.reconstruction import CUT_SHORT

    refined = {name for stage in planned.stages for name in stage.free(planned.model)}
    found = validated_by(held, result, refined, planned.stages[-1].noise, planned.devices)
    result, model = result._replace(settings=result.settings | {HELD_OUT: found.r_factor}), found.model
    if result.stopped in CUT_SHORT:  # which goes on from where it was
        return result
    result = with_judges(result, planned.data, held, found, planned.stages[-1].noise)
    rows = {path: np.asarray(named_parameters(model)[path]) for path in model.per_pattern}
    return result._replace(model=model, arrays=result.arrays | rows)


def _tell_memory(planned: "Run") -> None:
    """Say how much memory the run will take, and refuse what can't fit before anything is compiled."""
    from ptychograd.runs.memory_plan import memory_plan
    from ptychograd.runs.run import possible_tasks

    plan = memory_plan(possible_tasks(planned))
    plan.check()
    errors.print(plan.summary, style="dim", soft_wrap=True)


def _monitored(job: Job, planned: "Run", save: Callable[["Result"], object]) -> "Result":
    """The result of a run that is shown, and saved now and then, while it goes on."""
    from ptychograd.cli.progress import EpochBar
    from ptychograd.runs.run import perform

    every = Every.of(job.keeping.checkpoint_every)
    with EpochBar() as bar, Checkpoints(every, save, job.done) as checkpoints:

        def on_epoch(progress: "Progress") -> None:
            bar.advance(progress)
            checkpoints.after(progress)
            job.keeping.stop(progress)

        result = perform(planned, on_epoch, job.resume, job.epochs)
        ending.hold()  # until what it found is saved
    return result


def _check_data(job: Job, data: "Dataset") -> None:
    """Refuse to go on with other data than those that the run began with, and to replace the result of others."""
    if job.resume is not None and job.resume.settings[FINGERPRINT] != data.fingerprint:
        raise InputError(f"{job.data} holds other data than the run began with; name the right file with --data.")
    if job.output is None:
        require_same_data(job.place, job.folder / job.data, data.fingerprint)
        tell_replaced(job.result_path)


def _check_output(job: Job) -> None:
    """Find out before the computing whether the result can be written after it."""
    from ptychograd.data.files import RESULT, require_replaceable

    if job.result_path.suffix not in (".h5", ".hdf5"):
        raise InputError(f"{job.result_path} is to be an HDF5 file; expected a name that ends in .h5 or .hdf5.")
    if job.result_path.exists() and job.data.exists() and job.result_path.samefile(job.data):
        raise InputError(f"{job.data} would be replaced by its own result; give another name with --output.")
    require_replaceable(job.result_path, RESULT)
    if job.resume is None and job.output is not None:
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
    if job.output is None and path in (None, job.place):  # another run may have put its own there meanwhile
        require_same_data(job.place, job.folder / job.data, data.fingerprint)
    places = {"data": str(job.data), "output": str(job.result_path), FOLDER: str(job.folder)}
    described(result, data, job.options, job.machine, places).save(path or job.place)


def ended(job: Job, data: "Dataset", result: "Result", path: Path | None = None) -> Placed:
    """Write the result of a run that has ended: to its place (or `path`), or else where it is not lost."""
    return placed(partial(save, job, data, result), path or job.result_path, job.folder)


def _once_more(end: Callable[..., Placed], result: "Result", before: Placed) -> Placed:
    """Write a result that was written before, and is now better known, to where it is."""
    elsewhere = None if before.is_there else before.found
    now = end(result, elsewhere)
    return now._replace(is_there=now.is_there and elsewhere is None)


def _report(job: Job, where: Placed, result: "Result", count: int, seconds: float, json: bool) -> None:
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
