"""The loop: order, batches, stages, interruption, and what it refuses."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import problems
import ptychograd as pg
from ptychograd.fitting.schedule import StepShape, planned, shuffled

ADAM = pg.adam({"object": 0.02, "probe": 1.0})
TRACES = []


class CountingNoise(pg.noise.AbstractNoise):
    """Amplitude noise that counts how often it is traced."""

    real: pg.Amplitude = pg.Amplitude()

    def nll(self, expected, measured):
        TRACES.append(expected.shape)
        return self.real.nll(expected, measured)

    @property
    def curvature(self):
        return self.real.curvature

    def fisher(self, expected):
        return self.real.fisher(expected)

    def sample(self, key, expected):
        return self.real.sample(key, expected)


@pytest.mark.slow
def test_a_run_is_compiled_once(data):
    """Nine epochs with a ragged last batch trace the physics as often as one epoch does."""
    traced = []
    for epochs, batch_size in (
        (1, 5),
        (9, 6),
    ):  # another batch size, so that nothing is left from the first run
        TRACES.clear()
        pg.reconstruct(
            problems.start_model(data),
            data,
            ADAM,
            noise=CountingNoise(),
            epochs=epochs,
            batch_size=batch_size,
        )
        traced.append(len(TRACES))
    assert traced[0] == traced[1] > 0


@pytest.mark.slow
def test_ragged_batch_counts_every_pattern_once(data):
    """With steps of zero the loss of an epoch is the sum over all patterns, whatever the batch size."""
    losses = [
        pg.reconstruct(problems.start_model(data), data, pg.adam(0.0), epochs=1, batch_size=b).history.loss[0]
        for b in (1, 9, data.count)
    ]
    assert data.count % 9 != 0
    np.testing.assert_allclose(losses, losses[0], rtol=1e-5)


def test_loss_is_the_papers_sum(data):
    """g of Eq. 7 and the R-factor of the start, by NumPy."""
    model = problems.start_model(data)
    result = pg.reconstruct(model, data, pg.adam(0.0), epochs=1, batch_size=9)
    expected = np.stack([model(jnp.int32(j)) for j in range(data.count)]).astype(float)
    loss = np.sum((np.sqrt(data.patterns) - np.sqrt(expected)) ** 2)
    assert result.history.loss[0] == pytest.approx(loss, rel=1e-5)
    assert result.history.r_factor[0] == pytest.approx(np.sqrt(loss / data.patterns.sum()), rel=1e-5)


def test_order_depends_on_seed_and_epoch_alone(data):
    """Same seed, same bytes; another seed, another order."""
    runs = [
        pg.reconstruct(problems.start_model(data), data, ADAM, epochs=3, batch_size=4, seed=seed).object.tobytes()
        for seed in (1, 1, 2)
    ]
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_a_run_in_two_calls_is_the_run_in_one(data, tmp_path):
    """Bit for bit, through a file too: parameters, solver state, order and history go on."""
    whole = pg.reconstruct(problems.start_model(data), data, ADAM, epochs=5, batch_size=4, seed=3)
    half = pg.reconstruct(problems.start_model(data), data, ADAM, epochs=2, batch_size=4, seed=3)
    half.save(tmp_path / "half.h5")
    for begun in (half, pg.load(tmp_path / "half.h5")):
        rest = pg.reconstruct(problems.start_model(data), data, ADAM, epochs=3, batch_size=4, seed=3, resume=begun)
        assert rest.object.tobytes() == whole.object.tobytes()
        assert rest.probe.tobytes() == whole.probe.tobytes()
        assert rest.history.loss == whole.history.loss


def test_the_truth_is_never_used(data):
    """The same bytes come out when the truth is not in the dataset."""
    blind = problems.measurement(truth=None)
    runs = [pg.reconstruct(problems.start_model(d), d, ADAM, epochs=2, batch_size=4) for d in (data, blind)]
    assert runs[0].object.tobytes() == runs[1].object.tobytes()


def test_model_and_data_of_different_scans_are_refused(data):
    fewer = pg.data.subset(data, np.arange(20))
    with pytest.raises(pg.InputError, match="56 positions, but the data hold 20 patterns"):
        pg.reconstruct(problems.start_model(data), fewer, ADAM, epochs=1)
    with pytest.raises(pg.InputError, match="seed of -1"):
        pg.reconstruct(problems.start_model(data), data, ADAM, epochs=1, seed=-1)


def test_batches_are_of_nearly_equal_size():
    """Every pattern once; sizes differ by one at most; padding has weight 0."""
    for count, batch_size in ((56, 9), (484, 20), (7, 7), (5, 1), (13, 12)):
        order = np.asarray(shuffled(jnp.array([1, 2], jnp.uint32), count))
        rows = StepShape.of(count, batch_size)
        plan = planned([order], [np.arange(count)], rows, np.linspace(0, 1, rows.steps))
        index, weight = plan.number, plan.weight
        used = np.asarray(index)[np.asarray(weight) == 1]
        assert sorted(used) == list(range(count))
        sizes = np.asarray(weight).sum(axis=1)
        assert sizes.max() <= batch_size
        assert sizes.max() - sizes.min() <= 1


def test_constants_are_no_parameters_and_not_kept(data):
    """NumPy arrays of a model, its own ramp or an index table of a user's, are constants."""
    model = problems.start_model(data)
    with pytest.raises(pg.InputError, match=r'Unknown parameter "propagator"'):
        pg.reconstruct(model, data, ADAM, epochs=1, trainable=("propagator",))
    model = eqx.tree_at(lambda m: m.scan.corner, model, np.asarray(model.scan.corner))
    result = pg.reconstruct(model, data, ADAM, epochs=1, batch_size=4)
    assert set(result.arrays) == {"object.transmission", "probe.modes", "detector.background"}


