"""A model of one's own is fitted, saved, gone on from, drawn, exported and compared by what its roles name alone."""

import inspect

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ptychograd as pg
from own_models import PIXEL, SHAPE, Hologram, hologram_start, holograms


@pytest.fixture(scope="module")
def data():
    return holograms()


@pytest.fixture(scope="module")
def start():
    return hologram_start()


@pytest.fixture(scope="module")
def result(start, data):
    return pg.reconstruct(start, data, pg.adam(1.0), epochs=1000, batch_size=4)


def test_it_is_fitted_without_a_path_and_comes_near_the_truth(result, data):
    figures = pg.quality.compare_with_truth(result, data)
    assert set(figures) == {"object_nrmse"}
    assert figures["object_nrmse"] < 0.03
    assert result.settings["trainable"] == ["wave"]


def test_it_is_saved_and_shown_without_its_class(result, start, tmp_path):
    result.save(tmp_path / "r.h5")
    again = pg.load(tmp_path / "r.h5")
    assert again.model is None
    np.testing.assert_array_equal(again.object, result.object)
    assert again.roles.image.sampling == PIXEL
    assert again.roles.image.gauge == ("phase", "scale")
    assert again.roles.illumination is None
    titles = [axis.get_title() for axis in pg.plot.summary(again).get_axes()]
    assert titles[:2] == ["object, amplitude", "object, phase"]
    assert not any("probe" in title for title in titles)
    pg.export(again, tmp_path / "wave.tiff")
    assert eqx.tree_equal(again.onto(start).wave, result.model.wave)


def test_it_goes_on_where_it_ended(result, start, data, tmp_path):
    whole = pg.reconstruct(start, data, pg.adam(2.0), epochs=6, batch_size=2)
    part = pg.reconstruct(start, data, pg.adam(2.0), epochs=3, batch_size=2, planned=6)
    part.save(tmp_path / "part.h5")
    both = pg.reconstruct(start, data, pg.adam(2.0), epochs=3, batch_size=2, resume=pg.load(tmp_path / "part.h5"))
    np.testing.assert_array_equal(both.object, whole.object)


def test_it_has_a_verdict_and_stages_refine_what_it_names(start, data):
    run = pg.Run(start, data, pg.adam(2.0), (pg.Stage(3),), batch_size=2)
    done = pg.perform(run)
    assert done.settings["trainable"] == ["wave"]
    assert "verdict" in done.settings


def test_halves_of_its_data_agree(start, data):
    one, other = (pg.reconstruct(start, data, pg.adam(2.0), epochs=30, batch_size=2, seed=s) for s in (0, 1))
    assert pg.quality.half_agreement(one, other).correlation[1] > 0.99


class Particle(pg.AbstractModel):
    """Coherent diffraction of a particle inside a support."""

    density: jax.Array
    inside: jax.Array

    def __call__(self, index):
        return jnp.abs(jnp.fft.fftshift(jnp.fft.fft2(jnp.where(self.inside, self.density, 0), norm="ortho"))) ** 2

    def roles(self):
        return pg.Roles(image=pg.Image(self.density, support=self.inside))


@pytest.mark.slow
def test_shrink_wrap_is_for_every_image_with_a_support():
    """Of a model that knows neither crystals nor beams; a stage then refines what the smaller support leaves."""
    y, x = np.mgrid[:32, :30]
    solid, box = (y > 11) & (y < 19) & (x > 9) & (x - y < 8), (abs(y - 16) < 11) & (abs(x - 15) < 11)
    truth = Particle(jnp.asarray(np.where(solid, 40.0, 0) + 0j, jnp.complex64), jnp.asarray(box))
    data = pg.make_dataset(pg.simulate(truth, 1, seed=2), np.zeros((1, 2)))
    start = Particle(jnp.asarray(np.where(solid, 30.0, box * 2.0 * np.cos(x)) + 0j, jnp.complex64), truth.inside)
    found = pg.perform(pg.Run(start, data, pg.adam(0.3), (pg.Stage(200, first=(pg.refinement.ShrinkWrap(0.3),)),)))
    support = found.roles.image.support
    assert support[solid].all()
    assert not support[~box].any()
    assert support.sum() < 0.5 * box.sum()
    assert not found.object[~support].any()
    assert found.settings["changes"][0]["change"].startswith("support shrunk to")
    other = Hologram(start.density, start.density[None])
    with pytest.raises(pg.InputError, match="names no image with a support among its arrays"):
        pg.perform(pg.Run(other, data, pg.adam(1.0), (pg.Stage(1, ("wave",), first=(pg.refinement.ShrinkWrap(0.3),)),)))


class Shown(Hologram):
    """The same, whose waves are shown as a stack of one."""

    offset: jax.Array

    def roles(self):
        return pg.Roles(image=pg.Image(self.wave[None], layers="waves"))


class Summed(Shown):
    """The same, whose image is computed of two parameters, and at the start has the numbers of one."""

    def roles(self):
        return pg.Roles(image=pg.Image((self.wave + self.offset)[None], layers="waves"))


