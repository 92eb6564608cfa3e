"""Objects too thick to multiply the wave: slices, with free space between them."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.lax import stop_gradient
from jaxtyping import Array, Bool, Complex, Float, Int

from ptychograd.core.fourier import fft2, ifft2
from ptychograd.core.strict import as_complex, lifted
from ptychograd.core.windows import extract_window
from ptychograd.physics.objects.base import AbstractObject
from ptychograd.physics.objects.magnitude import AbstractMagnitude, AnyMagnitude, begun_with, with_known
from ptychograd.physics.roles import PRODUCT, Image


def in_slices(transmission: Complex[np.ndarray, "y x"], count: int) -> Complex[np.ndarray, "count y x"]:
    """A transmission divided evenly among slices, whose product it is."""
    root = np.abs(transmission) ** (1 / count) * np.exp(1j * np.angle(transmission) / count)
    return np.broadcast_to(root, (count, *root.shape))


class MultisliceObject(AbstractObject):
    """An object too thick to multiply the wave: thin slices with free space between them.

    ψ ← t_n · F⁻¹[F(t_{n-1} · ψ) · exp(i distance · rate)], slice by slice (Maiden, Humphry & Rodenburg, J. Opt. Soc.
    Am. A 29, 1606 (2012)). Waves between slices are computed again where derivatives are taken, so that memory holds
    one for each slice. You get one from `pg.models.with_slices`.

    Args:
        transmission: t, (slices, height, width), in object pixels; the first slice is met first, and the exit wave is
            that behind the last.
        distance: metres from each slice to the next, a parameter that can be refined ("object.distance").
        rate: radians a metre of distance for each frequency of the window, (y, x), zero frequency first (as that of
            `AngularSpectrum`).
        distance_step: metres, a step of the distance that suits the solver.
        magnitude: what is known about the magnitude of every slice; by default nothing.
        support: True where the slices are unknown, (height, width); outside of it all transmit 1. None for everywhere.

    Example:
        >>> import jax.numpy as jnp
        >>> space = pg.physics.AngularSpectrum((20, 18), (1e-8, 1e-8), wavelength=1e-10, distance=1e-6)
        >>> slices = jnp.ones((3, 53, 47), complex)
        >>> pg.physics.MultisliceObject(slices, space.distance, space.rate, distance_step=1e-8).scale_power
        3
    """

    transmission: Complex[Array, "slices height width"]
    distance: Float[Array, ""]
    rate: Float[np.ndarray, "y x"]
    distance_step: float = eqx.field(static=True)
    magnitude: AbstractMagnitude = AnyMagnitude()
    support: Bool[Array, "height width"] | None = None

    def __call__(self, wave, corner):
        patches = self.patches(corner, (wave.shape[-2], wave.shape[-1]))
        return self._last_incident(wave, patches) * patches[-1][None]

    def patches(self, corner: Int[Array, "2"], shape: tuple[int, int]) -> Complex[Array, "slices y x"]:
        """The transmission of every slice under the window."""
        seen = self.magnitude(extract_window(self.transmission, corner, shape))
        return (
            seen
            if self.support is None
            else jnp.where(lifted(extract_window(self.support, corner, shape), seen), seen, 1)
        )

    def incident(
        self, wave: Complex[Array, "modes y x"], patches: Complex[Array, "slices y x"]
    ) -> Complex[Array, "slices modes y x"]:
        """The wave that falls on each slice."""
        through = self._through()

        def step(wave, patch):
            wave = through(wave, patch)
            return wave, wave

        _, later = jax.lax.scan(step, wave, patches[:-1])
        return jnp.concatenate([wave[None], later])

    def image(self, sampling):
        gauge, support = () if self.support is not None else PRODUCT, self.support
        return Image(
            self.transmission, ("y", "x"), sampling, "slices", self.distance, support, outside=1.0, gauge=gauge
        )

    @property
    def scale_power(self):
        return len(self.transmission) if self.support is None and self.magnitude.is_free else 0

    @property
    def steps(self):
        return {"distance": self.distance_step}

    @property
    def has_diagonal(self):
        return True

    def surrogate(self):
        return _Apart(eqx.tree_at(lambda part: part.magnitude, self, self.magnitude.surrogate()))

    def gauge_fixed(self):
        """Slices of the same mean brightness, as a factor may go from one to another."""
        if not self.magnitude.is_free:
            return ({"transmission": self.magnitude(self.transmission)},)
        if self.support is not None:
            return ()
        power = jnp.mean(self.transmission.real**2 + self.transmission.imag**2, axis=(1, 2), keepdims=True)
        even = jnp.exp(jnp.mean(jnp.log(power)) / 2)
        return ({"transmission": self.transmission * as_complex(even / jnp.sqrt(power))},)

    def with_support(self, support):
        return replace(self, support=support)

    def with_magnitude(self, magnitude):
        return with_known(self, magnitude)

    def continued(self, transmission):
        return begun_with(self, transmission)

    def _last_incident(self, wave, patches):
        through = jax.checkpoint(self._through())
        return jax.lax.scan(lambda wave, patch: (through(wave, patch), None), wave, patches[:-1])[0]

    def _through(self):
        """Through a slice and to the next."""
        transfer = jnp.exp(1j * as_complex(self.distance * self.rate))
        return lambda wave, patch: ifft2(fft2(wave * patch[None]) * transfer[None])


class _Apart(AbstractObject):
    """A `MultisliceObject` whose slices each make a wave of their own, with a derivative for that slice alone.

    Together they would cancel or add in the derivative; apart it tells how brightly each slice is lit.
    """

    object: MultisliceObject

    def __call__(self, wave, corner):
        patches = self.object.patches(corner, (wave.shape[-2], wave.shape[-1]))
        fixed = stop_gradient(patches)
        illuminated = self.object.incident(stop_gradient(wave), fixed)
        behind = (illuminated * patches[:, None]).reshape(-1, *wave.shape[1:])
        faint = (wave - stop_gradient(wave)) * jnp.prod(fixed, axis=0)[None]
        return jnp.concatenate([behind, faint])
