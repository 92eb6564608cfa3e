"""First guesses of the object."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Complex

from ptychograd.core.errors import check_seed

ObjectStart = Callable[[tuple[int, ...]], np.ndarray]


def flat_object(shape: tuple[int, ...]) -> Complex[np.ndarray, "..."]:
    """A start object for recipes that transmits 1 everywhere, for weak objects.

    Args:
        shape: of the object's array, in object pixels; the recipe gives it.

    Example:
        >>> model = pg.far_field(data, object=pg.models.flat_object)
        >>> bool((model.object.transmission == 1).all())
        True
    """
    return np.ones(shape, complex)


def random_object(seed: int = 0) -> ObjectStart:
    """A start object for recipes: amplitudes from 0 to 1 and phases from 0 to π by chance, the paper's (section 3.3).

    Args:
        seed: of amplitudes and phases.

    Returns:
        a function that makes the object for a shape, as `far_field` takes it for `object`.

    Example:
        >>> pg.far_field(data, object=pg.models.random_object(seed=1)).object.transmission.shape
        (53, 47)
    """

    check_seed(seed)

    def start(shape):
        rng = np.random.default_rng([seed, 1])
        return rng.uniform(0, 1, shape) * np.exp(1j * np.pi * rng.uniform(0, 1, shape))

    return start
