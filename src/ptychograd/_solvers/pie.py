"""Closed-form PIE: the derivatives of a thin object's far or near field, written out by hand."""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float, Int, PyTree, Real

from ptychograd._errors import InputError
from ptychograd._fourier import translate
from ptychograd._model import AbstractModel, Ptychography, batched
from ptychograd._noise import Amplitude, amplitude
from ptychograd._objective import Batch, Objective
from ptychograd._objects import AbstractThinObject
from ptychograd._parameters import named_parameters, replace_parameter
from ptychograd._probes import Probe
from ptychograd._solvers.base import AbstractSolver
from ptychograd._windows import Windows, add_all, batch_axes

OBJECT, PROBE = "object.transmission", "probe.modes"


class PIE(AbstractSolver):
    """The ptychographic iterative engine in closed form (Algorithm 1, Eqs. 8 to 10).

    `alpha` = 1 is ePIE (Maiden & Rodenburg, Ultramicroscopy 109, 1256 (2009)); less is the
    regularised rPIE (Maiden et al., Optica 4, 736 (2017)), whose steps are larger where the probe
    (for the object) or the object (for the probe) is dark. A step divides the gradient by
    (1 - alpha) w + alpha max(w), where w = Σ|P|² for the object and Σ|S_j O|² for the probe. Summing
    both over a minibatch generalises Eq. 9, whose object step overshoots where windows of a batch overlap.
    """

    alpha: float = eqx.field(default=1.0, static=True)

    def __check_init__(self):
        if not 0 < self.alpha <= 1:
            raise InputError(
                f"PIE's alpha is {self.alpha}; expected more than 0 (rPIE) and at most 1 (ePIE)."
            )

    @property
    def description(self):
        return "ePIE" if self.alpha == 1 else f"rPIE, alpha {self.alpha:g}"

    def variables(self, parameters):
        return parameters

    def init(self, objective, variables):
        _thin(objective.model(variables))
        others = sorted(set(named_parameters(variables)) - {OBJECT, PROBE})
        if others or not isinstance(objective.noise, Amplitude):
            raise InputError(
                f"Closed-form PIE moves {OBJECT} and {PROBE} under amplitude noise, "
                f"not {', '.join(others) or type(objective.noise).__name__}; take an AD solver such as adam."
            )
        return ()

    def step(self, objective, variables, batch, state):
        windows = objective.windows(variables, batch.index)
        seen = objective.look(variables, windows)
        terms = _batch_terms(objective, seen, windows, batch)
        names = named_parameters(variables)
        if OBJECT in names:
            moved = self._moved_object(names[OBJECT], terms, windows[OBJECT].corner)
            variables = replace_parameter(variables, OBJECT, moved)
        if PROBE in names:
            scale = 1 / self._denominator(jnp.sum(terms.probe_weight, axis=0))
            moved = names[PROBE] - scale * jnp.sum(terms.probe_gradient, axis=0)
            variables = replace_parameter(variables, PROBE, moved)
        return variables, state, objective.value(terms.expected, batch)

    def _moved_object(
        self, transmission: Complex[Array, "height width"], terms: "Terms", corner: Int[Array, "batch 2"]
    ) -> Complex[Array, "height width"]:
        if len(corner) == 1:
            scale = 1 / self._denominator(terms.object_weight[0])
            return add_all(transmission, -scale * terms.object_gradient, corner)
        weight = add_all(jnp.zeros_like(transmission.real), terms.object_weight, corner)
        gradient = add_all(jnp.zeros_like(transmission), terms.object_gradient, corner)
        return transmission - gradient / self._denominator(weight)

    def _denominator(self, weight: Float[Array, "y x"]) -> Float[Array, "y x"] | Float[Array, ""]:
        largest = jnp.maximum(jnp.max(weight), jnp.finfo(weight.dtype).tiny)
        if self.alpha == 1:
            return largest
        return (1 - self.alpha) * weight + self.alpha * largest


class Terms(NamedTuple):
    """What one pattern adds to a step: ∂g/∂O* and ∂g/∂P* (Eqs. 11, 12), |P|² and |S_j O|², and h."""

    object_gradient: Complex[Array, "*batch y x"]
    probe_gradient: Complex[Array, "*batch modes y x"]
    object_weight: Float[Array, "*batch y x"]
    probe_weight: Float[Array, "*batch y x"]
    expected: Float[Array, "*batch y x"]


def _batch_terms(objective: Objective, seen: PyTree, windows: Windows, batch: Batch) -> Terms:
    def one(seen, index, pattern, mask, weight):
        return _terms(_ptychography(objective.model(seen)), index, pattern, mask * weight)

    mask_axis = 0 if batch.mask.ndim == batch.patterns.ndim else None
    axes = (batch_axes(seen, windows), 0, 0, mask_axis, 0)
    return batched(one, axes)(seen, batch.index, batch.patterns, batch.mask, batch.weight)


def _terms(
    model: Ptychography, index: Int[Array, ""], pattern: Real[Array, "y x"], weight: Float[Array, "y x"]
) -> Terms:
    """Closed-form derivatives of one pattern's misfit (Maiden & Rodenburg, Eqs. 6, 7)."""
    thing = _thin(model)
    corner, shift = model.scan(index)
    probe = translate(model.probe(index), shift)
    patch = thing.patch(corner, model.frame_shape)
    free = thing.free(corner, model.frame_shape)
    wave = model.propagator(probe * patch, shift)
    expected = model.detector(wave)
    modulus = amplitude(expected)
    excess = 1 - amplitude(pattern.astype(expected.dtype)) / jnp.where(modulus > 0, modulus, 1)
    chi = model.propagator.adjoint(weight * jnp.where(modulus > 0, excess, 0) * wave, shift)
    back = None if shift is None else -shift
    return Terms(
        object_gradient=free * jnp.sum(jnp.conj(probe) * chi, axis=0),
        probe_gradient=translate(jnp.conj(patch) * chi, back),
        object_weight=free * jnp.sum(probe.real**2 + probe.imag**2, axis=0),
        probe_weight=patch.real**2 + patch.imag**2,
        expected=expected,
    )


def _ptychography(model: AbstractModel) -> Ptychography:
    if not isinstance(model, Ptychography) or not isinstance(model.probe, Probe):
        raise InputError(
            f"Closed-form PIE is written for Ptychography with one probe, not for {type(model).__name__}; "
            "take an AD solver such as adam."
        )
    return model


def _thin(model: AbstractModel) -> AbstractThinObject:
    thing = _ptychography(model).object
    if not isinstance(thing, AbstractThinObject):
        raise InputError(
            f"Closed-form PIE is written for thin objects, not for {type(thing).__name__}; "
            "take an AD solver such as adam."
        )
    return thing
