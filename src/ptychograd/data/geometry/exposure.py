"""How patterns were exposed: all that turns pixels of an object into metres."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ptychograd.core.errors import InputError
from ptychograd.data.geometry.units import JOULES_PER_KEV, format_length

PLANCK, LIGHT, ELEMENTARY_CHARGE = 6.62607015e-34, 299_792_458.0, 1.602176634e-19  # J s, m/s, C: exact, SI of 2019
ELECTRON_MASS = 9.1093837139e-31  # kg, CODATA 2022
PLANCK_TIMES_LIGHT = PLANCK * LIGHT  # J m
LEAST_VOLTAGE, MOST_VOLTAGE = 10.0, 1e7  # of an electron microscope, with room
ELECTRON_AT_REST = 510.99895  # keV, m c² (CODATA 2018)
SHORTEST_OF_PHOTONS = 1e-11  # m, or 124 keV: electron microscopes are below, synchrotrons above
SOFTEST = 0.1  # keV: below it an energy is told in eV
HARDEST = 1000.0  # keV, beyond which an energy was meant to be in eV

MOST_ROCKING = 0.06  # radians from the Bragg condition, or 3.4 degrees: more is degrees by mistake


@dataclass(frozen=True)
class Geometry:
    """How a far-field pattern was exposed: all that turns object pixels into metres.

    Args:
        wavelength: in metres, above 1e-13 and below 1e-6.
        distance: from sample to detector, in metres, below 1000.
        pixel_size: of the detector (y, x), in metres, below 1e-2.

    Raises:
        InputError: a number is not finite, not positive, or not plausible in metres.

    Example:
        >>> geometry = pg.Geometry(wavelength=1.5e-10, distance=2.0, pixel_size=(75e-6, 75e-6))
        >>> dy, dx = geometry.sampling((250, 500))  # an object pixel, in metres
        >>> print(f"{dy:.4g} {dx:.4g} m, {geometry.energy_text}")
        1.6e-08 8e-09 m, photons of 8.2656 keV
    """

    wavelength: float
    distance: float
    pixel_size: tuple[float, float]

    def __post_init__(self):
        _require_plausible("wavelength", self.wavelength, (1e-13, 1e-6), "is this keV or nm? expected metres")
        _require_plausible("distance", self.distance, (0.0, 1e3), "is this mm? expected metres")
        for axis, size in zip("yx", self.pixel_size, strict=True):
            _require_plausible(f"pixel_size ({axis})", size, (0.0, 1e-2), "is this µm? expected metres")

    @property
    def near_field(self) -> "NearFieldGeometry | None":
        """This geometry where patterns are shadows, in which a pixel of the detector is a place and no direction."""
        return None

    @property
    def rocking_curve(self) -> "BraggGeometry | None":
        """This geometry where the sample turns through a Bragg reflection, which adds a third axis to the object."""
        return None

    @property
    def is_far_field(self) -> bool:
        """Whether each position has one pattern, that of a thin object in the far field."""
        return self.near_field is None and self.rocking_curve is None

    @property
    def regime(self) -> str:
        """What a pattern is, in the field's words."""
        return "far field"

    @property
    def patterns_together(self) -> int:
        """How many patterns belong to one position, one after another."""
        return 1

    def aliased(self, frame_shape: tuple[int, int]) -> str:
        """What the sampling can't hold, in words; nothing if all is well."""
        return ""

    @property
    def energy_kev(self) -> float:
        """Photon energy in keV."""
        return kev_from_wavelength(self.wavelength)

    @property
    def electron_kev(self) -> float:
        """Kinetic energy in keV of electrons of this wavelength, √((hc/λ)² + (mc²)²) - mc²."""
        return math.hypot(self.energy_kev, ELECTRON_AT_REST) - ELECTRON_AT_REST

    @property
    def energy_text(self) -> str:
        """The energy of the particles that are likely to have this wavelength: of electrons below 10 pm."""
        if self.wavelength < SHORTEST_OF_PHOTONS:
            return f"electrons of {self.electron_kev:.5g} keV"
        photon = self.energy_kev
        return f"photons of {photon:.5g} keV" if photon >= SOFTEST else f"photons of {1e3 * photon:.5g} eV"

    def sampling(self, frame_shape: tuple[int, int]) -> tuple[float, float]:
        """Object pixel (dy, dx) in metres: wavelength distance / (n pixel_size)."""
        return far_field_sampling(self, frame_shape)


