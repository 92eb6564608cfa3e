"""Options that several commands share, and how their texts are read."""

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter

from ptychograd.cli.asked import Effects
from ptychograd.cli.headings import DETECTOR, READING, RUN, START
from ptychograd.cli.texts import numbers, pairs, whole

__all__ = ["Options", "numbers", "pairs", "whole"]

Keys = Annotated[
    list[str] | None,
    READING,
    Parameter(
        name="--key",
        negative="",
        help="Where the file keeps an item: NAME=PATH, or NAME=NUMBER in SI units; names are patterns, "
        "positions, mask, probe, support, wavelength, energy_kev, distance, pixel_size, "
        'focus_distance, two_theta, rocking (radians, or degrees where the file says units="deg"), arrived (what '
        "counts the patterns that are written by now); what else differs from pattern to pattern is "
        "variable.NAME=PATH, or variable.NAME.UNIT=PATH where the file states no unit; positions=none: there are "
        "none. Repeat for several.",
    ),
]

LinksInto = Annotated[
    list[str] | None,
    READING,
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
            Rocking curves are recognised by their two_theta and rocking.
        distance: Metres from sample to detector, in place of the file's.
        focus_distance: For a near field in a cone beam: metres from focus to sample; inf for a parallel beam.
        orientation: How positions lie to patterns: 4 exchanges y and x, then 2 negates y and 1 negates x; add them up.
            `ptychograd diagnose` finds out.
        mask_is: What True or non-zero means in the mask: of --mask if that is given, else of the one named
            with --key mask, else of the file's. By default what the file's format or the mask's name says, else good.
        allow_masked: Go on although fewer than half of the pixels are valid.
        modes: Incoherent modes of the probe.
        aperture: Start probe from a square opening of this width in metres.
        pinhole: Start probe from a round opening of this diameter in metres.
        focal_spot: Start probe from a Gaussian focus of this full width at half maximum in metres.
        defocus: Distance in metres from the opening (--aperture, --pinhole), or from the focus (--focal-spot, or the
            one estimated from the mean pattern), to the object.
        start: Start object; random where a thin object's data come with a known surround, else flat.
        thickness: Thickness of a crystal along x, in metres; needed for rocking curves, unless the file has a support.
        background: Photons a pixel from elsewhere than the sample, if known.
        solver: By default nesterov, and lbfgs for the last two thirds of 30 or more epochs if the misfit is near the
            noise by then. These and rpie find their step sizes; epie and ad-epie follow Algorithm 1 of the paper; adam
            takes --step.
        step: Step size for adam: PATH=SIZE, as object=0.01; repeat for several.
        epochs: How often all patterns are used; auto stops when the misfit is at the noise or no longer falls, after
            smaller steps, in which the R-factor falls once more. By default 60 in the far field,
            auto in a near field, 40 for a crystal.
        batch_size: Patterns a step; by default for nesterov 16 (at most a fifth of all) and more, up to all, where
            photons are few, 32 for rpie, 1 for epie and ad-epie, 100 for adam, all for lbfgs; of rocking curves 16
            positions, 26 for adam, with all their angles.
        noise: Misfit to minimise. A noise model other than amplitude takes over for the last third of the epochs. By
            default amplitude; poisson for a crystal, once the crystal is found, and where the flat field is refined,
            which amplitudes can't. gaussian has the mean photons of a pixel and the square of --readout for its
            variance.
        hold_probe: First epochs in which the probe stays as it is; by default 0 for nesterov, 1 for the others, and
            all for a crystal.
        refine: A parameter to be refined beside object and probe, by its path, as scan.offset; repeat for several.
        refine_after: Epochs before the parameters of --refine are refined; by default a fifth of all, and a twentieth
            for all of them where positions are among them.
        hold_out: Share of the patterns (of a crystal, whole rocking curves) that is not fitted, as 0.05, at most 0.5;
            their R-factor tells noise from detail. By default 0, and 0.05 where positions are refined, which the
            held-out patterns judge; with 0 nothing judges them.
        prior: What is known of the object: NAME=WEIGHT with tv (few edges; try 0.3), tikhonov (smooth), l1 (few
            wavelets), slices (neighbouring slices alike); weights mean the same at any batch size. Repeat for
            several.
        shrink_wrap: For a crystal: cut off its ghosts and find its place along the beam, between stages of the run.
        seed: Seed of the order of patterns, of a random start, and of the choice of the patterns held out.
        precision: Precision of all arithmetic.
        effects: What the model has beside the ideal.
    """

    model: Annotated[Model, READING] = None
    distance: Annotated[float | None, READING] = None
    focus_distance: Annotated[float | None, READING] = None
    key: Keys = None
    links_into: LinksInto = None
    orientation: Annotated[Whole, READING] = 0
    mask_is: Annotated[Literal["good", "bad"] | None, READING] = None
    allow_masked: Annotated[bool, READING, Parameter(negative="")] = False
    modes: Annotated[Whole, START] = 1
    aperture: Annotated[float | None, START] = None
    pinhole: Annotated[float | None, START] = None
    focal_spot: Annotated[float | None, START] = None
    defocus: Annotated[float, START] = 0.0
    start: Annotated[Literal["flat", "random"] | None, START] = None
    thickness: Annotated[float | None, START] = None
    background: Annotated[float, DETECTOR] = 0.0
    solver: Annotated[Literal["nesterov", "lbfgs", "rpie", "epie", "ad-epie", "adam"] | None, RUN] = None
    step: Annotated[list[str] | None, RUN, Parameter(negative="")] = None
    epochs: Annotated[Epochs, RUN] = None
    batch_size: Annotated[OptionalWhole, RUN] = None
    noise: Annotated[Literal["amplitude", "poisson", "gaussian", "poisson-gaussian"] | None, RUN] = None
    hold_probe: Annotated[OptionalWhole, RUN] = None
    refine: Annotated[list[str] | None, RUN, Parameter(negative="")] = None
    refine_after: Annotated[OptionalWhole, RUN] = None
    hold_out: Annotated[float | None, RUN] = None
    prior: Annotated[list[str] | None, RUN, Parameter(negative="")] = None
    shrink_wrap: Annotated[bool, RUN] = True
    seed: Annotated[Whole, RUN] = 0
    precision: Annotated[Precision, RUN] = "single"
    effects: Effects = Effects()  # noqa: RUF009
