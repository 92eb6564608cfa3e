"""How close a reconstruction is to the truth, once what no measurement can tell is taken out."""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Complex, Float, Inexact
from skimage.registration import phase_cross_correlation

from ptychograd.core.arrays import shifted
from ptychograd.core.fourier import exact_fft, uncentred

__all__ = ["Comparison", "compare_arrays", "nrmse", "nrmse_within", "raster_nrmse", "register", "remove_relative_ramp"]


def __dir__() -> list[str]:
    return __all__


UPSAMPLING = 100  # registration to 1/100 pixel
RAMP_ROUNDS = 4  # shift and ramp are found in turn; they settle after two rounds


class Comparison(NamedTuple):
    """NRMSE of one array, with and without its linear phase ramp, and the shift (pixels) that was found.

    `registered` is the recovered array moved by that shift, its ramp removed, for errors in a part of it.
    """

    nrmse: float
    nrmse_ramp_removed: float
    shift: tuple[float, ...]
    registered: Inexact[np.ndarray, "..."]


def nrmse(truth: Inexact[np.ndarray, "..."], recovered: Inexact[np.ndarray, "..."]) -> float:
    """Normalised root-mean-square error of an array, after sub-pixel registration and the best complex scale.

    sqrt(1 - max|cc|² / (Σ|f|² Σ|g|²)) with the upsampled cross-correlation cc of Guizar-Sicairos, Thurman & Fienup,
    Opt. Lett. 33, 156 (2008), the paper's [55]. A shift wraps around at the edges. A phase ramp between the two counts
    as an error.

    Args:
        truth: the true array f, of any number of dimensions.
        recovered: the recovered one g, of the same shape.

    Returns:
        the error: 0 is perfect, 1 unrelated.

    Example:
        >>> truth = data.truth.object
        >>> print(f"{pg.nrmse(truth, 2j * np.roll(truth, 3, axis=0)):.3f}")
        0.000
    """
    return register(truth, recovered)[1]


def register(
    truth: Inexact[np.ndarray, "..."], recovered: Inexact[np.ndarray, "..."]
) -> tuple[Float[np.ndarray, "axis"], float]:
    """Shift (pixels, to be added to `recovered`) that registers the two, and the NRMSE that is left."""
    shift, error, _ = phase_cross_correlation(
        _unit(truth),
        _unit(recovered),
        upsample_factor=UPSAMPLING,
        normalization=None,  # pyright: ignore[reportArgumentType] (documented, but not in its types)
    )
    return np.asarray(shift), float(error)


def compare_arrays(truth: Inexact[np.ndarray, "..."], recovered: Inexact[np.ndarray, "..."]) -> Comparison:
    """Both kinds of NRMSE of `recovered`, the second without the linear phase ramp between the two."""
    recovered = np.asarray(recovered, np.complex128)
    plain_shift, plain = register(truth, recovered)
    found = [(plain, plain_shift, recovered)]
    for shift in (plain_shift, register(np.abs(truth), np.abs(recovered))[0]):  # moduli know no ramp
        flat = recovered
        for _ in range(RAMP_ROUNDS):
            flat = remove_relative_ramp(shifted(truth, -shift), flat)
            shift, error = register(truth, flat)
            found.append((error, shift, flat))
    best, shift, flat = min(found, key=lambda entry: entry[0])
    return Comparison(plain, best, tuple(float(s) for s in shift), shifted(flat, shift))


def nrmse_within(
    truth: Inexact[np.ndarray, "..."], registered: Inexact[np.ndarray, "..."], where: Bool[np.ndarray, "..."]
) -> float:
    """NRMSE of two registered arrays over the pixels `where`, after the best complex scale."""
    one, other = _unit(truth[where]), _unit(registered[where])
    powers = np.vdot(one, one).real * np.vdot(other, other).real
    return float(np.sqrt(max(0.0, 1 - abs(np.vdot(one, other)) ** 2 / powers))) if powers > 0 else 1.0


def nrmse_but_for(
    truth: Inexact[np.ndarray, "..."],
    recovered: Inexact[np.ndarray, "..."],
    gauge: Collection[str],
    where: Bool[np.ndarray, "..."],
) -> float:
    """NRMSE over the pixels `where`, after only what `gauge` names was made the same: "shift", "scale", "phase".

    A constant phase of a real image, which is one itself, is a constant that is added.
    """
    if "shift" in gauge:
        recovered = shifted(recovered.astype(complex), register(truth, recovered)[0])
    one, other = truth[where].astype(complex), recovered[where].astype(complex)
    both, power = np.vdot(other, one), np.vdot(other, other).real
    is_real = not (np.iscomplexobj(truth) or np.iscomplexobj(recovered))
    if "phase" in gauge and is_real and "scale" not in gauge:
        other = other + np.mean(one - other)
    elif power > 0 and abs(both) > 0:
        turn = both / abs(both) if "phase" in gauge and not is_real else 1.0
        size = float((both / turn).real) / power if "scale" in gauge else 1.0
        other = other * turn * size
    return float(np.linalg.norm(one - other) / max(float(np.linalg.norm(one)), np.finfo(float).tiny))


def remove_relative_ramp(
    truth: Inexact[np.ndarray, "..."], recovered: Inexact[np.ndarray, "..."]
) -> Inexact[np.ndarray, "..."]:
    """`recovered` without the linear phase ramp that it has over `truth`; the two must be registered.

    The ramp is the offset from zero of the peak in the spectrum of recovered · truth*, between
    frequencies too, for which the middle of the arrays has to be their origin.
    """
    product = _unit(recovered) * np.conj(_unit(truth))
    peak = np.zeros(product.shape)
    peak[(0,) * peak.ndim] = 1
    offset, _ = register(peak, exact_fft(uncentred(product, tuple(range(product.ndim)))))
    phase = sum(
        np.reshape(2 * np.pi * o * np.arange(n) / n, [-1 if axis == a else 1 for a in range(product.ndim)])
        for axis, (o, n) in enumerate(zip(offset, product.shape, strict=True))
    )
    return recovered * np.exp(1j * phase)


def _unit(array: Inexact[np.ndarray, "..."]) -> Complex[np.ndarray, "..."]:
    """The array in double precision with a largest magnitude of 1, so that no square is infinite or 0."""
    array = np.asarray(array, np.complex128)
    largest = np.max(np.abs(array), initial=0)
    return array / largest if largest > 0 else array


def raster_nrmse(truth: Inexact[np.ndarray, "y x"], recovered: Inexact[np.ndarray, "y x"], period: int) -> float:
    """NRMSE up to what a scan on a perfect raster of `period` pixels leaves open; both must be registered.

    Such a scan can't tell an object from the same times any function of that period and any linear
    phase ramp, the probe taking the inverse (raster grid pathology, Thibault et al., Ultramicroscopy
    109, 338 (2009)); a known surround of the object would. Both are taken out by least squares.
    """
    flat = np.array(recovered, np.complex128)
    for axis in (0, 1):
        product = np.moveaxis(truth * np.conj(flat), axis, 0)
        slope = np.angle(np.sum(product[period:] * np.conj(product[:-period]))) / period
        ramp = np.exp(1j * slope * np.arange(flat.shape[axis]))
        flat = flat * (ramp[:, None] if axis == 0 else ramp)
    for row in range(period):
        for column in range(period):
            part = (slice(row, None, period), slice(column, None, period))
            power = np.vdot(flat[part], flat[part]).real
            flat[part] *= np.vdot(flat[part], truth[part]) / power if power > 0 else 0
    return float(np.linalg.norm(truth - flat) / np.linalg.norm(truth))
