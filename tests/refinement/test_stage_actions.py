"""Ways out of wrong solutions: what each does to a crystal, and how runs take them between their stages."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import bragg_problems
import problems
import ptychograd as pg
from ptychograd.core.arrays import shifted
from ptychograd.paper.bragg import BraggExperiment
from ptychograd.refinement.stage_actions import AbstractStageAction, BeamShift, ShrinkWrap
from ptychograd.runs.many import perform_all
from ptychograd.runs.stages import FEWEST, crystal_search, crystal_stages

OBJECT = ("object",)
CRYSTAL, GHOST = np.s_[1:6, 3:12, 3:11], np.s_[1:6, 14:24, 12:20]


@pytest.fixture(scope="module")
def data():
    return bragg_problems.measurement()


@pytest.fixture(scope="module")
def tiny():
    """The paper's experiment, made so small that a crystal is found in seconds; nothing aliases."""
    small = {"frame": 24, "distance": 0.5625, "angles": 7, "rocking_step": 0.025, "crystal": (10, 20, 18)}
    rest = {"variable": (12, 26, 24), "scan": (12, 8), "depth": 30, "width": 3.0, "speckle": 10}
    return BraggExperiment.reduced(**small, **rest).dataset(1)


def with_crystal(model, density, support):
    """The model with another crystal in it."""
    crystal = pg.physics.Crystal(jnp.asarray(density, np.complex64), jnp.asarray(support))
    return eqx.tree_at(lambda m: m.object, model, crystal)


def haunted(data):
    """As it started; and with a crystal, a ghost of a tenth of it, and what is bright outside of the support."""
    density, whole = np.zeros(bragg_problems.BOX, complex), np.ones(bragg_problems.BOX, bool)
    density[CRYSTAL], density[GHOST], density[:, -1, :] = np.exp(0.7j), 0.1j, 50
    whole[:, [2, -1], :] = False  # beside the crystal, and where it is bright
    start = with_crystal(pg.bragg(data), np.ones(whole.shape), whole)
    return start, with_crystal(start, density, whole)


def no_fit(model, epochs):
    raise AssertionError("nothing is to be fitted here")


# Each of them ---------------------------------------------------------------------------------------------


def test_shrink_wrap_cuts_a_faint_ghost_and_keeps_the_crystal(data):
    """To the last voxel, with a margin of a voxel or so; a lower threshold would keep the ghost."""
    start, model = haunted(data)
    changed, text, _ = ShrinkWrap()(model, start, no_fit)
    support, density = np.asarray(changed.object.support), np.asarray(changed.object.density)
    assert support[CRYSTAL].all()
    assert not support[GHOST].any()
    assert not support[~np.asarray(start.object.support)].any()
    np.testing.assert_array_equal(density[CRYSTAL], np.asarray(model.object.density)[CRYSTAL])
    assert not np.asarray(changed.object(jnp.array([0, 0]), bragg_problems.BOX[1:]))[GHOST].any()
    assert support.sum() < 2.5 * np.ones(support.shape)[CRYSTAL].sum()
    share = support.sum() / np.asarray(start.object.support).sum()
    assert text == f"support shrunk to {share:.1%} of the start's"
    lower = ShrinkWrap(threshold=0.05)(model, start, no_fit).model.object.support
    assert np.asarray(lower)[GHOST].mean() > 0.8


def test_shrink_wrap_stays_within_the_starts_support_and_may_grow_back_to_it(data):
    """What is outside is never looked at, however bright; what an earlier one cut too much may come back."""
    start, model = haunted(data)
    small = np.zeros(bragg_problems.BOX, bool)
    small[2:5, 4:11, 4:10] = True
    changed, _, _ = ShrinkWrap()(with_crystal(model, model.object.density, small), start, no_fit)
    support = np.asarray(changed.object.support)
    assert support.sum() > small.sum()
    assert support[small].all()
    assert not support[~np.asarray(start.object.support)].any()


