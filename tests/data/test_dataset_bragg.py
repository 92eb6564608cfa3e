"""Rocking curves in a data set: whole, each at one position, taken out and kept aside as wholes."""

from dataclasses import replace

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import bragg_problems
import ptychograd as pg

ANGLES = len(bragg_problems.ROCKING)


@pytest.fixture(scope="module")
def data():
    return bragg_problems.measurement()


def numbers(positions):
    """Of all patterns at these positions."""
    return (np.asarray(positions)[:, None] * ANGLES + np.arange(ANGLES)).ravel()


# Groups ---------------------------------------------------------------------------------------------------


def test_a_group_is_a_rocking_curve(data):
    assert data.group == 5
    assert data.count == 5 * len(bragg_problems.CORNERS) == bragg_problems.COUNT
    assert replace(data, geometry=None, support=None).group == 1


@pytest.mark.parametrize("count", [1, 7, 99])
def test_rocking_curves_that_are_not_whole_are_refused(data, count):
    with pytest.raises(pg.InputError, match=f"{count} patterns and 5 angles, so some rocking curves are not whole"):
        replace(data, patterns=data.patterns[:count], positions=data.positions[:count])


def test_angles_at_different_positions_are_refused(data):
    """By name: the first of them, and how far apart."""
    positions = data.positions.copy()
    positions[38, 1] += 2e-9
    with pytest.raises(pg.InputError, match=r"5 patterns of rocking curve 7 .* up to 2e-09 m apart"):
        replace(data, positions=positions)


def test_positions_before_angles_are_refused(data):
    """All positions at one angle, then at the next, is another order than this one."""
    order = np.arange(data.count).reshape(-1, ANGLES).T.ravel()
    with pytest.raises(pg.InputError, match="one position, its angles one after another"):
        replace(data, positions=data.positions[order])


def test_a_support_has_as_many_axes_as_the_object(data):
    with pytest.raises(pg.InputError, match=r"\(26, 21\); expected 3 axes for this geometry, BraggGeometry"):
        replace(data, support=data.support[3])
    for geometry in (None, pg.Geometry(1.5e-10, 0.4, (55e-6, 66e-6))):
        with pytest.raises(pg.InputError, match="expected 2 axes"):
            replace(data, geometry=geometry)


def test_a_fingerprint_knows_every_angle(data):
    turned = replace(data.geometry, rocking=(*bragg_problems.ROCKING[:-1], 0.00071))
    tilted = replace(data.geometry, two_theta=0.91)
    prints = {replace(data, geometry=geometry).fingerprint for geometry in (data.geometry, turned, tilted)}
    assert len(prints) == 3


# Subsets --------------------------------------------------------------------------------------------------


def test_a_subset_takes_whole_rocking_curves_in_any_order(data):
    chosen = numbers([7, 2, 19])
    part = pg.data.subset(data, chosen)
    np.testing.assert_array_equal(part.patterns, data.patterns[chosen])
    np.testing.assert_array_equal(part.positions, data.positions[chosen])
    flags = np.zeros(data.count, bool)
    flags[numbers([2, 7])] = True
    np.testing.assert_array_equal(pg.data.subset(data, flags).patterns, data.patterns[numbers([2, 7])])


@pytest.mark.parametrize(
    "chosen",
    [[0], [0, 1, 2, 3], [1, 0, 2, 3, 4], [3, 4, 5, 6, 7], [0, 1, 2, 3, 9], [0, 0, 1, 1, 2]],
    ids=["one", "four", "turned round", "across two", "mixed", "twice"],
)
def test_a_subset_that_breaks_a_rocking_curve_is_refused(data, chosen):
    with pytest.raises(pg.InputError, match="rocking curve"):
        pg.data.subset(data, chosen)


@pytest.mark.slow
def test_a_subset_makes_the_patterns_that_it_holds(data):
    """Its model expects of each position what that of all the data does, wherever the last window ends."""
    retained = [position for position in range(len(bragg_problems.CORNERS)) if bragg_problems.CORNERS[position, 0] < 9]
    part = pg.data.subset(data, numbers(retained))
    whole, less = (pg.bragg(one, object=lambda shape: bragg_problems.density()[:, : shape[1]]) for one in (data, part))
    expected, found = (eqx.filter_jit(model.together)(pg.physics.Group(jnp.asarray(5))) for model in (whole, less))
    np.testing.assert_allclose(found / found.sum(), expected / expected.sum(), atol=1e-4)


# Held out -------------------------------------------------------------------------------------------------


def test_whole_rocking_curves_are_held_out(data):
    fitted, held = pg.hold_out(data, 0.2, seed=3)
    curves = held.mask.any(axis=(1, 2)).reshape(-1, ANGLES)
    np.testing.assert_array_equal(curves.any(axis=1), curves.all(axis=1))
    assert curves.all(axis=1).sum() == round(0.2 * 20) == 4
    np.testing.assert_array_equal(fitted.mask.any(axis=(1, 2)), ~held.mask.any(axis=(1, 2)))
    assert held.source == "memory, 20 held-out patterns"
    assert fitted.total + held.total == data.total


def test_a_share_of_less_than_a_rocking_curve_is_refused(data):
    with pytest.raises(pg.InputError, match=r"share of 0.02 of 20 rocking curves can't be held out"):
        pg.hold_out(data, 0.02)


@pytest.mark.slow
def test_the_r_factor_of_rocking_curves_is_that_of_numpy(data):
    """Over the pixels that are valid, of fitted and of held-out curves."""
    model = pg.bragg(data)
    curve = eqx.filter_jit(model.together)
    expected = np.concatenate([curve(pg.physics.Group(jnp.asarray(j))) for j in range(20)]).astype(float)
    residual = (np.sqrt(expected) - np.sqrt(data.patterns.astype(float))) ** 2
    for part in pg.hold_out(data, 0.1, seed=2):
        valid = np.broadcast_to(part.mask, residual.shape)
        r_factor = np.sqrt(residual[valid].sum() / data.patterns[valid].sum())
        assert pg.r_factor(model, part) == pytest.approx(r_factor, rel=1e-5)
