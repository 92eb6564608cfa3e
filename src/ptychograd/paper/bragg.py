"""Section 4.2: multi-angle Bragg ptychography of a faceted crystal, 15 angles and 41 x 24 positions."""

from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Complex

from ptychograd._bragg import BraggGeometry, BraggPtychography, Crystal, TiltedBeam
from ptychograd._dataset import Dataset, make_dataset
from ptychograd._detector import Detector
from ptychograd._errors import check_seed
from ptychograd._fourier import centred, exact_fft
from ptychograd._geometry import wavelength_from_kev
from ptychograd._propagators import FarField
from ptychograd._simulate import raster, simulate


class Measurement(NamedTuple):
    """Simulated patterns, the model that made them, and the start of a reconstruction: crystal random, probe known."""

    data: Dataset
    truth: BraggPtychography
    start: BraggPtychography


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
        return BraggGeometry(wavelength, self.two_theta, self.distance, pixels, tuple(offsets.tolist()))

    def measurement(self, seed: int = 0) -> Measurement:
        """One simulated measurement; `seed` is of crystal, probe, noise and start."""
        check_seed(seed)
        rng = np.random.default_rng([seed, 3])
        window = self.depth, self.frame
        corners = raster(self.scan, (float(self.step), float(self.step))).astype(int)
        far = corners.max(axis=0) + window
        extent = (self.variable[0], int(far[0]), int(far[1]))
        support, inside = np.zeros(extent, bool), _middle(extent, self.variable)
        support[inside] = True
        density = np.zeros(extent, complex)
        density[_middle(extent, self.crystal)] = self.magnitude * faceted(self.crystal, rng) * strain(self.crystal, rng)
        frame = (self.frame, self.frame)
        voxel = self.geometry.voxel(frame)

        def model(density: Complex[np.ndarray, "x y z"]) -> BraggPtychography:
            return BraggPtychography(
                object=Crystal(jnp.asarray(density, np.complex64), jnp.asarray(support)),
                probe=TiltedBeam(jnp.asarray(probe[None], np.complex64), self.two_theta, (extent[0], self.depth)),
                deviation=jnp.asarray(self.geometry.deviation(voxel), np.float32),
                corner=jnp.asarray(corners, np.int32),
                propagator=FarField(frame),
                detector=Detector(),
                window=window,
                frame_shape=frame,
            )

        probe = self.probe(rng)
        truth = model(density)
        count = len(corners) * self.angles
        data = make_dataset(
            simulate(truth, count, seed=seed),
            np.repeat(corners, self.angles, axis=0),
            source=f"simulated: Bragg, {self.photons:g} photons, seed {seed}",
        )
        random = rng.normal(size=extent) * np.exp(2j * np.pi * rng.normal(size=extent))
        return Measurement(data, truth, model(np.where(support, random, 0)))

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


def strain(shape: tuple[int, int, int], rng: np.random.Generator, span: float = 3.0) -> Complex[np.ndarray, "x y z"]:
    """exp(iφ) of a smooth phase of `span` radians from least to most."""
    grid = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    waves = [
        np.sin(sum(k * g for k, g in zip(rng.normal(size=3) * 2, grid, strict=True)) + rng.uniform(0, 6)) for _ in "123"
    ]
    phase = np.sum(waves, axis=0)
    return np.exp(1j * span * (phase - phase.mean()) / np.ptp(phase))


def _middle(box: tuple[int, ...], shape: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(slice((n - m) // 2, (n - m) // 2 + m) for n, m in zip(box, shape, strict=True))
