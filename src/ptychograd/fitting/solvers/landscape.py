"""The objective of a batch as a search sees it: what is found at a place, and which places there are.

No pattern tells the scale between object and probe, nor some other things (`AbstractModel.gauge_fixed`), and
constraints leave some places out. A search goes from one place to the next among those that are left: each place that
it tries is put right before anything is computed there, so that steps between them are steps within what is left.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from ptychograd.core.parameters import named_parameters, replace_parameters
from ptychograd.fitting.objective import Batch, Objective, Value, doubled
from ptychograd.fitting.projections import projected
from ptychograd.fitting.solvers.curvature import DiagonalInverse
from ptychograd.fitting.solvers.moving import AbstractMoving, Whole, plus
from ptychograd.fitting.solvers.preconditioner import reciprocal
from ptychograd.fitting.solvers.scale_gauge import with_probe_power
from ptychograd.fitting.solvers.views import WholeView, exit_wave_model

Scalar = Float[Array, ""]


class Place(NamedTuple):
    """Parameters, and what the patterns say there: the value, the gradient of half of it, and the diagonals.

    A parameter that has no diagonal has a number in its place: the root-mean-square of its first gradient over the
    step that is asked for.
    """

    variables: PyTree
    value: Value
    gradient: PyTree
    diagonals: dict[str, Float[Array, "..."]]


class Landscape(NamedTuple):
    """The objective of a batch, the `floor` of the preconditioner, and `steps` of parameters without a diagonal."""

    objective: Objective
    batch: Batch
    floor: Scalar | float
    steps: dict[str, Scalar]

    def place(self, begin: Place, direction: PyTree, length: Scalar, is_first: Bool[Array, ""]) -> Place:
        """What is found at a step's end; numbers for diagonals are those of its begin, unless it `is_first`."""
        variables = self._put_right(begin.variables, plus(begin.variables, length, direction))
        sums = WholeView(self.objective, variables).sums({}, {}, self.batch)
        gradient = jax.tree.map(lambda slope: slope / 2, doubled(sums.gradient))
        named = named_parameters(gradient)
        numbers = {
            name: jnp.where(is_first, _size(named[name]) / step, begin.diagonals[name])
            for name, step in self.steps.items()
        }
        return Place(variables, sums.value, gradient, sums.diagonals | numbers)

    def inverse(self, place: Place) -> DiagonalInverse:
        """1 / ((1 - φ) w + φ max w) of each diagonal w."""
        return DiagonalInverse({name: reciprocal(w, jnp.max(w), self.floor) for name, w in place.diagonals.items()})

    def slope(self, place: Place) -> PyTree:
        """The gradient, without what a constraint would undo: (x - P(x - H0 g)) / H0."""
        names = {projection.name for projection in self.objective.projections}
        if not names:
            return place.gradient
        inverse = self.inverse(place)
        there = projected(self.objective.projections, plus(place.variables, -1.0, inverse(place.gradient)))
        left = named_parameters(inverse.undone(jax.tree.map(jnp.subtract, place.variables, there)))
        return replace_parameters(place.gradient, {name: left[name] for name in names if name in left})

    def agreed(self, is_so: Bool[Array, ""]) -> Bool[Array, ""]:
        """Whether it is so on all devices, whose last bits may differ: they have to go the same way."""
        devices = self.objective.devices
        return devices.summed(is_so.astype(self.batch.weight.dtype)) == devices.count

    def _put_right(self, before: PyTree, moved: PyTree) -> PyTree:
        """Parameters with the probe's power as `before`, gauge and constraints as at the end of an epoch."""
        model, still = exit_wave_model(self.objective, moved), jnp.zeros_like(self.batch.weight, shape=())
        one, other = (self._whole(tree) for tree in (before, moved))
        scaled = with_probe_power(self.objective, model, one, other)
        moved = replace_parameters(moved, {name: whole.end(still)[0] for name, whole in scaled.items()})
        return projected(self.objective.projections, self.objective.gauge_fixed(moved))

    def _whole(self, variables: PyTree) -> dict[str, AbstractMoving]:
        return {name: Whole(leaf, ()) for name, leaf in named_parameters(variables).items()}


def _size(gradient: PyTree) -> Scalar:
    """Root-mean-square of a gradient."""
    return jnp.sqrt(jnp.asarray(sum(jnp.mean(plane**2) for plane in jax.tree.leaves(gradient))))
