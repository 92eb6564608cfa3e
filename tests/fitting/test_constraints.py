"""What must hold of a parameter holds after every step, of any solver, and does no harm where it is true."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import problems
import ptychograd as pg
from ptychograd.core.parameters import Planes
from ptychograd.fitting.projections import Projection, fixes_scale

BATCH = 14
SUPPORT = np.zeros(problems.OBJECT, bool)
SUPPORT[14:-15, 12:-13] = True
ALL = {
    "support": pg.constraints.Support(SUPPORT, outside=1),
    "positive": pg.constraints.Positive(),
    "magnitude": pg.constraints.MagnitudeAtMostOne(),
    "phase": pg.constraints.PhaseOnly(),
    "real": pg.constraints.Real(),
}
SOLVERS = {
    "nesterov": (pg.Nesterov(), BATCH),
    "adam": (pg.adam({"object": 0.02, "probe": 0.5}), BATCH),
    "ePIE": (pg.PIE(), 1),
    "rPIE": (pg.PIE(0.3), 4),
    "AD-ePIE": (pg.ADePIE(), 2),
}


@pytest.fixture(scope="module")
def data() -> pg.Dataset:
    return problems.measurement()


def isolated(photons: float = 3e3) -> tuple[pg.Ptychography, pg.Dataset]:
    """A small object in an empty surround: the true model, and dim patterns of it."""
    transmission = np.where(SUPPORT, problems.object_wave(), 1)
    probe = problems.probe_wave(photons)[None]
    blank = problems.measurement(probe=probe)
    truth = pg.far_field(blank, object=transmission, probe=probe)
    patterns = pg.simulate(truth, blank.count, seed=3)
    return truth, pg.make_dataset(patterns, blank.positions, probe=probe)


def fitted(data, constraints, solver="nesterov", epochs=3, model=None, **options):
    rule, batch_size = SOLVERS[solver]
    model = problems.start_model(data) if model is None else model
    return pg.reconstruct(model, data, rule, epochs=epochs, batch_size=batch_size, constraints=constraints, **options)


@pytest.mark.parametrize("name", ALL)
def test_projections_are_idempotent_and_nearest(name):
    constraint, array = ALL[name], jnp.asarray(problems.complex_array(*problems.OBJECT), jnp.complex64)
    once = np.asarray(constraint(array))
    np.testing.assert_allclose(np.asarray(constraint(jnp.asarray(once))), once, rtol=1e-6, atol=1e-7)
    farther = constraint(array + 0.5 * jnp.asarray(problems.complex_array(*problems.OBJECT, seed=1), jnp.complex64))
    assert (np.abs(once - array) <= np.abs(farther - array) + 1e-6).all()  # of all that fulfil it, pixel by pixel


@pytest.mark.slow
@pytest.mark.parametrize("solver", SOLVERS)
def test_every_solver_ends_where_the_constraint_holds(solver, data):
    result = fitted(data, {"object": ALL["support"]}, solver)
    assert (result.object[~SUPPORT] == 1).all()
    assert np.abs(result.object[SUPPORT] - 1).max() > 0.05
    assert result.settings["constraints"] == {"object": f"Support(mask=bool[53, 47] {crc(SUPPORT)}, outside=(1+0j))"}


def crc(mask) -> str:
    import zlib

    return f"{zlib.crc32(mask.tobytes()):08x}"


@pytest.mark.variants
@pytest.mark.parametrize("name", ALL)
def test_every_constraint_holds_of_object_and_probe(name, data):
    path = "object.transmission" if name == "support" else "object"
    result = fitted(data, {path: ALL[name]})
    again = np.asarray(ALL[name](jnp.asarray(result.object)))
    np.testing.assert_allclose(result.object, again, atol=1e-6)
    assert result.history.loss[-1] < result.history.loss[0]


@pytest.mark.slow
def test_a_path_stands_for_all_below_it_and_the_nearest_counts(data):
    constraints = {"probe": (pg.constraints.Real(), pg.constraints.Positive()), "object": ALL["magnitude"]}
    result = fitted(data, constraints | {"object.transmission": ALL["phase"]}, epochs=2)
    assert (result.probe.imag == 0).all()
    assert (result.probe.real >= 0).all()
    np.testing.assert_allclose(np.abs(result.object), 1, atol=1e-6)


@pytest.mark.slow
def test_a_true_support_gives_a_better_object():
    truth, data = isolated()
    known = np.asarray(truth.object.transmission)
    model = pg.far_field(data)
    errors = {}
    for name, constraints in (("with", {"object": ALL["support"]}), ("without", {})):
        result = fitted(data, constraints, epochs=40, model=model)
        errors[name] = pg.nrmse(
            result.object[SUPPORT.any(1)][:, SUPPORT.any(0)], known[SUPPORT.any(1)][:, SUPPORT.any(0)]
        )
    assert errors["with"] < 0.8 * errors["without"]


@pytest.mark.slow
@pytest.mark.parametrize("solver", ["nesterov", "rPIE"])
def test_a_constraint_that_the_truth_fulfils_does_not_move_it(solver):
    """From the truth, without noise: as far as without the constraint, which is rounding."""
    truth, data = isolated(1e5)
    expected = np.stack([np.asarray(problems.pattern(truth, k)) for k in range(data.count)])
    data = pg.make_dataset(expected, data.positions, probe=np.asarray(truth.probe.modes))
    result = fitted(data, {"object": (ALL["support"], ALL["magnitude"])}, solver, epochs=5, model=truth)
    np.testing.assert_allclose(result.object, np.asarray(truth.object.transmission), atol=2e-5)
    np.testing.assert_allclose(result.probe, np.asarray(truth.probe.modes), atol=2e-4 * np.abs(result.probe).max())


def test_velocity_follows_the_projected_point(data):
    """Where the object is held, it has no velocity: nothing is stored up that breaks out later."""
    result = fitted(data, {"object": ALL["support"]}, epochs=2)
    planes = [array for name, array in result.state.items() if "velocity" in name and "object.transmission" in name]
    assert len(planes) == 2
    for plane in planes:
        assert (plane[~SUPPORT] == 0).all()
        assert np.abs(plane[SUPPORT]).max() > 0


def test_the_scale_stays_free_unless_a_constraint_fixes_it(data):
    leaf = jnp.asarray(problems.complex_array(*problems.OBJECT), jnp.complex64)
    fixed = {name: fixes_scale(Projection("object.transmission", (one,)), leaf) for name, one in ALL.items()}
    assert fixed == {"support": True, "positive": False, "magnitude": True, "phase": True, "real": False}
    zero = pg.constraints.Support(SUPPORT)
    assert not fixes_scale(Projection("object.transmission", (zero,)), leaf)


class Half(pg.constraints.AbstractConstraint):
    def __call__(self, array):
        return array[..., ::2]


class Length(pg.constraints.AbstractConstraint):
    longest: float

    def __call__(self, array):
        return array * jnp.minimum(1, self.longest / jnp.linalg.norm(array)).astype(array.dtype)


@pytest.mark.slow
def test_ones_own_projection_of_the_whole_array(data):
    result = fitted(data, {"object": Length(40.0)}, "adam")
    assert np.linalg.norm(result.object) <= 40.001
    assert Length(40.0)(Planes(*jnp.ones((2, 3)))[0]).shape == (3,)


@pytest.mark.slow
def test_a_model_of_ones_own_takes_them():
    class Line(pg.AbstractModel):
        heights: jax.Array

        def __call__(self, index):
            return jnp.abs(self.heights)

    data = pg.make_dataset(np.full((3, 4, 5), 2, np.uint16), np.zeros((3, 2)))
    result = pg.reconstruct(
        Line(-0.5 * jnp.ones((4, 5))),
        data,
        pg.Optax(optax.sgd(0.05)),
        epochs=4,
        trainable=("heights",),
        constraints={"heights": pg.constraints.Positive()},
    )
    assert (result.arrays["heights"] >= 0).all()


@pytest.mark.parametrize(
    ("constraints", "sentence"),
    [
        ({"objekt": ALL["real"]}, r'Unknown parameter "objekt"; this model\'s parameters are: '),
        (
            {"object": pg.constraints.Support(np.ones((5, 6), bool))},
            r'Support can\'t hold for "object.transmission": a mask of \(5, 6\) does not fit an array of \(53, 47\)',
        ),
        ({"object": Half()}, r'Half on "object.transmission" gives complex64 \(53, 24\) for complex64 \(53, 47\)'),
    ],
)
def test_what_does_not_fit_is_said_before_the_run(constraints, sentence, data):
    with pytest.raises(pg.InputError, match=sentence):
        fitted(data, constraints)


@pytest.mark.parametrize(
    ("constraints", "sentence"),
    [
        ({"object": pg.constraints.Real}, r"Real is no constraint"),
        ([ALL["real"]], r"constraints=list; expected a table by parameter path"),
    ],
)
def test_a_stage_takes_a_table_of_constraints(constraints, sentence, data):
    stage = pg.Stage(2, constraints=constraints)
    with pytest.raises(pg.InputError, match=sentence):
        pg.perform(pg.Run(problems.start_model(data), data, pg.Nesterov(), (stage,), BATCH))


@pytest.mark.slow
def test_a_run_goes_on_with_the_same_constraints_alone(data, tmp_path):
    model = problems.start_model(data)
    stages = (pg.Stage(4, constraints={"object": ALL["support"]}), pg.Stage(2, constraints={"object": ALL["phase"]}))
    run = pg.Run(model, data, pg.Nesterov(), stages, BATCH)
    whole = pg.perform(run)

    def stop(progress):
        if progress.epoch == 2:
            raise KeyboardInterrupt

    part = pg.perform(run, on_epoch=stop)
    part.save(tmp_path / "part.h5")
    loaded = pg.load(tmp_path / "part.h5")
    on = pg.perform(run, resume=loaded)
    assert np.array_equal(on.object, whole.object)
    assert on.history.loss == whole.history.loss
    other = stages[0]._replace(constraints={"object": pg.constraints.Support(~SUPPORT, outside=1)})
    with pytest.raises(pg.InputError, match=r"stands within a stage with other constraints \(object: Support"):
        pg.perform(run._replace(stages=(other, stages[1])), resume=loaded)
    assert run.summary != run._replace(stages=(other, stages[1])).summary


@pytest.mark.slow
def test_several_devices_and_batches_of_one_agree(data):
    one, several = (fitted(data, {"object": ALL["support"]}, devices=devices) for devices in (None, jax.devices()[:2]))
    np.testing.assert_allclose(one.history.loss, several.history.loss, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "options"),
    [
        ('Positive on "probe" has no effect', {"constraints": {"probe": pg.constraints.Positive()}}),
        ('Real on "probe.modes" has no', {"constraints": {"probe.modes": (pg.constraints.Real(),), "object": ()}}),
        ('Tikhonov on "probe.modes" has no effect', {"priors": pg.priors.Tikhonov(0.1, "probe.modes")}),
    ],
)
def test_what_is_asked_of_a_parameter_that_is_held_is_told(data, what, options):
    with pytest.warns(UserWarning, match=f"{what}.*refined are: object") as seen:
        pg.reconstruct(pg.far_field(data), data, pg.Nesterov(), epochs=1, batch_size=28, trainable="object", **options)
    assert sum("has no effect" in str(one.message) for one in seen) == 1


@pytest.mark.slow
def test_what_is_asked_of_a_parameter_that_is_refined_is_not_told(data):
    asked = {"constraints": {"probe": pg.constraints.Real()}, "priors": pg.priors.Tikhonov(0.1)}
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "has no effect")
        pg.reconstruct(pg.far_field(data), data, pg.Nesterov(), epochs=1, batch_size=28, **asked)
