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
    """Modes in a plane of reference (aperture or focus), carried over `defocus` metres, through an aberrated lens.

    P = F⁻¹[F(modes) · exp(i (Σ_n a_n Z_n + defocus · rate))], with the `aberrations` a_n in radians
    (root-mean-square over the pupil) and Zernike's polynomials `shapes` Z_n over the frequencies of the window, and
    the `rates` of paraxial free space (Eq. 14). Defocus and modes can't both be found: hold the modes.

    Args:
        rates: radians a metre of defocus, for rows and columns, zero frequency first.
        shapes: radians a unit of each aberration, zero frequency first.
        defocus_step: metres, a step that suits the solver.
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

    def surrogate(self):
        return _Straight(self)


class _Straight(AbstractProbe):
    """The wave of an `AberratedProbe`, with a derivative as if it were in the plane of reference."""

    probe: AberratedProbe

    def __call__(self, index):
        return with_derivative(self.probe(index), self.probe.modes)
