"""How many patterns make up a batch: told by what patterns tell beyond the noise of their photons."""

import math
import warnings

import numpy as np
import pytest

import problems
import ptychograd as pg
from ptychograd.fitting.batch_size import batch_by_photons, is_faint, signal_of
from ptychograd.fitting.mean_pattern import fit_of_mean

COUNT = 1600


def patterns(mean, differences=0.0, count=COUNT, seed=0):
    """Counts about means that differ from pattern to pattern, by that share of their root, in stripes."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((13, 18))
    root = np.sqrt(mean * np.exp(-((y - 5) ** 2 + (x - 8) ** 2) / 40))
    stripes = np.cos(2 * np.pi * (3 * x / 18 + rng.uniform(size=(count, 1, 1))))
    return rng.poisson((root * (1 + differences * stripes)) ** 2)


def scan(counts):
    return pg.make_dataset(counts, np.random.default_rng(1).uniform(0, 40, (len(counts), 2)))


@pytest.mark.parametrize("mean", [0.3, 5.0, 400.0])
def test_patterns_all_alike_tell_nothing_beyond_their_noise(mean):
    assert signal_of(scan(patterns(mean))) < 0.01


@pytest.mark.parametrize("differences", [0.05, 0.1])
def test_what_they_tell_is_how_much_their_roots_differ_over_a_quarter(differences):
    """Of roots of many photons, whose variance is 1/4: the mean square of the differences is d² h / 2 a pixel."""
    mean = 2000.0
    data = scan(patterns(mean, differences))
    bright = data.patterns.mean(axis=0)
    expected = np.sum(differences**2 * bright / 2) / np.sum(np.minimum(bright, 0.25))
    assert signal_of(data) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize(
    ("signal", "size"), [(1e3, 16), (0.36, 16), (0.2, 64), (0.1, 256), (0.06, COUNT), (0.0, COUNT), (math.inf, 16)]
)
def test_a_batch_has_more_patterns_the_less_they_tell(signal, size):
    data = scan(patterns(3.0))
    assert batch_by_photons(data, signal) == size
    assert is_faint(data, signal) == (size == COUNT)


def test_few_patterns_make_at_least_five_batches_where_they_tell_enough():
    assert batch_by_photons(scan(patterns(3.0, count=21)), 2.0) == 5


def test_where_the_noise_is_not_known_sixteen_are_taken():
    scaled = scan(patterns(1e3).astype(np.float32) / 1e4)
    assert math.isinf(signal_of(scaled))
    assert pg.Nesterov().suited_batch_size(scaled) == 16


def test_every_solver_says_how_many_suit_it():
    data = scan(patterns(2000.0, 0.3))
    sizes = [
        solver.suited_batch_size(data) for solver in (pg.Nesterov(), pg.PIE(), pg.PIE(0.1), pg.adam(0.1), pg.LBFGS())
    ]
    assert sizes == [16, 1, 32, 100, COUNT]


def test_a_run_without_a_batch_size_takes_and_names_the_one_that_suits():
    data = problems.measurement()
    result = pg.reconstruct(problems.start_model(data), data, pg.Nesterov(), epochs=1)
    assert result.settings["batch_size"] == pg.Nesterov().suited_batch_size(data) < 16
    run = pg.Run(problems.start_model(data), data, pg.Nesterov(), (pg.Stage(1),))
    assert pg.perform(run).object.tobytes() == result.object.tobytes()


@pytest.mark.parametrize(("differences", "size", "word"), [(0.0, 16, "Photons are few"), (0.5, 900, "few steps")])
def test_a_size_that_is_known_to_fail_is_kept_and_warned_of(differences, size, word):
    solver, data = pg.Nesterov(), scan(patterns(3.0 if not differences else 1e3, differences))
    assert word in solver.doubts_batch(size, data)
    assert not solver.doubts_batch(solver.suited_batch_size(data), data)
    assert not pg.PIE().doubts_batch(size, data)


@pytest.mark.slow
def test_a_doubt_is_said_once_and_the_size_is_kept():
    data = scan(patterns(3.0, count=100))
    model = pg.far_field(data)
    with pytest.warns(UserWarning, match="Photons are few here"):
        result = pg.reconstruct(model, data, pg.Nesterov(), epochs=1, batch_size=4)
    assert result.settings["batch_size"] == 4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pg.reconstruct(model, data, pg.Nesterov(), epochs=1, batch_size=4, resume=result)


def test_the_signal_does_not_depend_on_how_bright_single_patterns_are():
    """A beam that flickers is no signal: the mean pattern is taken as bright as each one."""
    rng = np.random.default_rng(2)
    steady = patterns(400.0)
    flickering = rng.binomial(steady, rng.uniform(0.5, 1, (COUNT, 1, 1)))
    assert fit_of_mean(scan(flickering), is_of_roots=True).signal < 0.02
