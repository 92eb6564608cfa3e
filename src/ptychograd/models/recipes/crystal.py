"""The recipe for a crystal in three dimensions."""

import warnings

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Complex, Float

from ptychograd.core.errors import InputError
from ptychograd.core.strict import meant
from ptychograd.data.dataset import BraggGeometry, Dataset, check_data, check_extent, positions_in_pixels
from ptychograd.models.recipes.common import brightness_ratio, checked_dtype, start_modes
from ptychograd.models.recipes.given import Given, made, object_of
from ptychograd.models.starts import ObjectStart, ProbeStart, Sampling, flat_object
from ptychograd.physics.bragg import BraggPtychography, Crystal, TiltedBeam, window_depth
from ptychograd.physics.checks import check_windows
from ptychograd.physics.detector import Detector
from ptychograd.physics.propagators import FarField
from ptychograd.physics.scan import make_scan

ANY_POWER = 1e20  # of a beam, over the photons that a crystal diffracts out of it: what single precision holds
ILLUMINATED = 1e-3  # of the brightest voxel's photons in the whole scan: what got less is left out of a slab


@meant
def bragg(
    data: Dataset,
    *,
    thickness: float | None = None,
    probe: ProbeStart | Given | None = None,
    object: ObjectStart | Given | None = None,
    modes: int | None = None,
    background: float = 0.0,
    dtype: np.dtype | type = np.complex64,
) -> BraggPtychography:
    """The start model for a crystal in three dimensions: multi-angle Bragg projection ptychography (Eqs. 16 to 18).

    The density is free in the dataset's support, or else where the scan lit a slab `thickness` metres thick along x,
    and 0 elsewhere. A warning says where rocking angles alias in depth.

    Args:
        data: rocking curves, with a `BraggGeometry`.
        thickness: of the slab along x, in metres; needed if the dataset has no support, and only then.
        probe: the beam across its direction, (s, z): an array or a function that makes one (see `focal_spot`); by
            default the dataset's. It has to be known well, and stays as it is unless "probe" is trainable.
        object: start density, an array (X, Y, Z) or a function as for `far_field`; by default flat. It is scaled to the
            photons measured. What no pattern tells of a random start stays in the result.
        modes: incoherent modes of the beam; by default as many as an array has that is given as `probe`, else 1.
        background: photons a pixel; by default 0.
        dtype: complex64, by default, or complex128, for which double precision has to be switched on in JAX.

    Raises:
        InputError: no Bragg geometry, no beam, no thickness, or lengths that don't fit the field of view.

    Example:
        A crystal 1 µm thick, in a beam that is 2 µm wide:

            data = pg.read("rocking.h5")
            model = pg.bragg(data, thickness=1e-6, probe=pg.models.focal_spot(2e-6))
            result = pg.reconstruct(model, data, pg.Nesterov(), trainable=("object",), epochs=100, batch_size=4)
    """
    check_data(data)
    dtype, geometry = checked_dtype(dtype), data.rocking_curve
    if geometry is None:
        raise InputError(
            f"{data.source} has no rocking curve; give wavelength, distance, pixel size, and the angles two_theta and "
            "rocking (`data.keys.two_theta=RADIANS` and `data.keys.rocking=PATH`)."
        )
    if aliased := geometry.aliased(data.frame_shape):
        warnings.warn(f"{data.source}: {aliased}.", stacklevel=2)
    beam = start_modes(data, geometry.sampling(data.frame_shape), probe, _no_beam, modes, ANY_POWER)
    corners, window, support = _crystal_box(data, geometry, beam, thickness)
    real = np.finfo(dtype).dtype
    model = BraggPtychography(
        object=Crystal(jnp.asarray(_density(object, support), dtype), jnp.asarray(support)),
        probe=TiltedBeam(jnp.asarray(beam, dtype), geometry.two_theta, (support.shape[0], window[0])),
        deviation=jnp.asarray(geometry.deviation(data.frame_shape), real),
        scan=make_scan(corners, real),
        propagator=FarField(data.frame_shape, dtype),
        detector=Detector(jnp.asarray(background, real)),
        window=window,
        frame_shape=data.frame_shape,
        sampling=geometry.voxel(data.frame_shape),
    )
    check_windows(model, data.count // data.group)
    return _as_bright(model, data)


def _density(object: ObjectStart | Given | None, support: Bool[np.ndarray, "X Y Z"]) -> Complex[np.ndarray, "X Y Z"]:
    """The start density, 1 where it is largest; 1 everywhere in a support where it is 0, as it could not move."""
    start = object if object is not None else flat_object
    density = object_of(made(start, support.shape), support.shape)
    largest = float(np.max(np.abs(density[support])))
    if not largest > 0:
        warnings.warn("The start density is 0 in all of the support, and could not move: it is 1 there.", stacklevel=2)
        return flat_object(support.shape)
    return density / largest


def _crystal_box(
    data: Dataset, geometry: BraggGeometry, beam: Complex[np.ndarray, "modes s z"], thickness: float | None
) -> tuple[Float[np.ndarray, "position 2"], tuple[int, int], Bool[np.ndarray, "X Y Z"]]:
    """Corners of the windows (y, z), one a position; their size; and the support in the array that holds all."""
    corners = positions_in_pixels(data, None)[:: data.group]
    columns = data.frame_shape[1]
    if data.support is None:
        layers = _layers(geometry, data.frame_shape, thickness)
        window = (window_depth(beam, geometry.two_theta, layers), columns)
        check_extent(corners, window, geometry.sampling(data.frame_shape))
        corners = corners - corners.min(axis=0)
        return corners, window, _illuminated(corners, window, beam, geometry.two_theta, layers)
    if thickness is not None:
        raise InputError(f"{data.source} has a support of its own; leave the thickness out.")
    depth, rest = data.support.shape[1:] - np.round(corners).max(axis=0).astype(int)
    if np.round(corners).min() < 0:
        raise InputError(
            f"Windows begin at voxel {np.round(corners).min(axis=0).astype(int)} (y, z) of the support's array; "
            "positions are counted from its first voxel: subtract their minimum, or give a thickness and no support."
        )
    if depth < 1 or rest != columns or data.support.shape[0] > data.frame_shape[0]:
        raise InputError(
            f"The support's array of {data.support.shape} (x, y, z) does not fit: the last window begins at voxel "
            f"{np.round(corners).max(axis=0).astype(int)} (y, z) and is {columns} voxels along z, and has to end where "
            f"the array does; along x there is room for {data.frame_shape[0]}."
        )
    return corners, (int(depth), columns), data.support


def _illuminated(
    corners: Float[np.ndarray, "position 2"],
    window: tuple[int, int],
    modes: Complex[np.ndarray, "modes s z"],
    two_theta: float,
    layers: int,
) -> Bool[np.ndarray, "X Y Z"]:
    """The voxels of a slab that the scan lit; what the beam never reached would stay as it starts."""
    beam = TiltedBeam(jnp.asarray(modes, np.complex64), two_theta, (layers, window[0]))()
    intensity = np.sum(np.abs(np.asarray(beam, np.complex128)) ** 2, axis=0)
    places = np.round(corners).astype(int)
    total = np.zeros((layers, *(places.max(axis=0) + window)))
    for y, z in places:
        total[:, y : y + window[0], z : z + window[1]] += intensity
    return total > ILLUMINATED * total.max()


def _layers(geometry: BraggGeometry, frame_shape: tuple[int, int], thickness: float | None) -> int:
    """Voxels along x of a slab."""
    if thickness is None:
        raise InputError("Rocking curves without a support need the crystal's thickness along x, in metres.")
    voxel = geometry.voxel(frame_shape)[0]
    if not voxel <= thickness <= frame_shape[0] * voxel:
        raise InputError(
            f"A crystal {thickness:g} m thick does not fit a field of view of {frame_shape[0]} voxels of {voxel:.4g} m "
            f"({frame_shape[0] * voxel:.4g} m); give its thickness along x in metres."
        )
    return round(thickness / voxel)


def _no_beam(data: Dataset, sampling: Sampling) -> np.ndarray:
    raise InputError(
        f"{data.source} holds no probe, and the beam can't be estimated from what a crystal diffracts; name one with "
        "`data.keys.probe=PATH`, or give its size, as `model.start.focal_spot`."
    )


def _as_bright(model: BraggPtychography, data: Dataset) -> BraggPtychography:
    """The model with its density scaled to the photons of some positions that are spread over the scan."""
    scale, density = np.sqrt(brightness_ratio(model, data)), model.object.density
    return eqx.tree_at(lambda model: model.object.density, model, density * jnp.asarray(scale, density.dtype))
