"""Raster scans: positions that no file holds, from the points of a grid and the distances between them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from ptychograd.core.errors import InputError


@dataclass(frozen=True, init=False)
class RasterScan:
    """The positions of a scan over a grid, line after line along x, each line from small to large x.

    Args:
        step: distance from point to point in metres, along y and x, or one for both; below 0 the other way.
        shape: points along y and x; None (by default) takes them from the grid in which the file has its patterns.
        rotation: of the grid against the axes of the patterns, in radians, from x towards y.
        serpentine: every second line is run back, from large to small x.
        transpose: the lines run along y, one after another along x.

    Raises:
        InputError: a step of 0 or that is not finite, or a shape that is none.

    Example:
        >>> pg.data.RasterScan(1e-7, (2, 3), serpentine=True).positions().round(9).tolist()
        [[0.0, 0.0], [0.0, 1e-07], [0.0, 2e-07], [1e-07, 2e-07], [1e-07, 1e-07], [1e-07, 0.0]]
    """

    step: tuple[float, float]
    shape: tuple[int, int] | None
    rotation: float
    serpentine: bool
    transpose: bool

    def __init__(
        self,
        step: float | Sequence[float],
        shape: Sequence[int] | None = None,
        *,
        rotation: float = 0.0,
        serpentine: bool = False,
        transpose: bool = False,
    ):
        steps = tuple(float(one) for one in np.ravel(np.asarray(step, float)))
        steps = 2 * steps if len(steps) == 1 else steps
        if len(steps) != 2 or not all(math.isfinite(one) and one != 0 for one in steps):
            raise InputError(f"`data.scan.step` {step}: expected one length other than 0, or two, along y and x.")
        if not math.isfinite(rotation):
            raise InputError(f"`data.scan.rotation` {rotation}: expected an angle, in radians.")
        points = None if shape is None else tuple(int(one) for one in shape)
        if points is not None and (len(points) != 2 or min(points) < 1):
            raise InputError(f"`data.scan.shape` {list(points)}: expected the points along y and x, 1 or more each.")
        for name, value in zip(
            ("step", "shape", "rotation", "serpentine", "transpose"),
            (steps, points, float(rotation), bool(serpentine), bool(transpose)),
            strict=True,
        ):
            object.__setattr__(self, name, value)

    def positions(self, count: int | None = None, grid: Sequence[int] | None = None) -> Float64[np.ndarray, "index 2"]:
        """Positions (index, 2), (y, x), in metres, from the corner of the grid.

        Args:
            count: of the patterns, which has to be that of the points.
            grid: in which the file has its patterns, slow axis first; its points are those of the scan if it has no
                shape of its own.

        Raises:
            InputError: the points are not as many as the patterns, or nothing says how many there are.
        """
        rows, columns = self._points(count, None if grid is None else (int(grid[0]), int(grid[1])))
        lines, each = (columns, rows) if self.transpose else (rows, columns)
        line, point = np.divmod(np.arange(lines * each), each)
        if self.serpentine:
            point = np.where(line % 2 == 1, each - 1 - point, point)
        y, x = (point, line) if self.transpose else (line, point)
        y, x = y * self.step[0], x * self.step[1]
        cosine, sine = math.cos(self.rotation), math.sin(self.rotation)
        return np.stack([x * sine + y * cosine, x * cosine - y * sine], axis=1)

    def _points(self, count: int | None, grid: tuple[int, int] | None) -> tuple[int, int]:
        """Points along y and x, which suit the patterns."""
        if grid is not None and self.transpose:
            grid = grid[1], grid[0]
        points = self.shape or grid
        if points is None:
            raise InputError("The patterns have no grid in the file; give `data.scan.shape`, the points along y and x.")
        if grid is not None and points != grid:
            raise InputError(
                f"`data.scan.shape` is {points[0]} x {points[1]} points, and the file has its patterns in a grid of "
                f"{grid[0]} x {grid[1]}; leave the shape out, or say `data.scan.transpose`."
            )
        if count is not None and points[0] * points[1] != count:
            raise InputError(
                f"The scan has {points[0]} x {points[1]} = {points[0] * points[1]:,} points, and there are {count:,} "
                "patterns; expected one for each (`data.scan.shape`)."
            )
        return points
