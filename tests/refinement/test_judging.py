"""Held-out patterns with what is their own found from the other half of their pixels, against NumPy and SciPy."""

import json
from dataclasses import replace

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import least_squares

import problems
import ptychograd as pg
from ptychograd.data.patterns import measured
from ptychograd.refinement.positions import own_parameters, with_per_pattern
from ptychograd.refinement.positions.single_pattern import random_half

PHOTONS = 1e5
SPREAD = 0.1  # rms, of the intensities


def waves_at_detector(probe):
    """Of one probe at every position, in plain NumPy."""
    object = problems.object_wave()
    height, width = problems.FRAME
    cut = [object[y : y + height, x : x + width] for y, x in problems.positions().astype(int)]
    return np.fft.fftshift(np.fft.fft2(probe * np.array(cut)), axes=(1, 2)) / np.sqrt(height * width)


def unsteady(seed=3):
    """Patterns whose exposures fluctuate, with photon noise, and their intensities, of mean 1."""
    rng = np.random.default_rng(seed)
    expected = np.abs(waves_at_detector(problems.probe_wave(PHOTONS))) ** 2
    intensity = rng.normal(1, SPREAD, len(expected))
    intensity /= intensity.mean()
    data = problems.measurement(PHOTONS)
    return replace(data, patterns=rng.poisson(intensity[:, None, None] * expected).astype(np.uint16)), intensity


def at_truth(data, modes=None):
    """The model with the true object and probe."""
    model = pg.far_field(data, object=lambda shape: problems.object_wave())
    modes = problems.probe_wave(PHOTONS)[None] if modes is None else modes
    return eqx.tree_at(lambda model: model.probe.modes, model, jnp.asarray(modes, model.probe.modes.dtype))


def with_intensities(model, intensity, held):
    """Those of the fitted patterns; 1 for the others, which nobody refined."""
    known = np.where(held.photons > 0, 1, intensity)[:, None]
    model = pg.models.with_varying_intensity(model)
    return eqx.tree_at(lambda model: model.probe.intensity, model, jnp.asarray(known, jnp.float32))


@pytest.fixture(scope="module")
def intense():
    """Data, the held-out ones of them, all intensities, and the model that knows all but these patterns' own."""
    data, intensity = unsteady()
    _, held = pg.hold_out(data, 0.2)
    return data, held, intensity, with_intensities(at_truth(data), intensity, held)


def seen(held):
    """Numbers of the held-out patterns, their counts, and their valid pixels in two halves that tell in turn."""
    places = np.flatnonzero(held.photons)
    _, valid = measured(held, places, np.dtype(np.float32))
    half = random_half(held.frame_shape)
    return places, held.patterns[places].astype(float), [np.asarray(valid) & of for of in (half, ~half)]


@pytest.mark.slow
def test_intensities_of_held_out_patterns_are_those_of_least_squares(intense):
    """√I = Σ√(yh) / Σh over the pixels that tell; R over the others, both ways; of pixels that are masked neither."""
    data, held, _, model = intense
    mask = np.random.default_rng(1).random(data.patterns.shape) < 0.9
    held = replace(held, mask=held.mask & mask)
    places, counts, halves = seen(held)
    assert not (halves[0] & halves[1]).any()
    steady = np.abs(waves_at_detector(problems.probe_wave(PHOTONS))[places]) ** 2
    left, misfit, roots = 0, [], []
    for tells, judges in (halves, halves[::-1]):
        root = np.sum(tells * np.sqrt(counts * steady), axis=(1, 2)) / np.sum(tells * steady, axis=(1, 2))
        error = (np.sqrt(counts) - root[:, None, None] * np.sqrt(steady)) ** 2
        left = left + (judges * error).sum(axis=(1, 2))
        misfit.append(((halves[0] | halves[1]) * error).sum(axis=(1, 2)))
        roots.append(root)
    best = np.where(misfit[0] <= misfit[1], *roots)
    found = pg.refinement.held_out_misfits(model, held)
    np.testing.assert_allclose(found.per_pattern["probe.intensity"][:, 0], best**2, rtol=1e-3)
    np.testing.assert_allclose(found.residual, left, rtol=1e-3)
    assert found.r_factor == pytest.approx(np.sqrt(left.sum() / (counts * (halves[0] | halves[1])).sum()), rel=1e-4)


