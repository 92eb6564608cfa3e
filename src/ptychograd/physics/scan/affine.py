"""What a stage with a wrong scale, shear or rotation does to positions."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class AffineParts(NamedTuple):
    """Scale along y and x, shear and rotation: 1 + affine = [[s_y cos a, -s_x sin b], [s_y sin a, s_x cos b]].

    A step along y is turned by a, one along x by b, both from y towards x: rotation is (a + b) / 2 and shear b - a, by
    which the angle between the two exceeds 90°.

    Args:
        scale_y: s_y, 1 for a stage without error.
        scale_x: s_x, 1 for a stage without error.
        shear: b - a, in radians.
        rotation: (a + b) / 2, in radians.
    """

    scale_y: float
    scale_x: float
    shear: float
    rotation: float


def affine_parts(affine: Float[np.ndarray, "2 2"]) -> AffineParts:
    """Tell the scale, shear and rotation that a scan's `affine` stands for.

    Args:
        affine: deviation from the identity, (2, 2) along (y, x), as in `RefinableScan`.

    Returns:
        `scale_y`, `scale_x`, and `shear` and `rotation` in radians.

    Example:
        >>> parts = pg.physics.affine_parts(np.array([[0.02, 0.0], [0.0, -0.01]]))
        >>> parts.scale_y, parts.scale_x
        (1.02, 0.99)
    """
    (yy, yx), (xy, xx) = np.eye(2) + np.asarray(affine, np.float64)
    a, b = np.arctan2(xy, yy), np.arctan2(-yx, xx)
    return AffineParts(float(np.hypot(yy, xy)), float(np.hypot(yx, xx)), float(b - a), float((a + b) / 2))


def affine_of(parts: AffineParts) -> Float[np.ndarray, "2 2"]:
    """Make the `affine` of a scan from scale, shear and rotation: the inverse of `affine_parts`.

    Args:
        parts: `scale_y`, `scale_x`, `shear` and `rotation`, in that order; angles in radians.

    Returns:
        the deviation from the identity, (2, 2) along (y, x).

    Example:
        >>> parts = pg.physics.affine_parts(np.array([[0.02, 0.001], [0.0, -0.01]]))
        >>> np.round(pg.physics.affine_of(parts), 6).tolist()
        [[0.02, 0.001], [0.0, -0.01]]
    """
    scale_y, scale_x, shear, rotation = parts
    a, b = rotation - shear / 2, rotation + shear / 2
    columns = scale_y * np.array([np.cos(a), np.sin(a)]), scale_x * np.array([-np.sin(b), np.cos(b)])
    return np.stack(columns, axis=1) - np.eye(2)
