"""What all patterns of a batch need is computed and differentiated once, and changes no number."""

import inspect
from collections.abc import Iterator

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import problems
import ptychograd as pg
from ptychograd.fitting.epoch import Resident, one_epoch
from ptychograd.fitting.reconstruction import Task, prepared

BATCH = 14
FREE = ("phase", "inner.probe")
SOLVERS = {
    "adam": pg.adam({"phase": 0.02, "inner.probe": 0.5}),
    "nesterov": pg.Nesterov(steps={"phase": 0.02}),
}


class InEachCall(pg.AbstractModel):
    """A phase object by an angle, computed again in each pattern's call."""

    phase: jax.Array
    inner: pg.Ptychography

    @property
    def whole(self) -> pg.Ptychography:
        transmission = jnp.exp(jax.lax.complex(jnp.zeros_like(self.phase), jnp.tanh(self.phase)))
        return eqx.tree_at(lambda model: model.object.transmission, self.inner, transmission)

    def __call__(self, index):
        return self.whole(index)


class SharedField(InEachCall):
    """The same, put into a field once a batch."""

    def shared(self):
        return eqx.tree_at(lambda model: model.inner, self, self.whole)

    def __call__(self, index):
        return self.inner(index)

    def windows(self, index):
        return {f"inner.{path}": window for path, window in self.inner.windows(index).items()}


class SharedModel(InEachCall):
    """The same, as a model of another class, which has exit waves."""

    def shared(self):
        return self.whole


@pytest.fixture(scope="module")
def data() -> pg.Dataset:
    return problems.measurement()


@pytest.fixture(scope="module")
def start(data) -> InEachCall:
    phase = np.random.default_rng(0).normal(size=problems.OBJECT).astype(np.float32)
    return InEachCall(jnp.asarray(0.3 * phase), problems.start_model(data))


def shared_by(kind: type, start: InEachCall) -> InEachCall:
    return kind(start.phase, start.inner)


def fitted(model, data, solver="adam", epochs=3, **options):
    options = {"batch_size": BATCH, "trainable": FREE} | options
    return pg.reconstruct(model, data, SOLVERS[solver], epochs=epochs, **options)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [SharedField, SharedModel])
def test_shared_work_changes_no_number(kind, start, data):
    alone, shared = fitted(start, data), fitted(shared_by(kind, start), data)
    np.testing.assert_allclose(shared.history.loss, alone.history.loss, rtol=1e-6)
    np.testing.assert_allclose(shared.arrays["phase"], alone.arrays["phase"], atol=1e-3)


@pytest.mark.slow
def test_gradients_are_those_of_the_calls(start, data):
    """One step of plain descent with all patterns, compared by how far it moves."""
    solver = pg.Optax(optax.sgd(1.0), {"phase": 1e-5, "inner.probe": 1e-2})
    one, other = (
        pg.reconstruct(shared_by(kind, start), data, solver, epochs=1, batch_size=data.count, trainable=FREE)
        for kind in (InEachCall, SharedField)
    )
    before = {"phase": start.phase, "inner.probe.modes": start.inner.probe.modes}
    for path, begin in before.items():
        moved, as_much = (np.asarray(result.arrays[path] - begin) for result in (one, other))
        assert np.abs(moved).max() > 1e-3
        np.testing.assert_allclose(as_much, moved, atol=1e-5 * np.abs(moved).max() + 1e-6)


@pytest.mark.slow
def test_what_it_leaves_untouched_keeps_its_diagonal(start, data):
    shared, alone = (fitted(shared_by(kind, start), data, "nesterov", 1) for kind in (SharedModel, InEachCall))
    assert any("velocity" in name and "inner.probe.modes" in name for name in shared.state)
    assert not any("velocity" in name and "phase" in name for name in shared.state)
    assert any("adam" in name and "phase" in name for name in shared.state)
    assert not any("velocity" in name for name in alone.state if "inner" in name)