@pytest.mark.slow
@pytest.mark.parametrize(
    "displaced", [pytest.param(-2, marks=pytest.mark.slow), 1, pytest.param(5, marks=pytest.mark.slow)]
)
def test_a_crystal_displaced_along_the_beam_is_moved_back(tiny, displaced):
    """By whole steps along x, and along y by what the beam goes there; farther than the farthest in two moves."""
    room = [(12, 12), (12, 12), (0, 0)]
    steps = np.array([displaced, displaced / np.tan(tiny.geometry.two_theta), 0])
    moved = shifted(np.pad(tiny.truth.object, room), steps)[12:-12, 12:-12]
    model = pg.bragg(tiny, object=lambda shape: moved)

    def fit(model, epochs):
        return pg.reconstruct(model, tiny, pg.Nesterov(), epochs=epochs, batch_size=56, trainable=OBJECT)

    changed, text, _ = BeamShift()(model, model, fit)
    assert text.startswith(f"moved along the beam by {-displaced:+d} along x (R ")
    truth = pg.r_factor(pg.bragg(tiny, object=lambda shape: tiny.truth.object), tiny)
    assert pg.r_factor(model, tiny) > 1.1 * truth
    assert pg.r_factor(changed, tiny) < 0.5 * pg.r_factor(model, tiny) + 0.6 * truth


def test_what_is_moved_out_on_one_side_does_not_come_in_on_the_other(data):
    """Along a beam that is nearly the exit beam, where a step along x is many along y."""
    start, _ = haunted(data)
    start = eqx.tree_at(lambda m: m.probe, start, pg.physics.TiltedBeam(start.probe.modes, 0.12, start.probe.shape))
    x, y, z = np.mgrid[:7, :26, :21]
    blob = np.exp(-((x - 2) ** 2) / 3 - (y - 20) ** 2 / 4 - (z - 10) ** 2 / 4)
    r_factors = iter([0.5, 0.4, 0.4, 0.5])  # the farther one in the first round, where it is in the second

    def fit(model, epochs):
        history = pg.fitting.History((1.0,), (next(r_factors),), (1.0,), (0.0,))
        return pg.Result.of(model, np.zeros(0), {}, history, {})

    changed, _, _ = BeamShift(voxels=(0, 3))(with_crystal(start, blob, start.object.support), start, fit)
    assert np.abs(np.asarray(changed.object.density)).max() < 0.05


@pytest.mark.parametrize("action", [ShrinkWrap(), BeamShift()], ids=repr)
def test_a_model_that_is_no_crystal_is_refused(action):
    """In a sentence."""
    data = problems.measurement()
    model = problems.start_model(data)
    with pytest.raises(pg.InputError, match=r"A Ptychography (has no crystal|names no image with a support)"):
        action(model, model, no_fit)
    with pytest.raises(pg.InputError, match=r"has no crystal|names no image with a support"):
        pg.perform(pg.Run(model, data, pg.Nesterov(), (pg.Stage(1, first=(action,)),), 8))


@pytest.mark.parametrize("action", [ShrinkWrap(), BeamShift()], ids=repr)
def test_it_is_refused_before_anything_is_computed(action):
    """Not after the stages before it."""
    data, told = problems.measurement(), []
    run = pg.Run(problems.start_model(data), data, pg.Nesterov(), (pg.Stage(1), pg.Stage(1, first=(action,))), 8)
    with pytest.raises(pg.InputError, match=r"has no crystal|names no image with a support"):
        pg.perform(run, told.append)
    assert not told


# In runs --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found(tiny):
    """Two runs with the same seed."""
    run = pg.Run(pg.bragg(tiny), tiny, pg.Nesterov(), crystal_stages(40), 56, 1)
    return run, pg.perform(run), pg.perform(run)


