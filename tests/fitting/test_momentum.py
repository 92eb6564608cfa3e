"""The pace of accelerated descent: a memory that grows, is bounded by noise and shrinks when it is cold."""

import jax.numpy as jnp
import numpy as np
import pytest

from ptychograd.fitting.solvers.momentum import Past, growing_momentum, steady_momentum

MOMENTA = (0.8, 0.995)  # memories of 5 and of 200 steps
QUIET = 0.01


def scalar(value):
    return jnp.asarray(float(value), jnp.float32)


def schedule(age, noise=QUIET, warmth=1.0, step_size=0.65, momenta=MOMENTA):
    return growing_momentum(step_size, momenta, Past(scalar(age), scalar(noise), {}), scalar(warmth))


def memory(*arguments, **options):
    """Steps that momentum remembers, 1/(1 - m)."""
    return 1 / (1 - float(schedule(*arguments, **options).momentum))


def test_memory_grows_by_one_step_every_five_steps_from_that_of_the_first_momentum():
    ages = np.array([0, 25, 26, 250, 500, 900])
    np.testing.assert_allclose([memory(age) for age in ages], 5 + ages / 5, rtol=1e-3)
    assert memory(0, momenta=(0.9, 0.995)) == pytest.approx(10, rel=1e-3)


def test_memory_ends_at_that_of_the_second_momentum():
    assert memory(1e6) == pytest.approx(200, rel=1e-3)
    assert memory(1e6, momenta=(0.8, 0.95)) == pytest.approx(20, rel=1e-3)


@pytest.mark.parametrize(("noise", "longest"), [(1.0, 25), (0.5, 100), (0.3, 200), (3.0, 5), (0.0, 200)])
def test_noisy_batches_are_remembered_for_25_over_the_square_of_their_noise(noise, longest):
    """Never for longer than the second momentum says, nor for less than the first."""
    assert memory(1e6, noise) == pytest.approx(longest, rel=1e-3)


def test_memory_shrinks_with_the_square_of_the_warmth():
    warmths = np.array([1, 0.7, 0.4, 0.02])
    np.testing.assert_allclose([memory(1e6, warmth=w) for w in warmths], 5 + warmths**2 * 195, rtol=1e-3)


def test_the_step_is_shorter_for_noisy_batches_and_is_not_cooled_here():
    for noise, gain in ((0.0, 1.15), (0.2, 1.15), (0.4, 1.0), (1.0, 0.7)):
        assert float(schedule(7, noise).step_size) == pytest.approx(gain * 0.65, rel=1e-5)
    assert float(schedule(7, warmth=0.1).step_size) == float(schedule(7).step_size)


def test_a_steady_pace_is_slower_for_small_batches_and_keeps_its_momentum():
    for patterns, share in ((1, 1 / 3), (2, 1 / 2), (6, 3 / 4)):
        step_size, momentum = steady_momentum(0.6, 0.8, scalar(patterns))
        assert float(step_size) == pytest.approx(0.6 * share)
        assert float(momentum) == pytest.approx(0.8)


# Noise ----------------------------------------------------------------------------------------------------


def followed(batches, shape=(5, 8)):
    past = Past(scalar(0), scalar(0), {"object": jnp.zeros(shape)})
    for batch in batches:
        past = past.followed_by({"object": jnp.asarray(batch), "distance": jnp.ones(())})
    return past


def test_batches_that_are_all_alike_have_no_noise():
    batch = np.random.default_rng(0).random((5, 8)).astype(np.float32)
    past = followed([batch] * 7)
    assert float(past.age) == 7
    assert float(past.noise) == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(past.usual["object"], batch, rtol=1e-5)


def test_usual_is_the_mean_of_what_was_and_noise_the_share_that_differs():
    """Of four batches, by sums: Σ(w - W)²/ΣW² with W the mean of all so far, and the mean of these shares."""
    batches = np.random.default_rng(0).random((4, 5, 8)).astype(np.float32)
    shares = []
    for k in range(1, 5):
        mean = batches[:k].mean(axis=0)
        shares.append(np.sum((batches[k - 1] - mean) ** 2) / np.sum(mean**2))
    past = followed(batches)
    np.testing.assert_allclose(past.usual["object"], batches.mean(axis=0), rtol=1e-5)
    assert float(past.noise) == pytest.approx(np.mean(shares), rel=1e-4)


def test_scans_whose_batches_light_other_places_are_noisier_than_those_that_light_the_same():
    rng = np.random.default_rng(1)
    same = [1 + 0.1 * rng.random((5, 8)) for _ in range(60)]
    other = [np.eye(5, 8, k=int(k)) for k in rng.integers(-4, 8, 60)]
    assert 0 < float(followed(same).noise) < 0.01
    assert float(followed(other).noise) > 1


def test_darkness_is_no_noise():
    assert float(followed([np.zeros((5, 8))] * 3).noise) == 0


@pytest.mark.parametrize(("part", "share"), [(0.01, 1.0), (0.25, 1.0), (0.625, 0.85), (1.0, 0.7)])
def test_steps_are_shorter_where_a_batch_has_most_of_all_patterns(part, share):
    alone = steady_momentum(0.65, 0.8, scalar(100)).step_size
    assert float(steady_momentum(0.65, 0.8, scalar(100), 100 / part).step_size / alone) == pytest.approx(share)
