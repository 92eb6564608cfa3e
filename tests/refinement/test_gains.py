"""The flat field as all patterns tell it: against plain NumPy, where there is none, in the dark, and in whole runs."""

import equinox as eqx
import h5py
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq

import bragg_problems
import problems
import ptychograd as pg
from ptychograd.data.dataset import StreamFromFile
from ptychograd.paper.far_field import FarFieldExperiment
from ptychograd.quality.comparison import compare_with_truth
from ptychograd.refinement.calibration import estimated_gains, spread_of

PHOTONS, SPREAD, BACKGROUND, READOUT = 3e5, 0.08, 4.0, 10.0
NAMES = ("object", "probe", "detector.flat_field")
COUNTS = pg.Poisson(1e-6)


def intensities(photons=PHOTONS):
    """Expected photons of every pattern on an even detector, in plain NumPy."""
    probe, object = problems.probe_wave(photons), problems.object_wave()
    rows, columns = problems.FRAME
    waves = [probe * object[y : y + rows, x : x + columns] for y, x in problems.positions().astype(int)]
    return np.array([np.abs(np.fft.fftshift(np.fft.fft2(wave))) ** 2 / wave.size for wave in waves])


def uneven(seed=1):
    flat = 1 + SPREAD * np.random.default_rng(seed).normal(size=problems.FRAME)
    return flat / flat.mean()


def measured(flat, photons=PHOTONS, background=0.0, **changes):
    counts = np.random.default_rng(2).poisson(flat * intensities(photons) + background)
    return dataset(counts.astype(np.uint32), photons, **changes)


def dataset(patterns, photons=PHOTONS, **changes):
    probe = problems.probe_wave(photons)
    truth = pg.data.GroundTruth(problems.object_wave(), probe[None])
    return pg.make_dataset(patterns, problems.positions(), probe=0.8 * np.abs(probe) + 0j, truth=truth, **changes)


def true_model(data, photons=PHOTONS):
    """A model with the true object and probe, on an even detector."""
    model = pg.far_field(data, object=lambda shape: problems.object_wave())
    wave = jnp.asarray(problems.probe_wave(photons)[None], jnp.complex64)
    return pg.models.with_flat_field(eqx.tree_at(lambda model: model.probe.modes, model, wave))


def calibration(model, data, *noise):
    """The flat field as calibrated, and the words on it."""
    action = pg.refinement.FlatFieldCalibration(data, *noise)
    action.check(model)
    changed = action(model, model, no_fit)
    assert changed.hold == ()
    return np.asarray(changed.model.detector.flat_field, np.float64), changed.summary


def no_fit(model, epochs, hold=()):
    raise AssertionError("nothing is fitted")


def deviations(found, flat, allowed):
    """From the truth, over what is allowed; without the scale, which the pixels that are lit share with the probe."""
    scale = np.sum(found * flat / allowed**2) / np.sum((flat / allowed) ** 2)
    return (found / scale - flat) / allowed


def rms(array):
    return float(np.sqrt(np.mean(np.square(array))))


# One calibration ------------------------------------------------------------------------------------------


def test_a_gain_is_the_photons_counted_over_those_that_fell_on_the_pixel():
    """Of bright pixels; with a mask of its own for every pattern, and some patterns held out."""
    mask = np.random.default_rng(3).uniform(size=intensities().shape) > 0.2
    data = measured(uneven(), mask=mask)
    fitted, held = pg.hold_out(data, 0.1)
    used = mask & (held.mask.sum(axis=(1, 2)) == 0)[:, None, None]
    counted, fallen = (
        np.sum(values, axis=0, where=used) for values in (np.asarray(data.patterns, float), intensities())
    )
    model = true_model(data)
    told = estimated_gains(model, fitted, COUNTS)
    illuminated = fallen > 1
    ratio = 1 + told.slope[illuminated] / told.information[illuminated]
    np.testing.assert_allclose(ratio, (counted / np.maximum(fallen, 1e-9))[illuminated], rtol=1e-3, atol=1e-3)
    found, _ = calibration(model, fitted)
    bright = fallen > 100 / SPREAD**2
    assert np.count_nonzero(bright) > 20
    expected = counted / fallen
    np.testing.assert_allclose(
        found[bright] / found[bright].mean(), expected[bright] / expected[bright].mean(), atol=2e-3
    )
    assert found.mean() == pytest.approx(1, abs=1e-5)