@pytest.mark.slow
def test_a_run_finds_a_crystal_by_its_stages(found, tiny):
    """To a hundredth of a radian; without them it stays displaced along the beam, where the support cuts it."""
    from ptychograd.quality.comparison import compare_with_truth

    run, result, _ = found
    figures = compare_with_truth(result, tiny)
    assert figures["object_nrmse"] < 0.06
    assert figures["core_phase_rms"] < 0.02
    assert abs(figures["shift_along_beam"]) < 0.1
    plain = pg.perform(run._replace(stages=(pg.Stage(40, OBJECT),)))
    wrong = compare_with_truth(plain, tiny)
    assert abs(wrong["shift_along_beam"]) > 1
    assert wrong["object_nrmse"] > 1.5 * figures["object_nrmse"]


@pytest.mark.slow
def test_what_was_done_is_in_the_settings_and_in_the_file(found, tmp_path):
    run, result, _ = found
    changes = result.settings["changes"]
    assert [change["after_epoch"] for change in changes] == [6, 9, 12, 15, 15, 18, 21, 24, 27]
    text = [change["change"] for change in changes]
    assert text[3].startswith("moved along the beam by ")
    assert all(text.startswith("support shrunk to ") for text in text[:3] + text[4:])
    assert result.history.epochs == 40, "what was only tried does not count"
    share = result.arrays["object.support"].sum() / np.asarray(run.model.object.support).sum()
    assert text[-1] == f"support shrunk to {share:.1%} of the start's"
    result.save(tmp_path / "r.h5")
    loaded = pg.load(tmp_path / "r.h5")
    assert loaded.settings["changes"] == changes
    assert loaded.object.tobytes() == result.object.tobytes()
    further = pg.reconstruct(run.model, run.data, run.solver, epochs=1, batch_size=56, trainable=OBJECT, resume=loaded)
    assert further.settings["changes"] == changes


@pytest.mark.slow
def test_all_settings_come_back_from_the_file_as_they_were(found, tmp_path):
    _, result, _ = found
    result.save(tmp_path / "r.h5")
    assert pg.load(tmp_path / "r.h5").settings == result.settings


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(found):
    _, one, other = found
    assert {name: array.tobytes() for name, array in one.arrays.items()} == {
        name: array.tobytes() for name, array in other.arrays.items()
    }
    assert one.history._replace(seconds=()) == other.history._replace(seconds=())
    assert one.settings == other.settings


@pytest.mark.slow
def test_runs_among_others_take_their_escapes_too(data):
    """Also where they would be computed side by side."""
    stages = (pg.Stage(2, OBJECT), pg.Stage(2, OBJECT, first=(ShrinkWrap(),)))
    run = pg.Run(pg.bragg(data), data, pg.Nesterov(), stages, 20, 1)
    alone = pg.perform(run)
    for _, result in perform_all({"a": run, "b": run._replace(model=pg.bragg(data))}, at_once=2):
        assert result.object.tobytes() == alone.object.tobytes()
        assert result.settings["changes"] == alone.settings["changes"]


@pytest.mark.slow
def test_an_interrupt_in_an_escape_keeps_what_there_was(data):
    class Interrupted(AbstractStageAction):
        def __call__(self, model, start, fit):
            raise KeyboardInterrupt

    stages = (pg.Stage(2, OBJECT), pg.Stage(3, OBJECT, first=(Interrupted(),)))
    run = pg.Run(pg.bragg(data), data, pg.Nesterov(), stages, 20)
    result = pg.perform(run)
    assert (result.stopped, result.history.epochs) == ("interrupted", 2)
    with pytest.raises(KeyboardInterrupt):
        pg.perform(run._replace(stages=stages[1:]))


@pytest.mark.slow
def test_an_escape_before_the_first_stage_is_from_the_start(data):
    run = pg.Run(pg.bragg(data), data, pg.Nesterov(), (pg.Stage(1, OBJECT, first=(ShrinkWrap(),)),), 20)
    result = pg.perform(run)
    (change,) = result.settings["changes"]
    assert change["after_epoch"] == 0
    expected = ShrinkWrap()(run.model, run.model, no_fit).model
    np.testing.assert_array_equal(result.arrays["object.support"], expected.object.support)
    plain = pg.perform(run._replace(model=expected, stages=(pg.Stage(1, OBJECT),)))
    assert result.object.tobytes() == plain.object.tobytes()


