"""Recipes for a thin object, in the far field and in the near field."""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ptychograd.core.errors import InputError
from ptychograd.core.illumination import brightness
from ptychograd.core.strict import meant
from ptychograd.data.dataset import (
    Dataset,
    NearFieldGeometry,
    check_data,
    check_extent,
    positions_in_pixels,
)
from ptychograd.models.recipes.common import checked_dtype, start_modes
from ptychograd.models.recipes.dark import able_to_move
from ptychograd.models.recipes.given import Given, made, object_of
from ptychograd.models.starts import (
    ObjectStart,
    ProbeStart,
    Sampling,
    back_propagated,
    flat_object,
    mean_pattern,
    random_object,
)
from ptychograd.physics.checks import check_windows
from ptychograd.physics.detector import Detector
from ptychograd.physics.objects import SupportedObject, ThinObject
from ptychograd.physics.probes import Probe
from ptychograd.physics.propagators import AbstractPropagator, AngularSpectrum, FarField, Fresnel
from ptychograd.physics.ptychography import Ptychography
from ptychograd.physics.scan import make_scan


@meant
def far_field(
    data: Dataset,
    *,
    probe: ProbeStart | Given | None = None,
    object: ObjectStart | Given | None = None,
    modes: int | None = None,
    dtype: np.dtype | type = np.complex64,
) -> Ptychography:
    """The start model for a thin object in the far field (transmission ptychography, Eqs. 3, 4).

    A warning says where something of the start could not move, and what is put in its place: modes that are empty or
    mixtures of others (see `with_modes`), and windows in which the object is 0.

    Args:
        data: far-field patterns, with a `Geometry` or without any.
        probe: start probe: an array (y, x) or (modes, y, x), or a function that makes one (see `aperture`, `pinhole`,
            `focal_spot`, `mean_pattern`); by default the dataset's own, or else estimated from the mean pattern. It
            gets the photons of the brightest pattern; the dataset's own keeps its photons, unless they differ from
            these by a factor of more than 10⁶.
        object: start object: an array (Y, X), `flat_object`, or `random_object(seed)`; by default random where the
            dataset has a support (outside of which the transmission is 1), else flat.
        modes: incoherent modes of the probe; by default as many as an array has that is given as `probe`, else 1.
        dtype: complex64, by default, or complex128, for which double precision has to be switched on in JAX.

    Raises:
        InputError: a near-field or Bragg geometry, no photons, or a start of another shape or with numbers that are not
            finite.

    Example:
        >>> model = pg.far_field(data, object=pg.models.random_object(seed=1), modes=2)
        >>> model.probe.modes.shape, model.object.transmission.shape
        ((2, 20, 18), (53, 47))
    """
    check_data(data)
    dtype = checked_dtype(dtype)
    if data.near_field:
        raise InputError(
            f"{data.source} has a near-field geometry; take `near_field`, or read it with near_field=False."
        )
    if data.rocking_curve:
        raise InputError(f"{data.source} holds rocking curves; take `bragg`.")
    return _composed(data, FarField(data.frame_shape, dtype), probe, mean_pattern(), object, modes, dtype)


