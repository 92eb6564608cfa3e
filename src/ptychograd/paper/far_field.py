"""Section 3.3: far-field transmission ptychography of a 128 x 128 pixel object at 8.7 keV."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from skimage.data import astronaut, camera

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import Dataset, Geometry, GroundTruth, far_field_sampling, make_dataset
from ptychograd.data.geometry import wavelength_from_kev
from ptychograd.models.simulation import embedded, raster, simulate, transmission, truth_of
from ptychograd.models.starts import defocused, square_wave
from ptychograd.paper.images import grey_image
from ptychograd.physics.detector import Detector
from ptychograd.physics.noise import AbstractNoise
from ptychograd.physics.objects import ThinObject
from ptychograd.physics.probes import Probe
from ptychograd.physics.propagators import FarField
from ptychograd.physics.ptychography import Ptychography
from ptychograd.physics.scan import make_scan


@dataclass(frozen=True)
class FarFieldExperiment:
    """Constants of section 3.3; lengths in metres.

    What the paper leaves open: the phase range (here π), and its "7 µm" and "3.5 µm", which are 12
    and 6 pixels of 0.591 µm. The scan goes from edge to edge of the box, 22 x 22 positions.
    """

    energy_kev: float = 8.7
    distance: float = 14.6
    pixel_size: float = 55e-6
    frame: int = 64
    object_size: int = 128
    box: int = 190
    step: int = 6  # object pixels: 3.5 µm
    aperture: float = 7e-6
    defocus: float = 0.15
    photons: float = 1e6
    phase_range: float = np.pi

    def __post_init__(self):
        if not 0 < self.photons < np.inf:
            raise InputError(f"{self.photons:g} photons in the probe; expected a number above zero, as 1e6.")

    @property
    def geometry(self) -> Geometry:
        """Wavelength, distance and detector."""
        return Geometry(wavelength_from_kev(self.energy_kev), self.distance, (self.pixel_size, self.pixel_size))

    def dataset(
        self,
        seed: int = 0,
        magnitude: Path | None = None,
        phase: Path | None = None,
        *,
        change: Callable[[Ptychography], Ptychography] = lambda model: model,
        noise: AbstractNoise | None = None,
    ) -> Dataset:
        """One simulated measurement, with the truth beside it and the paper's start probe and support.

        `magnitude` and `phase` are image files; without them scikit-image's astronaut and camera
        stand in for the paper's mandrill and cameraman. `change` puts what is not ideal into the true model;
        `noise` is photon noise unless given.
        """
        shape = (self.frame, self.frame)
        pixel = far_field_sampling(self.geometry, shape)
        size = self.object_size, self.object_size
        images = grey_image(magnitude, astronaut, size), grey_image(phase, camera, size)
        box, support = embedded(transmission(*images, self.phase_range), (self.box, self.box))
        steps = (self.box - self.frame) // self.step + 1
        corners = raster((steps, steps), (float(self.step), float(self.step)))
        start = square_wave(shape, pixel, self.aperture)
        probe = defocused(start, pixel, self.geometry.wavelength, self.defocus)
        start, probe = (wave * np.sqrt(self.photons / np.sum(np.abs(wave) ** 2)) for wave in (start, probe))
        model = Ptychography(
            object=ThinObject(jnp.asarray(box, np.complex64)),
            probe=Probe(jnp.asarray(probe[None], np.complex64)),
            scan=make_scan(corners),
            propagator=FarField(shape),
            detector=Detector(),
            frame_shape=shape,
            sampling=pixel,
            wavelength=self.geometry.wavelength,
        )
        true = change(model)
        return make_dataset(
            simulate(true, len(corners), noise=noise, seed=seed),
            corners * pixel,
            geometry=self.geometry,
            probe=start,
            support=support,
            truth=truth_of(true, model, GroundTruth(box, probe[None])),
            source=f"simulated: far field, {self.photons:g} photons, seed {seed}",
        )
