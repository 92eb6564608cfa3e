"""Positions of a model of one's own, whose corrections are in a field of another name: searched, judged, compared."""

import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import problems
import ptychograd as pg
from ptychograd.core.fourier import fft2, translate
from ptychograd.data.dataset import GroundTruth
from ptychograd.physics.roles import correcting

PHOTONS, MARGIN = 1e7, 4


def seen(image, beam, corner, rest):
    """The far field of the window at `corner` under the beam, which is moved by the rest of a position."""
    patch = pg.extract_window(image, corner, beam.shape)
    return jnp.abs(jnp.fft.fftshift(fft2(translate(beam[None], rest)[0] * patch))) ** 2


class Shaken(pg.AbstractModel):
    """A far field whose windows are moved by `moves` pixels; a flat tree of other names than the package's."""

    leaf: jax.Array  # the image
    beam: jax.Array
    moves: jax.Array  # (index, 2), pixels
    nominal: np.ndarray

    def __call__(self, index):
        moved = pg.core.row(self.moves, index)
        whole = jnp.round(jax.lax.stop_gradient(moved))
        corner = jnp.asarray(self.nominal)[index] + MARGIN + whole.astype(int)
        return seen(self.leaf, self.beam, corner, moved - whole)

    def roles(self):
        corner = self.nominal + MARGIN + np.round(np.asarray(self.moves)).astype(int)
        places = pg.physics.Positions(
            corner, self.moves, MARGIN, nominal=self.nominal + float(MARGIN), offset=self.moves
        )
        return pg.Roles(
            pg.Image(self.leaf, gauge=("scale", "phase", "ramp")), pg.physics.Illumination(self.beam), places
        )

    @property
    def per_pattern(self):
        return {"moves": 2}

    @property
    def steps(self):
        return {"moves": 0.2}


def whole_object():
    return np.pad(problems.object_wave(), MARGIN, mode="edge")


@pytest.fixture(scope="module")
def moved():
    """The true model, of which four patterns are not where the scan says, and its data with their truth."""
    corner = problems.positions().astype(int)
    wrong = np.zeros(corner.shape, np.float32)
    wrong[[3, 17, 30, 41]] = [[2.3, -1.4], [-1.0, 2.6], [0.4, 2.0], [-2.2, 0.3]]
    arrays = (jnp.asarray(a, jnp.complex64) for a in (whole_object(), problems.probe_wave(PHOTONS)))
    true = Shaken(*arrays, jnp.asarray(wrong), corner)
    patterns = pg.simulate(true, len(corner), seed=1)
    truth = GroundTruth(whole_object(), problems.probe_wave(PHOTONS)[None], {"moves": wrong})
    return true, pg.make_dataset(patterns, corner, truth=truth), wrong


def start(true):
    return eqx.tree_at(lambda model: model.moves, true, jnp.zeros_like(true.moves))


def no_fit(model, epochs, hold=()):
    raise AssertionError("nothing is fitted")


@pytest.mark.slow
def test_positions_are_searched_wherever_the_model_holds_them(moved):
    true, data, wrong = moved
    found = pg.refinement.PositionSearch(data)(start(true), start(true), no_fit).model
    assert np.abs(np.asarray(found.moves) - wrong).max() < 0.03  # what so many photons leave open
    np.testing.assert_array_equal(found.leaf, true.leaf)


@pytest.mark.slow
def test_they_are_searched_as_those_of_the_package(moved):
    """The same physics in the package's own model moves the same patterns to the same places."""
    true, data, _ = moved
    own = pg.refinement.PositionSearch(data)(start(true), start(true), no_fit).model
    model = pg.models.with_refinable_positions(pg.far_field(data), MARGIN)
    arrays = true.leaf, true.beam[None]
    model = eqx.tree_at(lambda model: (model.object.transmission, model.probe.modes), model, arrays)
    ours = pg.refinement.PositionSearch(data)(model, model, no_fit).model
    np.testing.assert_allclose(own.moves, ours.scan.offset, atol=2e-3)


def test_stages_know_what_is_refined_of_it(moved):
    true, data, _ = moved
    fitted, held = pg.hold_out(data, 0.2)
    names = ("leaf", "beam", "moves")
    made = pg.runs.with_position_search((pg.Stage(5), pg.Stage(40, names)), fitted, true)
    made = pg.runs.with_position_validation(made, held, true)
    assert [stage.epochs for stage in made] == [5, 6, 6, 6, 6, 16]
    assert [stage.named[2:] for stage in made] == [(), ("moves",), (), (), (), ("moves",)]
    assert isinstance(made[-1].first[-1], pg.refinement.PositionValidation)
    other = (pg.Stage(40, ("leaf", "beam")),)
    assert pg.runs.with_position_search(other, fitted, true) == other


