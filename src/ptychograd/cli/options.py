"""Options that several commands share, and how their texts are read."""

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter

from ptychograd.cli.asked import Effects
from ptychograd.cli.texts import numbers, pairs, whole

__all__ = ["Options", "numbers", "pairs", "whole"]

Keys = Annotated[
    list[str] | None,
    Parameter(
        name="--key",
        negative="",
        help="Where the file keeps an item: NAME=PATH, or NAME=NUMBER in SI units; names are patterns, "
        "positions, mask, probe, support, wavelength, energy_kev, distance, pixel_size, "
        'focus_distance, two_theta, rocking (radians, or degrees where the file says units="deg"), arrived (what '
        "counts patterns that were written); what else differs from pattern to pattern is variable.NAME=PATH, or "
        "variable.NAME.UNIT=PATH where the file states no unit; positions=none: there are none. Repeat for several.",
    ),
]

LinksInto = Annotated[
    list[str] | None,
    Parameter(
        name="--links-into",
        negative="",
        help="A folder that the file may lead to by links, virtual datasets or external storage; it may always lead to "
        "its own folder and those below. Repeat for several.",
    ),
]

Whole = Annotated[int, Parameter(converter=lambda _, tokens: whole(tokens[0].value))]
OptionalWhole = Annotated[int | None, Parameter(converter=lambda _, tokens: whole(tokens[0].value))]
Epochs = Annotated[
    int | Literal["auto"] | None,
    Parameter(converter=lambda _, tokens: "auto" if tokens[0].value == "auto" else whole(tokens[0].value)),
]
Json = Annotated[bool, Parameter(name="--json", negative="", help="End with one line of JSON.")]
Model = Literal["far-field", "near-field"] | None
Precision = Literal["single", "double"]


@Parameter(name="*")
@dataclass(frozen=True)
class Options:
    """How to reconstruct.

    Attributes:
        model: far-field, or near-field for shadows of the sample; by default what the file says, else far-field.
            Rocking curves are known by their two_theta and rocking.
        focus_distance: For a near field in a cone beam: metres from focus to sample; inf for a parallel beam.
        distance: Metres from sample to detector, in place of the file's.
        solver: nesterov (the default) and rpie find their step sizes; epie and ad-epie follow Algorithm 1 of the paper;
            adam takes --step.
        thickness: Of a crystal along x, in metres; needed for rocking curves, unless the file has a support.
        shrink_wrap: For a crystal: cut off its ghosts and find its place along the beam, between stages of the run.
        epochs: How often all patterns are used; auto stops when the misfit is at the noise or no longer falls, after
            smaller steps, in which the R-factor falls once more. By default 60 in the far field,
            auto in a near field, 40 for a crystal.
        batch_size: Patterns a step; by default 16 for nesterov, 32 for rpie (at most a fifth of all for both), 1 for
            epie and ad-epie, 100 for adam; of rocking curves 16 positions, 26 for adam, with all their angles.
        step: For adam: PATH=SIZE, as object=0.01; repeat for several.
        noise: Misfit to minimise; all but amplitude take over for the last third of the epochs. For a crystal poisson
            is the default, and takes over when the crystal is found; it is also the default where the flat field is
            refined, which amplitudes can't. gaussian has the mean photons of a pixel and the
            square of --readout for its variance.
        background: Photons a pixel from elsewhere than the sample, if known.
        orientation: How positions lie to patterns: 4 exchanges y and x, then 2 negates y and 1 negates x; add them up.
            `ptychograd diagnose` finds out.
        modes: Incoherent modes of the probe.
        start: Start object; random where a thin object's data come with a known surround, else flat.
        aperture: Start probe from a square opening of this width in metres.
        pinhole: Start probe from a round opening of this diameter in metres.
        focal_spot: Start probe from a Gaussian focus of this full width at half maximum in metres.
        defocus: Distance in metres from the opening, or the focus estimated from the mean pattern, to the object.
        hold_probe: First epochs in which the probe stays as it is; by default 0 for nesterov, 1 for the others, and
            all for a crystal.
        hold_out: Share of the patterns (of a crystal, whole rocking curves) that is not fitted, as 0.05, at most 0.5;
            their R-factor tells noise from detail. By default 0, and 0.05 where they judge refined positions; with 0
            nobody judges.
        seed: Of the order of patterns, of a random start, and of the patterns held out.
        precision: Of all arithmetic.
        mask_is: What True or non-zero means in the mask: of --mask if that is given, of one named with --key mask, else
            of the file's; by default what the format has or the name tells, and good.
        allow_masked: Go on although fewer than half of the pixels are valid.
        refine: A parameter to be refined beside object and probe, by its path, as scan.offset; repeat for several.
        refine_after: Epochs before that begins; by default a fifth of all; a twentieth for positions, with
            which all else goes.
        prior: What is known of the object: NAME=WEIGHT with tv (few edges; try 0.3), tikhonov (smooth), l1 (few
            wavelets), slices (neighbouring slices alike); weights mean the same at any batch size. Repeat for
            several.
        pieces: What the model has beside the ideal.
    """

    model: Model = None
    focus_distance: float | None = None
    distance: float | None = None
    thickness: float | None = None
    shrink_wrap: bool = True
    solver: Literal["nesterov", "rpie", "epie", "ad-epie", "adam"] = "nesterov"
    epochs: Epochs = None
    batch_size: OptionalWhole = None
    step: Annotated[list[str] | None, Parameter(negative="")] = None
    noise: Literal["amplitude", "poisson", "gaussian", "poisson-gaussian"] | None = None
    background: float = 0.0
    orientation: Whole = 0
    modes: Whole = 1
    start: Literal["flat", "random"] | None = None
    aperture: float | None = None
    pinhole: float | None = None
    focal_spot: float | None = None
    defocus: float = 0.0
    hold_probe: OptionalWhole = None
    hold_out: float | None = None
    seed: Whole = 0
    precision: Precision = "single"
    key: Keys = None
    links_into: LinksInto = None
    mask_is: Literal["good", "bad"] | None = None
    allow_masked: Annotated[bool, Parameter(negative="")] = False
    refine: Annotated[list[str] | None, Parameter(negative="")] = None
    refine_after: OptionalWhole = None
    prior: Annotated[list[str] | None, Parameter(negative="")] = None
    effects: Effects = Effects()  # noqa: RUF009
