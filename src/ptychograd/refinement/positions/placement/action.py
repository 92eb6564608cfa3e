"""The stage action that places positions by holograms, and the trials that judge it."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ptychograd.core.errors import InputError
from ptychograd.core.parameters import named_parameters, replace_parameter
from ptychograd.core.strict import meant
from ptychograd.data.dataset import Dataset
from ptychograd.data.patterns import illuminated_positions
from ptychograd.fitting.result import NonFiniteError, Result
from ptychograd.physics.checks import check_count
from ptychograd.physics.model import AbstractModel, roles_of
from ptychograd.physics.noise import AbstractNoise, Amplitude
from ptychograd.refinement.positions.beams import beam_of, propagator_of
from ptychograd.refinement.positions.placement.growth import Affine
from ptychograd.refinement.positions.placement.holograms import holograms
from ptychograd.refinement.positions.placement.laying import Laid, laid
from ptychograd.refinement.positions.single_pattern import corrected_by, whole_pixels
from ptychograd.refinement.positions.validation import held_out_misfits
from ptychograd.refinement.stage_actions import AbstractStageAction, Changed, Fit

BEYOND = 0.95  # of the reach: a position that far off was not found
CLOSE = 1  # pixels, about a position that was found, in which the best is taken of a held-out pattern


class Candidate(NamedTuple):
    """Offsets of all patterns, from a name for what they are, which a trial judges."""

    name: str
    offset: Float[np.ndarray, "pattern 2"]


class JudgedFit(NamedTuple):
    """What a short fit with such offsets ended with, and R: of held-out patterns if there are any."""

    candidate: Candidate
    result: Result
    r_factor: float


class PositionPlacement(AbstractStageAction):
    """Before the first epoch, place positions that are off by a good part of the beam, as the patterns fit each other.

    Behind a defocused lens, and close to the object, each pattern is a hologram of what its beam covers: it shows the
    object without anything known of it, and without its position. All of them are laid as a puzzle is, the surest
    first. Each comes where it fits best on those that lie, within `within` pixels of where it is expected: at its given
    position, after the affine map that takes given to found positions of those that lie. So a wrong scale or rotation
    of the whole scan, of some 10 % and 5°, is found by itself. The prior of errors is Student's t: large ones are rare,
    not impossible.

    A scale of the mosaic can be that of the scan or that of a wrong defocus. So three short fits judge: with the given
    positions, with the placed ones on the given scale, and with the placed ones as they are. The best goes on, by the R
    of held-out patterns (which are placed the same way, and take no part in the mosaic) or else of all.

    It can't work where patterns are no holograms: in focus, in the far field of a pinhole, or where few photons are
    counted. The trials then keep the given positions.

    Args:
        data: the patterns that are fitted.
        held: those that are held out, as `hold_out` gives them; None for none.
        within: how far positions may be off along y and x, in object pixels, 1 or more.
        epochs: of each trial, 1 or more.
        noise: the noise model, which says what a pixel of a held-out pattern shows; `Amplitude()` by default.

    Raises:
        InputError: when a run begins: a model that is not one of far or near fields with refinable positions (see
            `with_refinable_positions`), or whose reach is less than `within`; another number of patterns; numbers out
            of their range.

    Example:
        >>> fitted, held = pg.hold_out(data, 0.1)
        >>> placement = pg.refinement.PositionPlacement(fitted, held, within=6)
        >>> pg.Stage(20, first=(placement,)).first[0].within
        6
    """

    data: Dataset
    held: Dataset | None = None
    within: int = 32
    epochs: int = 3
    noise: AbstractNoise = Amplitude()

    def check(self, model):
        corrected_by(model)
        check_count(model, self.data.count)
        if self.within < 1 or self.epochs < 1:
            raise InputError(
                f"Positions placed within {self.within} pixels and tried for {self.epochs} epochs; expected 1 or more."
            )
        beam = beam_of(model, 0)
        if beam is None or propagator_of(model) is None:
            raise InputError(
                f"Positions of a {type(model).__name__} can't be placed; only those of far and near fields, and of "
                "models of your own that name an illumination on the image's axes and have a propagator among their "
                "fields."
            )
        if beam.shape[1:] != tuple(self.data.frame_shape):
            raise InputError(
                f"Positions can't be placed with a model of {beam.shape[1:]} pixels for patterns of "
                f"{self.data.frame_shape}; place them without `model.detector.oversampling`."
            )

    @meant
    def __call__(self, model, start, fit):
        path = corrected_by(model)["offset"]
        given = np.asarray(named_parameters(model)[path], np.float64)
        candidates = [Candidate("given", given), *self._placed(model, given)]
        trials = [self._tried(model, path, candidate, start, fit) for candidate in candidates]
        best = min(trials, key=lambda trial: trial.r_factor)
        figures = ", ".join(f"{trial.r_factor:.4f} {trial.candidate.name}" for trial in trials)
        what = "R of held-out patterns" if self.held is not None else "R"
        if best is trials[0]:
            return Changed(best.result.onto(start), f"the given positions stay: {what} {figures}")
        return Changed(best.result.onto(start), f"positions placed, {_moved(best, given)}: {what} {figures}")

    def _placed(self, model: AbstractModel, given: Float[np.ndarray, "pattern 2"]) -> list[Candidate]:
        """Offsets as the mosaic has them, on the given scale and on its own."""
        found = laid(model, self.data, self.within)
        ground, illuminated, nominal = found.mosaic, found.illuminated, found.nominal
        corner = self._with_held(found)
        known = np.isfinite(corner[:, 0])
        begin = nominal - nominal[illuminated].min(0) + ground.margin
        affine = Affine.between(begin[illuminated], corner[illuminated])
        candidates = []
        for name, offset in (
            ("placed on the given scale", affine.inverse(corner) - begin),
            ("placed on a scale of their own", corner - begin - (corner - begin)[illuminated].mean(0)),
        ):
            reach = BEYOND * float(roles_of(model).positions.margin)  # type: ignore[union-attr]
            near = known & (np.abs(offset).max(1) < reach)
            candidates.append(Candidate(name, np.where(near[:, None], offset, given)))
        return candidates

    def _with_held(self, found: Laid) -> Float[np.ndarray, "pattern 2"]:
        """Where all patterns begin on the mosaic; held-out ones are looked for on it; NaN for those without photons."""
        corner = np.full((len(found.nominal), 2), np.nan)
        corner[found.illuminated] = found.placed.corner
        if self.held is None:
            return corner
        held = illuminated_positions(self.held)
        made = holograms(self.held, held, found.wave, found.propagator, (self.data, found.illuminated))
        begin = found.nominal - found.nominal[found.illuminated].min(0) + found.mosaic.margin
        corner[held] = found.mosaic.found(made, found.placed.affine(begin[held]))
        return corner

    def _tried(
        self, model: AbstractModel, path: str, candidate: Candidate, start: AbstractModel, fit: Fit
    ) -> JudgedFit:
        before = np.asarray(named_parameters(model)[path])
        moved = replace_parameter(model, path, jnp.asarray(candidate.offset, before.dtype))
        try:
            result = fit(moved, self.epochs, tuple(corrected_by(model).values()))
        except NonFiniteError as problem:
            return JudgedFit(candidate, problem.result, np.inf)
        if self.held is None:
            return JudgedFit(candidate, result, result.history.r_factor[-1])
        own = {path: whole_pixels(CLOSE)}
        return JudgedFit(candidate, result, held_out_misfits(result.onto(start), self.held, self.noise, own).r_factor)


def _moved(best: JudgedFit, given: Float[np.ndarray, "pattern 2"]) -> str:
    distance = np.hypot(*(best.candidate.offset - given).T)
    return f"by {np.sqrt(np.mean(distance**2)):.1f} pixels rms, {distance.max():.0f} at most"
