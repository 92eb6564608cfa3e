"""How well held-out patterns are expected, and whether refined positions serve them."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ptychograd.core.errors import InputError, check_kind
from ptychograd.core.parameters import (
    is_parameter,
    matches,
    named_parameters,
    real_dtype,
    replace_parameters,
)
from ptychograd.core.strict import meant
from ptychograd.data.dataset import Dataset, check_data
from ptychograd.data.patterns import blocks, illuminated_positions, measured
from ptychograd.fitting.epoch import called, of_each
from ptychograd.physics.checks import check_count
from ptychograd.physics.model import AbstractModel, roles_of
from ptychograd.physics.noise import AbstractNoise, Amplitude
from ptychograd.physics.roles import correcting, recorded
from ptychograd.refinement.positions.single_pattern import (
    Pattern,
    Row,
    Steps,
    corrected_by,
    random_half,
    whole_pixels,
)
from ptychograd.refinement.stage_actions import AbstractStageAction, Changed

FEW = 16  # starts from which to go down, where a pattern has more of its own than its position
OF_PLACES, FEWEST = 1 / 16, 4  # of all that are tried, where its position is among them: as many at most
SPREAD = 2.5  # times the rms of all corrections: how far the position of a held-out pattern is looked for
KNOWN = 3.0  # pixels, at least, where one was found for it already


class HeldOutMisfits(NamedTuple):
    """How well held-out patterns are expected, over all their pixels: each half by numbers that the other half gave.

    Args:
        residual: Σ(√h - √y)² of each pattern, of the expected photons h and the measured ones y.
        photons: Σy of each pattern.
        per_pattern: of each array with one row a pattern that was looked for, by path, the rows of these patterns.
    """

    residual: Float[np.ndarray, " pattern"]
    photons: Float[np.ndarray, " pattern"]
    per_pattern: dict[str, Float[np.ndarray, "pattern k"]]

    @property
    def r_factor(self) -> float:
        """R of all patterns together."""
        return float(np.sqrt(self.residual.sum() / self.photons.sum()))


@meant
def held_out_misfits(
    model: AbstractModel, held: Dataset, noise: AbstractNoise | None = None, own: Row | None = None
) -> HeldOutMisfits:
    """How well a model expects patterns that it was not fitted to, each with numbers of its own found first.

    The position of a held-out pattern, its intensity and its weights are not refined in a run. They are found here from
    a random half of the pattern's pixels, with everything else as it is, and the misfit is taken over the other half,
    of what the pixels show, as `noise` says it; and the other way round.

    Args:
        model: the model that is judged.
        held: the patterns that are held out, as `hold_out` gives them; those with photons count.
        noise: the noise model, which says what a pixel shows; `Amplitude()` by default.
        own: what is looked for, by path: steps (step, k) from the row of k numbers that the model has for a pattern,
            all of which are tried before the best is refined. By default every array with one row a pattern in which
            patterns differ; with {} nothing is looked for.

    Returns:
        the misfits: `residual`, Σ(√h - √y)², and `photons`, Σy, of each held-out pattern that has photons, the
        `r_factor` of all together, and `per_pattern`, by path, the rows that were found.

    Raises:
        InputError: the model has another number of patterns than the data.

    Example:
        fitted, held = pg.hold_out(data, 0.1)
        result = pg.reconstruct(model, fitted, pg.Nesterov(), epochs=60, batch_size=16)
        misfits = pg.refinement.held_out_misfits(result.model, held)
        misfits.r_factor, pg.assess(result, fitted, held=(held, misfits.residual)).code
    """
    check_kind(model, AbstractModel, "model")
    check_data(held)
    check_count(model, held.count)
    own = own_parameters(model) if own is None else own
    arrays = named_parameters(eqx.filter(model, is_parameter))
    placed, places, found = called(model), illuminated_positions(held), []
    dtype, half = real_dtype(eqx.filter(model, is_parameter)), jnp.asarray(random_half(held.frame_shape))
    steps, few = Steps.of(own) if own else None, _starts(own, _offset(model))
    for block in blocks(places, held):
        patterns, valid = measured(held, places[block], dtype)
        rows = {path: jnp.asarray(arrays[path][places[block]]) for path in own}
        each = (jnp.asarray(places[block]), patterns, valid, rows)
        found.append(of_each(_validated, (placed, noise or Amplitude(), steps, half, few), each))
    residual, photons, rows = jax.tree.map(lambda *parts: np.concatenate([np.asarray(p) for p in parts]), *found)
    return HeldOutMisfits(residual.astype(np.float64), photons.astype(np.float64), rows)


@meant
def own_parameters(model: AbstractModel, names: Iterable[str] | None = None, held: Dataset | None = None) -> Row:
    """Arrays with one row a pattern whose rows are not all alike, by path, and the steps from which to go down.

    Of those that `names` stand for, if they are given. An offset is tried at all whole pixels, as far as 2.5 times the
    rms of all offsets, or only as far as those of the `held` patterns lack of it, 3 pixels at least: they may have been
    found already, by `PositionPlacement`, or follow a slow distortion. Beside each of these every other number is tried
    its standard deviation up and down: weights have several minima.
    """
    arrays = named_parameters(eqx.filter(model, is_parameter))
    asked = [path for path in model.per_pattern if names is None or any(matches(path, name) for name in names)]
    known = sorted(path for path in asked if path in arrays)
    varying = {path: arrays[path] for path in known if np.ptp(np.asarray(arrays[path]), axis=0).any()}
    offset = _offset(model)
    if held is None or offset not in varying:
        return _tried(varying, offset, np.inf)
    return _tried(varying, offset, _farthest(np.asarray(arrays[offset]), held))


def _farthest(offsets: Float[np.ndarray, "pattern axis"], held: Dataset) -> float:
    """How far held-out patterns are still to be looked for, by what their offsets lack of those of the others."""
    places = illuminated_positions(held)
    others = np.delete(offsets, places, axis=0)
    lacking = float(np.mean(others**2) - np.mean(offsets[places] ** 2)) if len(others) and len(places) else np.inf
    return max(KNOWN, SPREAD * float(np.sqrt(max(0.0, lacking))))


@meant
def with_per_pattern(
    model: AbstractModel, held: Dataset, rows: Mapping[str, Float[np.ndarray, "pattern k"]]
) -> AbstractModel:
    """The model with these rows (see `HeldOutMisfits`) for the patterns that are held out."""
    arrays, places = named_parameters(model), illuminated_positions(held)
    return replace_parameters(model, {path: arrays[path].at[places].set(row) for path, row in rows.items()})


@meant
def _offset(model: AbstractModel) -> str:
    """The path of what moves each pattern; empty where nothing does."""
    return correcting(recorded(roles_of(model), model)).get("offset", "")


def _tried(own: Mapping[str, Array], offset: str, farthest: float) -> Row:
    still = {path: np.zeros(array.shape[1]) for path, array in own.items()}
    sizes = {path: np.diag(np.std(array, axis=0)) for path, array in own.items() if path != offset}
    aside = [still | {path: sign * step} for path, steps in sizes.items() for step in steps for sign in (1, -1)]
    tried = [still, *aside]
    if offset in own:
        spread = float(np.sqrt(np.mean(np.square(own[offset]))))
        pixels = np.asarray(whole_pixels(int(np.ceil(min(SPREAD * spread, farthest)))))
        tried = [one | {offset: pixel} for pixel in pixels for one in tried]
    return {path: jnp.asarray(np.stack([one[path] for one in tried]), own[path].dtype) for path in own}


def _starts(own: Row, offset: str) -> int:
    """From how many of the steps to go down: the best, where a position is all that a pattern has of its own."""
    if tuple(own) in ((), (offset,)):
        return 1
    count = len(next(iter(own.values())))
    return min(FEW, max(FEWEST, round(OF_PLACES * count)), count) if offset in own else min(FEW, count)


def _validated(shared: tuple, item: tuple) -> tuple[Float[Array, ""], Float[Array, ""], Row]:
    (model, noise, tried, half, few), (place, measured, valid, row) = shared, item
    whole = Pattern(model, noise, place, measured, valid, row)
    photons = jnp.sum(jnp.where(valid, measured, 0))
    if not row:
        return whole.misfit(row), photons, row

    def estimated_from(half: Bool[Array, "y x"]) -> tuple[Float[Array, ""], Float[Array, ""], Row]:
        found, _ = whole._replace(valid=valid & half).found(tried, few=few)
        return whole._replace(valid=valid & ~half).misfit(found), whole.misfit(found), found

    others, misfit, rows = jax.lax.map(estimated_from, jnp.stack([half, ~half]))
    best = jnp.argmin(misfit)
    return jnp.sum(others), photons, jax.tree.map(lambda each: each[best], rows)


class PositionValidation(AbstractStageAction):
    """Before a stage, put refined positions back to what they were, unless held-out patterns fit better with them.

    From the present model, and from the same one with the start's positions, object and probe are fitted for `epochs`.
    The refined positions stay only if the misfit of the held-out patterns (see `held_out_misfits`) is smaller with them
    by more than the standard error of the difference; otherwise the other model goes on, and positions are not refined
    any more. The own position of each held-out pattern is looked for in both alike, as this alone makes misfits
    smaller; where it was found it stays.

    `with_position_validation` puts it into the stages of a run.

    Args:
        held: the patterns that are held out, as `hold_out` gives them.
        epochs: for which both models are fitted, 1 or more, beside the epochs of the stage.
        noise: the noise model, which says what a pixel shows; `Amplitude()` by default.

    Raises:
        InputError: when a run begins: the model's positions can't be refined (see `with_refinable_positions`), it has
            another number of patterns than the data, or there is no epoch.

    Example:
        >>> fitted, held = pg.hold_out(data, 0.1)
        >>> pg.refinement.PositionValidation(held, epochs=8).epochs
        8
    """

    held: Dataset
    epochs: int = 5
    noise: AbstractNoise = Amplitude()

    @property
    def turn(self):
        return 2  # a judge comes last

    def check(self, model):
        corrected_by(model)
        check_count(model, self.held.count)
        if self.epochs < 1:
            raise InputError(f"Positions judged after {self.epochs} epochs; expected 1 or more.")

    def __call__(self, model, start, fit):
        names, parameters = tuple(corrected_by(start).values()), named_parameters(start)
        were = {name: parameters[name] for name in names}
        results = [fit(one, self.epochs, names) for one in (model, replace_parameters(model, were))]
        refined, before = (result.onto(start) for result in results)
        own = own_parameters(refined, None, self.held)
        validated, other = (held_out_misfits(one, self.held, self.noise, own) for one in (refined, before))
        gain = other.residual - validated.residual
        error = float(gain.std(ddof=1) / np.sqrt(len(gain))) if len(gain) > 1 else 0.0
        figures = (
            f"R of held-out patterns {validated.r_factor:.4f} with refined positions, {other.r_factor:.4f} without"
        )
        if not gain.mean() > error:
            return Changed(before, f"positions put back and refined no more: {figures}", names)
        rows = {path: row for path, row in validated.per_pattern.items() if path in names}
        return Changed(with_per_pattern(model, self.held, rows), f"refined positions kept: {figures}")
