"""The verdict with which every run ends: each code and cause, the figures behind it, and its line."""

import json
import re
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import bragg_problems
import near_problems
import problems
import ptychograd as pg
from ptychograd.cli.wording import worded
from ptychograd.fitting import verdict as _verdict
from ptychograd.fitting.mean_pattern import explained_by_held, fit_of_mean, noise_about
from ptychograd.fitting.verdict import LATTICE, UNTOLD
from ptychograd.output.captions import VERDICTS
from ptychograd.output.texts.verdicts import REMEDIES, line
from ptychograd.physics.noise.base import counted_residual, residual_at_root
from ptychograd.runs.many import perform_all

PAGES = Path(_verdict.__file__)


def ended(data, epochs=30, **changes):
    """The result of a short run; changes are the model's start, or the run's."""
    model = changes.pop("model", None) or problems.start_model(data)
    return pg.perform(pg.Run(model, data, pg.Nesterov(), (pg.Stage(epochs),), 8)._replace(**changes))


def verdict(result):
    return result.settings["verdict"]


def codes(text):
    return [cause["code"] for cause in text["causes"]]


@pytest.fixture(scope="module")
def good(data):
    return ended(data)


def flipped(data):
    return pg.make_dataset(data.patterns, data.positions * [-1, 1] + [np.ptp(data.positions[:, 0]), 0])


def test_a_good_run_is_at_the_noise_or_near_it(good):
    found = verdict(good)
    assert found["code"] in ("at_noise", "near_noise")
    assert found["left"] < 0.02
    assert found["explained"] > 10


def test_a_flipped_detector_is_not_solved(data):
    found = verdict(ended(flipped(data)))
    assert found["code"] == "not_solved"
    assert {"start_probe", "orientation"} < set(codes(found))


def test_of_a_few_photons_the_object_is_not_told_from_noise():
    found = verdict(ended(problems.measurement(photons=15)))
    assert (found["code"], codes(found)[0]) == ("not_solved", "object_not_told_from_noise")


def test_a_beam_without_an_object_is_not_told_from_noise():
    """However well it fits: of patterns that are all alike but for their counting nothing can be explained."""
    same = np.abs(np.fft.fftshift(np.fft.fft2(problems.probe_wave(1e4), norm="ortho"))) ** 2
    corners = problems.positions()
    counts = np.random.default_rng(1).poisson(np.broadcast_to(same, (len(corners), *same.shape)))
    data = pg.make_dataset(counts.astype(np.uint16), corners, probe=problems.probe_wave(1e4))
    found = verdict(ended(data, model=pg.far_field(data)))
    assert (found["code"], codes(found)[0]) == ("not_solved", "object_not_told_from_noise")
    assert found["chi_squared"] < 1.1


@pytest.mark.slow
@pytest.mark.parametrize("how", ["detector units", "averaged"])
def test_where_the_noise_is_not_known_neither_is_the_verdict(data, how):
    patterns = data.patterns * np.float32(0.37)
    if how == "averaged":
        more = [problems.measurement(1e4, seed).patterns.astype(float) for seed in range(9)]
        patterns = np.round(np.mean(more, axis=0)).astype(np.uint16)
    found = verdict(ended(pg.make_dataset(patterns, data.positions, probe=data.probe), 40))
    assert (found["code"], codes(found)[0]) == ("unknown", "not_counts")


@pytest.mark.slow
def test_a_near_field_has_its_verdict():
    near = near_problems.measurement(3e5)
    found = verdict(ended(near, model=pg.near_field(near), epochs=40))
    assert found["code"] in ("at_noise", "near_noise"), found


@pytest.mark.slow
def test_a_crystal_has_its_verdict():
    crystal = bragg_problems.measurement(3e3)
    found = verdict(ended(crystal, model=pg.bragg(crystal), epochs=20))
    assert found["code"] in ("at_noise", "near_noise"), found
    assert found["explained"] > 3


def test_the_figures_are_of_the_best_state(data, good):
    history = good.history
    rose = {"after_epoch": 3, "loss": 1.0, "last_loss": 2.0}
    found = pg.assess(good._replace(settings=good.settings | {"loss_rose": rose}), data)
    assert found.chi_squared == history.chi_squared[2] != history.chi_squared[-1]
    assert found.causes[0].code == "loss_rose"


def test_where_most_is_explained_modes_are_likelier_than_a_wrong_orientation(data, good):
    """χ² of 25 leaves a tenth of what can be explained, and 100 half of it; neither is near the noise."""
    history = good.history
    for chi, first in ((25.0, "modes"), (100.0, "orientation")):
        scale = float(np.sqrt(chi / history.chi_squared[-1]))
        worse = history._replace(
            chi_squared=(chi,), r_factor=(history.r_factor[-1] * scale,), loss=(1.0,), seconds=(1.0,)
        )
        found = pg.assess(good._replace(history=worse), data)
        assert found.code == "not_solved"
        named = [cause.code for cause in found.causes]
        assert named.index(first) < named.index("modes" if first == "orientation" else "orientation")
        assert (found.left < 1 / 3) == (first == "modes")


def test_a_loss_that_still_falls_is_a_cause(data):
    assert "too_few_epochs" in codes(verdict(ended(data, 3)))


