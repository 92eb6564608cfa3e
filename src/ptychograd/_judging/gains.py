"""Gains of the detector's pixels, set to what all patterns say of each."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int
from scipy.ndimage import median_filter

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
BRIGHT, FEWEST = 0.99, 10  # share of all information in the pixels that say how gains are spread, and pixels at least
WIDEST = 0.5  # rms of gains; what seems to differ by more is a model that is not there yet
ALIKE = 65  # pixels with as much information, whose scatter tells how wrong the model is there
MEDIAN = 0.455  # of the square of a normal variable
BEYOND = 4.0  # times the square of what is expected: a scatter that the model's error makes
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
        dtype = named_parameters(model)[FLAT_FIELD].dtype
        flat = np.asarray(named_parameters(model)[FLAT_FIELD], np.float64)
        spread, known, free = Spread(1.0, 0.0), 0, flat > 0
        for _ in range(PASSES):
            told = gains_told(model, self.data, self.noise)
            free &= told.information > 0
            if np.count_nonzero(free) < FEWEST:
                return Changed(model, f"{CALIBRATED} by no pattern: there are too few pixels with photons")
            before, information = flat[free], told.information[free]
            likely = before + told.slope[free] / information
            spread = spread_of(likely, information)
            flat[free] = drawn_in(likely, information, spread)
            known = int(np.count_nonzero(information * spread.rms**2 > 1))
            model = replace_parameter(model, FLAT_FIELD, jnp.asarray(flat, dtype))
            if np.sqrt(np.mean((flat[free] - before) ** 2)) < SETTLED:
                break
        flat[free] /= flat[free].mean()  # at last: until then it is the gain that goes with this probe
        rms = spread.rms / spread.mean
        words = f"{CALIBRATED}: gains differ by {rms:.2%} rms, and the patterns tell {known:,} of {flat.size:,} apart"
        return Changed(replace_parameter(model, FLAT_FIELD, jnp.asarray(flat, dtype)), words)


def gains_told(model: AbstractModel, data: Dataset, noise: AbstractNoise) -> Told:
    """What all patterns say of each gain, over their valid pixels; read and worked on a few at a time."""
    shared, flat = (on_device(model), traced(noise)), named_parameters(model)[FLAT_FIELD]
    places, sums = np.arange(data.count // data.group), np.zeros((2, *flat.shape))
    for block in blocks(places, data, BYTES + SUMS):
        measured, valid, _ = pixels(data, places[block], flat.dtype)
        found = of_each(_told, shared, Seen(jnp.asarray(places[block]), measured, valid))
        for total, each in zip(sums, found, strict=True):
            total += np.asarray(each).sum(axis=0, dtype=np.float64)
    return Told(sums[0], sums[1])


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

    Told by the pixels that hold 99 % of all information, as models are wrong in the dark first. What lies far off, as a
    hot pixel, is drawn in to 3 standard deviations.
    """
    order = np.argsort(-information)
    bright = order[: max(FEWEST, 1 + int(np.searchsorted(np.cumsum(information[order]), BRIGHT * information.sum())))]
    likely, own = likely[bright], 1 / information[bright]
    mean, variance = float(np.median(likely)), FIRST_SPREAD**2
    for _ in range(ROUNDS):
        total = variance + own
        bound = FARTHEST * np.sqrt(total)
        off = np.clip(likely - mean, -bound, bound)
        mean += float(np.sum(off / total) / np.sum(1 / total))
        variance = float(np.clip(np.sum((off**2 - own) / total**2) / np.sum(1 / total**2), 0, (WIDEST * mean) ** 2))
    return Spread(mean, float(np.sqrt(variance)))


def drawn_in(
    likely: Float[np.ndarray, " pixel"], information: Float[np.ndarray, " pixel"], spread: Spread
) -> Float[np.ndarray, " pixel"]:
    """Each gain between the mean of all and its own most likely one, as its information has it.

    Where pixels with as much information scatter by twice what spread and noise make them, as where a model still
    expects photons in the dark, that is the model's error, and they are drawn in accordingly.
    """
    off, order = likely - spread.mean, np.argsort(information)
    scatter = np.empty_like(off)
    scatter[order] = median_filter(off[order] ** 2, min(ALIKE, off.size), mode="nearest") / MEDIAN
    own = spread.rms**2
    expected = own + 1 / information
    share = own / np.where(scatter > BEYOND * expected, scatter, expected)
    return np.maximum(spread.mean + share * off, LEAST)
