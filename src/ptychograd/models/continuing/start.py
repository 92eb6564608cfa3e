"""A start model that continues from an earlier result: its object, probe and positions on the new pixels."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ptychograd.core.errors import InputError, check_kind
from ptychograd.core.strict import as_complex, meant
from ptychograd.data.dataset import Dataset, check_data, positions_of
from ptychograd.models.continuing.corrections import corrected, corrections_wanted, reach_needed
from ptychograd.models.continuing.earlier import EarlierResult, planes
from ptychograd.models.continuing.objects import continued_object
from ptychograd.models.continuing.probes import continued_probe
from ptychograd.models.effects.positions import with_refinable_positions
from ptychograd.models.recipes.common import brightness_ratio
from ptychograd.physics.bragg import BraggPtychography
from ptychograd.physics.model import AbstractModel
from ptychograd.physics.ptychography import Ptychography
from ptychograd.physics.roles import nominal_of
from ptychograd.physics.scan import WHOLE_PIXEL_TOLERANCE

AS_BRIGHT = 0.02  # share of the photons by which a model may miss the patterns and stays as it is


@meant
def continued(
    model: AbstractModel, data: Dataset, earlier: EarlierResult
) -> tuple[Ptychography | BraggPtychography, tuple[str, ...]]:
    """A start model with object, probe and position corrections of an earlier result, and what was done, in sentences.

    The earlier object is placed by its positions in metres and resampled to the pixels of the model; where it reaches
    beyond the earlier one it stays as it starts. The probe is resampled about the middle of its window. Where the model
    then misses the photons of the patterns by more than 2 %, the probe is scaled to them (of a crystal the density).
    Corrections are taken where the positions are those of before, within 0.01 pixels; a model whose positions can't be
    refined gets the margin for them. With the data of before the start is what the earlier result was.

    Call it after the recipe and, if they are wanted, `with_oversampling`, `with_modes`, `with_support` and
    `with_refinable_positions`, and before effects that vary the probe or aberrate it. `with_slices` and
    `with_object_modes` may come before, if the earlier result has as many, or afterwards.

    A crystal is continued on the same voxels and positions only.

    Args:
        model: a far-field, near-field or Bragg model of `data`.
        data: the new data.
        earlier: roles and positions of the earlier result.

    Returns:
        the model, and a sentence for each part.

    Raises:
        InputError: another model, an earlier result without image, illumination or positions, lengths known of one
            only, scans that don't overlap, layers or a probe that don't go together.

    Example:
        >>> start, notes = pg.models.continued(model, data, pg.models.EarlierResult(result.roles, result.positions))
        >>> bool((start.object.transmission == result.object).all())
        True
        >>> notes[0]
        'object: 53 x 47 pixels as before'
    """
    check_data(data)
    check_kind(earlier, EarlierResult, "earlier result", ", as EarlierResult(result.roles, result.positions)")
    if isinstance(model, BraggPtychography):
        return _crystal(model, data, earlier)
    if not isinstance(model, Ptychography):
        raise InputError(
            f"A {type(model).__name__} can't continue from another result; it is for far-field, near-field and Bragg "
            "models. `result.onto(model)` puts the arrays of a result of the same data into a model of your own."
        )
    return _thin(model, data, earlier)


def _thin(model: Ptychography, data: Dataset, earlier: EarlierResult) -> tuple[Ptychography, tuple[str, ...]]:
    """A start in the far or near field: everything resampled to the model's pixels."""
    pixel = np.array(model.sampling or (1.0, 1.0))
    new, old = planes(model, data, earlier)
    wanted, text = corrections_wanted(positions_of(data), pixel, earlier)
    if wanted is not None:
        if model.scan.places().offset is None:
            model = with_refinable_positions(model, min(reach_needed(wanted, pixel), max(model.frame_shape)))
            new, old = planes(model, data, earlier)
        model, text = corrected(model, wanted, pixel, earlier)
    object, of_object = continued_object(model.object, earlier, new, old)
    probe, of_probe = continued_probe(model.probe, earlier, new, old, fills_window=data.near_field is not None)
    model = eqx.tree_at(lambda model: (model.object, model.probe), model, (object, probe))
    ratio = brightness_ratio(model, data)
    if abs(ratio - 1) > AS_BRIGHT:
        model = eqx.tree_at(lambda model: model.probe, model, probe.brighter(ratio))
        of_probe += f", with {ratio:.3g} times the photons"
    return model, tuple(filter(None, (of_object, of_probe, text)))


def _crystal(
    model: BraggPtychography, data: Dataset, earlier: EarlierResult
) -> tuple[BraggPtychography, tuple[str, ...]]:
    """A crystal's start: the earlier density and beam, if voxels and positions are the same."""
    _require_same_voxels(model, earlier)
    pixel = np.array((model.sampling or (1.0, 1.0, 1.0))[-2:])
    wanted, text = corrections_wanted(positions_of(data)[:: data.group], pixel, earlier)
    density, modes = (
        jnp.asarray(found, part.dtype)
        for found, part in ((earlier.layers, model.object.density), (earlier.modes, model.probe.modes))
    )
    model = eqx.tree_at(lambda model: (model.object.density, model.probe.modes), model, (density, modes))
    if wanted is not None and model.scan.places().offset is not None:
        model, text = corrected(model, wanted, pixel, earlier)
    elif wanted is not None:
        text = "positions: corrections left out, as this model's can't be refined"
    ratio, of_object = brightness_ratio(model, data), "object: voxels as before"
    if abs(ratio - 1) > AS_BRIGHT:
        density = density * as_complex(jnp.asarray(np.sqrt(ratio), density.real.dtype))
        model = eqx.tree_at(lambda model: model.object.density, model, density)
        of_object += f", scaled to {ratio:.3g} times the photons"
    return model, tuple(filter(None, (of_object, "probe: as before", text)))


def _require_same_voxels(model: BraggPtychography, earlier: EarlierResult) -> None:
    arrays = (earlier.layers, model.object.density), (earlier.modes, model.probe.modes)
    places = nominal_of(earlier.places), nominal_of(model.scan.places())
    sizes = earlier.image.sampling, model.sampling
    alike = all(one.shape == other.shape for one, other in (*arrays, places))
    alike = alike and (sizes[0] is None) == (sizes[1] is None)
    alike = alike and (sizes[0] is None or sizes[1] is None or np.allclose(sizes[0], sizes[1], rtol=1e-6))
    if not alike or np.abs(places[0] - places[1]).max() > WHOLE_PIXEL_TOLERANCE:
        raise InputError(
            f"The earlier result has {earlier.layers.shape} voxels and a beam of {earlier.modes.shape}, the model "
            f"{model.object.density.shape} and {model.probe.modes.shape}; a crystal is continued on the same voxels, "
            "modes and positions only."
        )
