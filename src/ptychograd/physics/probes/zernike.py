"""Zernike's polynomials, by which aberrations are counted; NumPy only."""

from math import factorial

import numpy as np
from jaxtyping import Float

from ptychograd.core.errors import InputError

MOST = 300  # whose shapes float64 still sums


def zernike(noll: int, rho: Float[np.ndarray, "y x"], angle: Float[np.ndarray, "y x"]) -> Float[np.ndarray, "y x"]:
    """Zernike's polynomial of Noll's number `noll`, whose root-mean-square over the unit disk is 1; 0 outside of it.

    1 is piston, 2 and 3 tilt along x and y, 4 defocus, 5 and 6 astigmatism, 7 and 8 coma, 11 spherical aberration
    (R. J. Noll, J. Opt. Soc. Am. 66, 207 (1976), Eqs. 1 and 2).

    Args:
        noll: Noll's number, from 1 to 300.
        rho: radius in units of the pupil's, (y, x).
        angle: in radians, counted from x towards y, (y, x).

    Returns:
        the polynomial, (y, x).

    Raises:
        InputError: for a number below 1 or above 300.

    Example:
        >>> y, x = np.mgrid[-1:1:65j, -1:1:65j]
        >>> defocus = pg.physics.zernike(4, np.hypot(y, x), np.arctan2(y, x))
        >>> round(float(defocus[32, 32]), 3)
        -1.732
    """
    if noll < 1:
        raise InputError(f"Zernike polynomial {noll}: Noll's numbers begin with 1.")
    if noll > MOST:
        raise InputError(f"Zernike polynomial {noll}: expected Noll's number, {MOST} at most.")
    n, m = _orders(noll)
    radial = sum(
        (-1) ** k
        * factorial(n - k)
        / (factorial(k) * factorial((n + m) // 2 - k) * factorial((n - m) // 2 - k))
        * rho ** (n - 2 * k)
        for k in range((n - m) // 2 + 1)
    )
    around = 1.0 if m == 0 else np.sqrt(2) * (np.cos(m * angle) if noll % 2 == 0 else np.sin(m * angle))
    return np.where(rho <= 1, np.sqrt(n + 1) * radial * around, 0.0)


def _orders(noll: int) -> tuple[int, int]:
    """Radial order n and azimuthal order m of Noll's number."""
    n = int((np.sqrt(8 * noll - 7) - 1) / 2)
    place = noll - n * (n + 1) // 2  # within the order, from 1
    return n, 2 * (place // 2) if n % 2 == 0 else 2 * ((place + 1) // 2) - 1
