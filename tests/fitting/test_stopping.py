"""When a run has nothing more to gain: at the noise, or no longer falling."""

from dataclasses import replace

import equinox as eqx
import jax
import numpy as np
import pytest

import problems
import ptychograd as pg
from ptychograd.runs.many import perform_all

NOISY = 1.5  # a reduced χ² above that of counting


def history(misfits, chi_squared=NOISY):
    """A history by hand; R is the root of the misfit."""
    count = len(misfits)
    roots = tuple(float(np.sqrt(misfit)) for misfit in misfits)
    return pg.fitting.History(tuple(map(float, misfits)), roots, (chi_squared,) * count, (0.1,) * count)


def falling(count, factor):
    """A misfit that falls by the same factor in each epoch."""
    return factor ** np.arange(count)


@pytest.mark.parametrize("chi_squared", [1.02, 1.0, 0.6])
def test_at_the_noise_of_counting_there_is_no_more_to_gain(chi_squared):
    """However steeply the misfit falls still, once it has been there for five epochs."""
    assert pg.fitting.Converged()(history(falling(4, 0.5), chi_squared)) == ""
    assert (
        pg.fitting.Converged()(history(falling(5, 0.5), chi_squared))
        == "at the noise of counting photons after 5 epochs"
    )
    assert (
        pg.fitting.Converged()(history(falling(30, 0.5), chi_squared))
        == "at the noise of counting photons after 30 epochs"
    )


@pytest.mark.parametrize("chi_squared", [1.03, 40.0, 0.17, 0.0, float("nan")])
def test_above_the_noise_there_is(chi_squared):
    """A χ² of zero, or none, is that of data without photons and says nothing; one far below 1 is of no counts."""
    assert pg.fitting.Converged()(history(falling(30, 0.5), chi_squared)) == ""


def test_a_lucky_epoch_is_not_the_noise():
    """One at the noise among others above it does not count, nor do four in a row."""
    above = history(falling(8, 0.5))
    for lucky in (1, 4):
        chi_squared = above.chi_squared[:-lucky] + (1.0,) * lucky
        assert pg.fitting.Converged()(above._replace(chi_squared=chi_squared)) == ""
    assert pg.fitting.Converged()(above._replace(chi_squared=above.chi_squared[:-5] + (1.0,) * 5))


def test_the_level_of_the_noise_is_a_setting():
    assert pg.fitting.Converged(noise=1.6)(history(falling(6, 0.5)))
    assert not pg.fitting.Converged(noise=1.4)(history(falling(6, 0.5)))


def test_what_no_longer_falls_is_done():
    flat = history([1.0] * 10)
    assert pg.fitting.Converged()(flat) == "no longer falling after 10 epochs"


def test_what_scatters_without_falling_is_done():
    """Full steps leave a misfit that goes up and down about a level."""
    scatter = 1 + 0.02 * np.random.default_rng(0).random(40)
    scatter[11] = 0.999  # a lucky epoch before the last quarter
    assert pg.fitting.Converged()(history(scatter)) == "no longer falling after 40 epochs"


