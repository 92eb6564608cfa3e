"""With which plan a run goes on that was made before."""

from pathlib import Path

from ptychograd.core.errors import InputError
from ptychograd.fitting.result import Result, require_present_version
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.setting_names import FINGERPRINT, PLAN


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


def fields_of_first_part(plan: Plan) -> dict[str, object]:
    """Fields of a plan that were for the run's first part alone, as they are without being said."""
    alone = {"data.follow": False, "output.stop_after": None}
    alone |= dict.fromkeys(("machine.coordinator", "machine.processes", "machine.rank"))
    return {path: value for path, value in alone.items() if plan.field(path) != value}
