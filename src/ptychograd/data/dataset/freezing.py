"""Arrays that nobody changes any more: what was counted of them once stays true."""

import numpy as np

from ptychograd.core.memory import aligned_empty


def frozen(array: np.ndarray) -> np.ndarray:
    """An array that nobody else holds, which can't be written to from here on, nor through what it is a view of."""
    for one in _chain(array):
        one.flags.writeable = False
    return array


def held_copy(array: np.ndarray) -> np.ndarray:
    """The array if nobody can write to it, else a copy of it, where a CPU device takes it as it is."""
    if not any(one.flags.writeable for one in _chain(array)):
        return array
    fresh = aligned_empty(array.shape, array.dtype)
    fresh[...] = array
    return frozen(fresh)


def shown(array: np.ndarray) -> np.ndarray:
    """The array, or a view of it, that can't be written to."""
    if not array.flags.writeable:
        return array
    view = array.view()
    view.flags.writeable = False
    return view


def _chain(array: object) -> list[np.ndarray]:
    """An array and those that it is a view of."""
    found = []
    while isinstance(array, np.ndarray):
        found.append(array)
        array = array.base
    return found
