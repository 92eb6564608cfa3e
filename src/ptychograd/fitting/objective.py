"""The objective: how far a model's expectation lies from what was measured, and the derivatives of that."""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, PyTree, Real

from ptychograd.core.parameters import (
    Planes,
    is_planes,
    join,
    map_parameters,
    map_with_names,
    named_parameters,
    replace_parameters,
    split,
)
from ptychograd.core.strict import lifted
from ptychograd.core.windows import Windows, batch_axes, extract_window, once, window_of
from ptychograd.fitting.devices import Devices
from ptychograd.fitting.priors import AbstractPrior
from ptychograd.fitting.projections import Projection
from ptychograd.physics.batching import batched
from ptychograd.physics.model import AbstractModel, Group, first_pattern, shares_work
from ptychograd.physics.noise import AbstractNoise
from ptychograd.physics.noise.base import amplitude, counted_residual

FAR = 1.5  # times the probe's amplitude at the start, beyond which it is scaled back


class Batch(NamedTuple):
    """Some groups of patterns of a dataset; `weight` is 0 for the padding of a ragged last batch, else 1.

    A group is one pattern, where the model takes them one by one: `first_pattern(model, batch.group)` are the numbers
    with which the model is called.

    `cooling` goes from 0 to 1 towards the end of a run, for solvers that then take smaller steps. `size` is the number
    of patterns of the whole batch, where this is a part of one that is spread over devices.
    """

    group: Group
    patterns: Real[Array, "batch *detector"]
    mask: Bool[Array, "*detector"] | Bool[Array, "batch *detector"]
    weight: Float[Array, "batch"]
    cooling: Float[Array, ""] | float = 0.0
    size: Float[Array, ""] | None = None

    @property
    def count(self) -> Float[Array, ""]:
        """Patterns of the whole batch."""
        return jnp.sum(self.weight) if self.size is None else self.size

    def over_parts(self, add_part: Callable, total: PyTree, at_once: int) -> tuple[PyTree, PyTree]:
        """Scan `add_part(total, part)` over parts of `at_once` patterns; a ragged last one is filled up.

        What `add_part` gives beside the total has one entry for each pattern, and is stacked.
        """
        size = len(self.weight)
        parts = -(-size // at_once)
        own_masks = self.mask.ndim == self.patterns.ndim
        place = jnp.arange(parts * at_once)

        def add(total, part):
            number, patterns, mask, weight = part
            mask = mask if own_masks else self.mask
            return add_part(total, self._replace(group=Group(number), patterns=patterns, mask=mask, weight=weight))

        def in_parts(array):
            if parts * at_once != size:
                array = jnp.take(array, place % size, axis=0)
            return array.reshape(parts, at_once, *array.shape[1:])

        is_one = (place < size).reshape(parts, at_once)
        weight = in_parts(self.weight) * is_one.astype(self.weight.dtype)
        mask = in_parts(self.mask) if own_masks else None
        total, retained = jax.lax.scan(add, total, (in_parts(self.group.number), in_parts(self.patterns), mask, weight))
        return total, jax.tree.map(lambda array: array.reshape(parts * at_once, *array.shape[2:])[:size], retained)


class Value(NamedTuple):
    """Sums over a batch's valid pixels: the objective, Σ(√h - √y)², and what that would be if h were right.

    `counting` is Σ E[(√y - √h)²] of photon counts y with expectation h.
    """

    loss: Float[Array, "*run"]
    residual: Float[Array, "*run"]
    counting: Float[Array, "*run"]

    @classmethod
    def zero(cls, dtype: np.dtype) -> "Value":
        """The value of no pattern."""
        return cls(*(jnp.zeros((), dtype) for _ in cls._fields))


class LocalView(NamedTuple):
    """What a batch sees of the parameters: `seen` has one patch a pattern in the place of arrays with `windows`."""

    seen: PyTree
    windows: Windows


class Gradient(NamedTuple):
    """Derivatives with respect to what a batch sees: one patch a pattern for arrays that have windows.

    `seen` is what the batch saw of the parameters, in the same form.
    """

    values: PyTree
    windows: Windows
    seen: PyTree


class Penalty(eqx.Module):
    """A prior on one of the model's arrays.

    `root` is √N (see `ptychograd.fitting.priors`); where the array is not `free`, it stands for the number `outside`.
    """

    prior: AbstractPrior
    root: Float[Array, ""]
    free: Bool[Array, "*array"] | None = None
    outside: float = eqx.field(static=True, default=0.0)

    def value_and_gradient(self, leaf: PyTree) -> tuple[Float[Array, ""], PyTree]:
        """The penalty, and its derivative in the form of a `Gradient`."""
        value, slope = jax.value_and_grad(lambda leaf: self.prior(self._seen(leaf), self.root))(leaf)
        return value, wirtinger(slope)

    def majorant(self, leaf: PyTree) -> Float[Array, "*array"]:
        """How steep it is for each pixel, in the unit of the diagonals by which steps are divided."""
        found = self.prior.majorant(self._seen(leaf), self.root)
        return found if self.free is None else jnp.where(lifted(self.free, found), found, 0)

    def _seen(self, leaf: PyTree) -> Array:
        array = join(leaf)
        return array if self.free is None else jnp.where(lifted(self.free, array), array, self.outside)


class Objective(eqx.Module):
    """Noise model and all of a model that is not refined; parameters and batch are what it is called on.

    `penalties` are the priors, whose sum is taken once for all `groups` of patterns of an epoch, where that is known.

    `at_once` is the number of patterns of a batch that are worked on together; it changes no result.
    `names` are those of all parameters of the model, refined or not; a batch is spread over `devices`. `power` is
    that of the probe at the start, where nothing but its product with the object counts. `brightest` are the photons of
    the brightest pixel, for a noise model that does not know its curvature.
    `untouched` is None but where the model is what another's `shared()` gave: names of the arrays that both have.
    `projections` are the constraints; `scale_fixed` says that they leave no scale free between object and probe.
    `has_diagonals` is False where J^H J 1 of the exit waves scales no steps.
    """

    rest: AbstractModel
    noise: AbstractNoise
    at_once: int = eqx.field(static=True, default=1)
    names: tuple[str, ...] = eqx.field(static=True, default=())
    devices: Devices = Devices()
    penalties: tuple[Penalty, ...] = ()
    groups: Float[Array, ""] | None = None
    power: Float[Array, ""] | None = None
    brightest: Float[Array, ""] | None = None
    untouched: tuple[str, ...] | None = eqx.field(static=True, default=None)
    projections: tuple[Projection, ...] = ()
    scale_fixed: bool = eqx.field(static=True, default=False)
    has_diagonals: bool = eqx.field(static=True, default=True)

    @property
    def curvature(self) -> Float[Array, ""] | float:
        """How steep the misfit is along the amplitude of a pixel, that of amplitude noise being 1."""
        one = jnp.ones(()) if self.brightest is None else self.brightest
        return self.noise.curvature_up_to(one)

    @property
    def shares(self) -> bool:
        """Whether the calls of a batch are made in another model's place: that of `fitting.shared.in_place`."""
        return self.untouched is None and shares_work(self.rest)

    def model(self, parameters: PyTree) -> AbstractModel:
        """The whole model at `parameters` (complex leaves or their `Planes`)."""
        return eqx.combine(join(parameters), self.rest)

    def share_of(self, batch: Batch) -> Float[Array, ""]:
        """The share that a batch has of all patterns; its own number, where nobody knows how many there are."""
        return batch.count if self.groups is None else batch.count / self.groups

    def scaled_back(self, variables: PyTree) -> PyTree:
        """The variables with the probe's power as at the start, if it went far from that, at no pattern's cost."""
        model = self.model(variables)
        free = model.free_scale
        named = named_parameters(variables)
        if self.power is None or free is None or not all(name in named for name in (free.object, *free.probe)):
            return variables
        ratio = jnp.sqrt(self.power / jnp.maximum(_power(named[free.probe[0]]), jnp.finfo(self.power.dtype).tiny))
        factor = jnp.where((ratio > 0) & ((ratio > FAR) | (ratio < 1 / FAR)), ratio, 1)
        factors = {name: factor for name in free.probe} | {free.object: factor ** (-1 / free.power)}
        scaled = {
            name: jax.tree.map(lambda leaf, s=s: leaf * s.astype(leaf.dtype), named[name])
            for name, s in factors.items()
        }
        return replace_parameters(variables, scaled)

    def gauge_fixed(self, variables: PyTree) -> PyTree:
        """The variables with what no pattern can tell put right, which changes no pattern."""
        named, forms = named_parameters(variables), {}
        for change in self.model(variables).gauge_fixed():
            if change.keys() <= named.keys():  # what would go to a parameter that is held stays where it is
                forms |= {name: split(new) if is_planes(named[name]) else new for name, new in change.items()}
        return replace_parameters(variables, forms)

    def windows(self, parameters: PyTree, group: Group) -> Windows:
        """Windows of a batch, one corner a pattern (a group)."""
        model = self.model(parameters)
        return batched(model.windows, (0,))(first_pattern(model, group))

    def extracted(self, parameters: PyTree, windows: Windows) -> PyTree:
        """What a batch sees of the parameters: patches, stacked, in the place of large arrays."""
        if not windows:
            return parameters

        def extracted_patches(parameters):
            def extracted_leaf(name, leaf):
                if (window := window_of(name, windows)) is None:
                    return None
                shape = window.shape
                return batched(lambda array, at: extract_window(array, at, shape), (None, 0))(leaf, window.corner)

            return map_with_names(extracted_leaf, parameters)

        return eqx.combine(once(extracted_patches, parameters, windows), parameters)

    def local_view(self, parameters: PyTree, group: Group) -> LocalView:
        """What a batch sees of the parameters, and where."""
        windows = self.windows(parameters, group)
        return LocalView(self.extracted(parameters, windows), windows)

    def expected(self, seen: PyTree, windows: Windows, group: Group) -> Float[Array, "batch *detector"]:
        """Expected photons of a batch."""

        def one(seen, group):
            return self.model(seen).together(group)

        return batched(one, (batch_axes(seen, windows), 0))(seen, group)

    def exit_waves(self, seen: PyTree, windows: Windows, group: Group) -> Complex[Array, "batch *wave"]:
        """Exit waves of a batch, for models that have one."""
        return self._waves(lambda model: model, seen, windows, group)

    def surrogate_waves(self, seen: PyTree, windows: Windows, group: Group) -> Complex[Array, "batch *wave"]:
        """Exit waves of a batch, near enough for step sizes: without shifts by less than a pixel, for one."""
        return self._waves(lambda model: model.surrogate(), seen, windows, group)

    def _waves(self, of: Callable, seen: PyTree, windows: Windows, group: Group) -> Complex[Array, "batch *wave"]:
        def one(seen, group):
            model = self.model(seen).exit_wave_model
            if model is None:
                raise TypeError(f"{type(self.rest).__name__} has no exit wave")
            return of(model).exit_wave(first_pattern(model, group))

        return batched(one, (batch_axes(seen, windows), 0))(seen, group)

    def value(self, expected: Float[Array, "batch *detector"], batch: Batch) -> Value:
        """Misfit of `expected` to the patterns of a batch, over valid pixels (Eqs. 7, 8)."""
        measured = batch.patterns.astype(expected.dtype)
        weight = batch.weight.reshape((-1,) + (1,) * (expected.ndim - 1))
        weight = weight * lifted(batch.mask, expected).astype(weight.dtype)
        shown = self.noise.shown(expected)
        residual = (amplitude(shown) - amplitude(measured)) ** 2
        return Value(
            jnp.sum(weight * self.noise.nll(expected, measured)),
            jnp.sum(weight * residual),
            jnp.sum(weight * counted_residual(shown)),
        )

    def value_and_gradient(self, parameters: PyTree, batch: Batch) -> tuple[Value, Gradient]:
        """Value and derivative by reverse-mode AD; for `Planes` both derivatives are halved (Eqs. 11, 12).

        With the half, the two planes of a gradient are the real and imaginary part of Wirtinger's ∂g/∂z*.
        """
        return self.derived(self.local_view(parameters, batch.group), batch)

    def derived(self, local_view: LocalView, batch: Batch) -> tuple[Value, Gradient]:
        """`value_and_gradient` of what a batch sees."""
        seen, windows = local_view

        def loss(seen):
            value = self.value(self.expected(seen, windows, batch.group), batch)
            return value.loss, value

        gradient, value = jax.grad(loss, has_aux=True)(seen)
        return value, Gradient(wirtinger(gradient), windows, seen)


def wirtinger(gradient: PyTree) -> PyTree:
    """Halve what belongs to complex parameters; leaves of real parameters are what they should be."""
    return _complex_times(0.5, gradient)


def doubled(gradient: PyTree) -> PyTree:
    """Undo `wirtinger`: the plain derivative along both planes of a complex parameter."""
    return _complex_times(2.0, gradient)


def _complex_times(factor: float, gradient: PyTree) -> PyTree:
    def times(leaf):
        return Planes(factor * leaf.real, factor * leaf.imag) if is_planes(leaf) else leaf

    return map_parameters(times, gradient)


def power_of_probe(model: AbstractModel) -> Float[Array, ""] | None:
    """Σ|P|² of a model in which only the product of object and probe counts; None for others."""
    free = model.free_scale
    return None if free is None else _power(named_parameters(model)[free.probe[0]])


def _power(leaf: PyTree) -> Float[Array, ""]:
    return jnp.asarray(sum(jnp.real(jnp.vdot(plane, plane)) for plane in jax.tree.leaves(leaf)))
