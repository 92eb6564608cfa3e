"""A start probe that was found before, on other pixels."""

import numpy as np
from jaxtyping import Complex

from ptychograd.core.errors import InputError
from ptychograd.core.resampling import about_middle, dark_beyond
from ptychograd.data.dataset import Dataset
from ptychograd.models.starts.windows import Lengths, ProbeStart, Sampling, known_lengths


def resampled(modes: Complex[np.ndarray, "modes y x"], pixel: Lengths) -> ProbeStart:
    """A start probe for recipes: waves on pixels of their own, brought to those of the data, middle on middle.

    Args:
        modes: the waves, as an earlier reconstruction found them, in any unit.
        pixel: of these, (dy, dx), in metres.
    """

    def start(data: Dataset, sampling: Sampling) -> np.ndarray:
        lengths, _ = known_lengths(data, sampling)
        if data.frame_shape == modes.shape[1:] and np.allclose(lengths, pixel, rtol=1e-6, atol=0):
            return modes
        rows, columns = (
            about_middle(n, m, new / old)
            for n, m, new, old in zip(data.frame_shape, modes.shape[1:], lengths, pixel, strict=True)
        )
        found = dark_beyond(modes, rows, columns)
        if not np.any(found):
            raise InputError("The probe is 0 everywhere in the window of these data; give another one.")
        return found

    return start
