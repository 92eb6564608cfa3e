"""The near-field recipe: what of a dataset its start model is made of."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import near_problems
import ptychograd as pg
from ptychograd.models.starts import back_propagated

GEOMETRY, SAMPLING = near_problems.GEOMETRY, near_problems.SAMPLING
FRAME = near_problems.FRAME


@pytest.fixture(scope="module")
def data():
    return near_problems.measurement()


def with_geometry(geometry, **changes):
    """Ones in the place of patterns, at two places."""
    sampling = geometry.sampling(FRAME) if geometry else (1.0, 1.0)
    items = {"positions": np.array([[0.0, 0.0], [3.0, 5.0]]) * sampling, "geometry": geometry, **changes}
    return pg.make_dataset(np.ones((2, *FRAME)), **items)


def propagated(wave, distance):
    return np.fft.ifft2(np.fft.fft2(wave) * near_problems.kernel(distance))


# Model ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_model_of_the_truth_expects_the_patterns_by_hand():
    """From metres on the detector and in the scan to the patterns that plain NumPy makes of the same waves."""
    scan = near_problems.measurement(noise=False, probe=near_problems.probe_wave())
    model = pg.near_field(scan, object=lambda shape: near_problems.object_wave())
    assert isinstance(model.scan, pg.physics.WholePixelScan)
    assert model.is_local
    assert model.sampling == pytest.approx(SAMPLING)
    for index in range(0, scan.count, 6):
        expected = scan.patterns[index]
        np.testing.assert_allclose(model(jnp.array(index)), expected, rtol=1e-3, atol=1e-4 * expected.max())


@pytest.mark.slow
def test_the_space_is_that_of_the_effective_distance(data):
    model = pg.near_field(data)
    assert isinstance(model.propagator, pg.physics.Fresnel)
    assert float(model.propagator.distance) == pytest.approx(near_problems.DISTANCE, rel=1e-6)
    exact = pg.near_field(data, propagator=pg.physics.AngularSpectrum)
    assert isinstance(exact.propagator, pg.physics.AngularSpectrum)
    np.testing.assert_allclose(exact(jnp.array(3)), model(jnp.array(3)), rtol=1e-2, atol=1.0)


def test_angles_too_large_for_the_paraxial_space_have_the_other_one():
    """Visible light on pixels of 0.85 µm: the two make different patterns."""
    light = pg.NearFieldGeometry(0.6e-6, 8e-6, (0.6e-6, 0.7e-6))
    rng = np.random.default_rng(0)
    probe = rng.normal(size=FRAME) + 1j * rng.normal(size=FRAME)
    scan = with_geometry(light, probe=probe)
    paraxial, exact = (
        pg.near_field(scan, propagator=kind) for kind in (pg.physics.Fresnel, pg.physics.AngularSpectrum)
    )
    assert np.abs(paraxial(jnp.array(0)) - exact(jnp.array(0))).max() > 1


@pytest.mark.parametrize("geometry", [None, pg.Geometry(1e-10, 0.01, (0.3e-6, 0.3e-6))], ids=["none", "far field"])
def test_data_without_a_near_field_geometry_are_refused(geometry):
    with pytest.raises(pg.InputError, match=r"memory has no near-field geometry; .*`geometry.focus_distance`, inf"):
        pg.near_field(with_geometry(geometry))


def test_a_distance_beyond_the_limit_of_sampling_is_refused():
    limit = min(pg.physics.fresnel_limits(FRAME, SAMPLING, 1e-10))
    long = pg.NearFieldGeometry(1e-10, 1.01 * limit, SAMPLING)
    with pytest.raises(pg.InputError, match=r"aliases on 30 pixels of 3.25e-07 m"):
        pg.near_field(with_geometry(long))


# Object ---------------------------------------------------------------------------------------------------


def test_a_support_may_be_smaller_than_the_frame(data):
    """As in the paper, where the beam is larger than the object: all around is 1."""
    support = np.zeros(near_problems.OBJECT, bool)
    support[30:42, 27:38] = True
    model = pg.near_field(near_problems.measurement(support=support))
    assert isinstance(model.object, pg.physics.SupportedObject)
    row, column = np.asarray(model.scan.corner)[16]
    patch = np.asarray(model.object.patch(model.scan.corner[16], FRAME))
    inside = support[row : row + FRAME[0], column : column + FRAME[1]]
    assert inside.sum() == 12 * 11
    np.testing.assert_array_equal(patch[~inside], 1)
    assert (patch[inside] != 1).all()
    start = pg.models.random_object(0)(near_problems.OBJECT)
    np.testing.assert_allclose(model.object.transmission, start, rtol=1e-6, err_msg="a random start, as in a far field")


def test_an_object_larger_than_the_field_starts_flat():
    model = pg.near_field(near_problems.measurement(support=None))
    assert isinstance(model.object, pg.physics.ThinObject)
    assert model.object.transmission.shape == near_problems.OBJECT
    np.testing.assert_array_equal(model.object.transmission, 1)


def test_a_scan_that_leaves_the_supports_array_is_refused():
    with pytest.raises(pg.InputError, match="outside the support's array"):
        pg.near_field(near_problems.measurement(support=np.ones((71, 60), bool)))


# Probe ----------------------------------------------------------------------------------------------------


def test_the_start_probe_makes_the_mean_pattern(data):
    """Eq. 15: carried forward it is the square root of the mean, with a flat phase, but for its brightness."""
    probe = np.asarray(pg.near_field(data).probe.modes)
    assert probe.shape == (1, *FRAME)
    root = np.sqrt(data.patterns.mean(axis=0))
    forward = propagated(probe[0], near_problems.DISTANCE)
    root *= np.sqrt(data.photons.max() / np.sum(root**2))
    np.testing.assert_allclose(forward, root, atol=1e-3 * root.max())
    assert np.abs(np.abs(probe[0]) - root).max() > 0.1 * root.max()


@pytest.mark.parametrize("shape", [FRAME, (49, *FRAME)], ids=["one mask", "a mask for each pattern"])
def test_only_valid_pixels_count_in_the_mean(shape):
    mask = np.random.default_rng(1).random(shape) < 0.8
    mask[..., 3, 5] = False
    scan = near_problems.measurement(mask=mask)
    valid = np.broadcast_to(mask, scan.patterns.shape)
    mean = np.where(valid, scan.patterns, 0).sum(axis=0) / np.maximum(valid.sum(axis=0), 1)
    forward = propagated(back_propagated(scan, SAMPLING), near_problems.DISTANCE)
    np.testing.assert_allclose(forward, np.sqrt(mean), atol=1e-9 * mean.max())
    assert forward[3, 5] == pytest.approx(0, abs=1e-9)


def test_the_datasets_own_probe_comes_before_the_mean_pattern():
    own = near_problems.probe_wave(123.0)
    model = pg.near_field(near_problems.measurement(probe=own))
    np.testing.assert_allclose(model.probe.modes, own[None], rtol=1e-5, atol=1e-6)
    asked = pg.near_field(near_problems.measurement(probe=own), probe=pg.models.back_propagated).probe.modes
    assert np.sum(np.abs(asked) ** 2) > 1e6


@pytest.mark.parametrize("modes", [1, 3])
def test_modes_share_the_photons_of_the_brightest_pattern(data, modes):
    model = pg.near_field(data, modes=modes)
    assert model.probe.modes.shape == (modes, *FRAME)
    assert np.sum(np.abs(model.probe.modes) ** 2) == pytest.approx(data.photons.max(), rel=1e-5)
    bright = eqx.tree_at(lambda m: m.object.transmission, model, jnp.ones_like(model.object.transmission))
    assert float(bright(jnp.array(0)).sum()) == pytest.approx(data.photons.max(), rel=1e-4)


# Precision ------------------------------------------------------------------------------------------------


def names_of_types(model):
    return {leaf.dtype.name for leaf in jax.tree.leaves(model)}


@pytest.mark.variants
@pytest.mark.parametrize("propagator", [pg.physics.Fresnel, pg.physics.AngularSpectrum])
def test_precision_is_that_which_was_asked_for_in_every_array(propagator):
    data = near_problems.measurement()
    aside = np.where(np.arange(data.count)[:, None] == 1, 0.3 * np.array(SAMPLING), 0)
    between = replace(data, positions=data.positions + aside)
    assert names_of_types(pg.near_field(between, propagator=propagator)) == {"complex64", "float32", "int32", "bool"}
    with jax.enable_x64(True):
        double = pg.near_field(between, propagator=propagator, dtype=np.complex128)
        assert names_of_types(double) == {"complex128", "float64", "int32", "bool"}
        assert double(jnp.array(1)).dtype == np.float64


@pytest.mark.filterwarnings("error")
def test_double_precision_that_jax_would_cut_is_refused_with_the_cure(data):
    with jax.enable_x64(False), pytest.raises(pg.InputError, match="jax_enable_x64"):
        pg.near_field(data, dtype=np.complex128)
