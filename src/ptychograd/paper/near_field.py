"""Section 4.1: near-field ptychography of a 192 x 192 pixel object in a speckled beam at 8.7 keV."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Complex, Float
from skimage.data import astronaut, camera

from ptychograd.core.errors import InputError, check_seed
from ptychograd.core.fourier import centred, exact_fft
from ptychograd.data.dataset import Dataset, GroundTruth, NearFieldGeometry, make_dataset
from ptychograd.data.geometry import wavelength_from_kev
from ptychograd.models.simulation import raster, simulate, transmission, truth_of
from ptychograd.paper.images import grey_image
from ptychograd.physics.detector import Detector
from ptychograd.physics.noise import AbstractNoise
from ptychograd.physics.objects import ThinObject
from ptychograd.physics.probes import Probe
from ptychograd.physics.propagators import Fresnel
from ptychograd.physics.ptychography import Ptychography
from ptychograd.physics.scan import make_scan


@dataclass(frozen=True)
class NearFieldExperiment:
    """Constants of section 4.1; lengths in metres, sizes in pixels.

    The paper's lengths contradict each other: a pitch of 0.6 µm, "19 µm (50 pixels)" and "10 µm (44 pixels)".
    Read here: pixels of 0.3 µm, a Gaussian whose amplitude is exp(-r²/(2·64)²) with 64 pixels = 19.2 µm, steps
    of 44 pixels. The phase range of the object is π/4.
    """

    energy_kev: float = 8.7
    distance: float = 0.047
    pixel_size: float = 0.3e-6
    frame: int = 512
    object_size: int = 192
    first: int = 52  # where the object begins in the first pattern
    step: int = 44
    steps: int = 5
    width: float = 64.0  # of the Gaussian: sigma of its intensity
    speckle: int = 40  # frequencies along each side of the diffuser's band
    flux: float = 1e4  # photons a pixel, on average
    phase_range: float = np.pi / 4

    def __post_init__(self):
        if not 0 < self.flux < np.inf:
            raise InputError(f"{self.flux:g} photons a pixel; expected a number above zero, as 1e4.")

    @classmethod
    def reduced(cls, **changes) -> "NearFieldExperiment":
        """Half of every length in pixels: the same grains and the same physics on a quarter of the area."""
        half = {"frame": 256, "object_size": 96, "first": 26, "step": 22, "width": 32.0, "speckle": 20}
        return cls(**half | changes)

    @property
    def geometry(self) -> NearFieldGeometry:
        """Wavelength, distance and detector, in a parallel beam."""
        pixel = self.pixel_size, self.pixel_size
        return NearFieldGeometry(wavelength_from_kev(self.energy_kev), self.distance, pixel)

    def dataset(
        self,
        seed: int = 0,
        magnitude: Path | None = None,
        phase: Path | None = None,
        *,
        change: Callable[[Ptychography], Ptychography] = lambda model: model,
        noise: AbstractNoise | None = None,
    ) -> Dataset:
        """One simulated measurement, with the truth beside it; no start probe, and the support of the object.

        `magnitude` and `phase` are image files; without them scikit-image's astronaut and camera
        stand in for the paper's mandrill and cameraman. `change` puts what is not ideal into the true model;
        `noise` is photon noise unless given.
        """
        check_seed(seed)
        shape, geometry = (self.frame, self.frame), self.geometry
        size = self.object_size, self.object_size
        interior = transmission(
            grey_image(magnitude, astronaut, size), grey_image(phase, camera, size), self.phase_range
        )
        low = self.first + self.step * (self.steps - 1)  # of the object in its array, so that no window is outside
        box, inside = np.ones((low - self.first + self.frame,) * 2, complex), (slice(low, low + self.object_size),) * 2
        support = np.zeros(box.shape, bool)
        box[inside], support[inside] = interior, True
        corners = low - self.first - raster((self.steps, self.steps), (float(self.step), float(self.step)))
        probe = self.probe(seed)
        model = Ptychography(
            object=ThinObject(jnp.asarray(box, np.complex64)),
            probe=Probe(jnp.asarray(probe[None], np.complex64)),
            scan=make_scan(corners),
            propagator=Fresnel(shape, geometry.sampling(shape), geometry.wavelength, geometry.effective_distance),
            detector=Detector(),
            frame_shape=shape,
            sampling=geometry.sampling(shape),
            wavelength=geometry.wavelength,
        )
        true = change(model)
        return make_dataset(
            simulate(true, len(corners), noise=noise, seed=seed),
            corners * geometry.sampling(shape),
            geometry=geometry,
            support=support,
            truth=truth_of(true, model, GroundTruth(box, probe[None])),
            source=f"simulated: near field, {self.flux:g} photons a pixel, seed {seed}",
        )

    def probe(self, seed: int = 0) -> Complex[np.ndarray, "y x"]:
        """A Gaussian beam behind a diffuser: fully developed speckle whose band is a square of random phases."""
        rng = np.random.default_rng([seed, 2])
        band = np.zeros((self.frame, self.frame), complex)
        low = (self.frame - self.speckle) // 2
        inside = (slice(low, low + self.speckle),) * 2
        band[inside] = np.exp(2j * np.pi * rng.uniform(size=(self.speckle, self.speckle)))
        r = np.arange(self.frame) - self.frame // 2
        envelope: Float[np.ndarray, "y x"] = np.exp(-(r[:, None] ** 2 + r**2) / (2 * self.width) ** 2)
        wave = envelope * exact_fft(centred(band))
        return wave * np.sqrt(self.flux * wave.size / np.sum(np.abs(wave) ** 2))
