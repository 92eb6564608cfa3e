"""The simplest probe: one wave for the whole scan."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex

from ptychograd.core.fourier import centred, exact_fft, exact_ifft, translate, uncentred
from ptychograd.core.overriding import is_own
from ptychograd.physics.probes.base import AbstractProbe
from ptychograd.physics.probes.diverse import diverse_modes
from ptychograd.physics.probes.varying import VaryingProbe


class Probe(AbstractProbe):
    """One wave for the whole scan: one mode if the beam is coherent, several that add in intensity if not.

    Thibault & Menzel, Nature 494, 68 (2013), for the modes. `pg.models.with_modes` makes several.

    Args:
        modes: (modes, y, x), in sqrt(photons) a pixel; the sum of |modes|² is the photons of an exposure.

    Example:
        >>> import jax.numpy as jnp
        >>> pg.physics.Probe(jnp.ones((2, 20, 18), complex)).modes.shape
        (2, 20, 18)
    """

    modes: Complex[Array, "modes y x"]

    @property
    def has_diagonal(self):
        return True

    def __call__(self, index):
        return self.modes

    def as_plain(self, what):
        return self

    def as_varying(self):
        return super().as_varying() if is_own(self) else VaryingProbe(self.modes)  # which has no call of one's own

    def with_modes(self, count):
        return self.continued(diverse_modes(np.asarray(self.modes), count))

    def in_larger_array(self, margins):
        return self.continued(np.pad(np.asarray(self.modes), [(0, 0), *margins]))

    def on_finer_pixels(self, finer):
        return self.continued(_interpolated(np.asarray(self.modes), finer))

    def continued(self, modes):
        return eqx.tree_at(lambda part: part.modes, self, jnp.asarray(modes, self.modes.dtype))


def _interpolated(modes: Complex[np.ndarray, "modes y x"], finer: int) -> Complex[np.ndarray, "modes Y X"]:
    """The same waves on finer pixels, band-limited, with their photons; the pixels' middles stay where they are."""
    margins = [(finer * n // 2 - n // 2, (finer - 1) * n - (finer * n // 2 - n // 2)) for n in modes.shape[1:]]
    waves = [exact_ifft(uncentred(np.pad(centred(exact_fft(mode)), margins))) for mode in modes]
    half = jnp.full(2, (finer - 1) / 2, np.finfo(modes.dtype).dtype)
    return np.asarray(translate(jnp.asarray(np.stack(waves), modes.dtype), half))
