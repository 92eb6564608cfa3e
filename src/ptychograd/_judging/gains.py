"""Gains of the detector's pixels, set to what all patterns say of each."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from ptychograd._dataset import Dataset
from ptychograd._epoch import of_each, on_device, traced
from ptychograd._errors import InputError
from ptychograd._escapes import AbstractEscape, Changed
from ptychograd._judging.pattern import BYTES, blocks, pixels
from ptychograd._model import AbstractModel
from ptychograd._noise import AbstractNoise, Poisson
from ptychograd._parameters import named_parameters, replace_parameter, trainable_names

FLAT_FIELD = "detector.flat_field"
CALIBRATED = "flat field calibrated"  # how the words on it begin
FLOOR = 1e-6  # photons a pixel: no background but the model's own
COUNTS = Poisson(FLOOR)
PASSES = 4  # through all patterns; with counted photons and no background the first one ends at the solution
SETTLED = 1e-4  # rms of a change
LEAST = 1e-3  # gain, of a pixel that is not known to be dead
SUMS = 8  # bytes of a pixel: what a pattern tells of its gain
ROUNDS, FIRST_SPREAD = 100, 0.05  # to find by how much gains differ
FARTHEST = 3.0  # standard deviations, beyond which a gain says no more about how much gains differ


class Told(NamedTuple):
    """What all patterns say of each gain: the slope of their log-likelihood along it, and Fisher's information."""

    slope: Float[np.ndarray, "y x"]
    information: Float[np.ndarray, "y x"]


class Spread(NamedTuple):
    """The mean of all gains, and their root-mean-square deviation from it, freed from the noise of the patterns."""

    mean: float
    rms: float


class Seen(NamedTuple):
    """A pattern (or all of a rocking curve) and those of its pixels that count."""

    place: Int[Array, ""]
    measured: Float[Array, "*detector"]
    valid: Bool[Array, "*detector"]


@dataclass(frozen=True)
class FlatFieldCalibrated(AbstractEscape):
    """Every pixel's gain is set to what all patterns say of it, with everything else as it is.

    With a = ∂h/∂g the most likely gain is g + Σ a s / Σ a² I, of the scores s and Fisher's information I of the `noise`
    model; for counted photons and no background that is Σy / Σa, the photons counted over those that fell on the pixel.
    Gains are taken for normally distributed about their mean, with a spread that is itself the most likely one
    (empirical Bayes): a pixel with few photons keeps to the mean, one with many to its own. Their mean is 1; pixels
    that are masked in all patterns, or whose gain is 0, stay.
    """

    data: Dataset
    noise: AbstractNoise = COUNTS

    def check(self, model):
        if FLAT_FIELD not in trainable_names(model):
            raise InputError("The model has no flat field to be calibrated; put one in by `with_flat_field`.")

    def __call__(self, model, start, fit):
        flat = np.asarray(named_parameters(model)[FLAT_FIELD], np.float64)
        spread, known = Spread(1.0, 0.0), 0
        for _ in range(PASSES):
            told = gains_told(model, self.data, self.noise)
            free = (told.information > 0) & (flat > 0)
            if not free.any():
                return Changed(model, "no pattern tells anything of the flat field")
            before = flat.copy()
            information = told.information[free]
            likely = before[free] + told.slope[free] / information
            spread = spread_of(likely, information)
            flat[free] = calibrated_gains(likely, information, spread)
            known = int(np.count_nonzero(information * spread.rms**2 > 1))
            model = replace_parameter(model, FLAT_FIELD, jnp.asarray(flat, named_parameters(model)[FLAT_FIELD].dtype))
            if np.sqrt(np.mean((flat - before)[free] ** 2)) < SETTLED:
                break
        words = f"{CALIBRATED}: gains differ by {spread.rms:.2%} rms, which the patterns tell of {known:,} of"
        return Changed(model, f"{words} {flat.size:,} pixels")


def gains_told(model: AbstractModel, data: Dataset, noise: AbstractNoise) -> Told:
    """What all patterns say of each gain, over their valid pixels; read and worked on a few at a time."""
    shared, flat = (on_device(model), traced(noise)), named_parameters(model)[FLAT_FIELD]
    places, sums = np.arange(data.count // data.group), np.zeros((2, *flat.shape))
    for block in blocks(places, data, BYTES + SUMS):
        measured, valid, _ = pixels(data, places[block], flat.dtype)
        found = of_each(_told, shared, Seen(jnp.asarray(places[block]), measured, valid))
        for total, each in zip(sums, found, strict=True):
            total += np.asarray(each).sum(axis=0, dtype=np.float64)
    return Told(*sums)


def _told(shared: tuple, seen: Seen) -> tuple[Float[Array, "y x"], Float[Array, "y x"]]:
    model, noise = shared
    flat = named_parameters(model)[FLAT_FIELD]

    def expected(gains: Float[Array, "y x"]) -> Float[Array, "*detector"]:
        return replace_parameter(model, FLAT_FIELD, gains).together(seen.place)

    photons, fallen = jax.jvp(expected, (flat,), (jnp.ones_like(flat),))
    slope = -fallen * jax.grad(lambda h: jnp.sum(noise.nll(h, seen.measured)))(photons)
    information = fallen**2 * noise.fisher(photons)
    slope, information = (
        jnp.where(seen.valid, values, 0).reshape(-1, *flat.shape).sum(axis=0) for values in (slope, information)
    )
    return slope, information


def spread_of(likely: Float[np.ndarray, " pixel"], information: Float[np.ndarray, " pixel"]) -> Spread:
    """Mean and spread τ of gains under which the most likely gain of each, of variance τ² + 1/J, is most likely.

    What lies far off, as a hot pixel, is drawn in to 3 standard deviations.
    """
    own = 1 / information
    mean, variance = 1.0, FIRST_SPREAD**2
    for _ in range(ROUNDS):
        total = variance + own
        bound = FARTHEST * np.sqrt(total)
        off = np.clip(likely - mean, -bound, bound)
        mean += float(np.sum(off / total) / np.sum(1 / total))
        variance = max(0.0, float(np.sum((off**2 - own) / total**2) / np.sum(1 / total**2)))
    return Spread(mean, float(np.sqrt(variance)))


def calibrated_gains(
    likely: Float[np.ndarray, " pixel"], information: Float[np.ndarray, " pixel"], spread: Spread
) -> Float[np.ndarray, " pixel"]:
    """Each gain between the mean and its own most likely one, as its information has it, over the mean of all."""
    share = spread.rms**2 / (spread.rms**2 + 1 / information)
    gains = np.maximum(spread.mean + share * (likely - spread.mean), LEAST)
    return gains / gains.mean()