@dataclass(frozen=True)
class NearFieldGeometry(Geometry):
    """How a near-field pattern was exposed: a shadow of the sample, in the cone beam of a focus or in a parallel beam.

    By the Fresnel scaling theorem a cone beam from a focus `focus_distance` before the sample shows what a parallel
    beam would at `effective_distance`, magnified (D. Paganin, Coherent X-Ray Optics, section 1.4).

    Args:
        wavelength: in metres.
        distance: from sample to detector, in metres.
        pixel_size: of the detector (y, x), in metres.
        focus_distance: from focus to sample, in metres; negative for a beam that converges to a focus behind the
            detector; infinite, by default, for a parallel beam.

    Raises:
        InputError: as `Geometry`; or the focus is at the sample, or between sample and detector.

    Example:
        >>> cone = pg.NearFieldGeometry(1.5e-10, 1.5, (6e-6, 6e-6), focus_distance=0.5)
        >>> cone.magnification, cone.effective_distance, cone.sampling((512, 512))
        (4.0, 0.375, (1.5e-06, 1.5e-06))
    """

    focus_distance: float = math.inf

    def __post_init__(self):
        super().__post_init__()
        if not abs(self.focus_distance) > 0:
            raise InputError(
                f"focus_distance = {self.focus_distance:g} m: expected the distance from focus to sample in metres, "
                "or inf for a parallel beam."
            )
        if not self.magnification > 0:
            raise InputError(
                f"focus_distance = {self.focus_distance:g} m and distance = {self.distance:g} m: the focus is not "
                "before the detector, so the shadow is inverted or a far field; turn the patterns by 180 degrees and "
                "give the equivalent distances, or reconstruct in the far field."
            )

    @property
    def near_field(self) -> "NearFieldGeometry":
        """This geometry, as patterns are shadows."""
        return self

    @property
    def regime(self) -> str:
        """That of a shadow."""
        return "near field"

    @property
    def magnification(self) -> float:
        """(z1 + z2) / z1 with z1 from focus to sample, z2 from sample to detector."""
        return 1 + self.distance / self.focus_distance

    @property
    def effective_distance(self) -> float:
        """Distance of free space in metres that makes the same pattern in a parallel beam."""
        return self.distance / self.magnification

    def sampling(self, frame_shape: tuple[int, int]) -> tuple[float, float]:
        """Object pixel (dy, dx) in metres: a detector pixel over the magnification."""
        dy, dx = (size / self.magnification for size in self.pixel_size)
        return dy, dx


@dataclass(frozen=True)
class BraggGeometry(Geometry):
    """A rocking curve around a Bragg reflection, in the axes of Fig. 5: exit beam along y, the sample turned about z.

    The incident beam is k (sin 2θ, cos 2θ, 0) in (x, y, z). A pattern's rows are counted along x, its columns along z.
    Patterns are numbered position by position, and at each position angle by angle. Waves are exp(ik·r).

    Args:
        wavelength: in metres.
        distance: from sample to detector, in metres.
        pixel_size: of the detector along (x, z), in metres.
        two_theta: angle between incident and exit beam, in radians, between 0 and π.
        rocking: angles of the sample from the Bragg condition, in radians, each different and below 0.06 (3.4 degrees),
            positive from y towards x (left-handed about z). With the wrong sign a crystal is found too, bent the other
            way, at a larger misfit.

    Raises:
        InputError: as `Geometry`; or angles that are no such radians.

    Example:
        >>> curve = pg.BraggGeometry(1.5e-10, 1.0, (75e-6, 75e-6), two_theta=0.6, rocking=(-1e-3, 0.0, 1e-3))
        >>> curve.patterns_together, curve.deviation((64, 64)).shape
        (3, (3, 2))
    """

    two_theta: float
    rocking: Sequence[float]

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "two_theta", float(self.two_theta))
        object.__setattr__(self, "rocking", tuple(float(angle) for angle in self.rocking))
        if not 0 < self.two_theta < math.pi:
            raise InputError(f"two_theta = {self.two_theta:g}: expected radians between 0 and π; is this degrees?")
        if not (self.rocking and np.isfinite(self.rocking).all() and np.abs(self.rocking).max() < MOST_ROCKING):
            raise InputError(
                f"A rocking curve of {len(self.rocking)} angles, {self.rocking}; expected at least one, in radians "
                f"from the Bragg condition and below {MOST_ROCKING:g} (3.4 degrees); are these degrees?"
            )
        if len(set(self.rocking)) < len(self.rocking):
            raise InputError("Two angles of the rocking curve are the same; give each once, and sum its patterns.")

    @property
    def rocking_curve(self) -> "BraggGeometry":
        """This geometry, as the sample turns."""
        return self

    @property
    def regime(self) -> str:
        """That of a crystal."""
        return "Bragg geometry"

    @property
    def patterns_together(self) -> int:
        """One for each angle."""
        return len(self.rocking)

    @property
    def scattering_vector(self) -> Float[np.ndarray, "3"]:
        """G = k_f - k_i at the Bragg condition, in radians a metre along (x, y, z)."""
        wave_number = 2 * math.pi / self.wavelength
        return wave_number * np.array([-math.sin(self.two_theta), 1 - math.cos(self.two_theta), 0.0])

    def sampling(self, frame_shape: tuple[int, int]) -> tuple[float, float]:
        """Voxel (dy, dz) in metres, in which positions are counted; dx = dy."""
        return far_field_sampling(self, frame_shape)

    def voxel(self, frame_shape: tuple[int, int]) -> tuple[float, float, float]:
        """Voxel (dx, dy, dz) in metres: wavelength distance / (n pixel_size) along x and z, and along y as along x."""
        side, other = far_field_sampling(self, frame_shape)
        return side, side, other

    def deviation(self, frame_shape: tuple[int, int]) -> Float[np.ndarray, "angle 2"]:
        """G - q along x and y of the crystal for each angle of the rocking curve, in radians a voxel (Eq. 17).

        A cell of the crystal at r scatters with the phase (G - q)·r. The beams stand still and the crystal turns, so
        that in its own axes q = k_f - k_i is turned the other way, by minus the rocking angle. The sign matters from
        the second order of the angle on: G is thousands of radians a voxel.
        """
        angle = np.asarray(self.rocking)
        whole = self.two_theta - angle
        along_x = np.sin(angle) + np.sin(whole) - np.sin(self.two_theta)
        along_y = 1 - np.cos(angle) + np.cos(whole) - np.cos(self.two_theta)
        return 2 * np.pi / self.wavelength * self.voxel(frame_shape)[0] * np.stack([along_x, along_y], axis=-1)

    @property
    def depth_resolution(self) -> float:
        """Metres along G that the range of angles resolves: λ / (2 sin θ ΔΘ); infinite for a single angle."""
        span = max(self.rocking) - min(self.rocking)
        return self.wavelength / (2 * math.sin(self.two_theta / 2) * span) if span > 0 else math.inf

    @property
    def thickest(self) -> float:
        """Metres along the incident beam of which the patterns tell without a support: λ / (sin 2θ Δθ)."""
        steps = np.diff(np.sort(self.rocking))
        return self.wavelength / (math.sin(self.two_theta) * float(steps.max())) if len(steps) else 0.0

    def aliased(self, frame_shape: tuple[int, int]) -> str:
        """Which angles turn the phase by more than π from one voxel to the next, in words; nothing if none do.

        Such an angle shows what another, smaller one would: the voxels are too coarse along the beam for it.
        """
        steps = np.abs(self.deviation(frame_shape)).max(axis=1)
        if steps.max() <= np.pi:
            return ""
        largest = np.degrees(np.abs(np.asarray(self.rocking))[steps <= np.pi]).max(initial=0)
        return (
            f"{np.count_nonzero(steps > np.pi)} of {len(steps)} rocking angles alias in depth: the phase turns by up "
            f"to {steps.max():.3g} radians from one voxel of {format_length(self.voxel(frame_shape)[0])} to the next; "
            f"angles up to {largest:.3g} degrees do not"
        )


