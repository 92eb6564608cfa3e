"""Positions that are looked for farther than a gradient reaches, and beside slices."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import problems
import ptychograd as pg
from ptychograd.refinement.positions.search import reach_about_given
from ptychograd.runs.held_out import with_search_and_validation
from ptychograd.runs.run import check

PHOTONS, NOISE = 1e7, 0.03  # and what that many leave open of a position, in pixels


@pytest.fixture(scope="module")
def placed():
    """A model with the true object and probe, whose positions some of the patterns do not agree with; and which."""
    data = problems.measurement(photons=PHOTONS, dtype=np.uint32)
    model, probe = pg.far_field(data, object=lambda shape: problems.object_wave()), problems.probe_wave(PHOTONS)
    model = eqx.tree_at(lambda model: model.probe.modes, model, jnp.asarray(probe[None], jnp.complex64))
    wrong = np.zeros((data.count, 2), np.float32)
    wrong[[3, 17, 30]] = [[2.3, -1.4], [-1.0, 2.6], [0.4, 2.0]]
    model = pg.models.with_refinable_positions(model, 4)
    return eqx.tree_at(lambda model: model.scan.offset, model, jnp.asarray(wrong)), data, wrong


def no_fit(model, epochs, hold=()):
    raise AssertionError("nothing is fitted")


@pytest.mark.slow
def test_lost_positions_are_found_again_and_the_others_stay(placed):
    model, data, wrong = placed
    changed, text, held = pg.refinement.PositionSearch(data)(model, model, no_fit)
    offset = np.asarray(changed.scan.offset)
    assert np.abs(offset).max() < NOISE
    assert np.abs(wrong).max() > 2
    assert text == f"positions searched within 3 pixels: 3 of {data.count} moved by more than 0.5"
    assert held == ()


@pytest.mark.slow
def test_patterns_that_are_held_out_stay_where_they_are(placed):
    model, data, wrong = placed
    fitted = data.only(np.arange(data.count) != 17)
    offset = np.asarray(pg.refinement.PositionSearch(fitted)(model, model, no_fit).model.scan.offset)
    np.testing.assert_array_equal(offset[17], wrong[17])
    assert np.abs(np.delete(offset, 17, axis=0)).max() < NOISE


@pytest.mark.slow
def test_a_pattern_gone_far_astray_is_found_from_the_position_given(placed):
    model, data, wrong = placed
    lost = np.zeros_like(wrong)
    lost[20] = [-2.6, 3.8]  # farther from its own position than any step that is tried from there
    model = eqx.tree_at(lambda model: model.scan.offset, model, jnp.asarray(lost))
    offset = np.asarray(pg.refinement.PositionSearch(data, 1)(model, model, no_fit).model.scan.offset)
    assert np.abs(offset).max() < NOISE


def test_nothing_is_tried_about_given_positions_that_are_farther_than_any_search():
    """Of offsets of one pixel along each axis 3.5 are tried, and none beyond the 12 pixels that can be searched."""
    lengths = np.hypot(*np.random.default_rng(1).normal(size=(2, 20000)))
    assert [reach_about_given(size * lengths, 3) for size in (0.1, 1.0, 3.0, 4.0)] == [3, 4, 11, 0]
    assert reach_about_given(lengths[:0], 3) == 3


def test_positions_that_are_placed_are_searched_near_by_after_the_first_time():
    data = problems.measurement()
    fitted, held = pg.hold_out(data, 0.2)
    model = pg.models.with_refinable_positions(pg.far_field(fitted), 8)
    stages = (pg.Stage(60, ("object", "probe", "scan.offset")),)
    run = pg.Run(model, fitted, pg.Nesterov(), stages, 8, 0)
    for within, wide in ((None, 3), (8, 1)):
        plan = pg.Plan(fit={"refine": ("scan.offset",)}, model={"positions": {"placed_within": within}})
        actions = [one for stage in with_search_and_validation(plan, run, held).stages for one in stage.first]
        farthest = [one.farthest for one in actions if isinstance(one, pg.refinement.PositionSearch)]
        assert farthest == [3] * wide + [1] * (6 - wide)


@pytest.mark.parametrize("is_judged_first", [True, False])
def test_rounds_of_searches_come_before_the_judge(is_judged_first):
    data = problems.measurement()
    _, held = pg.hold_out(data, 0.2)
    model = pg.models.with_refinable_positions(pg.far_field(data), 2)
    stages = (pg.Stage(5), pg.Stage(40, ("object", "probe", "scan.offset")))
    ways = (
        (lambda s: pg.runs.with_position_validation(pg.runs.with_position_search(s, data, model), held, model)),
        (lambda s: pg.runs.with_position_search(pg.runs.with_position_validation(s, held, model), data, model)),
    )
    made = ways[is_judged_first](stages)
    assert [stage.epochs for stage in made] == [5, 6, 6, 6, 6, 16]
    assert [stage.named[2:] for stage in made] == [(), ("scan.offset",), (), (), (), ("scan.offset",)]
    escapes = [[type(action) for action in stage.first] for stage in made]
    both = [pg.refinement.PositionSearch, pg.refinement.DistortionCorrection]
    assert escapes == [[], [], both, both, both, [*both, pg.refinement.PositionValidation]]
    assert [stage.first[0].farthest for stage in made[2:]] == [3, 3, 1, 1]
    assert made[2].first[0].data is data


def test_only_offsets_are_held_between_searches():
    data = problems.measurement()
    model = pg.models.with_refinable_positions(pg.far_field(data), 2)
    plain = (pg.Stage(20, ("object", "probe", "scan.affine")),)
    assert pg.runs.with_position_search(plain, data, model) == plain
    made = pg.runs.with_position_search((pg.Stage(40, ("object", "scan")),), data, model)
    assert made[1].trainable == ("object", "scan.affine", "scan.drift")
    assert sum(stage.epochs for stage in made) == 40
    assert made[-1].trainable == ("object", "scan")


def test_what_can_not_be_searched_is_said():
    data = problems.measurement()
    with pytest.raises(pg.InputError, match="can't be refined"):
        pg.refinement.PositionSearch(data).check(pg.far_field(data))
    with pytest.raises(pg.InputError, match="within 40 pixels; expected 1 to 12"):
        pg.refinement.PositionSearch(data, 40).check(pg.models.with_refinable_positions(pg.far_field(data), 2))
    with pytest.raises(pg.InputError, match="A reach of 500 pixels"):
        pg.models.with_refinable_positions(pg.far_field(data), 500)


@pytest.mark.slow
def test_a_thick_object_gets_a_margin_and_its_kernels_none():
    """The kernel between slices has the size of a window, which is that of the object here."""
    geometry = pg.Geometry(1e-10, 1.0, (55e-6, 60e-6))
    data = problems.measurement(geometry=geometry)
    sampling = geometry.sampling(data.frame_shape)
    data = pg.make_dataset(data.patterns, data.positions * sampling, geometry=geometry, probe=data.probe)
    thick = pg.models.with_slices(pg.far_field(data), 2, 1e-5)
    moved = pg.models.with_refinable_positions(thick, 3)
    assert moved.object.transmission.shape == (2, *(n + 6 for n in thick.object.transmission.shape[1:]))
    for index in (0, 20):
        np.testing.assert_allclose(moved(jnp.array(index)), thick(jnp.array(index)), rtol=1e-4, atol=1e-3)


def test_positions_alone_are_searched_and_follow_their_gradients_throughout():
    data = problems.measurement()
    model = pg.models.with_refinable_positions(pg.far_field(data), 2)
    made = pg.runs.with_position_search((pg.Stage(20, ("scan.offset",)),), data, model)
    assert sum(stage.epochs for stage in made) == 20
    assert {stage.trainable for stage in made} == {("scan.offset",)}
    assert sum(bool(stage.first) for stage in made) == 2
    check(pg.Run(model, data, pg.Nesterov(), made, 8))


@pytest.mark.slow
def test_offsets_may_have_another_precision_than_the_model(placed):
    model, data, _ = placed
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):  # as a mixture of precisions asks for
        fine = eqx.tree_at(lambda model: model.probe.modes, model, model.probe.modes.astype(np.complex128))
        changed = pg.refinement.PositionSearch(data)(fine, fine, no_fit).model
    assert fine.probe.modes.dtype == np.complex128
    assert changed.scan.offset.dtype == np.float32
    assert np.abs(np.asarray(changed.scan.offset)).max() < NOISE
