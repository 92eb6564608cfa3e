"""A run that was interrupted goes on as if it had not been: bit for bit, from any epoch, for every kind of run."""

import json

import jax
import pytest

import bragg_problems
import near_problems
import problems
import ptychograd as pg
from ptychograd.runs.progress import RunProgress
from ptychograd.runs.stages import crystal_stages

FAR, NEAR, CRYSTAL = problems.measurement(), near_problems.measurement(), bragg_problems.measurement()
STEPS = {"object": 0.02, "probe": 1.0}


def settled(history):
    """A rule that ends a stage after the fourth epoch."""
    return "enough" if history.epochs >= 4 else ""


def far(solver, *stages, batch_size=8):
    return lambda: pg.Run(problems.start_model(FAR), FAR, solver, stages, batch_size, seed=3)


def near():
    return pg.Run(pg.near_field(NEAR, object=pg.models.random_object(2)), NEAR, pg.Nesterov(), (pg.Stage(5),), 7)


def crystal():
    return pg.Run(pg.bragg(CRYSTAL), CRYSTAL, pg.Nesterov(), crystal_stages(10), 20, seed=1)


HELD = (pg.Stage(1, ("object",)), pg.Stage(3))
RUNS = {
    "Nesterov": far(pg.Nesterov(), pg.Stage(5)),
    "ePIE": far(pg.PIE(), pg.Stage(3), batch_size=1),
    "AD-ePIE": far(pg.ADePIE(), pg.Stage(3), batch_size=3),
    "rPIE": far(pg.PIE(0.1), *HELD),
    "Adam": far(pg.adam(STEPS), *HELD),
    "stages": far(
        pg.Nesterov(),
        pg.Stage(2, ("object",)),
        pg.Stage(6, until=settled),
        pg.Stage(4),
        pg.Stage(2, noise=pg.Poisson(), until=settled),
    ),
    "quasi-Newton": far(pg.Nesterov(), pg.Stage(2), pg.Stage(3, solver=pg.LBFGS(memory=2), batch_size=FAR.count)),
    "no epochs first": far(pg.Nesterov(), pg.Stage(0, ("object",)), pg.Stage(3)),
    "near field": near,
    "crystal": crystal,
}


def told(result, *without):
    """All that a result is, as bytes and text, but the seconds."""
    settings = {name: value for name, value in result.settings.items() if name not in without}
    return {
        "arrays": {name: array.tobytes() for name, array in result.arrays.items()},
        "state": {name: array.tobytes() for name, array in result.state.items()},
        "history": result.history._replace(seconds=()),
        "settings": json.dumps(settings, sort_keys=True),
    }


def through_a_file(result, path):
    result.save(path)
    return pg.load(path)


@pytest.mark.variants
@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=pytest.mark.slow) if kind in ("crystal", "rPIE", "Adam") else kind for kind in RUNS],
)
def test_a_run_goes_on_from_its_checkpoints(kind, tmp_path):
    """What a killed process leaves: the result after an epoch, before the run asks what comes next."""
    run, checkpoints = RUNS[kind](), []
    whole = pg.perform(run, lambda progress: checkpoints.append(through_a_file(progress.so_far(), tmp_path / "r.h5")))
    assert len(checkpoints) == whole.history.epochs > 2
    for checkpoint in checkpoints[:: 3 if kind == "crystal" else 1]:  # whose interrupts come below
        assert checkpoint.stopped == "under way"
        assert told(pg.perform(run, resume=checkpoint)) == told(whole)


