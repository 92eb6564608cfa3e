"""The beam under which positions are looked at, and its way to the detector: by what a model's roles and parts say."""

import jax.numpy as jnp
from jaxtyping import Array, Complex, Int

from ptychograd.core.strict import meant
from ptychograd.physics.model import AbstractModel, parts_of, roles_of
from ptychograd.physics.probes import AbstractProbe
from ptychograd.physics.propagators import AbstractPropagator
from ptychograd.physics.roles import path_of, recorded


@meant
def beam_of(model: AbstractModel, index: Int[Array, ""] | int) -> Complex[Array, "modes y x"] | None:
    """The illumination of a pattern, on the image's own axes; None where none is named, as of a pupil.

    What the role names tells which it is. Where that is a probe's modes, the probe is called, as the beam may be
    another in each pattern.
    """
    roles = roles_of(model)
    image, beam = roles.image, roles.illumination
    if image is None or beam is None or tuple(beam.axes) != tuple(image.axes):
        return None
    name = path_of(recorded(roles, model), "illumination").partition(".")[0]
    part = parts_of(model).get(name)
    wave = jnp.asarray(part(jnp.asarray(index)) if isinstance(part, AbstractProbe) else beam.array)
    return wave.reshape(-1, *wave.shape[-2:])


def propagator_of(model: AbstractModel) -> AbstractPropagator | None:
    """The way from the exit wave to the detector, of a model that has it as a part."""
    return next((part for part in parts_of(model).values() if isinstance(part, AbstractPropagator)), None)
