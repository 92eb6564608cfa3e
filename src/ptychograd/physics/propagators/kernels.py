"""What free space does to each frequency, and the limits within which that is sampled; NumPy and metres."""

import numpy as np
from jaxtyping import Complex, Float

from ptychograd.core.errors import InputError
from ptychograd.core.fourier import frequencies

Shape = tuple[int, int]
Lengths = tuple[float, float]


def fresnel_rates(
    shape: Shape, sampling: Lengths, wavelength: float
) -> tuple[Float[np.ndarray, " y"], Float[np.ndarray, " x"]]:
    """Phase of paraxial free space in radians a metre, -πλf² for rows and for columns, zero frequency first."""
    along_y, along_x = (-np.pi * wavelength * f**2 for f in _cycles_per_metre(shape, sampling))
    return along_y, along_x


def angular_spectrum_rate(shape: Shape, sampling: Lengths, wavelength: float) -> Float[np.ndarray, "y x"]:
    """Phase of free space in radians a metre beyond that of a plane wave, 2π(√(1/λ² - f²) - 1/λ), zero first."""
    f_y, f_x = _cycles_per_metre(shape, sampling)
    f_squared = f_y[:, None] ** 2 + f_x**2
    along_z = np.sqrt(1 / wavelength**2 - f_squared)
    return -2 * np.pi * f_squared / (along_z + 1 / wavelength)


def fresnel_kernel(shape: Shape, sampling: Lengths, wavelength: float, distance: float) -> Complex[np.ndarray, "y x"]:
    """Transfer function exp(-iπλz(f_y² + f_x²)) of paraxial free space (Eq. 14).

    Args:
        shape: pixels (y, x).
        sampling: size (y, x) of a pixel in metres.
        wavelength: λ in metres.
        distance: z in metres; a negative one goes back.

    Returns:
        the factor of each frequency, (y, x), zero frequency first.

    Raises:
        InputError: beyond `fresnel_limits`, where it aliases.

    Example:
        >>> pg.physics.fresnel_kernel((64, 128), (1e-6, 1e-6), wavelength=1e-10, distance=0.1).shape
        (64, 128)
    """
    check_fresnel(shape, sampling, wavelength, distance)
    along_y, along_x = (np.exp(1j * distance * rate) for rate in fresnel_rates(shape, sampling, wavelength))
    return along_y[:, None] * along_x


def fresnel_limits(shape: Shape, sampling: Lengths, wavelength: float) -> Lengths:
    """Longest distance over which paraxial free space is sampled on given pixels: n · sampling² / λ.

    Beyond it the phase of the transfer function turns by more than π from one frequency to the next.

    Args:
        shape: pixels (y, x), n.
        sampling: size (y, x) of a pixel in metres.
        wavelength: λ in metres.

    Returns:
        the limits along y and along x, in metres.

    Example:
        >>> [round(limit, 2) for limit in pg.physics.fresnel_limits((64, 128), (1e-6, 1e-6), wavelength=1e-10)]
        [0.64, 1.28]
    """
    along_y, along_x = (n * pixel**2 / wavelength for n, pixel in zip(shape, sampling, strict=True))
    return along_y, along_x


def angular_spectrum_limits(shape: Shape, sampling: Lengths, wavelength: float) -> Lengths:
    """Longest distance over which exact free space is sampled on given pixels.

    The phase 2πz√(1/λ² - f²) turns by π from one frequency to the next, 1/(n · sampling) away, at
    z = n · sampling · √(1/λ² - f²)/(2f), which is least at the corner of the grid of frequencies.

    Args:
        shape: pixels (y, x), n.
        sampling: size (y, x) of a pixel in metres.
        wavelength: λ in metres.

    Returns:
        the limits along y and along x, in metres; 0 where pixels are so small that waves are evanescent.

    Example:
        >>> [round(limit, 2) for limit in pg.physics.angular_spectrum_limits((64, 128), (1e-6, 1e-6), wavelength=1e-10)]
        [0.64, 1.28]
    """
    highest = [1 / (2 * pixel) for pixel in sampling]
    along_z = np.sqrt(max(0.0, 1 / wavelength**2 - highest[0] ** 2 - highest[1] ** 2))
    along_y, along_x = (float(n * p * along_z / (2 * f)) for n, p, f in zip(shape, sampling, highest, strict=True))
    return along_y, along_x


def check_fresnel(shape: Shape, sampling: Lengths, wavelength: float, distance: float) -> None:
    """Raise `InputError`, with the numbers, where a paraxial propagation aliases."""
    _check_distance("A Fresnel", shape, sampling, wavelength, distance, fresnel_limits(shape, sampling, wavelength))


def check_angular_spectrum(shape: Shape, sampling: Lengths, wavelength: float, distance: float) -> None:
    """Raise `InputError`, with the numbers, where an exact propagation aliases or waves are evanescent."""
    limits = angular_spectrum_limits(shape, sampling, wavelength)
    if not max(limits) > 0:
        raise InputError(
            f"Pixels of {sampling[0]:.4g} x {sampling[1]:.4g} m resolve waves that do not propagate at a wavelength of "
            f"{wavelength:.4g} m; use pixels of more than {wavelength / np.sqrt(2):.4g} m."
        )
    _check_distance("An angular-spectrum", shape, sampling, wavelength, distance, limits)


def _check_distance(
    kind: str, shape: Shape, sampling: Lengths, wavelength: float, distance: float, limits: Lengths
) -> None:
    for n, pixel, limit in zip(shape, sampling, limits, strict=True):
        if not abs(distance) <= limit:
            raise InputError(
                f"{kind} propagation over {distance:.4g} m aliases on {n} pixels of {pixel:.4g} m: at a "
                f"wavelength of {wavelength:.4g} m the limit is {limit:.4g} m; use more or larger pixels."
            )


def _cycles_per_metre(shape: Shape, sampling: Lengths) -> list[np.ndarray]:
    return [frequencies(n) / pixel for n, pixel in zip(shape, sampling, strict=True)]