def test_a_run_that_was_cut_short_has_none_and_gets_its_own_when_it_goes_on(data, good):
    def interrupt(progress):
        assert "verdict" not in progress.so_far().settings
        if progress.epoch == 2:
            raise KeyboardInterrupt

    run = pg.Run(problems.start_model(data), data, pg.Nesterov(), (pg.Stage(30),), 8)
    part = pg.perform(run, interrupt)
    assert part.stopped == "interrupted"
    assert "verdict" not in part.settings
    assert verdict(pg.perform(run, resume=part)) == verdict(good) == verdict(pg.perform(run, resume=good))
    longer = pg.perform(run, interrupt_at_once, resume=good, epochs=40)
    assert "verdict" not in longer.settings


def interrupt_at_once(progress):
    raise KeyboardInterrupt


@pytest.mark.slow
def test_runs_beside_each_other_have_the_verdicts_of_runs_alone(data):
    run = pg.Run(problems.start_model(data), data, pg.Nesterov(), (pg.Stage(2),), 8)
    alone = verdict(pg.perform(run))
    found = dict(perform_all({"a": run, "b": run._replace(seed=1)}, at_once=2))
    assert verdict(found["a"])["code"] == alone["code"]
    assert codes(verdict(found["a"])) == codes(alone)


def test_held_out_patterns_tell_the_object_from_noise(data):
    fitted, held = pg.hold_out(data, 0.2)
    result = ended(fitted)
    found = pg.assess(result, fitted, held=(held, pg.refinement.held_out_misfits(result.model, held).residual))
    assert found.held_explained > 5
    assert found.code == result.settings["verdict"]["code"]
    assert result.settings["verdict"]["held_explained"] is None
    noise = problems.start_model(fitted, object=pg.models.random_object(9))
    left = pg.refinement.held_out_misfits(noise, held).residual
    found = pg.assess(result, fitted, held=(held, left))
    assert (found.code, found.causes[0].code) == ("not_solved", "object_not_told_from_noise")
    assert "no better" in found.causes[0].found


def test_one_held_out_pattern_tells_nothing(data):
    fitted, held = pg.hold_out(data, 1 / data.count)
    result = ended(fitted, 2)
    found = pg.assess(result, fitted, held=(held, np.zeros(1)))
    assert found.held_explained is None
    assert found.summary == verdict(result)


def test_a_few_held_out_patterns_of_different_brightness_tell_an_object(data):
    """In shares of each: their photons alone differ by more than two standard errors of three allow."""
    scale = np.random.default_rng(3).uniform(0.05, 1, data.count)[:, None, None]
    counts = np.random.default_rng(4).binomial(data.patterns, scale).astype(np.uint16)
    dimmed = pg.make_dataset(counts, data.positions, probe=data.probe)
    fitted, held = pg.hold_out(dimmed, 3 / data.count)
    alike = fit_of_mean(fitted, True)
    by_mean = alike.of_each(held, np.flatnonzero(held.photons))
    assert explained_by_held(held, by_mean * [0.1, 0.2, 0.15], alike) > 10
    assert explained_by_held(held, by_mean * [0.7, 1.1, 1.2], alike) < 2


def test_a_result_without_an_epoch_has_no_verdict(data):
    result = pg.perform(pg.Run(problems.start_model(data), data, pg.Nesterov(), (pg.Stage(0),), 8))
    assert "verdict" not in result.settings
    with pytest.raises(pg.InputError, match="without an epoch"):
        pg.assess(result, data)


def test_every_cause_has_something_to_try():
    found = set(re.findall(r'Cause\(\s*"(\w+)"', PAGES.read_text(encoding="utf-8"))) | {LATTICE, UNTOLD, "halves"}
    assert found == REMEDIES.keys()
    assert {"at_noise", "near_noise", "not_solved", "unknown"} == VERDICTS.keys()


def test_figures_that_are_not_finite_are_none_in_words():
    text = pg.fitting.Verdict("unknown", (), 0.0, float("inf"), float("nan")).summary
    assert json.loads(json.dumps(text, allow_nan=False))["left"] is None
    assert text["explained"] is text["held_explained"] is None


def test_roots_of_counts_scatter_about_their_own_mean():
    """Against the sum over the Poisson distribution: what is left about E√y, over what χ² takes for it."""
    mean = np.array([[[0.02, 0.3, 0.7], [2.0, 9.0, 40.0]]], np.float32)
    y = np.random.default_rng(0).poisson(mean, (200_000, *mean.shape))
    lower = np.sqrt(y).mean(axis=0)
    least, noise = noise_about(mean)
    np.testing.assert_allclose(noise, np.sqrt(y).var(axis=0), rtol=0.03)
    expected = noise.sum() / np.asarray(counted_residual(jnp.asarray(lower**2, np.float32))).sum()
    assert least == pytest.approx(expected, rel=0.02)
    np.testing.assert_allclose(residual_at_root(np.sqrt(mean)), counted_residual(jnp.asarray(mean)), rtol=1e-5)


def test_the_command_tells_its_verdict_in_a_line(run, data):
    pg.write("scan.h5", flipped(data))
    status, out, _ = run("reconstruct", "scan.h5", "-o", "r.h5", "--epochs", 8, "--json", "--hold-out", 0.1)
    assert status == 0
    lines = [row for row in out.splitlines() if row.startswith("verdict:")]
    assert len(lines) == 1
    assert lines[0].startswith("verdict: not solved")
    assert "`ptychograd diagnose` tries all eight" in lines[0]
    found = json.loads(out.splitlines()[-1])["verdict"]
    assert found == verdict(pg.load("r.h5"))
    assert isinstance(found["held_explained"], float)
    assert worded(line(found)) == lines[0]
    assert line(None) == ""