@pytest.mark.variants
@pytest.mark.parametrize(
    ("kind", "step"), [("Nesterov", 1), ("stages", 1), pytest.param("crystal", 6, marks=pytest.mark.slow)]
)
def test_a_run_goes_on_from_any_interrupt(kind, step, tmp_path, monkeypatch):
    """In the midst of an epoch, too, be it one of a shift along the beam that is only tried."""
    run, ready, calls = RUNS[kind](), jax.block_until_ready, []
    whole = pg.perform(run)

    def interrupted(arrays):
        calls.append(None)
        if len(calls) == calls_before:
            raise KeyboardInterrupt
        return ready(arrays)

    monkeypatch.setattr(jax, "block_until_ready", interrupted)  # while the devices are at work
    calls_before = None
    pg.perform(run)
    for calls_before in range(1, len(calls) + 1, step):  # noqa: B007 (`interrupted` looks at it)
        calls.clear()
        result = through_a_file(pg.perform(run), tmp_path / "r.h5")
        assert result.stopped == "interrupted"
        assert told(pg.perform(run, resume=result)) == told(whole)


def test_a_reconstruction_goes_on(tmp_path):
    """The loop itself, whose seed, order and cooling are as before."""
    model, shared = problems.start_model(FAR), {"batch_size": 8, "seed": 3}
    whole = pg.reconstruct(model, FAR, pg.Nesterov(), epochs=5, **shared)
    first = through_a_file(pg.reconstruct(model, FAR, pg.Nesterov(), epochs=2, planned=5, **shared), tmp_path / "r.h5")
    assert told(pg.reconstruct(model, FAR, pg.Nesterov(), epochs=3, resume=first, **shared)) == told(whole)


# To another number of epochs ------------------------------------------------------------------------------


def stopped_after(run, epochs):
    def stop(progress):
        if progress.epoch == epochs:
            raise KeyboardInterrupt

    return pg.perform(run, stop)


def test_a_run_to_more_epochs_is_the_longer_run():
    """As long as it did not cool; and when it is interrupted a second time, it still knows where to."""
    short, long = far(pg.Nesterov(), pg.Stage(6))(), pg.perform(far(pg.Nesterov(), pg.Stage(9))())
    first = stopped_after(short, 4)
    again = pg.perform(short, resume=first, epochs=9)
    assert told(again, "run_progress") == told(long, "run_progress")
    ends = []
    pg.perform(short, lambda progress: ends.append(progress.so_far()), first, 9)
    assert told(pg.perform(short, resume=ends[2])) == told(again)


@pytest.mark.slow
def test_what_is_left_is_stretched_and_no_rule_ends_it():
    run = RUNS["stages"]()
    result = pg.perform(run, resume=stopped_after(run, 3), epochs=25)
    assert RunProgress.of(result.settings).ends == (2, 13, 21, 25)  # 5, 4 and 2 of 11 epochs: 22 now
    assert (result.history.epochs, result.stopped) == (25, "all epochs done")


@pytest.mark.slow
def test_a_finished_run_goes_on_with_its_last_stage():
    run = RUNS["stages"]()
    finished = pg.perform(run)
    assert (finished.history.epochs, finished.stopped) == (4 + 2 + 1, "enough")
    again = pg.perform(run, resume=finished._replace(model=None))
    assert told(again) == told(finished)
    assert again.model is not None
    longer = pg.perform(run, resume=finished, epochs=9)
    assert (longer.history.epochs, longer.stopped) == (9, "all epochs done")
    assert longer.settings["noise"] == repr(pg.Poisson())
    assert longer.history.loss[:7] == finished.history.loss
    with pytest.raises(pg.InputError, match="9 epochs in all, but 9 of them are done; give more than 9"):
        pg.perform(run, resume=longer, epochs=9)


@pytest.mark.slow
def test_what_does_not_belong_to_the_run_is_refused():
    run = RUNS["Nesterov"]()
    with pytest.raises(pg.InputError, match="a run of 2 stages, and this one has 1"):
        pg.perform(run, resume=stopped_after(RUNS["rPIE"](), 2))
    with pytest.raises(pg.InputError, match="does not say how far its run was"):
        pg.perform(run, resume=pg.reconstruct(run.model, FAR, pg.Nesterov(), epochs=1))
