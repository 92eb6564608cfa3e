"""The derivatives of a thin object's amplitude misfit, written by hand: those of ePIE."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Complex, Float, Int, Real

from ptychograd.core.errors import InputError
from ptychograd.core.fourier import translate
from ptychograd.core.parameters import named_parameters, replace_parameter
from ptychograd.core.strict import as_complex
from ptychograd.core.windows import batch_axes
from ptychograd.fitting.solvers.derivatives import AbstractDerivatives
from ptychograd.fitting.solvers.sums import Sums
from ptychograd.physics.batching import batched
from ptychograd.physics.model import AbstractModel, first_pattern
from ptychograd.physics.noise import Amplitude
from ptychograd.physics.noise.base import amplitude
from ptychograd.physics.objects import AbstractThinObject
from ptychograd.physics.paths import MODES, TRANSMISSION
from ptychograd.physics.probes import Probe
from ptychograd.physics.ptychography import Ptychography


class ClosedForm(AbstractDerivatives):
    """The derivatives of a thin object's amplitude misfit by hand (Maiden & Rodenburg 2009, Eqs. 6, 7)."""

    @property
    def prefix(self):
        return ""

    def variables(self, parameters):
        return parameters

    def check(self, objective, variables):
        if objective.shares:
            name = type(objective.rest).__name__
            raise InputError(
                f"Closed-form PIE is written for calls of the model itself, not of what {name}.shared() gives; take an "
                "AD solver such as nesterov (`fit.solver.kind`)."
            )
        _thin(objective.model(variables))
        if not _ptychography(objective.model(variables)).detector.is_plain:
            raise InputError(
                "Closed-form PIE is written for a detector without point spread, flat field and binning; take "
                "nesterov, or an AD solver such as adam (`fit.solver.kind`)."
            )
        others = sorted(set(named_parameters(variables)) - {TRANSMISSION, MODES})
        if others or not isinstance(objective.noise, Amplitude):
            raise InputError(
                f"Closed-form PIE moves {TRANSMISSION} and {MODES} under amplitude noise, "
                f"not {', '.join(others) or type(objective.noise).__name__}; take an AD solver such as adam "
                "(`fit.solver.kind`)."
            )

    def diagonal_names(self, objective, variables):
        return tuple(named_parameters(variables))

    def sums(self, objective, local_view, batch):
        seen, windows = local_view

        def one(seen, group, pattern, mask, weight):
            model = _ptychography(objective.model(seen))
            return _terms(model, first_pattern(model, group), pattern, mask, weight)

        mask_axis = 0 if batch.mask.ndim == batch.patterns.ndim else None
        axes = (batch_axes(seen, windows), 0, 0, mask_axis, 0)
        terms = batched(one, axes)(seen, batch.group, batch.patterns, batch.mask, batch.weight)
        gradient, diagonals = seen, {}
        for name in named_parameters(seen):
            if name == TRANSMISSION:
                values, diagonals[name] = terms.object_gradient, terms.object_weight
            else:
                values, diagonals[name] = jnp.sum(terms.probe_gradient, 0), jnp.sum(terms.probe_weight, 0)
            gradient = replace_parameter(gradient, name, values)
        return Sums(objective.value(terms.expected, batch), gradient, diagonals, windows)


class _Terms(NamedTuple):
    """What one pattern adds: ∂g/∂O* and ∂g/∂P* (Eqs. 11, 12), |P|² and |S_j O|², and h."""

    object_gradient: Complex[Array, "*batch y x"]
    probe_gradient: Complex[Array, "*batch modes y x"]
    object_weight: Float[Array, "*batch y x"]
    probe_weight: Float[Array, "*batch modes y x"]
    expected: Float[Array, "*batch y x"]


def _terms(
    model: Ptychography,
    index: Int[Array, ""],
    pattern: Real[Array, "y x"],
    mask: Bool[Array, "y x"],
    weight: Float[Array, ""],
) -> _Terms:
    object = _thin(model)
    corner, shift = model.scan(index)
    probe = translate(model.probe(index), shift)
    patch = object.patch(corner, model.frame_shape)
    free = weight * object.free(corner, model.frame_shape)
    wave = model.propagator(probe * patch[None], shift)
    expected = model.detector(wave)
    modulus = amplitude(expected)
    excess = 1 - amplitude(pattern.astype(expected.dtype)) / jnp.where(modulus > 0, modulus, 1)
    left = weight * mask.astype(weight.dtype) * jnp.where(modulus > 0, excess, 0)
    chi = model.propagator.adjoint(as_complex(left)[None] * wave, shift)
    back = None if shift is None else -shift
    intensity = weight * (patch.real**2 + patch.imag**2)
    return _Terms(
        object_gradient=as_complex(free) * jnp.sum(jnp.conj(probe) * chi, axis=0),
        probe_gradient=translate(jnp.conj(patch)[None] * chi, back),
        object_weight=free * jnp.sum(probe.real**2 + probe.imag**2, axis=0),
        probe_weight=jnp.broadcast_to(intensity, probe.shape),
        expected=expected,
    )


def _ptychography(model: AbstractModel) -> Ptychography:
    if not isinstance(model, Ptychography):
        raise InputError(
            f"Closed-form PIE is written for Ptychography, not for {type(model).__name__}; take an AD solver such as "
            "nesterov (`fit.solver.kind`)."
        )
    if not isinstance(model.probe, Probe):
        raise InputError(
            f"Closed-form PIE is written for the same probe in all patterns, not for {type(model.probe).__name__}; "
            "take an AD solver such as nesterov (`fit.solver.kind`)."
        )
    return model


def _thin(model: AbstractModel) -> AbstractThinObject:
    object = _ptychography(model).object
    if not isinstance(object, AbstractThinObject):
        raise InputError(
            f"Closed-form PIE is written for thin objects, not for {type(object).__name__}; "
            "take an AD solver such as nesterov (`fit.solver.kind`)."
        )
    if not object.magnitude.is_free:
        raise InputError(
            f"Closed-form PIE is written for transmissions of any magnitude, not for "
            f"{type(object.magnitude).__name__}; take an AD solver such as nesterov (`fit.solver.kind`)."
        )
    return object