def test_each_gain_is_as_near_the_truth_as_its_photons_and_the_spread_of_all_allow():
    """The error of an estimate between a prior of width τ and counts with information J is 1 / √(J + 1/τ²)."""
    flat = uneven()
    found, text = calibration(true_model(measured(flat)), measured(flat))
    allowed = 1 / np.sqrt(np.sum(intensities(), axis=0) + SPREAD**-2)
    illuminated = np.sum(intensities(), axis=0) > 1
    assert rms(deviations(found, flat, allowed)[illuminated]) == pytest.approx(1, abs=0.12)
    dim = np.sum(intensities(), axis=0) < 10
    assert np.count_nonzero(dim) > 30
    assert np.abs(found[dim] - 1).max() < SPREAD
    raw = np.sum(measured(flat).patterns, axis=0)[dim] / np.sum(intensities(), axis=0)[dim]
    assert rms(raw - 1) > 0.3
    whole, some = text.split("; ")
    assert whole == f"flat field calibrated: gains differ by {np.std(found):.2%} rms"
    own = np.sum(intensities(), axis=0) > SPREAD**-2
    assert int(some.split()[2]) == pytest.approx(np.count_nonzero(own), rel=0.1)
    assert float(some.split("by ")[1].rstrip("%")) / 100 == pytest.approx(np.std(found[own]), rel=0.05)


def test_an_even_detector_stays_even():
    data = measured(np.ones(problems.FRAME))
    found, _ = calibration(true_model(data), data)
    noise = 1 / np.sqrt(np.sum(intensities(), axis=0))
    assert rms(found - 1) < 0.2 * rms(np.minimum(noise, 1))
    assert rms(found - 1) < 0.005


def test_calibrating_again_or_from_another_flat_field_finds_the_same():
    data = measured(uneven())
    model = true_model(data)
    once, _ = calibration(model, data)
    for start in (once, 1.3 * uneven(8)):
        flat = eqx.tree_at(lambda model: model.detector.flat_field, model, jnp.asarray(start, jnp.float32))
        np.testing.assert_allclose(calibration(flat, data)[0], once, atol=2e-3)


def test_a_brighter_probe_makes_no_other_flat_field():
    data = measured(uneven())
    model = true_model(data)
    brighter = eqx.tree_at(lambda model: model.probe.modes, model, 1.02 * model.probe.modes)
    np.testing.assert_allclose(calibration(brighter, data)[0], calibration(model, data)[0], atol=2e-3)


def test_masked_and_dead_pixels_stay_as_they_are():
    start, mask = uneven(6), np.ones(problems.FRAME, bool)
    start[4, 5], mask[9, 8] = 0, False
    data = measured(uneven(), mask=mask)
    model = pg.models.with_flat_field(true_model(data), start)
    found, _ = calibration(model, data)
    assert found[4, 5] == 0
    assert found[9, 8] == np.asarray(model.detector.flat_field)[9, 8]
    assert found[(found > 0) & mask].mean() == pytest.approx(1, abs=1e-5)


