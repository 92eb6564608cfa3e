"""Whole runs: stages one from another, and several runs at once that are each what they are alone."""

import threading
import time
from dataclasses import replace

import equinox as eqx
import numpy as np
import pytest

import problems
import ptychograd as pg
from ptychograd.fitting.reconstruction import Task, bytes_needed
from ptychograd.runs import many
from ptychograd.runs.many import perform_all
from ptychograd.runs.run import perform

STEPS = {"object": 0.02, "probe": 1.0}
WILD = {"object": 1e30, "probe": 1e30}
STAGES = (pg.Stage(1, ("object",)), pg.Stage(2))


@pytest.fixture(scope="module")
def plain(data, model):
    """A run that the tests vary."""
    return pg.Run(model, data, pg.adam(STEPS), STAGES, batch_size=8, seed=1)


def groups(found, epoch):
    """Names of the runs whose epoch was computed by one program: they share its time, and no others do."""
    of_time = {}
    for name, result in found.items():
        for seconds in result.history.seconds[epoch : epoch + 1]:
            of_time.setdefault(seconds, []).append(name)
    return [names for names in of_time.values() if len(names) > 1]


def the_same_bytes(one, other):
    assert one.object.tobytes() == other.object.tobytes()
    assert one.probe.tobytes() == other.probe.tobytes()
    assert one.history.loss == other.history.loss
    assert one.stopped == other.stopped


def nearly_the_same(one, other):
    """Another program adds up in another order, which grows from epoch to epoch."""
    np.testing.assert_allclose(one.history.loss, other.history.loss, rtol=1e-3)
    np.testing.assert_allclose(one.history.r_factor, other.history.r_factor, rtol=1e-3)
    np.testing.assert_allclose(one.history.chi_squared, other.history.chi_squared, rtol=2e-3)
    for name in ("object", "probe"):
        image, expected = getattr(one, name), getattr(other, name)
        np.testing.assert_allclose(image, expected, atol=1e-2 * np.abs(expected).max())
    assert one.stopped == other.stopped
    assert one.settings.keys() == other.settings.keys()


# Stages ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_stages_are_calls_that_know_the_whole_runs_length(data, model):
    """Byte for byte, with a solver that cools towards the end, parameters held first and other noise last."""
    solver, shared = pg.Nesterov(), {"batch_size": 8, "seed": 3, "planned": 6}
    first = pg.reconstruct(model, data, solver, epochs=2, trainable=("object",), **shared)
    second = pg.reconstruct(model, data, solver, epochs=3, resume=first, **shared)
    third = pg.reconstruct(model, data, solver, epochs=1, noise=pg.Poisson(), resume=second, **shared)
    stages = (pg.Stage(2, ("object",)), pg.Stage(3), pg.Stage(1, noise=pg.Poisson()))
    told = []
    result = perform(pg.Run(model, data, solver, stages, 8, 3), told.append)
    the_same_bytes(result, third)
    assert first.probe.tobytes() == np.asarray(model.probe.modes).tobytes() != result.probe.tobytes()
    assert [(progress.epoch, progress.epochs) for progress in told] == [(k, 6) for k in range(1, 7)]


def test_a_stage_that_ends_early_shortens_those_after_it(data, model):
    """6 of 10 epochs, so 3 of 5 after them, which cool as the end of 9 epochs would."""
    solver, shared = pg.Nesterov(), {"batch_size": 8, "seed": 3}

    def enough(history):
        return f"enough after {history.epochs}" if history.epochs == 6 else ""

    result = perform(pg.Run(model, data, solver, (pg.Stage(10, until=enough), pg.Stage(5)), 8, 3))
    assert result.history.epochs == 9
    assert result.stopped == "enough after 6"
    first = pg.reconstruct(model, data, solver, epochs=6, planned=15, **shared)
    last = pg.reconstruct(model, data, solver, epochs=3, planned=9, resume=first, **shared)
    assert result.object.tobytes() == last.object.tobytes()


@pytest.mark.slow
def test_what_is_shortened_counts_all_stages_so_far(plain):
    """4 of 2 + 6 epochs make half of all later ones, and one at least of each."""
    stages = (
        pg.Stage(2),
        pg.Stage(6, until=lambda history: "enough" if history.epochs == 4 else ""),
        pg.Stage(4),
        pg.Stage(1),
    )
    result = perform(plain._replace(stages=stages))
    assert result.history.epochs == 4 + 2 + 1
    assert result.stopped == "enough"