def wavelength_from_kev(energy_kev: float) -> float:
    """Wavelength in metres of a photon whose energy is given in keV."""
    if not (math.isfinite(energy_kev) and energy_kev > 0):
        raise InputError(f"A photon energy of {energy_kev:g} keV is impossible; expected a positive number.")
    if energy_kev > HARDEST:
        raise InputError(
            f"A photon energy of {energy_kev:g} keV is no X-ray's; if it is in eV, give {energy_kev / 1000:g} keV."
        )
    return PLANCK_TIMES_LIGHT / (energy_kev * JOULES_PER_KEV)


def kev_from_wavelength(wavelength: float) -> float:
    """Energy in keV of a photon whose wavelength is given in metres."""
    return PLANCK_TIMES_LIGHT / wavelength / JOULES_PER_KEV


def electron_wavelength(voltage: float) -> float:
    """Wavelength in metres of electrons that were accelerated by so many volts, h / √(2meV (1 + eV/(2mc²))).

    J. C. H. Spence, High-Resolution Electron Microscopy, Eq. 2.5, with the constants of the SI of 2019.
    """
    if not (LEAST_VOLTAGE <= voltage <= MOST_VOLTAGE):
        raise InputError(
            f"A voltage of {voltage:g} V is no electron microscope's; expected {LEAST_VOLTAGE:g} to "
            f'{MOST_VOLTAGE:g} V, as "300 kV".'
        )
    energy = voltage * ELEMENTARY_CHARGE
    return PLANCK / math.sqrt(2 * ELECTRON_MASS * energy + (energy / LIGHT) ** 2)


def far_field_sampling(geometry: Geometry, frame_shape: tuple[int, int]) -> tuple[float, float]:
    """Object pixel (dy, dx) in metres of a far-field pattern: wavelength distance / (n pixel_size)."""
    width = geometry.wavelength * geometry.distance
    (ny, nx), (py, px) = frame_shape, geometry.pixel_size
    return width / (ny * py), width / (nx * px)


def _require_plausible(name: str, value: float, limits: tuple[float, float], hint: str) -> None:
    low, high = limits
    if not (math.isfinite(value) and low < value < high):
        raise InputError(
            f"{name} = {value:g} m is not plausible: expected above {low:g} m and below {high:g} m; {hint}."
        )
