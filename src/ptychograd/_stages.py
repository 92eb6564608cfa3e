"""The stages that a kind of experiment takes."""

from collections.abc import Sequence

from ptychograd._dataset import Dataset
from ptychograd._errors import InputError
from ptychograd._escapes import AbstractEscape, BeamShift, ShrinkWrap
from ptychograd._judging import PATHS, PositionsJudged, PositionsSearched
from ptychograd._noise import Poisson
from ptychograd._parameters import matches
from ptychograd._run import Stage

OBJECT = ("object",)
SEARCH_SHARE = 0.6  # of the epochs, to find the crystal among its ghosts and its place along the beam
BEGIN, BEFORE, AFTER = 2, 3, 3  # parts of the search: without shrink-wrap, and with it before and after the shift
PARTS = BEGIN + BEFORE + 1 + AFTER
FEWEST = PARTS + 1  # epochs: one a part, and one at the end
JUDGED = 0.6  # of the epochs in which positions are refined: before steps get small
OFFSET = "scan.offset"
SEARCHED = (0.25, 0.45)  # of these epochs: when most of the object is right
TRIAL = 0.15  # of these epochs: so long both ways are fitted to be judged


def crystal_stages(epochs: int) -> tuple[Stage, ...]:
    """Stages for a crystal whose beam is known: the search, with shrink-wrap and a shift, then the Poisson likelihood.

    Most pixels of a rocking curve hold no photon or one, which amplitudes misjudge (measured: docs/benchmarks.md).
    The shifts that are tried take seven epochs beside these. Raises `InputError` for fewer than ten.
    """
    search = crystal_search(epochs)
    rest = epochs - sum(stage.epochs for stage in search)
    return (*search, Stage(rest, OBJECT, Poisson(), first=(ShrinkWrap(),)))


def crystal_search(epochs: int) -> tuple[Stage, ...]:
    """The first 60 to 70 % of so many epochs, after which the crystal has lost its ghosts and found its place."""
    if epochs < FEWEST:
        raise InputError(f"{epochs} epochs are too few to find a crystal; give {FEWEST} or more.")
    each = max(1, round(SEARCH_SHARE * epochs / PARTS))
    each -= PARTS * each >= epochs
    wrapped = Stage(each, OBJECT, first=(ShrinkWrap(),))
    shifted = wrapped._replace(first=(BeamShift(), ShrinkWrap()))
    return (Stage(BEGIN * each, OBJECT), *[wrapped] * BEFORE, shifted, *[wrapped] * AFTER)


def judged(stages: Sequence[Stage], held: Dataset) -> tuple[Stage, ...]:
    """The stages with refined positions judged by the patterns `held` out, after 60 % of the epochs that refine them.

    Stages that refine no position of a scan are as they were.
    """
    epochs = sum(stage.epochs for stage in stages if any(map(_is_of_scan, stage.trainable)))
    return _with_first(stages, JUDGED, PositionsJudged(held, max(1, round(TRIAL * epochs))))


def searched(stages: Sequence[Stage], data: Dataset) -> tuple[Stage, ...]:
    """The stages with positions searched (see `PositionsSearched`) after 25 and 45 % of the epochs that refine them.

    Stages that refine no offsets of positions are as they were.
    """
    if not any(matches(OFFSET, path) for stage in stages for path in stage.trainable):
        return tuple(stages)
    for share in reversed(SEARCHED):
        stages = _with_first(stages, share, PositionsSearched(data))
    return tuple(stages)


def _with_first(stages: Sequence[Stage], share: float, escape: AbstractEscape) -> tuple[Stage, ...]:
    """The stages with something done after that share of the epochs in which positions are refined."""
    refining = [number for number, stage in enumerate(stages) if any(map(_is_of_scan, stage.trainable))]
    left, changed = round(share * sum(stages[number].epochs for number in refining)), list(stages)
    for number in refining:
        stage = stages[number]
        if left < stage.epochs or number == refining[-1]:
            begin, rest = min(left, stage.epochs), stage.epochs - min(left, stage.epochs)
            parts = [stage._replace(epochs=begin)] if begin else []
            after = stage._replace(epochs=rest, first=(escape,) if begin else (*stage.first, escape))
            changed[number : number + 1] = [*parts, after]
            break
        left -= stage.epochs
    return tuple(changed)


def _is_of_scan(path: str) -> bool:
    return any(matches(name, path) for name in PATHS)