def test_they_are_found_to_within_the_noise_of_photons(intense):
    """The variance of ln I is 1 over the photons that tell it."""
    _, held, intensity, model = intense
    places, counts, (tells, _) = seen(held)
    error = (
        pg.refinement.held_out_misfits(model, held).per_pattern["probe.intensity"][:, 0] - intensity[places]
    ) / intensity[places]
    deviations = error * np.sqrt(np.sum(tells * counts, axis=(1, 2)))
    assert len(places) == 11
    assert 0.4 < np.sqrt(np.mean(deviations**2)) < 1.6
    assert np.abs(error).max() < 0.2 * SPREAD


def test_what_nobody_refined_is_not_looked_for(intense):
    """A model without rows, one whose rows are all alike, and one whose differ but were given: R of all pixels."""
    data, held, _, known = intense
    plain = at_truth(data)
    for model in (plain, pg.models.with_varying_intensity(plain)):
        found = pg.refinement.held_out_misfits(model, held)
        assert found.per_pattern == {}
        assert found.r_factor == pytest.approx(pg.r_factor(model, held), rel=1e-5)
    assert set(own_parameters(known)) == set(own_parameters(known, ["probe"])) == {"probe.intensity"}
    assert own_parameters(known, ["object", "probe.modes"]) == {}


@pytest.mark.slow
def test_a_reconstruction_with_intensities_expects_held_out_patterns_better(intense):
    data, _, _, _ = intense
    fitted, held = pg.hold_out(data, 0.05)
    figures = []
    for model in (pg.far_field(fitted), pg.models.with_varying_intensity(pg.far_field(fitted))):
        result = pg.reconstruct(model, fitted, pg.Nesterov(), epochs=80, batch_size=8)
        figures.append(pg.refinement.held_out_misfits(result.model, held))
    assert figures[1].r_factor < 0.7 * figures[0].r_factor
    assert pg.r_factor(result.model, held) > 1.3 * figures[1].r_factor  # with an intensity of nobody's
    whole = with_per_pattern(result.model, held, figures[1].per_pattern)
    assert pg.r_factor(whole, held) < 1.1 * figures[1].r_factor
    np.testing.assert_allclose(np.delete(whole.probe.intensity - result.model.probe.intensity, places_of(held), 0), 0)


def places_of(held):
    return np.flatnonzero(held.photons)


class Fluctuating:
    """Plain NumPy of a probe with two modes, of which the first varies in two ways, on windows a pixel off."""

    def __init__(self, count, seed):
        rng = np.random.default_rng(seed)
        wave = problems.probe_wave(PHOTONS)
        faint = 9.4 * np.abs(wave) / np.abs(wave).max()
        self.modes = np.stack([wave, 0.2 * wave[::-1]])
        self.variations = faint * problems.complex_array(2, *problems.FRAME, seed=8)  # of 4 % of the power each
        high = np.array(problems.OBJECT) - problems.FRAME
        self.corners = problems.positions()
        self.told = np.clip(self.corners + rng.choice([-1.0, 1.0], (count, 2)), 0, high)
        self.told[[0, -1]] = self.corners[[0, -1]]  # so that the array is as large
        self.rows = np.concatenate([rng.normal(1, SPREAD, (count, 1)), rng.normal(size=(count, 2))], axis=1)
        self.patterns = rng.poisson([self.photons(place, [0, 0, *row]) for place, row in enumerate(self.rows)])

    def photons(self, place, row):
        """Of a row (y, x, intensity, weight, weight), with y and x from the true corner."""
        y, x, intensity, *weights = row
        (height, width), (top, left) = problems.FRAME, self.corners[place].astype(int)
        wave = self.modes.copy()
        wave[0] += np.tensordot(weights, self.variations, axes=1)
        turn = np.exp(-2j * np.pi * (y * np.fft.fftfreq(height)[:, None] + x * np.fft.fftfreq(width)))
        moved = np.fft.ifft2(np.fft.fft2(wave) * turn)
        detected = np.fft.fft2(moved * problems.object_wave()[top : top + height, left : left + width])
        return intensity * np.fft.fftshift(np.sum(np.abs(detected) ** 2, axis=0)) / (height * width)

    def model(self, data, held):
        """All of the truth but what is the held-out patterns' own."""
        is_known = (held.photons == 0)[:, None]
        model = pg.models.with_varying_probe(with_intensities(at_truth(data, self.modes), self.rows[:, 0], held), 2)
        weights, offset = (np.where(is_known, found, 0) for found in (self.rows[:, 1:], self.corners - self.told))
        return eqx.tree_at(
            lambda m: (m.probe.variations, m.probe.weights, m.scan.offset),
            pg.models.with_refinable_positions(model, 4),
            (jnp.asarray(self.variations, jnp.complex64), jnp.float32(weights), jnp.float32(offset)),
        )


