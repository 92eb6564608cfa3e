"""Waves that a lens focuses, from its pupil: which frequencies it lets through, and with which phase."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Complex, Float

from ptychograd.core.errors import InputError
from ptychograd.core.fourier import centred, exact_ifft, uncentred
from ptychograd.models.starts.free_space import tell_what_is_lost
from ptychograd.models.starts.windows import Lengths

LARGEST = 16  # windows along each axis, of the array in which a wave is made
LEAST = 2  # the same: a focus has tails beyond its window

Shape = tuple[int, int]
Amplitude = Callable[[Shape, Lengths], Float[np.ndarray, "y x"]]
Phase = Callable[[Float[np.ndarray, "y 1"], Float[np.ndarray, " x"]], Float[np.ndarray, "..."]]


def wave_of_pupil(
    amplitude: Amplitude, phase: Phase, reach: Lengths, shape: Shape, sampling: Lengths
) -> Complex[np.ndarray, "y x"]:
    """The wave whose spectrum is a pupil, about the window's middle pixel; what is beyond the window is gone.

    Its frequencies are as fine as the beam's width asks for, not the window's: an array that is not filled to the
    detector's edge holds light that goes far before it would come in again at the other side.

    Args:
        amplitude: of a shape and a spacing of frequencies (y, x) in cycles per metre, zero at pixel n // 2.
        phase: in radians, of frequencies along y (a column) and along x in cycles per metre.
        reach: half of the beam's width (y, x) at the sample, in metres, as rays tell it.
        shape: pixels (y, x) of the window.
        sampling: size of a pixel (y, x) in metres.

    Raises:
        InputError: a beam that is many times wider than the window.
    """
    times = [_windows(half, n * pixel) for half, n, pixel in zip(reach, shape, sampling, strict=True)]
    large = (times[0] * shape[0], times[1] * shape[1])
    spacing = (1 / (large[0] * sampling[0]), 1 / (large[1] * sampling[1]))
    fy, fx = ((np.arange(n) - n // 2) * step for n, step in zip(large, spacing, strict=True))
    pupil = amplitude(large, spacing) * np.exp(1j * phase(fy[:, None], fx))
    whole = centred(exact_ifft(uncentred(pupil)))
    starts = [n // 2 - m // 2 for n, m in zip(large, shape, strict=True)]
    wave = whole[starts[0] : starts[0] + shape[0], starts[1] : starts[1] + shape[1]]
    tell_what_is_lost(wave, float(np.sum(np.abs(pupil) ** 2)), sampling)
    return wave


def _windows(half: float, window: float) -> int:
    """How many windows wide an array is, so that a beam does not come into the window from the next one."""
    times = max(LEAST, int(np.ceil(0.5 + half / window)))
    if times > LARGEST:
        raise InputError(
            f"At this distance from its focus the start probe is {2 * half:.3g} m wide, and the window {window:.3g} m: "
            "give a smaller defocus in metres."
        )
    return times


def check_pupil(radius: float, what: str, shape: Shape, sampling: Lengths, wavelength: float) -> None:
    """Raise `InputError` for a pupil, in cycles per metre, wider than the detector or narrower than one of its pixels.

    Args:
        radius: of the pupil.
        what: the lens, as the message begins.
        shape: pixels (y, x) of the window.
        sampling: size of an object pixel (y, x) in metres.
        wavelength: λ in metres.
    """
    for n, pixel in zip(shape, sampling, strict=True):
        edge, step = 1 / (2 * pixel), 1 / (n * pixel)
        if not step / 2 <= radius <= edge:
            angles = [f"{1e3 * wavelength * f:.4g}" for f in (radius, step, edge)]
            raise InputError(
                f"{what} has a cone of ±{angles[0]} mrad; the detector has pixels of {angles[1]} mrad and ends at "
                f"±{angles[2]} mrad: check lengths and wavelength."
            )
