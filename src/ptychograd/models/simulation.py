"""Simulated measurements: a model's expectation and one draw of its noise."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Complex, Float, Real

from ptychograd.core.compilable import compilable, on_device
from ptychograd.core.errors import InputError, check_kind, check_seed
from ptychograd.core.parameters import is_parameter, named_leaves
from ptychograd.core.strict import full_precision, meant
from ptychograd.data.dataset import GroundTruth
from ptychograd.physics.batching import batched
from ptychograd.physics.checks import check_windows, checked_shared, known_count
from ptychograd.physics.first_pattern import expected_shape
from ptychograd.physics.hints import check_hints, check_kinds
from ptychograd.physics.model import AbstractModel, Group, roles_of
from ptychograd.physics.noise import AbstractNoise, Poisson
from ptychograd.physics.promise import check_propagators
from ptychograd.physics.role_checks import check_roles
from ptychograd.physics.roles import path_of, recorded
from ptychograd.physics.shared_work import shared_of

PATTERNS_AT_ONCE = 64


@meant
@compilable
def simulate(
    model: AbstractModel, count: int, *, noise: AbstractNoise | None = None, seed: int = 0
) -> Real[np.ndarray, "index *detector"]:
    """Patterns 0 to `count` - 1 as a measurement of `model` might give them, with noise.

    Args:
        model: any model.
        count: patterns; no more than the model has positions, and whole groups of a model that takes several together.
        noise: how counts scatter; by default `Poisson()`.
        seed: of the noise.

    Returns:
        (index, y, x) photons; whole counts come in the smallest unsigned type that holds them.

    Raises:
        InputError: another count, or a model that expects NaN or infinity.

    Example:
        A scan of 50 positions that you know the answer of:

            patterns = pg.simulate(model, 50, noise=pg.noise.Poisson(), seed=1)
            scan = pg.make_dataset(patterns, model.scan.corner[:50])
    """
    check_kind(model, AbstractModel, "model")
    check_kinds(model)
    check_roles(checked_shared(model))
    _check_count(model, count)
    check_seed(seed)
    check_hints(model, (known_count(model) or count) // model.group)
    model = on_device(shared_of(model))
    check_propagators(model)
    expected_shape(model)
    check_windows(model, count // model.group)
    noise = noise or Poisson()
    groups, at_once = count // model.group, max(1, PATTERNS_AT_ONCE // model.group)
    keys = jax.random.split(jax.random.key(seed), -(-groups // at_once))
    patterns, together = [], None
    if model.group > 1:
        with full_precision():
            together = jax.lax.map(_group_of(model), jnp.arange(groups))
    for start, key in zip(range(0, groups, at_once), keys, strict=True):
        index = jnp.minimum(start + jnp.arange(min(at_once, groups)), groups - 1)  # one shape: compiled once
        with full_precision():
            expected = batched(model, (0,))(index) if together is None else together[index]
        if not np.isfinite(expected).all():
            raise InputError(f"The model expects NaN or infinity in patterns {start} to {start + len(index) - 1}.")
        sample = np.asarray(noise.sample(key, expected))[: groups - start]
        patterns.append(sample if model.group == 1 else sample.reshape(-1, *sample.shape[2:]))
    return _compact(np.concatenate(patterns))


def _group_of(model: AbstractModel) -> Callable:
    return lambda number: model.together(Group(number))


def _check_count(model: AbstractModel, count: int) -> None:
    if count % model.group:
        raise InputError(f"The model takes {model.group} patterns together, and {count} can't be divided by that.")
    known = known_count(model)
    if count < 1 or (known is not None and count > known):
        most = "1 or more" if known is None else f"1 to {known}, as many as the model has"
        raise InputError(f"{count} patterns can't be simulated; expected {most}.")


@meant
def truth_of(model: AbstractModel, ideal: AbstractModel, truth: GroundTruth) -> GroundTruth:
    """The truth of a `model` that was made from the `ideal` one, whose `truth` is given: with all that is new in it."""
    known = named_leaves(eqx.filter(ideal, is_parameter))
    new = {
        path: np.asarray(value)
        for path, value in named_leaves(eqx.filter(model, is_parameter)).items()
        if not (path in known and np.array_equal(known[path], value))
    }
    roles = roles_of(model)
    record, beam = recorded(roles, model), roles.illumination
    image = new.pop(path_of(record, "image"), truth.object)
    modes = truth.probe if beam is None else np.asarray(beam.array)
    if wave := path_of(record, "illumination"):
        modes = new.pop(wave, truth.probe)
    return GroundTruth(image, modes, new)


def raster(
    steps: tuple[int, int], step: tuple[float, float], start: tuple[float, float] = (0.0, 0.0)
) -> Float[np.ndarray, "index 2"]:
    """Positions (y, x) of a rectangular raster, rows one after another, from `start` in its own unit."""
    y, x = (s + d * np.arange(n) for s, d, n in zip(start, step, steps, strict=True))
    return np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 2)


def transmission(
    magnitude: Float[np.ndarray, "y x"], phase: Float[np.ndarray, "y x"], phase_range: float
) -> Complex[np.ndarray, "y x"]:
    """Object from two images, stretched to magnitudes of 0 to 1 and phases of 0 to `phase_range` radians."""
    return _stretched(magnitude) * np.exp(1j * phase_range * _stretched(phase))


def embedded(
    interior: Complex[np.ndarray, "y x"], shape: tuple[int, int]
) -> tuple[Complex[np.ndarray, "height width"], Bool[np.ndarray, "height width"]]:
    """The object in the middle of a box of transmission 1, and the support that tells the two apart."""
    low = [(box - n) // 2 for box, n in zip(shape, interior.shape, strict=True)]
    if min(low) < 0:
        raise InputError(f"An object of {interior.shape} pixels does not fit a box of {shape}.")
    inside = tuple(slice(start, start + n) for start, n in zip(low, interior.shape, strict=True))
    box, support = np.ones(shape, complex), np.zeros(shape, bool)
    box[inside], support[inside] = interior, True
    return box, support


def _stretched(image: Float[np.ndarray, "y x"]) -> Float[np.ndarray, "y x"]:
    low, high = float(image.min()), float(image.max())
    if not high > low:
        raise InputError(f"An image that is {low:g} everywhere has no contrast to simulate with; take another.")
    return (image - low) / (high - low)


def _compact(counts: Real[np.ndarray, "index *detector"]) -> Real[np.ndarray, "index *detector"]:
    if counts.dtype.kind == "f":
        return counts
    fits = (t for t in (np.uint16, np.uint32, np.uint64) if counts.max() < np.iinfo(t).max)
    return counts.astype(next(fits))
