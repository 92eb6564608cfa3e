"""Noise models and priors of a plan."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import Dataset
from ptychograd.fitting import priors as known_priors
from ptychograd.fitting.priors import AbstractPrior
from ptychograd.models.effects.noises import gaussian_noise
from ptychograd.physics.noise import AbstractCensorable, AbstractNoise, Amplitude, Censored, Poisson, PoissonGaussian
from ptychograd.runs.plan.importing import make_part
from ptychograd.runs.plan.sections.model import DetectorSection

if TYPE_CHECKING:
    from ptychograd.runs.plan.whole import PlanFields

PRIORS = {"tv": "TotalVariation", "tikhonov": "Tikhonov", "l1": "Sparse", "slices": "SliceSimilarity"}


def noise_of(plan: "PlanFields", asked: object, data: Dataset) -> AbstractNoise:
    """The noise model of this name, with a saturated detector if there is one; one of your own is taken as it is."""
    detector = plan.model.detector
    names = {
        "amplitude": Amplitude,
        "poisson": Poisson,
        "gaussian": lambda: gaussian_noise(data, detector.readout or 0.0),
        "poisson-gaussian": lambda: with_readout(detector),
    }
    if not isinstance(asked, str) or asked not in names:
        return make_part(asked, AbstractNoise, "fit.noise", plan.origin)
    return censored(names[asked](), detector)


def priors_of(weights: Mapping[str, float]) -> tuple[AbstractPrior, ...]:
    """The priors of these names, each with its weight."""
    for name in weights:
        if name not in PRIORS:
            raise InputError(
                f'`fit.priors` "{name}" is unknown; expected NAME=WEIGHT with one of: {", ".join(PRIORS)}.'
            )
    return tuple(getattr(known_priors, PRIORS[name])(weight) for name, weight in weights.items())


def check_saturation(level: float | None, data: Dataset) -> None:
    """Refuse counts above those of a full pixel."""
    if level is not None and data.largest > level:
        raise InputError(
            f"`model.detector.saturation` {level:.12g}: {data.source} has pixels of up to {data.largest:.12g} photons, "
            "and none can count more than a full one; give the level in photons, or mask what is above by "
            "`data.mask.above`."
        )


def with_readout(asked: DetectorSection) -> AbstractCensorable:
    """Counting and reading together."""
    return PoissonGaussian(asked.readout or 0.0)


def censored(noise: AbstractCensorable, asked: DetectorSection) -> AbstractNoise:
    """The noise model of a detector whose full pixels tell a lower bound, if it has any."""
    check_level(asked)
    return noise if asked.saturation is None else Censored(noise, float(asked.saturation))


def check_level(asked: DetectorSection) -> None:
    """Refuse a full pixel that holds a part of a photon."""
    level = asked.saturation
    if level is not None and not (level >= 1 and float(level).is_integer()):
        raise InputError(f"`model.detector.saturation` {level:g}: expected a whole number of photons, 1 or more.")


def are_counted(noises: Iterable[AbstractNoise]) -> bool:
    """Whether one of them fits counted photons and not amplitudes."""
    return any(not noise.fits_amplitudes for noise in noises)