def test_photons_of_the_background_are_none_of_the_flat_field():
    """The root of Σ a (y / (g a + ν) - 1), pixel by pixel, by SciPy; ν differs from pixel to pixel."""
    y, x = np.indices(problems.FRAME)
    background = BACKGROUND * (1 + 0.5 * np.sin(y / 4 + x / 5))
    data = measured(uneven(), background=background)
    model = pg.models.with_background(true_model(data), background)
    found, _ = calibration(model, data)
    fallen, counts = intensities(), np.asarray(data.patterns, float)
    told = np.sum(fallen**2 / (fallen + background), axis=0)
    bright = np.argwhere(told > 300 / SPREAD**2)
    assert len(bright) > 10

    def slope(gain, pixel):
        a, n = fallen[:, *pixel], background[*pixel]
        return np.sum(a * (counts[:, *pixel] / (gain * a + n) - 1))

    roots = np.array([brentq(slope, 0.3, 2, args=(pixel,)) for pixel in bright])
    ours = found[tuple(bright.T)]
    np.testing.assert_allclose(ours / ours.mean(), roots / roots.mean(), atol=1e-3)


@pytest.mark.parametrize("kind", ["read out", "full"])
def test_other_noise_is_taken_for_what_it_is(kind):
    """At the truth slopes scatter by the root of the information; those of counts at face value are off."""
    flat, rng = uneven(), np.random.default_rng(4)
    counts = rng.poisson(flat * intensities()).astype(np.float32)
    if kind == "read out":
        noise = pg.noise.PoissonGaussian(READOUT)
        counts = np.maximum(counts + READOUT * rng.normal(size=counts.shape), 0).astype(np.float32)
    else:
        noise = pg.noise.Censored(COUNTS, 400.0)
        counts = np.minimum(counts, 400)
    data = dataset(counts)
    model = pg.models.with_flat_field(true_model(data), flat)
    ours, wrong = estimated_gains(model, data, noise), estimated_gains(model, data, COUNTS)
    known = ours.information > 100
    assert np.count_nonzero(known) > 30
    assert rms((ours.slope / np.sqrt(ours.information))[known]) == pytest.approx(1, abs=0.25)
    assert rms((wrong.slope / np.sqrt(wrong.information))[known]) > 2


def test_a_rocking_curve_tells_as_its_patterns_do():
    data = bragg_problems.measurement()
    shape, counts = bragg_problems.FRAME, np.asarray(data.patterns, float)
    start = 1 + 0.1 * np.random.default_rng(0).uniform(size=shape)
    model = pg.models.with_flat_field(pg.bragg(data, object=pg.models.random_object(0)), start)
    pattern = eqx.filter_jit(lambda number: model(number))
    expected = np.array([np.asarray(pattern(jnp.asarray(n))) for n in range(data.count)], np.float64)
    flat = np.asarray(model.detector.flat_field, np.float64)
    told = estimated_gains(model, data, COUNTS)
    np.testing.assert_allclose(told.information, np.sum(expected, axis=0) / flat**2, rtol=1e-3)
    slope = np.sum(counts, axis=0) / flat - np.sum(expected, axis=0) / flat
    np.testing.assert_allclose(told.slope, slope, atol=1e-3 * np.sum(counts, axis=0).max())


def test_patterns_that_stay_in_their_file_tell_the_same(tmp_path):
    data = measured(uneven())
    pg.write(tmp_path / "scan.h5", data)
    stored = pg.read(tmp_path / "scan.h5", keep=StreamFromFile(0, 9 * data.patterns[0].nbytes))
    model = true_model(data)
    np.testing.assert_array_equal(calibration(model, stored)[0], calibration(model, data)[0])


def test_the_spread_is_that_of_which_the_gains_were_drawn():
    rng = np.random.default_rng(5)
    information = 10 ** rng.uniform(1, 6, 4000)
    likely = 1.05 + 0.03 * rng.normal(size=4000) + rng.normal(size=4000) / np.sqrt(information)
    likely[:5] = 200  # hot pixels
    found = spread_of(likely, information)
    assert found.mean == pytest.approx(1.05, abs=0.002)
    assert found.rms == pytest.approx(0.03, rel=0.05)
    assert spread_of(1 + rng.normal(size=4000) / np.sqrt(information), information).rms < 0.002


