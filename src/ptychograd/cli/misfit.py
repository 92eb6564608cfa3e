"""Noise and priors as the options ask for them."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ptychograd.cli.asked import Effects
from ptychograd.cli.detector import is_zero, refines_flat_field
from ptychograd.cli.needs import check_needs, check_simulated
from ptychograd.cli.options import Options
from ptychograd.cli.texts import numbers
from ptychograd.core.errors import InputError
from ptychograd.physics.paths import FLAT_FIELD, POINT_SPREAD_WIDTH

if TYPE_CHECKING:
    from ptychograd.data.dataset import Dataset
    from ptychograd.fitting.priors import AbstractPrior
    from ptychograd.physics.noise import AbstractCensorable, AbstractNoise
    from ptychograd.runs.stage import Stage

PRIORS = {"tv": "TotalVariation", "tikhonov": "Tikhonov", "l1": "Sparse", "slices": "SliceSimilarity"}


def check(options: Options) -> None:
    """Refuse what does not go together before anything is read."""
    from ptychograd.core.parameters import matches

    check_needs(options)
    if options.effects.readout is not None:
        _check_readout(options.effects.readout)
    refined = any(matches(POINT_SPREAD_WIDTH, path) for path in options.refine or ())
    if refined and is_zero(options.effects.point_spread):
        raise InputError("A point spread of 0 does not tell in which direction to go; leave --point-spread out.")
    priors(options)


def with_noise(stages: Iterable["Stage"], options: Options, data: "Dataset") -> list["Stage"]:
    """The stages with the noise models that are asked for: one in the place of `Amplitude`, one of `Poisson`."""
    from ptychograd.models.effects.noises import gaussian_noise
    from ptychograd.physics.noise import Amplitude, Poisson

    names = {
        "gaussian": lambda: gaussian_noise(data, options.effects.readout or 0.0),
        "poisson-gaussian": lambda: _readout(options.effects),
    }
    late = names.get(options.noise or "", Poisson)()
    full = {Amplitude: _censored(Amplitude(), options.effects), Poisson: _censored(late, options.effects)}
    _check_saturation(options.effects.saturation, data)
    found = priors(options)
    return [stage._replace(noise=full.get(type(stage.noise), stage.noise), priors=found) for stage in stages]


def check_counted(stages: Iterable["Stage"], options: Options) -> None:
    """Refuse to calibrate a flat field where counted photons are asked for, and no epoch is left that fits them."""

    asked = refines_flat_field(options.refine or (), options.effects) and options.noise != "amplitude"
    if not asked or any(stage.epochs and not stage.noise.fits_amplitudes for stage in stages):
        return
    held = f" and --hold-probe {options.hold_probe}" if options.hold_probe else ""
    raise InputError(
        f"With --epochs {options.epochs}{held} there is no epoch that fits counted photons, by which "
        f"{FLAT_FIELD} is calibrated; give more epochs" + (", or hold the probe for fewer." if held else ".")
    )


def noise_of_simulation(name: str, effects: Effects) -> "AbstractNoise":
    """The noise of a simulated measurement; of `gaussian`, the same for every pixel."""
    from ptychograd.physics.noise import Amplitude, Gaussian, Poisson

    check_simulated(name, effects)
    if effects.readout is not None:
        _check_readout(effects.readout)
    names = {
        "amplitude": Amplitude,
        "poisson": Poisson,
        "gaussian": lambda: Gaussian((effects.readout or 0.0) ** 2, 1.0),
        "poisson-gaussian": lambda: _readout(effects),
    }
    return _censored(names[name](), effects)


def priors(options: Options) -> tuple["AbstractPrior", ...]:
    """The priors that are asked for."""
    import ptychograd.fitting.priors as known

    weights = priors_by_name(options)
    return tuple(getattr(known, PRIORS[name])(weight) for name, weight in weights.items())


def priors_by_name(options: Options) -> dict[str, float]:
    """The weights of the priors that are asked for."""
    weights = numbers(options.prior, "prior")
    unknown = sorted(set(weights) - set(PRIORS))
    if unknown:
        raise InputError(f'--prior "{unknown[0]}" is unknown; expected NAME=WEIGHT with one of: {", ".join(PRIORS)}.')
    return weights


def _check_readout(readout: float) -> None:
    if not 0 < readout < float("inf"):
        raise InputError(f"--readout {readout:g}: expected photons rms, a number above zero.")


def _check_saturation(level: float | None, data: "Dataset") -> None:
    if level is not None and data.largest > level:
        raise InputError(
            f"--saturation {level:.12g}: {data.source} has pixels of up to {data.largest:.12g} photons, and none "
            "can count more than a full one; give the level in photons, or mask what is above by --mask-above."
        )


def _readout(effects: Effects) -> "AbstractCensorable":
    from ptychograd.physics.noise import PoissonGaussian

    return PoissonGaussian(effects.readout or 0.0)


def _censored(noise: "AbstractCensorable", effects: Effects) -> "AbstractNoise":
    from ptychograd.physics.noise import Censored

    if effects.saturation is None:
        return noise
    if not (effects.saturation >= 1 and float(effects.saturation).is_integer()):
        raise InputError(f"--saturation {effects.saturation:g}: expected a whole number of photons, 1 or more.")
    return Censored(noise, float(effects.saturation))