@pytest.mark.slow
def test_offset_intensity_and_weights_are_found_together():
    """All five numbers are where SciPy finds the least misfit about the truth, over the same pixels."""
    truth = Fluctuating(len(problems.positions()), seed=6)
    data = replace(problems.measurement(), patterns=truth.patterns.astype(np.uint16), positions=truth.told)
    _, held = pg.hold_out(data, 0.1)
    places, counts, halves = seen(held)
    found = pg.refinement.held_out_misfits(truth.model(data, held), held)
    assert sorted(found.per_pattern) == ["probe.intensity", "probe.weights", "scan.offset"]
    astray = found.per_pattern["scan.offset"] - (truth.corners - truth.told)[places]
    ours = np.concatenate([astray, found.per_pattern["probe.intensity"], found.per_pattern["probe.weights"]], axis=1)
    for number, place in enumerate(places):

        def left(row, tells, place=place, number=number):
            return (np.sqrt(truth.photons(place, row)) - np.sqrt(counts[number]))[tells[number]]

        best = [least_squares(left, [0, 0, *truth.rows[place]], args=(tells,)).x for tells in halves]
        assert min(np.abs(ours[number] - one).max() for one in best) < 0.005


def test_what_is_held_out_of_a_part_is_in_it():
    """Patterns that have no photon, as the other half's, are no use to a judge."""
    one, _ = pg.data.halves(problems.measurement())
    fitted, held = pg.hold_out(one, 0.2, seed=3)
    assert np.count_nonzero(held.photons) == round(0.2 * np.count_nonzero(one.photons)) > 3
    assert fitted.total + held.total == one.total


LEVEL = 150.0


@pytest.fixture(scope="module")
def full():
    """Patterns of which some pixels are full, and the true model, whose positions can be refined."""
    data = problems.measurement(PHOTONS)
    assert 0.05 < np.mean(data.patterns > LEVEL) < 0.5
    return replace(data, patterns=np.minimum(data.patterns, LEVEL).astype(np.uint16))


@pytest.mark.slow
def test_full_pixels_that_are_expected_to_be_full_leave_nothing(full):
    noise = pg.noise.Censored(pg.Poisson(), LEVEL)
    model, expected = at_truth(full), np.abs(waves_at_detector(problems.probe_wave(PHOTONS))) ** 2
    left = (np.sqrt(np.minimum(expected, LEVEL)) - np.sqrt(full.patterns)) ** 2
    found = pg.quality.residuals(model, full, noise)
    np.testing.assert_allclose(found.r_of_pattern, np.sqrt(left.sum((1, 2)) / full.patterns.sum((1, 2))), rtol=1e-4)
    assert found.r_factor == pytest.approx(pg.r_factor(model, full, noise=noise), rel=1e-5)
    assert pg.quality.residuals(model, full).r_factor > 2 * found.r_factor
    np.testing.assert_allclose(pg.refinement.held_out_misfits(model, full, noise).r_factor, found.r_factor, rtol=0.1)


@pytest.mark.slow
def test_full_pixels_lead_no_position_astray(full):
    """Positions are right from the start: what the search makes of them is what full pixels do."""
    model = pg.models.with_refinable_positions(at_truth(full), 4)

    def no_fit(model, epochs, hold=()):
        raise AssertionError("nothing is fitted")

    def error(search):
        return float(np.sqrt(np.mean(np.square(search(model, model, no_fit).model.scan.offset))))

    told = pg.noise.Censored(pg.Amplitude(), LEVEL)
    assert error(pg.refinement.PositionSearch(full, 1, told)) < 0.5 * error(pg.refinement.PositionSearch(full, 1))


def test_stages_hand_their_noise_to_those_who_search_and_judge(full):
    fitted, held = pg.hold_out(full, 0.2)
    noise = pg.noise.Censored(pg.Amplitude(), LEVEL)
    stages = (pg.Stage(20, ("object", "probe", "scan.offset"), noise),)
    model = pg.models.with_refinable_positions(pg.far_field(fitted), 2)
    made = pg.runs.with_position_validation(pg.runs.with_position_search(stages, fitted, model), held, model)
    first = [action for stage in made for action in stage.first]
    assert {type(action) for action in first} == {
        pg.refinement.PositionSearch,
        pg.refinement.DistortionCorrection,
        pg.refinement.PositionValidation,
    }
    assert all(action.noise is noise for action in first)


