"""Geometry of an exposure and the extent of a scan, in metres and in object pixels."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import make_dataset
from ptychograd.data.geometry import (
    BraggGeometry,
    Geometry,
    NearFieldGeometry,
    check_extent,
    far_field_sampling,
    format_length,
    nearest_step,
    object_shape_needed,
    wavelength_from_kev,
)


def raster(rows=8, columns=6, step=(10.0, 12.5)):
    grid = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"), -1).reshape(-1, 2)
    return grid * step


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"wavelength": 12.4}, "wavelength = 12.4 m .*keV or nm"),
        ({"wavelength": -1e-10}, "wavelength = -1e-10 m"),
        ({"wavelength": math.nan}, "wavelength = nan m"),
        ({"distance": 1950.0}, "distance = 1950 m .*mm"),
        ({"distance": 0.0}, "distance = 0 m"),
        ({"distance": math.inf}, "distance = inf m"),
        ({"pixel_size": (55e-6, 55.0)}, r"pixel_size \(x\) = 55 m .*µm"),
        ({"pixel_size": (0.0, 55e-6)}, r"pixel_size \(y\) = 0 m"),
    ],
)
def test_implausible_geometry_is_refused_with_number_unit_and_hint(change, text):
    with pytest.raises(InputError, match=text):
        Geometry(**{"wavelength": 1e-10, "distance": 2.0, "pixel_size": (5e-5, 5e-5), **change})


def test_far_field_sampling_keeps_rows_and_columns_apart():
    assert far_field_sampling(Geometry(1e-10, 2.0, (50e-6, 75e-6)), (100, 40)) == pytest.approx(
        (4e-8, 1e-10 * 2 / (40 * 75e-6))
    )


def test_energy_and_wavelength_are_inverse():
    assert wavelength_from_kev(12.398419843320026) == pytest.approx(1e-10, rel=1e-14)
    assert Geometry(wavelength_from_kev(8.8), 1.0, (1e-5, 1e-5)).energy_kev == pytest.approx(8.8, rel=1e-14)
    with pytest.raises(InputError, match="-1 keV"):
        wavelength_from_kev(-1.0)


@pytest.mark.parametrize(
    ("length", "text"),
    [(9.79e-11, "97.9 pm"), (5.5e-5, "55 µm"), (9.99999e-4, "1 mm"), (-1.12, "-1.12 m"), (0.0, "0 m")],
)
def test_lengths_are_written_with_a_suitable_prefix(length, text):
    assert format_length(length) == text


@pytest.mark.parametrize(
    ("wavelength", "text"),
    [(2.5079e-12, "electrons of 200 keV"), (1.5498e-10, "photons of 8 keV"), (1.35e-8, "photons of 91.84 eV")],
)
def test_energies_are_those_of_the_particles_that_have_such_wavelengths(wavelength, text):
    """200 kV: λ = 2.508 pm (Williams & Carter, Transmission Electron Microscopy, table 1.2)."""
    assert Geometry(wavelength, 1.0, (1e-5, 1e-5)).energy_text == text


# Extent of a scan ----------------------------------------------------------------------------------------


@given(st.lists(st.tuples(*[st.floats(-1e3, 1e3)] * 2), min_size=1, max_size=5))
def test_the_object_holds_every_window_however_corners_are_rounded(rows):
    positions = np.array(rows)
    shape = object_shape_needed(positions, (5, 7))
    for corners in (np.floor, np.round):
        last = corners(positions - positions.min(axis=0)).max(axis=0) + np.array([5, 7])
        assert (last <= shape).all()
    assert (shape <= np.ptp(positions, axis=0) + np.array([6, 8])).all()


def test_whole_pixels_in_metres_need_no_extra_row():
    positions = np.array([[0.0, 0.0], [3, 1]]) * 0.1 / 0.1
    assert positions[1, 0] > 3, "the quotient of these two is not a whole number"
    assert object_shape_needed(positions, (5, 7)) == (8, 8)


def test_nearest_step_ignores_the_order_of_the_scan():
    shuffled = np.random.default_rng(0).permutation(raster())
    assert nearest_step(shuffled) == 10
    assert math.isnan(nearest_step(np.zeros((1, 2))))


@pytest.mark.parametrize("positions", [raster(), raster() - 1e4, np.zeros((3, 2)), np.ones((1, 2))])
def test_a_plausible_scan_passes(positions):
    check_extent(positions, (32, 40), (1e-8, 1e-8))


@pytest.mark.parametrize(
    ("positions", "sampling", "text"),
    [
        (raster() * 1e6, (1e-8, 1e-8), r"700 mm x 625 mm .*µm \(times 1e-06\)"),
        (raster() * 1e8, (1e-8, 1e-8), r"object pixels \(times 1e-08\)"),
        (raster() * 1e6, None, "needs an object of .* pixels .* GB .*another unit; expected object pixels"),
        (np.vstack([raster(), [[-5e6, 3.0]]]), (1e-8, 1e-8), r"position 48, \(y, x\) = \(-5e\+06, 3\)"),
        (raster() * 1e-7, None, "span only .* give wavelength, distance and pixel_size"),
        (raster(40, 2, (800.0, 5.0)), (1e-8, 1e-8), "31,232 x 45 pixels"),
        (raster(8, 6, (700.0, 1000.0)), (1e-8, 1e-8), "4,932 x 5,040 pixels"),
        (raster(100, 60, (200.0, 330.0)), (1e-8, 1e-8), r"19,832 x 19,510 pixels \(3\.1 GB"),
    ],
)
def test_an_absurd_extent_is_refused_with_its_cause(positions, sampling, text):
    with pytest.raises(InputError, match=text):
        check_extent(positions, (32, 40), sampling)


LENGTHS = (1.5e-10, 1.0, (75e-6, 75e-6))


@pytest.mark.parametrize(
    ("geometry", "is_near", "is_crystal", "regime"),
    [
        (Geometry(*LENGTHS), False, False, "far field"),
        (NearFieldGeometry(*LENGTHS, focus_distance=0.5), True, False, "near field"),
        (BraggGeometry(*LENGTHS, two_theta=0.6, rocking=(0.0, 1e-3)), False, True, "Bragg geometry"),
    ],
)
def test_a_geometry_says_what_its_patterns_are(geometry, is_near, is_crystal, regime):
    data = make_dataset(np.ones((2, 4, 6)), np.zeros((2, 2)), geometry=geometry)
    assert data.near_field is geometry.near_field is (geometry if is_near else None)
    assert data.rocking_curve is geometry.rocking_curve is (geometry if is_crystal else None)
    assert data.is_far_field == geometry.is_far_field == (not is_near and not is_crystal)
    assert geometry.regime == regime


def test_patterns_without_a_geometry_are_a_far_field_if_they_have_positions():
    patterns = np.ones((2, 4, 6))
    assert make_dataset(patterns, np.zeros((2, 2))).is_far_field
    assert not make_dataset(patterns).is_far_field
    assert make_dataset(patterns).near_field is make_dataset(patterns).rocking_curve is None
