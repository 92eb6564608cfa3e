"""The detector: from the wave to the photons that it is expected to count."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from ptychograd._parameters import AbstractPart


class Detector(AbstractPart):
    """Counts the photons of all modes, on top of a constant background ν a pixel (Eq. 4)."""

    background: Float[Array, ""] = eqx.field(default=0.0, converter=jnp.asarray)

    def __call__(self, wave: Complex[Array, "modes *frame"]) -> Float[Array, "*frame"]:
        """Expected photons h = Σ|wave|² + ν."""
        return jnp.sum(wave.real**2 + wave.imag**2, axis=0) + self.background
