"""Where a solver's derivatives come from: from AD, for any model; for a thin object in `closed_form` by hand.

All give the same sums over a batch: value, gradient (Eqs. 11, 12), and the diagonals that scale steps.
"""

import abc
from collections.abc import Callable, Iterable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ptychograd.core.errors import InputError
from ptychograd.core.parameters import Planes, is_planes, named_parameters, replace_parameter, split
from ptychograd.core.strict import as_complex
from ptychograd.core.windows import add_windows, in_windows, window_of
from ptychograd.fitting.objective import Batch, Gradient, LocalView, Objective, Value
from ptychograd.fitting.shared import in_place, shared_shapes
from ptychograd.fitting.solvers.sums import MeanDiagonals, Sums, with_priors
from ptychograd.physics.model import Group


class AbstractDerivatives(eqx.Module):
    """A way to come by a batch's sums."""

    @property
    def prefix(self) -> str:
        """What a solver's name begins with that differentiates in this way."""
        return "AD-"

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
    def sums(self, objective: Objective, local_view: LocalView, batch: Batch) -> Sums:
        """Sums over the patterns of a batch, all worked on together."""


class AutomaticGradient(AbstractDerivatives):
    """Reverse-mode AD: for any model, and with no diagonals."""

    def variables(self, parameters):
        return split(parameters)

    def check(self, objective, variables):
        pass

    def diagonal_names(self, objective, variables):
        return ()

    def sums(self, objective, local_view, batch):
        value, gradient = objective.derived(local_view, batch)
        return Sums(value, gradient.values, {}, gradient.windows)


class Automatic(AbstractDerivatives):
    """Reverse-mode AD for the gradient, forward and reverse mode of the exit wave for the diagonals.

    J^H J 1 takes one jvp and one vjp a parameter and no propagation. It is the diagonal of J^H J where
    one pixel of the parameter reaches one pixel of the exit wave, as for a thin object, and for a
    probe on whole pixels; the noise's curvature multiplies it. Complex parameters of a model that
    has an exit wave have diagonals, where `Objective.has_diagonals`; others have none.
    """

    def variables(self, parameters):
        return split(parameters)

    def check(self, objective, variables):
        names = set(named_parameters(variables)) - set(self.diagonal_names(objective, variables))
        if names:
            raise InputError(
                f"Nothing tells step sizes for {', '.join(sorted(names))}: only complex parameters of an "
                "AbstractExitWaveModel come with them, where J^H J 1 is near its diagonal; take a solver with step "
                "sizes such as adam."
            )

    def diagonal_names(self, objective, variables):
        if not objective.has_diagonals:
            return ()
        names = tuple(name for name, leaf in named_parameters(variables).items() if is_planes(leaf))
        if objective.shares:
            model, _, untouched = shared_shapes(objective, variables)
        else:
            model, untouched = objective.model(variables), objective.untouched
        if model.exit_wave_model is None:
            return ()
        return names if untouched is None else tuple(name for name in names if name in untouched)

    def sums(self, objective, local_view, batch):
        value, gradient = objective.derived(local_view, batch)
        names = self.diagonal_names(objective, local_view.seen)
        diagonals = {
            name: _product_with_ones(objective, objective.surrogate_waves, gradient, name, batch) for name in names
        }
        return Sums(value, gradient.values, diagonals, gradient.windows)


class AutomaticLipschitz(AbstractDerivatives):
    """As `Automatic`, with the maximum of each diagonal a Lipschitz constant (Eq. 9), also between whole pixels.

    The object's is that of the probe where it is, moved by the rest of the position: a moved probe has another maximum.
    The probe's is that of the object, max |S_j O|², since to move a probe changes no norm.
    """

    def variables(self, parameters):
        return Automatic().variables(parameters)

    def check(self, objective, variables):
        Automatic().check(objective, variables)

    def diagonal_names(self, objective, variables):
        return Automatic().diagonal_names(objective, variables)

    def sums(self, objective, local_view, batch):
        value, gradient = objective.derived(local_view, batch)
        diagonals = {}
        for name in self.diagonal_names(objective, local_view.seen):
            is_object = window_of(name, gradient.windows) is not None
            waves = objective.exit_waves if is_object else objective.surrogate_waves
            diagonals[name] = _product_with_ones(objective, waves, gradient, name, batch)
        return Sums(value, gradient.values, diagonals, gradient.windows)


class Through(NamedTuple):
    """Variables that are looked at through windows only: from some groups of patterns to what these see."""

    local_view: Callable[[Group], LocalView]


