"""What experiments do beside the ideal, as options that `reconstruct` and `simulate` share, and as a model's parts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from ptychograd._dataset import Dataset
    from ptychograd._model import AbstractModel, Ptychography

REFINE_AFTER = 0.2  # of the epochs: what object and probe can't explain shows once they are roughly there


@Parameter(name="*")
@dataclass(frozen=True)
class Pieces:
    """What the model has beside the ideal.

    Attributes:
        aberration: Of the lens that makes the probe: NOLL=RADIANS, root-mean-square over the pupil, with Noll's number
            of the Zernike polynomial, as 5=0.3 for astigmatism; repeat for several.
        bandwidth: Of a Gaussian spectrum: full width at half maximum over the wavelength, as 0.01.
        lines: Wavelengths that stand for that spectrum.
        magnitude_at_most: Bound of the magnitude of the object's transmission; 1 for one that can't amplify a wave.
        numerical_aperture: Of that lens; by default that of the cone in which 99 % of the probe's power is.
        object_modes: Incoherent states of the object.
        phase_only: The object absorbs nothing.
        probe_variations: Ways in which the probe varies from pattern to pattern (orthogonal probe relaxation).
        slice_distance: Metres from one slice of the object to the next.
        slices: Of a thick object.
        spectrum: Line of the spectrum: KEV=WEIGHT; repeat for several. Object pixels are those of the data's wavelength.
        varying_intensity: The intensity fluctuates from exposure to exposure.
    """

    aberration: Annotated[list[str] | None, Parameter(negative="")] = None
    bandwidth: float | None = None
    lines: int = 5
    magnitude_at_most: float | None = None
    numerical_aperture: float | None = None
    object_modes: int = 1
    phase_only: Annotated[bool, Parameter(negative="")] = False
    probe_variations: int = 0
    slice_distance: float | None = None
    slices: int = 1
    spectrum: Annotated[list[str] | None, Parameter(negative="")] = None
    varying_intensity: Annotated[bool, Parameter(negative="")] = False


def assembled(
    model: "AbstractModel", data: "Dataset", pieces: Pieces, refine: Sequence[str], defocus: float = 0.0
) -> "AbstractModel":
    """The model with all parts that the options ask for, and those that have the parameters to `refine`.

    `defocus` is how far from the opening or focus the probe starts.
    """
    from ptychograd.cli._wave import with_wave

    return with_wave(model, pieces, refine, defocus)


def imperfect(pieces: Pieces, seed: int, model: "Ptychography") -> "Ptychography":
    """The true model of a simulation with all that the options ask for; what is by chance depends on `seed`."""
    from ptychograd.cli._wave import with_true_wave

    return with_true_wave(model, pieces, seed)


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
