"""The progress of a long job: a bar on a terminal, elsewhere a line now and then, for the log of a batch job."""

from abc import ABC
from collections.abc import Callable
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

import ptychograd as pg
from ptychograd.cli.console import errors, note
from ptychograd.output.progress_log import ProgressLog
from ptychograd.runs.signals import ending

USUAL_TRIALS = 40  # of a search of the start, by which its bar moves
AnyShown = TypeVar("AnyShown", bound="AbstractShown")


class AbstractShown(ABC):
    """A long job that is shown on standard error: by a bar where one can move, else by lines."""

    _shown: "_Bar | ProgressLog"

    def __enter__(self: AnyShown) -> AnyShown:
        self._shown.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._shown.stop()


class EpochBar(AbstractShown):
    """Epochs done (or what else is counted), R-factor, patterns per second and remaining time."""

    def __init__(self, counted: str = "epoch"):
        columns = MofNCompleteColumn(), BarColumn()
        self._shown = _shown(counted, "compiling ...", columns, None, lambda done, of: f"{done:g} of {of:g}")

    def advance(self, epoch: "pg.fitting.Progress") -> None:
        """Show one more epoch; a run that was asked to end goes no further."""
        ending.insist()
        facts = f"R {epoch.r_factor:.4f}", f"{epoch.patterns_per_second:,.0f} patterns/s"
        self._shown.show(float(epoch.epoch), float(epoch.epochs), *facts)


class ShareBar(AbstractShown):
    """How much of a long job is done, what was done last, and remaining time."""

    def __init__(self, name: str):
        columns = BarColumn(), TaskProgressColumn()
        self._shown = _shown(name, "begun", columns, 1.0, lambda done, of: f"{done / of:.0%}")
        self._done = 0.0

    def advance(self, share: float, what: str) -> None:
        """Another share of the whole is done; a job that was asked to end goes no further."""
        ending.insist()
        self._done += share
        self._shown.show(self._done, 1.0, what)

    def trial(self, code: int, r_factor: float) -> None:
        """One of the eight orientations was tried."""
        self.advance(1 / 8, f"{code}: R {r_factor:.4f}")

    def start_trial(self, trial: "pg.automatic.StartTrial") -> None:
        """One of the usual number of starts was tried."""
        self.advance(1 / USUAL_TRIALS, f"{trial.candidate.text}: R {trial.r_factor:.4f}")


def _shown(
    name: str, begin: str, columns: tuple, total: float | None, amount: Callable[[float, float], str]
) -> "_Bar | ProgressLog":
    """A bar where it can move, on a terminal that knows how to go back; else lines."""
    can_move = errors.is_terminal and not errors.is_dumb_terminal
    return _Bar((TextColumn(name), *columns), total, begin) if can_move else ProgressLog(name, amount, begin, note)


class _Bar:
    """A bar that moves."""

    def __init__(self, columns: tuple, total: float | None, facts: str):
        self._bar = Progress(*columns, TextColumn("{task.fields[facts]}"), TimeRemainingColumn(), console=errors)
        self._task = self._bar.add_task("", total=total, facts=facts)

    def start(self) -> None:
        self._bar.start()

    def show(self, done: float, total: float, *facts: str) -> None:
        self._bar.update(self._task, completed=done, total=total, facts="   ".join(facts))

    def stop(self) -> None:
        if not self._bar.tasks[0].completed:
            self._bar.update(self._task, visible=False)
        self._bar.stop()
