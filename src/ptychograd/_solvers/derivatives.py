"""Where a solver's derivatives come from: from AD, for any model, or from a closed form, for a thin object.

All give the same sums over a batch: value, gradient (Eqs. 11, 12), and the diagonals that scale steps.
"""

import abc
from collections.abc import Callable, Iterable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Complex, Float, Int, PyTree, Real

from ptychograd._errors import InputError
from ptychograd._fourier import translate
from ptychograd._model import AbstractExitWaveModel, AbstractModel, Ptychography, batched
from ptychograd._noise import Amplitude, amplitude
from ptychograd._objective import Batch, Objective, Sight, Value
from ptychograd._objects import AbstractThinObject
from ptychograd._parameters import Planes, named_parameters, replace_parameter, split
from ptychograd._probes import Probe
from ptychograd._solvers.sums import Lit, Sums, with_priors
from ptychograd._strict import as_complex
from ptychograd._windows import Windows, add_windows, batch_axes, in_windows

OBJECT, PROBE = "object.transmission", "probe.modes"


class AbstractDerivatives(eqx.Module):
    """A way to come by a batch's sums."""

    @abc.abstractmethod
    def variables(self, parameters: PyTree) -> PyTree:
        """Parameters in the form in which they are differentiated: complex, or `Planes`."""

    @abc.abstractmethod
    def check(self, objective: Objective, variables: PyTree) -> None:
        """Raise `InputError` for what can't be differentiated in this way."""

    @abc.abstractmethod
    def diagonal_names(self, objective: Objective, variables: PyTree) -> Iterable[str]:
        """Parameters for which the sums hold a diagonal."""

    @abc.abstractmethod
    def sums(self, objective: Objective, sight: Sight, batch: Batch) -> Sums:
        """Sums over the patterns of a batch, all worked on together."""


class AutomaticGradient(AbstractDerivatives):
    """Reverse-mode AD: for any model, and with no diagonals."""

    def variables(self, parameters):
        return split(parameters)

    def check(self, objective, variables):
        pass

    def diagonal_names(self, objective, variables):
        return ()

    def sums(self, objective, sight, batch):
        value, gradient = objective.derived(sight, batch)
        return Sums(value, gradient.values, {}, gradient.windows)


class Automatic(AbstractDerivatives):
    """Reverse-mode AD for the gradient, forward and reverse mode of the exit wave for the diagonals.

    J^H J 1 takes one jvp and one vjp a parameter and no propagation. It is the diagonal of J^H J where
    one pixel of the parameter reaches one pixel of the exit wave, as for a thin object, and for a
    probe on whole pixels; the noise's curvature multiplies it. Complex parameters of a model that
    has an exit wave have diagonals, others have none.
    """

    def variables(self, parameters):
        return split(parameters)

    def check(self, objective, variables):
        names = set(named_parameters(variables)) - set(self.diagonal_names(objective, variables))
        if names:
            raise InputError(
                f"Nothing tells step sizes for {', '.join(sorted(names))}: only complex parameters of an "
                "AbstractExitWaveModel come with them; take a solver with step sizes such as adam."
            )

    def diagonal_names(self, objective, variables):
        if not isinstance(objective.model(variables), AbstractExitWaveModel):
            return ()
        return tuple(name for name, leaf in named_parameters(variables).items() if isinstance(leaf, Planes))

    def sums(self, objective, sight, batch):
        value, gradient = objective.derived(sight, batch)
        diagonals = {
            name: _product_with_ones(objective, gradient.seen, name, batch, gradient.windows)
            for name in self.diagonal_names(objective, sight.seen)
        }
        return Sums(value, gradient.values, diagonals, gradient.windows)


class ClosedForm(AbstractDerivatives):
    """The derivatives of a thin object's amplitude misfit by hand (Maiden & Rodenburg 2009, Eqs. 6, 7)."""

    def variables(self, parameters):
        return parameters

    def check(self, objective, variables):
        _thin(objective.model(variables))
        if not _ptychography(objective.model(variables)).detector.is_plain:
            raise InputError(
                "Closed-form PIE is written for a detector without point spread, flat field and binning; take "
                "nesterov, or an AD solver such as adam."
            )
        others = sorted(set(named_parameters(variables)) - {OBJECT, PROBE})
        if others or not isinstance(objective.noise, Amplitude):
            raise InputError(
                f"Closed-form PIE moves {OBJECT} and {PROBE} under amplitude noise, "
                f"not {', '.join(others) or type(objective.noise).__name__}; take an AD solver such as adam."
            )

    def diagonal_names(self, objective, variables):
        return tuple(named_parameters(variables))

    def sums(self, objective, sight, batch):
        seen, windows = sight

        def one(seen, index, pattern, mask, weight):
            return _terms(_ptychography(objective.model(seen)), index, pattern, mask, weight)

        mask_axis = 0 if batch.mask.ndim == batch.patterns.ndim else None
        axes = (batch_axes(seen, windows), 0, 0, mask_axis, 0)
        terms = batched(one, axes)(seen, batch.index, batch.patterns, batch.mask, batch.weight)
        gradient, diagonals = seen, {}
        for name in named_parameters(seen):
            if name == OBJECT:
                values, diagonals[name] = terms.object_gradient, terms.object_weight
            else:
                values, diagonals[name] = jnp.sum(terms.probe_gradient, 0), jnp.sum(terms.probe_weight, 0)
            gradient = replace_parameter(gradient, name, values)
        return Sums(objective.value(terms.expected, batch), gradient, diagonals, windows)


