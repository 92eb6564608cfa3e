"""Where a reconstruction starts: first guesses of probe and object."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Complex, Float

from ptychograd.core.errors import InputError, check_seed
from ptychograd.core.fourier import centred, exact_fft, exact_ifft, frequencies, uncentred
from ptychograd.data.dataset import Dataset, NearFieldGeometry, check_data
from ptychograd.physics.propagators import fresnel_kernel, fresnel_limits, fresnel_rates

Sampling = tuple[float, float] | None
ProbeStart = Callable[[Dataset, Sampling], np.ndarray]
ObjectStart = Callable[[tuple[int, ...]], np.ndarray]
LEAVING = 0.01  # share of a wave that may leave the window on its way, and come in again at the other side


def aperture(width: float, defocus: float = 0.0) -> ProbeStart:
    """A start probe for recipes: the wave `defocus` metres behind an evenly lit square aperture.

    Args:
        width: of the square, in metres, between one object pixel and the window.
        defocus: metres behind it; by default 0.

    Returns:
        a function that makes the wave (y, x) for a dataset and its object pixels, as `far_field` takes it for `probe`.

    Example:
        >>> geometry = pg.Geometry(wavelength=1.5e-10, distance=2.0, pixel_size=(75e-6, 75e-6))
        >>> scan = pg.make_dataset(np.ones((2, 16, 20)), [[0, 0], [0, 1e-6]], geometry=geometry)
        >>> pg.far_field(scan, probe=pg.models.aperture(2e-6)).probe.modes.shape
        (1, 16, 20)
    """
    return _opening(square_wave, width, defocus)


def pinhole(diameter: float, defocus: float = 0.0) -> ProbeStart:
    """A start probe for recipes: the wave `defocus` metres behind an evenly lit round opening.

    Args:
        diameter: of the opening, in metres, between one object pixel and the window.
        defocus: metres behind it; by default 0.

    Returns:
        a function that makes the wave (y, x) for a dataset and its object pixels, as `far_field` takes it for `probe`.

    Example:
        >>> geometry = pg.Geometry(wavelength=1.5e-10, distance=2.0, pixel_size=(75e-6, 75e-6))
        >>> scan = pg.make_dataset(np.ones((2, 16, 20)), [[0, 0], [0, 1e-6]], geometry=geometry)
        >>> pg.far_field(scan, probe=pg.models.pinhole(2e-6)).probe.modes.shape
        (1, 16, 20)
    """
    return _opening(round_wave, diameter, defocus)


def focal_spot(fwhm: float, defocus: float = 0.0) -> ProbeStart:
    """A start probe for recipes: the wave `defocus` metres behind a Gaussian focus.

    Args:
        fwhm: width of the focus at half of its intensity, in metres, between one object pixel and the window.
        defocus: metres behind it; by default 0.

    Returns:
        a function that makes the wave (y, x) for a dataset and its object pixels, as `far_field` takes it for `probe`.

    Example:
        >>> geometry = pg.Geometry(wavelength=1.5e-10, distance=2.0, pixel_size=(75e-6, 75e-6))
        >>> scan = pg.make_dataset(np.ones((2, 16, 20)), [[0, 0], [0, 1e-6]], geometry=geometry)
        >>> pg.far_field(scan, probe=pg.models.focal_spot(1e-6, defocus=1e-4)).probe.modes.shape
        (1, 16, 20)
    """
    return _opening(gaussian_wave, fwhm, defocus)


def square_wave(shape: tuple[int, int], sampling: tuple[float, float], width: float) -> Complex[np.ndarray, "y x"]:
    """1 inside a square of `width` metres, whole pixels wide, in the middle of the window; 0 outside."""
    sides = []
    for n, pixel in zip(shape, sampling, strict=True):
        pixels = round(width / pixel)
        start = n // 2 - pixels // 2
        sides.append((np.arange(n) >= start) & (np.arange(n) < start + pixels))
    return (sides[0][:, None] & sides[1]).astype(complex)


def round_wave(shape: tuple[int, int], sampling: tuple[float, float], diameter: float) -> Complex[np.ndarray, "y x"]:
    """1 inside a circle of `diameter` metres about the window's middle pixel; 0 outside."""
    return (_radius_squared(shape, sampling) < diameter**2 / 4).astype(complex)


def gaussian_wave(shape: tuple[int, int], sampling: tuple[float, float], fwhm: float) -> Complex[np.ndarray, "y x"]:
    """A Gaussian about the window's middle pixel; `fwhm` in metres is that of its intensity."""
    return np.exp(-2 * np.log(2) * _radius_squared(shape, sampling) / fwhm**2).astype(complex)


