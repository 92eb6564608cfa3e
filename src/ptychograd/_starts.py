"""Where a reconstruction starts: first guesses of probe and object."""

import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from jaxtyping import Complex, Float

from ptychograd._dataset import Dataset, NearFieldGeometry
from ptychograd._errors import InputError, check_seed
from ptychograd._fourier import centred, exact_fft, exact_ifft, frequencies, uncentred
from ptychograd._propagators import fresnel_kernel, fresnel_limits, fresnel_rates

Sampling = tuple[float, float] | None
ProbeStart = Callable[[Dataset, Sampling], np.ndarray]
ObjectStart = Callable[[tuple[int, ...]], np.ndarray]
EMPTY = 1e-10  # of the strongest mode's power: such a mode is none
MIXTURE = 1e-8  # of a mode's power, beside which nothing is left of it that others don't hold
TELLING, AT_ONCE = 2**14, 2**18  # pixels of a wave that tell it from most others; that are taken together
LEAVING = 0.01  # share of a wave that may leave the window on its way, and come in again at the other side


def aperture(width: float, defocus: float = 0.0) -> ProbeStart:
    """The wave `defocus` metres behind an evenly lit square aperture of `width` metres."""
    return _opening(square_wave, width, defocus)


def pinhole(diameter: float, defocus: float = 0.0) -> ProbeStart:
    """The wave `defocus` metres behind an evenly lit round opening of `diameter` metres."""
    return _opening(round_wave, diameter, defocus)


def focal_spot(fwhm: float, defocus: float = 0.0) -> ProbeStart:
    """The wave `defocus` metres behind a Gaussian focus, `fwhm` metres wide at half of its intensity."""
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
    """The wave `defocus` metres behind the focus whose far field is the mean pattern, with a flat phase."""

    def start(data, sampling):
        if isinstance(data.geometry, NearFieldGeometry):
            raise InputError(f"{data.source} has a near-field geometry; its mean pattern makes `back_propagated`.")
        focus = centred(exact_ifft(uncentred(np.sqrt(data.mean_pattern))))
        if defocus and data.geometry is not None and sampling is not None:
            return _behind_focus(focus, sampling, data.geometry.wavelength, defocus)
        return _defocused(focus, data, sampling, defocus)

    return start


def back_propagated(data: Dataset, sampling: Sampling) -> Complex[np.ndarray, "y x"]:
    """The mean pattern of a near field with a flat phase, propagated back to the sample (Eq. 15)."""
    if not isinstance(data.geometry, NearFieldGeometry):
        raise InputError(
            f"{data.source} has no near-field geometry to propagate its mean pattern back; take mean_pattern."
        )
    distance = data.geometry.effective_distance
    return _defocused(np.sqrt(data.mean_pattern).astype(complex), data, sampling, -distance)


def flat_object(shape: tuple[int, ...]) -> Complex[np.ndarray, "..."]:
    """Transmission 1 everywhere, the start for weak objects."""
    return np.ones(shape, complex)


def random_object(seed: int = 0) -> ObjectStart:
    """Amplitudes from 0 to 1 and phases from 0 to π by chance, the paper's start (section 3.3)."""

    check_seed(seed)

    def start(shape):
        rng = np.random.default_rng([seed, 1])
        return rng.uniform(0, 1, shape) * np.exp(1j * np.pi * rng.uniform(0, 1, shape))

    return start


def diverse_modes(waves: Complex[np.ndarray, "given y x"], count: int) -> Complex[np.ndarray, "modes y x"]:
    """`count` modes with the power of `waves`: the strongest of these, then others that differ from them.

    The others are the strongest wave times products of coordinates, like the modes of a laser, each with
    half the power of the one before. They have to differ: modes that are empty stay empty, and those that are mixtures
    of others stay so, as the derivative is the same linear map for all modes. Where a given one is, another takes its
    place, with a warning.
    """
    if count > waves[0].size:
        raise InputError(f"{count} modes can't differ on {waves.shape[1]} x {waves.shape[2]} pixels; give fewer.")
    largest = _largest(waves)
    units = waves / largest
    given = units[np.argsort(-np.sum(np.abs(units) ** 2, axis=(1, 2)), kind="stable")]
    modes = independent(given, count)
    own, lost = len(modes), min(count, len(waves)) - len(modes)
    if lost:
        warnings.warn(
            f"{lost} of the {len(waves)} start modes of the probe are empty or mixtures of the others, and would stay "
            "so: others take their place.",
            stacklevel=2,
        )
    modes = independent(itertools.chain(modes, _others(given[0], count + len(given))), count)
    for number in range(own, len(modes)):
        modes[number] = modes[number] * float(np.sqrt(0.5 * _power(modes[number - 1]) / _power(modes[number])))
    stack = np.stack(modes)
    return stack * (largest * float(np.sqrt(_power(units) / _power(stack))))


