"""The plan of a run: everything that it is asked for, in one object that is checked, saved and performed."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ptychograd.core.errors import InputError
from ptychograd.runs.plan.toml import require_toml
from ptychograd.runs.plan.whole import PlanFields

if TYPE_CHECKING:
    from ptychograd.data.dataset import Dataset, StreamFromFile
    from ptychograd.fitting.reconstruction import Progress
    from ptychograd.fitting.result import Result
    from ptychograd.physics.model import AbstractModel
    from ptychograd.runs.stage import Run, Stage


class Plan(PlanFields):
    """All that a run is asked for: data, geometry, model, fit, validation, output and machine.

    It is written in Python, read from TOML (`Plan.load`), or made from options of the command line; the same plan gives
    the same bytes. A plan never changes: `plan.with_fields({"fit.epochs": 100})` is another one.

    Args:
        version: of the plan's form; a newer one than this package knows is refused.
        seed: of the order of patterns, of a random start, and of the choice of the patterns held out.
        data: files, and how they are read.
        geometry: lengths in place of the file's.
        model: kind, start, and what the model has beside the ideal.
        fit: solver, epochs or stages, noise, what is refined, priors and constraints.
        validation: patterns that are held out, and what they judge.
        output: where the result goes, and how often it is saved meanwhile.
        machine: devices, memory and precision.

    Example:
        >>> plan = pg.Plan(data={"paths": "scan.h5"}, geometry={"energy": "8 keV"}, fit={"epochs": 100})
        >>> plan.with_fields({"fit.solver.momentum": 0.9}).fit.solver.momentum
        0.9
    """

    if TYPE_CHECKING:  # sections may be dictionaries, which a checker of types does not know

        def __init__(self, **sections: object): ...

    def check(self) -> None:
        """Raise `InputError` for fields that do not go together; no data are read."""
        from ptychograd.runs.plan.making import check

        check(self)

    def read(self, keep: "StreamFromFile | None" = None) -> "Dataset":
        """The data set that the plan names.

        Args:
            keep: when patterns stay in their file; by default they are all read.
        """
        from ptychograd.runs.plan.reading import read_data

        return read_data(self, keep)

    def make_model(self, data: "Dataset") -> "AbstractModel":
        """The start model of a data set."""
        from ptychograd.runs.plan.start import make_model

        return make_model(self, data)

    def make_plain_model(self, data: "Dataset") -> "AbstractModel":
        """The start model of a data set without what the plan asks for beside the ideal."""
        from ptychograd.runs.plan.start import plain_model

        return plain_model(self, data)

    def make_stages(self, data: "Dataset", model: "AbstractModel | None" = None) -> "tuple[Stage, ...]":
        """The stages of the run, one after another."""
        from ptychograd.runs.plan.stages import make_stages

        return make_stages(self, data, self.make_model(data) if model is None else model)

    def make_run(self, data: "Dataset") -> "Run":
        """The run of a data set, of which all patterns are fitted."""
        from ptychograd.runs.plan.making import make_run

        return make_run(self, data)

    def run(self, on_epoch: "Callable[[Progress], None] | None" = None, resume: "Result | None" = None) -> "Result":
        """Read the data, reconstruct, judge by held-out patterns, and save the result where the plan names a file.

        It computes on one device; checkpoints, devices and scans that are followed are for the commands.

        Args:
            on_epoch: is called with a `Progress` after each epoch.
            resume: an earlier result of the same plan to go on from.

        Returns:
            the result, which carries the plan.
        """
        from ptychograd.runs.planned import PlannedRun

        self.check()
        if self.data.each and len(self.data.paths) > 1:
            raise InputError(
                "`data.each`: every file has a run of its own; make a plan for each of them and run these."
            )

        def after_epoch(progress: "Progress") -> None:
            if on_epoch is not None:
                on_epoch(progress)
            if progress.epoch == self.output.stop_after:
                raise KeyboardInterrupt

        planned = PlannedRun.of(self, self.read(), resume=resume)
        result = planned.validated(planned.perform(after_epoch, resume))
        if self.output.result is not None:
            result.save(self.output.result)
        return result


def require_place(path: Path) -> None:
    """Raise `InputError` for a name at which no plan can be written, or at which something else is."""
    from ptychograd.data.files import require_writable

    require_toml(path)
    require_writable(path)
    require_replaceable_plan(path)


def require_replaceable_plan(path: Path) -> None:
    """Raise `InputError` unless a plan that is written there replaces nothing, or another plan."""
    if not path.exists():
        return
    try:
        Plan.load(path)
    except InputError:
        raise InputError(
            f"{path} is there and is no plan that can be read: it would be lost. Give another name, or remove it."
        ) from None


def plan_of_file(path: Path) -> Plan:
    """The plan of a result in a file, with its own files as they are called from here."""
    from ptychograd.fitting.result import load
    from ptychograd.runs.setting_names import FOLDER

    result = load(path)
    try:
        asked = Plan.of_result(result)
    except InputError as problem:
        raise InputError(f"{path}: {problem}") from None
    return asked.seen_from(str(result.settings.get(FOLDER, ".")))
