"""What experiments do beside the ideal, as options that `reconstruct` and `simulate` share."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from ptychograd.cli.headings import BEAM, DETECTOR, OBJECT, POSITIONS, READING


@Parameter(name="*")
@dataclass(frozen=True)
class Effects:
    """What the model has beside the ideal.

    Attributes:
        object_modes: Incoherent states of the object.
        slices: Slices of a thick object, with --slice-distance.
        slice_distance: Metres from one slice of the object to the next.
        magnitude_at_most: Bound of the magnitude of the object's transmission; 1 for one that can't amplify a wave.
        phase_only: The object absorbs nothing.
        probe_variations: Ways in which the probe varies from pattern to pattern (orthogonal probe relaxation).
        varying_intensity: The intensity fluctuates from exposure to exposure.
        aberration: Aberration of the lens that makes the probe: NOLL=RADIANS, root-mean-square over the pupil, with
            Noll's number of the Zernike polynomial, as 5=0.3 for astigmatism; repeat for several.
        numerical_aperture: Numerical aperture of that lens (for --aberration and --refine probe.aberrations); by
            default that of the cone in which 99 % of the probe's power is.
        spectrum: Line of the spectrum: KEV=WEIGHT; repeat for several. Object pixels are those of the data's
            wavelength.
        bandwidth: Width of a Gaussian spectrum: full width at half maximum over the wavelength, as 0.01.
        lines: Wavelengths that stand for the Gaussian spectrum of --bandwidth.
        reach: How far positions that are refined (--refine scan.offset) may move along each axis, in object pixels.
        jitter: Root-mean-square error of the simulated positions along each axis, in object pixels.
        mask: Image (.npy) with 0 where a pixel of the detector is left out.
        mask_above: Photons from which on a pixel is left out of a pattern.
        beam_stop: Radius in pixels of a disc in the middle of the detector that is left out.
        background_image: A background of its own for every pixel of the detector, found by --refine
            detector.background.
        flat_field: Image (.npy) of the share of its photons that each pixel counts.
        point_spread: Standard deviation of the detector's point spread, in its pixels; or an image of it (.npy).
        oversampling: Pixels of the model along each side of a pixel of the detector, for probes larger than the window.
        readout: Noise of reading a pixel, photons rms, for --noise poisson-gaussian and gaussian.
        saturation: Photons at which pixels are full; a full pixel tells that it got so many photons or more.
    """

    object_modes: Annotated[int, OBJECT] = 1
    slices: Annotated[int, OBJECT] = 1
    slice_distance: Annotated[float | None, OBJECT] = None
    magnitude_at_most: Annotated[float | None, OBJECT] = None
    phase_only: Annotated[bool, OBJECT, Parameter(negative="")] = False
    probe_variations: Annotated[int, BEAM] = 0
    varying_intensity: Annotated[bool, BEAM, Parameter(negative="")] = False
    aberration: Annotated[list[str] | None, BEAM, Parameter(negative="")] = None
    numerical_aperture: Annotated[float | None, BEAM] = None
    spectrum: Annotated[list[str] | None, BEAM, Parameter(negative="")] = None
    bandwidth: Annotated[float | None, BEAM] = None
    lines: Annotated[int, BEAM] = 5
    reach: Annotated[int, POSITIONS] = 16
    jitter: Annotated[float, POSITIONS] = 0.0
    mask: Annotated[str | None, READING] = None
    mask_above: Annotated[float | None, READING] = None
    beam_stop: Annotated[float, READING] = 0.0
    background_image: Annotated[bool, DETECTOR, Parameter(negative="")] = False
    flat_field: Annotated[str | None, DETECTOR] = None
    point_spread: Annotated[str | None, DETECTOR] = None
    oversampling: Annotated[int, DETECTOR] = 1
    readout: Annotated[float | None, DETECTOR] = None
    saturation: Annotated[float | None, DETECTOR] = None
