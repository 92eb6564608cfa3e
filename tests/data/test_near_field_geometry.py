"""Geometry of a near field: what a cone beam magnifies, and which beams make no upright shadow."""

import math

import numpy as np
import pytest

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import make_dataset
from ptychograd.data.description import describe
from ptychograd.data.geometry import Geometry, NearFieldGeometry, far_field_sampling

P25 = NearFieldGeometry(9.794912e-11, 1.12, (55e-6, 55e-6), focus_distance=3.65e-3)


def a_geometry(distance=1.12, focus_distance=math.inf):
    return NearFieldGeometry(1e-10, distance, (50e-6, 75e-6), focus_distance)


def test_the_numbers_of_the_measurement_at_petra():
    """M = (z1 + z2)/z1 for 3.65 mm and 1.12 m; 55 µm and 1.12 m over it."""
    assert P25.magnification == pytest.approx(307.849, abs=1e-3)
    assert P25.sampling((100, 100)) == pytest.approx((178.659e-9, 178.659e-9), rel=1e-5)
    assert P25.effective_distance == pytest.approx(3.63814e-3, rel=1e-5)


def test_sampling_keeps_rows_and_columns_apart_and_does_not_ask_for_the_frame():
    geometry = a_geometry(distance=0.3, focus_distance=0.1)
    assert geometry.sampling((100, 40)) == geometry.sampling((7, 9)) == pytest.approx((12.5e-6, 18.75e-6))
    assert Geometry(1e-10, 2.0, (5e-5, 75e-6)).sampling((100, 40)) == far_field_sampling(
        Geometry(1e-10, 2.0, (5e-5, 75e-6)), (100, 40)
    )


@pytest.mark.parametrize("focus_distance", [math.inf, -math.inf])
def test_a_parallel_beam_magnifies_nothing(focus_distance):
    geometry = a_geometry(focus_distance=focus_distance)
    assert NearFieldGeometry(1e-10, 1.12, (50e-6, 75e-6)).focus_distance == math.inf
    assert geometry.magnification == 1
    assert geometry.effective_distance == 1.12
    assert geometry.sampling((10, 20)) == (50e-6, 75e-6)


@pytest.mark.parametrize("focus_distance", [2e-3, 0.4, 5.0, -3.0, -1.5])
def test_lenses_formula_holds_between_the_distances(focus_distance):
    """1/z = 1/z1 + 1/z2, also for a beam that converges to a focus behind the detector and makes things smaller."""
    geometry = a_geometry(focus_distance=focus_distance)
    assert 1 / geometry.effective_distance == pytest.approx(1 / focus_distance + 1 / 1.12)
    assert (geometry.magnification < 1) == (focus_distance < 0)
    assert geometry.sampling((1, 1))[0] * geometry.magnification == pytest.approx(50e-6)


@pytest.mark.parametrize("focus_distance", [0.0, math.nan])
def test_a_focus_in_the_sample_is_refused(focus_distance):
    with pytest.raises(InputError, match=f"focus_distance = {focus_distance:g} m: expected .* or inf for a parallel"):
        a_geometry(focus_distance=focus_distance)


@pytest.mark.parametrize("focus_distance", [-1e-3, -1.11, -1.12])
def test_a_focus_between_sample_and_detector_is_refused(focus_distance):
    """The shadow of such a beam is upside down; with the focus on the detector it is a far field."""
    with pytest.raises(
        InputError, match=rf"focus_distance = {focus_distance:g} m and distance = 1.12 m: .*180 degrees"
    ):
        a_geometry(focus_distance=focus_distance)


@pytest.mark.parametrize(
    ("change", "text"), [({"distance": 1120.0}, "distance = 1120 m"), ({"distance": -1.0}, "-1 m")]
)
def test_what_no_geometry_may_be_a_near_field_may_not_be(change, text):
    with pytest.raises(InputError, match=text):
        a_geometry(**change)


@pytest.mark.parametrize(
    ("geometry", "text"),
    [
        (P25, "178.7 nm x 178.7 nm (y, x), of the near field 3.65 mm behind a focus: magnified 307.85 times, as a "),
        (P25, "as a parallel beam over 3.638 mm"),
        (a_geometry(), "50 µm x 75 µm (y, x), of the near field of a parallel beam"),
        (Geometry(1e-10, 1.12, (5e-5, 5e-5)), "448 nm x 280 nm (y, x), of the far field"),
    ],
)
def test_a_person_is_told_which_field_it_is(geometry, text):
    data = make_dataset(np.ones((2, 5, 8)), np.eye(2) * 4e-6, geometry=geometry)
    assert text in dict(describe(data))["object pixel"]
