"""Strain of a crystal lattice, from the phase of its density."""

import numpy as np
from jaxtyping import Bool, Complex, Float
from scipy.ndimage import gaussian_filter

from ptychograd.core.arrays import own_magnitude

SOLID = 0.5  # of a crystal's own magnitude: voxels above are inside
BLUR = 1.0  # voxels over which it is told, so that noise does not pass for a crystal


def solid(density: Complex[np.ndarray, "x y z"]) -> Bool[np.ndarray, "x y z"]:
    """Voxels inside the crystal: brighter than half of its magnitude."""
    magnitude = np.abs(density)
    return magnitude > SOLID * own_magnitude(gaussian_filter(magnitude, BLUR))


def strain(
    density: Complex[np.ndarray, "x y z"], voxel: tuple[float, ...], scattering_vector: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "x y z"]:
    """Strain of a crystal: relative change of its lattice spacing along the scattering vector G.

    The phase is -G·u with the displacement u of the lattice, where waves are exp(ik·r) and detector rows and columns
    count along x and z, so the strain is -Ĝ·∇φ / |G|, positive where the spacing is larger. The gradient is the mean of
    the phase steps to both neighbours, or to the one inside, so nothing is unwrapped: the phase must turn by less than
    π from one voxel to the next.

    Args:
        density: of the crystal (x, y, z), complex, as `object` of its result.
        voxel: its sides (x, y, z) in metres.
        scattering_vector: G, radians a metre along (x, y, z).

    Returns:
        the strain of each voxel (x, y, z), without unit; NaN outside of the crystal.

    Example:
        >>> x = np.arange(16)[:, None, None]
        >>> density = np.zeros((16, 16, 16), complex)
        >>> density[4:12, 4:12, 4:12] = np.exp(-0.2j * x[4:12])  # 0.2 radians a voxel
        >>> found = pg.quality.strain(density, (1e-8, 1e-8, 1e-8), np.array([2e10, 0, 0]))
        >>> print(f"{np.nanmean(found):.4f}")
        0.0010
    """
    inside = solid(density)
    along = np.zeros(density.shape)
    measured = inside.copy()
    length = np.linalg.norm(scattering_vector)
    for axis in np.flatnonzero(scattering_vector):
        steps = np.zeros((2, *density.shape))
        pairs = np.zeros((2, *density.shape), bool)
        here, there = np.moveaxis(density, axis, 0)[:-1], np.moveaxis(density, axis, 0)[1:]
        both = np.moveaxis(inside, axis, 0)[:-1] & np.moveaxis(inside, axis, 0)[1:]
        step = np.angle(there * np.conj(here))
        for side, part in enumerate((slice(None, -1), slice(1, None))):
            np.moveaxis(steps[side], axis, 0)[part] = np.where(both, step, 0)
            np.moveaxis(pairs[side], axis, 0)[part] = both
        neighbours = pairs.sum(axis=0)
        measured &= neighbours > 0
        gradient = steps.sum(axis=0) / np.maximum(neighbours, 1) / voxel[axis]
        along += scattering_vector[axis] / length * gradient
    return np.where(measured, -along / length, np.nan)
