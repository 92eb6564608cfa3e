"""A probe told by its wave in another plane, and what lies between."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from ptychograd.core.fourier import exact_fft, exact_ifft, fft2, ifft2
from ptychograd.core.parameters import with_derivative
from ptychograd.core.strict import as_complex, meant
from ptychograd.physics.probes.base import AbstractProbe

ABERRATION_STEP = 0.01  # radians, root-mean-square over the pupil


class AberratedProbe(AbstractProbe):
    """A probe that is known by its wave in another plane (aperture or focus), carried on through an aberrated lens.

    P = F⁻¹[F(modes) · exp(i (Σ_n a_n Z_n + defocus · rate))] over the frequencies of the window (Eq. 14 for the rate).
    Defocus and modes can't both be found: hold the modes. You get one from `pg.models.with_aberrations`.

    Args:
        modes: the wave in the plane of reference, (modes, y, x), in sqrt(photons) a pixel.
        defocus: metres from that plane to the object, a parameter.
        aberrations: a_n in radians, root-mean-square over the pupil, (terms), a parameter.
        rates: radians a metre of defocus, of paraxial free space, for rows and for columns, zero frequency first.
        shapes: Zernike's polynomials Z_n, (terms, y, x): radians a unit of each aberration, zero frequency first.
        defocus_step: metres, a step of the defocus that suits the solver.

    Example:
        >>> import dataclasses
        >>> known = dataclasses.replace(model, sampling=(1e-8, 1e-8), wavelength=1e-10)
        >>> pg.models.with_aberrations(known, defocus=1e-6, aberrations={5: 0.2}).probe.shapes.shape
        (1, 20, 18)
    """

    modes: Complex[Array, "modes y x"]
    defocus: Float[Array, ""]
    aberrations: Float[Array, " terms"]
    rates: tuple[Float[np.ndarray, " y"], Float[np.ndarray, " x"]]
    shapes: Float[np.ndarray, "terms y x"]
    defocus_step: float = eqx.field(static=True)

    def __call__(self, index):
        along_y, along_x = (jnp.exp(1j * as_complex(self.defocus * rate)) for rate in self.rates)
        spectrum = fft2(self.modes) * along_y[None, :, None] * along_x[None, None]
        if len(self.shapes):
            phase = jnp.tensordot(self.aberrations, self.shapes, axes=1)
            spectrum = spectrum * jnp.exp(1j * as_complex(phase))[None]
        return ifft2(spectrum)

    @property
    @meant
    def illumination(self):
        along_y, along_x = (np.exp(1j * float(self.defocus) * np.asarray(rate, float)) for rate in self.rates)
        phase = np.tensordot(np.asarray(self.aberrations, float), np.asarray(self.shapes, float), axes=1)
        carried = along_y[:, None] * along_x * np.exp(1j * phase)
        modes = np.asarray(self.modes)
        return np.stack([exact_ifft(exact_fft(mode) * carried) for mode in modes]).astype(modes.dtype)

    @property
    def steps(self):
        return {"defocus": self.defocus_step, "aberrations": ABERRATION_STEP}

    @property
    def has_diagonal(self):
        return True

    def surrogate(self):
        return _Straight(self)


class _Straight(AbstractProbe):
    """The wave of an `AberratedProbe`, with a derivative as if it were in the plane of reference."""

    probe: AberratedProbe

    def __call__(self, index):
        return with_derivative(self.probe(index), self.probe.modes)
