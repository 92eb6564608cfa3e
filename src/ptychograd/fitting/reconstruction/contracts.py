"""What parts of one's own have to keep to: checked by their shapes, before anything is compiled."""

import inspect
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ptychograd.core.compilable import on_device
from ptychograd.core.errors import InputError, check_seed
from ptychograd.core.overriding import check_overriding, is_own
from ptychograd.core.parameters import join, split
from ptychograd.data.checks import check_possible
from ptychograd.data.dataset import Dataset
from ptychograd.fitting.epoch import AbstractSampler, Shuffled, called
from ptychograd.fitting.objective import Penalty
from ptychograd.physics.checks import check_count, check_windows, checked_shared
from ptychograd.physics.first_pattern import check_first_pattern, doubts_of_first_pattern, expected_shape
from ptychograd.physics.hints import check_hints, check_kinds
from ptychograd.physics.model import AbstractModel, roles_of, shares_work
from ptychograd.physics.noise import AbstractNoise
from ptychograd.physics.promise import check_promise, check_propagators, losses_of_energy
from ptychograd.physics.role_checks import check_roles
from ptychograd.physics.shared_work import shared_of

MOST_PHOTONS = 1e30  # of a pattern, or one over it, with which steps stay finite in single precision (measured)
PHOTONS = 10.0  # of a pixel, at which a noise model is tried
UNKNOWN_BRIGHTEST = 1e6  # photons of a pixel, where patterns are still to come


def check_noise(noise: AbstractNoise, frame_shape: tuple[int, int], real: np.dtype) -> None:
    """Raise `InputError` for a misfit that is not one real number for each pixel, or not finite in the dark."""
    patterns = jax.ShapeDtypeStruct((2, *frame_shape), real)
    for name, arguments in {"nll": (patterns, patterns), "fisher": (patterns,)}.items():
        found = jax.eval_shape(getattr(noise, name), *arguments)
        if getattr(found, "shape", None) != patterns.shape or not jnp.issubdtype(found.dtype, jnp.floating):
            raise InputError(
                f"`{name}` of {type(noise).__name__} gives {described(found)} for patterns of {list(patterns.shape)}; "
                "expected one real number for each pixel, not their sum."
            )
    if noise.curvature is None:
        _check_dark(noise, patterns)
        _check_sign(noise, real)


def described(found: object) -> str:
    """Type and shape of an array, or the kind of what is none."""
    if isinstance(found, jax.ShapeDtypeStruct):
        return f"{found.dtype}{list(found.shape)}"
    return f"a {type(found).__name__}"


def _check_dark(noise: AbstractNoise, patterns: jax.ShapeDtypeStruct) -> None:
    """Refuse a misfit that no solver could follow where no photon is expected, and none or one is measured."""
    dark, measured = jnp.zeros(patterns.shape, patterns.dtype), jnp.ones(patterns.shape, patterns.dtype).at[0].set(0)
    value, back = jax.vjp(lambda dark: noise.nll(dark, measured), dark)
    for name, array in {"value": value, "slope": back(jnp.ones_like(value))[0]}.items():
        if not bool(jnp.all(jnp.isfinite(array))):
            raise InputError(
                f"The {name} of {type(noise).__name__}'s `nll` is not finite where no photon is expected; add a floor, "
                "as in expected + 0.03."
            )


def _check_sign(noise: AbstractNoise, real: np.dtype) -> None:
    """Refuse a misfit that is largest, not least, where as many photons are expected as measured."""
    expected = PHOTONS * jnp.asarray([1.0, 0.5, 2.0], real)[:, None, None]
    as_measured, fewer, more = np.asarray(noise.nll(expected, jnp.full_like(expected, PHOTONS)))[:, 0, 0]
    if as_measured > max(fewer, more):
        raise InputError(
            f"`nll` of {type(noise).__name__} is largest where as many photons are expected as measured "
            f"({as_measured:.3g}, and {fewer:.3g} where half as many are, of {PHOTONS:g}); expected the negative "
            "log-likelihood, which is least there: change its sign."
        )


def check_prior(penalty: Penalty, array: Array) -> None:
    """Raise `InputError` for a penalty that is not one real number, not finite, or with a bound of another shape."""
    prior, root = penalty.prior, penalty.root
    value = jax.eval_shape(prior, array, root)
    if getattr(value, "shape", None) != () or not jnp.issubdtype(value.dtype, jnp.floating):
        raise InputError(
            f"The prior {type(prior).__name__} gives {described(value)} for {prior.path} of {list(array.shape)}; "
            "expected one real number, as the sum over all pixels."
        )
    bound = jax.eval_shape(prior.majorant, array, root)
    if getattr(bound, "shape", None) != array.shape:
        raise InputError(
            f"`majorant` of the prior {type(prior).__name__} gives {described(bound)} for {prior.path} of "
            f"{list(array.shape)}; expected one number for each pixel, or leave it out."
        )
    if is_own(prior):
        _check_start(penalty, array)


