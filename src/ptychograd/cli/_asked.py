"""What experiments do beside the ideal, as options that `reconstruct` and `simulate` share."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter


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
        spectrum: Line of the spectrum: KEV=WEIGHT; repeat for several. Object pixels are those of the data's
            wavelength.
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
