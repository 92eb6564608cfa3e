"""What a model of one's own makes of its first pattern: looked at before a run, which would only show that it fails."""

from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ptychograd.core.errors import InputError
from ptychograd.core.overriding import is_own, is_own_kind
from ptychograd.core.parameters import named_leaves
from ptychograd.core.strict import meant
from ptychograd.physics.model import AbstractExitWaveModel, AbstractModel, shares_work
from ptychograd.physics.promise import ROUNDING, parts_within
from ptychograd.physics.propagators.energy import check_energy, largest_gain_of_photons, loss_of_energy

INDEX = jax.ShapeDtypeStruct((), np.int32)


@meant
def expected_shape(model: AbstractModel) -> jax.ShapeDtypeStruct:
    """Shape and type of a pattern; raises `InputError` for what is none.

    Of a model that shares work it is said whose shapes don't fit.
    """
    expected = _called(model)
    if not hasattr(expected, "dtype"):
        found = type(expected).__name__
        raise InputError(f"The model gives {found} for a pattern; expected photons (y, x): does it lack a return?")
    if not jnp.issubdtype(expected.dtype, jnp.floating):
        raise InputError(
            f"The model gives {expected.dtype} numbers; expected real photons, as |wave|² by `jnp.abs(wave) ** 2`."
        )
    return expected


def _called(model: AbstractModel) -> Any:
    if not shares_work(model):
        _check_exit_wave(model)
        return eqx.filter_eval_shape(lambda model, index: model(index), model, INDEX)
    try:
        return jax.eval_shape(lambda index: model.shared()(index), INDEX)
    except (TypeError, ValueError, IndexError) as problem:
        raise InputError(
            f"The model that {type(model).__name__}.shared() gives can't be called, as its arrays don't fit together "
            f"({str(problem).splitlines()[0]}); expected arrays of the shapes that its call takes."
        ) from problem


def _check_exit_wave(model: AbstractModel) -> None:
    if model.exit_wave_model is None:
        return
    found: Any = eqx.filter_eval_shape(lambda model, index: model.exit_wave(index), model.exit_wave_model, INDEX)
    if not hasattr(found, "dtype") or not jnp.issubdtype(found.dtype, jnp.complexfloating):
        gives = f"{found.dtype}{list(found.shape)}" if hasattr(found, "dtype") else type(found).__name__
        mend = ": does it lack a return?" if found is None else "."
        raise InputError(f"{type(model).__name__}.exit_wave gives {gives}; expected complex waves (modes, y, x){mend}")


@meant
def check_first_pattern(model: AbstractModel) -> None:
    """Refuse a model of one's own whose first pattern no fit can begin with.

    It is not finite; or it is another than `detect` makes of the exit wave; or `detect` makes waves larger.
    """
    if not _is_looked_at(model):
        return
    name, index = type(model).__name__, jnp.zeros((), jnp.int32)
    photons = np.asarray(model(index))
    if not np.isfinite(photons).all():
        raise InputError(f"{name} expects NaN or infinity in pattern 0{_why_not_finite(model)}.")
    if (passing := model.exit_wave_model) is not None:
        detected = np.asarray(passing.detect(passing.exit_wave(index), index))
        if detected.shape != photons.shape or np.abs(detected - photons).max() > ROUNDING * np.abs(photons).max():
            raise InputError(
                f"{name} expects another pattern 0 than its `detect` makes of its `exit_wave`, from which solvers have "
                "their steps; expected `return self.detect(self.exit_wave(index), index)` as the call."
            )
    for part, gain in _gains(model):
        check_energy(part, gain)


def _why_not_finite(model: AbstractModel) -> str:
    arrays = {path: leaf for path, leaf in named_leaves(model).items() if eqx.is_inexact_array_like(leaf)}
    named = [path for path, leaf in arrays.items() if not np.isfinite(np.asarray(leaf)).all()]
    if named:
        return f", as {', '.join(named)} {'do' if len(named) > 1 else 'does'} where it starts: begin with other numbers"
    return " where it starts; keep roots, logarithms and quotients from 0, or begin elsewhere"


@meant
def doubts_of_first_pattern(model: AbstractModel) -> list[str]:
    """A sentence on each thing in the first pattern of a model of one's own with which a fit may get nowhere."""
    if not _is_looked_at(model):
        return []
    photons = np.asarray(model(jnp.zeros((), jnp.int32)))
    least, largest = float(photons.min()), float(np.abs(photons).max())
    negative = (
        f"{type(model).__name__} expects {least:.3g} photons in a pixel of pattern 0, and fewer than none can't be "
        "told from none: expected 0 or more, as of |wave|²."
    )
    return [negative] * (least < -ROUNDING * largest) + [
        sentence for part, gain in _gains(model) if (sentence := loss_of_energy(part, gain))
    ]


def _is_looked_at(model: AbstractModel) -> bool:
    return any(is_own(part) for part in parts_within(model))


def _gains(model: AbstractModel) -> Iterator[tuple[str, float]]:
    """A `detect` of one's own by name, and how many times as large it makes waves at most: of the size they have."""
    passing = model.exit_wave_model
    if passing is None or not is_own_kind(_owner(type(passing), "detect")):
        return
    index = jnp.zeros((), jnp.int32)
    wave = passing.exit_wave(index)
    yield f"`detect` of {type(model).__name__}", largest_gain_of_photons(_detecting(passing, index), _random_as(wave))


def _detecting(model: AbstractExitWaveModel, index: Array) -> Callable[[Array], Array]:
    return lambda wave: model.detect(wave, index)


def _random_as(wave: Array) -> Array:
    """A random wave of the same power, or of one photon in the dark."""
    rng, power = np.random.default_rng(0), float(np.linalg.norm(np.asarray(wave)))
    random = rng.normal(size=wave.shape) + 1j * rng.normal(size=wave.shape)
    return jnp.asarray(random * ((power or 1.0) / np.linalg.norm(random)), wave.dtype)


def _owner(kind: type, name: str) -> type:
    """The class from which a class has a method."""
    return next(base for base in kind.__mro__ if name in vars(base))
