"""The stages that a kind of experiment takes."""

import itertools
from collections.abc import Callable, Mapping, Sequence

from ptychograd.core.errors import InputError
from ptychograd.core.parameters import matches, trainable_names
from ptychograd.core.strict import meant
from ptychograd.data.dataset import Dataset
from ptychograd.physics.model import AbstractModel, roles_of
from ptychograd.physics.noise import Poisson
from ptychograd.physics.paths import CORRECTING, FLAT_FIELD
from ptychograd.physics.roles import correcting, recorded
from ptychograd.refinement.calibration import FLOOR, FlatFieldCalibration
from ptychograd.refinement.positions import (
    DistortionCorrection,
    PositionPlacement,
    PositionSearch,
    PositionValidation,
)
from ptychograd.refinement.stage_actions import AbstractStageAction, BeamShift, ShrinkWrap
from ptychograd.runs.stage import Stage

OBJECT = ("object",)
SEARCH_SHARE = 0.6  # of the epochs, to find the crystal among its ghosts and its place along the beam
BEGIN, BEFORE, AFTER = 2, 3, 3  # parts of the search: without shrink-wrap, and with it before and after the shift
PARTS = BEGIN + BEFORE + 1 + AFTER
FEWEST = PARTS + 1  # epochs: one a part, and one at the end
VALIDATED = 0.6  # of the epochs in which positions are refined: before steps get small
MOST_ROUNDS = 30  # of searches for positions
ROUND = 6  # epochs of object and probe, about, from one search for positions to the next
DESCENT = 0.25  # of these rounds positions follow their gradients; then those would only bring noise in
WIDE = 0.5  # of these rounds search within 3 pixels, the others within NEAR
WIDE_IF_PLACED = 0.2  # of them, where holograms placed positions to parts of a pixel before
NEAR = 1
TRIAL = 0.15  # of these epochs: so long both ways are fitted to be judged
CALIBRATIONS, CALIBRATED_SHARE = 8, 0.8  # of the flat field, and in which share of the epochs that fit counts


def crystal_stages(epochs: int) -> tuple[Stage, ...]:
    """Stages for a crystal whose beam is known: the search, with shrink-wrap and a shift, then the Poisson likelihood.

    Most pixels of a rocking curve hold no photon or one, which amplitudes misjudge (measured: docs/benchmarks.md).

    Args:
        epochs: of all stages together, 10 or more; the shifts that are tried take seven epochs beside these.

    Returns:
        the stages, which refine the object alone.

    Raises:
        InputError: fewer than ten epochs.

    Example:
        >>> stages = pg.runs.crystal_stages(60)
        >>> sum(stage.epochs for stage in stages), stages[-1].first
        (60, (ShrinkWrap(threshold=0.2, blur=1.0),))
    """
    search = crystal_search(epochs)
    rest = epochs - sum(stage.epochs for stage in search)
    return (*search, Stage(rest, OBJECT, Poisson(), first=(ShrinkWrap(),)))


def crystal_search(epochs: int) -> tuple[Stage, ...]:
    """The first 60 to 70 % of so many epochs, after which the crystal has lost its ghosts and found its place."""
    if epochs < FEWEST:
        raise InputError(f"{epochs} epochs are too few to find a crystal; give {FEWEST} or more.")
    each = max(1, round(SEARCH_SHARE * epochs / PARTS))
    each -= PARTS * each >= epochs
    wrapped = Stage(each, OBJECT, first=(ShrinkWrap(),))
    shifted = wrapped._replace(first=(BeamShift(), ShrinkWrap()))
    return (Stage(BEGIN * each, OBJECT), *[wrapped] * BEFORE, shifted, *[wrapped] * AFTER)


def with_position_validation(stages: Sequence[Stage], held: Dataset, model: AbstractModel) -> tuple[Stage, ...]:
    """The stages with refined positions judged by held-out patterns, after 60 % of the epochs that refine them.

    A `PositionValidation` is done there, whose two models are fitted for 15 % as many epochs. Stages that refine no
    position of a scan are as they were.

    Args:
        stages: of a run.
        held: the patterns that are held out, as `hold_out` gives them.
        model: the start model, which says which parameters correct positions.

    Returns:
        the stages, those that refine positions divided where these are judged.

    Example:
        >>> fitted, held = pg.hold_out(data, 0.1)
        >>> stages = (pg.Stage(20), pg.Stage(40, ("object", "probe", "scan.offset")))
        >>> free = pg.models.with_refinable_positions(model)
        >>> [stage.epochs for stage in pg.runs.with_position_validation(stages, held, free)]
        [20, 24, 16]
    """
    paths = _moving(model)

    def counts(stage: Stage) -> bool:
        return _is_about_positions(stage, paths)

    epochs = sum(stage.epochs for stage in stages if counts(stage))
    if not epochs:
        return tuple(stages)
    validation = PositionValidation(held, max(1, round(TRIAL * epochs)), stages[-1].noise)
    return tuple(stage for _, stage in _divided(stages, {round(VALIDATED * epochs): (validation,)}, counts))


