"""Which orientation is told to be right: others fit the same held-out patterns worse by some standard errors."""

import numpy as np
import pytest
from scipy import stats

import near_problems
import problems
import ptychograd as pg
from ptychograd.automatic.orientation.preference import critical, errors_apart
from ptychograd.automatic.orientation.start import as_wide_as_speckles, is_its_own_twin, out_of_focus
from ptychograd.data.orientation import ALL, twin
from speckles import diffuser_scan

COUNT = 20
HARD = np.exp(np.random.default_rng(0).normal(0, 0.5, COUNT))  # some patterns are hard for every orientation


def trial(code, level, scatter=0.02, seed=0, **changes):
    """R-factors of that level, hard patterns as hard, with so much scatter of its own."""
    own = np.exp(scatter * np.random.default_rng([seed, code]).normal(size=COUNT))
    each = level * HARD * own
    return pg.automatic.OrientationTrial(code, float(np.sqrt(np.mean(each**2))), None, each, **changes)


def trials(levels, **changes):
    found = [trial(code, level, **changes) for code, level in levels.items()]
    return sorted(found, key=lambda one: one.r_factor)


DATA = problems.measurement()


def test_a_small_gap_is_told_if_it_is_the_same_in_every_pattern():
    """Five per cent, where 30 % were asked for once; all patterns together scatter by far more."""
    found = pg.automatic.preference(trials({code: 0.3 * (1 if code == 5 else 1.05) for code in ALL}), DATA)
    assert found.codes == (5,)
    assert found.is_certain
    assert 0.03 < found.margin < 0.07
    assert found.errors > critical(COUNT)
    assert "standard errors more" in found.summary


def test_a_large_gap_of_a_few_patterns_is_not_told():
    best = trial(0, 0.3)
    outlier = best.r_of_pattern.copy()
    outlier[3] *= 20
    others = [
        pg.automatic.OrientationTrial(code, float(np.sqrt(np.mean(outlier**2))), None, outlier) for code in ALL if code
    ]
    found = pg.automatic.preference([best, *others], DATA)
    assert others[0].r_factor > 1.3 * best.r_factor
    assert not found.is_certain
    assert found.codes == tuple(ALL)


def test_the_errors_are_those_of_a_paired_t_test():
    one, other = trial(0, 0.3), trial(1, 0.33, scatter=0.2)
    expected = stats.ttest_rel(np.log(other.r_of_pattern), np.log(one.r_of_pattern)).statistic
    assert errors_apart(one, other) == pytest.approx(expected)


def test_few_patterns_ask_for_more_errors_and_many_for_three():
    assert critical(4) == pytest.approx(stats.t.isf(0.01 / 7, 3))
    assert critical(4) > critical(6) > critical(COUNT) > critical(10_000) == 3
    assert critical(1) == np.inf


def test_eight_equal_orientations_seem_told_in_one_case_of_a_hundred():
    """The best of eight that differ by chance, against the seven others; what is tested is picked, so it is a bound."""
    told = 0
    for seed in range(300):
        found = trials(dict.fromkeys(ALL, 0.3), scatter=0.1, seed=seed)
        told += len(pg.automatic.preference(found, DATA).codes) == 1
    assert told <= 3


def test_a_pair_stays_one_unless_the_start_knows_the_side_of_the_focus():
    levels = {code: {2: 0.2, 1: 0.21}.get(code, 0.3) for code in ALL}
    assert twin(2) == 1
    blind = pg.automatic.preference(trials(levels, has_side=False), DATA)
    assert blind.codes == (1, 2)
    assert blind.is_pair
    assert "can't tell the two apart" in blind.summary
    assert pg.automatic.preference(trials(levels), DATA).codes == (2,)
    assert pg.automatic.preference(trials(levels, has_side=False), near_problems.measurement()).codes == (2,)
    alike = levels | {1: 0.2}
    assert pg.automatic.preference(trials(alike), DATA).is_pair


def test_trials_that_diverged_and_those_of_rounding():
    best = trial(0, 0.3)
    gone = [pg.automatic.OrientationTrial(code, np.inf, None, np.zeros(0)) for code in ALL if code]
    found = pg.automatic.preference([best, *gone], DATA)
    assert found.codes == (0,)
    assert "inf" not in found.summary.split("next")[0]
    all_gone = pg.automatic.preference(
        [pg.automatic.OrientationTrial(code, np.inf, None, np.zeros(0)) for code in ALL], DATA
    )
    assert not all_gone.is_certain
    rounded = [
        pg.automatic.OrientationTrial(code, best.r_factor, None, best.r_of_pattern * (1 + 1e-5 * bool(code)))
        for code in ALL
    ]
    assert not pg.automatic.preference(rounded, DATA).is_certain


def fitted(r_factor, left, chi_squared=9.0):
    """The result of a trial that left so much of what can be explained in the patterns that it fitted."""
    columns = [(value,) for value in (1.0, r_factor, chi_squared, 0.1)]
    verdict = {"code": "not_solved", "causes": [], "chi_squared": chi_squared, "left": left}
    return pg.Result({}, {}, pg.fitting.History(*columns), {"stopped": "all epochs done", "verdict": verdict})


