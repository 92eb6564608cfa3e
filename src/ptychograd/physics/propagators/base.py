"""What every propagator is."""

import abc

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from ptychograd.core.errors import InputError
from ptychograd.core.overriding import refused
from ptychograd.core.parameters import AbstractPart
from ptychograd.physics.margins import ONCE


class AbstractPropagator(AbstractPart):
    """Base class of propagators: linear maps from the exit wave to the wave at the detector that keep the energy.

    A subclass gives the call, which takes waves (modes, y, x), and the sub-pixel shift (y, x) in pixels that the probe
    was given, None for none. The `adjoint`, which goes back, follows from it by `jax.linear_transpose`; give one of
    your own where you know a faster one, or where waves at the detector have another shape than exit waves.

    Example:
        >>> import equinox as eqx, jax.numpy as jnp
        >>> class Magnified(pg.physics.AbstractPropagator):
        ...     def __call__(self, exit_wave, shift):
        ...         return jnp.flip(exit_wave, axis=(-2, -1))
        >>> back = Magnified().adjoint(model.probe.modes, None)
        >>> bool(jnp.allclose(Magnified()(back, None), model.probe.modes)), model.propagator.is_local
        (True, False)
    """

    @property
    def is_local(self) -> bool:
        """True where a detector pixel sees a neighbourhood of the exit wave and not all of it."""
        return False

    @property
    def complex_dtype(self) -> np.dtype:
        """Complex number type of its precision."""
        return np.dtype(np.complex64)

    def of_wavelength(
        self, wavelength: float, usual: float, shape: tuple[int, int], sampling: tuple[float, float]
    ) -> "AbstractPropagator":
        """The same way of a beam of another wavelength, in metres, than the `usual` one for which it was made.

        `shape` and `sampling` are those of the exit wave. Raises `InputError` where it is not known.
        """
        said = f"A spectrum can't go into {type(self).__name__}"
        raise refused(self, "of_wavelength", said, "it is for a propagator of one wavelength")

    def in_larger_window(self, finer: int, shape: tuple[int, int]) -> "AbstractPropagator":
        """The way to the same pixels of the detector from a window of `finer` times as many pixels along each side.

        `shape` is that of the exit wave as it is; its pixels keep their size. For waves of which each pixel of the
        detector sees all.
        """
        raise no_finer_grid(self, "in_larger_window")

    def on_finer_pixels(
        self, shape: tuple[int, int], sampling: tuple[float, float], wavelength: float
    ) -> "AbstractPropagator":
        """The same way of a wave of this finer `shape` and `sampling`, in metres, over the same window."""
        raise no_finer_grid(self, "on_finer_pixels")

    @abc.abstractmethod
    def __call__(
        self, exit_wave: Complex[Array, "*modes y x"], shift: Float[Array, "2"] | None
    ) -> Complex[Array, "*modes y x"]:
        """Wave at the detector; `shift` (y, x) is the sub-pixel shift that the probe was given."""

    def adjoint(
        self, wave: Complex[Array, "*modes y x"], shift: Float[Array, "2"] | None
    ) -> Complex[Array, "*modes y x"]:
        """Back from the detector to the exit plane: A^H with <A ψ, w> = <ψ, A^H w>, by default from the call's A.

        JAX transposes and does not conjugate: A^H w = (A^T w*)*. Raises `InputError` where the call changes the shape.
        """
        exit_wave = jax.ShapeDtypeStruct(wave.shape, wave.dtype)
        there = jax.eval_shape(lambda exit_wave: self(exit_wave, shift), exit_wave)
        if (there.shape, there.dtype) != (wave.shape, wave.dtype):
            raise InputError(
                f"{type(self).__name__} makes {there.dtype}{list(there.shape)} of an exit wave "
                f"{wave.dtype}{list(wave.shape)}; give it an `adjoint` of its own, or a call that keeps shape and type."
            )
        (back,) = jax.linear_transpose(lambda exit_wave: self(exit_wave, shift), exit_wave)(jnp.conj(wave))
        return jnp.conj(back)


def no_finer_grid(part: object, method: str) -> InputError:
    """What is said where a way to the detector is not known on a finer grid, by the method that would tell it."""
    said = "Oversampling is for a far field, and for a near field whose pixels have a size in metres"
    return refused(part, method, said, ONCE)
