"""Fourier transforms and what is done with them, in pixels.

Conventions, stated once: transforms are unitary (energy is kept), act on the last two axes, and
have the forward sign exp(-2πi f x), so that a wave that goes along +z carries exp(+ikz).
Frequencies are in cycles per pixel.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Inexact
from scipy import fft

from ptychograd.core.strict import as_complex, lifted


def fft2(wave: Inexact[Array, "*batch y x"]) -> Complex[Array, "*batch y x"]:
    """Fourier transform of a wave along its last two axes, unitary, so that it keeps the energy.

    The sign is exp(-2πi f x). The zero frequency comes out at pixel (0, 0); `pg.physics.FarField` puts it in the
    middle.

    Args:
        wave: (..., y, x), real or complex.

    Returns:
        the spectrum (..., y, x); frequencies in cycles per pixel.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> abs(np.asarray(jax.jit(pg.core.fft2)(jnp.ones((2, 8)))))[0].round(3).tolist()
        [4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    return jnp.fft.fft2(wave, norm="ortho")


def ifft2(wave: Inexact[Array, "*batch y x"]) -> Complex[Array, "*batch y x"]:
    """Inverse of `fft2`, which is its adjoint too.

    Args:
        wave: spectrum (..., y, x), zero frequency at pixel (0, 0).

    Returns:
        the wave (..., y, x).

    Example:
        >>> import jax
        >>> jax.jit(pg.core.ifft2)(model.probe.modes).shape
        (1, 20, 18)
    """
    return jnp.fft.ifft2(wave, norm="ortho")


def centred_ifft2(spectrum: Inexact[Array, "*batch y x"]) -> Complex[Array, "*batch y x"]:
    """As `ifft2`, of a spectrum about its middle pixel n // 2 to a wave about its own."""
    axes = (-2, -1)
    return jnp.fft.fftshift(jnp.fft.ifft2(jnp.fft.ifftshift(spectrum, axes), norm="ortho"), axes)


def exact_fft(image: np.ndarray) -> np.ndarray:
    """Unitary transform over all axes by NumPy, in double precision whatever the image is in."""
    return np.fft.fftn(np.asarray(image, np.complex128), norm="ortho")


def exact_ifft(image: np.ndarray) -> np.ndarray:
    """Inverse of `exact_fft`."""
    return np.fft.ifftn(np.asarray(image, np.complex128), norm="ortho")


def fast_size(size: int) -> int:
    """The next size for which a transform on the host is fast."""
    return int(fft.next_fast_len(size))  # type: ignore[arg-type]


def padded_fft(image: np.ndarray, shape: tuple[int, int]) -> Complex[np.ndarray, "*batch y x"]:
    """Sum over (y, x) of image · exp(-2πi f·r), of the image followed by zeros up to `shape`, in its own precision."""
    return np.asarray(fft.fft2(image, shape))


def padded_ifft(spectrum: np.ndarray) -> Complex[np.ndarray, "*batch y x"]:
    """Inverse of `padded_fft`, without taking the zeros off."""
    return np.asarray(fft.ifft2(spectrum))


def frequencies(size: int) -> np.ndarray:
    """Frequencies of the discrete Fourier transform of `size` pixels, in cycles per pixel, zero first."""
    return np.fft.fftfreq(size)


def centred(image: np.ndarray, axes: tuple[int, ...] = (-2, -1)) -> np.ndarray:
    """The image whose first pixel moved to the middle, n // 2, as a detector shows a transform."""
    return np.fft.fftshift(image, axes)


def uncentred(image: np.ndarray, axes: tuple[int, ...] = (-2, -1)) -> np.ndarray:
    """Undo `centred`, for odd and even sizes."""
    return np.fft.ifftshift(image, axes)


def centring_ramp(shape: tuple[int, int], centre: tuple[float, float] | None = None) -> np.ndarray:
    """Phase ramp exp(2πi c·r/n) that moves the zero frequency of `fft2(ramp * wave)` to pixel c, n // 2 unless given.

    The shift theorem of the discrete transform makes this exact for odd and even sizes. For even
    sizes the ramp is a checkerboard of +1 and -1 and comes as real numbers, which cost less to
    multiply with.
    """
    centre = centre or (shape[0] // 2, shape[1] // 2)
    phases = [np.exp(2j * np.pi * c * np.arange(n) / n) for n, c in zip(shape, centre, strict=True)]
    ramp = phases[0][:, None] * phases[1]
    if all(2 * c == n for n, c in zip(shape, centre, strict=True)):
        return np.round(np.real(ramp))
    return ramp


def scaled_transform(size: int, ratio: float) -> Complex[np.ndarray, "frequencies size"]:
    """Matrix of the Fourier transform to frequencies (n - c)/(size · ratio), c = size // 2; unitary for `ratio` 1.

    With 1 it is the unitary `fft2` along one axis, of the wave times `centring_ramp`.
    """
    n = np.arange(size)
    phase = 2 * np.pi * np.outer((n - size // 2) / (size * ratio), n)
    return np.exp(-1j * phase) / np.sqrt(size * ratio)


def translate(wave: Complex[Array, "*batch y x"], shift: Float[Array, "2"] | None) -> Complex[Array, "*batch y x"]:
    """Move a wave by a fraction of a pixel: wave(r) becomes wave(r - shift), band-limited and unitary; the edges wrap.

    Args:
        wave: (..., y, x).
        shift: (y, x) in pixels; None, as for a scan on whole pixels, costs nothing.

    Returns:
        the moved wave (..., y, x).

    Example:
        >>> import jax, jax.numpy as jnp
        >>> jax.jit(pg.core.translate)(model.probe.modes, jnp.array([0.25, -0.5])).shape
        (1, 20, 18)
    """
    if shift is None:
        return wave
    return ifft2(translate_spectrum(fft2(wave), shift))


def translate_spectrum(
    spectrum: Complex[Array, "*batch y x"], shift: Float[Array, "2"]
) -> Complex[Array, "*batch y x"]:
    """Spectrum of the wave moved by `shift` = (y, x) pixels: times exp(-2πi f·shift), one axis after the other."""
    along_y, along_x = (
        _shift_ramp(n, s).astype(spectrum.dtype) for n, s in zip(spectrum.shape[-2:], shift, strict=True)
    )
    return spectrum * lifted(along_y[:, None], spectrum) * lifted(along_x, spectrum)


def _shift_ramp(size: int, shift: Float[Array, ""]) -> Complex[Array, " size"]:
    """exp(-2πi f·shift) along one axis."""
    return jnp.exp(-2j * np.pi * as_complex(jnp.asarray(frequencies(size), shift.dtype)) * as_complex(shift))


def blurred(image: Float[Array, "*batch y x"], width: Float[Array, ""]) -> Float[Array, "*batch y x"]:
    """The image spread by a Gaussian of standard deviation `width` in pixels; its sum is kept, and the edges wrap.

    It is the Gaussian of the pixel grid, exp(-w²) I_n(w²) with the modified Bessel functions, whose transform is
    exp(w² (cos 2πf - 1)): positive at every width, of variance w² at every width, and 1 at one pixel for w = 0
    (T. Lindeberg, IEEE Trans. Pattern Anal. Mach. Intell. 12, 234 (1990)).
    """
    along_y, along_x = (
        jnp.exp(width.astype(image.dtype) ** 2 * jnp.asarray(np.cos(2 * np.pi * f) - 1, image.dtype))
        for f in (frequencies(image.shape[-2]), np.fft.rfftfreq(image.shape[-1]))
    )
    spectrum = jnp.fft.rfft2(image)
    kernel = (along_y[:, None] * along_x[None]).astype(spectrum.dtype)
    return jnp.fft.irfft2(spectrum * lifted(kernel, spectrum), image.shape[-2:])


def convolved(
    image: Float[Array, "*batch y x"], kernel: Float[Array, "kernel_y kernel_x"]
) -> Float[Array, "*batch y x"]:
    """The image spread by a kernel, not larger than it, about the kernel's pixel (y // 2, x // 2); the edges wrap."""
    rows, columns = kernel.shape
    whole = jnp.zeros(image.shape[-2:], image.dtype).at[:rows, :columns].set(kernel.astype(image.dtype))
    whole = jnp.roll(whole, (-(rows // 2), -(columns // 2)), axis=(0, 1))
    spectrum = jnp.fft.rfft2(image)
    return jnp.fft.irfft2(spectrum * lifted(jnp.fft.rfft2(whole), spectrum), image.shape[-2:])