def test_ad_epie_moves_what_is_untouched_and_closed_forms_are_refused(start, data):
    model = shared_by(SharedModel, start)
    result = pg.reconstruct(model, data, pg.ADePIE(), epochs=2, trainable=("inner.probe",))
    alone = pg.reconstruct(start.whole, data, pg.ADePIE(), epochs=2, trainable=("probe",))
    np.testing.assert_allclose(result.history.loss, alone.history.loss, rtol=1e-6)
    with pytest.raises(pg.InputError, match=r"Nothing tells step sizes for phase"):
        pg.reconstruct(model, data, pg.ADePIE(), epochs=2, trainable=FREE)
    with pytest.raises(pg.InputError, match=r"not of what SharedModel\.shared\(\) gives"):
        pg.reconstruct(model, data, pg.PIE(), epochs=2, trainable=("inner.probe",))


def test_it_is_computed_once_a_batch(start, data):
    """No hyperbolic tangent within the loop over the patterns of a batch, nor in that over patterns to be judged."""
    for kind, inside in ((SharedField, False), (InEachCall, True)):
        task = Task(shared_by(kind, start), data, SOLVERS["adam"], 1, BATCH, FREE, pg.Amplitude())
        work, standing = prepared(task)
        feed = Resident(data, work.asked)
        ((patterns, plan),) = feed.epoch(0, 0, 1)
        program, _, _ = eqx.filter_make_jaxpr(inspect.unwrap(one_epoch))(standing.member, patterns, plan)
        assert (max(depths(program.jaxpr, "tanh")) > 1) == inside  # 1 is the loop over batches


def depths(program, name: str, depth: int = 0) -> Iterator[int]:
    """How many loops an operation is in, for each place where it stands."""
    for equation in program.eqns:
        if equation.primitive.name == name:
            yield depth
        for value in equation.params.values():
            for part in value if isinstance(value, tuple | list) else (value,):
                part = getattr(part, "jaxpr", part)
                if hasattr(part, "eqns"):
                    yield from depths(part, name, depth + (equation.primitive.name == "scan"))


@pytest.mark.slow
def test_devices_and_judging_take_it_too(start, data):
    model = shared_by(SharedModel, start)
    one = fitted(model, data, "nesterov")
    several = fitted(model, data, "nesterov", devices=jax.devices()[:2])
    np.testing.assert_allclose(several.history.loss, one.history.loss, rtol=1e-4)
    whole = one.model.shared()
    assert pg.r_factor(one.model, data) == pytest.approx(pg.r_factor(whole, data), rel=1e-6)
    assert pg.quality.residuals(one.model, data).r_factor == pytest.approx(pg.r_factor(whole, data), rel=1e-5)
    _, held = pg.hold_out(data, 0.2)
    own, other = (pg.refinement.held_out_misfits(one, held, own={}).r_factor for one in (one.model, whole))
    assert own == pytest.approx(other, rel=1e-6)
    assert np.array_equal(pg.simulate(one.model, data.count, seed=1), pg.simulate(whole, data.count, seed=1))


def test_patterns_that_stay_in_their_file_take_it_too(start, data, tmp_path):
    pg.write(tmp_path / "scan.h5", data)
    stored = pg.read(tmp_path / "scan.h5", keep=pg.data.StreamFromFile(0, 20 * data.patterns[0].nbytes))
    loss = fitted(shared_by(SharedField, start), stored).history.loss
    assert loss[-1] < loss[0]


def test_priors_see_what_is_computed(start, data):
    """The object is no parameter, but a prior on it is a prior on what it is computed from."""
    model = shared_by(SharedField, start)
    prior = pg.priors.TotalVariation(3.0, path="inner.object.transmission")
    smooth, rough = (fitted(model, data, epochs=20, priors=priors) for priors in (prior, ()))
    variation = [np.abs(np.diff(np.tanh(one.arrays["phase"]), axis=0)).mean() for one in (smooth, rough)]
    assert variation[0] < 0.8 * variation[1]


class GivesAnArray(SharedField):
    def shared(self):
        return self.whole.object.transmission


class OtherFrame(SharedField):
    def __call__(self, index):
        return self.inner(index)[:-1]


def test_wrong_contracts_are_said_in_a_sentence(start, data):
    with pytest.raises(pg.InputError, match=r"GivesAnArray\.shared\(\) gives an array; expected the model"):
        fitted(shared_by(GivesAnArray, start), data)
    with pytest.raises(pg.InputError, match=r"OtherFrame\.shared\(\) gives expects patterns of \(19, 18"):
        fitted(shared_by(OtherFrame, start), data)
