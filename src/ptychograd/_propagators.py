"""From the exit wave behind the object to the wave at the detector."""

import abc

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Inexact

from ptychograd._errors import InputError
from ptychograd._fourier import centring_ramp, fft2, frequencies, ifft2


class AbstractPropagator(eqx.Module):
    """A linear, energy-keeping map from exit wave to detector wave, and its adjoint."""

    @abc.abstractmethod
    def __call__(
        self, exit_wave: Complex[Array, "*modes y x"], shift: Float[Array, "2"] | None
    ) -> Complex[Array, "*modes y x"]:
        """Wave at the detector; `shift` (y, x) is the sub-pixel shift that the probe was given."""

    @abc.abstractmethod
    def adjoint(
        self, wave: Complex[Array, "*modes y x"], shift: Float[Array, "2"] | None
    ) -> Complex[Array, "*modes y x"]:
        """Back from the detector to the exit plane."""


class FarField(AbstractPropagator):
    """Fraunhofer diffraction: the discrete Fourier transform of the exit wave (Eq. 4).

    The wave comes out as the detector shows it, with the zero frequency at pixel (y // 2, x // 2):
    a phase ramp on the exit wave puts it there, exactly. A shift of the probe is invisible in the
    far field, so `shift` does nothing.
    """

    ramp: Inexact[np.ndarray, "y x"]  # a constant: parameters are JAX arrays

    def __init__(self, shape: tuple[int, int], dtype: np.dtype | type = np.complex64):
        ramp = centring_ramp(shape)
        self.ramp = ramp.astype(dtype if np.iscomplexobj(ramp) else np.finfo(dtype).dtype)

    def __call__(self, exit_wave, shift=None):
        return fft2(exit_wave * self.ramp)

    def adjoint(self, wave, shift=None):
        return ifft2(wave) * jnp.conj(self.ramp)


def fresnel_kernel(
    shape: tuple[int, int], sampling: tuple[float, float], wavelength: float, distance: float
) -> Complex[np.ndarray, "y x"]:
    """Transfer function exp(-iπλz(f_y² + f_x²)) of paraxial free space (Eq. 14), zero frequency first.

    `sampling` (y, x), `wavelength` and `distance` in metres; a negative distance goes back.
    Raises `InputError` where the kernel's phase turns by more than π between neighbouring
    frequencies, |z| > n·sampling²/λ: there the transfer function aliases.
    """
    for n, pixel in zip(shape, sampling, strict=True):
        limit = n * pixel**2 / wavelength
        if abs(distance) > limit:
            raise InputError(
                f"A Fresnel propagation over {distance:.4g} m aliases on {n} pixels of {pixel:.4g} m: at a "
                f"wavelength of {wavelength:.4g} m the limit is {limit:.4g} m; use more or larger pixels."
            )
    along_y, along_x = (
        np.exp(-1j * np.pi * wavelength * distance * (frequencies(n) / pixel) ** 2)
        for n, pixel in zip(shape, sampling, strict=True)
    )
    return along_y[:, None] * along_x
