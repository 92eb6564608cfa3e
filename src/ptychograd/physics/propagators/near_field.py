"""Free space on the pixels of the object: the near field."""

import abc

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from ptychograd.core.fourier import fft2, ifft2, translate_spectrum
from ptychograd.core.strict import as_complex, lifted, meant
from ptychograd.physics.propagators.base import AbstractPropagator, no_finer_grid
from ptychograd.physics.propagators.kernels import (
    Lengths,
    Shape,
    angular_spectrum_rate,
    check_angular_spectrum,
    check_fresnel,
    fresnel_rates,
)


class AbstractNearField(AbstractPropagator):
    """Base class of free space on the pixels of the object, over `distance` metres, a parameter like any other.

    D{ψ} = F⁻¹[F(ψ) · H] with unitary transforms; the edges wrap. A sub-pixel `shift` of the probe is taken back on the
    way, because window and detector stay with the probe: one more factor on the spectrum, and no further transform.
    """

    distance: eqx.AbstractVar[Float[Array, ""]]

    @property
    def is_local(self):
        return True

    @property
    def complex_dtype(self):
        return np.dtype(np.result_type(self.distance.dtype, np.complex64))

    def on_finer_pixels(self, shape, sampling, wavelength):
        found = self.of_wavelength(wavelength, wavelength, shape, sampling)
        if type(found) is not type(self):  # of one's own, which inherits a method that makes its base
            raise no_finer_grid(self, "on_finer_pixels")
        return found

    @abc.abstractmethod
    def through_space(
        self, spectrum: Complex[Array, "*modes y x"], distance: Float[Array, ""]
    ) -> Complex[Array, "*modes y x"]:
        """The spectrum times H of `distance`; zero frequency first."""

    def __call__(self, exit_wave, shift=None):
        return self._carried(exit_wave, self.distance, None if shift is None else -shift)

    def adjoint(self, wave, shift=None):
        return self._carried(wave, -self.distance, shift)

    def _carried(self, wave, distance, shift):
        spectrum = self.through_space(fft2(wave), distance)
        return ifft2(spectrum if shift is None else translate_spectrum(spectrum, shift))


class Fresnel(AbstractNearField):
    """Paraxial free space, H = exp(-iπλz(f_y² + f_x²)) (Eq. 14): one factor for rows, one for columns.

    The edges wrap. `AngularSpectrum` is exact, for angles that are not small.

    Args:
        shape: pixels (y, x) of the wave.
        sampling: size (y, x) of a pixel in metres.
        wavelength: λ in metres.
        distance: z in metres; a negative one goes back. It can be refined ("propagator.distance").
        dtype: complex number type whose precision is used; complex64 is single precision.

    Raises:
        InputError: beyond `fresnel_limits`.

    Example:
        >>> space = pg.physics.Fresnel((64, 64), (1e-6, 1e-6), wavelength=1e-10, distance=0.1)
        >>> round(float(space.distance), 3), space.is_local
        (0.1, True)
    """

    distance: Float[Array, ""]
    rates: tuple[Float[np.ndarray, " y"], Float[np.ndarray, " x"]]  # radians a metre of distance

    @meant
    def __init__(
        self,
        shape: Shape,
        sampling: Lengths,
        wavelength: float,
        distance: float,
        dtype: np.dtype | type = np.complex64,
    ):
        check_fresnel(shape, sampling, wavelength, distance)
        real = np.finfo(dtype).dtype
        self.distance = jnp.asarray(distance, real)
        along_y, along_x = fresnel_rates(shape, sampling, wavelength)
        self.rates = along_y.astype(real), along_x.astype(real)

    def of_wavelength(self, wavelength, usual, shape, sampling):
        return Fresnel(shape, sampling, wavelength, float(self.distance), self.complex_dtype)

    def through_space(self, spectrum, distance):
        along_y, along_x = (jnp.exp(1j * as_complex(distance * rate)) for rate in self.rates)
        return spectrum * lifted(along_y[:, None], spectrum) * lifted(along_x, spectrum)


class AngularSpectrum(AbstractNearField):
    """Exact free space, H = exp(2πiz(√(1/λ² - f²) - 1/λ)), for angles that are not small.

    J. W. Goodman, Introduction to Fourier Optics, section 3.10, without the phase exp(2πiz/λ) common to all. The edges
    wrap.

    Args:
        shape: pixels (y, x) of the wave.
        sampling: size (y, x) of a pixel in metres.
        wavelength: λ in metres.
        distance: z in metres; a negative one goes back. It can be refined ("propagator.distance").
        dtype: complex number type whose precision is used; complex64 is single precision.

    Raises:
        InputError: beyond `angular_spectrum_limits`.

    Example:
        >>> space = pg.physics.AngularSpectrum((64, 64), (1e-6, 1e-6), wavelength=1e-10, distance=0.1)
        >>> space.rate.shape
        (64, 64)
    """

    distance: Float[Array, ""]
    rate: Float[np.ndarray, "y x"]  # radians a metre of distance

    @meant
    def __init__(
        self,
        shape: Shape,
        sampling: Lengths,
        wavelength: float,
        distance: float,
        dtype: np.dtype | type = np.complex64,
    ):
        check_angular_spectrum(shape, sampling, wavelength, distance)
        real = np.finfo(dtype).dtype
        self.distance = jnp.asarray(distance, real)
        self.rate = angular_spectrum_rate(shape, sampling, wavelength).astype(real)

    def of_wavelength(self, wavelength, usual, shape, sampling):
        return AngularSpectrum(shape, sampling, wavelength, float(self.distance), self.complex_dtype)

    def through_space(self, spectrum, distance):
        return spectrum * lifted(jnp.exp(1j * as_complex(distance * self.rate)), spectrum)