@pytest.fixture(scope="module")
def shaken():
    """Data of which no pattern is where the scan says; the true model; which patterns are held out."""
    corner = problems.positions().astype(int)
    wrong = np.random.default_rng(6).normal(size=corner.shape).clip(-2, 2).astype(np.float32)
    arrays = (jnp.asarray(a, jnp.complex64) for a in (whole_object(), problems.probe_wave(PHOTONS)))
    true = Shaken(*arrays, jnp.asarray(wrong), corner)
    return true, pg.hold_out(pg.make_dataset(pg.simulate(true, len(corner), seed=4), corner), 0.2)


def as_they_are(model, epochs, hold=()):
    """The result of no epoch."""
    blank = pg.make_dataset(np.ones((len(model.nominal), *problems.FRAME)), model.nominal)
    return pg.reconstruct(model, blank, pg.adam(1.0), epochs=0)


@pytest.mark.slow
def test_held_out_patterns_put_back_positions_that_harm(shaken):
    true, (_, held) = shaken
    harmed = eqx.tree_at(lambda model: model.moves, true, true.moves[::-1])
    found = pg.refinement.PositionValidation(held)(harmed, true, as_they_are)
    assert found.summary.startswith("positions put back")
    assert found.hold == ("moves",)
    np.testing.assert_array_equal(found.model.moves, true.moves)


@pytest.mark.slow
def test_held_out_patterns_fit_worse_after_a_fit_with_wrong_positions(shaken):
    """Both images begin flat and are fitted anew; the held-out patterns find their own places in each.

    The limit is from other draws than this one, of this image, of its mirrored conjugate and of a smooth random phase,
    with seeds 11 to 13 for positions and 31 to 33 for photons: there R fell to 0.18 to 0.60 of the other. After 15
    epochs, before the images have formed, it was 0.43 to 1.02.
    """
    true, (fitted, held) = shaken
    flat = eqx.tree_at(lambda model: model.leaf, true, jnp.ones_like(true.leaf))

    def refit(model, epochs, hold=()):
        solver = pg.adam({"leaf": 0.03})
        return pg.reconstruct(model, fitted, solver, trainable=("leaf",), epochs=epochs, batch_size=15)

    found = pg.refinement.PositionValidation(held, epochs=45)(flat, start(flat), refit)
    figures = re.fullmatch(
        r"refined positions kept: R .* (0\.\d+) with refined positions, (0\.\d+) without", found.summary
    )
    right, wrong = map(float, figures.groups())
    assert right < 0.75 * wrong
    assert found.hold == ()
    np.testing.assert_array_equal(found.model.moves[fitted.photons > 0], true.moves[fitted.photons > 0])


@pytest.mark.slow
def test_figures_and_files_know_them_without_the_class(moved, tmp_path):
    true, data, wrong = moved
    stages = (pg.Stage(0, ("moves",), first=(pg.refinement.PositionSearch(data),)),)
    result = pg.perform(pg.Run(start(true), data, pg.Nesterov(), stages, 8))
    assert np.abs(result.corrections - wrong).max() < 0.03
    result.save(tmp_path / "r.h5")
    loaded = pg.load(tmp_path / "r.h5")
    assert correcting(loaded.record) == {"offset": "moves"}
    np.testing.assert_allclose(loaded.positions_refined, data.positions + result.corrections, atol=1e-6)
    figures = pg.quality.compare_with_truth(loaded, data)
    error = result.corrections - wrong
    expected = np.sqrt(np.mean((error - error.mean(axis=0)) ** 2))
    assert figures["scan.position error"] == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert not any("moves" in name for name in figures)
    assert figures["object_nrmse"] < 1e-3  # with the margins of both taken off


def test_a_model_that_names_no_offset_is_refused_with_both_ways_out(moved):
    true, data, _ = moved

    class Still(Shaken):
        def roles(self):
            return pg.Roles(positions=pg.physics.Positions(self.nominal))

    still = Still(true.leaf, true.beam, true.moves, true.nominal)
    with pytest.raises(pg.InputError, match=r"can't be refined; make it one by `with_refinable_positions`, or name"):
        pg.refinement.PositionSearch(data).check(still)


def test_an_offset_of_another_shape_than_the_scan_is_refused(moved):
    true, data, _ = moved

    class Lame(Shaken):
        def roles(self):
            return pg.Roles(positions=pg.physics.Positions(self.nominal, offset=self.moves[:3]))

    lame = Lame(true.leaf, true.beam, true.moves, true.nominal)
    with pytest.raises(pg.InputError, match=r"offset of its positions has the shape \(3, 2\), and the corner"):
        pg.reconstruct(lame, data, pg.adam(1.0), epochs=1, trainable=("leaf",))


class Staged(pg.AbstractModel):
    """The package's own scan, in a field of another name."""

    leaf: jax.Array
    beam: jax.Array
    stage: pg.physics.RefinableScan

    def __call__(self, index):
        corner, rest = self.stage.place(index)
        return seen(self.leaf, self.beam, corner, rest)

    def roles(self):
        return pg.Roles(pg.Image(self.leaf), pg.physics.Illumination(self.beam), self.stage.places())


