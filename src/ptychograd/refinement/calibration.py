"""Gains of the detector's pixels, set to what all patterns say of each."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int
from scipy.ndimage import median_filter

from ptychograd.core.errors import InputError
from ptychograd.core.parameters import named_parameters, replace_parameter, trainable_names
from ptychograd.core.strict import meant
from ptychograd.data.dataset import Dataset
from ptychograd.data.patterns import blocks, measured
from ptychograd.fitting.epoch import called, of_each, traced
from ptychograd.physics.checks import check_count
from ptychograd.physics.model import AbstractModel, Group
from ptychograd.physics.noise import AbstractNoise, Poisson
from ptychograd.physics.paths import BACKGROUND, FLAT_FIELD
from ptychograd.refinement.stage_actions import AbstractStageAction, Changed

FLOOR = 1e-6  # photons a pixel: no background but the model's own
COUNTS = Poisson(FLOOR)
PASSES = 4  # through all patterns at most
CONVERGED = 1e-4  # of gains: rms of a change
LEAST = 1e-3  # gain, of a pixel that is not known to be dead
ROUNDS, FIRST_SPREAD = 100, 0.05  # at most, to find by how much gains differ
STILL = 1e-6  # of gains: what mean and spread change by in a round that is the last
BRIGHT, FEWEST = 0.99, 10  # share of all information in the pixels that say how gains are spread, and pixels at least
MOST = 100_000  # of these pixels, about; more say nothing else
WIDEST = 0.5  # rms of gains; what seems to differ by as much is a model that is not there yet
ALIKE = 65  # pixels with as much information, whose scatter tells how wrong the model is there
MEDIAN = 0.455  # of the square of a normal variable
BEYOND = 4.0  # times the square of what is expected: a scatter that the model's error makes
FARTHEST = 3.0  # standard deviations, beyond which a gain says no more about how much gains differ
OWN = 0.5  # share of its own most likely gain in that of a pixel, above which that is mostly its own


class GainEstimates(NamedTuple):
    """What all patterns say of each gain: the slope of their log-likelihood along it, and Fisher's information."""

    slope: Float[np.ndarray, "y x"]
    information: Float[np.ndarray, "y x"]

    def counted_at(self, gains: Float[np.ndarray, "y x"], others: Float[np.ndarray, "y x"]) -> "GainEstimates":
        """What they say of other gains, of counted photons without background: Σy / g - Σa, and Σa / g."""
        fallen = self.information * gains
        ratio = np.divide(gains, others, out=np.ones_like(gains), where=others > 0)
        return GainEstimates((self.slope + fallen) * ratio - fallen, self.information * ratio)


class Spread(NamedTuple):
    """The mean of all gains, and their root-mean-square deviation from it, freed from the noise of the patterns."""

    mean: float
    rms: float

    @property
    def is_credible(self) -> bool:
        """Whether detectors differ by so much; what seems to be more is the model's error."""
        return self.rms < (1 - 1e-6) * WIDEST * self.mean


class PatternPixels(NamedTuple):
    """A pattern (or all of a rocking curve) and those of its pixels that count."""

    place: Int[Array, " place"] | Int[Array, ""]
    measured: Float[Array, "*detector"]
    valid: Bool[Array, "*detector"]


class Likely(NamedTuple):
    """The pixels that have photons, the most likely gain of each, Fisher's information on it, and their spread."""

    free: Bool[np.ndarray, "y x"]
    gains: Float[np.ndarray, " pixel"]
    information: Float[np.ndarray, " pixel"]
    spread: Spread

    def onto(self, flat: Float[np.ndarray, "y x"], share: Float[np.ndarray, " pixel"]) -> Float[np.ndarray, "y x"]:
        """The flat field with these gains, each with such a share of its own, and the mean of all for the rest."""
        drawn = np.array(flat)
        drawn[self.free] = np.maximum(self.spread.mean + share * (self.gains - self.spread.mean), LEAST)
        return drawn


