"""Recipes: what of a dataset a start model is made of."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from problems import complex_array
from ptychograd.core.errors import InputError
from ptychograd.data.dataset import Geometry, far_field_sampling, make_dataset
from ptychograd.models.recipes import far_field
from ptychograd.models.starts import aperture, random_object, square_wave
from ptychograd.physics.objects import SupportedObject, ThinObject
from ptychograd.physics.scan import SubPixelScan, WholePixelScan

GEOMETRY = Geometry(wavelength=1e-10, distance=2.0, pixel_size=(50e-6, 75e-6))
FRAME = (10, 7)
SAMPLING = far_field_sampling(GEOMETRY, FRAME)  # 400 nm x 381 nm
PIXELS = np.array([[2.0, 1.0], [2.0, 4.0], [6.0, 4.0], [7.0, 9.0]])
BETWEEN_PIXELS = PIXELS + np.array([[0, 0], [0.3, -0.2], [0, 0], [0.45, 0.8]])


def a_dataset(pixels=PIXELS, geometry=GEOMETRY, **items):
    patterns = np.random.default_rng(0).poisson(5.0, (len(pixels), *FRAME))
    positions = pixels * SAMPLING if geometry else pixels
    return make_dataset(**{"patterns": patterns, "positions": positions, "geometry": geometry, **items})


def photons(probe):
    return float(np.sum(np.abs(probe.modes) ** 2))


# Scan and object ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("geometry", [GEOMETRY, None])
@pytest.mark.parametrize("offset", [0.0, -20.0])
def test_whole_pixels_make_a_whole_pixel_scan_that_begins_at_the_first_pixel(geometry, offset):
    model = far_field(a_dataset(PIXELS + offset, geometry))
    assert isinstance(model.scan, WholePixelScan)
    np.testing.assert_array_equal(model.scan.corner, PIXELS - [2, 1])
    assert model.object.transmission.shape == (5 + FRAME[0], 8 + FRAME[1])
    assert model.sampling == (SAMPLING if geometry else None)


def test_positions_between_pixels_make_a_sub_pixel_scan():
    model = far_field(a_dataset(BETWEEN_PIXELS))
    assert isinstance(model.scan, SubPixelScan)
    np.testing.assert_allclose(np.add(model.scan.corner, model.scan.shift), BETWEEN_PIXELS - [2, 1], atol=1e-5)
    assert np.abs(model.scan.shift).max() <= 0.5
    last = np.asarray(model.scan.corner).max(axis=0) + FRAME
    np.testing.assert_array_equal(model.object.transmission.shape, last)


def test_the_object_starts_flat_or_as_it_is_told():
    np.testing.assert_array_equal(far_field(a_dataset()).object.transmission, 1)
    told = far_field(a_dataset(), object=random_object(3)).object
    assert isinstance(told, ThinObject)
    np.testing.assert_allclose(told.transmission, random_object(3)((15, 15)), rtol=1e-6)


def test_with_a_support_the_object_starts_by_chance():
    """A flat start is much worse there (far field of the paper: NRMSE 0.2 in place of 0.02)."""
    start = far_field(a_dataset(support=np.ones((20, 17), bool))).object.transmission
    np.testing.assert_allclose(start, random_object(0)((20, 17)), rtol=1e-6)


def test_a_support_keeps_its_place_and_all_outside_is_one():
    support = np.zeros((20, 17), bool)
    support[4:15, 3:12] = True
    model = far_field(a_dataset(support=support), object=random_object(3))
    assert isinstance(model.object, SupportedObject)
    np.testing.assert_array_equal(model.scan.corner, PIXELS, err_msg="corners count from the support's first pixel")
    patch = model.object.patch(model.scan.corner[3], FRAME)
    inside = support[7:17, 9:16]
    assert inside.any()
    np.testing.assert_array_equal(np.asarray(patch)[~inside], 1)
    np.testing.assert_allclose(np.asarray(patch)[inside], random_object(3)((20, 17))[7:17, 9:16][inside], rtol=1e-6)


@pytest.mark.parametrize(
    ("offset", "shape"), [((-3, 0), (20, 17)), ((0, -2), (20, 17)), ((0, 0), (16, 17)), ((0, 0), (20, 15))]
)
def test_a_scan_that_leaves_the_supports_array_is_refused(offset, shape):
    with pytest.raises(InputError, match=r"The scan covers object pixels .* outside the support's array"):
        far_field(a_dataset(PIXELS + np.array(offset), support=np.ones(shape, bool)))


def test_positions_in_the_wrong_unit_are_refused():
    with pytest.raises(InputError, match="µm"):
        far_field(a_dataset(PIXELS * 1e6))


# Probe ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("modes", [1, 3])
@pytest.mark.parametrize("probe", [None, aperture(2e-6)], ids=["estimated", "aperture"])
def test_the_start_probe_holds_the_photons_of_the_brightest_pattern(modes, probe):
    mask = np.random.default_rng(2).random(FRAME) < 0.8
    data = a_dataset(mask=mask)
    model = far_field(data, probe=probe, modes=modes)
    assert model.probe.modes.shape == (modes, *FRAME)
    brightest = max(frame[mask].sum() for frame in data.patterns)
    assert photons(model.probe) == pytest.approx(brightest, rel=1e-5)


def test_the_datasets_own_probe_is_taken_as_it_is():
    own = complex_array(2, *FRAME, seed=1) * np.array([3, 1])[:, None, None]
    np.testing.assert_allclose(far_field(a_dataset(probe=own), modes=2).probe.modes, own, rtol=1e-6)


def test_fewer_modes_than_the_datasets_own_keep_its_photons():
    own = complex_array(2, *FRAME, seed=1) * np.array([1, 3])[:, None, None]
    probe = far_field(a_dataset(probe=own)).probe
    assert photons(probe) == pytest.approx(np.sum(np.abs(own) ** 2), rel=1e-5)
    scale = probe.modes[0, 0, 0] / own[1, 0, 0]
    np.testing.assert_allclose(probe.modes, scale * own[1:], rtol=1e-5)


def test_more_modes_than_the_datasets_own_share_its_photons():
    model = far_field(a_dataset(probe=complex_array(*FRAME, seed=1)), modes=3)
    assert model.probe.modes.shape == (3, *FRAME)
    assert photons(model.probe) == pytest.approx(np.sum(np.abs(complex_array(*FRAME, seed=1)) ** 2), rel=1e-5)


def test_a_probe_that_is_asked_for_comes_before_the_datasets_own():
    model = far_field(a_dataset(probe=complex_array(*FRAME, seed=1)), probe=aperture(2e-6))
    wave = np.asarray(model.probe.modes[0])
    np.testing.assert_allclose(wave / wave.max(), square_wave(FRAME, SAMPLING, 2e-6), atol=1e-6)


def test_a_start_probe_of_another_size_than_the_frame_is_refused():
    with pytest.raises(InputError, match="probe"):
        far_field(a_dataset(probe=complex_array(4, 6, seed=1)))


def test_no_probe_modes_are_refused():
    with pytest.raises(InputError, match="0 probe modes; expected 1 or more"):
        far_field(a_dataset(), modes=0)


def test_patterns_without_a_photon_are_refused():
    """Nothing tells how bright the probe is: better a sentence than a model of NaN."""
    with pytest.raises(InputError):
        far_field(a_dataset(patterns=np.zeros((4, *FRAME), np.uint16)))


# The whole model ------------------------------------------------------------------------------------------


def test_the_start_model_expects_patterns_of_the_frame():
    model = far_field(a_dataset(), modes=2)
    expected = np.asarray(jax.jit(lambda model, index: model(index))(model, 3))
    assert expected.shape == model.frame_shape == FRAME
    assert expected.sum() == pytest.approx(photons(model.probe), rel=1e-5)


def test_the_mean_pattern_is_what_the_start_model_expects_of_a_flat_object():
    """But for the brightness: with one mode the estimated probe explains the mean pattern exactly."""
    data = a_dataset()
    expected = np.asarray(far_field(data)(jnp.array(0)))
    mean = data.patterns.mean(axis=0)
    np.testing.assert_allclose(expected / expected.sum(), mean / mean.sum(), rtol=1e-4)


def test_single_precision_is_the_default_in_every_array():
    leaves = jax.tree.leaves(far_field(a_dataset(BETWEEN_PIXELS)))
    assert {leaf.dtype.name for leaf in leaves} <= {"complex64", "float32", "int32", "bool"}


def test_double_precision_is_double_in_every_array():
    with jax.enable_x64(True):
        model = far_field(a_dataset(BETWEEN_PIXELS), dtype=np.complex128)
    assert {leaf.dtype.name for leaf in jax.tree.leaves(model)} <= {"complex128", "float64", "int32", "bool"}


@pytest.mark.filterwarnings("error")
def test_double_precision_that_jax_would_cut_is_refused_with_the_cure():
    with jax.enable_x64(False), pytest.raises(InputError, match="jax_enable_x64"):
        far_field(a_dataset(), dtype=np.complex128)


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_a_model_of_real_numbers_is_refused(dtype):
    with pytest.raises(InputError, match=r"expected complex64 .* or complex128"):
        far_field(a_dataset(), dtype=dtype)
