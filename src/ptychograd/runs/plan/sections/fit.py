"""How parameters are found: solver, epochs and stages, noise, what is refined and what is known of it."""

from typing import Annotated, Literal

from ptychograd.runs.plan.fields import Epochs, Flat, Real, Section, Texts, Weight, Whole, about, named

SOLVERS = ("nesterov", "lbfgs", "rpie", "epie", "ad-epie", "adam")
NOISES = ("amplitude", "poisson", "gaussian", "poisson-gaussian")


class SolverSection(Section):
    """The rule by which parameters move."""

    kind: Annotated[object, *named(*SOLVERS)] | None = about(
        "By default nesterov, and lbfgs for the last two thirds of 30 or more epochs if the misfit is near the noise "
        "by then. These and rpie find their step sizes; epie and ad-epie follow Algorithm 1 of the paper; adam takes "
        "steps."
    )
    momentum: Real | None = about("For nesterov: its momentum, from 0 to below 1.", least=0, less_than=1)
    step_size: Real | None = about("For nesterov: its step, over the one that the curvature allows.", above=0)
    floor: Real | None = about(
        "For nesterov: the share of the brightest light that weakly lit pixels are moved by.", least=0, most=1
    )
    alpha: Real | None = about("For rpie: its regularisation, above 0, at most 1.", above=0, most=1)
    steps: Annotated[dict[str, Weight], Flat] = about("For adam: step sizes by parameter, as object = 0.01.", {})
    arguments: dict[str, object] = about("What a solver of your own is made with.", {})


class StageSection(Section):
    """Some epochs with the same parameters free, the same noise model and the same solver."""

    epochs: Epochs = about('How many; "auto" ends it when the misfit no longer falls.', 1)
    refine: Texts | None = about("Parameters that are refined; by default object and probe.")
    noise: Annotated[object, *named(*NOISES)] | None = about("The noise model; by default that of the fit.")
    solver: SolverSection | None = about("By default that of the fit.")
    batch_size: Whole | None = about("By default that of the fit.", least=1)
    priors: dict[str, Weight] | None = about("By default those of the fit.")


class FitSection(Section):
    """How parameters are found."""

    solver: SolverSection = about("The rule by which parameters move.", SolverSection)
    epochs: Epochs | None = about(
        "How often all patterns are used; auto stops when the misfit is at the noise or no longer falls, after smaller "
        "steps, in which the R-factor falls once more. By default 60 in the far field, auto in a near field, 40 for a "
        "crystal."
    )
    batch_size: Whole | None = about(
        "Patterns a step; by default for nesterov 16 (at most a fifth of all) and more, up to all, where photons are "
        "few, 32 for rpie, 1 for epie and ad-epie, 100 for adam, all for lbfgs; of rocking curves 16 positions, 26 for "
        "adam, with all their angles.",
        least=1,
    )
    noise: Annotated[object, *named(*NOISES)] | None = about(
        "Misfit to minimise. A noise model other than amplitude takes over for the last third of the epochs. By "
        "default amplitude; poisson for a crystal, once the crystal is found, and where the flat field is refined, "
        "which amplitudes can't. gaussian has the mean photons of a pixel and the square of model.detector.readout for "
        "its variance."
    )
    hold_probe: Whole | None = about(
        "First epochs in which the probe stays as it is; by default 2 of 30 or more in a far field whose patterns "
        "differ by more than 30 % in their photons, where the object begins flat; else 0 for nesterov, 1 for the "
        "others, and all for a crystal.",
        least=0,
    )
    refine: Texts = about("Parameters to be refined beside object and probe, by their paths, as scan.offset.", ())
    refine_after: Whole | None = about(
        "Epochs before the parameters of fit.refine are refined; by default a fifth of all, and a twentieth for all of "
        "them where positions are among them.",
        least=0,
    )
    priors: dict[str, Weight] = about(
        "What is known of the object: NAME=WEIGHT with tv (few edges; try 0.3), tikhonov (smooth), l1 (few wavelets), "
        "slices (neighbouring slices alike); weights mean the same at any batch size.",
        {},
    )
    constraints: Annotated[dict[str, Literal["positive", "real", "phase-only", "magnitude-at-most-one"]], Flat] = about(
        "What must hold of refined parameters, by path: positive, real, phase-only, magnitude-at-most-one.", {}
    )
    shrink_wrap: bool = about(
        "For a crystal: cut off its ghosts and find its place along the beam, between stages of the run.", True
    )
    stages: tuple[StageSection, ...] = about(
        "Stages one after another, in place of those that epochs, noise, hold_probe and refine_after make.", ()
    )
