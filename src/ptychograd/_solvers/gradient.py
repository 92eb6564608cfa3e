"""Solvers that need nothing but the derivative, which reverse-mode AD gives for any model."""

from collections.abc import Mapping
from functools import lru_cache

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PyTree

from ptychograd._errors import InputError
from ptychograd._model import AbstractExitWaveModel
from ptychograd._objective import Gradient, Objective
from ptychograd._parameters import (
    Planes,
    by_name,
    check_names,
    map_with_names,
    named_parameters,
    replace_parameter,
    split,
)
from ptychograd._solvers.base import AbstractSolver
from ptychograd._windows import Windows, add_all, add_windows, dense, window_of


class Optax(AbstractSolver):
    """Any optax transformation on real and imaginary parts (Algorithm 2 when it is Adam).

    `transformation` sees the Wirtinger gradient of complex parameters, and the plain one of real
    ones, summed over the batch. `steps` multiplies its update, by parameter path; empty means 1.
    """

    transformation: optax.GradientTransformation = eqx.field(static=True)
    steps: dict[str, Float[Array, ""]] = eqx.field(
        default_factory=dict,
        converter=lambda steps: {k: jnp.asarray(v, jnp.float32) for k, v in steps.items()},
    )
    name: str = eqx.field(static=True, default="optax")

    @property
    def description(self):
        return self.name + "".join(f", {path} {float(step):g}" for path, step in self.steps.items())

    def variables(self, parameters):
        return split(parameters)

    def init(self, objective, variables):
        check_names(self.steps, objective.model(variables))
        return self.transformation.init(variables)

    def step(self, objective, variables, batch, state):
        value, gradient = objective.value_and_gradient(variables, batch)
        full = dense(gradient.values, variables, gradient.windows)
        updates, state = self.transformation.update(full, state, variables)
        steps = self._steps(variables)
        moved = map_with_names(
            lambda name, x, update: x + (update * steps[name].astype(x.dtype) if steps else update),
            variables,
            updates,
        )
        return moved, state, value

    def _steps(self, variables: PyTree) -> dict[str, Float[Array, ""]]:
        return by_name(named_parameters(variables), self.steps, "step size") if self.steps else {}


def adam(steps: Mapping[str, float] | float) -> Optax:
    """Adam (Kingma & Ba 2014; Algorithm 2 with the standard bias correction) with one step size a path.

    `steps`: {"object": 0.01, "probe": 1.0}, in the parameters' own units, or one number for all.
    """
    if not isinstance(steps, Mapping):
        return Optax(_unit_adam(float(steps)), name=f"Adam, {steps:g}")
    return Optax(_unit_adam(1.0), dict(steps), name="Adam")


@lru_cache
def _unit_adam(step: float) -> optax.GradientTransformation:
    return optax.adam(step, b1=0.9, b2=0.999, eps=1e-8)


class ADePIE(AbstractSolver):
    """ePIE whose derivatives come from AD: gradient descent with the step sizes of Eq. 9.

    The Lipschitz constants come from the model too: the largest element of J^H J 1, where J is the
    derivative of the batch's exit waves with respect to one parameter. For a thin object these are
    max|P|² and max|S_j O|². Summing over the batch generalises Eq. 9 to minibatches.
    """

    @property
    def description(self):
        return "AD-ePIE"

    def variables(self, parameters):
        return split(parameters)

    def init(self, objective, variables):
        if not isinstance(objective.model(variables), AbstractExitWaveModel):
            raise InputError(
                f"{type(objective.rest).__name__} has no exit wave, from which AD-ePIE takes its step sizes; "
                "derive the model from AbstractExitWaveModel, or use an optax solver such as adam."
            )
        return ()

    def step(self, objective, variables, batch, state):
        value, gradient = objective.value_and_gradient(variables, batch)
        diagonals = exit_wave_diagonals(objective, variables, batch.index, gradient)
        scale = {name: _descent(jnp.max(diagonal)) for name, diagonal in diagonals.items()}
        updates = map_with_names(lambda name, leaf: leaf * scale[name], gradient.values)
        return add_windows(variables, updates, gradient.windows), state, value


def _descent(lipschitz: Float[Array, ""]) -> Float[Array, ""]:
    """-1/L; a parameter on which no exit wave depends stays where it is."""
    return jnp.where(lipschitz > 0, -1 / jnp.where(lipschitz > 0, lipschitz, 1), 0)


def exit_wave_diagonals(
    objective: Objective, variables: PyTree, index: Int[Array, "batch"], gradient: Gradient
) -> dict[str, Float[Array, "..."]]:
    """J^H J 1 of a batch's exit waves for each parameter, by one jvp and one vjp, summed over the batch.

    It is the diagonal of J^H J where one pixel of the parameter reaches one pixel of the exit wave,
    as for a thin object and for a probe on whole pixels. Arrays that have windows come whole,
    but for a batch of one, whose window is all there is.
    """
    seen, windows = gradient.seen, gradient.windows
    diagonals = {}
    for name, whole in named_parameters(variables).items():
        product = _product_with_ones(objective, seen, name, index, windows)
        window = window_of(name, windows)
        if window is None:
            diagonals[name] = product
        elif len(index) == 1:
            diagonals[name] = product[0]
        else:
            diagonals[name] = add_all(jnp.zeros_like(whole.real), product, window.corner)
    return diagonals


def _product_with_ones(
    objective: Objective, seen: PyTree, name: str, index: Int[Array, "batch"], windows: Windows
) -> Float[Array, "..."]:
    leaf = named_parameters(seen)[name]
    ones = jax.tree.map(jnp.ones_like, leaf)
    if isinstance(leaf, Planes):
        ones = Planes(ones.real, jnp.zeros_like(leaf.imag))

    def exit_waves(leaf):
        waves = objective.exit_waves(replace_parameter(seen, name, leaf), windows, index)
        return waves.real, waves.imag

    _, tangent = jax.jvp(exit_waves, (leaf,), (ones,))
    _, transpose = jax.vjp(exit_waves, leaf)
    return transpose(tangent)[0].real
