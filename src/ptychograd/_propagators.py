"""From the exit wave behind the object to the wave at the detector."""

import abc
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Inexact

from ptychograd._errors import InputError
from ptychograd._fourier import centring_ramp, fft2, frequencies, ifft2, translate_spectrum
from ptychograd._parameters import AbstractPart

Shape = tuple[int, int]
Lengths = tuple[float, float]


class AbstractPropagator(AbstractPart):
    """A linear, energy-keeping map from exit wave to detector wave, and its adjoint.

    `is_local` says that a detector pixel sees a neighbourhood of the exit wave and not all of it.
    """

    is_local: ClassVar[bool] = False

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

    def __init__(self, shape: Shape, dtype: np.dtype | type = np.complex64):
        ramp = centring_ramp(shape)
        self.ramp = ramp.astype(dtype if np.iscomplexobj(ramp) else np.finfo(dtype).dtype)

    def __call__(self, exit_wave, shift=None):
        return fft2(exit_wave * self.ramp)

    def adjoint(self, wave, shift=None):
        return ifft2(wave) * jnp.conj(self.ramp)


class AbstractNearField(AbstractPropagator):
    """Free space of length `distance` (metres, a parameter like any other), on the pixels of the object.

    D{ψ} = F⁻¹[F(ψ) · H] with unitary transforms; the edges wrap. A sub-pixel `shift` of the probe is
    taken back on the way, because window and detector stay with the probe: one more factor on the
    spectrum, and no further transform.
    """

    is_local = True
    distance: eqx.AbstractVar[Float[Array, ""]]

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

    `sampling` (y, x), `wavelength` and `distance` are in metres. Raises `InputError` beyond `fresnel_limits`.
    """

    distance: Float[Array, ""]
    rates: tuple[Float[np.ndarray, " y"], Float[np.ndarray, " x"]]  # radians a metre of distance

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
        along_y, along_x = (-np.pi * wavelength * f**2 for f in _cycles_per_metre(shape, sampling))
        self.rates = along_y.astype(real), along_x.astype(real)

    def through_space(self, spectrum, distance):
        along_y, along_x = (jnp.exp(1j * (distance * rate)) for rate in self.rates)
        return spectrum * along_y[:, None] * along_x


class AngularSpectrum(AbstractNearField):
    """Exact free space, H = exp(2πiz(√(1/λ² - f²) - 1/λ)), for angles that are not small.

    J. W. Goodman, Introduction to Fourier Optics, section 3.10, without the phase exp(2πiz/λ) common to all.
    Arguments as for `Fresnel`. Raises `InputError` beyond `angular_spectrum_limits`.
    """

    distance: Float[Array, ""]
    rate: Float[np.ndarray, "y x"]  # radians a metre of distance

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
        f_y, f_x = _cycles_per_metre(shape, sampling)
        f_squared = f_y[:, None] ** 2 + f_x**2
        along_z = np.sqrt(1 / wavelength**2 - f_squared)
        self.rate = (-2 * np.pi * f_squared / (along_z + 1 / wavelength)).astype(real)

    def through_space(self, spectrum, distance):
        return spectrum * jnp.exp(1j * (distance * self.rate))


def fresnel_kernel(shape: Shape, sampling: Lengths, wavelength: float, distance: float) -> Complex[np.ndarray, "y x"]:
    """Transfer function exp(-iπλz(f_y² + f_x²)) of paraxial free space (Eq. 14), zero frequency first.

    `sampling` (y, x), `wavelength` and `distance` in metres; a negative distance goes back.
    Raises `InputError` where it aliases (`check_fresnel`).
    """
    check_fresnel(shape, sampling, wavelength, distance)
    along_y, along_x = (np.exp(-1j * np.pi * wavelength * distance * f**2) for f in _cycles_per_metre(shape, sampling))
    return along_y[:, None] * along_x


def fresnel_limits(shape: Shape, sampling: Lengths, wavelength: float) -> Lengths:
    """Longest distance in metres, for each axis, whose paraxial transfer function is sampled: n·sampling²/λ.

    Beyond it the phase turns by more than π from one frequency to the next.
    """
    along_y, along_x = (n * pixel**2 / wavelength for n, pixel in zip(shape, sampling, strict=True))
    return along_y, along_x


def angular_spectrum_limits(shape: Shape, sampling: Lengths, wavelength: float) -> Lengths:
    """Longest distance in metres, for each axis, whose exact transfer function is sampled; 0 for evanescent waves.

    The phase 2πz√(1/λ² - f²) turns by π from one frequency to the next, 1/(n·sampling) away, at
    z = n·sampling·√(1/λ² - f²)/(2f), which is least at the corner of the grid of frequencies.
    """
    highest = [1 / (2 * pixel) for pixel in sampling]
    along_z = np.sqrt(max(0.0, 1 / wavelength**2 - highest[0] ** 2 - highest[1] ** 2))
    along_y, along_x = (float(n * p * along_z / (2 * f)) for n, p, f in zip(shape, sampling, highest, strict=True))
    return along_y, along_x


def check_fresnel(shape: Shape, sampling: Lengths, wavelength: float, distance: float) -> None:
    """Raise `InputError`, with the numbers, where a paraxial propagation aliases."""
    _check_distance("A Fresnel", shape, sampling, wavelength, distance, fresnel_limits(shape, sampling, wavelength))


def check_angular_spectrum(shape: Shape, sampling: Lengths, wavelength: float, distance: float) -> None:
    """Raise `InputError`, with the numbers, where an exact propagation aliases or waves are evanescent."""
    limits = angular_spectrum_limits(shape, sampling, wavelength)
    if not max(limits) > 0:
        raise InputError(
            f"Pixels of {sampling[0]:.4g} x {sampling[1]:.4g} m resolve waves that do not propagate at a wavelength of "
            f"{wavelength:.4g} m; use pixels of more than {wavelength / np.sqrt(2):.4g} m."
        )
    _check_distance("An angular-spectrum", shape, sampling, wavelength, distance, limits)


def _check_distance(
    kind: str, shape: Shape, sampling: Lengths, wavelength: float, distance: float, limits: Lengths
) -> None:
    for n, pixel, limit in zip(shape, sampling, limits, strict=True):
        if not abs(distance) <= limit:
            raise InputError(
                f"{kind} propagation over {distance:.4g} m aliases on {n} pixels of {pixel:.4g} m: at a "
                f"wavelength of {wavelength:.4g} m the limit is {limit:.4g} m; use more or larger pixels."
            )


def _cycles_per_metre(shape: Shape, sampling: Lengths) -> list[np.ndarray]:
    return [frequencies(n) / pixel for n, pixel in zip(shape, sampling, strict=True)]