def _check_start(penalty: Penalty, array: Array) -> None:
    """Refuse a penalty from whose start no solver can go on."""
    value, slope = penalty.value_and_gradient(split(array))
    for name, found in {"value": value, "slope": join(slope)}.items():
        if not bool(jnp.all(jnp.isfinite(found))):
            raise InputError(
                f"The {name} of the prior {type(penalty.prior).__name__} is not finite for {penalty.prior.path} as it "
                "starts; begin elsewhere, or keep roots and logarithms from 0, as in sqrt(x + 1e-6)."
            )


WATCHING = {  # what is called while a run goes on: what may be given, with what it is called, and how many those are
    "on_epoch": ("a function of a Progress, or an object of a class of callbacks", "a Progress", 1),
    "monitor": (
        "an object that looks at held-out patterns, as HeldOutMonitor(held)",
        "the epochs done and a function that gives the result so far",
        2,
    ),
    "until": ("a rule that ends a run, as Converged()", "the History", 1),
}


def check_called(**watching: object) -> None:
    """Raise `InputError` for what is to be called while a run goes on, by its argument, and can't be."""
    for name, given in watching.items():
        mend, arguments, count = WATCHING[name]
        if given is None:
            continue
        if isinstance(given, type) or not callable(given):
            found = f"the class {given.__name__}" if isinstance(given, type) else repr(given)
            raise InputError(f"{name}={found} can't be called after an epoch; expected {mend}.")
        if not _takes(given, count):
            what = getattr(given, "__name__", type(given).__name__)
            raise InputError(
                f"{name}={what}{inspect.signature(given)} can't be called with {arguments}, as it is after each epoch; "
                f"expected {mend}."
            )


def _takes(function: Callable, count: int) -> bool:
    """Whether a function takes so many arguments; True where it doesn't tell."""
    try:
        signature = inspect.signature(function)
    except ValueError:
        return True
    try:
        signature.bind(*range(count))
    except TypeError:
        return False
    return True


def check_sampler(sampler: AbstractSampler, settings: Mapping) -> None:
    """Raise `InputError` where a run would go on in another order than it began."""
    begun = settings.get("sampler", Shuffled().description)
    if sampler.description != begun:
        raise InputError(
            f'The result to resume took its patterns in the order of "{begun}", and this run in that of '
            f'"{sampler.description}"; give the same sampler, or begin afresh without `resume`.'
        )


def brightest(noise: AbstractNoise, data: Dataset, real: np.dtype) -> jax.Array | None:
    """Photons of the brightest pixel, for a noise model that does not know its curvature."""
    if noise.curvature is not None:
        return None
    return jnp.asarray(UNKNOWN_BRIGHTEST if data.grows else max(1.0, data.largest), real)


def check_numbers(data: Dataset, real: np.dtype) -> None:
    """Refuse patterns whose numbers, or their squares, single precision does not hold."""
    if real == np.float64 or data.grows:
        return
    brightest = float(data.photons.max())
    if brightest and not 1 / MOST_PHOTONS <= brightest <= MOST_PHOTONS:
        raise InputError(
            f"The brightest pattern of {data.source} adds up to {brightest:.3g}, which single precision can't work "
            f"with; multiply the patterns by {1 / brightest:.3g} or so, best to photons, or take double precision."
        )


def check_fit(model: AbstractModel, data: Dataset, epochs: int, batch_size: int, seed: int) -> None:
    """Raise `InputError` unless model, data and what is asked for go together."""
    check_kinds(model)
    if epochs < 0:
        raise InputError(f"{epochs} epochs; expected none or more.")
    if not 1 <= batch_size <= data.count:
        raise InputError(
            f"A batch of {batch_size} patterns (`fit.batch_size`) can't be taken from {data.count}; give 1 to "
            f"{data.count}."
        )
    check_seed(seed)
    check_roles(checked_shared(model))
    check_count(model, data.count)
    check_hints(model, data.count // model.group)
    check_possible(data, roles_of(model).positions is not None)
    there = on_device(model)
    check_propagators(shared_of(model))
    expected = expected_shape(there)
    if expected.shape != data.frame_shape:
        what = f"The model that {type(model).__name__}.shared() gives" if shares_work(model) else "The model"
        raise InputError(
            f"{what} expects patterns of {expected.shape} pixels, but the data hold {data.frame_shape}; "
            "make the model from this dataset, or mend what the call of one of your own gives."
        )
    stands = called(there)
    check_windows(stands, data.count // model.group)
    check_promise(stands)
    check_first_pattern(stands)


def check_methods(*parts: object) -> None:
    """Raise `InputError` for a method of one's own, of any of these, that can't be called as the base's."""
    for part in parts:
        check_overriding(part)


def doubts_of_own(model: AbstractModel) -> list[str]:
    """A sentence on all that makes a fit of a model of one's own slow or futile."""
    return [*losses_of_energy(model), *doubts_of_first_pattern(model)]