@pytest.mark.slow
def test_a_refinable_scan_may_stand_in_any_field(moved):
    true, data, wrong = moved
    scan = pg.models.with_refinable_positions(pg.far_field(data), MARGIN).scan
    model = Staged(true.leaf, true.beam, scan)
    found = pg.refinement.PositionSearch(data)(model, model, no_fit).model
    assert np.abs(np.asarray(found.stage.offset) - wrong).max() < 0.03
    result = pg.reconstruct(found, data, pg.adam(1e-3), epochs=1, trainable=("stage.offset",), batch_size=25)
    assert correcting(result.record) == {name: f"stage.{name}" for name in ("offset", "affine", "drift")}


def test_a_distortion_goes_out_of_positions_and_image(moved):
    """Both stretched alike, as the package's own are in test_distortion: three corrections leave a tenth."""
    true, data, _ = moved
    right = start(true)
    data = pg.make_dataset(pg.simulate(right, data.count, seed=3), data.positions)
    from scipy.ndimage import map_coordinates

    strain = np.array([[0.03, -0.01], [0.02, -0.025]])
    power = np.abs(problems.probe_wave(PHOTONS)) ** 2
    middle = np.array([axis @ np.arange(len(axis)) for axis in (power.sum(1), power.sum(0))]) / power.sum()
    places = true.nominal + MARGIN + middle
    centre = places.mean(axis=0)
    moves = (places - centre) @ strain.T
    points = np.moveaxis(np.indices(true.leaf.shape), 0, -1) - centre
    before = (points @ np.linalg.inv(np.eye(2) + strain).T + centre).transpose(2, 0, 1)
    bent = map_coordinates(whole_object(), before, order=5, mode="nearest")
    changes = jnp.asarray(bent, jnp.complex64), jnp.asarray(moves, jnp.float32)
    model = eqx.tree_at(lambda model: (model.leaf, model.moves), true, changes)
    for _ in range(3):
        model, text, _ = pg.refinement.DistortionCorrection(data)(model, model, no_fit)
    left = np.asarray(model.moves)
    assert np.sqrt(np.mean((left - left.mean(axis=0)) ** 2)) < 0.1 * np.sqrt(np.mean(moves**2))
    assert text.startswith("a slow distortion of 0.0")


class Behind(Shaken):
    """With a pupil that is a probe of the package, behind the lens: it changes nothing here, and is no illumination."""

    pupil: pg.physics.Probe


class Pupil(pg.AbstractModel):
    """Fourier ptychography of an image: what is named as illumination is a pupil, a probe of the package."""

    image: jax.Array
    pupil: pg.physics.Probe
    moves: jax.Array
    nominal: np.ndarray

    def __call__(self, index):
        moved = pg.core.row(self.moves, index)
        corner = jnp.asarray(self.nominal)[index] + jnp.round(jax.lax.stop_gradient(moved)).astype(int)
        spectrum = jnp.fft.fftshift(fft2(self.image[None])[0])
        return jnp.abs(jnp.fft.ifft2(self.pupil(index)[0] * pg.extract_window(spectrum, corner, (20, 18)))) ** 2

    def roles(self):
        places = pg.physics.Positions(self.nominal, self.moves, 4, offset=self.moves)
        pupil = pg.physics.Illumination(self.pupil.modes, ("ky", "kx"), unit="")
        return pg.Roles(pg.Image(self.image), pupil, places)


def test_the_role_tells_the_illumination_and_not_the_kind_of_a_part(moved):
    """A probe of the package that stands behind the lens is not taken for the beam; the same is found without it."""
    true, data, _ = moved
    pupil = pg.physics.Probe(jnp.ones((1, 5, 5), jnp.complex64))
    behind = Behind(true.leaf, true.beam, true.moves, true.nominal, pupil)
    correction = pg.refinement.DistortionCorrection(data, highest=1)
    found, without = (correction(model, model, no_fit) for model in (behind, true))
    np.testing.assert_array_equal(found.model.moves, without.model.moves)
    assert found.summary == without.summary


def test_a_pupil_that_is_a_probe_is_not_taken_for_the_beam():
    corner = problems.positions().astype(int)
    pupil = pg.physics.Probe(jnp.ones((1, 20, 18), jnp.complex64))
    model = Pupil(
        jnp.asarray(problems.object_wave(), jnp.complex64), pupil, jnp.zeros(corner.shape, jnp.float32), corner
    )
    data = pg.make_dataset(np.ones((len(corner), 20, 18)), corner)
    found = pg.refinement.DistortionCorrection(data)(model, model, no_fit)
    assert found.model is model
    assert found.summary == "positions of a Pupil are not looked at for distortions"
    with pytest.raises(pg.InputError, match=r"Positions of a Pupil can't be placed; .* an illumination on the image's"):
        pg.refinement.PositionPlacement(data).check(model)
    with pytest.raises(pg.InputError, match="A Pupil has no holograms"):
        pg.refinement.hologram_mosaic(model, data)