def test_a_spread_of_many_pixels_is_told_by_some_of_them():
    """Bright ones beside ten times as many that are dark; 1e5 pixels tell it to 1 / √(2e5)."""
    rng = np.random.default_rng(6)
    information = np.where(np.arange(2_000_000) % 10 < 2, 1e5, 1.0)
    likely = 0.9 + 0.02 * rng.normal(size=information.size) + rng.normal(size=information.size) / np.sqrt(information)
    found = spread_of(likely, information)
    assert found.mean == pytest.approx(0.9, abs=4 * 0.02 / np.sqrt(1e5))
    assert found.rms == pytest.approx(0.02, rel=4 / np.sqrt(1e5))


@pytest.mark.usefixtures("double")
def test_double_precision_is_calibrated_as_well():
    data = measured(uneven())
    probe, object = jnp.asarray(problems.probe_wave(PHOTONS)[None]), problems.object_wave()
    model = pg.far_field(data, object=lambda shape: object, dtype=np.complex128)
    model = pg.models.with_flat_field(eqx.tree_at(lambda model: model.probe.modes, model, probe))
    assert model.detector.flat_field.dtype == np.float64
    found, _ = calibration(model, data)
    counted, fallen = np.sum(data.patterns, axis=0, dtype=float), np.sum(intensities(), axis=0)
    ratio = counted / fallen
    bright = fallen > 1e4
    away = found[bright] / found[bright].mean() - ratio[bright] / ratio[bright].mean()
    assert np.abs(away).max() < 0.02 * np.abs(ratio[bright] - 1).max()
    assert found.mean() == pytest.approx(1, abs=1e-12)


def test_a_model_that_is_not_there_yet_leaves_the_flat_field_as_it_is():
    data = measured(uneven())
    start = uneven(7)
    model = pg.models.with_flat_field(pg.far_field(data), start)
    found, text = calibration(model, data)
    np.testing.assert_array_equal(found, np.asarray(model.detector.flat_field))
    assert text == "flat field left as it is: the patterns ask for gains that differ by 50% rms or more"
    dark = eqx.tree_at(lambda model: model.probe.modes, model, 0 * model.probe.modes)
    found, text = calibration(dark, data)
    np.testing.assert_array_equal(found, np.asarray(model.detector.flat_field))
    assert "too few pixels with photons" in text


@pytest.mark.parametrize(("kind", "fewest", "most"), [("plain", 1, 1), ("background", 2, 4), ("read out", 2, 4)])
def test_patterns_are_gone_through_once_where_that_does(tmp_path, monkeypatch, kind, fewest, most):
    """From a probe of 64 % of the power, whose patterns are a little off the middle; told by what is read of a file."""
    flat, seen, plain = uneven(), [], h5py.Dataset.read_direct

    def counted(patterns, out, part):
        seen.append(part.stop - part.start)
        plain(patterns, out, part)

    background = {"background": BACKGROUND}.get(kind, 0.0)
    data = measured(flat, background=background)
    model = true_model(data)
    model = pg.models.with_background(model, background) if background else model
    wrong = 0.8 * model.probe.modes * jnp.exp(0.01j * np.arange(model.frame_shape[1]))[None, None].astype(np.complex64)
    model = eqx.tree_at(lambda model: model.probe.modes, model, wrong)
    pg.write(tmp_path / "scan.h5", data)
    stored = pg.read(tmp_path / "scan.h5", keep=StreamFromFile(0, 2**20))
    monkeypatch.setattr(h5py.Dataset, "read_direct", counted)
    calibration(model, stored, pg.noise.PoissonGaussian(READOUT) if kind == "read out" else COUNTS)
    assert fewest <= sum(seen) / data.count <= most


def test_a_model_without_a_flat_field_is_refused():
    data = problems.measurement()
    with pytest.raises(pg.InputError, match="no flat field to be calibrated"):
        pg.refinement.FlatFieldCalibration(data).check(pg.far_field(data))


