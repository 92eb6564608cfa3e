"""Noise models whose numbers come from a data set."""

import jax.numpy as jnp
import numpy as np

from ptychograd.core.strict import meant
from ptychograd.data.dataset import Dataset
from ptychograd.physics.noise import Gaussian

PIXELS_AT_ONCE = 2**24


@meant
def gaussian_noise(data: Dataset, readout: float) -> Gaussian:
    """Gaussian noise with a variance of its own for every pixel: its mean photons and the square of `readout`, rms.

    Example:
        noise = gaussian_noise(data, readout=2.0)
        reconstruct(model, data, Nesterov(), noise=noise, epochs=60)
    """
    step, brightest = max(1, PIXELS_AT_ONCE // int(np.prod(data.frame_shape))), np.zeros(data.frame_shape)
    for first in range(0, data.count, step):
        patterns, mask = data.frames(slice(first, first + step))
        brightest = np.maximum(brightest, np.max(np.where(mask, patterns, 0), axis=0, initial=0))
    variance = jnp.asarray(data.mean_pattern + readout**2, float)
    return Gaussian(variance, jnp.maximum(jnp.asarray(brightest, float), variance))