class FlatFieldCalibration(AbstractStageAction):
    """Before a stage, set every pixel's gain to what all patterns say of it, with everything else as it is.

    With a = ∂h/∂g the most likely gain is g + Σ a s / Σ a² I, of the scores s and Fisher's information I of the `noise`
    model; for counted photons and no background that is Σy / Σa, the photons counted over those that fell on the pixel.
    Patterns are gone through once for these, and up to four times otherwise.

    Gains are taken as normally distributed about their mean, with a spread that is itself the most likely one
    (empirical Bayes): a pixel with few photons stays close to the mean, one with many has its own gain. Their mean is
    1. Pixels that are masked in all patterns, or whose gain is 0, keep their gain. All gains stay as they are if they
    seem to differ by 50 % rms or more, as with a model that is still far from the patterns, or if too few pixels have
    photons.

    `with_flat_field_calibration` puts it into the stages of a run.

    Args:
        data: the patterns that tell the gains.
        noise: the noise model; by default `Poisson` with a floor of 1e-6 photons a pixel.

    Raises:
        InputError: when a run begins: the model has no flat field (see `with_flat_field`), or has another number of
            patterns than the data.

    Example:
        >>> names = ("object", "probe", "detector.flat_field")
        >>> stage = pg.Stage(20, names, pg.Poisson(), first=(pg.refinement.FlatFieldCalibration(data),))
        >>> stage.first[0].about
        'detector.flat_field'
    """

    data: Dataset
    noise: AbstractNoise = COUNTS

    @property
    def about(self):
        return FLAT_FIELD

    @property
    def turn(self):
        return 1  # after all else that changes the model, as positions

    def check(self, model):
        if FLAT_FIELD not in trainable_names(model):
            raise InputError("The model has no flat field to be calibrated; put one in by `with_flat_field`.")
        check_count(model, self.data.count)

    @meant
    def __call__(self, model, start, fit):
        given = named_parameters(model)[FLAT_FIELD]
        flat = np.array(given, np.float64)
        likely = likely_gains(model, self.data, self.noise)
        if likely is None:
            return _as_it_is(model, "there are too few pixels with photons")
        if not likely.spread.is_credible:
            return _as_it_is(model, f"the patterns ask for gains that differ by {WIDEST:.0%} rms or more")
        share = shares(likely)
        flat = likely.onto(flat, share)
        flat[likely.free] /= flat[likely.free].mean()  # at last: until then it is the gain that goes with this probe
        model = replace_parameter(model, FLAT_FIELD, jnp.asarray(flat, given.dtype))
        return Changed(model, _text(flat, likely.free, share > OWN))


def _text(flat: Float[np.ndarray, "y x"], free: Bool[np.ndarray, "y x"], is_own: Bool[np.ndarray, " pixel"]) -> str:
    """How much the gains as they are now differ: all, and those that their own photons set."""
    text = f"flat field calibrated: gains differ by {np.std(flat[free]):.2%} rms"
    if not np.any(is_own):
        return f"{text}; no pixel has the photons for one that is mostly its own"
    own = f"{np.count_nonzero(is_own):,} of {flat.size:,} pixels are mostly their own"
    return f"{text}; those of {own}, and differ by {np.std(flat[free][is_own]):.2%}"


def _as_it_is(model: AbstractModel, why: str) -> Changed:
    return Changed(model, f"flat field left as it is: {why}")


@meant
def likely_gains(model: AbstractModel, data: Dataset, noise: AbstractNoise) -> Likely | None:
    """The most likely gains, and what is known of them at gains that are drawn in; None where too few have photons.

    Counted photons without background are gone through once, as they say the same at any gains. Others are gone through
    again at the gains so far, as long as these are credible.
    """
    given = named_parameters(model)[FLAT_FIELD]
    gains, estimated, likely = np.array(given, np.float64), estimated_gains(model, data, noise), None
    for left in reversed(range(PASSES)):
        free = (gains > 0) & (estimated.information > 0)
        if np.count_nonzero(free) < FEWEST:
            return None
        information = estimated.information[free]
        found = gains[free] + estimated.slope[free] / information
        likely = Likely(free, found, information, spread_of(found, information))
        drawn = likely.onto(gains, _share(likely))
        is_converged = float(np.sqrt(np.mean((drawn - gains)[free] ** 2))) < CONVERGED
        if is_converged or not left or not likely.spread.is_credible:
            break
        if _is_proportional(model, noise):
            estimated = estimated.counted_at(gains, drawn)
        else:
            estimated = estimated_gains(
                replace_parameter(model, FLAT_FIELD, jnp.asarray(drawn, given.dtype)), data, noise
            )
        gains = drawn
    return likely


