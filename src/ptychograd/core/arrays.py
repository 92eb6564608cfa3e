"""What several rooms do to arrays: moving an image, and telling what of a volume is bright."""

import numpy as np
from jaxtyping import Float, Inexact
from scipy.ndimage import fourier_shift

from ptychograd.core.fourier import exact_fft, exact_ifft

BRIGHTEST = 50  # voxels from which a crystal's own magnitude is told, be it large or small


def shifted(image: Inexact[np.ndarray, "..."], shift: Float[np.ndarray, "axis"]) -> Inexact[np.ndarray, "..."]:
    """The image moved by `shift` pixels, band-limited, around the edges."""
    return exact_ifft(fourier_shift(exact_fft(image), shift))


def own_magnitude(blurred: Float[np.ndarray, "..."]) -> float:
    """The magnitude of a crystal among voxels that are none: that of the brightest ones."""
    ordered = np.sort(blurred, axis=None)
    return float(ordered[-min(BRIGHTEST, ordered.size)])
