"""Objects that are not always the same while they are looked at."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Complex

from ptychograd.core.windows import extract_window
from ptychograd.physics.objects.base import AbstractObject


class MixedObject(AbstractObject):
    """A thin object in several states, whose patterns add up: every state with every mode of the probe.

    Each transmission carries the root of the share of its state (Thibault & Menzel, Nature 494, 68 (2013)). As modes of
    the probe, the states are known only up to a unitary mixture; so outside of a `support` the first one transmits
    1 and the others nothing.
    """

    transmission: Complex[Array, "states height width"]
    support: Bool[Array, "height width"] | None = None

    def __call__(self, wave, corner):
        shape = wave.shape[-2], wave.shape[-1]
        patches = extract_window(self.transmission, corner, shape)
        if self.support is not None:
            first = (jnp.arange(len(patches)) == 0)[:, None, None].astype(patches.dtype)
            patches = jnp.where(extract_window(self.support, corner, shape)[None], patches, first)
        return (patches[:, None] * wave[None]).reshape(-1, *shape)

    @property
    def scale_power(self):
        return 1 if self.support is None else 0
