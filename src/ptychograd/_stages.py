"""The stages that a kind of experiment takes."""

from ptychograd._errors import InputError
from ptychograd._escapes import BeamShift, ShrinkWrap
from ptychograd._run import Stage

OBJECT = ("object",)
SEARCH_SHARE = 0.4  # of the epochs, to find the crystal among its ghosts and its place along the beam
ROUNDS = 3  # of shrink-wrap before the shift along the beam, and one after it
FEWEST = ROUNDS + 3  # epochs: one a stage


def crystal_stages(epochs: int) -> tuple[Stage, ...]:
    """Stages for a crystal whose beam is known: shrink-wrap, a shift along the beam, and most epochs after these."""
    search = crystal_search(epochs)
    rest = epochs - sum(stage.epochs for stage in search)
    return (*search, Stage(rest, OBJECT, first=(ShrinkWrap(),)))


def crystal_search(epochs: int) -> tuple[Stage, ...]:
    """The first 40 % of so many epochs, after which the crystal has lost its ghosts and found its place."""
    if epochs < FEWEST:
        raise InputError(f"{epochs} epochs are too few to find a crystal; give {FEWEST} or more.")
    each = max(1, round(SEARCH_SHARE * epochs / (ROUNDS + 3)))
    wrapped = Stage(each, OBJECT, first=(ShrinkWrap(),))
    begin = Stage(max(1, min(2 * each, epochs - FEWEST + 1)), OBJECT)
    return (begin, *[wrapped] * ROUNDS, Stage(each, OBJECT, first=(BeamShift(), ShrinkWrap())))
