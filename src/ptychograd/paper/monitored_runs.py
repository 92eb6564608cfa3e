"""Runs of a figure: watched on their way, kept when they are done, and not done again."""

from collections.abc import Callable, Mapping

from ptychograd.core.version import __version__
from ptychograd.fitting.reconstruction import INTERRUPTED, Progress
from ptychograd.fitting.result import Result
from ptychograd.paper.report import Reproduction
from ptychograd.quality.comparison import compare_with_truth
from ptychograd.runs.archive import archived, keep
from ptychograd.runs.run import perform
from ptychograd.runs.stage import Run

Describe = Callable[[Progress, Mapping[str, float]], str]


def monitored(
    place: Reproduction, name: str, run: Run, *, figure: int, every: int, share: float, text: Describe
) -> Result:
    """The result of a run, with its errors after `every` so many epochs as "curve" in its settings.

    Args:
        name: of the run in the folder; found there, it is not done again.
        share: of the whole figure that this run is.
        words: for whoever waits, from the last epoch and the last errors.
    """
    what = {"figure": figure, "version": __version__, **run.summary}
    found = archived(place.folder, name, what)
    if found is not None:
        place.tell(share, name)
        return found
    epochs = sum(stage.epochs for stage in run.stages)
    curve: dict[str, list] = {}
    errors: dict[str, float] = {}

    def on_epoch(progress: Progress) -> None:
        if progress.epoch % every == 0:
            errors.update(compare_with_truth(progress.so_far(), run.data))
            for key, value in {"epoch": progress.epoch, "loss": progress.loss, **errors}.items():
                curve.setdefault(key, []).append(value)
        place.tell(share / epochs, text(progress, errors))

    result = perform(run, on_epoch)
    if result.stopped == INTERRUPTED:
        raise KeyboardInterrupt
    result = result._replace(settings=result.settings | {"curve": curve})
    keep(place.folder, name, result, what)
    return result
