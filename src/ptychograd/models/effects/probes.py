"""What a beam does beside the ideal: it is not coherent, not steady, not in focus, and not known."""

from collections.abc import Mapping, Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Complex

from ptychograd.core.errors import InputError
from ptychograd.core.fourier import exact_fft, exact_ifft, frequencies
from ptychograd.core.memory import available_memory
from ptychograd.core.strict import meant
from ptychograd.models.effects.common import Model, answered, checked, count_of, lengths, probe_of, with_part
from ptychograd.physics.model import AbstractModel, roles_of
from ptychograd.physics.probes import AberratedProbe, AbstractProbe, Probe, VaryingProbe, zernike
from ptychograd.physics.probes.diverse import varied
from ptychograd.physics.propagators import fresnel_kernel, fresnel_rates
from ptychograd.physics.ptychography import Ptychography

START_SHARE = 0.001  # of the first mode's power, in each variation as it starts
SPECTRUM_SHARE = 0.99  # of the power of the modes, inside the pupil if its size is not given
BYTES = 80  # of a pixel of a variation: made in double precision, then its value, velocity and gradients
PHASE_STEP = 0.05  # radians at the edge of the beam's cone, that a step of defocus makes


@meant
def with_modes(model: Model, count: int) -> Model:
    """Make the probe partially coherent: `count` incoherent modes, whose patterns add up, with the power of the probe.

    The strongest modes of the probe stay. Those that are missing start as the strongest mode times products of
    coordinates, like the modes of a laser, each with half the power of the one before. So do modes that are empty or
    mixtures of others, which no gradient could move; a warning tells of these.

    Args:
        model: a far-field or near-field model, or one of your own with a field `probe`, a `pg.physics.AbstractProbe`
            that its call goes through.
        count: modes, 1 or more.

    Raises:
        InputError: fewer than 1, more than can differ on these pixels, or a probe that something else was put into
            before.

    Example:
        >>> pg.models.with_modes(model, 3).probe.modes.shape
        (3, 20, 18)
    """
    probe = probe_of(model, "Probe modes")
    made = answered(probe.with_modes(count_of(count, "probe modes")), AbstractProbe, probe, "with_modes")
    return with_part(model, "probe", made)


@meant
def with_varying_probe(model: Model, count: int) -> Model:
    """Let the first mode of the probe vary from pattern to pattern, in `count` ways (orthogonal probe relaxation).

    The variations ("probe.variations") start as the mode times products of coordinates, with a thousandth of its power
    each, and all weights ("probe.weights") at 0. The equation is that of `VaryingProbe`.

    Args:
        model: a far-field or near-field model, or one of your own with positions among its roles, and a field `probe`,
            a `pg.physics.AbstractProbe` that its call goes through.
        count: variations, 1 or more and fewer than there are patterns.

    Raises:
        InputError: another number of them, more than there is memory for, or a probe of another kind.

    Example:
        >>> probe = pg.models.with_varying_probe(model, 2).probe
        >>> probe.variations.shape, probe.weights.shape
        ((2, 20, 18), (56, 2))
    """
    probe = probe_of(model, "A varying probe")
    count_of(count, "variations of the probe")
    probe, patterns = answered(probe.as_varying(), VaryingProbe, probe, "as_varying"), _patterns(model)
    _check_rank(count, patterns, probe.modes.shape[1:])
    modes = np.asarray(probe.modes, complex)
    variations = np.sqrt(START_SHARE) * varied(modes[0], count)
    real = probe.modes.real.dtype
    return with_part(
        model,
        "probe",
        VaryingProbe(
            probe.modes,
            jnp.asarray(variations, probe.modes.dtype),
            jnp.zeros((patterns, count), real),
            probe.intensity,
        ),
    )


@meant
def with_varying_intensity(model: Model) -> Model:
    """Give every exposure an intensity of its own, "probe.intensity", 1 as it starts (see `VaryingProbe`).

    Args:
        model: a far-field or near-field model, or one of your own with positions among its roles, and a field `probe`,
            a `pg.physics.AbstractProbe` that its call goes through.

    Raises:
        InputError: a probe that can't vary.

    Example:
        >>> pg.models.with_varying_intensity(model).probe.intensity.shape
        (56, 1)
    """
    probe = probe_of(model, "A varying intensity")
    probe = answered(probe.as_varying(), VaryingProbe, probe, "as_varying")
    intensity = jnp.ones((_patterns(model), 1), probe.modes.real.dtype)
    return with_part(model, "probe", VaryingProbe(probe.modes, probe.variations, probe.weights, intensity))


