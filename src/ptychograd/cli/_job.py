"""One reconstruction from file to file, with progress: what `reconstruct` and `demo` do."""

import json as json_format
import math
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ptychograd._errors import InputError
from ptychograd.cli._console import FAILED, INTERRUPTED, errors, output
from ptychograd.cli._options import numbers, pairs

if TYPE_CHECKING:
    from ptychograd._dataset import Dataset
    from ptychograd._model import AbstractModel, Ptychography
    from ptychograd._noise import AbstractNoise
    from ptychograd._result import Result
    from ptychograd._solvers import AbstractSolver

BATCH_SIZES = {"nesterov": 32, "rpie": 32, "epie": 1, "ad-epie": 1, "adam": 100}
HOLD_PROBE = {"nesterov": 0, "rpie": 1, "epie": 1, "ad-epie": 1, "adam": 1}
RPIE_ALPHA = 0.1
POISSON_SHARE = 1 / 3  # of the epochs, at the end: far from a solution the Poisson likelihood leads astray
OBJECT, BOTH = ("object",), ("object", "probe")


class Opening(NamedTuple):
    """What the start probe came from; lengths in metres."""

    aperture: float | None = None
    pinhole: float | None = None
    focal_spot: float | None = None
    defocus: float = 0.0


class Job(NamedTuple):
    """What was asked for, as the options of `reconstruct` have it."""

    data: Path
    output: Path | None = None
    solver: str = "nesterov"
    epochs: int = 60
    batch_size: int | None = None
    step: list[str] | None = None
    noise: str = "amplitude"
    modes: int = 1
    start: str | None = None
    opening: Opening = Opening()
    hold_probe: int | None = None
    seed: int = 0
    precision: str = "single"
    key: list[str] | None = None

    @property
    def result_path(self) -> Path:
        """Where the result goes."""
        return self.output or Path(f"{self.data.stem}_result.h5")


class Stage(NamedTuple):
    """Some epochs of a run with the same parameters free and the same noise model."""

    epochs: int
    trainable: tuple[str, ...]
    noise: "AbstractNoise"


def run(job: Job, json: bool = False) -> "Result":
    """Read, reconstruct and save; after an interrupt (status 130) or a failure (2) it saves what there is."""
    from ptychograd._files import read
    from ptychograd._result import NonFiniteError
    from ptychograd.cli._engine import prepare

    prepare(job.precision)
    solver = make_solver(job)
    _check_output(job)
    data = read(job.data, pairs(job.key, "key"))
    for note in data.notes:
        errors.print(f"{job.data.name}: {note}", style="dim", soft_wrap=True)
    model = make_model(job, data)
    begin = time.perf_counter()
    try:
        result = _reconstruct(job, data, model, solver)
    except NonFiniteError as problem:
        _save(job, problem.result)
        errors.print(f"ptychograd: {problem} It is in {job.result_path}.", style="red", soft_wrap=True)
        sys.exit(FAILED)
    seconds = time.perf_counter() - begin
    result = _save(job, result)
    _report(job, result, data.count, seconds, json)
    if result.stopped == "interrupted":
        sys.exit(INTERRUPTED)
    return result


def make_solver(job: Job) -> "AbstractSolver":
    """The solver that was named."""
    from ptychograd._solvers import PIE, ADePIE, Nesterov, adam

    steps = numbers(job.step, "step")
    if steps and job.solver != "adam":
        raise InputError(f"--step is for adam; {job.solver} finds its own step sizes.")
    if job.solver == "adam":
        if not steps:
            raise InputError("adam needs step sizes, for example --step object=0.01 --step probe=1.0.")
        return adam(steps)
    if job.solver == "nesterov":
        return Nesterov()
    return {"rpie": PIE(RPIE_ALPHA), "epie": PIE(), "ad-epie": ADePIE()}[job.solver]


def make_model(job: Job, data: "Dataset") -> "Ptychography":
    """The model with which the run starts."""
    from ptychograd._recipes import far_field
    from ptychograd._starts import aperture, flat_object, focal_spot, mean_pattern, pinhole, random_object
    from ptychograd.cli._engine import complex_dtype

    sizes = {aperture: job.opening.aperture, pinhole: job.opening.pinhole, focal_spot: job.opening.focal_spot}
    given = [opening(size, job.opening.defocus) for opening, size in sizes.items() if size is not None]
    if len(given) > 1:
        raise InputError("Give one of --aperture, --pinhole and --focal-spot, not several.")
    if not given and (data.probe is None or job.opening.defocus):
        given = [mean_pattern(job.opening.defocus)]
        errors.print("start probe: estimated from the mean pattern", style="dim")
    start = job.start or ("flat" if data.support is None else "random")
    return far_field(
        data,
        probe=given[0] if given else None,
        object=flat_object if start == "flat" else random_object(job.seed),
        modes=job.modes,
        dtype=complex_dtype(job.precision),
    )


def _stages(job: Job) -> list[Stage]:
    """The probe held first, the Poisson likelihood last, and what is between."""
    from ptychograd._noise import Amplitude, Poisson

    held = HOLD_PROBE[job.solver] if job.hold_probe is None else job.hold_probe
    held = min(max(held, 0), job.epochs)
    counting = math.ceil(POISSON_SHARE * job.epochs) if job.noise == "poisson" else 0
    counting = min(counting, job.epochs - held)
    middle = job.epochs - held - counting
    stages = [Stage(held, OBJECT, Amplitude()), Stage(middle, BOTH, Amplitude()), Stage(counting, BOTH, Poisson())]
    return [stage for stage in stages if stage.epochs] or [stages[1]]


def _reconstruct(job: Job, data: "Dataset", model: "AbstractModel", solver: "AbstractSolver") -> "Result":
    """All stages, one after another."""
    from ptychograd._reconstruct import check_solver, reconstruct
    from ptychograd.cli._progress import EpochBar

    batch_size = min(BATCH_SIZES[job.solver], data.count) if job.batch_size is None else job.batch_size
    stages = _stages(job)
    for stage in stages:
        check_solver(model, solver, stage.trainable, stage.noise)
    result = None
    with EpochBar(job.epochs) as bar:
        for stage in stages:
            result = reconstruct(
                model,
                data,
                solver,
                epochs=stage.epochs,
                batch_size=batch_size,
                trainable=stage.trainable,
                noise=stage.noise,
                seed=job.seed,
                resume=result,
                planned=job.epochs,
                on_epoch=bar.advance,
            )
            if result.stopped == "interrupted":
                break
    if result is None:
        raise InputError("Nothing to do.")
    return result


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
    options = job._asdict() | {"data": str(job.data), "output": str(job.result_path)}
    result = result._replace(settings=result.settings | {"options": options | {"opening": job.opening._asdict()}})
    result.save(job.result_path)
    return result


def _report(job: Job, result: "Result", count: int, seconds: float, json: bool) -> None:
    history = result.history
    speed = count / statistics.median(history.seconds[1:] or history.seconds) if history.epochs else 0.0
    r_factor = f"R = {history.r_factor[-1]:.4f}" if history.epochs else "the start"
    output.print(
        f"{job.result_path}: {r_factor} after {history.epochs} epochs, {seconds:.1f} s, "
        f"{speed:,.0f} patterns/s ({result.stopped}).",
        soft_wrap=True,
    )
    if json:
        figures = {
            "r_factor": history.r_factor[-1] if history.epochs else None,
            "epochs": history.epochs,
            "seconds": seconds,
            "patterns_per_second": speed,
        }
        output.print(json_format.dumps(figures), soft_wrap=True)