def test_a_rule_that_says_nothing_ends_nothing(plain):
    result = perform(plain._replace(stages=(pg.Stage(2, until=lambda history: ""), pg.Stage(1))))
    assert result.history.epochs == 3
    assert result.stopped == "all epochs done"


def test_a_stage_of_no_epochs_is_none(plain, model):
    """As in `reconstruct`, which refuses fewer than none."""
    result = perform(plain._replace(stages=(pg.Stage(0),)))
    assert result.history.epochs == 0
    assert result.object.tobytes() == np.asarray(model.object.transmission).tobytes()
    assert perform(plain._replace(stages=(pg.Stage(0, ("object",)), pg.Stage(2)))).history.epochs == 2
    with pytest.raises(pg.InputError, match="-5 epochs"):
        perform(plain._replace(stages=(pg.Stage(-5),)))


def test_an_interrupt_ends_all_stages(plain):
    def interrupt(progress):
        raise KeyboardInterrupt

    result = perform(plain._replace(stages=(pg.Stage(3), pg.Stage(3))), interrupt)
    assert result.history.epochs == 1
    assert result.stopped == "interrupted"


def test_what_a_later_stage_lacks_is_said_before_the_first(plain):
    """The probe has no step size, which matters only in the second stage."""
    told = []
    with pytest.raises(pg.InputError, match=r'No step size is given for "probe\.modes"'):
        perform(plain._replace(solver=pg.adam({"object": 0.02})), told.append)
    assert not told


# Several runs ---------------------------------------------------------------------------------------------


def variations(plain, data):
    """Runs that differ in nothing but numbers: order, step sizes, start object."""
    return {
        "plain": plain,
        "order": plain._replace(seed=2),
        "steps": plain._replace(seed=3, solver=pg.adam({"object": 0.01, "probe": 3.0})),
        "start": plain._replace(seed=4, model=problems.start_model(data, object=pg.models.random_object(9))),
    }


@pytest.mark.slow
def test_runs_on_every_core_are_what_they_are_alone(plain, data, monkeypatch):
    """Byte for byte, whichever of them is done first; one that diverges is "not finite"."""
    monkeypatch.setattr(many, "device_memory", lambda: None)
    runs = variations(plain, data)
    found = dict(perform_all(runs | {"wild": plain._replace(solver=pg.adam(WILD))}))
    assert found.keys() == {*runs, "wild"}
    assert found["wild"].stopped == "not finite"
    for name, run in runs.items():
        the_same_bytes(found[name], perform(run))
    assert len({result.object.tobytes() for result in found.values()}) == len(found)


@pytest.mark.slow
def test_runs_side_by_side_are_what_they_are_alone(plain, data):
    """Three in one program, stage by stage, and the fourth after them; not a byte is promised."""
    runs = variations(plain, data)
    found = dict(perform_all(runs, at_once=3))
    assert groups(found, 0) == groups(found, 2) == [["plain", "order", "steps"]]
    assert list(found) == list(runs)
    for name, run in runs.items():
        nearly_the_same(found[name], perform(run))
    losses = {result.history.loss[-1] for result in found.values()}
    assert len(losses) == len(runs)


@pytest.mark.slow
def test_runs_side_by_side_cool_as_they_do_alone(plain):
    """The default solver with other numbers, held probe first: the end of the run is that of all stages."""
    runs = {
        str(momentum): plain._replace(solver=pg.Nesterov(momentum=momentum), seed=k)
        for k, momentum in enumerate((0.8, 0.5))
    }
    found = dict(perform_all(runs, at_once=2))
    assert groups(found, 0) == groups(found, 2) == [list(runs)]
    for name, run in runs.items():
        nearly_the_same(found[name], perform(run))


@pytest.mark.slow
def test_a_divergent_run_disturbs_no_other(plain):
    """It keeps the last good result, as it does alone, and takes no part in the later stages."""
    runs = {
        "before": plain,
        "wild": plain._replace(solver=pg.adam(WILD), seed=2),
        "after": plain._replace(solver=pg.adam({"object": 0.01, "probe": 3.0}), seed=3),
    }
    found = dict(perform_all(runs, at_once=3))
    assert groups(found, 0) == groups(found, 2) == [["before", "after"]]
    assert found["wild"].stopped == "not finite"
    with pytest.raises(pg.fitting.NonFiniteError) as caught:
        perform(runs["wild"])
    nearly_the_same(found["wild"], caught.value.result)
    assert np.isfinite(found["wild"].object).all()
    for name in ("before", "after"):
        nearly_the_same(found[name], perform(runs[name]))
        assert found[name].history.epochs == 3