@meant
def near_field(
    data: Dataset,
    *,
    probe: ProbeStart | Given | None = None,
    object: ObjectStart | Given | None = None,
    modes: int | None = None,
    propagator: type[Fresnel] | type[AngularSpectrum] = Fresnel,
    dtype: np.dtype | type = np.complex64,
) -> Ptychography:
    """The start model for a thin object in the near field (projection ptychography, Eqs. 13, 14).

    The patterns are shadows on the pixels of the object, magnified by a cone beam if `data.geometry` has a finite focus
    distance. The distance can be refined by the name "propagator.distance": with a parallel beam and a known surround
    of the object. In a cone beam the size of a pixel and the positions depend on the distance too, and stay as they
    are: scan it instead.

    Args:
        data: near-field patterns, with a `NearFieldGeometry`.
        probe: start probe, as for `far_field`; by default the dataset's own, or else the mean pattern propagated back
            (Eq. 15).
        object: start object, as for `far_field`.
        modes: incoherent modes of the probe, as for `far_field`.
        propagator: `Fresnel`, by default, or `AngularSpectrum`, for large angles; over the geometry's
            `effective_distance`.
        dtype: complex64, by default, or complex128, for which double precision has to be switched on in JAX.

    Raises:
        InputError: no near-field geometry, a distance that aliases on these pixels, positions that span less than one
            of them, or a start that does not fit.

    Example:
        >>> beam = pg.NearFieldGeometry(wavelength=1.5e-10, distance=0.1, pixel_size=(2e-6, 2e-6))
        >>> scan = pg.make_dataset(np.ones((2, 16, 20)), [[0, 0], [0, 1e-5]], geometry=beam)
        >>> pg.near_field(scan).object.transmission.shape
        (16, 25)
    """
    check_data(data)
    dtype, geometry = checked_dtype(dtype), data.near_field
    if geometry is None:
        raise InputError(
            f"{data.source} has no near-field geometry; give wavelength, distance, pixel size, and the distance from "
            "focus to sample (`geometry.focus_distance`, inf for a parallel beam)."
        )
    lengths = geometry.sampling(data.frame_shape), geometry.wavelength, geometry.effective_distance
    _require_motion(data, geometry)
    space = propagator(data.frame_shape, *lengths, dtype)
    return _composed(data, space, probe, back_propagated, object, modes, dtype)


def thin_recipe(data: Dataset) -> Callable[..., Ptychography]:
    """The recipe of a thin object that the data call for: `near_field` for shadows, else `far_field`."""
    return near_field if data.near_field else far_field


def _require_motion(data: Dataset, geometry: NearFieldGeometry) -> None:
    """Refuse pixels on which the sample hardly moved: the beam was a narrower cone, or a length is in another unit."""
    span = np.ptp(positions_in_pixels(data, None), axis=0).max()
    if data.count > 1 and span < 1:
        parallel = np.isinf(geometry.focus_distance)
        beam = "in a parallel beam" if parallel else f"{geometry.focus_distance:.4g} m from the focus"
        raise InputError(
            f"The positions span {span:.2g} object pixels {beam}; give the distance from focus to sample in metres "
            "(`geometry.focus_distance`)."
        )


def _composed(
    data: Dataset,
    propagator: AbstractPropagator,
    probe: ProbeStart | Given | None,
    estimated: ProbeStart,
    object: ObjectStart | Given | None,
    modes: int | None,
    dtype: np.dtype,
) -> Ptychography:
    sampling = data.geometry.sampling(data.frame_shape) if data.geometry else None
    corners, shape = _place(data, sampling)
    waves = start_modes(data, sampling, probe, estimated, modes)
    start = object if object is not None else (flat_object if data.support is None else random_object())
    begun = object_of(made(start, shape), shape)
    transmission = jnp.asarray(able_to_move(begun, brightness(waves), corners, data.support), dtype)
    known = None if data.support is None else jnp.asarray(data.support)
    thin = ThinObject(transmission) if known is None else SupportedObject(transmission, support=known)
    real = np.finfo(dtype).dtype
    model = Ptychography(
        object=thin,
        probe=Probe(jnp.asarray(waves, dtype)),
        scan=make_scan(corners, real),
        propagator=propagator,
        detector=Detector(jnp.zeros((), real)),
        frame_shape=data.frame_shape,
        sampling=sampling,
        wavelength=data.geometry.wavelength if data.geometry else None,
    )
    check_windows(model, data.count)
    return model


def _place(data: Dataset, sampling: Sampling) -> tuple[Float[np.ndarray, "index 2"], tuple[int, int]]:
    """Corners of the windows in pixels of the object array, and the array's shape."""
    corners = positions_in_pixels(data, sampling)
    check_extent(corners, data.frame_shape, sampling)
    frame = np.array(data.frame_shape)
    if data.support is None:
        corners = corners - corners.min(axis=0)
        height, width = np.round(corners).max(axis=0).astype(int) + frame
        return corners, (int(height), int(width))
    low, high = np.round(corners).min(axis=0), np.round(corners).max(axis=0) + frame
    if (low < 0).any() or (high > data.support.shape).any():
        raise InputError(
            f"The scan covers object pixels {low.astype(int)} to {high.astype(int)}, outside the support's "
            f"array of {data.support.shape}; give positions from that array's first pixel, or no support."
        )
    return corners, data.support.shape
