"""Several wavelengths at once."""

import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from ptychograd.core.strict import as_complex
from ptychograd.physics.propagators.base import AbstractPropagator

WEIGHT_STEP = 0.002  # of the power of all lines
FAINTEST = 1e-4  # of the power of all lines, below which a line could not come back


class Polychromatic(AbstractPropagator):
    """A beam of several wavelengths (lines): one propagator for each, and their patterns add up.

    Each line comes out as waves of its own. Probe and exit wave are taken to be the same for all lines, which holds for
    a narrow spectrum away from absorption edges (Enders et al., Appl. Phys. Lett. 104, 171104 (2014)). You get one from
    `pg.models.with_spectrum`.

    Args:
        lines: a propagator for each line.
        weights: share of the photons in each line, (lines); they count relative to their sum, and can be refined
            ("propagator.weights").

    Example:
        >>> import jax.numpy as jnp
        >>> lines = pg.physics.FarField((20, 18)), pg.physics.ScaledFarField((20, 18), ratio=1.01)
        >>> spectrum = pg.physics.Polychromatic(lines, jnp.array([0.7, 0.3]))
        >>> len(spectrum.lines)
        2
    """

    lines: tuple[AbstractPropagator, ...]
    weights: Float[Array, " lines"]

    @property
    def is_local(self):
        return self.lines[0].is_local

    def __call__(self, exit_wave, shift=None):
        waves = [root * line(exit_wave, shift) for root, line in zip(self._roots(), self.lines, strict=True)]
        return jnp.concatenate(waves)

    def adjoint(self, wave, shift=None):
        parts = zip(self._roots(), self.lines, jnp.split(wave, len(self.lines)), strict=True)
        return sum(root * line.adjoint(part, shift) for root, line, part in parts)

    @property
    def steps(self):
        return {"weights": WEIGHT_STEP}

    def gauge_fixed(self):
        """Weights above zero, whose sum is 1: the probe holds the power."""
        return ({"weights": self._shares()},)

    def _roots(self) -> Complex[Array, " lines"]:
        return as_complex(jnp.sqrt(self._shares()))

    def _shares(self) -> Float[Array, " lines"]:
        weights = jnp.maximum(self.weights, FAINTEST)
        return weights / jnp.sum(weights)
