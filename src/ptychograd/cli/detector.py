"""Options for the detector, put into a model, and pixels that are left out of the data."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ptychograd.cli.asked import Effects
from ptychograd.core.errors import InputError
from ptychograd.physics import paths

if TYPE_CHECKING:
    import numpy as np

    from ptychograd.data.dataset import Dataset
    from ptychograd.physics.model import AbstractModel

STILL_BEAM = (
    "A near field hardly tells the structure of a still beam from the detector's flat field; if the object gets worse "
    f"with {paths.FLAT_FIELD} refined, give a measured --flat-field instead."
)
NPY = b"\x93NUMPY"  # how a .npy file begins


def without_bad_pixels(data: "Dataset", effects: Effects, mask_is: str | None = None) -> "Dataset":
    """The data with what a beam stop, a mask and saturation leave out, and a note for each.

    Args:
        mask_is: what True or non-zero means in the mask, "good" (by default) or "bad".
    """
    from ptychograd.data.dataset import beam_stop, unsaturated_mask

    if effects.beam_stop:
        data = _less(data, beam_stop(data.frame_shape, effects.beam_stop), f"--beam-stop {effects.beam_stop:g}")
    if effects.mask is not None:
        meaning = "non-zero = bad" if mask_is == "bad" else "non-zero = good"
        data = _less(data, image(effects.mask, "mask"), f"--mask {effects.mask} ({meaning})", mask_is)
    if effects.mask_above is not None:
        data = _less(data, unsaturated_mask(data, effects.mask_above), f"--mask-above {effects.mask_above:g}")
    return data


def _less(data: "Dataset", valid: "np.ndarray", option: str, mask_is: str | None = None) -> "Dataset":
    """The data without what an option leaves out, and how much that is."""
    from dataclasses import replace

    from ptychograd.data.dataset import mask_pixels

    left = mask_pixels(data, valid, mask_is=mask_is, allow_masked=True)
    note = f"mask: with {option} {left.mask.mean():.2%} of the pixels are valid, of {data.mask.mean():.2%} before"
    return replace(left, notes=(*left.notes, note))


def binned(model: "AbstractModel", effects: Effects) -> "AbstractModel":
    """The model on the finer grid that is asked for, before it has any other part."""
    from ptychograd.models.effects.common import checked
    from ptychograd.models.effects.detectors import with_oversampling

    return (
        model
        if effects.oversampling == 1
        else with_oversampling(checked(model, "--oversampling"), effects.oversampling)
    )


def detected(model, effects: Effects, refine: Sequence[str] = (), data: "Dataset | None" = None):
    """The model with the detector that is asked for; a background that is refined starts from the data."""
    from ptychograd.core.parameters import matches
    from ptychograd.models.effects import detectors

    asked = {path for path in refine if path.startswith("detector")}
    if paths.BACKGROUND in asked and data is not None and not model.detector.background > 0:
        model = detectors.with_background(model, detectors.estimate_background(data))
    if effects.background_image:
        model = detectors.with_background_image(model)
    if effects.point_spread is not None:
        model = detectors.with_point_spread(model, _number_or_image(effects.point_spread))
    elif any(matches(paths.POINT_SPREAD_WIDTH, path) for path in asked if path != "detector"):
        model = detectors.with_point_spread(model)
    if effects.flat_field is not None or refines_flat_field(refine, effects):
        flat = None if effects.flat_field is None else image(effects.flat_field, "flat field")
        model = detectors.with_flat_field(model, flat)
    return model


def refines_flat_field(names: Sequence[str], effects: Effects) -> bool:
    """Whether the flat field is to be calibrated, which counted photons do: by its name, or a given one with all."""
    return paths.FLAT_FIELD in names or ("detector" in names and effects.flat_field is not None)


def doubts(data: "Dataset", names: Sequence[str], effects: Effects) -> Iterator[str]:
    """What a person is to know before the flat field is refined with the parameters of these names."""
    from ptychograd.data.dataset import NearFieldGeometry

    if isinstance(data.geometry, NearFieldGeometry) and refines_flat_field(names, effects):
        yield STILL_BEAM


def image(path: str, what: str) -> "np.ndarray":
    """The array in a .npy file: booleans as they are, numbers as float64."""
    import numpy as np

    try:
        with Path(path).open("rb") as file:
            if file.read(len(NPY)) != NPY:
                raise ValueError("it does not begin as such a file")
        found = np.load(Path(path), allow_pickle=False)
        if found.ndim not in (2, 3) or found.dtype.kind not in "biuf":
            raise ValueError(f"it holds {found.dtype} of shape {found.shape}")
        return found if found.dtype == bool else found.astype(np.float64)
    except (OSError, ValueError) as problem:
        raise InputError(
            f"The {what} can't be read from {path}: {problem}; expected real numbers along 2 or 3 axes in a .npy file."
        ) from None


def _number_or_image(text: str) -> "float | np.ndarray":
    try:
        return float(text)
    except ValueError:
        return image(text, "point spread")


def is_zero(text: str | None) -> bool:
    """Whether a point spread is given as a width of 0."""
    try:
        return text is not None and float(text) == 0
    except ValueError:
        return False