def _is_proportional(model: AbstractModel, noise: AbstractNoise) -> bool:
    """Whether photons are counted, and all expected ones are proportional to the gains."""
    background = named_parameters(model).get(BACKGROUND)
    none = background is not None and not np.any(np.asarray(background) > 0)
    return isinstance(noise, Poisson) and noise.floor <= FLOOR and none


@meant
def estimated_gains(model: AbstractModel, data: Dataset, noise: AbstractNoise) -> GainEstimates:
    """What all patterns say of each gain, over their valid pixels; read and worked on a few at a time."""
    flat = named_parameters(model)[FLAT_FIELD]
    shared = called(model), traced(noise, flat.dtype)
    places, sums = np.arange(data.count // data.group), np.zeros((2, *flat.shape))
    for block in blocks(places, data):
        seen = PatternPixels(jnp.asarray(places[block]), *measured(data, places[block], flat.dtype))
        found = of_each(_slope_and_information, shared, seen)
        for total, each in zip(sums, found, strict=True):
            total += np.asarray(each).sum(axis=0, dtype=np.float64)
    return GainEstimates(sums[0], sums[1])


def _slope_and_information(shared: tuple, seen: PatternPixels) -> tuple[Float[Array, "y x"], Float[Array, "y x"]]:
    model, noise = shared
    flat = named_parameters(model)[FLAT_FIELD]

    def expected(gains: Float[Array, "y x"]) -> Float[Array, "*detector"]:
        return replace_parameter(model, FLAT_FIELD, gains).together(Group(seen.place))

    photons, fallen = jax.jvp(expected, (flat,), (jnp.ones_like(flat),))
    slope = -fallen * jax.grad(lambda h: jnp.sum(noise.nll(h, seen.measured)))(photons)
    information = fallen**2 * noise.information(photons)
    slope, information = (
        jnp.where(seen.valid, values, 0).reshape(-1, *flat.shape).sum(axis=0) for values in (slope, information)
    )
    return slope, information


def spread_of(likely: Float[np.ndarray, " pixel"], information: Float[np.ndarray, " pixel"]) -> Spread:
    """Mean and spread τ of gains under which the most likely gain of each, of variance τ² + 1/J, is most likely.

    Told by the pixels that hold 99 % of all information, as models are wrong in the dark first, or by 1e5 of these.
    What lies far off, as a hot pixel, is drawn in to 3 standard deviations. No spread is told above 50 %.
    """
    falling = np.sort(information)[::-1]
    last = int(np.searchsorted(np.cumsum(falling), BRIGHT * information.sum()))
    bright = np.flatnonzero(information >= falling[min(max(FEWEST - 1, last), falling.size - 1)])
    bright = bright[:: -(-len(bright) // MOST)]
    likely, own = likely[bright], 1 / information[bright]
    mean, variance = float(np.median(likely)), FIRST_SPREAD**2
    for _ in range(ROUNDS):
        total = variance + own
        bound = FARTHEST * np.sqrt(total)
        off = np.clip(likely - mean, -bound, bound)
        step = float(np.sum(off / total) / np.sum(1 / total))
        wider = float(np.sum((off**2 - own) / total**2) / np.sum(1 / total**2))
        wider = float(np.clip(wider, 0, (WIDEST * (mean + step)) ** 2))
        is_still = abs(step) < STILL and abs(np.sqrt(wider) - np.sqrt(variance)) < STILL
        mean, variance = mean + step, wider
        if is_still:
            break
    return Spread(mean, float(np.sqrt(variance)))


def shares(likely: Likely) -> Float[np.ndarray, " pixel"]:
    """How much of each gain is its own most likely one, as its information has it; the rest is the mean of all.

    Where pixels with as much information scatter by twice what spread and noise make them, as where a model still
    expects photons in the dark, that is the model's error, and they are drawn in accordingly.
    """
    off, order = likely.gains - likely.spread.mean, np.argsort(likely.information)
    scatter = np.empty_like(off)
    scatter[order] = median_filter(off[order] ** 2, min(ALIKE, off.size), mode="nearest") / MEDIAN
    own = likely.spread.rms**2
    expected = own + 1 / likely.information
    return own / np.where(scatter > BEYOND * expected, scatter, expected)


def _share(likely: Likely) -> Float[np.ndarray, " pixel"]:
    """The same, of a model that is right everywhere."""
    own = likely.spread.rms**2
    return own / (own + 1 / likely.information)