# Stages ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("epochs", [*range(FEWEST, 41), 60, 101, 300])
def test_the_stages_of_a_crystal_take_the_epochs_that_were_asked_for(epochs):
    stages, search = crystal_stages(epochs), crystal_search(epochs)
    assert sum(stage.epochs for stage in stages) == epochs
    assert min(stage.epochs for stage in stages) >= 1
    assert stages[:-1] == search
    assert [len(stage.first) for stage in stages] == [0, 1, 1, 1, 2, 1, 1, 1, 1]
    assert all(stage.trainable == OBJECT for stage in stages)
    least = (FEWEST - 1) / 0.6
    if epochs >= least:
        assert sum(stage.epochs for stage in search) == pytest.approx(0.6 * epochs, abs=FEWEST / 2)


@pytest.mark.parametrize("epochs", [9, 1, 0, -3])
@pytest.mark.parametrize("stages", [crystal_stages, crystal_search])
def test_too_few_epochs_to_find_a_crystal_are_refused(stages, epochs):
    with pytest.raises(pg.InputError, match=f"{epochs} epochs are too few to find a crystal; give 10 or more"):
        stages(epochs)


@pytest.mark.slow
def test_a_shift_that_does_not_stay_finite_is_not_taken(tiny):
    """And does not end the run: the others are tried all the same."""
    start = pg.bragg(tiny)
    inside = np.asarray(start.object.support)

    def fit(model, epochs):
        result = pg.reconstruct(model, tiny, pg.solvers.EvaluateOnly(), epochs=epochs, batch_size=56, trainable=OBJECT)
        if not np.allclose(model.object.density[inside], start.object.density[inside]):
            raise pg.fitting.NonFiniteError("nan", result._replace(history=pg.fitting.History.empty()))
        return result

    changed = BeamShift((-1, 0, 1))(start, start, fit)
    assert "by +0 along x" in changed.summary
    np.testing.assert_array_equal(changed.model.object.density[inside], start.object.density[inside])


@pytest.mark.parametrize(
    "action",
    [BeamShift(()), BeamShift((1, 2)), BeamShift(epochs=0), ShrinkWrap(0.0), ShrinkWrap(5.0), ShrinkWrap(blur=-1.0)],
)
def test_numbers_that_make_no_sense_are_refused_before_a_run(tiny, action):
    run = pg.Run(pg.bragg(tiny), tiny, pg.Nesterov(), (pg.Stage(1, OBJECT, first=(action,)),), 56)
    with pytest.raises(pg.InputError, match="expected"):
        pg.perform(run)


# One's own ------------------------------------------------------------------------------------------------


class Halved(AbstractStageAction):
    """Tries half of the object for an epoch, and takes what that gives."""

    path: str

    def __call__(self, model, start, fit):
        half = eqx.tree_at(lambda m: m.object.transmission, model, model.object.transmission / 2)
        tried = fit(half, 1)
        return pg.refinement.Changed(tried.onto(start), f"R {tried.history.r_factor[-1]:.3f}", (self.path,))


class Bare(AbstractStageAction):
    def __call__(self, model, start, fit):
        return model


def test_ones_own_is_done_between_stages_and_named_in_the_result():
    data = problems.measurement()
    stages = (pg.Stage(1), pg.Stage(1, first=(Halved("probe"),)))
    run = pg.Run(problems.start_model(data), data, pg.Nesterov(), stages, batch_size=14)
    (change,) = pg.perform(run).settings["changes"]
    assert change["change"].startswith("R ")
    assert change["hold"] == ["probe"]
    assert "Halved(path='probe')" in repr(run.summary)


def test_ones_own_that_gives_no_change_is_refused():
    data = problems.measurement()
    run = pg.Run(problems.start_model(data), data, pg.Nesterov(), (pg.Stage(1, first=(Bare(),)),), batch_size=14)
    with pytest.raises(pg.InputError, match=r"Bare gives a Ptychography; expected Changed\(model, summary\) of"):
        pg.perform(run)
