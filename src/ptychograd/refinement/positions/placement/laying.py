"""The mosaic of a scan's patterns, grown from several of them: where each lies, and how well it fits the others."""

from typing import NamedTuple, cast

import numpy as np
from jaxtyping import Array, Complex, Float, Int

from ptychograd.core.errors import InputError, check_kind
from ptychograd.core.strict import meant
from ptychograd.data.dataset import Dataset, check_data
from ptychograd.data.patterns import illuminated_positions
from ptychograd.physics.checks import check_count
from ptychograd.physics.model import AbstractModel, roles_of
from ptychograd.physics.propagators import AbstractPropagator
from ptychograd.refinement.positions.beams import beam_of, propagator_of
from ptychograd.refinement.positions.placement.growth import Placed, grown
from ptychograd.refinement.positions.placement.holograms import holograms
from ptychograd.refinement.positions.placement.mosaic import Mosaic, Prior

ERRORS = 4.5  # times the typical error along y or x: how far positions are looked for
SEEDS = 2  # pieces from which a mosaic is grown anew


class Laid(NamedTuple):
    """The best of several mosaics.

    Args:
        mosaic: with all holograms on it.
        placed: where they lie.
        wave: the beam of which they are holograms.
        propagator: its way to the detector.
        illuminated: numbers of the patterns that have photons, which alone lie there.
        nominal: given positions of all patterns, in object pixels.
    """

    mosaic: Mosaic
    placed: Placed
    wave: Complex[Array, "y x"]
    propagator: AbstractPropagator
    illuminated: Int[np.ndarray, " place"]
    nominal: Float[np.ndarray, "pattern 2"]


class HologramMosaic(NamedTuple):
    """The holograms of a scan, each where it fits the others best.

    Args:
        image: complex (y, x), the transmission less its mean, with its twin.
        given: where the window of each pattern with photons begins by its given position, (pattern, 2), in pixels of
            the image.
        placed: where it fits best.
        explained: the share of each hologram's energy that the others explain there: about 0 or less if it is astray.
        numbers: of these patterns in the data.

    Example:
        >>> found = pg.refinement.hologram_mosaic(model, data, within=6)
        >>> found.placed.shape == found.given.shape, found.explained.shape == found.numbers.shape
        (True, True)
    """

    image: Complex[np.ndarray, "y x"]
    given: Float[np.ndarray, "pattern 2"]
    placed: Float[np.ndarray, "pattern 2"]
    explained: Float[np.ndarray, " pattern"]
    numbers: Int[np.ndarray, " pattern"]


@meant
def hologram_mosaic(model: AbstractModel, data: Dataset, within: int = 32) -> HologramMosaic:
    """Lay the holograms of all patterns as `PositionPlacement` does, and tell how well each one fits the others.

    `pg.plot.mosaic_figure` draws it: where positions are astray, and whether patterns are holograms at all.

    Args:
        model: a start model of a far or near field, whose first mode of the probe is the beam.
        data: the patterns.
        within: how far positions may be off along y and x, in object pixels, 1 or more.

    Raises:
        InputError: another kind of model, another number of patterns, or `within` below 1.

    Example:
        >>> found = pg.refinement.hologram_mosaic(model, data, within=6)
        >>> pg.plot.save(pg.plot.mosaic_figure(found), "mosaic.png")
    """
    check_kind(model, AbstractModel, "model")
    check_data(data)
    check_count(model, data.count)
    if within < 1:
        raise InputError(f"Positions placed within {within} pixels; expected 1 or more.")
    if beam_of(model, 0) is None or propagator_of(model) is None:
        raise InputError(
            f"A {type(model).__name__} has no holograms; only far and near fields of a thin object do, and models of "
            "your own that name an illumination on the image's axes and have a propagator among their fields."
        )
    found = laid(model, data, within)
    mosaic, nominal = found.mosaic, found.nominal[found.illuminated]
    explained = np.array([mosaic.explained(number) for number in range(len(nominal))])
    given = nominal - nominal.min(0) + mosaic.margin
    return HologramMosaic(mosaic.image, given, mosaic.corner.astype(float), explained, found.illuminated)


def laid(model: AbstractModel, data: Dataset, within: int) -> Laid:
    """Grow a mosaic from one of several pieces after another, and take the one whose pieces agree best."""
    places = roles_of(model).positions
    nominal = np.asarray(places.corner if places.nominal is None else places.nominal, np.float64)  # type: ignore[union-attr]
    illuminated = illuminated_positions(data)
    beam, propagator = cast(Array, beam_of(model, int(illuminated[0]))), cast(AbstractPropagator, propagator_of(model))
    wave = beam[0]
    made = holograms(data, illuminated, wave, propagator)
    error = within / ERRORS
    there, prior = nominal[illuminated], Prior.of(error, within)
    grounds = [Mosaic(made, there, prior) for _ in range(SEEDS)]
    each = [grown(ground, seed, there, error) for ground, seed in zip(grounds, _inner(there), strict=False)]
    best = int(np.argmax([placed.score for placed in each]))
    return Laid(grounds[best], each[best], wave, propagator, illuminated, nominal)


def _inner(nominal: Float[np.ndarray, "pattern 2"]) -> list[int]:
    """Pieces to begin with: the one in the middle of the scan, and others in the inner half."""
    inner = np.argsort(np.hypot(*(nominal - nominal.mean(0)).T))[: max(1, len(nominal) // 2)]
    return [int(number) for number in inner[:: max(1, len(inner) // SEEDS)][:SEEDS]]