def batch_sums(
    derivatives: AbstractDerivatives,
    objective: Objective,
    variables: PyTree | Through,
    batch: Batch,
    mean_diagonals: MeanDiagonals | None = None,
) -> Sums:
    """All sums over a batch, in parts of `objective.at_once` patterns: the one door through which they leave.

    Whole `variables` give whole arrays; those looked `Through` windows give one patch a pattern for these.
    One pattern after another is fastest on a CPU, whose caches hold the waves of one, and all at once
    on a GPU. A batch of one pattern keeps its windows, so that its step touches nothing else. Where a batch is spread
    over devices, each has the sums over all of them. Priors come with the share that the batch has of all patterns, of
    whole arrays; for a solver that divides by diagonals pixel by pixel see `with_priors`, which is given their mean.
    """
    if isinstance(variables, Through):
        return _sums_in_windows(derivatives, objective, variables.local_view, batch)
    if objective.shares:
        return _shared_sums(derivatives, objective, variables, batch, mean_diagonals)
    if objective.penalties:
        return with_priors(
            _whole_sums(derivatives, objective, variables, batch), objective, variables, batch, mean_diagonals
        )
    if len(batch.weight) == 1 and objective.devices.is_one:
        return derivatives.sums(objective, objective.local_view(variables, batch.group), batch)
    return _whole_sums(derivatives, objective, variables, batch)


def _whole_sums(derivatives: AbstractDerivatives, objective: Objective, variables: PyTree, batch: Batch) -> Sums:
    def add_part(total, part):
        found = derivatives.sums(objective, objective.local_view(variables, part.group), part)
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
    value, gradient, diagonals = objective.devices.summed((value, gradient, diagonals))
    return Sums(value, gradient, diagonals, {})


def _shared_sums(
    derivatives: AbstractDerivatives,
    objective: Objective,
    variables: PyTree,
    batch: Batch,
    mean_diagonals: MeanDiagonals | None,
) -> Sums:
    """Sums at the model that `shared()` gives, once; the gradient then goes back through it, once."""
    place = in_place(objective, variables)
    sums = _whole_sums(derivatives, place.objective, place.variables, batch)
    sums = with_priors(sums, place.objective, place.variables, batch, None)
    diagonals = {own: sums.diagonals[there] for own, there in place.names.items() if there in sums.diagonals}
    sums = Sums(sums.value, place.pulled_back(sums.gradient), diagonals, {})
    return with_priors(sums, objective, variables, batch, mean_diagonals) if objective.penalties else sums


def _sums_in_windows(
    derivatives: AbstractDerivatives, objective: Objective, local_view: Callable, batch: Batch
) -> Sums:
    """What all patterns share is added up; patches are stacked, and so are the windows."""

    def of_part(part):
        found = derivatives.sums(objective, local_view(part.group), part)
        pairs = (in_windows(tree, found.windows) for tree in (found.gradient, found.diagonals))
        (gradient, shared), (diagonals, shared_diagonals) = pairs
        return (found.value, shared, shared_diagonals), (gradient, diagonals, found.windows)

    def add_part(total, part):
        found, stacked = of_part(part)
        return jax.tree.map(jnp.add, total, found), stacked

    shapes, _ = jax.eval_shape(of_part, batch)
    zero = jax.tree.map(lambda array: jnp.zeros(array.shape, array.dtype), shapes)
    (value, *shared), (*patches, windows) = batch.over_parts(add_part, zero, objective.at_once)
    value, shared = objective.devices.summed((value, shared))
    patches, windows = objective.devices.stacked((patches, windows))
    gradient, diagonals = (eqx.combine(*pair) for pair in zip(patches, shared, strict=True))
    return Sums(value, gradient, diagonals, windows)


def _product_with_ones(
    objective: Objective, waves_of: Callable, gradient: Gradient, name: str, batch: Batch
) -> Float[Array, "..."]:
    seen, windows = gradient.seen, gradient.windows
    leaf = named_parameters(seen)[name]
    ones = jax.tree.map(jnp.ones_like, leaf)
    if is_planes(leaf):
        ones = Planes(ones.real, jnp.zeros_like(leaf.imag))

    def exit_waves(leaf):
        waves = waves_of(replace_parameter(seen, name, leaf), windows, batch.group)
        waves = waves * as_complex(batch.weight.reshape((-1,) + (1,) * (waves.ndim - 1)))
        return waves.real, waves.imag

    _, tangent = jax.jvp(exit_waves, (leaf,), (ones,))
    _, transpose = jax.vjp(exit_waves, leaf)
    patterns = objective.model(seen).group  # that one exit wave makes
    along = transpose(tangent)[0].real
    return jnp.asarray(patterns * objective.curvature, along.dtype) * along
