"""Patterns kept aside: they are all there, they are not fitted, and their R-factor is that of NumPy."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

import problems
import ptychograd as pg
from ptychograd.runs.held_out import monitored, with_search_and_validation


def frame_mask():
    mask = np.ones(problems.FRAME, bool)
    mask[3:6, 11:] = False
    return mask


def own_masks(count):
    """A mask for each pattern, none like another."""
    return np.random.default_rng(1).random((count, *problems.FRAME)) < 0.9


@pytest.fixture(scope="module")
def data():
    return problems.measurement(mask=frame_mask())


def held_ones(held):
    """Numbers of the patterns that have a valid pixel."""
    return np.flatnonzero(held.mask.any(axis=(1, 2)))


@pytest.mark.parametrize("own", [False, True], ids=["one mask", "a mask each"])
def test_every_valid_pixel_is_fitted_or_held_out(data, own):
    """Whole patterns are: as many as their share says."""
    if own:
        data = replace(data, mask=own_masks(data.count))
    fitted, held = pg.hold_out(data, 0.2, seed=3)
    everything = np.broadcast_to(data.mask, data.patterns.shape)
    assert not (fitted.mask & held.mask).any()
    np.testing.assert_array_equal(fitted.mask | held.mask, everything)
    chosen = held_ones(held)
    assert len(chosen) == round(0.2 * data.count) == 11
    np.testing.assert_array_equal(held.mask[chosen], everything[chosen])
    assert fitted.total + held.total == data.total


def test_both_parts_have_all_else(data):
    """So that one model serves both, and one can see what it is."""
    for part, text in zip(pg.hold_out(data, 0.05), ("3 patterns held out", "3 held-out patterns"), strict=True):
        np.testing.assert_array_equal(part.patterns, data.patterns)
        np.testing.assert_array_equal(part.positions, data.positions)
        assert part.truth is data.truth
        assert part.source == f"memory, {text}"


def test_which_ones_depends_on_the_seed_alone(data):
    chosen = [held_ones(pg.hold_out(data, 0.2, seed)[1]).tolist() for seed in (0, 0, 1)]
    assert chosen[0] == chosen[1] != chosen[2]


@pytest.mark.slow
def test_held_out_patterns_have_no_influence(data):
    """Not a byte of the result changes when they are garbage, except where they are fitted."""
    fitted, held = pg.hold_out(data, 0.2)
    rng = np.random.default_rng(5)
    for garbage in (np.zeros_like(data.patterns), rng.integers(0, 60_000, data.patterns.shape, np.uint16)):
        spoilt = np.where(held.mask.any(axis=(1, 2), keepdims=True), garbage, data.patterns)
        model = problems.start_model(data)

        def result_of(data, model=model):
            return pg.reconstruct(model, data, pg.Nesterov(), epochs=2, batch_size=8)

        clean, dirty = result_of(fitted), result_of(replace(fitted, patterns=spoilt))
        assert clean.object.tobytes() == dirty.object.tobytes()
        assert clean.probe.tobytes() == dirty.probe.tobytes()
        assert clean.history._replace(seconds=()) == dirty.history._replace(seconds=())
        assert result_of(replace(data, patterns=spoilt)).object.tobytes() != dirty.object.tobytes()


def test_a_start_from_the_fitted_patterns_knows_nothing_of_the_others(data):
    """The probe is estimated from the mean pattern and scaled to the brightest one."""
    fitted, held = pg.hold_out(replace(data, probe=None), 0.2)
    spoilt = np.where(held.mask.any(axis=(1, 2), keepdims=True), 60_000, data.patterns).astype(np.uint16)
    clean, dirty, other = (
        np.asarray(pg.far_field(one).probe.modes)
        for one in (fitted, replace(fitted, patterns=spoilt), replace(data, probe=None, patterns=spoilt))
    )
    assert clean.tobytes() == dirty.tobytes() != other.tobytes()


@pytest.mark.slow
def test_r_factor_is_that_of_the_model_as_it_is(data):
    """By NumPy from `model(i)`, over the valid pixels of fitted, held-out and all patterns."""
    model = problems.start_model(data)
    expected = np.stack([model(jnp.int32(j)) for j in range(data.count)]).astype(float)
    residual = (np.sqrt(expected) - np.sqrt(data.patterns.astype(float))) ** 2
    for part in (data, *pg.hold_out(data, 0.1, seed=2)):
        valid = np.broadcast_to(part.mask, residual.shape)
        r_factor = np.sqrt(residual[valid].sum() / data.patterns[valid].sum())
        assert pg.r_factor(model, part) == pytest.approx(r_factor, rel=1e-5)


def test_held_out_patterns_tell_fitted_noise_from_detail(data):
    """Of few photons a fit follows the noise: its R-factor falls below that of the truth, the held-out one rises."""
    dark = problems.measurement(photons=3e3, probe=problems.probe_wave(3e3))
    truth = problems.start_model(dark, object=lambda shape: problems.object_wave())
    fitted, held = pg.hold_out(dark, 0.1)
    result = pg.reconstruct(truth, fitted, pg.Nesterov(), epochs=40, batch_size=8)
    assert pg.r_factor(result.model, fitted) < 0.98 * pg.r_factor(truth, fitted)
    assert pg.r_factor(result.model, held) > 1.02 * pg.r_factor(truth, held)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.999, 1.0, 1.7, -0.2])
def test_a_share_that_leaves_nothing_on_one_side_is_refused(data, share):
    with pytest.raises(pg.InputError, match=r"of 56 patterns can't be held out; expected one between 0 and 1"):
        pg.hold_out(data, share)


def test_a_share_is_of_the_patterns_that_have_photons(data):
    """And the sentence says so, with a share that would do."""
    four = data.only(np.arange(data.count) < 4)
    with pytest.raises(pg.InputError, match=r"A share of 0.1 of 4 patterns with photons .* not all, as 0.2\.$"):
        pg.hold_out(four, 0.1)
    assert len(held_ones(pg.hold_out(four, 0.2)[1])) == 1
    with pytest.raises(pg.InputError, match="of 1 patterns with photons none can be held out; expected 2 or more"):
        pg.hold_out(data.only(np.arange(data.count) == 8), 0.5)
    with pytest.raises(pg.InputError, match="3 positions with photons can't be halved; expected 4"):
        pg.data.halves(data.only(np.arange(data.count) < 3))
    used = [held_ones(half) for half in pg.data.halves(four)]
    assert sorted(np.concatenate(used)) == [0, 1, 2, 3]
    assert len(used[0]) == 2


def test_a_share_that_is_no_number_is_refused(data):
    with pytest.raises(pg.InputError, match="share of nan"):
        pg.hold_out(data, float("nan"))


def test_a_seed_that_is_none_is_refused(data):
    with pytest.raises(pg.InputError, match="seed of -1"):
        pg.hold_out(data, 0.1, seed=-1)


# On the command line --------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.2, 0])
def test_held_out_patterns_are_looked_at_every_five_epochs(run, tmp_path, share):
    pg.write(tmp_path / "d.h5", problems.measurement())
    assert run("reconstruct", "d.h5", "--epochs", 11, "--hold-out", share)[0] == 0
    result = pg.load(tmp_path / "d_result.h5")
    assert list(result.history.monitored) == ([5, 10] if share else [])
    drawn = [line.get_label() for axis in pg.plot.summary(result).axes for line in axis.lines]
    assert ("held out" in drawn) == bool(share)


@pytest.mark.parametrize(
    ("path", "is_watched"),
    [("scan.affine", True), ("scan.offset", False), ("scan", False), ("detector.background", True)],
)
def test_what_is_a_pattern_s_own_is_not_looked_at_on_the_way(data, path, is_watched):
    fitted, held = pg.hold_out(data, 0.2)
    model = pg.models.with_refinable_positions(pg.far_field(fitted), 4)
    asked = pg.Run(model, fitted, pg.Nesterov(), (pg.Stage(3), pg.Stage(9, ("object", "probe", path))), 8)
    assert (monitored(asked, held).monitor is not None) == is_watched
    assert monitored(asked, None).monitor is None


def test_without_patterns_held_out_positions_are_searched_and_nobody_judges(data):
    model = pg.models.with_refinable_positions(pg.far_field(data), 4)
    asked = pg.Run(model, data, pg.Nesterov(), (pg.Stage(40, ("object", "probe", "scan.offset")),), 8)
    kinds = {
        type(action) for stage in with_search_and_validation(pg.Plan(), asked, None).stages for action in stage.first
    }
    assert kinds == {pg.refinement.PositionSearch, pg.refinement.DistortionCorrection}


def test_however_many_epochs_are_planned_positions_are_searched_thirty_times(data):
    model = pg.models.with_refinable_positions(pg.far_field(data), 4)
    asked = pg.Run(model, data, pg.Nesterov(), (pg.Stage(1500, ("object", "probe", "scan.offset")),), 8)
    escapes = [action for stage in with_search_and_validation(pg.Plan(), asked, None).stages for action in stage.first]
    assert sum(isinstance(action, pg.refinement.PositionSearch) for action in escapes) == 30


def test_a_command_fits_half_of_the_patterns_at_least():
    pg.Plan(validation={"hold_out": 0.5}).check()
    with pytest.raises(pg.InputError, match=r"`validation\.hold_out` 0\.6: expected 0 to 0\.5"):
        pg.Plan(validation={"hold_out": 0.6}).check()