def with_position_placement(
    stages: Sequence[Stage], data: Dataset, held: Dataset | None, model: AbstractModel, within: int = 32
) -> tuple[Stage, ...]:
    """The stages with positions that are far off placed before the first epoch (see `PositionPlacement`).

    Stages that refine no offsets of positions are as they were.

    Args:
        stages: of a run.
        data: the patterns that are fitted.
        held: those that are held out, if any.
        model: the start model, which says which parameters correct positions.
        within: how far positions may be off along y and x, in object pixels.

    Returns:
        the stages, the first of which begins with the placement.

    Example:
        >>> fitted, held = pg.hold_out(data, 0.1)
        >>> stages = (pg.Stage(20, ("object", "probe", "scan.offset")),)
        >>> free = pg.models.with_refinable_positions(model)
        >>> pg.runs.with_position_placement(stages, fitted, held, free, 6)[0].first[0].within
        6
    """
    offset = _moving(model)["offset"]
    if not any(stage.epochs and _refines(stage, offset) for stage in stages):
        return tuple(stages)
    placement = PositionPlacement(data, held, within, noise=stages[-1].noise)
    return (stages[0]._replace(first=(placement, *stages[0].actions)), *stages[1:])


def with_position_search(
    stages: Sequence[Stage], data: Dataset, model: AbstractModel, wide: float = WIDE
) -> tuple[Stage, ...]:
    """The stages with searches for positions in the first 60 % of those epochs that refine offsets of positions.

    A `PositionSearch` and a `DistortionCorrection` are done about every 6 epochs, but 30 times at most. Object and
    probe follow in between, and at first the offsets too. Stages that refine no offsets of positions are as they were.

    Args:
        stages: of a run.
        data: the patterns that are fitted.
        model: the start model, which says which parameters correct positions.
        wide: share of the searches that look within 3 pixels, the first ones; the others look within 1.

    Returns:
        the stages, those that refine offsets divided where positions are searched.

    Example:
        >>> stages = (pg.Stage(20), pg.Stage(40, ("object", "probe", "scan.offset")))
        >>> free = pg.models.with_refinable_positions(model)
        >>> [stage.epochs for stage in pg.runs.with_position_search(stages, data, free)]
        [20, 6, 6, 6, 6, 16]
    """
    paths = _moving(model)
    epochs = sum(stage.epochs for stage in stages if _refines(stage, paths["offset"]))
    if not epochs:
        return tuple(stages)
    last, noise = round(VALIDATED * epochs), stages[-1].noise
    rounds = min(max(1, round(last / ROUND)), MOST_ROUNDS)
    corrected = DistortionCorrection(data, noise=noise)
    far, near = (PositionSearch(data, noise=noise), corrected), (PositionSearch(data, NEAR, noise), corrected)
    cuts = {round(last * n / rounds): far if n <= wide * rounds else near for n in range(1, rounds + 1)}
    still = range(sorted(cuts)[max(0, round(rounds * DESCENT) - 1)], last)
    parts = _divided(stages, cuts, lambda stage: _is_about_positions(stage, paths))
    return tuple(_without_offsets(stage, paths) if begin in still else stage for begin, stage in parts)


def with_flat_field_calibration(stages: Sequence[Stage], data: Dataset, model: AbstractModel) -> tuple[Stage, ...]:
    """The stages with the flat field calibrated (see `FlatFieldCalibration`), eight times in those that fit counts.

    The flat field then follows no gradient, and in stages that fit amplitudes, which are biased in dim pixels, it stays
    as it is. A stage that refines nothing else takes no epochs: one calibration does it. Stages that do not refine the
    flat field of this model are as they were.

    Args:
        stages: of a run; those with "detector.flat_field" or "detector" among their `trainable` refine the flat field.
        data: the patterns that are fitted.
        model: the start model, which says what there is to refine.

    Returns:
        the stages, those that fit counts divided where the flat field is calibrated.

    Raises:
        InputError: all stages that refine the flat field fit amplitudes, or none of the others has an epoch.

    Example:
        >>> names = ("object", "probe", "detector.flat_field")
        >>> stages = (pg.Stage(40), pg.Stage(20, names, pg.Poisson()))
        >>> stages = pg.runs.with_flat_field_calibration(stages, data, pg.models.with_flat_field(model))
        >>> [stage.epochs for stage in stages]
        [40, 2, 2, 2, 2, 2, 2, 2, 2, 4]
    """
    names = trainable_names(model)

    def refines(stage: Stage) -> bool:
        return FLAT_FIELD in names and _refines(stage, FLAT_FIELD)

    if not any(map(refines, stages)):
        return tuple(stages)

    def counts(stage: Stage) -> bool:
        return refines(stage) and not stage.noise.fits_amplitudes

    counted = [stage for stage in stages if counts(stage)]
    _check_counted(counted)
    action = FlatFieldCalibration(data, counted[-1].noise.with_floor(FLOOR))  # which would be taken for background
    stages = [_once(stage, action) if refines(stage) and not _others(stage, names) else stage for stage in stages]
    epochs = sum(stage.epochs for stage in stages if counts(stage))
    places = {round(CALIBRATED_SHARE * epochs * n / CALIBRATIONS) for n in range(1, CALIBRATIONS + 1)} - {epochs}
    parts = _divided(stages, dict.fromkeys(places, (action,)), counts)
    return tuple(_without_flat_field(stage, names) if refines(stage) else stage for _, stage in parts)