def test_held_parameters_stay(data):
    model = problems.start_model(data)
    result = pg.reconstruct(model, data, pg.PIE(), epochs=2, trainable=("object",))
    assert result.probe.tobytes() == np.asarray(model.probe.modes).tobytes()
    assert result.object.tobytes() != np.asarray(model.object.transmission).tobytes()


def test_interrupt_keeps_the_last_whole_epoch(data):
    def interrupt(progress):
        if progress.epoch == 2:
            raise KeyboardInterrupt

    result = pg.reconstruct(problems.start_model(data), data, ADAM, epochs=50, batch_size=4, on_epoch=interrupt)
    straight = pg.reconstruct(problems.start_model(data), data, ADAM, epochs=2, batch_size=4)
    assert result.stopped == "interrupted"
    assert result.history.epochs == 2
    assert result.object.tobytes() == straight.object.tobytes()


def test_a_number_that_is_none_ends_the_run_with_the_last_good_result(data):
    begun = pg.reconstruct(problems.start_model(data), data, ADAM, epochs=1, batch_size=4)
    wild = pg.adam({"object": 1e30, "probe": 1e30})
    with pytest.raises(pg.fitting.NonFiniteError, match=r"(object\.transmission|probe\.modes|loss).*epoch 2") as caught:
        pg.reconstruct(begun.model, data, wild, epochs=9, batch_size=4, resume=begun)
    assert caught.value.result.history.epochs == 1
    assert np.isfinite(caught.value.result.object).all()


def test_progress_is_told(data):
    told = []
    pg.reconstruct(problems.start_model(data), data, ADAM, epochs=3, batch_size=4, on_epoch=told.append)
    assert [progress.epoch for progress in told] == [1, 2, 3]
    assert all(progress.patterns_per_second > 0 and progress.epochs == 3 for progress in told)
    assert told[2].loss < told[0].loss


def test_wrong_arguments_are_refused(data):
    model = problems.start_model(data)
    with pytest.raises(pg.InputError, match=r"batch of 500 .* give 1 to"):
        pg.reconstruct(model, data, ADAM, epochs=1, batch_size=500)
    with pytest.raises(pg.InputError, match=r'Unknown parameter "lens".*object\.transmission.*probe\.modes'):
        pg.reconstruct(model, data, ADAM, epochs=1, trainable=("lens",))
    other = pg.make_dataset(np.ones((data.count, 8, 8)), data.positions)
    with pytest.raises(pg.InputError, match=r"\(20, 18\).*\(8, 8\)"):
        pg.reconstruct(model, other, ADAM, epochs=1)


@pytest.mark.slow
def test_sub_pixel_positions_matter(data):
    """Patterns simulated at sub-pixel positions by a finer grid fit with them, and not without them."""
    shift = np.random.default_rng(2).uniform(-0.5, 0.5, data.positions.shape)
    shift[[0, -1]] = 0
    moved = _shifted_measurement(shift)
    with_shifts = pg.make_dataset(moved, data.positions + shift, probe=data.probe)
    without = pg.make_dataset(moved, data.positions, probe=data.probe)
    r_factors = [
        pg.reconstruct(problems.start_model(d), d, pg.PIE(alpha=0.2), epochs=120, batch_size=6).history.r_factor[-1]
        for d in (with_shifts, without)
    ]
    assert r_factors[0] < 0.5 * r_factors[1]


def _shifted_measurement(shift):
    """Noise-free patterns of the problem, the probe moved off the grid by formula, not by a Fourier ramp."""
    object, patterns = problems.object_wave(), []
    y, x = np.mgrid[: problems.FRAME[0], : problems.FRAME[1]]
    scale = np.abs(problems.probe_wave()).max()
    for (row, column), (dy, dx) in zip(problems.positions().astype(int), shift, strict=True):
        v, u = y - dy, x - dx
        wave = scale * np.exp(-((v - 9.3) ** 2) / 18 - (u - 7.8) ** 2 / 13)
        wave = wave * np.exp(1j * (0.03 * (v - 6) ** 2 + 0.2 * u))
        wave = wave * object[row : row + problems.FRAME[0], column : column + problems.FRAME[1]]
        patterns.append(np.abs(np.fft.fftshift(np.fft.fft2(wave, norm="ortho"))) ** 2)
    return np.array(patterns, np.float32)
