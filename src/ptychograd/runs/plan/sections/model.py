"""With which model the run starts: its kind, object, probe and detector, and what they have beside the ideal."""

from typing import Annotated, Literal

from ptychograd.runs.plan.fields import ArrayOrFile, File, NumberOrFile, Real, Section, Whole, about, named, required
from ptychograd.runs.plan.quantities import Energy, Length, LengthOrTwo, WidthOrTwo
from ptychograd.runs.plan.sections.lenses import ElectronProbeSection, ZonePlateSection

BEAMS = ("aperture", "pinhole", "focal_spot", "zone_plate", "electron_probe", "probe")  # of them one makes the probe


class StartSection(Section):
    """First guesses of probe and object."""

    object: Literal["flat", "random"] | None = about(
        "Start object; random where a thin object's data come with a known surround, else flat."
    )
    aperture: Length | None = about("Start probe from a square opening of this width.", above=0)
    pinhole: Length | None = about("Start probe from a round opening of this diameter.", above=0)
    focal_spot: WidthOrTwo | None = about("Start probe from a Gaussian focus of this FWHM; two (y, x) for mirrors.")
    zone_plate: ZonePlateSection | None = about(
        "Start probe from a zone plate; it needs a diameter and an outermost_width."
    )
    electron_probe: ElectronProbeSection | None = about(
        "Start probe from the lens of an electron microscope; {} for the bright disc alone."
    )
    defocus: LengthOrTwo = about(
        "From the focus, opening or probe to the object, downstream if positive; two for two foci, along y and x.",
        0.0,
    )
    probe: ArrayOrFile | None = about(
        "Start probe: an array in Python (y x, or mode y x), or a file that holds one: .npy, FILE:PATH for an array in "
        "HDF5 or NPZ, one with a single array named probe, or a result of ptychograd, ptypy, ptychodus, PtyLab, "
        "cdtools or PtychoShelves, whose probe is resampled to the pixels of the data."
    )
    thickness: Length | None = about(
        "Thickness of a crystal along x; needed for rocking curves, unless the file has a support.",
        above=0,
    )
    result: File | None = about(
        "An earlier result whose object, probe and position corrections are the start, resampled to the new pixel size "
        "and extent: of this package; or object and probe of ptypy, ptychodus, PtyLab, cdtools or PtychoShelves."
    )

    @property
    def beams(self) -> tuple[str, ...]:
        """The fields that name a start probe."""
        return tuple(name for name in BEAMS if getattr(self, name) is not None)


class ObjectSection(Section):
    """What the object is beside one thin slice of any transmission."""

    states: Whole = about("Incoherent states of the object.", 1, least=1)
    slices: Whole = about("Slices of a thick object, with slice_distance.", 1, least=1)
    slice_distance: Length | None = about("From one slice of the object to the next.", above=0)
    magnitude_at_most: Real | None = about(
        "Bound of the magnitude of the object's transmission; 1 for one that can't amplify a wave.",
        above=0,
    )
    phase_only: bool = about("The object absorbs nothing.", False)


class ProbeSection(Section):
    """What the probe is beside one wave that is the same in every pattern."""

    modes: Whole = about("Incoherent modes of the probe.", 1, least=1)
    variations: Whole = about(
        "Ways in which the probe varies from pattern to pattern (orthogonal probe relaxation).", 0, least=0
    )
    varying_intensity: bool = about("The intensity fluctuates from exposure to exposure.", False)
    aberrations: dict[str, Real] = about(
        "Aberrations of the lens that makes the probe, in radians, root-mean-square over the pupil, by Noll's number "
        "of the Zernike polynomial, as 5 = 0.3 for astigmatism.",
        {},
    )
    numerical_aperture: Real | None = about(
        "Numerical aperture of that lens (for aberrations); by default that of the cone in which 99 % of the probe's "
        "power is.",
        above=0,
        less_than=1,
    )


class LineSection(Section):
    """A line of the spectrum."""

    energy: Energy = required('Energy of its photons, as "8 keV".', above=0)
    weight: Real = about("Its share of the power, relative to the others.", 1.0, above=0)


class SpectrumSection(Section):
    """Wavelengths beside the one of the data, whose object pixels are kept."""

    lines: tuple[LineSection, ...] = about('Lines of the spectrum, as [{energy = "8 keV", weight = 1.0}].', ())
    bandwidth: Real | None = about(
        "Width of a Gaussian spectrum: full width at half maximum over the wavelength, as 0.01.",
        above=0,
        less_than=0.5,
    )
    samples: Whole = about("Wavelengths that stand for the Gaussian spectrum of bandwidth.", 5, least=2)


class PositionsSection(Section):
    """Where patterns were taken."""

    reach: Whole = about(
        "How far positions that are refined (scan.offset) may move along each axis, in object pixels.", 16, least=1
    )
    placed_within: Whole | None = about(
        "Before the first epoch, positions are looked for within so many object pixels of the given ones, by the "
        "patterns' holograms: for a defocused beam or a near field whose positions are far off.",
        least=1,
    )


class DetectorSection(Section):
    """What the detector does beside counting every photon where it falls."""

    background: Real = about("Photons a pixel from elsewhere than the sample, if known.", 0.0, least=0)
    background_image: bool = about(
        "A background of its own for every pixel of the detector, found where detector.background is refined.", False
    )
    flat_field: ArrayOrFile | None = about("Image (.npy) of the share of its photons that each pixel counts.")
    point_spread: NumberOrFile | None = about(
        "Standard deviation of the detector's point spread, in its pixels; or an image of it (.npy)."
    )
    oversampling: Whole = about(
        "Pixels of the model along each side of a pixel of the detector, for probes larger than the window.", 1, least=1
    )
    readout: Real | None = about(
        "Noise of reading a pixel, photons rms, for the noise poisson-gaussian and gaussian.", above=0
    )
    saturation: Real | None = about(
        "Photons at which pixels are full; a full pixel tells that it got so many photons or more."
    )


class ModelSection(Section):
    """The model with which the run starts."""

    kind: Annotated[object, *named("far-field", "near-field", "bragg")] | None = about(
        "far-field, or near-field for shadows of the sample; by default what the file says, else far-field. Rocking "
        'curves are recognised by their two_theta and rocking. A model of your own is "module:Class".'
    )
    arguments: dict[str, object] = about("What a model of your own is made with, beside the data.", {})
    start: StartSection = about("First guesses of probe and object.", StartSection)
    object: ObjectSection = about("What the object is beside a thin slice.", ObjectSection)
    probe: ProbeSection = about("What the probe is beside one wave.", ProbeSection)
    spectrum: SpectrumSection = about("Wavelengths beside that of the data.", SpectrumSection)
    positions: PositionsSection = about("Where patterns were taken.", PositionsSection)
    detector: DetectorSection = about("What the detector does beside counting.", DetectorSection)
