"""Objects that are not always the same while they are looked at."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex

from ptychograd.core.windows import extract_window
from ptychograd.physics.objects.base import AbstractObject
from ptychograd.physics.probes.diverse import lost
from ptychograd.physics.roles import PRODUCT, Image


class MixedObject(AbstractObject):
    """A thin object in several states, whose patterns add up: every state with every mode of the probe.

    As modes of the probe, the states are known only up to a unitary mixture (Thibault & Menzel, Nature 494, 68 (2013)).
    You get one from `pg.models.with_object_modes`.

    Args:
        transmission: (states, height, width), in object pixels; each carries the root of the share of its state.
        support: True where the states are unknown, (height, width); outside of it the first one transmits 1 and the
            others nothing. None for everywhere.

    Example:
        >>> pg.models.with_object_modes(model, 2).object.transmission.shape
        (2, 53, 47)
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

    def image(self, sampling):
        gauge = () if self.support is not None else PRODUCT
        return Image(
            self.transmission, sampling=sampling, layers="states", support=self.support, outside=1.0, gauge=gauge
        )

    def stuck(self, name, free):
        dark = list(super().stuck(name, free))
        yield from dark
        path, states = f"{name}.transmission", len(self.transmission)
        if path in free and not dark and (count := lost(np.asarray(self.transmission))):
            yield f"{count} of {states} states of {path} are empty or mixtures of the others; see with_object_modes"

    @property
    def has_diagonal(self):
        return True

    @property
    def scale_power(self):
        return 1 if self.support is None else 0

    def with_support(self, support):
        return replace(self, support=support)

    def continued(self, transmission):
        return replace(self, transmission=jnp.asarray(transmission, self.transmission.dtype))
