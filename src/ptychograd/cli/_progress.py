"""The progress bar of a reconstruction."""

from types import TracebackType
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from ptychograd.cli._console import errors

if TYPE_CHECKING:
    from ptychograd._reconstruct import Progress as Epoch


class EpochBar:
    """Epochs done, R-factor, patterns per second and remaining time, on standard error."""

    def __init__(self):
        self._bar = Progress(
            TextColumn("epoch"),
            MofNCompleteColumn(),
            BarColumn(),
            TextColumn("{task.fields[facts]}"),
            TimeRemainingColumn(),
            console=errors,
        )
        self._task = self._bar.add_task("epochs", total=None, facts="compiling ...")

    def __enter__(self) -> "EpochBar":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._bar.tasks[0].completed:
            self._bar.update(self._task, visible=False)
        self._bar.stop()

    def advance(self, epoch: "Epoch") -> None:
        """Show one more epoch."""
        facts = f"R {epoch.r_factor:.4f}   {epoch.patterns_per_second:,.0f} patterns/s"
        self._bar.update(self._task, completed=epoch.epoch, total=epoch.epochs, facts=facts)


class ShareBar:
    """How much of a long job is done, what was done last, and remaining time, on standard error."""

    def __init__(self, name: str):
        self._bar = Progress(
            TextColumn(name),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[what]}"),
            TimeRemainingColumn(),
            console=errors,
        )
        self._task = self._bar.add_task(name, total=1.0, what="")

    def __enter__(self) -> "ShareBar":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def advance(self, share: float, what: str) -> None:
        """Another share of the whole is done."""
        self._bar.update(self._task, advance=share, what=what)
