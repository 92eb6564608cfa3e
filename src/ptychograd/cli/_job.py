"""One reconstruction from file to file, with progress: what `reconstruct` and `demo` do."""

import json as json_format
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ptychograd._errors import InputError
from ptychograd.cli._console import errors, output
from ptychograd.cli._options import numbers, pairs

if TYPE_CHECKING:
    from ptychograd._dataset import Dataset
    from ptychograd._model import AbstractModel, Ptychography
    from ptychograd._result import Result
    from ptychograd._solvers import AbstractSolver

BATCH_SIZES = {"rpie": 20, "epie": 1, "ad-epie": 1, "adam": 100}
RPIE_ALPHA = 0.1
INTERRUPTED, FAILED = 130, 2


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
    solver: str = "rpie"
    epochs: int = 60
    batch_size: int | None = None
    step: list[str] | None = None
    modes: int = 1
    start: str | None = None
    opening: Opening = Opening()
    hold_probe: int = 1
    seed: int = 0
    precision: str = "single"
    key: list[str] | None = None

    @property
    def result_path(self) -> Path:
        """Where the result goes."""
        return self.output or Path(f"{self.data.stem}_result.h5")


def run(job: Job, json: bool = False) -> "Result":
    """Read, reconstruct and save; after an interrupt (status 130) or a failure (2) it saves what there is."""
    from ptychograd._files import read, require_writable
    from ptychograd._result import NonFiniteError
    from ptychograd.cli._engine import prepare

    prepare(job.precision)
    solver = make_solver(job)
    require_writable(job.result_path)
    data = read(job.data, pairs(job.key, "key"))
    for note in data.notes:
        errors.print(f"[dim]{job.data.name}: {note}[/]", soft_wrap=True)
    model = make_model(job, data)
    begin = time.perf_counter()
    try:
        result = _reconstruct(job, data, model, solver)
    except NonFiniteError as problem:
        problem.result.save(job.result_path)
        errors.print(f"[red]ptychograd:[/] {problem} It is in {job.result_path}.", soft_wrap=True)
        sys.exit(FAILED)
    seconds = time.perf_counter() - begin
    result.save(job.result_path)
    _report(job, result, data.count, seconds, json)
    if result.stopped == "interrupted":
        sys.exit(INTERRUPTED)
    return result


def make_solver(job: Job) -> "AbstractSolver":
    """The solver that was named."""
    from ptychograd._solvers import PIE, ad_epie, adam

    steps = numbers(job.step, "step")
    if steps and job.solver != "adam":
        raise InputError(f"--step is for adam; {job.solver} finds its own step sizes.")
    if job.solver == "adam":
        if not steps:
            raise InputError("adam needs step sizes, for example --step object=0.01 --step probe=1.0.")
        return adam(steps)
    return {"rpie": PIE(RPIE_ALPHA), "epie": PIE(), "ad-epie": ad_epie()}[job.solver]


def make_model(job: Job, data: "Dataset") -> "Ptychography":
    """The model with which the run starts."""
    from ptychograd._recipes import far_field
    from ptychograd._starts import aperture, flat_object, focal_spot, pinhole, random_object
    from ptychograd.cli._engine import complex_dtype

    sizes = {aperture: job.opening.aperture, pinhole: job.opening.pinhole, focal_spot: job.opening.focal_spot}
    given = [(opening, size) for opening, size in sizes.items() if size is not None]
    if len(given) > 1:
        raise InputError("Give one of --aperture, --pinhole and --focal-spot, not several.")
    probe = given[0][0](given[0][1], job.opening.defocus) if given else None
    start = job.start or ("flat" if data.support is None else "random")
    return far_field(
        data,
        probe=probe,
        object=flat_object if start == "flat" else random_object(job.seed),
        modes=job.modes,
        dtype=complex_dtype(job.precision),
    )


def _reconstruct(job: Job, data: "Dataset", model: "AbstractModel", solver: "AbstractSolver") -> "Result":
    """The stage with the probe held, then the one with everything free."""
    from ptychograd._reconstruct import reconstruct
    from ptychograd.cli._progress import EpochBar

    held = min(max(job.hold_probe, 0), job.epochs)
    batch_size = min(BATCH_SIZES[job.solver], data.count) if job.batch_size is None else job.batch_size

    with EpochBar(job.epochs) as bar:

        def stage(epochs: int, trainable: tuple[str, ...], before: "Result | None") -> "Result":
            return reconstruct(
                model if before is None else before.onto(model),
                data,
                solver,
                epochs=epochs,
                batch_size=batch_size,
                trainable=trainable,
                seed=job.seed,
                resume=before,
                on_epoch=bar.advance,
            )

        first = stage(held, ("object",), None) if held else None
        if first is not None and (first.stopped == "interrupted" or held == job.epochs):
            return first
        return stage(job.epochs - held, ("object", "probe"), first)


def _report(job: Job, result: "Result", count: int, seconds: float, json: bool) -> None:
    history = result.history
    speed = count / statistics.median(history.seconds[1:] or history.seconds) if history.epochs else 0.0
    r_factor = history.r_factor[-1] if history.epochs else float("nan")
    output.print(
        f"{job.result_path}: R = {r_factor:.4f} after {history.epochs} epochs, {seconds:.1f} s, "
        f"{speed:,.0f} patterns/s ({result.stopped}).",
        soft_wrap=True,
    )
    if json:
        figures = {
            "r_factor": r_factor,
            "epochs": history.epochs,
            "seconds": seconds,
            "patterns_per_second": speed,
        }
        output.print(json_format.dumps(figures), soft_wrap=True)