class Through(NamedTuple):
    """Variables that are looked at through windows only: from the numbers of some patterns to what these see."""

    sight: Callable[[Int[Array, "part"]], Sight]


def batch_sums(
    derivatives: AbstractDerivatives,
    objective: Objective,
    variables: PyTree | Through,
    batch: Batch,
    lit: Lit | None = None,
) -> Sums:
    """All sums over a batch, in parts of `objective.at_once` patterns: the one door through which they leave.

    Whole `variables` give whole arrays; those looked `Through` windows give one patch a pattern for these.
    One pattern after another is fastest on a CPU, whose caches hold the waves of one, and all at once
    on a GPU. A batch of one pattern keeps its windows, so that its step touches nothing else. Where a batch is spread
    over devices, each has the sums over all of them. Priors come with the share that the batch has of all patterns, of
    whole arrays; for a solver that divides by diagonals pixel by pixel see `with_priors`, which is given `lit`.
    """
    if isinstance(variables, Through):
        return _sums_in_windows(derivatives, objective, variables.sight, batch)
    if objective.penalties:
        return with_priors(_whole_sums(derivatives, objective, variables, batch), objective, variables, batch, lit)
    if len(batch.index) == 1 and not objective.axes:
        return derivatives.sums(objective, objective.sight(variables, batch.index), batch)
    return _whole_sums(derivatives, objective, variables, batch)


def _whole_sums(derivatives: AbstractDerivatives, objective: Objective, variables: PyTree, batch: Batch) -> Sums:
    def add_part(total, part):
        found = derivatives.sums(objective, objective.sight(variables, part.index), part)
        value, gradient, diagonals = total
        return (
            jax.tree.map(jnp.add, value, found.value),
            add_windows(gradient, found.gradient, found.windows),
            add_windows(diagonals, found.diagonals, found.windows),
        ), None

    parameters, names = named_parameters(variables), derivatives.diagonal_names(objective, variables)
    zero = (
        Value.zero(batch.weight.dtype),
        jax.tree.map(jnp.zeros_like, variables),
        {name: jnp.zeros_like(parameters[name].real) for name in names},
    )
    (value, gradient, diagonals), _ = batch.over_parts(add_part, zero, objective.at_once)
    value, gradient, diagonals = objective.over_devices((value, gradient, diagonals))
    return Sums(value, gradient, diagonals, {})


def _sums_in_windows(derivatives: AbstractDerivatives, objective: Objective, sight: Callable, batch: Batch) -> Sums:
    """What all patterns share is added up; patches are stacked, and so are the windows."""

    def of_part(part):
        found = derivatives.sums(objective, sight(part.index), part)
        pairs = (in_windows(tree, found.windows) for tree in (found.gradient, found.diagonals))
        (gradient, shared), (diagonals, shared_diagonals) = pairs
        return (found.value, shared, shared_diagonals), (gradient, diagonals, found.windows)

    def add_part(total, part):
        found, stacked = of_part(part)
        return jax.tree.map(jnp.add, total, found), stacked

    shapes, _ = jax.eval_shape(of_part, batch)
    zero = jax.tree.map(lambda array: jnp.zeros(array.shape, array.dtype), shapes)
    (value, *shared), (*patches, windows) = batch.over_parts(add_part, zero, objective.at_once)
    value, shared = objective.over_devices((value, shared))
    patches, windows = objective.one_after_another((patches, windows))
    gradient, diagonals = (eqx.combine(*pair) for pair in zip(patches, shared, strict=True))
    return Sums(value, gradient, diagonals, windows)


def _product_with_ones(
    objective: Objective, seen: PyTree, name: str, batch: Batch, windows: Windows
) -> Float[Array, "..."]:
    leaf = named_parameters(seen)[name]
    ones = jax.tree.map(jnp.ones_like, leaf)
    if isinstance(leaf, Planes):
        ones = Planes(ones.real, jnp.zeros_like(leaf.imag))

    def exit_waves(leaf):
        waves = objective.exit_waves(replace_parameter(seen, name, leaf), windows, batch.index)
        waves = waves * as_complex(batch.weight.reshape((-1,) + (1,) * (waves.ndim - 1)))
        return waves.real, waves.imag

    _, tangent = jax.jvp(exit_waves, (leaf,), (ones,))
    _, transpose = jax.vjp(exit_waves, leaf)
    patterns = objective.model(seen).group  # that one exit wave makes
    along = transpose(tangent)[0].real
    return jnp.asarray(patterns * objective.noise.curvature, along.dtype) * along


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
    thing = _thin(model)
    corner, shift = model.scan(index)
    probe = translate(model.probe(index), shift)
    patch = thing.patch(corner, model.frame_shape)
    free = weight * thing.free(corner, model.frame_shape)
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
            "nesterov."
        )
    if not isinstance(model.probe, Probe):
        raise InputError(
            f"Closed-form PIE is written for the same probe in all patterns, not for {type(model.probe).__name__}; "
            "take an AD solver such as nesterov."
        )
    return model


def _thin(model: AbstractModel) -> AbstractThinObject:
    thing = _ptychography(model).object
    if not isinstance(thing, AbstractThinObject):
        raise InputError(
            f"Closed-form PIE is written for thin objects, not for {type(thing).__name__}; "
            "take an AD solver such as nesterov."
        )
    if not thing.magnitude.is_free:
        raise InputError(
            f"Closed-form PIE is written for transmissions of any magnitude, not for {type(thing.magnitude).__name__}; "
            "take an AD solver such as nesterov."
        )
    return thing
