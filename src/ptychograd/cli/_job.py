"""One reconstruction from file to file, with progress: what `reconstruct` and `demo` do."""

import json as json_format
import statistics
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ptychograd._errors import InputError
from ptychograd.cli._console import FAILED, INTERRUPTED, errors, output
from ptychograd.cli._options import Options

if TYPE_CHECKING:
    from ptychograd._result import Result
    from ptychograd._run import Run


class Job(NamedTuple):
    """What to reconstruct, where the result goes, and how."""

    data: Path
    output: Path | None = None
    options: Options = Options()

    @property
    def result_path(self) -> Path:
        """Where the result goes."""
        return self.output or Path(f"{self.data.stem}_result.h5")


def run(job: Job, json: bool = False) -> "Result":
    """Read, reconstruct and save; after an interrupt (status 130) or a failure (2) it saves what there is."""
    from ptychograd._hold_out import hold_out, r_factor
    from ptychograd._result import NonFiniteError
    from ptychograd._run import perform
    from ptychograd.cli._engine import prepare
    from ptychograd.cli._plan import make_run, make_solver, read_data
    from ptychograd.cli._progress import EpochBar

    options = job.options
    prepare(options.precision)
    make_solver(options)  # what is wrong with the options is said before the data are read
    _check_output(job)
    data, held = read_data(job.data, options), None
    if options.hold_out:
        data, held = hold_out(data, options.hold_out, options.seed)
    planned = make_run(options, data)
    _tell_memory(planned)
    begin = time.perf_counter()
    try:
        with EpochBar() as bar:
            result = perform(planned, bar.advance)
    except NonFiniteError as problem:
        _save(job, problem.result)
        errors.print(f"ptychograd: {problem} It is in {job.result_path}.", style="red", soft_wrap=True)
        sys.exit(FAILED)
    seconds = time.perf_counter() - begin
    result = _save(job, result)
    if held is not None and result.model is not None:
        settings = result.settings | {"held_out_r_factor": r_factor(result.model, held)}
        result = _save(job, result._replace(settings=settings))
    _report(job, result, data.count, seconds, json)
    if result.stopped == "interrupted":
        sys.exit(INTERRUPTED)
    return result


def _tell_memory(planned: "Run") -> None:
    """Say how much memory the run will take, and refuse what can't fit before anything is compiled."""
    from ptychograd._memory_plan import memory_plan
    from ptychograd._run import tasks

    plan = memory_plan(tasks(planned))
    plan.check()
    errors.print(plan.words, style="dim", soft_wrap=True)


def _check_output(job: Job) -> None:
    """Find out before the computing whether the result can be written after it."""
    from ptychograd._files import require_writable

    if job.result_path.suffix not in (".h5", ".hdf5"):
        raise InputError(f"{job.result_path} is to be an HDF5 file; expected a name that ends in .h5 or .hdf5.")
    if job.result_path.exists() and job.data.exists() and job.result_path.samefile(job.data):
        raise InputError(f"{job.data} would be replaced by its own result; give another name with --output.")
    require_writable(job.result_path)


def _save(job: Job, result: "Result") -> "Result":
    """Write the result, with the options that it came from."""
    options = {"data": str(job.data), "output": str(job.result_path), **asdict(job.options)}
    result = result._replace(settings=result.settings | {"options": options})
    result.save(job.result_path)
    return result


def _report(job: Job, result: "Result", count: int, seconds: float, json: bool) -> None:
    history = result.history
    speed = count / statistics.median(history.seconds[1:] or history.seconds) if history.epochs else 0.0
    held = result.settings.get("held_out_r_factor")
    last = history.epochs and f"R = {history.r_factor[-1]:.4f}, χ² = {history.chi_squared[-1]:.3g}"
    r_factor = last or "the start"
    r_factor += f" (held-out patterns {held:.4f})" if held is not None else ""
    output.print(
        f"{job.result_path}: {r_factor} after {history.epochs} epochs, {seconds:.1f} s, "
        f"{speed:,.0f} patterns/s ({result.stopped}).",
        soft_wrap=True,
    )
    if json:
        figures = {
            "r_factor": history.r_factor[-1] if history.epochs else None,
            "chi_squared": history.chi_squared[-1] if history.epochs else None,
            "held_out_r_factor": held,
            "epochs": history.epochs,
            "stopped": result.stopped,
            "seconds": seconds,
            "patterns_per_second": speed,
        }
        output.print(json_format.dumps(figures), soft_wrap=True)