@pytest.mark.slow
def test_runs_of_different_batches_are_not_put_together(plain):
    """Those of eight patterns share a program, in which nothing changes; the one of seven has its own."""
    runs = {
        "eight": plain,
        "seven": plain._replace(batch_size=7, seed=2),
        "eight again": plain._replace(seed=3),
    }
    found = dict(perform_all(runs, at_once=3))
    assert groups(found, 0) == groups(found, 2) == [["eight", "eight again"]]
    assert found["seven"].settings["batch_size"] == 7
    for name, run in runs.items():
        nearly_the_same(found[name], perform(run))


DIFFERENT = {
    "batch size": lambda run: run._replace(batch_size=9),
    "data": lambda run: run._replace(data=replace(run.data, source="elsewhere")),
    "epochs": lambda run: run._replace(stages=(run.stages[0], pg.Stage(3))),
    "number of stages": lambda run: run._replace(stages=run.stages[:1]),
    "trainable": lambda run: run._replace(stages=(pg.Stage(1), run.stages[1])),
    "noise": lambda run: run._replace(stages=(run.stages[0], pg.Stage(2, noise=pg.Poisson()))),
    "until": lambda run: run._replace(stages=(run.stages[0], pg.Stage(2, until=pg.fitting.Converged()))),
    "solver": lambda run: run._replace(solver=pg.Nesterov()),
    "paths of the steps": lambda run: run._replace(solver=pg.adam({"object.transmission": 0.02, "probe": 1.0})),
    "modes": lambda run: run._replace(model=problems.start_model(run.data, modes=2)),
    "propagator": lambda run: run._replace(
        model=eqx.tree_at(lambda m: m.propagator, run.model, _Negative(run.data.frame_shape))
    ),
}


class _Negative(pg.physics.FarField):
    """Another class of the same arrays."""

    def __call__(self, wave, shift=None):
        return super().__call__(-wave, shift)


@pytest.mark.slow
@pytest.mark.parametrize("what", DIFFERENT)
def test_runs_that_differ_in_more_than_numbers_are_not_put_together(plain, what):
    found = dict(perform_all({"plain": plain, "other": DIFFERENT[what](plain)}, at_once=2))
    assert len(found) == 2
    assert groups(found, 0) == []


@pytest.mark.slow
def test_as_many_runs_at_once_as_memory_holds(plain, data, model, monkeypatch):
    """Half of the memory, less the patterns, holds two and a half of these runs, so two are put together."""
    needed = bytes_needed(Task(model, data, plain.solver, 2, 8, ("object", "probe"), pg.Amplitude()))
    monkeypatch.setattr(many, "device_memory", lambda: int(2 * (data.patterns.nbytes + 2.5 * needed)))
    runs = {str(seed): plain._replace(seed=seed) for seed in range(3)}
    found = dict(perform_all(runs))
    assert list(found) == list(runs)
    assert groups(found, 0) == groups(found, 2) == [["0", "1"]]


@pytest.mark.slow
def test_memory_of_an_epoch_is_that_of_its_parameters_and_more(data, model):
    """Parameters and both moments of Adam go in and come out; of the patterns no more counts than a batch."""
    task = Task(model, data, pg.adam(STEPS), 1, 8, ("object", "probe"), pg.Amplitude())
    parameters = model.object.transmission.nbytes + model.probe.modes.nbytes
    needed = bytes_needed(task)
    assert needed > 2 * 3 * parameters
    wider = replace(data, patterns=data.patterns.astype(np.uint32))
    more = bytes_needed(task._replace(data=wider)) - needed
    assert more < (wider.patterns.nbytes - data.patterns.nbytes) / 4


def test_who_stops_asking_stops_the_runs(plain, monkeypatch):
    """The long runs end after their epoch, or never begin, and no thread is left."""
    patience, forgotten = time.monotonic() + 60, []

    def until(history):
        if time.monotonic() > patience:
            forgotten.append(history.epochs)
        return "nobody stopped it" if forgotten else ""

    monkeypatch.setattr(many, "device_memory", lambda: None)
    before = set(threading.enumerate())
    long = plain._replace(stages=(pg.Stage(10**9, until=until),))
    runs = {"short": plain._replace(stages=(pg.Stage(1),)), "a": long, "b": long._replace(seed=5)}
    asked = perform_all(runs)
    name, result = next(asked)
    asked.close()
    assert (name, result.stopped) == ("short", "all epochs done")
    assert not forgotten
    assert set(threading.enumerate()) <= before


def test_no_runs_are_no_results():
    assert not list(perform_all({}))
    assert not list(perform_all({}, at_once=3))