# In runs --------------------------------------------------------------------------------------------------


def test_the_flat_field_is_calibrated_where_counts_are_fitted_and_follows_no_gradient():
    data = problems.measurement()
    model = pg.models.with_flat_field(pg.far_field(data))
    stages = (pg.Stage(4, NAMES), pg.Stage(20, ("object", "detector"), pg.Poisson()))
    made = pg.runs.with_flat_field_calibration(stages, data, model)
    assert [stage.epochs for stage in made] == [4, 2, 2, 2, 2, 2, 2, 2, 2, 4]
    assert made[0].trainable == ("object", "probe")
    assert {stage.trainable for stage in made[1:]} == {("object", "detector.background")}
    assert [len(stage.first) for stage in made] == [0, 0, *[1] * 8]
    assert made[-1].first[0].noise == pg.Poisson(1e-6)
    assert pg.runs.with_flat_field_calibration(made, data, model) == made
    plain = (pg.Stage(4),)
    assert pg.runs.with_flat_field_calibration(plain, data, model) == plain
    assert pg.runs.with_flat_field_calibration(stages, data, pg.far_field(data)) == stages


def test_a_flat_field_alone_is_calibrated_once_and_takes_no_epoch():
    """As with a known object; the photons counted over those that fell."""
    data = measured(uneven())
    model = true_model(data)
    alone = pg.Stage(5, ("detector.flat_field",), pg.Poisson())
    (stage,) = made = pg.runs.with_flat_field_calibration((alone,), data, model)
    assert (stage.epochs, stage.trainable, len(stage.first)) == (0, alone.trainable, 1)
    assert pg.runs.with_flat_field_calibration(made, data, model) == made
    result = pg.perform(pg.Run(model, data, pg.Nesterov(), made, 8))
    np.testing.assert_array_equal(result.arrays["detector.flat_field"], calibration(model, data)[0].astype(np.float32))
    assert len(result.settings["changes"]) == 1
    assert result.settings["changes"][0]["about"] == "detector.flat_field"
    after = pg.runs.with_flat_field_calibration((pg.Stage(3), alone._replace(noise=pg.Amplitude()), alone), data, model)
    assert [(stage.epochs, len(stage.first)) for stage in after] == [(3, 0), (0, 0), (0, 1)]


def test_stages_without_an_epoch_stay_and_can_not_be_all():
    data = problems.measurement()
    model = pg.models.with_flat_field(pg.far_field(data))
    empty = pg.Stage(0, NAMES, pg.Poisson(), first=(pg.refinement.ShrinkWrap(),))
    made = pg.runs.with_flat_field_calibration((empty, pg.Stage(1, NAMES, pg.Poisson()), empty), data, model)
    assert [stage.epochs for stage in made] == [0, 1, 0]
    assert [len(stage.first) for stage in made] == [1, 1, 1]
    with pytest.raises(pg.InputError, match="have no epochs"):
        pg.runs.with_flat_field_calibration((empty,), data, model)


@pytest.mark.parametrize("epochs", [1, 2, 3, 7])
def test_few_epochs_calibrate_at_least_once(epochs):
    data = problems.measurement()
    made = pg.runs.with_flat_field_calibration(
        (pg.Stage(epochs, NAMES, pg.Poisson()),), data, pg.models.with_flat_field(pg.far_field(data))
    )
    assert sum(stage.epochs for stage in made) == epochs
    assert sum(len(stage.first) for stage in made) >= 1


def test_full_and_read_out_pixels_are_calibrated_as_they_are_fitted():
    data = problems.measurement()
    model = pg.models.with_flat_field(pg.far_field(data))
    noises = {
        pg.noise.Censored(pg.Poisson(), 50.0): pg.noise.Censored(pg.Poisson(1e-6), 50.0),
        pg.noise.PoissonGaussian(2.0): pg.noise.PoissonGaussian(2.0),
    }
    for noise, expected in noises.items():
        made = pg.runs.with_flat_field_calibration((pg.Stage(9, NAMES, noise),), data, model)
        assert made[-1].first[0].noise == expected
    for noise in (pg.Amplitude(), pg.noise.Censored(pg.Amplitude(), 50.0)):
        with pytest.raises(pg.InputError, match="under amplitudes alone"):
            pg.runs.with_flat_field_calibration((pg.Stage(9, NAMES, noise),), data, model)


