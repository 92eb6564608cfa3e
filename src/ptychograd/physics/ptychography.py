"""Ptychography: the product of object and probe, propagated to a detector, for each position of the probe."""

import equinox as eqx

from ptychograd.core.fourier import translate
from ptychograd.core.rows import row_window
from ptychograd.core.strict import meant
from ptychograd.core.windows import Window
from ptychograd.physics.detector import Detector
from ptychograd.physics.model import AbstractExitWaveModel, ScaleAmbiguity, gathered, parts_of
from ptychograd.physics.objects import AbstractObject
from ptychograd.physics.probes import AbstractProbe
from ptychograd.physics.propagators import AbstractPropagator
from ptychograd.physics.roles import Illumination, Roles
from ptychograd.physics.scan import AbstractScan


class Ptychography(AbstractExitWaveModel):
    """Ptychography: the detector sees the propagated wave of an object under a moving probe.

    h_j = |D(P · S_j O)|² + ν (Eqs. 3, 4), with a part of its own for each factor; other physics means another part, not
    another model. You get one from `pg.far_field` or `pg.near_field`, and change it with the functions in `pg.models`.

    Args:
        object: the object O, in its own pixels.
        probe: the incident wave P, in sqrt(photons) a pixel.
        scan: where the window S_j of each pattern lies on the object.
        propagator: D, from the exit wave to the wave at the detector.
        detector: from that wave to expected photons, with the background ν.
        frame_shape: pixels (y, x) of the window and of the wave at the detector: the detector's own times its binning.
        sampling: size (y, x) of an object pixel in metres; None if only pixels are known.
        wavelength: in metres; None if only pixels are known.

    Example:
        >>> model.frame_shape, model.object.transmission.shape
        ((20, 18), (53, 47))
    """

    object: AbstractObject
    probe: AbstractProbe
    scan: AbstractScan
    propagator: AbstractPropagator
    detector: Detector
    frame_shape: tuple[int, int] = eqx.field(static=True)
    sampling: tuple[float, float] | None = eqx.field(static=True, default=None)
    wavelength: float | None = eqx.field(static=True, default=None)

    @meant
    def __call__(self, index):
        return self.detect(self.exit_wave(index), index)

    @meant
    def exit_wave(self, index):
        corner, shift = self.scan.place(index)
        return self.object(translate(self.probe(index), shift), corner)

    @meant
    def detect(self, exit_wave, index):
        _, shift = self.scan.place(index)
        photons = self.detector(self.propagator(exit_wave, shift))
        return photons + self.scan.nan_outside(index, photons.dtype)

    def roles(self):
        wave = self.probe.illumination
        beam = getattr(self.probe, "modes", None) if wave is None else wave
        return Roles(
            self.object.image(self.sampling),
            None if beam is None else Illumination(beam, sampling=self.sampling),
            self.scan.places(),
        )

    @property
    def refined(self):
        return ("object", "probe")

    @property
    def has_diagonal(self):
        return self.object.has_diagonal and self.probe.has_diagonal

    @property
    def is_local(self):
        return self.propagator.is_local

    @property
    def free_scale(self):
        power = self.object.scale_power
        probe = tuple(f"probe.{name}" for name in self.probe.scaled)
        return ScaleAmbiguity("object.transmission", probe, power) if power else None

    def surrogate(self):
        """With parts that are near enough for step sizes: without the shifts by less than a pixel, for one."""
        parts = self.object.surrogate(), self.probe.surrogate(), self.scan.surrogate()
        return eqx.tree_at(lambda model: (model.object, model.probe, model.scan), self, parts)

    def windows(self, index):
        corner, _ = self.scan.place(index)
        rows = {path: row_window(index, columns) for path, columns in self.per_pattern.items()}
        return {"object.transmission": Window(corner, self.frame_shape)} | rows

    @property
    def per_pattern(self):
        return gathered(self, lambda part: part.per_pattern)

    @property
    def weighted(self):
        return [f"{name}.{path}" for name, part in parts_of(self).items() for path in part.weighted]