def _check_counted(counted: Sequence[Stage]) -> None:
    """Raise `InputError` unless there is a stage, and an epoch, in which to calibrate the flat field by counts."""
    if not counted:
        raise InputError(
            "The flat field is refined under amplitudes alone, which are biased in dim pixels; fit counted photons at "
            "the end, as with Stage(20, names, noise=Poisson()) or `fit.noise=poisson`."
        )
    if not any(stage.epochs or _calibrates(stage) for stage in counted):
        raise InputError(
            "The stages that refine the flat field and fit counted photons have no epochs; give them some, as with "
            "Stage(20, names, noise=Poisson())."
        )


def _calibrates(stage: Stage) -> bool:
    return any(action.about == FLAT_FIELD for action in stage.actions)


def _once(stage: Stage, action: AbstractStageAction) -> Stage:
    """A stage that refines the flat field alone: calibrated once where counts are fitted, without an epoch."""
    is_due = not (stage.noise.fits_amplitudes or _calibrates(stage))
    return stage._replace(epochs=0, first=(*stage.actions, action) if is_due else stage.actions)


def _divided(
    stages: Sequence[Stage], cuts: Mapping[int, tuple[AbstractStageAction, ...]], counts: Callable[[Stage], bool]
) -> list[tuple[int | None, Stage]]:
    """The stages cut after so many epochs of those that count, where escapes are taken.

    Beside each stage how many of these epochs came before it; None if it is not one of theirs.
    """
    done, parts = 0, []
    for stage in stages:
        if not counts(stage):
            parts.append((None, stage))
            continue
        begin, end = done, done + stage.epochs
        if begin == end:
            parts.append((begin, stage))
            continue
        places = sorted({begin, end} | {at for at in cuts if begin < at < end})
        for low, high in itertools.pairwise(places):
            first = sorted((stage.actions if low == begin else ()) + cuts.get(low, ()), key=lambda action: action.turn)
            parts.append((low, stage._replace(epochs=high - low, first=tuple(first))))
        done = end
    return parts


def _without_flat_field(stage: Stage, names: Sequence[str]) -> Stage:
    """The stage with the flat field as it is; one that refines nothing else is as it was."""
    return stage._replace(trainable=_others(stage, names) or stage.trainable)


def _others(stage: Stage, names: Sequence[str]) -> tuple[str, ...]:
    """What a stage refines beside the flat field, also of the detector."""
    retained = []
    for path in stage.named:
        whole = matches(FLAT_FIELD, path)
        retained += [name for name in names if matches(name, path) and name != FLAT_FIELD] if whole else [path]
    return tuple(retained)


@meant
def _moving(model: AbstractModel) -> Mapping[str, str]:
    """Paths of what corrects positions; those of the package's own scans where the model names none: a run refuses it.

    An offset is among them, as nothing else is searched for.
    """
    found = correcting(recorded(roles_of(model), model))
    return found if "offset" in found else CORRECTING


def _without_offsets(stage: Stage, paths: Mapping[str, str]) -> Stage:
    """The stage with the offsets of positions as they are; what else it refines of the scan it still does.

    A stage that refines nothing else still does so.
    """
    offset = paths["offset"]
    others = [path for path in paths.values() if path != offset and _refines(stage, path)]
    retained = [name for name in stage.named if not matches(offset, name)]
    return stage._replace(trainable=tuple(dict.fromkeys(retained + others)) or stage.trainable)


def _refines(stage: Stage, path: str) -> bool:
    return any(matches(path, name) for name in stage.named)


def _is_about_positions(stage: Stage, paths: Mapping[str, str]) -> bool:
    """Whether a stage refines positions, or stands between searches for them."""
    refined = any(_refines(stage, path) for path in paths.values())
    return refined or any(isinstance(action, PositionSearch) for action in stage.actions)
