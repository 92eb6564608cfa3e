"""How far two reconstructions of one object agree, spatial frequency by spatial frequency."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Complex, Float, Inexact
from scipy.ndimage import distance_transform_edt

from ptychograd.core.arrays import shifted
from ptychograd.core.errors import InputError
from ptychograd.core.fourier import exact_fft, frequencies
from ptychograd.quality.metrics import register, remove_relative_ramp

HALF_BIT, ONE_BIT = 0.5, 1.0
ROUNDS = 4  # shift and ramp are found in turn; they settle after two rounds
SOFT_SHARE, SOFTEST = 0.1, 16.0  # width of the soft edge: a share of the area's side, at most so many pixels
WIDE = 0.5  # of the rings of the widest band of agreement: bands with fewer are artefacts or chance
LEAST_SIDE = 8  # pixels of an area that has rings to speak of


class RingCorrelation(NamedTuple):
    """Correlation of two images on rings (shells in three dimensions) of equal spatial frequency.

    `resolution` gives the width of the finest line on which both agree.

    Args:
        frequency: mean of each ring, in cycles per unit of the sampling (per pixel if there was none).
        correlation: of each ring, from -1 to 1.
        count: how many independent values each ring has, fewer than its pixels where the images were apodised.
        limit: Nyquist frequency of the coarsest axis, up to which rings go.

    Example:
        >>> found = pg.quality.ring_correlation(data.truth.object, data.truth.object)
        >>> found.resolution(), found.reaches_limit()
        (1.0, True)
    """

    frequency: Float[np.ndarray, " ring"]
    correlation: Float[np.ndarray, " ring"]
    count: Float[np.ndarray, " ring"]
    limit: float

    def threshold(self, bits: float) -> Float[np.ndarray, " ring"]:
        """Correlation at which each value of a ring holds so many bits, of both images taken together.

        T = (s + 2√(s/n) + 1/√n) / (s + 1 + 2√(s/n)), with n values in a ring and s the signal-to-noise ratio of one
        image, of which both together have twice as much: s = (2^bits - 1) / 2, 0.2071 for half a bit and 0.5 for one
        (M. van Heel & M. Schatz, J. Struct. Biol. 151, 250 (2005)).
        """
        signal = (2**bits - 1) / 2
        scatter = 1 / np.sqrt(np.maximum(self.count, np.finfo(float).tiny))
        shared = 2 * np.sqrt(signal) * scatter
        return (signal + shared + scatter) / (signal + 1 + shared)

    def crossing(self, bits: float) -> float | None:
        """Where the first wide band of agreement ends: there the correlation falls below the threshold.

        A band begins where a ring and one of the two after it are above the threshold (the first ring does alone), and
        ends where a ring and one of the two after it are below: one ring alone scatters below or above by chance.
        Wide are the band of most rings and those of at least half as many: a gap between two of them ends the
        agreement. Narrow ones count for nothing, be they first rings of a near field that does not tell slow variations
        (see `unknown_below`) or rings far out that agree by an artefact. For more than half a bit it is a band within
        that for half a bit. The limit if the band never ends, None if there is none.
        """
        band = self._band(bits)
        if band is None:
            return None
        return self.limit if band[1] == len(self.frequency) else self._zero(self._excess(bits), band[1])

    def unknown_below(self, bits: float) -> float:
        """The frequency at which that band of agreement begins (see `crossing`); 0 if at the first ring."""
        band = self._band(bits)
        return 0.0 if band is None or band[0] == 0 else self._zero(self._excess(bits), band[0])

    def _excess(self, bits: float) -> Float[np.ndarray, " ring"]:
        return self.correlation - self.threshold(bits)

    def _band(self, bits: float) -> tuple[int, int] | None:
        """First ring of the first wide band of agreement and the one after its last, if there is one."""
        found = _first_wide(_bands(self._excess(min(bits, HALF_BIT))))
        if found is None or bits <= HALF_BIT:
            return found
        first, end = found
        return _first_wide([band for band in _bands(self._excess(bits)) if first <= band[0] and band[1] <= end])

    def _zero(self, excess: Float[np.ndarray, " ring"], ring: int) -> float:
        """Where the straight line from the ring before to this one is zero."""
        low, high = self.frequency[ring - 1 : ring + 1]
        share = excess[ring - 1] / (excess[ring - 1] - excess[ring])
        return float(low + share * (high - low))

    def resolution(self, bits: float = HALF_BIT) -> float | None:
        """The half period 1 / (2 f) at the crossing f: the width of the finest line that both images tell alike.

        In the unit of the sampling (pixels if there was none). One pixel is the limit: there it means "or better".
        None where the images have nothing in common.
        """
        found = self.crossing(bits)
        return None if found is None else 1 / (2 * found)

    def reaches_limit(self, bits: float = HALF_BIT) -> bool:
        """Whether the images agree up to the finest detail that their pixels hold."""
        return self.crossing(bits) == self.limit


def _bands(excess: Float[np.ndarray, " ring"]) -> list[tuple[int, int]]:
    """First ring, and that after the last one, of every band of agreement (see `RingCorrelation.crossing`).

    Before the first ring all counts as above 0, and after the last one all as below.
    """
    above = excess >= 0
    after, beyond = np.pad(above, (0, 2))[1:-1], np.pad(above, (0, 2))[2:]
    begins, ends = above & (after | beyond), ~above & ~(after & beyond)
    begins[:1] = above[:1]
    found, first = [], None
    for ring in range(len(above)):
        if first is None and begins[ring]:
            first = ring
        elif first is not None and ends[ring]:
            found.append((first, ring))
            first = None
    return found if first is None else [*found, (first, len(above))]


def _first_wide(bands: Sequence[tuple[int, int]]) -> tuple[int, int] | None:
    """The first band that has at least that share of the rings of the widest one."""
    most = max((end - first for first, end in bands), default=0)
    return next((band for band in bands if band[1] - band[0] >= WIDE * most), None)


def ring_correlation(
    one: Inexact[np.ndarray, "*shape"],
    other: Inexact[np.ndarray, "..."],
    window: Float[np.ndarray, "*shape"] | None = None,
    sampling: tuple[float, ...] | None = None,
) -> RingCorrelation:
    """Correlation of two registered images on rings of equal spatial frequency, Re Σ F G* / √(Σ|F|² Σ|G|²).

    F and G are the transforms of the images times a window. It is the bare formula; `fourier_ring_correlation`
    registers two reconstructions first.

    Args:
        one: an image, of any number of dimensions.
        other: another of the same shape, registered with it.
        window: weight of each pixel, none by default. It also says how many values of the N pixels are independent:
            (Σw²)² / (N Σw⁴), or a few more, as neighbouring rings share some.
        sampling: size of a pixel along each axis, in metres for frequencies per metre; pixels by default.

    Returns:
        the correlation of every ring.

    Raises:
        InputError: the images have different shapes.

    Example:
        >>> noise = np.random.default_rng(0).normal(size=(2, 64, 48))
        >>> found = pg.quality.ring_correlation(noise[0], noise[0] + noise[1], sampling=(1e-8, 1e-8))
        >>> found.correlation.shape, round(float(found.correlation.mean()), 1)
        ((24,), 0.7)
    """
    if one.shape != other.shape:
        raise InputError(f"Images of {one.shape} and {other.shape} pixels can't be correlated; expected one shape.")
    steps = sampling or (1.0,) * one.ndim
    weight = np.ones(one.shape) if window is None else window
    first, second = exact_fft(one * weight), exact_fft(other * weight)
    axes = np.meshgrid(*(frequencies(n) / d for n, d in zip(one.shape, steps, strict=True)), indexing="ij")
    radius = np.sqrt(np.sum([axis**2 for axis in axes], axis=0))
    limit = float(min(0.5 / d for d in steps))
    width = max(1 / (n * d) for n, d in zip(one.shape, steps, strict=True))
    ring = np.round(radius / width).astype(int).ravel()
    rings = int(limit / width) + 1

    def summed(values: np.ndarray) -> np.ndarray:
        return np.bincount(ring, values.ravel(), minlength=rings)[1:rings]  # ring 0 is the mean

    powers = np.sqrt(summed(np.abs(first) ** 2) * summed(np.abs(second) ** 2))
    shared = summed(np.real(first * second.conj()))
    independent = np.sum(weight**2) ** 2 / (weight.size * np.sum(weight**4))
    count = summed(np.ones(one.shape))
    return RingCorrelation(
        summed(radius) / np.maximum(count, 1),
        np.divide(shared, powers, out=np.zeros_like(shared), where=powers > 0),
        count * independent,
        limit,
    )


def fourier_ring_correlation(
    one: Complex[np.ndarray, "*shape"],
    other: Complex[np.ndarray, "..."],
    area: Bool[np.ndarray, "*shape"] | None = None,
    sampling: tuple[float, ...] | None = None,
) -> RingCorrelation:
    """Ring correlation of two reconstructions of one object, once what no measurement can tell is taken out.

    Shift, phase ramp and phase of `other` are made those of `one`, both lose their mean, and they are compared under a
    window with a soft edge within `area`.

    Args:
        one: a reconstructed object: an image (y, x) or a crystal (x, y, z), complex.
        other: another of the same shape.
        area: True for the pixels to be compared, those that the scan lit in both; all by default. `half_agreement`
            finds them for two results.
        sampling: size of a pixel along each axis, in metres for frequencies per metre; pixels by default.

    Returns:
        the correlation of every ring; its `resolution()` is the finest detail on which both agree.

    Raises:
        InputError: they are no arrays, or have different shapes, or the area is too small for rings.

    Example:
        first, second = pg.load("first_half.h5"), pg.load("second_half.h5")
        found = pg.fourier_ring_correlation(first.object, second.object, sampling=first.sampling)
        found.resolution()  # in metres
    """
    for image in (one, other):
        if not isinstance(image, np.ndarray | jax.Array):
            raise InputError(
                f"A {type(image).__name__} is no image; expected two arrays, as result.object; of two results "
                "pg.quality.half_agreement(one, other) gives the ring correlation."
            )
    if one.shape != other.shape:
        raise InputError(f"Objects of {one.shape} and {other.shape} pixels can't be compared; expected the same scan.")
    box, inside = _box(np.ones(one.shape, bool) if area is None else area)
    window = soft_window(inside)
    first, second = registered(one[box].astype(complex), other[box].astype(complex), window)
    return ring_correlation(first, second, window, sampling)


def registered(
    one: Complex[np.ndarray, "*shape"], other: Complex[np.ndarray, "*shape"], window: Float[np.ndarray, "*shape"]
) -> tuple[Complex[np.ndarray, "*shape"], Complex[np.ndarray, "*shape"]]:
    """Both without their mean under the window, `other` with the shift, the phase ramp and the phase of `one`.

    The mean goes before they are registered: else the edge of the window, which both share, would be registered with
    itself.
    """
    target, found = _without_mean(one, window), []
    for start in (np.zeros(one.ndim), register(np.abs(one) * window, np.abs(other) * window)[0]):
        shift, error = start, np.inf
        for _ in range(ROUNDS):
            moved = _without_mean(_flat(one, shifted(other, shift), window), window)
            step, error = register(target * window, moved * window)
            shift = shift + step
        moved = _without_mean(_flat(one, shifted(other, shift), window), window)
        found.append((error, moved))
    return target, min(found, key=lambda entry: entry[0])[1]


def _flat(
    one: Complex[np.ndarray, "*shape"], other: Complex[np.ndarray, "*shape"], window: Float[np.ndarray, "*shape"]
) -> Complex[np.ndarray, "*shape"]:
    """`other` without the phase ramp and the phase that it has over `one` under the window."""
    flat = remove_relative_ramp(one * window**2, other)
    return flat * np.exp(-1j * np.angle(np.sum(flat * one.conj() * window**2)))


def soft_window(area: Bool[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """1 well inside an area, 0 outside, between them sin² of the distance to its edge."""
    side = float(np.sum(area)) ** (1 / area.ndim)
    if side < LEAST_SIDE:
        raise InputError(
            f"{np.sum(area):,} pixels were lit in both reconstructions, too few for rings; expected "
            f"{LEAST_SIDE**area.ndim} or more, of positions that overlap in each of the two."
        )
    width = min(SOFTEST, max(1.0, SOFT_SHARE * side))
    depth = np.asarray(distance_transform_edt(np.pad(area, 1)))[(slice(1, -1),) * area.ndim]
    return np.sin(np.pi / 2 * np.clip((depth - 0.5) / width, 0, 1)) ** 2


def _without_mean(image: Complex[np.ndarray, "*shape"], window: Float[np.ndarray, "*shape"]) -> np.ndarray:
    return image - np.sum(image * window) / np.sum(window)


def _box(area: Bool[np.ndarray, "*shape"]) -> tuple[tuple[slice, ...], np.ndarray]:
    """The box around an area, and the area in it."""
    if not area.any():
        raise InputError("No pixel was lit in both reconstructions; expected two of the same scan.")
    sides = [np.flatnonzero(area.any(axis=tuple(set(range(area.ndim)) - {axis}))) for axis in range(area.ndim)]
    box = tuple(slice(int(side[0]), int(side[-1]) + 1) for side in sides)
    return box, area[box]
