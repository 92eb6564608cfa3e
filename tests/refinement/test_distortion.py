"""Slow distortions of all positions, which the object has followed."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.ndimage import map_coordinates

import problems
import ptychograd as pg
from ptychograd.refinement.positions.distortion import Polynomials, strains

PHOTONS, REACH = 1e7, 4
STRAIN = np.array([[0.03, -0.01], [0.02, -0.025]])


def no_fit(model, epochs, hold=()):
    raise AssertionError("nothing is fitted")


@pytest.fixture(scope="module")
def bent():
    """A model with the true probe, whose positions and whose object are distorted alike; and the moves of positions."""
    data = problems.measurement(photons=PHOTONS, dtype=np.uint32)
    model = pg.models.with_refinable_positions(pg.far_field(data, object=lambda shape: problems.object_wave()), REACH)
    probe = jnp.asarray(problems.probe_wave(PHOTONS)[None], jnp.complex64)
    power = np.abs(problems.probe_wave(PHOTONS)) ** 2
    middle = (
        np.array([power.sum(1) @ np.arange(power.shape[0]), power.sum(0) @ np.arange(power.shape[1])]) / power.sum()
    )
    places = np.asarray(model.scan.corners()) + middle
    centre = places.mean(axis=0)
    moves = (places - centre) @ STRAIN.T
    object = np.pad(problems.object_wave(), REACH, mode="edge")
    points = np.moveaxis(np.indices(object.shape), 0, -1) - centre
    before = (points @ np.linalg.inv(np.eye(2) + STRAIN).T + centre).transpose(2, 0, 1)
    stretched = map_coordinates(object, before, order=5, mode="nearest")
    changes = jnp.asarray(stretched, jnp.complex64), probe, jnp.asarray(moves, jnp.float32)
    parts = lambda model: (model.object.transmission, model.probe.modes, model.scan.offset)  # noqa: E731
    return eqx.tree_at(parts, model, changes), data, moves, places


@pytest.mark.slow
def test_a_distortion_goes_out_of_positions_and_object(bent):
    model, data, moves, _ = bent
    begin = pg.refinement.held_out_misfits(model, data).r_factor
    for _ in range(3):
        model, text, held = pg.refinement.DistortionCorrection(data)(model, model, no_fit)
    left = np.asarray(model.scan.offset)
    assert np.sqrt(np.mean((left - left.mean(axis=0)) ** 2)) < 0.1 * np.sqrt(np.mean(moves**2))
    assert pg.refinement.held_out_misfits(model, data).r_factor < begin
    assert text.startswith("a slow distortion of 0.0")
    assert held == ()


def test_every_pattern_tells_the_strain_of_the_object_in_its_probe(bent):
    """The normal equations of all together, solved for one strain, against the one that was put in."""
    model, data, _, places = bent
    found = strains(model, data, places)
    step = np.linalg.solve(found.curvature.sum(axis=0), found.slope.sum(axis=0)).reshape(2, 2)
    np.testing.assert_allclose(step, -STRAIN, atol=0.3 * np.abs(STRAIN).max())
    np.testing.assert_allclose(found.curvature, found.curvature.transpose(0, 2, 1), rtol=1e-4)


def test_polynomials_have_the_slopes_of_their_values():
    basis = Polynomials(4, np.array([3.0, -2.0]), np.array([7.0, 11.0]))
    points, step = np.array([[1.0, 4.0], [-2.5, -9.0], [3.0, -2.0]]), 1e-5
    assert basis(points).shape == (3, 14)
    for axis in (0, 1):
        aside = step * np.eye(2)[axis]
        numeric = (basis(points + aside) - basis(points - aside)) / (2 * step)
        np.testing.assert_allclose(basis.slopes(points)[..., axis], numeric, atol=1e-8)


def test_a_distortion_needs_positions_that_can_be_refined(bent):
    model, data, _, _ = bent
    with pytest.raises(pg.InputError, match="can't be refined"):
        pg.refinement.DistortionCorrection(data).check(pg.far_field(data))
    with pytest.raises(pg.InputError, match="degree 0 at most; expected 1 or more"):
        pg.refinement.DistortionCorrection(data, 0).check(model)


@pytest.mark.slow
def test_patterns_are_worked_on_a_few_at_once_on_an_accelerator(bent, monkeypatch):
    """The same numbers from the branch that no CPU takes, with more patterns than are taken at once."""
    import jax

    from ptychograd.fitting import epoch as _epoch

    model, data, _, places = bent
    one_by_one = strains(model, data, places)
    some = data.only(np.arange(data.count) > 2)  # another number of rows, so that it is compiled anew
    monkeypatch.setattr(jax, "default_backend", lambda: "cuda")
    monkeypatch.setattr(_epoch.compiled, "ROWS_AT_ONCE", 8)
    together = strains(model, some, places)
    np.testing.assert_array_equal(together.place, one_by_one.place[3:])
    np.testing.assert_allclose(together.slope, one_by_one.slope[3:], rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(together.curvature, one_by_one.curvature[3:], rtol=1e-3, atol=1e-2)