def test_an_image_with_other_axes_stands_for_its_parameter(start, data):
    """Of an image that is computed all parameters are refined, also where its numbers happen to be those of one."""
    zero = jnp.zeros(SHAPE, jnp.complex64)
    for kind, refined in ((Shown, ("wave",)), (Summed, ("wave", "kernels", "offset"))):
        assert kind(start.wave, start.kernels, zero).refined == refined
    found = pg.reconstruct(Shown(start.wave, start.kernels, zero), data, pg.adam(1.0), epochs=1, batch_size=4)
    assert found.settings["trainable"] == ["wave"]
    assert found.object.shape == (1, *SHAPE)


class Counted(pg.AbstractModel):
    """A wave that is seen through a lens by a detector that may do more than count."""

    wave: jax.Array
    detector: pg.physics.Detector = pg.physics.Detector()

    def __call__(self, index):
        return self.detector(self.wave[None])


@pytest.mark.slow
def test_effects_of_the_detector_go_into_every_model_that_has_one():
    """Each against NumPy; what is not finite or too large is refused as for the package's models."""
    y, x = np.mgrid[:15, :12]
    wave = 10 * np.exp(-((y - 6) ** 2 + (x - 7) ** 2) / 20) * np.exp(0.2j * x)
    model = Counted(jnp.asarray(wave, jnp.complex64))
    flat = 1 + 0.3 * np.cos(y)
    changed = pg.models.with_flat_field(pg.models.with_background(model, 2.0), flat)
    np.testing.assert_allclose(changed(0), np.abs(wave) ** 2 * flat / flat.mean() + 2, rtol=1e-5)
    kernel = np.array([[0.0, 1, 0], [1, 4, 1], [0, 1, 0]]) / 8
    blurred = sum(
        kernel[i + 1, j + 1] * np.roll(np.abs(wave) ** 2, (i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1)
    )
    np.testing.assert_allclose(pg.models.with_point_spread(model, kernel)(0), blurred, rtol=1e-4, atol=1e-4)
    with pytest.raises(pg.InputError, match=r"flat field has \(3, 3\) pixels, the detector \(15, 12\)"):
        pg.models.with_flat_field(model, np.ones((3, 3)))
    data = pg.make_dataset(pg.simulate(changed, 2, seed=3), np.zeros((2, 2)))
    begun = pg.models.with_background(model, 1.0)
    names = ("wave", "detector.background")
    found = pg.reconstruct(begun, data, pg.Nesterov(), epochs=5, batch_size=2, trainable=names)
    assert float(found.arrays["detector.background"]) != 1.0


@pytest.mark.parametrize(
    "effect",
    [
        lambda model: pg.models.with_background(model, 1.0),
        pg.models.with_background_image,
        pg.models.with_point_spread,
        pg.models.with_flat_field,
    ],
)
def test_a_model_without_a_detector_says_so(start, effect):
    with pytest.raises(pg.InputError, match="into a Hologram, which has no detector; give it a field `detector`"):
        effect(start)


def test_a_comparison_takes_out_what_the_gauge_names_and_nothing_else():
    """Of a real image too; pixels of which no pattern tells do not count."""
    from own_models import tomography

    start, data, *_ = tomography()
    image = data.truth.object

    def error(found, **role):
        class Shown(type(start)):
            def roles(self):
                return pg.Roles(image=pg.Image(jnp.asarray(found), **role))

        model = Shown(start.root, start.angle)
        return pg.quality.compare_with_truth(pg.reconstruct(model, data, pg.adam(0.1), epochs=0), data)["object_nrmse"]

    scaled, raised, moved = 1.2 * image, image + 100, np.roll(image, 2, 0)
    assert error(scaled, gauge=()) == pytest.approx(0.2, rel=1e-5)
    assert error(-image, gauge=()) == pytest.approx(2.0, rel=1e-5)
    assert error(scaled, gauge=("scale",)) < 1e-6 < 0.1 < error(raised, gauge=("scale",))
    assert error(raised, gauge=("phase",)) < 1e-6 < 0.1 < error(scaled, gauge=("phase",))
    assert error(moved, gauge=("shift",)) < 0.02 < 0.5 < error(moved, gauge=())
    inside = np.ones(image.shape, bool)
    inside[:3] = False
    assert error(np.where(inside, image, 1e5), gauge=(), illuminated=inside) < 1e-6


ASKED = {
    "no JAX arrays": (lambda m, d: {"model": Hologram(np.asarray(m.wave), np.asarray(m.kernels))}, "has no parameters"),
    "a class as prior": (lambda m, d: {"priors": pg.priors.Tikhonov}, "as pg.priors.Tikhonov"),
    "a constraint alone": (lambda m, d: {"constraints": pg.constraints.Positive()}, "expected a table by parameter"),
    "a class as constraint": (lambda m, d: {"constraints": {"wave": pg.constraints.Real}}, "is no constraint"),
    "one number": (
        lambda m, d: {"model": with_roles(m, sampling=1e-8)},
        "sampling=1e-08 of the image; expected a tuple",
    ),
    "a text": (lambda m, d: {"model": with_roles(m, gauge="phase")}, "gauge='phase' of the image; expected a tuple"),
    "a volume otherwise": (
        lambda m, d: {"model": with_roles(m, image=m.kernels, axes=("z", "y", "x"))},
        "a volume has the axes",
    ),
    "complex photons": (lambda m, d: {"model": complex_photons(m)}, "The model gives complex64 numbers; expected real"),
}


def with_roles(model, image=None, **role):
    class Said(Hologram):
        def roles(self):
            return pg.Roles(image=pg.Image(self.wave if image is None else self.kernels, **role))

    return Said(model.wave, model.kernels)


def complex_photons(model):
    class Complex(Hologram):
        def __call__(self, index):
            photons = super().__call__(index)
            return jax.lax.complex(photons, jnp.zeros_like(photons))

    return Complex(model.wave, model.kernels)


@pytest.mark.parametrize("case", ASKED)
def test_what_does_not_fit_is_refused_in_a_sentence(start, data, case):
    make, text = ASKED[case]
    reconstruct = inspect.unwrap(pg.reconstruct)  # as users have it, whose types nobody watches
    asked = {"model": start, "data": data, "solver": pg.adam(1.0), "epochs": 1} | make(start, data)
    with pytest.raises(pg.InputError, match=text):
        reconstruct(**asked)


WRONG = {
    "no roles": (lambda m: {"image": m.wave}, "gives a dict; expected pg.Roles"),
    "nothing": (lambda m: None, "gives nothing; expected pg.Roles"),
    "an array as image": (lambda m: pg.Roles(image=m.wave), "as image; expected pg.physics.Image"),
    "a path as image": (lambda m: pg.Roles(image=pg.Image("wave")), "names a str as image; expected an array"),
    "too many axes": (lambda m: pg.Roles(image=pg.Image(m.kernels)), "expected an axis for each name"),
    "one axis": (lambda m: pg.Roles(image=pg.Image(m.wave[0], ("x",))), "expected an axis for each name"),
    "three lengths": (lambda m: pg.Roles(image=pg.Image(m.wave, sampling=(1.0, 1.0, 1.0))), "a sampling of 3 lengths"),
    "another support": (lambda m: pg.Roles(image=pg.Image(m.wave, support=np.ones((3, 3), bool))), "support has the"),
    "another word": (lambda m: pg.Roles(image=pg.Image(m.wave, gauge=("tilt",))), "no gauge is called 'tilt'"),
    "positions": (
        lambda m: pg.Roles(positions=pg.physics.Positions(np.zeros(4))),
        r"shape \(4,\); expected \(index, 2\)",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_roles_are_refused_in_a_sentence(start, data, wrong):
    roles, text = WRONG[wrong]

    class Wrong(Hologram):
        def roles(self):
            return roles(self)

    with pytest.raises(pg.InputError, match=text):
        pg.reconstruct(Wrong(start.wave, start.kernels), data, pg.adam(2.0), epochs=1)


def test_roles_of_computed_arrays_go_into_the_file(start, data, tmp_path):
    class Computed(Hologram):
        def roles(self):
            inside = np.zeros(SHAPE, bool)
            inside[5:-5, 5:-5] = True
            return pg.Roles(image=pg.Image(jnp.angle(self.wave), unit="rad", illuminated=inside))

    found = pg.reconstruct(Computed(start.wave, start.kernels), data, pg.adam(2.0), epochs=2, batch_size=4)
    found.save(tmp_path / "c.h5")
    again = pg.load(tmp_path / "c.h5")
    np.testing.assert_allclose(again.object, np.angle(again.arrays["wave"]), rtol=1e-5)
    box, illuminated = pg.plot.scanned_area(again)
    assert box == (slice(5, 36), slice(5, 31))
    assert illuminated.all()
    (panel, *_) = pg.plot.summary(again).get_axes()
    assert panel.get_title() == "object"


def test_a_model_without_roles_says_so_where_an_image_is_asked_for(start, data):
    class Plain(Hologram):
        def roles(self):
            return pg.Roles()

    found = pg.reconstruct(Plain(start.wave, start.kernels), data, pg.adam(2.0), epochs=1, batch_size=4)
    with pytest.raises(pg.InputError, match=r"no image, as its model names none \(see AbstractModel.roles\)"):
        _ = found.object


def test_a_prior_without_a_path_is_for_the_image(start, data):
    """Of every model that names one; of a model that names none it says so."""
    smooth = pg.priors.Tikhonov(30.0)
    runs = [pg.reconstruct(start, data, pg.adam(1.0), epochs=40, batch_size=4, priors=p) for p in ((), smooth)]
    rough = [np.abs(np.diff(run.object, axis=0)).mean() for run in runs]
    assert rough[1] < 0.8 * rough[0]
    assert "path='wave'" in runs[1].settings["priors"][0]

    class Plain(Hologram):
        def roles(self):
            return pg.Roles()

    with pytest.raises(pg.InputError, match="A Tikhonov without a path is for what a model names as its image"):
        pg.reconstruct(Plain(start.wave, start.kernels), data, pg.adam(1.0), epochs=1, priors=smooth)