def defocused(
    wave: Complex[np.ndarray, "y x"], sampling: tuple[float, float], wavelength: float, distance: float
) -> Complex[np.ndarray, "y x"]:
    """The wave after `distance` metres of free space (Eq. 14)."""
    shape = (wave.shape[0], wave.shape[1])
    return exact_ifft(exact_fft(wave) * fresnel_kernel(shape, sampling, wavelength, distance))


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
        if defocus and data.geometry is not None and sampling is not None:
            return _behind_focus(focus, sampling, data.geometry.wavelength, defocus)
        return _defocused(focus, data, sampling, defocus)

    return start


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
    return _defocused(np.sqrt(data.mean_pattern).astype(complex), data, sampling, -distance)


def flat_object(shape: tuple[int, ...]) -> Complex[np.ndarray, "..."]:
    """A start object for recipes that transmits 1 everywhere, for weak objects.

    Args:
        shape: of the object's array, in object pixels; the recipe gives it.

    Example:
        >>> model = pg.far_field(data, object=pg.models.flat_object)
        >>> bool((model.object.transmission == 1).all())
        True
    """
    return np.ones(shape, complex)


def random_object(seed: int = 0) -> ObjectStart:
    """A start object for recipes: amplitudes from 0 to 1 and phases from 0 to π by chance, the paper's (section 3.3).

    Args:
        seed: of amplitudes and phases.

    Returns:
        a function that makes the object for a shape, as `far_field` takes it for `object`.

    Example:
        >>> pg.far_field(data, object=pg.models.random_object(seed=1)).object.transmission.shape
        (53, 47)
    """

    check_seed(seed)

    def start(shape):
        rng = np.random.default_rng([seed, 1])
        return rng.uniform(0, 1, shape) * np.exp(1j * np.pi * rng.uniform(0, 1, shape))

    return start


def _opening(wave_of: Callable, size: float, defocus: float) -> ProbeStart:
    def start(data, sampling):
        lengths = _known(data, sampling)
        _check_size(size, data.frame_shape, lengths)
        return _defocused(wave_of(data.frame_shape, lengths, size), data, sampling, defocus)

    return start


def _defocused(
    wave: Complex[np.ndarray, "y x"], data: Dataset, sampling: Sampling, distance: float
) -> Complex[np.ndarray, "y x"]:
    if distance == 0:
        return wave
    lengths = _known(data, sampling)
    wavelength = data.geometry.wavelength if data.geometry else 0.0
    return defocused(wave, lengths, wavelength, distance)


def _behind_focus(
    focus: Complex[np.ndarray, "y x"], sampling: tuple[float, float], wavelength: float, distance: float
) -> Complex[np.ndarray, "y x"]:
    """As `defocused`, and farther than a sampled kernel goes where hardly any light leaves the window on the way.

    Light at a frequency f goes λzf to the side; that of a zone plate is far from the largest frequencies.
    """
    shape, spectrum = (focus.shape[0], focus.shape[1]), exact_fft(focus)
    limits = fresnel_limits(shape, sampling, wavelength)
    stays = [np.abs(frequencies(n)) * abs(distance) <= limit / 2 for n, limit in zip(shape, limits, strict=True)]
    power = np.abs(spectrum) ** 2
    if not power[~(stays[0][:, None] & stays[1])].sum() <= LEAVING * power.sum():
        return defocused(focus, sampling, wavelength, distance)
    along_y, along_x = (np.exp(1j * distance * rate) for rate in fresnel_rates(shape, sampling, wavelength))
    return exact_ifft(spectrum * along_y[:, None] * along_x)


def _known(data: Dataset, sampling: Sampling) -> tuple[float, float]:
    if sampling is None or data.geometry is None:
        raise InputError(
            "A start probe in metres needs wavelength, distance and pixel size; name them in `data.keys`, or leave "
            "the start probe to be estimated."
        )
    return sampling


def _radius_squared(shape: tuple[int, int], sampling: tuple[float, float]) -> Float[np.ndarray, "y x"]:
    y, x = ((np.arange(n) - n // 2) * pixel for n, pixel in zip(shape, sampling, strict=True))
    return y[:, None] ** 2 + x**2


def _check_size(size: float, shape: tuple[int, int], sampling: tuple[float, float]) -> None:
    for n, pixel in zip(shape, sampling, strict=True):
        if not pixel <= size <= n * pixel:
            raise InputError(
                f"A start probe of {size:.4g} m does not fit a window of {n} pixels of {pixel:.4g} m "
                f"({n * pixel:.4g} m); give its size in metres, between one pixel and the window."
            )
