"""What experiments do beside the ideal, as options that `reconstruct` and `simulate` share."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter


@Parameter(name="*")
@dataclass(frozen=True)
class Effects:
    """What the model has beside the ideal.

    Attributes:
        aberration: Of the lens that makes the probe: NOLL=RADIANS, root-mean-square over the pupil, with Noll's number
            of the Zernike polynomial, as 5=0.3 for astigmatism; repeat for several.
        background_image: A background of its own for every pixel of the detector.
        bandwidth: Of a Gaussian spectrum: full width at half maximum over the wavelength, as 0.01.
        beam_stop: Radius in pixels of a disc in the middle of the detector that is left out.
        oversampling: Pixels of the model along each side of a pixel of the detector, for probes larger than the window.
        flat_field: Image (.npy) of the share of its photons that each pixel counts.
        jitter: For simulate: root-mean-square error of the positions along each axis, in object pixels.
        lines: Wavelengths that stand for that spectrum.
        magnitude_at_most: Bound of the magnitude of the object's transmission; 1 for one that can't amplify a wave.
        mask: Image (.npy) with 0 where a pixel of the detector is left out.
        mask_above: Photons from which on a pixel is left out of a pattern.
        numerical_aperture: Of that lens; by default that of the cone in which 99 % of the probe's power is.
        object_modes: Incoherent states of the object.
        phase_only: The object absorbs nothing.
        point_spread: Standard deviation of the detector's point spread, in its pixels; or an image of it (.npy).
        probe_variations: Ways in which the probe varies from pattern to pattern (orthogonal probe relaxation).
        reach: How far refined positions may move along each axis, in object pixels.
        readout: Noise of reading a pixel, photons rms, for --noise poisson-gaussian and gaussian.
        saturation: Photons at which pixels are full; one that is tells that it got so many or more.
        slice_distance: Metres from one slice of the object to the next.
        slices: Of a thick object.
        spectrum: Line of the spectrum: KEV=WEIGHT; repeat for several. Object pixels are those of the data's
            wavelength.
        varying_intensity: The intensity fluctuates from exposure to exposure.
    """

    aberration: Annotated[list[str] | None, Parameter(negative="")] = None
    background_image: Annotated[bool, Parameter(negative="")] = False
    bandwidth: float | None = None
    beam_stop: float = 0.0
    oversampling: int = 1
    flat_field: str | None = None
    jitter: float = 0.0
    lines: int = 5
    magnitude_at_most: float | None = None
    mask: str | None = None
    mask_above: float | None = None
    numerical_aperture: float | None = None
    object_modes: int = 1
    phase_only: Annotated[bool, Parameter(negative="")] = False
    point_spread: str | None = None
    probe_variations: int = 0
    reach: int = 16
    readout: float | None = None
    saturation: float | None = None
    slice_distance: float | None = None
    slices: int = 1
    spectrum: Annotated[list[str] | None, Parameter(negative="")] = None
    varying_intensity: Annotated[bool, Parameter(negative="")] = False
