"""How alike two phases are after all is taken out that no far field tells: NumPy and SciPy alone.

That is a shift, a constant phase, a ramp of the phase, and where axes were exchanged or negated the same of the image.
The sign of the phase is not taken out: an image that is the conjugate of the truth is wrong here.
"""

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.optimize import minimize

REACH = 8  # pixels that two images may lie apart
CODES = range(8)
ENOUGH = 0.95  # of a correlation: the other ways to lay one image on the other are then wrong


def resampled(image: np.ndarray, corner: tuple[float, float], pixel: float, shape: tuple[int, int]) -> np.ndarray:
    """Pixels of an image from a corner on, `pixel` of its own pixels apart."""
    y, x = (c + np.arange(n) * pixel for c, n in zip(corner, shape, strict=True))
    there = np.meshgrid(y, x, indexing="ij")
    return map_coordinates(image.real, there, order=3) + 1j * map_coordinates(image.imag, there, order=3)


def turned(image: np.ndarray, code: int) -> np.ndarray:
    """An image with its axes exchanged (4), rows (2) and columns (1) turned round."""
    image = image.T if code & 4 else image
    return image[:: -1 if code & 2 else 1, :: -1 if code & 1 else 1]


def phase_correlation(truth: np.ndarray, found: np.ndarray) -> float:
    """Correlation of the phases where both are, after shift and ramp; `found` reaches `REACH` pixels further around."""
    y, x = np.mgrid[: truth.shape[0], : truth.shape[1]]
    inner = found[REACH:-REACH, REACH:-REACH]
    best = max(
        (abs(np.fft.fft2(truth * shifted(found, a, b, truth.shape).conj())).max(), a, b) for a in STEPS for b in STEPS
    )
    _, a, b = best
    product = truth * shifted(found, a, b, truth.shape).conj()
    peak = np.unravel_index(np.argmax(np.abs(np.fft.fft2(product))), inner.shape)
    ramp = [(k + n // 2) % n - n // 2 for k, n in zip(peak, inner.shape, strict=True)]

    def at(p: np.ndarray) -> np.ndarray:
        moved = resampled(found, (REACH + a + p[0], REACH + b + p[1]), 1.0, truth.shape)
        return moved * np.exp(2j * np.pi * ((ramp[0] + p[2]) * y / y.shape[0] + (ramp[1] + p[3]) * x / x.shape[1]))

    def overlap(p: np.ndarray) -> float:
        moved = at(p)
        return -abs(np.vdot(moved, truth)) / np.linalg.norm(moved) / np.linalg.norm(truth)

    fit = minimize(
        overlap, np.zeros(4), method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-6, "initial_simplex": SIMPLEX}
    )
    moved = at(fit.x)
    moved = moved * np.vdot(moved, truth)
    middle = np.exp(-1j * np.angle(truth.sum()))
    one, other = np.angle(truth * middle), np.angle(moved * middle)
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


STEPS = range(-REACH, REACH + 1, 2)
SIMPLEX = np.vstack([np.zeros(4), np.diag([1.0, 1.0, 0.4, 0.4])])


def shifted(found: np.ndarray, a: int, b: int, shape: tuple[int, int]) -> np.ndarray:
    """The part of an image that lies so many whole pixels from the middle."""
    return found[REACH + a : REACH + a + shape[0], REACH + b : REACH + b + shape[1]]


def correlation_of(scan, image: np.ndarray, sampling: float, corners: np.ndarray, window: tuple[int, int]) -> float:
    """Correlation of an image with the truth of a scan, in the best of eight ways to lay one on the other.

    Args:
        scan: of `instruments`.
        image: complex, (y, x).
        sampling: metres of a pixel of it.
        corners: first pixel (index, (y, x)) of the windows in it.
        window: their shape.
    """
    pixel = scan.wavelength * scan.distance / (scan.patterns.shape[1] * scan.pixel_size)
    fine = 2 * scan.patterns.shape[1] // 2
    low, high = scan.places.min(axis=0) + fine, scan.places.max(axis=0) + fine
    shape = (high - low) // 2
    truth = resampled(scan.object, tuple(low + 0.5), 2.0, tuple(shape))
    middle = (corners.min(axis=0) + corners.max(axis=0)) / 2 + np.array(window) // 2
    scale = pixel / sampling
    found = []
    for code in CODES:
        size = shape[::-1] if code & 4 else shape
        corner = middle - (size / 2 + REACH) * scale
        part = resampled(image, tuple(corner), scale, tuple(size + 2 * REACH))
        found.append(phase_correlation(truth, turned(part, code)))
        if found[-1] > ENOUGH:
            break
    return max(found)
