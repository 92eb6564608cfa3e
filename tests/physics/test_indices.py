"""Numbers of patterns that do not exist: refused where they are known, NaN in compiled code, never another pattern."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

import bragg_problems
import problems
import ptychograd as pg

DATA = problems.measurement(truth=None)
PLAIN = problems.start_model(DATA)
LAST = DATA.count - 1


def shifted(model):
    """Positions between pixels."""
    return eqx.tree_at(lambda model: model.scan, model, pg.physics.make_scan(problems.positions() + 0.3))


class OwnScan(pg.physics.AbstractScan):
    """A scan of somebody's own, that looks no further than JAX does."""

    corner: Array

    def __call__(self, index):
        return self.corner[index], None


MODELS = {
    "whole pixels": PLAIN,
    "between pixels": shifted(PLAIN),
    "refinable": pg.models.with_refinable_positions(PLAIN, 3),
    "varying probe": pg.models.with_varying_intensity(pg.models.with_varying_probe(PLAIN, 2)),
    "slices": pg.models.with_background(pg.models.with_object_modes(PLAIN, 2), 1.0),
    "own scan": eqx.tree_at(lambda model: model.scan, PLAIN, OwnScan(PLAIN.scan.corner)),
}
WRONG = (LAST + 1, 1000, -1, -DATA.count)


@pytest.fixture(params=MODELS)
def model(request):
    return MODELS[request.param]


@pytest.mark.parametrize("index", [*WRONG, np.int64(1000), jnp.asarray(-1)], ids=str)
def test_a_number_without_a_pattern_is_refused(model, index):
    """Wherever the model is asked, with numbers of Python, NumPy and JAX."""
    wave = jnp.zeros((1, *problems.FRAME), jnp.complex64)

    def together(index):
        return model.together(pg.physics.Group(jnp.asarray(index)))

    for ask in (model, model.exit_wave, model.windows, together, lambda index: model.detect(wave, index)):
        with pytest.raises(pg.InputError, match=f"no number {int(index)} among 56 .* 0 to 55"):
            ask(index)


@pytest.mark.parametrize("index", [1.5, True, np.arange(3), np.float32(2)], ids=str)
def test_what_is_no_whole_number_is_refused(index):
    with pytest.raises(pg.InputError, match="has to be one whole number"):
        PLAIN(index)


class Own(pg.AbstractModel):
    """A model of one's own that indexes as JAX does."""

    waves: Array

    def __call__(self, index):
        return jnp.abs(self.waves[index]) ** 2


def test_a_group_is_not_taken_for_the_number_of_a_pattern():
    """In no call of a model of the package, compiled or not; one's own code stops at it too."""
    group, crystal = pg.physics.Group(jnp.asarray(3)), pg.bragg(bragg_problems.measurement())
    for ask in (PLAIN, PLAIN.exit_wave, PLAIN.windows, crystal, crystal.windows, jax.jit(lambda one: PLAIN(one))):
        with pytest.raises(pg.InputError, match=r"A Group is not the number of a pattern; call model\.together"):
            ask(group)
    with pytest.raises(pg.InputError, match="A Group is not the number of a pattern"):
        pg.core.row(jnp.zeros((5, 2)), group)
    own = Own(jnp.ones((5, 4, 6)))
    with pytest.raises(Exception, match="Group"):
        own(group)
    assert own.together(group).shape == (4, 6)


@pytest.mark.variants
def test_numbers_of_python_name_the_same_patterns_as_arrays(model):
    """The first and the last too."""
    for index in (0, LAST):
        np.testing.assert_array_equal(model(index), model(jnp.asarray(index)))
        assert np.isfinite(model(index)).all()


@pytest.mark.variants
def test_in_compiled_code_what_does_not_exist_is_nan(model):
    """And nothing else is."""
    photons = eqx.filter_jit(lambda index: jax.vmap(model)(index))(jnp.asarray([0, LAST, *WRONG]))
    assert np.isfinite(photons[:2]).all()
    assert np.isnan(photons[2:]).all()


def test_crystals_count_patterns_and_positions():
    """30 patterns at 6 positions: calls and waves take the number of a pattern, and a group is a position."""
    data = bragg_problems.measurement()
    model = pg.bragg(data)
    group, positions = model.group, data.count // model.group

    def together(number):
        return model.together(pg.physics.Group(number))

    for ask, count in ((model, data.count), (model.exit_wave, data.count), (together, positions)):
        for index in (count, -1):
            with pytest.raises(pg.InputError, match=f"no number {index} among {count}"):
                ask(jnp.asarray(index))
    of_one = jax.jit(jax.vmap(model))(jnp.asarray([0, data.count - 1, data.count, -1]))
    of_all = jax.jit(jax.vmap(together))(jnp.asarray([positions - 1, positions, -1]))
    assert group > 1
    assert np.isnan(of_one).any(axis=(1, 2)).tolist() == [False, False, True, True]
    assert np.isnan(of_all).any(axis=(1, 2, 3)).tolist() == [False, True, True]


def test_a_row_is_one_of_the_array_or_none():
    """Of a model of one's own: real numbers, whole ones, and the row of a pattern alone, whatever its number."""
    rows = jnp.arange(8.0).reshape(4, 2)
    np.testing.assert_array_equal(pg.core.row(rows, 3), [6, 7])
    for array in (rows, rows.astype(int)):
        for index in (4, -1):
            with pytest.raises(pg.InputError, match="0 to 3"):
                pg.core.row(array, index)
    assert np.isnan(jax.jit(pg.core.row)(rows, jnp.asarray(4))).all()
    np.testing.assert_array_equal(jax.jit(pg.core.row)(rows, jnp.asarray(1)), [2, 3])
    np.testing.assert_array_equal(pg.core.row(rows[2:3], 70), [4, 5])


@pytest.mark.parametrize("count", [0, -1, DATA.count + 1, 1000])
def test_only_patterns_that_exist_are_simulated(count):
    with pytest.raises(pg.InputError, match="expected 1 to 56"):
        pg.simulate(PLAIN, count)


class Unnumbered(pg.AbstractModel):
    """A model of one's own whose rows tell nobody how many patterns there are."""

    brightness: Array

    def __call__(self, index):
        return jnp.broadcast_to(pg.core.row(self.brightness, index), (3, 4))


@pytest.mark.slow
def test_patterns_that_a_model_of_ones_own_does_not_have_are_not_simulated():
    """They are NaN, which no noise model would show."""
    model = Unnumbered(jnp.ones((5, 1)))
    assert pg.simulate(model, 5, noise=pg.Amplitude()).shape == (5, 3, 4)
    with pytest.raises(pg.InputError, match="NaN or infinity in patterns 0 to 5"):
        pg.simulate(model, 6, noise=pg.Amplitude())


@pytest.mark.parametrize("part", [slice(0, 50), slice(0, 1)])
def test_a_model_is_not_compared_with_other_data(part):
    """A part of its scan begins with other positions, or has other numbers; nothing of it is told of the whole."""
    other = pg.data.subset(DATA, np.arange(DATA.count)[part])
    for ask in (pg.quality.residuals, pg.refinement.held_out_misfits, pg.r_factor):
        for model, data in ((PLAIN, other), (problems.start_model(other), DATA)):
            with pytest.raises(pg.InputError, match="make the model from this dataset"):
                ask(model, data)


@pytest.mark.parametrize("positions", [[[0, np.nan]], [[np.inf, 0]]])
def test_a_scan_without_a_place_is_refused(positions):
    with pytest.raises(pg.InputError, match="not finite"):
        pg.physics.make_scan(np.array(positions))