@meant
def with_aberrations(
    model: AbstractModel,
    defocus: float = 0.0,
    aberrations: Mapping[int, float] | None = None,
    pupil: float | None = None,
) -> Ptychography:
    """Describe the probe by its wave upstream, in an aperture or focus, and the defocus and aberrations in between.

    The wave on the object stays what it is but for the `aberrations`. Refine "probe.defocus" and "probe.aberrations";
    defocus and modes can't both be found, so hold "probe.modes" (see `AberratedProbe`).

    Args:
        model: a far-field or near-field model with lengths in metres.
        defocus: metres from that plane to the object; by default 0.
        aberrations: radians (root-mean-square over the pupil) by Noll's number of Zernike's polynomials; by default
            none.
        pupil: radius of the pupil in cycles per metre (numerical aperture over wavelength); by default it holds 99 % of
            the power of the modes.

    Raises:
        InputError: no lengths in metres, a defocus that aliases on these pixels, or a pupil that is not above 0.

    Example:
        >>> geometry = pg.Geometry(wavelength=1.5e-10, distance=2.0, pixel_size=(75e-6, 75e-6))
        >>> scan = pg.make_dataset(np.ones((2, 16, 20)), [[0, 0], [0, 1e-6]], geometry=geometry)
        >>> pg.models.with_aberrations(pg.far_field(scan), 1e-4, {5: 0.5}).probe.aberrations
        Array([0.5], dtype=float32)
    """
    whole = checked(model, "Defocus and aberrations")
    probe = answered(whole.probe.as_plain("Defocus and aberrations"), Probe, whole.probe, "as_plain")
    sampling, wavelength = lengths(whole, "A defocus")
    shape, modes = whole.frame_shape, np.asarray(probe.modes, complex)
    back = fresnel_kernel(shape, sampling, wavelength, -defocus)
    upstream = np.stack([exact_ifft(exact_fft(mode) * back) for mode in modes])
    f_y, f_x = (frequencies(n) / pixel for n, pixel in zip(shape, sampling, strict=True))
    radius, angle = np.hypot(f_y[:, None], f_x), np.arctan2(f_y[:, None], f_x)
    cone = _radius_of(modes, radius)
    pupil = cone if pupil is None else pupil
    if not 0 < pupil < np.inf:
        raise InputError(f"A pupil of {pupil:g} cycles per metre; expected a radius above zero.")
    terms, real = dict(aberrations or {}), probe.modes.real.dtype
    shapes = [zernike(noll, radius / pupil, angle) for noll in terms]
    rates = fresnel_rates(shape, sampling, wavelength)
    return with_part(
        whole,
        "probe",
        AberratedProbe(
            modes=jnp.asarray(upstream, probe.modes.dtype),
            defocus=jnp.asarray(defocus, real),
            aberrations=jnp.asarray(list(terms.values()), real).reshape(len(terms)),
            rates=(rates[0].astype(real), rates[1].astype(real)),
            shapes=np.stack(shapes).astype(real) if shapes else np.zeros((0, *shape), real),
            defocus_step=float(PHASE_STEP / (np.pi * wavelength * cone**2)),
        ),
    )


def _check_rank(count: int, patterns: int, frame: Sequence[int]) -> None:
    """Raise `InputError` for more variations than patterns can tell from their mean, or than there is memory for."""
    if count >= max(2, patterns):
        raise InputError(f"{count} variations of the probe; expected fewer than there are patterns, {patterns}.")
    needed, free = count * int(np.prod(frame)) * BYTES, available_memory()
    if free is not None and needed > free:
        raise InputError(
            f"{count} variations of the probe on {tuple(frame)} pixels need about {needed / 1e9:.3g} GB, and "
            f"{free / 1e9:.3g} GB are free; give fewer."
        )


def _radius_of(modes: Complex[np.ndarray, "modes y x"], radius: np.ndarray) -> float:
    """Radius in frequency space within which most of the power is."""
    power = np.sum([np.abs(exact_fft(mode)) ** 2 for mode in modes], axis=0)
    order = np.argsort(radius, axis=None)
    within = np.cumsum(power.ravel()[order])
    place = np.searchsorted(within, SPECTRUM_SHARE * within[-1])
    return float(max(radius.ravel()[order][min(place, order.size - 1)], np.min(radius[radius > 0])))


def _patterns(model: AbstractModel) -> int:
    """How many there are, one at each position."""
    positions = roles_of(model).positions
    if positions is None:
        raise InputError(
            f"How many patterns there are is not known, as {type(model).__name__} names no positions; return "
            "pg.Roles(positions=...) in `roles`."
        )
    return len(positions.corner)