@pytest.mark.parametrize(("r_factor", "poor"), [(0.14, False), (0.17, True)])
def test_a_best_orientation_that_hardly_beats_the_mean_pattern_is_told(r_factor, poor):
    """χ² of 9 with a quarter left: patterns all alike would have one of 33."""
    best = trial(0, r_factor)
    best = best._replace(result=fitted(0.1, 0.25), r_factor=r_factor)
    others = [trial(code, 3 * r_factor) for code in ALL if code]
    assert best.left == pytest.approx((9 * (r_factor / 0.1) ** 2 - 1) / 32)
    found = pg.automatic.preference([best, *others], DATA)
    assert found.left == best.left
    assert found.is_poor == poor
    assert ("% of what can be explained" in found.summary) == poor
    assert found.codes == (0,)


@pytest.mark.parametrize("result", [None, fitted(0.1, None), fitted(0.1, 1e-4), fitted(0.1, 2.0, 1.5)])
def test_where_patterns_hardly_differ_by_more_than_noise_nothing_is_told(result):
    found = pg.automatic.preference([trial(0, 0.3)._replace(result=result), trial(1, 0.9)], DATA)
    assert np.isnan(found.left)
    assert not found.is_poor


@pytest.mark.parametrize("shape", [(20, 18), (21, 18), (15, 17)])
def test_an_estimated_start_is_its_own_twin_and_one_out_of_focus_is_not(shape):
    rng = np.random.default_rng(0)
    y, x = (np.arange(n) - n // 2 for n in shape)
    light = 300 * np.exp(-((y[:, None] / 4) ** 2) - (x / 3) ** 2) * (1 + 0.3 * rng.uniform(size=shape))
    patterns = rng.poisson(light, (30, *shape))
    data = pg.make_dataset(patterns, rng.uniform(0, 20, (30, 2)))
    assert is_its_own_twin(pg.far_field(data))
    known = pg.make_dataset(patterns, data.positions, probe=out_of_focus(data, 0.6)[1])
    assert not is_its_own_twin(pg.far_field(known))
    assert not is_its_own_twin(problems.start_model(problems.measurement(probe=problems.probe_wave())))


def test_a_beam_out_of_focus_has_the_width_and_the_light_that_are_asked_for():
    """A disc in the pupil becomes a disc of that width; as far before the focus it is its twin."""
    size, sampling = 96, 20e-9
    y, x = np.mgrid[:size, :size] - size // 2
    patterns = np.repeat((np.hypot(y, x) < 15)[None] * 100.0, 8, axis=0)
    geometry = pg.Geometry(1e-10, size * 50e-6 * sampling / 1e-10, (50e-6, 50e-6))
    data = pg.make_dataset(patterns, np.arange(16.0).reshape(8, 2) * sampling, geometry=geometry)
    distance, wave = out_of_focus(data, 0.6)
    power = np.abs(wave) ** 2
    assert power.sum() == pytest.approx(data.photons.max())
    assert 2 * np.sqrt(2 * np.sum(power * (y**2 + x**2)) / power.sum()) == pytest.approx(0.6 * size, rel=0.1)
    assert distance == pytest.approx(0.6 * size * sampling / (2 * 1e-10 * 15 / (size * sampling)), rel=0.05)
    other, mirrored = out_of_focus(data, -0.6)
    assert other == -distance
    np.testing.assert_allclose(mirrored[1:, 1:], wave[:0:-1, :0:-1].conj(), atol=1e-6 * np.abs(wave).max())
    assert np.isnan(out_of_focus(pg.make_dataset(patterns, data.positions), 0.6)[0])


SPECKLED = {"even": (48, 44, 4.0, 4.0), "oblong": (45, 50, 3.0, 5.5)}


@pytest.mark.parametrize("kind", SPECKLED)
@pytest.mark.parametrize("photons", [1e6, 3e3])
def test_the_speckles_tell_how_wide_the_beam_is(kind, photons):
    rows, columns, wide_y, wide_x = SPECKLED[kind]
    patterns, places = diffuser_scan(rows, columns, wide_y, wide_x, photons)
    pixel = (20e-9, 30e-9)
    geometry = pg.Geometry(1e-10, 1.0, tuple(1e-10 / (n * p) for n, p in zip((rows, columns), pixel, strict=True)))
    data = pg.make_dataset(patterns, places * np.array(pixel), geometry=geometry)
    fwhm, wave = as_wide_as_speckles(data)
    true = 2.3548 * np.sqrt(wide_y * pixel[0] * wide_x * pixel[1])
    assert fwhm == pytest.approx(true, rel=0.15)
    assert np.sum(np.abs(wave) ** 2) == pytest.approx(data.photons.max())
    assert np.isnan(as_wide_as_speckles(pg.make_dataset(patterns, places.astype(float)))[0])


@pytest.mark.slow
def test_of_a_strong_diffuser_the_orientation_is_told():
    """The mean pattern of a diffuser tells nothing of the beam: the start that it gives finds no orientation."""
    patterns, places = diffuser_scan(32, 32, 3.5, 3.5, count=90)
    data = pg.data.apply_orientation(pg.make_dataset(patterns, places.astype(float)), 4)
    trials = pg.automatic.try_orientations(data)
    found = pg.automatic.preference(trials, data)
    assert found.is_certain
    assert 4 in found.codes
    assert np.isnan(trials[0].fwhm)
    blind = pg.automatic.try_orientations(data, widths=())
    assert not pg.automatic.preference(blind, data).is_certain
