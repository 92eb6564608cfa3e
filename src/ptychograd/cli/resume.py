"""`ptychograd resume`: from a result to the end of its run, or to more epochs."""

import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ptychograd.cli.asked import Effects
from ptychograd.cli.checkpoints import Keeping
from ptychograd.cli.console import output as console
from ptychograd.cli.console import tell_json
from ptychograd.cli.machine import Machine
from ptychograd.cli.options import Json, OptionalWhole, Options
from ptychograd.cli.places import held_share
from ptychograd.core.errors import InputError

if TYPE_CHECKING:
    from ptychograd.fitting.result import Result


def resume(
    result: Path,
    /,
    *,
    epochs: OptionalWhole = None,
    data: Path | None = None,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    keeping: Keeping = Keeping(),  # noqa: B008
    machine: Machine = Machine(),  # noqa: B008
    json: Json = False,
) -> None:
    """Go on with a run that was interrupted, bit for bit as if it had not been (on a CPU, with as many devices).

    All options are those of the run; so are devices and memory, unless others are given.

    Args:
        result: What `reconstruct` wrote; a checkpoint will do.
        epochs: The epochs of the whole run, in place of those that were planned; a finished run goes on, too.
        data: The data file, if it is elsewhere now.
        output: The result file; RESULT by default.
    """
    from ptychograd.cli.job import HELD_OUT, Job, figures, run, tell_replaced
    from ptychograd.data.files import RESULT, require_replaceable
    from ptychograd.fitting.result import load
    from ptychograd.runs.progress import RunProgress

    begun = load(result)
    options = stored_options(result, begun)
    run_progress, done = RunProgress.of(begun.settings), begun.history.epochs
    share = held_share(options.hold_out, options.refine or (), 1)
    is_measured = not share or HELD_OUT in begun.settings  # which is done after the run
    if run_progress.is_over and is_measured and epochs in (None, done):
        text = f"{result}: the run is over after {done} epochs ({begun.stopped}); --epochs {done + 1} or more goes on."
        console.print(text, soft_wrap=True)
        if json:
            tell_json(figures(begun))
        return
    goal = None if run_progress.is_over and epochs == done else epochs
    if goal is not None:
        run_progress.towards(goal, done)  # what can't be is said before the data are read
    if output is not None and not (output.exists() and output.samefile(result)):
        require_replaceable(output, RESULT)
        tell_replaced(output)
    run(
        Job(data or stored_data(result, begun), output or result, options, keeping, machine, resume=begun, epochs=goal),
        json,
    )


def stored_options(path: Path, result: "Result") -> Options:
    """The options of the run that the result is of."""
    from ptychograd.cli.saving import FINGERPRINT
    from ptychograd.fitting.result import require_present_version

    settings = result.settings
    if "asked" in settings:
        raise InputError(
            f"{path} is one run of a sweep, kept without the solver's state; call the sweep's command again."
        )
    require_present_version(result.settings, str(path))
    stored = settings.get("options")
    if not isinstance(stored, Mapping) or FINGERPRINT not in settings or "run_progress" not in settings:
        raise InputError(
            f"{path} does not say with which options it was made; results of `ptychograd reconstruct` do (with "
            "--follow those written after the scan had ended). A result saved from Python goes on in Python, with "
            "`reconstruct(..., resume=load(...))`; `pg.quality.residuals` shows what it does not explain."
        )
    given = {name: value for name, value in stored.items() if name not in ("data", "output")}
    given.setdefault("allow_masked", True)  # by a version that did not ask
    effects = given.get("effects", {})
    unknown = sorted(given.keys() - {field.name for field in fields(Options)})
    unknown += sorted(effects.keys() - {field.name for field in fields(Effects)})
    if unknown:
        raise InputError(f"{path} has options unknown to this version: {', '.join(unknown)}; use a newer ptychograd.")
    return Options(**{**given, "effects": Effects(**effects)})


def stored_data(path: Path, result: "Result") -> Path:
    """The data file of the run: as seen from where that was started, or from here, or beside the result."""
    from ptychograd.output.captions import FOLDER

    stored = Path(result.settings["options"]["data"])
    then = Path(result.settings.get(FOLDER, "."), stored)
    without = Path(os.path.normpath(then))  # where "../" leads from a folder that is no more
    places = dict.fromkeys((then, without, stored, path.parent / stored.name))
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        where = ", ".join(map(str, places))
        raise InputError(f"The data of {path} are not there (looked for: {where}); name their file with --data.")
    return stored if stored.is_file() and stored.samefile(found) else found
