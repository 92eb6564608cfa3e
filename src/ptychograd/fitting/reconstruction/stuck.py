"""What of a start can't move, as no derivative leads away from it: told before a run, for models of any making."""

from collections.abc import Iterator, Sequence

from ptychograd.core.parameters import matches, named_parameters
from ptychograd.physics.model import AbstractModel, parts_of


def stuck(model: AbstractModel, trainable: Sequence[str]) -> Iterator[str]:
    """A sentence for every refined parameter that would stay as it is, and how to begin otherwise, as its part says."""
    free = {path for path in named_parameters(model) if any(matches(path, name) for name in trainable)}
    for name, part in parts_of(model).items():
        yield from part.stuck(name, free)
