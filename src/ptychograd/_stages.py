"""The stages that a kind of experiment takes."""

from ptychograd._errors import InputError
from ptychograd._escapes import BeamShift, ShrinkWrap
from ptychograd._noise import Poisson
from ptychograd._run import Stage

OBJECT = ("object",)
SEARCH_SHARE = 0.6  # of the epochs, to find the crystal among its ghosts and its place along the beam
BEGIN, BEFORE, AFTER = 2, 3, 3  # parts of the search: without shrink-wrap, and with it before and after the shift
PARTS = BEGIN + BEFORE + 1 + AFTER
FEWEST = PARTS + 1  # epochs: one a part, and one at the end


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