@pytest.mark.parametrize("count", [10, 11, 19, 20, 21, 40, 100])
def test_what_falls_goes_on(count):
    """Over the last quarter, of five epochs at least, by just more or just less than 1 %."""
    span, rule = max(5, count // 4), pg.fitting.Converged(gain=0.01)
    assert rule(history(falling(count, 0.9899 ** (1 / span)))) == ""
    assert rule(history(falling(count, 0.9901 ** (1 / span)))) == f"no longer falling after {count} epochs"


def test_the_gain_is_of_the_misfit_not_of_its_root():
    """R falls by 0.6 % over five epochs, so R² by 1.2 %."""
    misfits = np.square((1.0,) * 5 + (0.994,) * 5)
    assert not pg.fitting.Converged(gain=0.01)(history(misfits))
    assert pg.fitting.Converged(gain=0.013)(history(misfits))


@pytest.mark.parametrize("patience", [1, 3, 20])
def test_patience_is_the_shortest_span(patience):
    """Nothing is said before there are two spans to compare, and then it is said at once."""
    rule = pg.fitting.Converged(patience=patience)
    reasons = [rule(history([1.0] * count)) for count in range(1, 2 * patience + 1)]
    assert not any(reasons[:-1])
    assert reasons[-1]


def test_it_ends_a_run():
    """At the truth after five epochs; a model that never moves as soon as two spans can be compared."""
    data = problems.measurement(probe=problems.probe_wave())
    model = problems.start_model(data, object=lambda shape: problems.object_wave())
    result = pg.reconstruct(
        model, data, pg.solvers.EvaluateOnly(), epochs=9, batch_size=14, until=pg.fitting.Converged(noise=1.05)
    )
    assert result.history.epochs == 5
    assert result.stopped == "at the noise of counting photons after 5 epochs"
    start = problems.start_model(data)
    result = pg.reconstruct(
        start, data, pg.solvers.EvaluateOnly(), epochs=20, batch_size=14, until=pg.fitting.Converged()
    )
    assert result.stopped == "no longer falling after 10 epochs"


@pytest.mark.slow
def test_scaled_patterns_are_no_counts():
    """A millionth of the photons, as some detectors write it, does not end a run in its first epochs."""
    data = problems.measurement()
    scaled = problems.measurement(dtype=np.float32)
    scaled = replace(scaled, patterns=scaled.patterns * np.float32(1e-6))
    until = pg.fitting.Converged()
    for one in (data, scaled):
        result = pg.reconstruct(
            problems.start_model(one, object=pg.models.flat_object),
            one,
            pg.Nesterov(),
            epochs=8,
            batch_size=8,
            until=until,
        )
        assert result.history.epochs == 8


# Held-out patterns ----------------------------------------------------------------------------------------


def seen(monitored):
    """A falling history in which somebody looked at held-out patterns after every second epoch."""
    held_out = np.full(2 * len(monitored), np.nan)
    held_out[1::2] = monitored
    return history(falling(len(held_out), 0.9))._replace(held_out=tuple(held_out.tolist()))


def test_held_out_patterns_that_fit_worse_and_worse_end_a_run():
    rising = [0.3, 0.2, 0.22, 0.23, 0.24, 0.25]
    text = "R of held-out patterns rose from 0.2000 after 4 epochs to 0.2500 after 12"
    assert pg.fitting.Converged()(seen(rising)) == text
    assert pg.fitting.Converged(rises=3)(seen(rising[:5])).startswith("R of held-out patterns rose")
    assert pg.fitting.Converged(rise=0.2)(seen(rising)) == ""


@pytest.mark.parametrize(
    "monitored",
    [[0.3], [0.3, 0.2, 0.22, 0.23, 0.24], [0.3, 0.2, 0.22, 0.23, 0.205, 0.24], [0.3, 0.2, 0.1, 0.05, 0.02, 0.01]],
)
def test_one_good_look_of_the_last_four_is_enough_to_go_on(monitored):
    assert pg.fitting.Converged()(seen(monitored)) == ""


def overfitted():
    """Few photons, many modes: what is fitted gets better, and what is not gets worse."""
    data = problems.measurement(photons=300.0)
    fitted, held = pg.hold_out(data, 0.2)
    model = pg.far_field(fitted, modes=4)
    stages = (pg.Stage(200, until=pg.fitting.Converged(noise=0.0, gain=-1.0)),)
    return pg.Run(model, fitted, pg.Nesterov(), stages, 8, monitor=pg.refinement.HeldOutMonitor(held, 3)), held


@pytest.mark.slow
def test_a_run_that_fits_noise_ends(tmp_path):
    """And goes on from an interrupt to the same end; every look is what `r_factor` says."""
    run, held = overfitted()
    monitored, checkpoints = {}, []

    def keep(progress):
        result = progress.so_far()
        monitored[progress.epoch] = pg.r_factor(result.model, held)
        if progress.epoch == 7:
            result.save(tmp_path / "r.h5")
            checkpoints.append(pg.load(tmp_path / "r.h5"))

    result = pg.perform(run, keep)
    assert "R of held-out patterns rose" in result.settings["stopped"]
    assert result.history.epochs < 200
    assert result.history.monitored == pytest.approx({epoch: r for epoch, r in monitored.items() if epoch % 3 == 0})
    again = pg.perform(run, resume=checkpoints[0])
    assert again.history.monitored == result.history.monitored
    assert again.object.tobytes() == result.object.tobytes()
    plain = pg.perform(run._replace(monitor=None, stages=(pg.Stage(4),)))
    assert plain.history.held_out == ()


def test_a_look_every_no_epochs_is_refused():
    with pytest.raises(pg.InputError, match="every 0 epochs; expected 1 or more"):
        pg.refinement.HeldOutMonitor(problems.measurement(), 0)


@pytest.mark.slow
def test_another_noise_model_is_not_judged_by_the_looks_before_it():
    """R of amplitudes rises where counts are fitted: of looks in the same stage alone it is told."""
    data = problems.measurement(photons=30.0)
    fitted, held = pg.hold_out(data, 0.2)
    stages = (pg.Stage(20), pg.Stage(12, noise=pg.Poisson(), until=pg.fitting.Converged(noise=0.0, gain=-1.0)))
    run = pg.Run(pg.far_field(fitted), fitted, pg.Nesterov(), stages, 8, monitor=pg.refinement.HeldOutMonitor(held, 2))
    result = pg.perform(run)
    rise = pg.fitting.Converged(noise=0.0, gain=-1.0)(result.history)
    assert rise.startswith("R of held-out patterns rose")  # looked at as one stage
    assert result.history.epochs == 32


def test_an_interrupted_look_leaves_what_was_before_its_epoch():
    run, _ = overfitted()

    def stop(epochs, so_far):
        if epochs == 4:
            raise KeyboardInterrupt
        return 0.5

    result = pg.perform(run._replace(monitor=stop))
    assert (result.stopped, result.history.epochs, result.history.held_out) == ("interrupted", 3, (0.5,) * 3)


def test_a_look_at_photons_beyond_all_numbers_leaves_no_figure():
    """And the run goes on, until an epoch of its own tells; parameters that are no numbers end it before a look."""
    run, held = overfitted()
    look = pg.refinement.HeldOutMonitor(held, 1)

    def monitor(epochs, so_far):
        result = so_far()
        with jax.transfer_guard("allow"):  # what is wild here is the test's own
            wild = eqx.tree_at(lambda model: model.probe.modes, result.model, result.model.probe.modes * 1e30)
        return look(epochs, lambda: result._replace(model=wild) if epochs == 2 else result)

    result = pg.perform(run._replace(stages=(pg.Stage(3),), monitor=monitor))
    assert result.history.epochs == 3
    assert list(result.history.monitored) == [1, 3]


@pytest.mark.slow
def test_a_stage_in_pieces_is_looked_at_as_one():
    run, _ = overfitted()
    effects = tuple(run.stages[0]._replace(epochs=9) for _ in range(20))
    result = pg.perform(run._replace(stages=effects))
    assert "R of held-out patterns rose" in result.settings["stopped"]


def test_watched_runs_side_by_side_are_watched():
    run, held = overfitted()
    runs = {
        name: run._replace(stages=(pg.Stage(2),), monitor=pg.refinement.HeldOutMonitor(held, 1), seed=seed)
        for seed, name in enumerate("ab")
    }
    for _, result in perform_all(runs, at_once=2):
        assert set(result.history.monitored) == {1, 2}
