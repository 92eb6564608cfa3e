"""First guesses of the probe from the mean pattern."""

import warnings

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Real

from ptychograd.core.errors import InputError
from ptychograd.core.fourier import centred, centred_ifft2, exact_ifft, frequencies, uncentred
from ptychograd.core.strict import as_complex, meant
from ptychograd.data.dataset import Dataset, check_data
from ptychograd.models.starts.free_space import LEFT_OUT, defocused
from ptychograd.models.starts.windows import Lengths, ProbeStart, Sampling, known_lengths, pair
from ptychograd.physics.propagators import fresnel_rates

MOST_LEFT_OUT = 0.5  # share of the mean pattern's light beyond the window from which on no defocus is that large


def mean_pattern(defocus: float | Lengths = 0.0) -> ProbeStart:
    """A start probe for recipes: the wave `defocus` metres behind the focus whose far field is the mean pattern.

    The far field is given a flat phase, and behind the focus a quadratic one, as the pupil of a lens has it:
    P = F⁻¹[√I exp(-iπλ(z_y f_y² + z_x f_x²))]. That is sampled as long as the light that there is stays in the window,
    and is not refused where the pupil fills a part of the detector. `far_field` takes this start, in focus, where you
    give no probe and the data have none.

    Args:
        defocus: metres behind the focus, downstream if positive, or (y, x) where the lens has two foci; by default 0.
            Others need the geometry.

    Returns:
        a function that makes the wave (y, x) for a dataset and its object pixels, as `far_field` takes it for `probe`;
        it raises `InputError` for a near-field geometry, and for a defocus at which most light leaves the window.

    Example:
        >>> pg.far_field(data, probe=pg.models.mean_pattern()).probe.modes.shape
        (1, 20, 18)
    """

    def start(data, sampling):
        if data.near_field:
            raise InputError(f"{data.source} has a near-field geometry; its mean pattern makes `back_propagated`.")
        focus = centred(exact_ifft(uncentred(np.sqrt(data.mean_pattern))))
        if not any(away := pair(defocus)):
            return focus
        lengths, wavelength = known_lengths(data, sampling)
        _check_width(data, lengths, wavelength, away)
        rates = fresnel_rates(data.frame_shape, lengths, wavelength)
        along_y, along_x = (np.exp(1j * z * rate) for z, rate in zip(away, rates, strict=True))
        return centred(exact_ifft(uncentred(np.sqrt(data.mean_pattern)) * along_y[:, None] * along_x))

    return start


def _check_width(data: Dataset, sampling: Lengths, wavelength: float, defocus: Lengths) -> None:
    """Raise `InputError` if most of the beam is wider than the window at the sample, and warn if some is.

    Light at a frequency f goes λzf to the side; that of a lens is far from the largest frequencies.
    """
    mean, stays = uncentred(data.mean_pattern), []
    for n, pixel, z in zip(data.frame_shape, sampling, defocus, strict=True):
        stays.append(np.abs(frequencies(n) / pixel) * wavelength * abs(z) <= n * pixel / 2)
    lost = 1 - float(np.sum(mean[stays[0][:, None] & stays[1]]) / np.sum(mean))
    if lost > LEFT_OUT:
        text = (
            f"{lost:.0%} of the beam that {data.source} tells of would be wider than the window at a defocus of "
            f"{' x '.join(f'{z:.4g}' for z in dict.fromkeys(defocus))} m"
        )
        if lost > MOST_LEFT_OUT:
            raise InputError(f"{text}; give a smaller one, in metres.")
        warnings.warn(f"{text}: if that is no scattered light, the defocus is smaller.", stacklevel=2)


@meant
def pupil_probe(
    mean_pattern: Real[Array, "y x"] | Real[np.ndarray, "y x"],
    wavelength: float,
    pixel_size_of_object: tuple[float, float],
    defocus: float | Float[Array, ""],
) -> Complex[Array, "y x"]:
    """The wave whose far field has the mean pattern's amplitudes, with a pupil's quadratic phase.

    P = F⁻¹[√I exp(-iπλz(f_y² + f_x²))]: the lens that makes the probe is as bright as the mean pattern, and the sample
    lies `defocus` behind its focus. It is the wave of `mean_pattern(defocus)` at the same pixels, in JAX: a program can
    be made of it once and called for any pattern and defocus, and it can be differentiated by both. The edges wrap:
    a defocus at which the beam is wider than the window is not refused.

    Args:
        mean_pattern: photons (y, x), zero frequency at pixel n // 2, 0 where nothing is known; negative ones count as
            0.
        wavelength: λ in metres.
        pixel_size_of_object: (y, x) in metres, as `data.geometry.sampling(data.frame_shape)`.
        defocus: z in metres, behind the focus if positive.

    Returns:
        the wave (y, x) about the window's middle pixel, in √photons, with the photons of the mean pattern; in the
        precision of the pattern, and single for whole numbers.

    Example:
        >>> wave = pg.models.pupil_probe(data.mean_pattern, 1e-10, (5e-8, 5e-8), defocus=1e-4)
        >>> bool(np.isclose(np.sum(np.abs(wave) ** 2), data.mean_pattern.sum(), rtol=1e-5))
        True
    """
    mean = jnp.asarray(mean_pattern)
    mean = mean if jnp.issubdtype(mean.dtype, jnp.floating) else mean.astype(jnp.float32)
    z = jnp.asarray(defocus, mean.dtype)
    rates = fresnel_rates((mean.shape[0], mean.shape[1]), pixel_size_of_object, wavelength)
    along_y, along_x = (jnp.exp(1j * as_complex(z * jnp.asarray(centred(r, (0,)), z.dtype))) for r in rates)
    return centred_ifft2(as_complex(jnp.sqrt(jnp.maximum(mean, 0))) * along_y[:, None] * along_x[None])


def back_propagated(data: Dataset, sampling: Sampling) -> Complex[np.ndarray, "y x"]:
    """A start probe of a near field: the mean pattern with a flat phase, propagated back to the sample (Eq. 15).

    `near_field` takes it where you give no probe and the data have none.

    Args:
        data: near-field patterns, with a `NearFieldGeometry`.
        sampling: object pixel (dy, dx), in metres.

    Returns:
        the wave (y, x), in sqrt(photons) a pixel.

    Raises:
        InputError: no near-field geometry, or a distance that aliases on these pixels.

    Example:
        >>> beam = pg.NearFieldGeometry(wavelength=1.5e-10, distance=0.1, pixel_size=(2e-6, 2e-6))
        >>> scan = pg.make_dataset(np.ones((2, 16, 20)), [[0, 0], [0, 1e-5]], geometry=beam)
        >>> pg.models.back_propagated(scan, beam.sampling((16, 20))).shape
        (16, 20)
    """
    check_data(data)
    if data.near_field is None:
        raise InputError(
            f"{data.source} has no near-field geometry to propagate its mean pattern back; take mean_pattern."
        )
    distance = data.near_field.effective_distance
    return defocused(np.sqrt(data.mean_pattern).astype(complex), *known_lengths(data, sampling), -distance)
