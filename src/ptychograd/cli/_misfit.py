"""Noise and priors as the options ask for them."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ptychograd._errors import InputError
from ptychograd.cli._asked import Pieces
from ptychograd.cli._options import Options
from ptychograd.cli._texts import numbers

if TYPE_CHECKING:
    from ptychograd._dataset import Dataset
    from ptychograd._noise import AbstractCensorable, AbstractNoise
    from ptychograd._priors import AbstractPrior
    from ptychograd._run import Stage

PRIORS = {"tv": "TotalVariation", "tikhonov": "Tikhonov", "l1": "Sparse", "slices": "AlikeSlices"}


def check(options: Options) -> None:
    """Refuse what does not go together before anything is read."""
    needed = options.noise in ("gaussian", "poisson-gaussian")
    if needed and options.pieces.readout is None:
        raise InputError(f"--noise {options.noise} needs --readout, the noise of reading a pixel in photons rms.")
    if options.pieces.readout is not None and not needed:
        raise InputError("--readout is for --noise poisson-gaussian and gaussian.")
    priors(options)


def with_noise(stages: Iterable["Stage"], options: Options, data: "Dataset") -> list["Stage"]:
    """The stages with the noise models that are asked for: one in the place of `Amplitude`, one of `Poisson`."""
    from ptychograd._noise import Amplitude, Poisson
    from ptychograd._pieces.noises import gaussian_noise

    names = {
        "gaussian": lambda: gaussian_noise(data, options.pieces.readout or 0.0),
        "poisson-gaussian": lambda: _readout(options.pieces),
    }
    late = names.get(options.noise or "", Poisson)()
    full = {Amplitude: _censored(Amplitude(), options.pieces), Poisson: _censored(late, options.pieces)}
    found = priors(options)
    return [stage._replace(noise=full.get(type(stage.noise), stage.noise), priors=found) for stage in stages]


def noise_of_simulation(name: str, pieces: Pieces) -> "AbstractNoise":
    """The noise of a simulated measurement; of `gaussian`, the same for every pixel."""
    from ptychograd._noise import Amplitude, Gaussian, Poisson

    if name in ("gaussian", "poisson-gaussian") and pieces.readout is None:
        raise InputError(f"--noise {name} needs --readout, the noise of reading a pixel in photons rms.")
    names = {
        "amplitude": Amplitude,
        "poisson": Poisson,
        "gaussian": lambda: Gaussian((pieces.readout or 0.0) ** 2, 1.0),
        "poisson-gaussian": lambda: _readout(pieces),
    }
    return _censored(names[name](), pieces)


def priors(options: Options) -> tuple["AbstractPrior", ...]:
    """The priors that are asked for."""
    import ptychograd._priors as known

    weights = numbers(options.prior, "prior")
    unknown = sorted(set(weights) - set(PRIORS))
    if unknown:
        raise InputError(f'--prior "{unknown[0]}" is unknown; expected NAME=WEIGHT with one of: {", ".join(PRIORS)}.')
    return tuple(getattr(known, PRIORS[name])(weight) for name, weight in weights.items())


def _readout(pieces: Pieces) -> "AbstractCensorable":
    from ptychograd._noise import PoissonGaussian

    return PoissonGaussian(pieces.readout or 0.0)


def _censored(noise: "AbstractCensorable", pieces: Pieces) -> "AbstractNoise":
    from ptychograd._noise import Censored

    return noise if pieces.saturation is None else Censored(noise, float(pieces.saturation))
