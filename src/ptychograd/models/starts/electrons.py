"""The start probe of an electron microscope: a convergent beam with aberrations."""

import re
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from ptychograd.core.errors import InputError
from ptychograd.core.log import log
from ptychograd.models.starts.pupils import check_pupil, wave_of_pupil
from ptychograd.models.starts.windows import ProbeStart, disc, known_lengths

HIGHEST = 5  # order of the aberrations
ORDERS = tuple((n, m) for n in range(1, HIGHEST + 1) for m in range((n + 1) % 2, n + 2, 2))
COEFFICIENTS = tuple(f"C{n}{m}" for n, m in ORDERS)
ABERRATION_ANGLES = tuple(f"phi{n}{m}" for n, m in ORDERS if m)
GRID = 129  # points across a pupil, at which rays are followed


def electron_probe(
    semi_angle: float | None = None, aberrations: Mapping[str, float] | None = None, defocus: float = 0.0
) -> ProbeStart:
    """A start probe for recipes: an electron beam of a convergence semi-angle, with aberrations.

    P = F⁻¹[A exp(-iχ)], χ(α, φ) = 2π/λ Σ C_nm α^(n+1) cos(m (φ - φ_nm)) / (n+1), in the notation of O. L. Krivanek,
    N. Dellby, A. R. Lupini, Ultramicroscopy 78, 1 (1999): C10 is the defocus, C12 twofold astigmatism, C21 coma, C23
    threefold astigmatism, C30 spherical aberration. Angles φ are counted from x towards y, down the rows of a pattern.
    With this sign a positive C10 is a sample downstream of the focus, as in `defocus` of every start here (overfocus);
    "defocus" in abTEM and py4DSTEM is -C10.

    Args:
        semi_angle: α of the probe-forming aperture in radians; by default that of the bright disc in the mean pattern.
        aberrations: metres by names C10, C12, C21, C23, C30, C32, C34 and so on up to C56, and radians by phi12 etc.
        defocus: another name for C10, in metres.

    Returns:
        a function that makes the wave (y, x) for a dataset and its object pixels, as `far_field` takes it for `probe`.

    Raises:
        InputError: an unknown name, or C10 beside a defocus; from the function a semi-angle larger than the detector,
            or a beam many times wider than the window.

    Example:
        >>> geometry = pg.Geometry(wavelength=1.97e-12, distance=1.0, pixel_size=(1e-3, 1e-3))
        >>> scan = pg.make_dataset(np.ones((2, 64, 60)), [[0, 0], [0, 1e-10]], geometry=geometry)
        >>> beam = pg.models.electron_probe(0.02, {"C10": 1e-8, "C12": 2e-9, "phi12": 0.3, "C30": 1e-6})
        >>> pg.far_field(scan, probe=beam).probe.modes.shape
        (1, 64, 60)
    """
    terms = checked_aberrations(aberrations or {})
    if defocus and "C10" in terms:
        raise InputError("C10 is the defocus; give one of the two.")
    terms = {**terms, "C10": terms.get("C10", 0.0) + defocus}

    def start(data, sampling):
        lengths, wavelength = known_lengths(data, sampling)
        spacing = (1 / (data.frame_shape[0] * lengths[0]), 1 / (data.frame_shape[1] * lengths[1]))
        radius = semi_angle / wavelength if semi_angle is not None else bright_disc(data.mean_pattern, spacing)
        if semi_angle is None:
            log.info(
                "start probe: a convergence semi-angle of %.4g mrad, of the bright disc", 1e3 * radius * wavelength
            )
        check_pupil(radius, "The electron probe", data.frame_shape, lengths, wavelength)
        return wave_of_pupil(
            lambda shape, step: disc(shape, step, radius),
            lambda fy, fx: -aberration_phase(terms, wavelength * fy, wavelength * fx, wavelength),
            _reach(terms, wavelength * radius, wavelength),
            data.frame_shape,
            lengths,
        )

    return start


def checked_aberrations(terms: Mapping[str, float]) -> dict[str, float]:
    """The terms; raises `InputError` for a name that is none, and for an angle whose coefficient is missing."""
    for name in terms:
        if name not in COEFFICIENTS and name not in ABERRATION_ANGLES:
            raise InputError(
                f'An aberration "{name}"; expected a coefficient, as {", ".join(COEFFICIENTS[:5])}, or the angle of '
                "one, as phi12."
            )
        if name in ABERRATION_ANGLES and f"C{name[-2:]}" not in terms:
            raise InputError(f"{name} is the direction of C{name[-2:]}, which is not given.")
    return dict(terms)


def aberration_phase(
    terms: Mapping[str, float], along_y: Float[np.ndarray, "..."], along_x: Float[np.ndarray, "..."], wavelength: float
) -> Float[np.ndarray, "..."]:
    """χ in radians at angles along y and x, in radians; as the sum of powers of α exp(iφ)."""
    direction = along_x + 1j * along_y  # α exp(iφ)
    squared = np.abs(direction) ** 2
    total = np.zeros(direction.shape)
    for name, metres in terms.items():
        if found := re.fullmatch(r"C(\d)(\d)", name):
            n, m = int(found[1]), int(found[2])
            turned = direction**m * np.exp(-1j * m * terms.get(f"phi{n}{m}", 0.0))
            total += metres * squared ** ((n + 1 - m) // 2) * turned.real / (n + 1)
    return 2 * np.pi / wavelength * total


def bright_disc(mean: Float[np.ndarray, "y x"], spacing: tuple[float, float]) -> float:
    """Radius of the circle that is as large as the bright part of a pattern; in the unit of its pixels' spacing (y, x).

    Bright is what has half of the intensity that a photon or electron finds around it on average.
    """
    intensity = np.maximum(mean, 0)
    bright = intensity > np.sum(intensity**2) / np.sum(intensity) / 2
    return float(np.sqrt(np.count_nonzero(bright) * spacing[0] * spacing[1] / np.pi))


def _reach(terms: Mapping[str, float], semi_angle: float, wavelength: float) -> tuple[float, float]:
    """How far rays go from the axis, along y and along x, in metres: the slope of χ λ/(2π) in the pupil."""
    angles = np.linspace(-semi_angle, semi_angle, GRID)
    phase = aberration_phase(terms, angles[:, None], angles, wavelength)
    inside = angles[:, None] ** 2 + angles**2 <= semi_angle**2
    slopes = np.gradient(phase, angles, angles)
    along_y, along_x = (float(np.max(np.abs(slope[inside]))) * wavelength / (2 * np.pi) for slope in slopes)
    return along_y, along_x
