"""First guesses of the probe from the mean pattern."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Real

from ptychograd.core.errors import InputError
from ptychograd.core.fourier import centred, centred_ifft2, exact_ifft, uncentred
from ptychograd.core.strict import as_complex, meant
from ptychograd.data.dataset import Dataset, NearFieldGeometry, check_data
from ptychograd.models.starts.free_space import behind_focus, defocused
from ptychograd.models.starts.windows import ProbeStart, Sampling, known_lengths
from ptychograd.physics.propagators import fresnel_rates


def mean_pattern(defocus: float = 0.0) -> ProbeStart:
    """A start probe for recipes: the wave `defocus` metres behind the focus whose far field is the mean pattern.

    The far field is given a flat phase. `far_field` takes this start, in focus, where you give no probe and the data
    have none.

    Args:
        defocus: metres behind the focus; by default 0. Others need the geometry.

    Returns:
        a function that makes the wave (y, x) for a dataset and its object pixels, as `far_field` takes it for `probe`;
        it raises `InputError` for a near-field geometry.

    Example:
        >>> pg.far_field(data, probe=pg.models.mean_pattern()).probe.modes.shape
        (1, 20, 18)
    """

    def start(data, sampling):
        if isinstance(data.geometry, NearFieldGeometry):
            raise InputError(f"{data.source} has a near-field geometry; its mean pattern makes `back_propagated`.")
        focus = centred(exact_ifft(uncentred(np.sqrt(data.mean_pattern))))
        return behind_focus(focus, *known_lengths(data, sampling), defocus) if defocus else focus

    return start


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
    if not isinstance(data.geometry, NearFieldGeometry):
        raise InputError(
            f"{data.source} has no near-field geometry to propagate its mean pattern back; take mean_pattern."
        )
    distance = data.geometry.effective_distance
    return defocused(np.sqrt(data.mean_pattern).astype(complex), *known_lengths(data, sampling), -distance)
