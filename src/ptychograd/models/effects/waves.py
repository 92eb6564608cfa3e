"""What a beam's spectrum does beside the ideal: it has a width."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.core.strict import meant
from ptychograd.models.effects.common import checked, count_of, lengths, with_part
from ptychograd.physics.model import AbstractModel
from ptychograd.physics.propagators import Polychromatic
from ptychograd.physics.ptychography import Ptychography

REACH = 2.0  # full widths at half maximum from the first line of a Gaussian spectrum to the last


@meant
def with_spectrum(model: AbstractModel, wavelengths: Sequence[float], weights: Sequence[float | int]) -> Ptychography:
    """Let the beam have several wavelengths, whose patterns add up (see `Polychromatic`).

    The object's pixels stay those of the model's own wavelength.

    Args:
        model: a far-field or near-field model with lengths in metres.
        wavelengths: in metres, each more than half and less than twice the model's.
        weights: the share of the photons that each has, above 0; they are divided by their sum.

    Raises:
        InputError: no lengths in metres, a wavelength out of this range, a weight that is not above 0, or not as many
            of both.

    Example:
        >>> geometry = pg.Geometry(wavelength=1.5e-10, distance=2.0, pixel_size=(75e-6, 75e-6))
        >>> scan = pg.make_dataset(np.ones((2, 16, 20)), [[0, 0], [0, 1e-6]], geometry=geometry)
        >>> pg.models.with_spectrum(pg.far_field(scan), [1.49e-10, 1.51e-10], [1, 3]).propagator.weights
        Array([0.25, 0.75], dtype=float32)
    """
    whole = checked(model, "A spectrum")
    sampling, wavelength = lengths(whole, "A spectrum")
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
    propagator = whole.propagator
    if whole.detector.oversampling > 1 and not propagator.is_local:
        raise InputError("A spectrum can't be combined with binning in the far field; leave one of them out.")
    lines = tuple(propagator.of_wavelength(length, wavelength, whole.frame_shape, sampling) for length in wavelengths)
    real = np.finfo(propagator.complex_dtype).dtype
    return with_part(whole, "propagator", Polychromatic(lines, jnp.asarray(shares, real)))


@meant
def with_bandwidth(model: AbstractModel, bandwidth: float, count: int = 5) -> Ptychography:
    """Let the beam have a Gaussian spectrum about the model's wavelength (see `gaussian_lines` and `with_spectrum`).

    Args:
        model: a far-field or near-field model with lengths in metres.
        bandwidth: full width at half maximum over the wavelength, above 0 and below 0.5, as 0.01.
        count: lines that stand for the spectrum, 2 or more; by default 5.

    Raises:
        InputError: no lengths in metres, or numbers out of these ranges.

    Example:
        >>> geometry = pg.Geometry(wavelength=1.5e-10, distance=2.0, pixel_size=(75e-6, 75e-6))
        >>> scan = pg.make_dataset(np.ones((2, 16, 20)), [[0, 0], [0, 1e-6]], geometry=geometry)
        >>> len(pg.models.with_bandwidth(pg.far_field(scan), 0.01, count=3).propagator.lines)
        3
    """
    whole = checked(model, "A spectrum")
    _, wavelength = lengths(whole, "A spectrum")
    return with_spectrum(whole, *gaussian_lines(wavelength, bandwidth, count))


def gaussian_lines(wavelength: float, bandwidth: float, count: int = 5) -> tuple[list[float], list[float]]:
    """Divide a Gaussian spectrum into lines: wavelengths and weights as `with_spectrum` takes them.

    The lines are evenly spaced, from one full width at half maximum below the wavelength to one above.

    Args:
        wavelength: of the middle, in metres.
        bandwidth: full width at half maximum over the wavelength, above 0 and below 0.5, as 0.01.
        count: lines, 2 or more; by default 5.

    Returns:
        wavelengths in metres, and weights whose sum is 1.

    Raises:
        InputError: numbers out of these ranges.

    Example:
        >>> wavelengths, weights = pg.models.gaussian_lines(1e-10, 0.01, 3)
        >>> [f"{length:.3g}" for length in wavelengths], np.round(weights, 3).tolist()
        (['9.9e-11', '1e-10', '1.01e-10'], [0.056, 0.889, 0.056])
    """
    if not 0 < bandwidth < 0.5:
        raise InputError(f"A relative bandwidth of {bandwidth:g}; expected a number above 0 and below 0.5, as 0.01.")
    places = np.linspace(-REACH / 2, REACH / 2, count_of(count, "lines of the spectrum", 2))
    weights = np.exp(-4 * np.log(2) * places**2)
    return [float(wavelength * (1 + bandwidth * place)) for place in places], (weights / weights.sum()).tolist()