@pytest.mark.slow
def test_the_command_line_finds_what_is_their_own(run, intense):
    data, _, _, _ = intense
    pg.write("d.h5", data)
    options = ("--epochs", 40, "--hold-out", 0.1, "--batch-size", 8)
    for name, more in (("plain", ()), ("own", ("--refine", "probe.intensity"))):
        status, _, err = run("reconstruct", "d.h5", "-o", f"{name}.h5", *options, *more)
        assert status == 0, err
    plain, own = (pg.load(f"{name}.h5") for name in ("plain", "own"))
    fitted, held = pg.hold_out(pg.read("d.h5"), 0.1)
    model = pg.models.with_varying_intensity(pg.far_field(fitted))
    found = pg.refinement.held_out_misfits(own.onto(model), held)
    assert own.settings["held_out_r_factor"] == pytest.approx(found.r_factor, rel=0.01)
    assert own.settings["held_out_r_factor"] < 0.8 * plain.settings["held_out_r_factor"]
    rows = own.arrays["probe.intensity"][places_of(held)]
    np.testing.assert_allclose(rows, found.per_pattern["probe.intensity"], rtol=1e-3)
    assert plain.settings["held_out_r_factor"] == pg.r_factor(plain.onto(pg.far_field(fitted)), held)


@pytest.mark.slow
def test_residuals_on_the_command_line_know_of_full_pixels(run, full):
    pg.write("full.h5", full)
    assert (
        run("reconstruct", "full.h5", "-o", "r.h5", "--epochs", 3, "--set", f"model.detector.saturation={LEVEL}")[0]
        == 0
    )
    status, out, err = run("residuals", "r.h5", "--json", "--devices", 1)
    assert status == 0, err
    data = pg.read("full.h5")
    model = pg.load("r.h5").onto(pg.far_field(data))
    told = pg.quality.residuals(model, data, pg.noise.Censored(pg.Amplitude(), LEVEL)).r_factor
    assert json.loads(out.splitlines()[-1])["r_factor"] == pytest.approx(told, rel=1e-6)
    assert pg.quality.residuals(model, data).r_factor > 1.1 * told


@pytest.mark.slow
def test_an_interrupted_search_for_positions_expects_held_out_patterns_at_their_own():
    """Cut short where offsets stand still between searches, patterns held out still look for theirs, a pixel away."""
    from ptychograd.runs.held_out import validated_by

    data = problems.measurement(PHOTONS)
    _, held = pg.hold_out(data, 0.1)
    is_held = (held.photons > 0)[:, None]
    inside = np.where(data.positions > 1, -1.0, 1.0) * [1, 0]
    model = pg.models.with_refinable_positions(at_truth(replace(data, positions=data.positions + is_held * inside)), 4)
    offset = np.where(is_held, 0, 0.01 * np.random.default_rng(0).normal(size=inside.shape))
    model = eqx.tree_at(lambda m: m.scan.offset, model, jnp.float32(offset))
    result = pg.reconstruct(model, data, pg.adam(1e-9), epochs=1, batch_size=8, trainable=("object",))
    still, *_ = validated_by(held, result, ["object", "probe"])
    free, found, _ = validated_by(held, result, ["object", "probe", "scan.offset"])
    assert free < 0.5 * still
    np.testing.assert_allclose(
        np.asarray(found.scan.offset)[places_of(held)], -inside[places_of(held)], atol=0.4
    )  # told to 0.1 rms


@pytest.mark.parametrize(("known", "farthest"), [(1.0, (3, 3)), (0.0, (8, 14)), (0.3, (8, 14))])
def test_held_out_patterns_are_looked_for_as_far_as_they_are_not_known(known, farthest):
    """Offsets of 4 pixels rms: within 3 where theirs are found; all the way where none are, or a slow part alone is."""
    data = problems.measurement()
    _, held = pg.hold_out(data, 0.2)
    offset = np.random.default_rng(0).normal(0, 4, (data.count, 2)).astype(np.float32)
    model = pg.models.with_refinable_positions(pg.far_field(data), 16)
    placed = np.where(held.photons[:, None] > 0, known * np.sign(offset) * 4, np.sign(offset) * 4)
    own = own_parameters(with_per_pattern(model, data, {"scan.offset": placed.astype(np.float32)}), None, held)
    assert farthest[0] <= np.hypot(*np.asarray(own["scan.offset"]).T).max() <= farthest[1]
