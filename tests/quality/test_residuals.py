"""What is left of patterns and pixels, against plain NumPy; halves of a scan, and how far they agree."""

from dataclasses import replace

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import bragg_problems
import problems
import ptychograd as pg
from ptychograd.physics.noise.base import counted_residual
from ptychograd.quality.half_data import common_area


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(4)
    count = len(problems.positions())
    mask = rng.random((count, *problems.FRAME)) < 0.9
    mask[:, 3, 4] = False
    mask[7] = False
    return problems.measurement(mask=mask)


def by_numpy(model, data):
    expected = np.stack([np.asarray(model(jnp.int32(j))) for j in range(data.count)]).astype(float)
    valid = np.broadcast_to(data.mask, expected.shape)
    residual = np.where(valid, (np.sqrt(expected) - np.sqrt(data.patterns)) ** 2, 0)
    counting = np.where(valid, np.asarray(counted_residual(jnp.asarray(expected))), 0)
    return residual, counting, np.where(valid, data.patterns, 0).astype(float)


@pytest.mark.slow
def test_they_are_those_of_numpy(data):
    """56 patterns are no multiple of what is worked on at once; masks are of each pattern."""
    model = problems.start_model(data)
    found = pg.quality.residuals(model, data)
    residual, counting, photons = by_numpy(model, data)
    with np.errstate(invalid="ignore", divide="ignore"):
        for axes, r, chi in (
            ((1, 2), found.r_of_pattern, found.chi_squared_of_pattern),
            (0, found.r_of_pixel, found.chi_squared_of_pixel),
        ):
            counted = np.where(photons.sum(axes) > 0, photons.sum(axes), np.nan)
            np.testing.assert_allclose(r, np.sqrt(residual.sum(axes) / counted), rtol=1e-5)
            np.testing.assert_allclose(chi, residual.sum(axes) / counting.sum(axes), rtol=1e-5)
    assert np.isnan(found.r_of_pattern[7])
    assert np.isnan(found.r_of_pixel[3, 4])
    assert found.r_factor == pytest.approx(pg.r_factor(model, data), rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("piece", ["binning", "background"])
def test_of_models_with_more_than_an_ideal_detector(data, piece):
    """Frames of the model that are finer than those of the data; a background of its own for every pixel, refined."""
    model = problems.start_model(data)
    if piece == "binning":
        model = pg.models.with_oversampling(model, 2)
        assert model.frame_shape == (40, 36)
    else:
        y, x = np.mgrid[: problems.FRAME[0], : problems.FRAME[1]]
        model = pg.models.with_background_image(
            pg.models.with_background(model, np.exp(-((y - 4) ** 2 + (x - 9) ** 2) / 30) * 20)
        )
        free = ("object", "probe", "detector.background")
        result = pg.perform(pg.Run(model, data, pg.Nesterov(), (pg.Stage(2, free),), 8))
        assert np.ptp(result.arrays["detector.background"] - np.asarray(model.detector.background)) > 0
        model = result.model
    found = pg.quality.residuals(model, data)
    residual, counting, photons = by_numpy(model, data)
    illuminated = photons.sum(0) > 0
    assert found.r_of_pixel.shape == problems.FRAME
    expected = np.sqrt(residual.sum(0)[illuminated] / photons.sum(0)[illuminated])
    np.testing.assert_allclose(found.r_of_pixel[illuminated], expected, rtol=1e-4)
    known = photons.sum((1, 2)) > 0
    expected = residual.sum((1, 2))[known] / counting.sum((1, 2))[known]
    np.testing.assert_allclose(found.chi_squared_of_pattern[known], expected, rtol=1e-4)
    assert found.r_factor == pytest.approx(pg.r_factor(model, data), rel=1e-4)


def test_a_spoilt_pattern_and_a_spoilt_pixel_stand_out(data):
    seen = replace(data, probe=problems.probe_wave()[None])
    truth = problems.start_model(seen, object=lambda _: problems.object_wave())
    patterns = data.patterns.copy()
    patterns[21] = np.roll(patterns[21], 3, axis=0)
    patterns[:, 2, 15] += 40
    mask = np.ones(problems.FRAME, bool)
    found = pg.quality.residuals(truth, replace(data, patterns=patterns, mask=mask))
    assert found.worst(1) == [21]
    assert np.unravel_index(np.argmax(found.chi_squared_of_pixel), problems.FRAME) == (2, 15)
    others = np.delete(found.chi_squared_of_pattern, 21)
    sound, counted = pg.quality.residuals(truth, replace(data, mask=mask)), data.mean_pattern > 1
    assert np.median(sound.chi_squared_of_pixel[counted]) == pytest.approx(1, abs=0.1)
    assert np.median(sound.chi_squared_of_pattern) == pytest.approx(1, abs=0.1)
    assert others.max() < found.chi_squared_of_pattern[21] / 3


def test_patterns_in_their_file_give_the_same(data, tmp_path):
    plain = problems.measurement()
    pg.write(tmp_path / "scan.h5", plain)
    retained = pg.read(tmp_path / "scan.h5", keep=pg.data.StreamFromFile(0, 10_000))
    model = problems.start_model(plain)
    for one, other in zip(pg.quality.residuals(model, plain), pg.quality.residuals(model, retained), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


@pytest.mark.slow
def test_rocking_curves_have_one_for_each_angle():
    data = bragg_problems.measurement()
    model = pg.bragg(data)
    found = pg.quality.residuals(model, data)
    assert found.r_of_pattern.shape == (data.count,)
    assert found.r_factor == pytest.approx(pg.r_factor(model, data), rel=1e-4)
    residual, _, photons = by_numpy(model, data)
    known = photons.sum(axis=(1, 2)) > 0
    r = np.sqrt(residual.sum(axis=(1, 2))[known] / photons.sum(axis=(1, 2))[known])
    np.testing.assert_allclose(found.r_of_pattern[known], r, rtol=1e-3)


def test_a_model_of_other_data_is_refused(data):
    smaller = pg.make_dataset(data.patterns[:, 1:], data.positions)
    with pytest.raises(pg.InputError, match="does not belong"):
        pg.quality.residuals(problems.start_model(data), smaller)


def test_halves_are_disjoint_and_everything(data):
    one, other = pg.data.halves(data, seed=2)
    assert not (one.mask & other.mask).any()
    np.testing.assert_array_equal(one.mask | other.mask, data.mask)
    used = [np.count_nonzero(half.mask.any(axis=(1, 2))) for half in (one, other)]
    assert abs(used[0] - used[1]) <= 1
    with pytest.raises(pg.InputError, match="3 positions with photons can't be halved"):
        pg.data.halves(pg.data.subset(data, [0, 1, 2]))


@pytest.mark.slow
def test_more_photons_make_a_finer_resolution():
    """Each half from its own patterns, order and start; in pixels, as the sampling is not known.

    Of 50 photons a pattern, fewer than 2 on a pixel of the object in each half, only the slowest variations are told.
    """
    widths = []
    for photons in (50.0, 1e6):
        data = problems.measurement(photons=photons, probe=problems.probe_wave(photons), dtype=np.uint32)
        results = [
            pg.reconstruct(pg.far_field(half), half, pg.Nesterov(), epochs=30, batch_size=8, seed=seed)
            for seed, half in enumerate(pg.data.halves(data))
        ]
        found = pg.quality.half_agreement(*results)
        widths.append(found.resolution() or np.inf)
    assert 1 <= widths[1] < 0.7 * widths[0]
    with pytest.raises(pg.InputError, match="two of the same scan"):
        pg.quality.half_agreement(results[0], results[1]._replace(sampling=(1e-9, 1e-9)))


@pytest.mark.slow
def test_the_area_of_halves_is_what_each_lit_itself(tmp_path):
    """By plain sums of the probe's photons over the patterns that are not masked; also once saved and read again."""
    data = problems.measurement()
    results, area = [], True
    for number, half in enumerate(pg.data.halves(data, seed=1)):
        result = pg.reconstruct(pg.far_field(half), half, pg.Nesterov(), epochs=2, batch_size=8)
        result.save(tmp_path / f"{number}.h5")
        results.append(result)
        total, bright = np.zeros(result.object.shape), np.sum(np.abs(result.probe) ** 2, axis=0)
        for (y, x), mask in zip(result.corners, half.mask, strict=True):
            total[y : y + bright.shape[0], x : x + bright.shape[1]] += bright * mask.any()
        area = area & (total > 0.05 * total.max())
    np.testing.assert_array_equal(common_area(*results), area)
    everywhere = [result._replace(illuminated=None) for result in results]
    assert np.count_nonzero(area) < np.count_nonzero(common_area(*everywhere))
    read = [pg.load(tmp_path / f"{number}.h5") for number in (0, 1)]
    assert not (read[0].illuminated & read[1].illuminated).any()
    np.testing.assert_array_equal(common_area(*read), area)
    again = pg.reconstruct(pg.far_field(half), half, pg.Nesterov(), epochs=1, batch_size=8, resume=read[1])
    np.testing.assert_array_equal(again.illuminated, read[1].illuminated)
    assert pg.reconstruct(pg.far_field(data), data, pg.Nesterov(), epochs=1, batch_size=8).illuminated is None


@pytest.mark.slow
def test_halves_know_where_refined_positions_were(tmp_path):
    """All windows moved alike: so is the area that both lit; by whole pixels, within the margin of the object."""
    data = problems.measurement()
    model = pg.models.with_refinable_positions(pg.far_field(data), 5)
    result = pg.perform(pg.Run(model, data, pg.Nesterov(), (pg.Stage(1),), 8))
    offset = jnp.full((data.count, 2), jnp.array([3.0, -2.0]), jnp.float32)
    elsewhere = eqx.tree_at(lambda one: one.scan.offset, result.model, offset)
    moved = pg.Result.of(elsewhere, data.positions, {}, result.history, result.settings)
    area, there = common_area(result, result), common_area(moved, moved)
    assert area.any()
    assert not area[:5].any()
    np.testing.assert_array_equal(there, np.roll(area, (3, -2), axis=(0, 1)))
    np.testing.assert_array_equal(common_area(result, moved), area & there)


@pytest.mark.slow
@pytest.mark.parametrize("thick", [True, False], ids=["slices", "states"])
def test_halves_of_what_has_no_one_image_are_refused(thick):
    geometry = pg.Geometry(1e-10, 1.0, (55e-6, 60e-6))
    data = problems.measurement()
    pixel = geometry.sampling(data.frame_shape)
    data = pg.make_dataset(data.patterns, data.positions * pixel, geometry=geometry, probe=data.probe)
    thin = pg.far_field(data)
    model = pg.models.with_slices(thin, 2, 1e-5) if thick else pg.models.with_object_modes(thin, 2)
    result = pg.perform(pg.Run(model, data, pg.Nesterov(), (pg.Stage(1),), 28))
    with pytest.raises(pg.InputError, match="slices and states have no one image"):
        pg.quality.half_agreement(result, result)


def test_patterns_far_above_the_others_in_both_figures_stand_out():
    """Where few photons fell R alone is high; where there were none it is NaN."""
    rng = np.random.default_rng(0)
    of_pattern, chi_squared = rng.normal(0.1, 0.01, 50), rng.normal(1.0, 0.1, 50)
    of_pattern[[7, 30, 41]], chi_squared[[7, 30]] = [0.3, 0.5, 0.9], [6.0, 4.0]
    of_pattern[3] = chi_squared[3] = np.nan
    one = np.zeros((2, 3))
    assert pg.quality.Residuals(of_pattern, chi_squared, one, one, 0.1).outstanding.tolist() == [30, 7]
