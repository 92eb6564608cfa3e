"""Section 4.2: multi-angle Bragg ptychography of a faceted crystal, 15 angles and 41 x 24 positions."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Complex

from ptychograd.core.errors import InputError, check_seed
from ptychograd.core.fourier import centred, exact_fft
from ptychograd.data.dataset import BraggGeometry, Dataset, GroundTruth, make_dataset
from ptychograd.data.geometry import wavelength_from_kev
from ptychograd.models.simulation import raster, simulate
from ptychograd.physics.bragg import BraggPtychography, Crystal, TiltedBeam
from ptychograd.physics.detector import Detector
from ptychograd.physics.propagators import FarField
from ptychograd.physics.scan import make_scan


@dataclass(frozen=True)
class BraggExperiment:
    """Constants of section 4.2; sizes in voxels, axes (x, y, z) with the exit beam along y.

    The paper's energy of 8.7 keV and voxel of 66 nm exclude each other; 8.0 keV gives 66.04 nm. Its rocking range of
    ±0.14 degrees aliases in depth (`BraggGeometry.aliased`); model and data agree on that, so it does no harm here.
    """

    energy_kev: float = 8.0
    two_theta: float = np.pi / 3
    distance: float = 1.5
    pixel_size: float = 55e-6
    angles: int = 15
    rocking_step: float = 0.02  # degrees
    frame: int = 64
    crystal: tuple[int, int, int] = (26, 56, 60)
    variable: tuple[int, int, int] = (30, 78, 82)
    scan: tuple[int, int] = (41, 24)  # positions along y and z
    step: int = 2
    depth: int = 80  # of the window along y
    width: float = 6.0  # of the Gaussian: sigma of its intensity
    speckle: int = 20  # frequencies along each side of the diffuser's band
    photons: float = 1e4
    magnitude: float = 0.5
    background: float = 0.0  # photons a pixel

    def __post_init__(self):
        if not 0 < self.photons < np.inf:
            raise InputError(f"{self.photons:g} photons in the probe; expected a number above zero, as 1e4.")
        if not 0 <= self.background < np.inf:
            raise InputError(f"A background of {self.background:g} photons a pixel; expected none or more.")

    @classmethod
    def reduced(cls, **changes) -> "BraggExperiment":
        """3,780 patterns of 32 x 32 pixels of a smaller crystal, on the same voxels."""
        small = {
            **{"distance": 0.75, "frame": 32, "crystal": (12, 26, 26), "variable": (14, 34, 34), "scan": (21, 12)},
            **{"depth": 40, "width": 4.0, "speckle": 14},
        }
        return cls(**small | changes)

    @property
    def geometry(self) -> BraggGeometry:
        """Wavelength, angles and detector."""
        offsets = np.radians(self.rocking_step) * (np.arange(self.angles) - self.angles // 2)
        pixels = self.pixel_size, self.pixel_size
        wavelength = wavelength_from_kev(self.energy_kev)
        return BraggGeometry(wavelength, self.distance, pixels, self.two_theta, tuple(offsets.tolist()))

    def dataset(self, seed: int = 0) -> Dataset:
        """One simulated measurement, with the truth beside it; `seed` is of crystal, probe and noise."""
        check_seed(seed)
        rng = np.random.default_rng([seed, 3])
        frame, window = (self.frame, self.frame), (self.depth, self.frame)
        corners = raster(self.scan, (float(self.step), float(self.step)))
        far = corners.max(axis=0).astype(int) + window
        extent = (self.variable[0], int(far[0]), int(far[1]))
        support, density = np.zeros(extent, bool), np.zeros(extent, complex)
        support[_middle(extent, self.variable)] = True
        density[_middle(extent, self.crystal)] = (
            self.magnitude * faceted(self.crystal, rng) * phase_factor(self.crystal, rng)
        )
        beam, geometry = self.probe(rng)[None], self.geometry
        model = BraggPtychography(
            object=Crystal(jnp.asarray(density, np.complex64), jnp.asarray(support)),
            probe=TiltedBeam(jnp.asarray(beam, np.complex64), self.two_theta, (extent[0], self.depth)),
            deviation=jnp.asarray(geometry.deviation(frame), np.float32),
            scan=make_scan(corners),
            propagator=FarField(frame),
            detector=Detector(jnp.asarray(self.background, np.float32)),
            window=window,
            frame_shape=frame,
        )
        return make_dataset(
            simulate(model, len(corners) * self.angles, seed=seed),
            np.repeat(corners * geometry.sampling(frame), self.angles, axis=0),
            geometry=geometry,
            probe=beam,
            support=support,
            truth=GroundTruth(density, beam),
            source=f"simulated: Bragg, {self.photons:g} photons, seed {seed}",
        )

    def probe(self, rng: np.random.Generator) -> Complex[np.ndarray, "s z"]:
        """A Gaussian beam behind a diffuser, `photons` in all."""
        band = np.zeros((self.frame, self.frame), complex)
        band[_middle(band.shape, (self.speckle,) * 2)] = np.exp(2j * np.pi * rng.uniform(size=(self.speckle,) * 2))
        r = np.arange(self.frame) - self.frame // 2
        wave = np.exp(-(r[:, None] ** 2 + r**2) / (2 * self.width) ** 2) * exact_fft(centred(band))
        return wave * np.sqrt(self.photons / np.sum(np.abs(wave) ** 2))


def faceted(shape: tuple[int, int, int], rng: np.random.Generator, facets: int = 10) -> Bool[np.ndarray, "x y z"]:
    """A convex polyhedron that fills about a third of its box: planes at random, drawn in until it does."""
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij"), axis=-1)
    normals = rng.normal(size=(facets, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    reach = rng.uniform(0.8, 1.2, facets)
    far = (grid @ normals.T / reach).max(axis=-1)
    return far <= np.quantile(far, 1 / 3)


def phase_factor(
    shape: tuple[int, int, int], rng: np.random.Generator, span: float = 3.0
) -> Complex[np.ndarray, "x y z"]:
    """exp(iφ) of a smooth phase of `span` radians from least to most."""
    grid = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    waves = [
        np.sin(sum(k * g for k, g in zip(rng.normal(size=3) * 2, grid, strict=True)) + rng.uniform(0, 6)) for _ in "123"
    ]
    phase = np.sum(waves, axis=0)
    return np.exp(1j * span * (phase - phase.mean()) / np.ptp(phase))


def _middle(box: tuple[int, ...], shape: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(slice((n - m) // 2, (n - m) // 2 + m) for n, m in zip(box, shape, strict=True))
