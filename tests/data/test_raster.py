"""Positions of raster scans: lines, ways to run them, and grids that files have."""

import math

import numpy as np
import pytest

import ptychograd as pg
from ptychograd.data import RasterScan

STEP = (2e-7, 3e-7)


def test_points_line_after_line():
    """Against loops over lines and points."""
    expected = [(2e-7 * line, 3e-7 * point) for line in range(3) for point in range(4)]
    np.testing.assert_allclose(RasterScan(STEP, (3, 4)).positions(12), expected)
    np.testing.assert_allclose(RasterScan(STEP).positions(12, (3, 4)), expected)


def test_every_second_line_is_run_back():
    expected = [(2e-7 * line, 3e-7 * (3 - point if line % 2 else point)) for line in range(3) for point in range(4)]
    np.testing.assert_allclose(RasterScan(STEP, (3, 4), serpentine=True).positions(), expected)


def test_lines_along_y():
    """The same points in another order; of a grid in the file the slow axis is then x."""
    expected = [(2e-7 * point, 3e-7 * line) for line in range(4) for point in range(3)]
    np.testing.assert_allclose(RasterScan(STEP, (3, 4), transpose=True).positions(), expected)
    np.testing.assert_allclose(RasterScan(STEP, transpose=True).positions(12, (4, 3)), expected)


def test_a_turned_scan_keeps_its_distances_and_turns_x_towards_y():
    straight, turned = (RasterScan(STEP, (3, 4), rotation=angle).positions() for angle in (0.0, math.pi / 2))
    np.testing.assert_allclose(turned, straight[:, ::-1] * [1, -1], atol=1e-20)
    slightly = RasterScan(STEP, (3, 4), rotation=0.1).positions()
    np.testing.assert_allclose(slightly @ [1, 1j], (straight @ [1, 1j]) * np.exp(-0.1j))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: RasterScan(0.0), "`data.scan.step` 0.0: expected one length other than 0"),
        (lambda: RasterScan((1e-7, 1e-7, 1e-7)), "expected one length other than 0, or two"),
        (lambda: RasterScan(1e-7, (3, 0)), "`data.scan.shape` [3, 0]: expected the points along y and x"),
        (lambda: RasterScan(1e-7, rotation=math.inf), "`data.scan.rotation` inf: expected an angle"),
        (lambda: RasterScan(1e-7, (3, 4)).positions(13), "3 x 4 = 12 points, and there are 13 patterns"),
        (lambda: RasterScan(1e-7).positions(13), "give `data.scan.shape`"),
        (
            lambda: RasterScan(1e-7, (3, 4)).positions(12, (4, 3)),
            "3 x 4 points, and the file has its patterns in a grid",
        ),
    ],
)
def test_what_is_no_scan(make, text):
    with pytest.raises(pg.InputError) as found:
        make()
    assert text in str(found.value)