def test_positions_and_the_flat_field_go_together_in_either_order():
    data = problems.measurement()
    model = pg.models.with_flat_field(pg.models.with_refinable_positions(pg.far_field(data), 2))
    _, held = pg.hold_out(data, 0.2)
    names = (*NAMES, "scan.offset")
    stages = (pg.Stage(20, names), pg.Stage(20, names, pg.Poisson()))
    one = pg.runs.with_flat_field_calibration(
        pg.runs.with_position_validation(pg.runs.with_position_search(stages, data, model), held, model), data, model
    )
    other = pg.runs.with_position_validation(
        pg.runs.with_position_search(pg.runs.with_flat_field_calibration(stages, data, model), data, model), held, model
    )
    parts = [
        [(stage.epochs, stage.trainable, [type(first).__name__ for first in stage.first]) for stage in made]
        for made in (one, other)
    ]
    assert parts[0] == parts[1]
    assert sum(stage.epochs for stage in one) == 40


@pytest.fixture(scope="module")
def runs():
    """Results of runs that go on from an even detector under amplitudes: flat field ignored, and calibrated."""
    flat = 1 + 0.05 * np.random.default_rng(1).normal(size=(64, 64))
    data = FarFieldExperiment().dataset(change=lambda model: pg.models.with_flat_field(model, flat))
    model = pg.models.with_flat_field(pg.far_field(data, object=pg.models.random_object(0)))
    begun = pg.perform(pg.Run(model, data, pg.Nesterov(), (pg.Stage(36),), 16)).model
    ignored = (pg.Stage(18, noise=pg.Poisson()),)
    refined = pg.runs.with_flat_field_calibration([stage._replace(trainable=NAMES) for stage in ignored], data, begun)
    results = [pg.perform(pg.Run(begun, data, pg.Nesterov(), chosen, 16)) for chosen in (ignored, refined)]
    return data, flat / flat.mean(), *results


@pytest.mark.slow
def test_a_calibrated_flat_field_gives_a_better_object_than_an_ignored_one(runs):
    data, flat, ignored, calibrated = runs
    errors = [compare_with_truth(result, data)["object_nrmse"] for result in (ignored, calibrated)]
    assert errors[1] < 0.9 * errors[0]
    assert len(calibrated.settings["changes"]) == 8
    found, counts = calibrated.arrays["detector.flat_field"], data.sums[0]
    bright = counts > 4 / 0.05**2
    assert rms((found - flat)[bright]) < 0.5 * rms((flat - 1)[bright])
    dim = counts < np.percentile(counts, 20)
    assert rms((found - flat)[dim]) < 1.1 * rms((flat - 1)[dim])


@pytest.mark.slow
def test_an_interrupted_run_goes_on_to_the_same_flat_field():
    data = measured(uneven(), 3e4)
    model = pg.models.with_flat_field(problems.start_model(data))
    stages = pg.runs.with_flat_field_calibration((pg.Stage(4, NAMES), pg.Stage(6, NAMES, pg.Poisson())), data, model)
    run = pg.Run(model, data, pg.Nesterov(), stages, 8)
    whole = pg.perform(run)

    def stop(progress):
        if progress.epoch == 7:
            raise KeyboardInterrupt

    part = pg.perform(run, stop)
    assert part.history.epochs == 7
    rest = pg.perform(run, resume=part)
    np.testing.assert_array_equal(rest.arrays["detector.flat_field"], whole.arrays["detector.flat_field"])
    np.testing.assert_array_equal(rest.object, whole.object)
