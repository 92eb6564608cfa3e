"""What a scan lit: sums by hand, a support, the part of a probe that met an object, and errors there alone."""

import numpy as np
import pytest

import near_problems
import ptychograd as pg
from problems import complex_array
from ptychograd.core.illumination import ILLUMINATED, illuminated_pixels, illumination, met_pixels
from ptychograd.quality.comparison import compare_with_truth
from ptychograd.quality.metrics import nrmse, nrmse_within

SHAPE, CORNERS = (9, 11), np.array([[0, 1], [3, 5], [4, 5]])


# Illumination ---------------------------------------------------------------------------------------------


def test_illumination_is_the_sum_of_all_modes_at_all_places():
    probe = complex_array(2, 4, 6)
    expected = np.zeros(SHAPE)
    for y, x in np.ndindex(SHAPE):
        for row, column in CORNERS:
            if 0 <= y - row < 4 and 0 <= x - column < 6:
                expected[y, x] += np.sum(np.abs(probe[:, y - row, x - column]) ** 2)
    np.testing.assert_allclose(illumination(SHAPE, CORNERS, probe), expected, rtol=1e-12)
    assert (expected == 0).any()


def test_lit_is_what_has_more_than_a_twentieth_of_the_brightest():
    probe = np.zeros((1, 4, 6), complex)
    probe[0, 1] = np.sqrt([100, 5.1, 4.9, 0, 0.1, 50])
    illuminated = illuminated_pixels(SHAPE, CORNERS[:1], probe)
    assert ILLUMINATED == 0.05
    np.testing.assert_array_equal(np.argwhere(illuminated), [[1, 1], [1, 2], [1, 6]])


def test_lit_pixels_lie_inside_the_support():
    support = np.zeros(SHAPE, bool)
    support[2:6, 4:8] = True
    illuminated = illuminated_pixels(SHAPE, CORNERS, np.ones((1, 4, 6), complex), support)
    np.testing.assert_array_equal(
        illuminated, support & illuminated_pixels(SHAPE, CORNERS, np.ones((1, 4, 6), complex))
    )
    assert 0 < illuminated.sum() < support.sum()


def test_a_probe_meets_the_object_where_its_support_lay_at_some_position():
    support = np.zeros(SHAPE, bool)
    support[4, 6] = support[5, 7] = True
    expected = np.zeros((4, 6), bool)
    for row, column in CORNERS:
        for y, x in np.argwhere(support) - [row, column]:
            if 0 <= y < 4 and 0 <= x < 6:
                expected[y, x] = True
    found = met_pixels((4, 6), CORNERS, support)
    np.testing.assert_array_equal(found, expected)
    assert 2 < found.sum() < found.size
    assert met_pixels((4, 6), CORNERS, None).all()


# Errors ---------------------------------------------------------------------------------------------------


def test_an_error_within_is_that_of_the_best_scale_there():
    """min over a complex number of |f - a g| / |f|, by least squares."""
    truth, found = complex_array(7, 9), complex_array(7, 9) + 0.3 * complex_array(7, 9, seed=1)
    where = np.random.default_rng(2).random((7, 9)) < 0.4
    scale, rest, *_ = np.linalg.lstsq(found[where][:, None], truth[where], rcond=None)
    expected = np.linalg.norm(truth[where] - scale * found[where]) / np.linalg.norm(truth[where])
    assert rest.size == 1
    assert nrmse_within(truth, found, where) == pytest.approx(expected, rel=1e-9)


def test_an_error_within_knows_nothing_of_what_is_outside():
    truth, where = complex_array(7, 9), np.arange(63).reshape(7, 9) % 3 == 0
    found = np.where(where, 2j * truth, complex_array(7, 9, seed=1))
    assert nrmse_within(truth, found, where) < 1e-7
    assert nrmse(truth, found) > 0.3


@pytest.mark.parametrize("where", [np.zeros((4, 5), bool), np.ones((4, 5), bool)], ids=["nowhere", "a dark image"])
def test_of_nothing_the_error_is_one(where):
    assert nrmse_within(complex_array(4, 5), np.zeros((4, 5), complex), where) == 1


# Comparison with the truth --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data():
    return near_problems.measurement()


def figures_of(data, object, probe):
    model = pg.near_field(data)
    arrays = {"object.transmission": object, "probe.modes": probe[None], "scan.corner": np.asarray(model.scan.corner)}
    return compare_with_truth(pg.Result(arrays, {}, pg.fitting.History.empty(), {}), data)


NAMES = [f"{of}_nrmse{kind}" for of in ("object", "probe") for kind in ("", "_ramp_removed", "_scanned")]


def test_every_figure_of_the_truth_itself_is_nothing(data):
    figures = figures_of(data, data.truth.object * 2, data.truth.probe[0] * np.exp(1j))
    assert list(figures) == NAMES
    assert max(figures.values()) < 1e-5


def test_where_no_photon_fell_on_the_object_its_error_counts_in_the_others_only(data):
    """A support that is larger than what the scan lit."""
    dim = near_problems.probe_wave()
    dim[:, :9] = 0
    support = np.ones(near_problems.OBJECT, bool)
    scan = near_problems.measurement(truth=pg.data.GroundTruth(near_problems.object_wave(), dim[None]), support=support)
    dark = ~illuminated_pixels(near_problems.OBJECT, near_problems.positions().astype(int), dim[None])
    assert 200 < dark.sum() < dark.size / 2
    figures = figures_of(scan, scan.truth.object + dark * complex_array(*near_problems.OBJECT), dim)
    assert figures["object_nrmse_scanned"] < 0.02
    assert figures["object_nrmse_ramp_removed"] > 0.2


def test_where_the_probe_met_no_object_its_error_counts_in_the_others_only():
    """One position, and an object under the upper half of the window."""
    support = np.zeros(near_problems.OBJECT, bool)
    support[:18] = True
    scan = pg.make_dataset(
        np.ones((1, *near_problems.FRAME)),
        np.zeros((1, 2)),
        geometry=near_problems.GEOMETRY,
        support=support,
        truth=pg.data.GroundTruth(near_problems.object_wave(), near_problems.probe_wave()[None]),
    )
    wrong = near_problems.probe_wave()
    wrong[18:] *= 1 + 0.1 * complex_array(18, 30)
    figures = figures_of(scan, scan.truth.object, wrong)
    assert figures["probe_nrmse_scanned"] < 0.03
    assert figures["probe_nrmse_ramp_removed"] > 0.09
