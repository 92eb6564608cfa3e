"""With which plan a run goes on that was made before."""

from collections.abc import Sequence
from pathlib import Path

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import Dataset
from ptychograd.data.files import RESULT, require_replaceable
from ptychograd.fitting.result import Result, require_present_version
from ptychograd.runs.job import note_replaced
from ptychograd.runs.machine import in_file
from ptychograd.runs.origins import found_data
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.progress import RunProgress
from ptychograd.runs.setting_names import FINGERPRINT, HELD_OUT, PLAN


def stored_plan(path: Path, result: Result, trusted: bool = False) -> Plan:
    """The plan of the run that the result is of."""
    settings = result.settings
    if "asked" in settings:
        raise InputError(
            f"{path} is one run of a sweep, kept without the solver's state; call the sweep's command again."
        )
    require_present_version(result.settings, str(path))
    if PLAN not in settings or FINGERPRINT not in settings or "run_progress" not in settings:
        raise InputError(
            f"{path} does not say with which plan it was made; results of `ptychograd reconstruct` do (with "
            "--follow those written after the scan had ended). A result saved from Python goes on in Python, with "
            "`reconstruct(..., resume=load(...))`; `pg.quality.residuals` shows what it does not explain."
        )
    return Plan.of_result(result, trusted)


def plan_again(path: Path, result: Result, data: Sequence[Path], trusted: bool = False) -> Plan:
    """The plan of the run that a result is of, on this machine, for looking at its data again.

    Args:
        path: of the result.
        result: itself.
        data: the files, if they are elsewhere now.
        trusted: whether a module that the plan names may be imported.
    """
    plan = stored_plan(path, result, trusted)
    files = [str(file) for file in data or found_data(path, result.settings)]
    return plan.with_fields({"machine": {"precision": plan.machine.precision}, "data.paths": files})


def read_again(path: Path, result: Result, plan: Plan) -> Dataset:
    """The data of a result. Raises `InputError` for others than it was made from."""
    measured = plan.read(in_file(plan.machine))
    if measured.fingerprint != result.settings[FINGERPRINT]:
        raise InputError(
            f"{', '.join(plan.data.paths)} holds other data than {path} was made from; name the right file."
        )
    return measured


def continued_plan(path: Path, result: Result, plan: Plan, data: Sequence[Path], output: Path | None) -> Plan:
    """The plan of the rest of a run.

    Args:
        path: of the result so far.
        result: itself.
        plan: of the run.
        data: the files, if they are elsewhere now.
        output: where the result goes; by default it takes the place of the one so far.

    Raises:
        InputError: its place is taken by something else, or the data are not there.
    """
    if output is not None and not (output.exists() and output.samefile(path)):
        require_replaceable(output, RESULT)
        note_replaced(output)
    files = [str(file) for file in data or found_data(path, result.settings)]
    places = {"data.paths": files, "output.result": str(output or path)}
    return plan.with_fields(places | fields_of_first_part(plan))


def over_line(path: Path, result: Result, plan: Plan, epochs: int | None) -> str:
    """That a run is over, in words; nothing where it goes on, to its end or to so many epochs."""
    done = result.history.epochs
    is_measured = not plan.holds_out or HELD_OUT in result.settings  # which is done after the run
    if not (RunProgress.of(result.settings).is_over and is_measured and epochs in (None, done)):
        return ""
    return f"{path}: the run is over after {done} epochs ({result.stopped}); --epochs {done + 1} or more goes on."


def epochs_to_reach(result: Result, epochs: int | None) -> int | None:
    """The epochs of the whole run, in place of those that were planned; None if these stay.

    Raises:
        InputError: it can't go on to so many.
    """
    progress, done = RunProgress.of(result.settings), result.history.epochs
    if epochs is None or (progress.is_over and epochs == done):
        return None
    progress.towards(epochs, done)
    return epochs


def fields_of_first_part(plan: Plan) -> dict[str, object]:
    """Fields of a plan that were for the run's first part alone, as they are without being said."""
    alone = {"data.follow": False, "output.stop_after": None}
    alone |= dict.fromkeys(("machine.coordinator", "machine.processes", "machine.rank"))
    return {path: value for path, value in alone.items() if plan.field(path) != value}
