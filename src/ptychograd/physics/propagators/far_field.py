"""Fraunhofer diffraction: the far field."""

import equinox as eqx
import numpy as np
from jaxtyping import Complex, Inexact

from ptychograd.core.errors import InputError
from ptychograd.core.fourier import centring_ramp, fft2, ifft2, scaled_transform
from ptychograd.core.strict import lifted
from ptychograd.physics.propagators.base import AbstractPropagator
from ptychograd.physics.propagators.kernels import Shape


class FarField(AbstractPropagator):
    """Fraunhofer diffraction: the discrete Fourier transform of the exit wave (Eq. 4).

    The wave comes out as the detector shows it, with the zero frequency at pixel (y // 2, x // 2): a phase ramp on the
    exit wave puts it there, exactly, for odd and even sizes. A shift of the probe is invisible in the far field, so
    `shift` does nothing in the call.

    Args:
        shape: pixels (y, x) of the wave.
        dtype: complex number type of the ramp; complex64 is single precision.

    Example:
        >>> pg.physics.FarField((20, 18))(model.probe.modes).shape
        (1, 20, 18)
    """

    ramp: Inexact[np.ndarray, "y x"]  # a constant: parameters are JAX arrays

    def __init__(self, shape: Shape, dtype: np.dtype | type = np.complex64):
        ramp = centring_ramp(shape)
        self.ramp = ramp.astype(dtype if np.iscomplexobj(ramp) else np.finfo(dtype).dtype)

    @property
    def complex_dtype(self):
        return np.dtype(np.result_type(self.ramp, np.complex64))

    def of_wavelength(self, wavelength, usual, shape, sampling):
        return self if wavelength == usual else ScaledFarField(shape, wavelength / usual, self.complex_dtype)

    def in_larger_window(self, finer, shape):
        middle = [finer * (n // 2) + (finer - 1) / 2 for n in shape]  # of the detector's middle pixel
        larger, dtype = (finer * shape[0], finer * shape[1]), self.complex_dtype
        ramp = centring_ramp(larger, (middle[0], middle[1]))
        ramp = ramp.astype(dtype if np.iscomplexobj(ramp) else np.finfo(dtype).dtype)
        return eqx.tree_at(lambda one: one.ramp, self, ramp)

    def __call__(self, exit_wave, shift=None):
        return fft2(exit_wave * lifted(self.ramp.astype(exit_wave.dtype), exit_wave))

    def adjoint(self, wave, shift=None):
        return ifft2(wave) * lifted(self.ramp.conj().astype(wave.dtype), wave)


class ScaledFarField(AbstractPropagator):
    """The far field of another wavelength on the same detector and the same object pixels.

    A detector pixel sees 1/`ratio` of the frequency that it sees of the wavelength for which the object's pixels were
    chosen: a Fourier transform on a grid of its own, by two small matrix products (Soummer et al., Opt. Express 15,
    15935 (2007)). Energy is kept where the detector sees all of it. `pg.models.with_spectrum` makes one for each line.

    Args:
        shape: pixels (y, x) of the wave.
        ratio: the wavelength over that for which the object's pixels were chosen, between 0.5 and 2.
        dtype: complex number type of the matrices; complex64 is single precision.

    Raises:
        InputError: for a `ratio` that is not between 0.5 and 2.

    Example:
        >>> pg.physics.ScaledFarField((20, 18), ratio=1.01)(model.probe.modes).shape
        (1, 20, 18)
    """

    along_y: Complex[np.ndarray, "y y"]
    along_x: Complex[np.ndarray, "x x"]

    def __init__(self, shape: Shape, ratio: float, dtype: np.dtype | type = np.complex64):
        if not 0.5 < ratio < 2:
            raise InputError(
                f"A wavelength {ratio:.4g} times that of the object's pixels is too far away for one detector; "
                "expected between 0.5 and 2 times."
            )
        self.along_y, self.along_x = (scaled_transform(n, ratio).astype(dtype) for n in shape)

    def __call__(self, exit_wave, shift=None):
        return self.along_y @ exit_wave @ self.along_x.T

    def adjoint(self, wave, shift=None):
        return self.along_y.conj().T @ wave @ self.along_x.conj()
