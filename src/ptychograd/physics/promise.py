"""What a model promises and no shape tells: that it sees windows alone, and that propagators are linear."""

from collections.abc import Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from ptychograd.core.errors import InputError
from ptychograd.core.overriding import is_own
from ptychograd.core.parameters import is_parameter, map_with_names, matches
from ptychograd.core.strict import meant
from ptychograd.core.windows import Window, extract_window, put
from ptychograd.physics.model import AbstractModel, Group
from ptychograd.physics.propagators import AbstractPropagator
from ptychograd.physics.propagators.energy import check_energy, largest_gain, loss_of_energy

ROUNDING = 1e-3  # of the pattern's largest value


@meant
def check_promise(model: AbstractModel) -> None:
    """Refuse a model whose call depends on more of an array than the window that it declares.

    The first pattern is computed with the window in the place of the array, as the solvers do it, and from the whole
    array, filled with other numbers outside of the window. Models that are put together from this package's own parts
    alone are held to it by its tests, and not asked.

    Raises:
        InputError: the two differ; it names the array.
    """
    if not any(is_own(part) for part in parts_within(model)):
        return
    first = jnp.zeros((), jnp.int32)
    windows = model.windows(first)
    for path, window in windows.items():
        changes = _extracted, _other_outside
        seen, whole = (np.asarray(_with(model, path, window, change).together(Group(first))) for change in changes)
        off = np.abs(seen - whole).max() / max(float(np.abs(whole).max()), 1e-30) if seen.shape == whole.shape else 1.0
        if not off <= ROUNDING:
            raise InputError(
                f"{type(model).__name__} says by `windows` that a pattern sees only a window of {path}, but pattern 0 "
                f"differs by {off:.1%} with the rest of that array. Take all that the call needs of it from "
                f'`ptychograd.extract_window`, or leave "{path}" out of `windows`.'
            )


@meant
def check_propagators(model: AbstractModel) -> None:
    """Refuse a propagator of one's own that gives no waves, is not linear in them, or makes them larger, by a trial.

    The trials are A(iψ) = i A(ψ), A(2ψ) = 2 A(ψ), and how much larger A makes waves at most.
    """
    for part, wave in _own_propagators(model):
        _check_waves(part, wave)
        _check_linear(part, wave)
        check_energy(*_gain(part, wave))


@meant
def losses_of_energy(model: AbstractModel) -> list[str]:
    """A sentence on each propagator of one's own that makes all waves much smaller."""
    return [sentence for part, wave in _own_propagators(model) if (sentence := loss_of_energy(*_gain(part, wave)))]


def _own_propagators(model: AbstractModel) -> Iterator[tuple[AbstractPropagator, Array]]:
    """Propagators of classes of one's own, with a random exit wave for each."""
    propagators = [part for part in parts_within(model) if isinstance(part, AbstractPropagator) and is_own(part)]
    passing = model.exit_wave_model
    if not propagators or passing is None:
        return
    there = eqx.filter_eval_shape(type(passing).exit_wave, passing, jnp.zeros((), jnp.int32))
    rng = np.random.default_rng(0)
    wave = jnp.asarray(rng.normal(size=there.shape) + 1j * rng.normal(size=there.shape), there.dtype)
    yield from ((part, wave) for part in propagators)


def _gain(part: AbstractPropagator, wave: Array) -> tuple[str, float]:
    """What it is called, and how many times as large it makes waves at most."""
    return f"The propagator {type(part).__name__}", largest_gain(lambda wave: part(wave, None), wave)


def _check_waves(part: AbstractPropagator, wave: Array) -> None:
    """Refuse what gives no wave (modes, y, x)."""
    found: Any = jax.eval_shape(lambda wave: part(wave, None), wave)
    alike = getattr(found, "ndim", -1) == wave.ndim and found.shape[:-2] == wave.shape[:-2]
    if alike and jnp.issubdtype(found.dtype, jnp.complexfloating):
        return
    kind = "nothing" if found is None else f"a {type(found).__name__}"
    gives = kind if found is None or not hasattr(found, "dtype") else f"{found.dtype}{list(found.shape)}"
    mend = ": does it lack a return?" if found is None else "."
    raise InputError(
        f"The propagator {type(part).__name__} gives {gives} for exit waves {wave.dtype}{list(wave.shape)}; expected "
        f"as many complex waves (modes, y, x){mend}"
    )


def _check_linear(part: AbstractPropagator, wave: Array) -> None:
    once = part(wave, None)
    size = max(float(jnp.abs(once).max()), 1e-30)
    for text, factor in {"i": 1j, "2": 2.0}.items():
        factor = jnp.asarray(factor, wave.dtype)
        off = float(jnp.abs(part(factor * wave, None) - factor * once).max()) / size
        if not off <= ROUNDING:
            raise InputError(
                f"The propagator {type(part).__name__} is not linear: {text} times a wave becomes {off:.1%} else "
                f"than {text} times what the wave becomes; expected no |wave|, no powers, no conjugates. What is "
                "not linear belongs in `detect` of a model."
            )


def parts_within(model: PyTree) -> Iterator[eqx.Module]:
    """A model, and all modules that are in it."""
    yield model
    lower = jax.tree.leaves(model, is_leaf=lambda node: isinstance(node, eqx.Module) and node is not model)
    for part in lower:
        if isinstance(part, eqx.Module):
            yield from parts_within(part)


def _with(model: AbstractModel, path: str, window: Window, change) -> AbstractModel:
    """The model with another array in the place of each one below `path`."""
    arrays, rest = eqx.partition(model, eqx.is_array)
    changed = map_with_names(lambda name, leaf: change(leaf, window) if matches(name, path) else leaf, arrays)
    return eqx.combine(changed, rest)


def _extracted(array: Array, window: Window) -> Array:
    return extract_window(jnp.asarray(array), window.corner, window.shape)


def _other_outside(array: Array, window: Window) -> Array:
    array = jnp.asarray(array)
    if not is_parameter(array):
        return array
    values = np.asarray(array)
    rng, size = np.random.default_rng(0), float(np.sqrt(np.mean(np.abs(values) ** 2))) + 1.0
    other = values + size * rng.normal(size=values.shape)
    return put(jnp.asarray(other, array.dtype), _extracted(array, window), window.corner)
