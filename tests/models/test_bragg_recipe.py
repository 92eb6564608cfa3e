"""From rocking curves to a start model: what fits, what is refused, and that truth explains its patterns."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bragg_problems
import ptychograd as pg
from ptychograd.physics.batching import batched
from ptychograd.quality.comparison import compare_with_truth

VOXEL = bragg_problems.VOXEL[0]


@pytest.fixture(scope="module")
def data():
    return bragg_problems.measurement()


def true_density(shape):
    """The crystal, in an array that may be larger."""
    return np.pad(bragg_problems.density(), [(0, n - m) for n, m in zip(shape, bragg_problems.BOX, strict=True)])


def photons(model, positions):
    return np.asarray(
        jax.jit(batched(lambda number: model.together(pg.physics.Group(number)), (0,)))(jnp.asarray(positions)), float
    )


# What it makes --------------------------------------------------------------------------------------------


def test_the_model_has_what_the_data_say(data):
    model = pg.bragg(data)
    assert model.window == (bragg_problems.DEPTH, bragg_problems.FRAME[1])
    assert model.sampling == pytest.approx((VOXEL, VOXEL, bragg_problems.VOXEL[1]))
    assert model.group == 5
    np.testing.assert_array_equal(model.scan.corner, bragg_problems.CORNERS)
    np.testing.assert_array_equal(model.object.support, bragg_problems.support())
    np.testing.assert_allclose(model.probe.modes, data.probe, rtol=1e-6)
    assert model.object.density.dtype == model.probe.modes.dtype == jnp.complex64


@pytest.mark.slow
def test_the_truth_explains_noiseless_patterns_of_another_maker():
    """Those that SciPy turned, with positions between the voxels: the recipe finds all lengths and the scale."""
    corners = bragg_problems.CORNERS + np.random.default_rng(2).uniform(-0.45, 0.45, (20, 2)).clip(-0.4, 0.4)
    corners[0], corners[-1] = 0.2, corners[-1].round()
    data = bragg_problems.measurement(noise=False, corners=corners)
    model = pg.bragg(data, object=lambda shape: 3 * true_density(shape))
    assert isinstance(model.scan, pg.physics.SubPixelScan)
    np.testing.assert_allclose(model.object.density, bragg_problems.density(), atol=1e-4)
    found = photons(model, np.arange(20)).reshape(data.patterns.shape)
    np.testing.assert_allclose(found, data.patterns, atol=1e-3 * data.patterns.max())
    assert pg.r_factor(model, data) < 1e-3


def test_a_random_start_is_as_bright_as_the_measurement(data):
    """Whatever the scale of the object that is given; a brighter start is the same start."""
    starts = [pg.bragg(data, object=lambda shape, s=s: s * pg.models.random_object(3)(shape)) for s in (1.0, 40.0)]
    np.testing.assert_allclose(starts[0].object.density, starts[1].object.density, rtol=1e-5)
    assert photons(starts[0], np.arange(20)).sum() == pytest.approx(data.total, rel=1e-4)


@pytest.mark.slow
def test_the_start_is_as_bright_as_valid_pixels_say(data):
    """Pixels behind a beam stop are counted on neither side."""
    expected = pg.bragg(data, object=true_density).object.density
    mask = data.patterns.mean(axis=0) < np.quantile(data.patterns.mean(axis=0), 0.9)
    assert replace(data, mask=mask).total < 0.7 * data.total
    found = pg.bragg(replace(data, mask=mask), object=true_density).object.density
    np.testing.assert_allclose(found, expected, atol=0.01 * np.abs(expected).max())


@pytest.mark.slow
def test_a_slab_has_the_thickness_that_was_given(data):
    """In voxels along x; its windows are deep enough for all of the beam, and all of them lie inside."""
    layers = 13
    model = pg.bragg(replace(data, support=None), thickness=layers * VOXEL)
    assert model.object.support.shape[0] == layers
    support = np.asarray(model.object.support)
    assert support.any(axis=(1, 2)).all(), "every layer is lit somewhere"
    far = np.asarray(model.scan.corner).max(axis=0) + model.window
    assert tuple(far) == model.object.density.shape[1:]
    assert tuple(np.asarray(model.scan.corner).min(axis=0)) == (0, 0)
    deeper = pg.physics.TiltedBeam(model.probe.modes, bragg_problems.TWO_THETA, (layers, 3 * model.window[0]))
    powers = [np.sum(np.abs(beam()) ** 2) for beam in (model.probe, deeper)]
    assert powers[0] == pytest.approx(powers[1], rel=1e-3)


def test_positions_of_a_slab_may_begin_anywhere(data):
    free = replace(data, support=None)
    moved = replace(free, positions=data.positions - np.array([3e-6, -7e-6]))
    one, other = (pg.bragg(each, thickness=13 * VOXEL) for each in (free, moved))
    np.testing.assert_array_equal(one.scan.corner, other.scan.corner)
    assert one.object.density.shape == other.object.density.shape


def test_a_spot_may_stand_for_the_beam(data):
    """As wide as it is said to be, along (s, z), and as bright as the brightest pattern."""
    model = pg.bragg(data, probe=pg.models.focal_spot(4 * VOXEL), modes=2)
    power = np.sum(np.abs(np.asarray(model.probe.modes)) ** 2)
    assert power == pytest.approx(data.photons.max(), rel=1e-5)
    strongest = np.abs(np.asarray(model.probe.modes[0])) ** 2
    middle = strongest[6, 6]
    assert strongest[8, 6] == pytest.approx(middle / 2, rel=1e-4)
    assert strongest[6, 8] == pytest.approx(middle * 2 ** -((bragg_problems.VOXEL[1] / VOXEL) ** 2), rel=1e-4)


# Reconstructed --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_crystal_whose_faces_are_known_is_found():
    """From a random start to the noise of its photons."""
    data = bragg_problems.measurement(support=bragg_problems.solid())
    result = pg.reconstruct(
        pg.bragg(data), data, pg.Nesterov(), epochs=150, batch_size=10, trainable=("object",), seed=1
    )
    truth = pg.bragg(data, object=true_density)
    assert result.history.r_factor[-1] < 1.02 * pg.r_factor(truth, data)
    figures = compare_with_truth(result, data)
    assert figures["object_nrmse"] < 0.12
    assert abs(figures["shift_along_beam"]) < 0.1
    assert figures["probe_nrmse"] < 1e-6


@pytest.mark.slow
def test_a_slab_that_holds_the_crystal_explains_the_patterns(data):
    """Which leaves more freedom than a support does: the misfit comes near that of the truth, the noise."""
    free = replace(data, support=None)
    model = pg.bragg(free, thickness=8.2 * VOXEL)
    assert model.object.density.shape[0] == 8
    result = pg.reconstruct(model, free, pg.Nesterov(), epochs=60, batch_size=10, trainable=("object",))
    truth = pg.r_factor(pg.bragg(data, object=true_density), data)
    assert result.history.r_factor[-1] < 1.4 * truth


# Warned and refused ---------------------------------------------------------------------------------------


def test_angles_that_alias_are_warned_of(data):
    wide = replace(data.geometry, rocking=tuple(10 * angle for angle in data.geometry.rocking))
    with pytest.warns(UserWarning, match=r"memory: 4 of 5 rocking angles alias in depth: .* angles up to 0 degrees"):
        pg.bragg(replace(data, geometry=wide))


def dark(data):
    return replace(data, patterns=np.zeros_like(data.patterns))


def fitting(shape):
    return lambda data: replace(data, support=np.ones(shape, bool), truth=None)


MISTAKES = {
    "no rocking curve": (lambda d: replace(d, geometry=None, support=None), {}, "memory has no rocking curve; give"),
    "far field": (
        lambda d: replace(d, geometry=pg.Geometry(1.5e-10, 0.4, (55e-6, 66e-6)), support=None),
        {},
        "has no rocking curve",
    ),
    "no beam": (lambda d: replace(d, probe=None), {}, "holds no probe, and the beam can't be estimated"),
    "dark beam": (lambda d: replace(d, probe=0 * d.probe), {}, "start probe of memory is 0 everywhere"),
    "beam of another size": (lambda d: replace(d, probe=d.probe[:, 1:]), {}, r"\(12, 12\) pixels, the patterns have"),
    "no photon": (dark, {}, "not one photon"),
    "no thickness": (lambda d: replace(d, support=None), {}, "need the crystal's thickness along x, in metres"),
    "too thick": (
        lambda d: replace(d, support=None),
        {"thickness": 13.1 * VOXEL},
        "does not fit a field of view of 13 voxels of 8.392e-08 m",
    ),
    "too thin": (lambda d: replace(d, support=None), {"thickness": 0.9 * VOXEL}, "does not fit a field of view"),
    "thickness in µm": (lambda d: replace(d, support=None), {"thickness": 0.5}, "A crystal 0.5 m thick does not"),
    "not a thickness": (lambda d: replace(d, support=None), {"thickness": float("nan")}, "does not fit"),
    "thickness and support": (lambda d: d, {"thickness": 5 * VOXEL}, "memory has a support of its own; leave"),
    "more layers than pixels": (
        fitting((14, 26, 21)),
        {},
        r"support's array of \(14, 26, 21\) \(x, y, z\) does not fit",
    ),
    "array too small": (fitting((7, 12, 21)), {}, "the last window begins at voxel .12  9."),
    "array too narrow": (fitting((7, 26, 20)), {}, "has to end where the array does"),
    "array too wide": (fitting((7, 26, 22)), {}, "has to end where the array does"),
    "window before the array": (
        lambda d: replace(d, positions=d.positions - np.array([2 * VOXEL, 0])),
        {},
        "Windows begin at voxel .-2  0. .*subtract their minimum",
    ),
    "no mode": (lambda d: d, {"modes": 0}, "0 probe modes"),
    "half precision": (lambda d: d, {"dtype": np.float32}, "expected complex64"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_does_not_fit_is_refused(data, mistake):
    change, options, text = MISTAKES[mistake]
    with pytest.raises(pg.InputError, match=text):
        pg.bragg(change(data), **options)


def test_a_model_of_other_positions_is_refused(data):
    """The first thirty patterns of data that lack the rest, and patterns in no whole groups."""
    model = pg.bragg(data)
    part = replace(data, patterns=data.patterns[:30], positions=data.positions[:30])
    with pytest.raises(pg.InputError, match="scan has 20 positions of 5 patterns each, but the data hold 30"):
        pg.reconstruct(model, part, pg.solvers.EvaluateOnly(), epochs=1, batch_size=5)
    broken = pg.make_dataset(data.patterns[:31], data.positions[:31])
    with pytest.raises(pg.InputError, match="takes 5 patterns together, and 31 can't be divided"):
        pg.reconstruct(model, broken, pg.solvers.EvaluateOnly(), epochs=1, batch_size=5)
    with pytest.raises(pg.InputError, match="takes 5 patterns together, and 31 can't be divided"):
        pg.simulate(model, 31)


def test_a_slab_is_free_only_where_it_was_lit(data):
    """Elsewhere the start would stay; and what was lit most is free."""
    free = replace(data, support=None)
    model = pg.bragg(free, thickness=13 * VOXEL)
    dose = np.zeros(model.object.support.shape)
    beam = np.sum(np.abs(np.asarray(model.probe())) ** 2, axis=0)
    for y, z in np.asarray(model.scan.corner):
        dose[:, y : y + model.window[0], z : z + model.window[1]] += beam
    inside = np.asarray(model.object.support)
    assert dose[inside].min() > 0.9e-3 * dose.max()
    assert dose[~inside].max() < 1.1e-3 * dose.max()
    assert 0.2 < inside.mean() < 0.95