def varied(wave: Complex[np.ndarray, "y x"], count: int) -> Complex[np.ndarray, "count y x"]:
    """`count` waves of the power of `wave` that differ from it, in amplitude and phase alike: starts of variations."""
    unit = wave / _largest(wave)
    others = np.stack(independent(itertools.chain([unit], _others(unit, count + 1)), count + 1)[1:])
    powers = np.sum(np.abs(others) ** 2, axis=(1, 2), keepdims=True)
    return others * (1 + 1j) / np.sqrt(2) * np.sqrt(_power(unit) / powers) * _largest(wave)


def _largest(waves: Complex[np.ndarray, "..."]) -> float:
    """The largest magnitude, by which waves are divided before they are squared."""
    largest = float(np.max(np.abs(waves)))
    if not 0 < largest < np.inf:
        raise InputError("A probe that is 0 everywhere, or not finite, makes no modes; give another.")
    return largest


def _power(wave: Complex[np.ndarray, "..."]) -> float:
    return float(np.sum(np.abs(wave) ** 2, dtype=np.float64))


def independent(waves: Iterable[Complex[np.ndarray, "y x"]], most: int) -> list[np.ndarray]:
    """The first `most` waves of which none is empty beside the first, or a mixture of those before.

    What a sample of the pixels can't mix from those before, all pixels can't either, so most are told by a few.
    """
    kept, strongest, basis = [], 0.0, np.zeros((0, 0), complex)
    for wave in waves:
        power = _exact_power(wave)
        if not power > EMPTY * strongest:
            continue
        sample = wave.ravel()[:: -(-wave.size // TELLING)].astype(np.complex128) / np.sqrt(power)
        rest = _aside(sample, basis) if kept else sample
        if not _power(rest) > MIXTURE and not _left(wave, kept) > MIXTURE * power:
            continue
        rest = rest[None] / (np.sqrt(_power(rest)) or 1.0)
        kept, basis = [*kept, wave], np.concatenate([basis, rest]) if kept else rest
        strongest = strongest or power
        if len(kept) == most:
            break
    return kept


def _aside(wave: Complex[np.ndarray, " pixel"], basis: Complex[np.ndarray, "wave pixel"]) -> np.ndarray:
    """What is left of a wave beside an orthonormal basis (Gram, Schmidt)."""
    for _ in range(2):  # the second time takes away what rounding left
        wave = wave - (basis.conj() @ wave) @ basis
    return wave


def _left(wave: Complex[np.ndarray, "y x"], others: Sequence[Complex[np.ndarray, "y x"]]) -> float:
    """Power that is left of a wave when the mixture of others that is nearest to it is taken away."""
    if not others:
        return _exact_power(wave)
    stack = [other.ravel() for other in (*others, wave)]
    scales = np.sqrt([_exact_power(one) for one in stack])

    def parts() -> Iterator[np.ndarray]:
        for begin in range(0, wave.size, AT_ONCE):
            part = np.stack([one[begin : begin + AT_ONCE] for one in stack])
            yield part.astype(np.complex128) / scales[:, None]

    products = np.sum([part.conj() @ part.T for part in parts()], axis=0)
    share = np.linalg.lstsq(products[:-1, :-1], products[:-1, -1])[0]
    return float(sum(_power(part[-1] - share @ part[:-1]) for part in parts()) * scales[-1] ** 2)


def _exact_power(wave: Complex[np.ndarray, "..."]) -> float:
    """The power in double precision, in which that of single precision can't overflow."""
    flat = wave.ravel()
    parts = (flat[begin : begin + AT_ONCE].astype(np.complex128) for begin in range(0, flat.size, AT_ONCE))
    return float(sum(np.vdot(part, part).real for part in parts))


def _others(wave: Complex[np.ndarray, "y x"], count: int) -> Iterator[np.ndarray]:
    """Waves that differ from `wave`: its products with those of coordinates, low orders first; then it moved about."""
    y, x = _standard_coordinates(np.abs(wave) ** 2)
    for i, j in itertools.islice(_orders(), 2 * count):
        other = wave * (y[:, None] ** i * x**j).astype(np.real(wave).dtype)
        if not other.any():  # a wave one pixel wide has no coordinate to vary with; its neighbours take part
            other = np.roll(wave, (i, j), axis=(0, 1))
        yield other / _largest(other)
    for place in np.ndindex(wave.shape):
        yield np.roll(wave, place, axis=(0, 1))
    for place in range(wave.size):
        yield (np.arange(wave.size) == place).reshape(wave.shape).astype(wave.dtype)


def _orders() -> Iterator[tuple[int, int]]:
    """Exponents of two coordinates, not both 0, by their sum."""
    return ((i, total - i) for total in itertools.count(1) for i in range(total + 1))


def _standard_coordinates(power: Float[np.ndarray, "y x"]) -> list[Float[np.ndarray, " pixel"]]:
    """Distance from the middle of a distribution along each axis, in units of its width."""
    coordinates = []
    for across in (1, 0):
        weights = power.sum(axis=across, dtype=np.float64)
        places = np.arange(weights.size)
        centre = np.average(places, weights=weights)
        width = np.sqrt(np.average((places - centre) ** 2, weights=weights))
        coordinates.append((places - centre) / max(width, 1e-6))
    return coordinates


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
            "A start probe in metres needs wavelength, distance and pixel size; name them with --key, or leave "
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
