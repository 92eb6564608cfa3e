"""What a beam's spectrum does beside the ideal: it has a width."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.core.strict import meant
from ptychograd.models.effects.common import checked, count_of, lengths, with_part
from ptychograd.physics.model import AbstractModel, Ptychography
from ptychograd.physics.propagators import (
    AbstractPropagator,
    AngularSpectrum,
    FarField,
    Fresnel,
    Polychromatic,
    ScaledFarField,
)

REACH = 2.0  # full widths at half maximum from the first line of a Gaussian spectrum to the last


@meant
def with_spectrum(model: AbstractModel, wavelengths: Sequence[float], weights: Sequence[float | int]) -> Ptychography:
    """Several wavelengths in metres, with the share of the photons that each has (see `Polychromatic`).

    The object's pixels stay those of the model's own wavelength. Raises `InputError` for lengths that are not known,
    a wavelength less than half or more than twice the model's, and a weight that is not above zero.
    """
    whole = checked(model, "A spectrum")
    _, wavelength = lengths(whole, "A spectrum")
    if len(wavelengths) != len(weights) or not len(weights):
        raise InputError(f"{len(wavelengths)} wavelengths and {len(weights)} weights; expected as many of both.")
    if not all(0 < weight < np.inf for weight in weights):
        raise InputError(
            f"Weights of the spectrum {', '.join(f'{w:g}' for w in weights)}; expected numbers above zero."
        )
    if not all(0.5 < length / wavelength < 2 for length in wavelengths):
        raise InputError(
            f"The spectrum goes from {min(wavelengths):.4g} to {max(wavelengths):.4g} m, and the model is for "
            f"{wavelength:.4g} m; expected half to twice that."
        )
    shares = np.asarray(weights, float) / np.sum(weights)
    lines = tuple(_line(whole, length) for length in wavelengths)
    real = np.finfo(_dtype(whole.propagator)).dtype
    return with_part(whole, "propagator", Polychromatic(lines, jnp.asarray(shares, real)))


@meant
def with_bandwidth(model: AbstractModel, bandwidth: float, count: int = 5) -> Ptychography:
    """A Gaussian spectrum about the model's wavelength (see `gaussian_lines`)."""
    whole = checked(model, "A spectrum")
    _, wavelength = lengths(whole, "A spectrum")
    return with_spectrum(whole, *gaussian_lines(wavelength, bandwidth, count))


def gaussian_lines(wavelength: float, bandwidth: float, count: int = 5) -> tuple[list[float], list[float]]:
    """Wavelengths in metres and weights of a Gaussian spectrum, whose full width at half maximum is `bandwidth` λ."""
    if not 0 < bandwidth < 0.5:
        raise InputError(f"A relative bandwidth of {bandwidth:g}; expected a number above 0 and below 0.5, as 0.01.")
    places = np.linspace(-REACH / 2, REACH / 2, count_of(count, "lines of the spectrum", 2))
    weights = np.exp(-4 * np.log(2) * places**2)
    return [float(wavelength * (1 + bandwidth * place)) for place in places], (weights / weights.sum()).tolist()


def _line(model: Ptychography, wavelength: float) -> AbstractPropagator:
    """The model's propagator for another wavelength."""
    (sampling, usual), propagator, shape = lengths(model, "A spectrum"), model.propagator, model.frame_shape
    dtype = _dtype(propagator)
    if isinstance(propagator, FarField):
        if model.detector.oversampling > 1:
            raise InputError("A spectrum can't be combined with binning in the far field; leave one of them out.")
        return propagator if wavelength == usual else ScaledFarField(shape, wavelength / usual, dtype)
    if isinstance(propagator, (Fresnel, AngularSpectrum)):
        return type(propagator)(shape, sampling, wavelength, float(propagator.distance), dtype)
    raise InputError(f"A spectrum can't go into {type(propagator).__name__}; it is for a propagator of one wavelength.")


def _dtype(propagator: AbstractPropagator) -> np.dtype:
    if isinstance(propagator, FarField):
        return np.dtype(np.result_type(propagator.ramp, np.complex64))
    if isinstance(propagator, (Fresnel, AngularSpectrum)):
        return np.dtype(np.result_type(propagator.distance.dtype, np.complex64))
    return np.dtype(np.complex64)
