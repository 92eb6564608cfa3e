"""Start objects with which some patterns could never move: brought to where they can, with a warning."""

import warnings

import numpy as np
from jaxtyping import Bool, Complex, Float

DARK = 1e-12  # of the power of a probe behind the brightest pixel: such an exit wave is none
FAR_OFF = 1e3  # magnitude of a transmission, or one over it, from which no run finds back


def able_to_move(
    start: Complex[np.ndarray, "height width"],
    intensity: Float[np.ndarray, "y x"],
    corners: Float[np.ndarray, "index 2"],
    support: Bool[np.ndarray, "height width"] | None,
) -> Complex[np.ndarray, "height width"]:
    """The start object without windows in which nothing of the probe comes through, and about as bright as 1.

    Where an exit wave is 0, so are the derivatives by probe and object, and both stay as they are.
    """
    seen = start if support is None else np.where(support, start, 1)
    largest = float(np.max(np.abs(seen)))
    magnitude = np.abs(seen / largest) if largest > 0 else np.zeros(seen.shape)
    size = largest * np.sqrt(np.average(magnitude**2))
    if largest > 0 and (size > FAR_OFF or (support is None and size < 1 / FAR_OFF)):
        warnings.warn(
            f"The start object has a root-mean-square transmission of {size:.3g}, from which no run finds back: it is "
            "scaled to 1.",
            stacklevel=2,
        )
        start, largest = (start / largest) * (largest / size), largest / size
    windows = [_window(corner, intensity.shape) for corner in np.round(corners).astype(int)]
    whole = DARK * float(intensity.sum())
    dark = () if magnitude.all() else [w for w in windows if not np.sum(intensity * magnitude[w] ** 2) > whole]
    if not dark:
        return start
    level = 1.0 if support is not None or not largest > 0 else largest * np.sqrt(np.mean(magnitude[magnitude > 0] ** 2))
    warnings.warn(
        f"The start object is 0 in the windows of {len(dark)} of {len(windows)} patterns, which could not move from "
        f"there: it transmits {level:.3g} in them.",
        stacklevel=2,
    )
    filled = start.copy()
    for window in dark:
        filled[window] = np.where(magnitude[window] ** 2 <= DARK, level, filled[window])
    return filled


def _window(corner: np.ndarray, shape: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(slice(first, first + size) for first, size in zip(corner, shape, strict=True))
