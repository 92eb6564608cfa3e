"""A short reconstruction for each of the eight orientations of a scan, judged by patterns left aside."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex

from ptychograd.automatic.orientation.preference import OrientationTrial, preference
from ptychograd.automatic.orientation.start import as_wide_as_speckles, is_its_own_twin, out_of_focus
from ptychograd.core.errors import InputError
from ptychograd.core.illumination import of_photons
from ptychograd.data.dataset import Dataset, check_data, positions_of, subset
from ptychograd.data.orientation import ALL, apply_orientation
from ptychograd.data.patterns import illuminated_positions
from ptychograd.data.splitting import set_aside
from ptychograd.fitting.solvers import Nesterov
from ptychograd.models.recipes import thin_recipe
from ptychograd.physics.model import AbstractModel
from ptychograd.quality.residual_maps import residuals
from ptychograd.runs.many import perform_all
from ptychograd.runs.stage import Run, Stage

EPOCHS = 10
MOST = 160  # patterns, those nearest to the middle of the scan: enough for a patch that overlaps with itself
HELD, FEWEST_HELD = 0.2, 4
BATCH, LEAST_STEPS = 16, 5  # patterns a step, and steps an epoch
DIGITS = 4  # of an R-factor: what differs less is rounding
WIDTHS = (0.6,)  # of beams out of focus over the window: with this one zone plates and openings are found
SPECKLED = (2, 4)  # times the epochs: first with the beam held at the width that the speckles tell, then with both

ModelOf = Callable[[Dataset], AbstractModel]
Tell = Callable[[int, float], None]


class Parts(NamedTuple):
    """The patterns of a trial: those that are fitted, and those that judge."""

    fitted: Dataset
    held: Dataset


class Beginning(NamedTuple):
    """With which beam a trial begins, and in which stages it goes on; `fwhm` and `defocus` as in `OrientationTrial`."""

    stages: tuple[Stage, ...]
    probe: Complex[np.ndarray, "y x"] | None = None
    defocus: float = 0.0
    fwhm: float = 0.0


def try_orientations(
    data: Dataset,
    model_of: ModelOf | None = None,
    *,
    epochs: int = EPOCHS,
    most: int = MOST,
    seed: int = 0,
    widths: Sequence[float] = WIDTHS,
    on_trial: Tell | None = None,
) -> list[OrientationTrial]:
    """Find how the axes of a scan lie to those of the detector, by short reconstructions in all eight orientations.

    They take the patterns with photons about the middle of the scan, of which a fifth, four at least, is held out. The
    support is left out, as it may have been drawn for a wrong orientation, and the start probe is scaled to the photons
    measured. A far field whose data know no start probe begins with one in focus. If no orientation stands out with it,
    the trials are made once more with beams out of focus, and at last, for samples that scatter all over the detector,
    with a Gaussian as wide as the speckles tell. Ask `preference` how sure the answer is.

    Args:
        data: the scan, of the far or near field.
        model_of: a function from data to the start model; `far_field` or `near_field` by default.
        epochs: of each reconstruction.
        most: patterns that are taken at most.
        seed: of the choice of held-out patterns, and of the order of the others.
        widths: of beams out of focus, over the width of the window; each is tried before and behind the focus. Give
            none where `model_of` knows the beam.
        on_trial: is called with each code and its R-factor.

    Returns:
        a trial for each orientation, that with the smallest R-factor of the held-out patterns first.

    Raises:
        InputError: the data are rocking curves, or have no positions, or fewer than 8 patterns have photons.

    Example:
        best = pg.automatic.try_orientations(data)[0]
        turned = pg.data.apply_orientation(data, best.code)
        result = pg.reconstruct(pg.far_field(turned), turned, pg.Nesterov(), epochs=60, batch_size=16)
    """
    check_data(data)
    positions_of(data)
    if data.rocking_curve:
        raise InputError(
            f"{data.source} holds rocking curves, whose axes the diffraction fixes; no orientation to try."
        )
    illuminated = min(most, len(illuminated_positions(data)))
    if illuminated < 2 * FEWEST_HELD:
        raise InputError(
            f"{illuminated} patterns with photons are too few to hold some out; expected {2 * FEWEST_HELD} or more."
        )
    parts = Parts(*set_aside(middle_of_scan(data, most), max(FEWEST_HELD, round(HELD * illuminated)), seed))
    tried = partial(_tried, model_of or thin_recipe(data), parts, seed=seed, tell=on_trial)
    plain = (Stage(epochs),)
    trials = _ranked(tried(Beginning(plain)))
    if data.near_field or not widths or data.probe is not None or preference(trials, data).is_certain:
        return trials
    for width in (sign * width for width in widths for sign in (1, -1)):
        defocus, wave = out_of_focus(parts.fitted, width)
        trials = _fitting_better(trials, tried(Beginning(plain, wave, defocus=defocus)))
    trials = _ranked(trials)
    if preference(trials, data).is_certain:
        return trials
    held, free = (times * epochs for times in SPECKLED)
    fwhm, wave = as_wide_as_speckles(parts.fitted)
    stages = (Stage(held, trainable=("object",)), Stage(free))
    others = _ranked(tried(Beginning(stages, wave, fwhm=fwhm)))
    return others if preference(others, data).is_certain else trials


def _tried(
    recipe: ModelOf, parts: Parts, beginning: Beginning, *, seed: int, tell: Tell | None
) -> Iterator[OrientationTrial]:
    """A trial for each orientation, as they get done."""
    fitted, held = parts
    if beginning.probe is not None:
        fitted = replace(fitted, probe=beginning.probe[None])
    batch = min(BATCH, -(-fitted.count // LEAST_STEPS))
    runs = {}
    for code in ALL:
        there = apply_orientation(fitted, code)
        runs[str(code)] = Run(recipe(there), there, Nesterov(), beginning.stages, batch, seed)
    has_side = not beginning.defocus and not is_its_own_twin(runs["0"].model)
    for name, result in perform_all(runs):
        code, found, each = int(name), math.inf, np.zeros(0)
        if result.model is not None:
            left = residuals(result.model, apply_orientation(held, code))
            each = left.r_of_pattern[np.isfinite(left.r_of_pattern)]
            found = left.r_factor if math.isfinite(left.r_factor) else math.inf
        if tell is not None:
            tell(code, found)
        yield OrientationTrial(code, found, result, each, has_side, beginning.defocus, beginning.fwhm)


def _ranked(trials: Iterable[OrientationTrial]) -> list[OrientationTrial]:
    """The best first; what differs by rounding alone in the order of the codes."""
    return sorted(trials, key=lambda trial: (round(trial.r_factor, DIGITS), trial.code))


def _fitting_better(trials: Iterable[OrientationTrial], others: Iterable[OrientationTrial]) -> list[OrientationTrial]:
    """Of each orientation the trial that fits better; the patterns that are held out judge, and choose nothing."""
    best = {trial.code: trial for trial in trials}
    for other in others:
        if _fit(other) < _fit(best[other.code]):
            best[other.code] = other
    return list(best.values())


def _fit(trial: OrientationTrial) -> float:
    """R of the patterns that were fitted."""
    history = trial.result.history
    return history.r_factor[-1] if history.epochs and math.isfinite(trial.r_factor) else math.inf


def middle_of_scan(data: Dataset, most: int) -> Dataset:
    """The patterns about the middle of the scan, without a support, the start probe as bright as they are."""
    if data.count > most:
        illuminated = illuminated_positions(data)
        places = positions_of(data)[illuminated]
        away = np.hypot(*(places - np.median(places, axis=0)).T)
        data = subset(data, np.sort(illuminated[np.argsort(away, kind="stable")[:most]]))
    probe = data.probe
    if probe is not None and probe.any():
        probe = of_photons(probe, float(data.photons.max())).astype(probe.dtype)
    return replace(data, support=None, truth=None, probe=probe)
