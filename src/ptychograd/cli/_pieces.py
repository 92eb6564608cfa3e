"""What experiments do beside the ideal, as options that `reconstruct` and `simulate` share, and as a model's parts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ptychograd._errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from ptychograd._dataset import Dataset
    from ptychograd._model import AbstractModel, Ptychography

REFINE_AFTER = 0.2  # of the epochs: what object and probe can't explain shows once they are roughly there


@Parameter(name="*")
@dataclass(frozen=True)
class Pieces:
    """What the model has beside the ideal.

    Attributes:
        background_image: A background of its own for every pixel of the detector.
        beam_stop: Radius in pixels of a disc in the middle of the detector that is left out.
        binning: Pixels of the model along each side of a pixel of the detector, for probes larger than the window.
        flat_field: Image (.npy) of the share of its photons that each pixel counts.
        mask: Image (.npy) with 0 where a pixel of the detector is left out.
        mask_above: Photons from which on a pixel is left out of a pattern.
        point_spread: Standard deviation of the detector's point spread, in its pixels; or an image of it (.npy).
        readout: Noise of reading a pixel, photons rms, for --noise poisson-gaussian and gaussian.
        saturation: Photons at which pixels are full; one that is tells that it got so many or more.
    """

    background_image: Annotated[bool, Parameter(negative="")] = False
    beam_stop: float = 0.0
    binning: int = 1
    flat_field: str | None = None
    mask: str | None = None
    mask_above: float | None = None
    point_spread: str | None = None
    readout: float | None = None
    saturation: float | None = None


def assembled(model: "AbstractModel", data: "Dataset", pieces: Pieces, refine: Sequence[str]) -> "AbstractModel":
    """The model with all parts that the options ask for, and those that have the parameters to `refine`."""
    return detected(model, pieces, refine, data)


def imperfect(pieces: Pieces, seed: int, model: "Ptychography") -> "Ptychography":
    """The true model of a simulation with all that the options ask for; what is by chance depends on `seed`."""
    return detected(model, pieces)


def detected(model, pieces: Pieces, refine: Sequence[str] = (), data: "Dataset | None" = None):
    """The model with the detector that is asked for; a background that is refined starts from the data."""
    from ptychograd._pieces import detectors

    if pieces.binning != 1:
        model = detectors.with_binning(model, pieces.binning)
    asked = {path for path in refine if path.startswith("detector")}
    if "detector.background" in asked and data is not None and not model.detector.background > 0:
        model = detectors.with_background(model, detectors.dim_photons(data))
    if pieces.background_image:
        model = detectors.with_background_image(model)
    if pieces.point_spread is not None:
        model = detectors.with_point_spread(model, _number_or_image(pieces.point_spread))
    elif any(path.startswith("detector.point_spread") for path in asked):
        model = detectors.with_point_spread(model)
    if pieces.flat_field is not None or "detector.flat_field" in asked:
        flat = None if pieces.flat_field is None else image(pieces.flat_field, "flat field")
        model = detectors.with_flat_field(model, flat)
    return model


def image(path: str, what: str) -> "np.ndarray":
    """The array in a .npy file."""
    import numpy as np

    try:
        return np.load(Path(path), allow_pickle=False)
    except (OSError, ValueError) as problem:
        raise InputError(
            f"The {what} can't be read from {path}: {problem}; expected an array in a .npy file."
        ) from None


def _number_or_image(text: str) -> "float | np.ndarray":
    try:
        return float(text)
    except ValueError:
        return image(text, "point spread")


def refined(stages: Iterable, names: Iterable[str], after: int) -> list:
    """The stages of a run, with parameters of these names refined after so many epochs."""
    names, done, parts = tuple(names), 0, []
    for stage in stages:
        begun = stage._replace(trainable=(*stage.trainable, *names)) if names else stage
        alone = min(stage.epochs, max(0, after - done)) if names else 0
        if alone:
            parts.append(stage._replace(epochs=alone, until=None if alone < stage.epochs else stage.until))
        if alone < stage.epochs or not stage.epochs:
            parts.append(begun._replace(epochs=stage.epochs - alone, first=() if alone else stage.first))
        done += stage.epochs
    return parts
