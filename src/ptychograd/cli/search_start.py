"""The trials by which `ptychograd auto` would find a start, shown by `diagnose --search`: a table and a picture."""

from pathlib import Path
from typing import TYPE_CHECKING

from ptychograd.cli.console import heard, tell_json
from ptychograd.cli.console import output as console
from ptychograd.cli.pictures import drawn
from ptychograd.cli.placed import leave_unless_there

if TYPE_CHECKING:
    from ptychograd.automatic import StartSearch, StartTrial
    from ptychograd.cli.placed import Placed
    from ptychograd.data.dataset import Dataset

USUAL_TRIALS = 40  # by which the bar moves
SHOWN = 12  # rows of the table


def show_search(data: "Dataset", seed: int, picture: Path | None, folder: Path, json: bool) -> None:
    """Search the start of data, print the best trials, and draw all of them if a picture is wanted."""
    from ptychograd.automatic import find_start
    from ptychograd.cli.progress import ShareBar

    with heard(), ShareBar("starts") as bar:

        def on_trial(trial: "StartTrial") -> None:
            bar.advance(1 / USUAL_TRIALS, f"{trial.candidate.text}: R {trial.r_factor:.4f}")

        found = find_start(data, seed=seed, on_trial=on_trial)
    _print(found)
    where = [] if picture is None else [_drawn(found, picture, folder)]
    if json:
        fields = {path: str(value) for path, value in found.best.candidate.all_fields.items()}
        tell_json({"fields": fields, "notes": found.notes, "standard_errors_to_next": found.errors})
    leave_unless_there(*where)


def _print(found: "StartSearch") -> None:
    from ptychograd.automatic.orientation.preference import errors_apart
    from ptychograd.core.table import text_table

    rows = []
    for trial in found.trials[:SHOWN]:
        one, away = trial.candidate, errors_apart(found.best, trial)
        rows.append((f"{trial.r_factor:.4f}", f"{away:.1f}", one.text, one.placing.text))
    columns = ("held-out R", "standard errors", "start", "positions")
    console.print("\n" + "\n".join(text_table(columns, rows)), soft_wrap=True)
    for note in found.notes:
        console.print(f"{note}.", soft_wrap=True)


def _drawn(found: "StartSearch", picture: Path, folder: Path) -> "Placed":
    from ptychograd.output.plot import start_figure

    trials, best = found.trials, found.best.result
    kinds = [f"{one.candidate.family}, {one.candidate.placing.text}" for one in trials]
    figure = start_figure(
        [one.candidate.width for one in trials], [one.r_factor for one in trials], kinds, best.probe[0], best.object
    )
    return drawn(figure, picture, folder)
