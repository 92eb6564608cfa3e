"""What a model and parts of one's own may say is taken as it is meant, and what they may not is refused in a sentence.

Each refusal comes before anything is compiled.
"""

import inspect
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import problems
import ptychograd as pg
from own_models import SHAPE, Hologram, Tomography, hologram_start, holograms, tomography
from ptychograd.physics.promise import losses_of_energy

Image, Illumination, Positions = pg.Image, pg.physics.Illumination, pg.physics.Positions


@pytest.fixture(scope="module")
def data():
    return holograms()


@pytest.fixture(scope="module")
def start():
    return hologram_start()


@pytest.fixture(scope="module")
def scan():
    """A small scan and its start model."""
    data = problems.measurement()
    return data, problems.start_model(data)


def with_methods(start, **methods):
    """The holograms' model with other methods."""
    return type("Mine", (Hologram,), methods)(start.wave, start.kernels)


def saying(start, **roles):
    return with_methods(start, roles=lambda self: pg.Roles(**{name: role(self) for name, role in roles.items()}))


def fitted(model, data, **asked):
    """A fit as users have it, whose types nobody watches."""
    options = {"solver": pg.adam(1.0), "epochs": 1, "batch_size": 4} | asked
    return inspect.unwrap(pg.reconstruct)(model, data, **options)


# ---- roles


def in_places(m, corner):
    return pg.Roles(Image(m.wave), Illumination(m.wave[:9, :8]), Positions(corner))


WRONG_ROLES = {
    "a corner beyond": (
        lambda m: in_places(m, np.array([[0, 0], [3, 4], [9, 9], [33, 20]])),
        r"from its corner \[33, 20\] \(y, x\), position 3, an illumination of \(9, 8\) pixels leaves the image",
    ),
    "a corner before": (lambda m: in_places(m, np.array([[0, 0], [-2, 4], [9, 9], [3, 2]])), r"corner \[-2, 4\]"),
    "no number": (lambda m: in_places(m, np.full((4, 2), np.nan)), "is no finite real number"),
    "one axis of light": (lambda m: pg.Roles(Image(m.wave), Illumination(m.wave[0])), r"illumination has the shape"),
    "a name of light": (lambda m: pg.Roles(Image(m.wave), Illumination(m.wave, ("x",))), "expected two axes"),
    "a length of light": (
        lambda m: pg.Roles(Image(m.wave), Illumination(m.wave, sampling=(1.0,))),
        "a sampling of 1 lengths for the illumination's axes",
    ),
    "no length": (lambda m: pg.Roles(Image(m.wave, sampling=(0.0, -1.0))), "expected lengths above 0"),
    "an infinite length": (lambda m: pg.Roles(Image(m.wave, sampling=(np.inf, 1.0))), "expected lengths above 0"),
    "a word as length": (lambda m: pg.Roles(Image(m.wave, sampling=("1", "1"))), "expected a tuple of lengths"),
    "no axes": (lambda m: pg.Roles(Image(m.wave, axes=None)), "axes=None of the image; expected a tuple"),
    "no gauge": (lambda m: pg.Roles(Image(m.wave, gauge=None)), "gauge=None of the image; expected a tuple"),
    "a number as unit": (lambda m: pg.Roles(Image(m.wave, unit=3)), "unit=3 of the image; expected a text"),
    "a mask of numbers": (
        lambda m: pg.Roles(Image(m.wave, support=np.ones(SHAPE))),
        "support holds float64 numbers; expected True and False, as support > 0.5",
    ),
    "a complex surround": (lambda m: pg.Roles(Image(m.wave, outside=1 + 1j)), r"outside=\(1\+1j\) of the image"),
    "a mask as image": (lambda m: pg.Roles(Image(jnp.abs(m.wave) > 3)), "an array of bool as image"),
}


@pytest.mark.parametrize("wrong", WRONG_ROLES)
def test_wrong_values_of_roles_are_refused(start, data, wrong):
    roles, text = WRONG_ROLES[wrong]
    with pytest.raises(pg.InputError, match=text):
        fitted(with_methods(start, roles=roles), data)


class Measured(Hologram):
    """A model whose pixel is one of its parameters, seen through windows between pixels."""

    pixel: jax.Array
    corner: jax.Array

    def roles(self):
        inside = np.ones(SHAPE, bool)
        image = Image(self.wave, ["y", "x"], (self.pixel, self.pixel), support=inside, outside=jnp.asarray(1 + 0j))
        light = Illumination(self.wave[:9, :8], sampling=jnp.stack([self.pixel, self.pixel]))
        return pg.Roles(image, light, Positions(self.corner))


def test_numbers_of_jax_and_windows_between_pixels_are_taken(start, data, tmp_path):
    """Lengths and the surround become Python's numbers; a window is drawn from the whole pixel before its corner."""
    corner = jnp.asarray([[0, 0], [3.4, 4.9], [9, 8.99999], [20.7, 20.2]], jnp.float32)
    model = Measured(start.wave, start.kernels, jnp.float32(2e-7), corner)
    done = pg.perform(pg.Run(model, data, pg.adam(1.0), (pg.Stage(1),), 4))
    assert "verdict" in done.settings
    done.save(tmp_path / "m.h5")
    again = pg.load(tmp_path / "m.h5")
    assert again.roles.image.sampling == again.roles.illumination.sampling == (float(np.float32(2e-7)),) * 2
    assert again.roles.image.outside == 1.0
    assert again.sampling == again.roles.image.sampling
    expected = np.zeros(SHAPE, bool)
    for y, x in ((0, 0), (3, 4), (9, 9), (20, 20)):
        expected[y : y + 9, x : x + 8] = True
    rows, columns = pg.plot.scanned_area(again)[0]
    assert (rows.start, rows.stop, columns.start, columns.stop) == (0, 29, 0, 28)
    assert pg.plot.scanned_area(again)[1].sum() <= expected.sum()
    pg.quality.compare_with_truth(again, data)


# ---- roles of a model that shares work


class Made(Hologram):
    """Its wave is what `shared` makes of a picture and a gain."""

    picture: jax.Array
    gain: jax.Array

    def shared(self):
        return eqx.tree_at(lambda model: model.wave, self, self.picture * self.gain.astype(self.picture.dtype))


class MadeAndAsked(Made):
    """The same, that asks for `shared` itself."""

    def roles(self):
        return pg.Roles(image=Image(self.shared().wave))


def made(start, kind=Made):
    return kind(jnp.zeros_like(start.wave), start.kernels, start.wave / 2, jnp.asarray(2.0, jnp.float32))


@pytest.mark.parametrize("kind", [Made, MadeAndAsked])
def test_what_shared_makes_is_what_is_shown(start, data, tmp_path, kind):
    result = fitted(made(start, kind), data, trainable=("picture", "gain"), epochs=3)
    wave = result.arrays["picture"] * result.arrays["gain"]
    np.testing.assert_allclose(result.object, wave, rtol=1e-6)
    result.save(tmp_path / "made.h5")
    np.testing.assert_allclose(pg.load(tmp_path / "made.h5").object, wave, rtol=1e-6)
    assert pg.quality.compare_with_truth(result, data)["object_nrmse"] < 300


def test_shared_is_computed_once_for_a_look(start, data):
    """Once for the start and once for each result, however often roles, hints and priors are asked."""
    calls, looks = [], []

    def shared(self):
        found = Made.shared(self)
        calls.append(isinstance(found.wave, jax.core.Tracer))
        return found

    def look(progress):
        before = calls.count(False)
        assert progress.so_far().roles.image is not None
        looks.append((before, calls.count(False)))

    model = made(start, type("Counted", (Made,), {"shared": shared}))
    asked = {"trainable": ("picture",), "epochs": 2, "priors": pg.priors.Tikhonov(1.0)}
    fitted(model, data, on_epoch=look, **asked)
    assert looks == [(1, 2), (2, 3)]


def test_what_an_image_is_made_of_is_refined_by_default(start):
    assert set(made(start).refined) == {"picture", "gain"}
    assert set(made(start, MadeAndAsked).refined) == {"picture", "gain", "kernels"}  # what patterns depend on


def test_priors_on_what_shared_makes(start, data):
    """One without a path is on the image; one on what the refined parameters don't reach has no effect, and says so."""
    asked = {"trainable": ("picture",), "epochs": 1}
    smooth = fitted(made(start), data, priors=pg.priors.Tikhonov(1.0), **asked)
    assert "path='wave'" in smooth.settings["priors"][0]
    with pytest.warns(UserWarning, match='Tikhonov on "kernels" has no effect'):
        fitted(made(start), data, priors=pg.priors.Tikhonov(1.0, path="kernels"), **asked)


# ---- what is refined by default


class Magnitude(Tomography):
    def roles(self):
        return pg.Roles(image=Image(jnp.abs(self.root), gauge=()))


@pytest.mark.parametrize("sign", [1, -1])
def test_a_magnitude_is_computed_whatever_the_sign_of_the_start(sign):
    start = tomography()[0]
    assert Magnitude(sign * start.root, jnp.asarray(start.angle, jnp.float32)).refined == ("root", "angle")


class Placed(Tomography):
    """Its image is computed; its corners follow from what is refined only where that is asked for."""

    moves: jax.Array
    drift: jax.Array

    def roles(self):
        corner = 2 + jnp.round(self.moves).astype(int)
        places = Positions(corner, corrections=self.moves, margin=2, drift=self.drift)
        return pg.Roles(Image(self.root**2, gauge=()), positions=places)


class Cornered(Placed):
    """The same, which names nothing but the corners."""

    def roles(self):
        return pg.Roles(Image(self.root**2, gauge=()), positions=Positions(self.moves + self.drift[:1]))


def test_positions_are_refined_where_they_are_asked_for():
    """Of a model with a computed image, too, whose other parameters are."""
    start = tomography()[0]
    angle, moves = jnp.asarray(start.angle, jnp.float32), jnp.zeros((24, 2))
    assert Placed(start.root, angle, moves, jnp.zeros((3, 2))).refined == ("root", "angle")
    assert Cornered(start.root, angle, moves, jnp.zeros((3, 2))).refined == ("root", "angle", "drift")
    model = with_methods(hologram_start(), roles=lambda self: pg.Roles(positions=Positions(self.wave.real[:4, :2])))
    assert model.refined == ("wave", "kernels")
    alone = type("Alone", (Placed,), {"roles": lambda self: pg.Roles(positions=Positions(self.moves))})
    with pytest.raises(pg.InputError, match=r"Alone has no parameters but positions \(moves\), which are refined"):
        fitted(alone(np.asarray(start.root), start.angle, moves, None), tomography()[1])


# ---- which pixels patterns tell of


class Spectral(Hologram):
    """An image computed from the spectrum in which a small pupil is moved."""

    def roles(self):
        pupil, corner = self.kernels[0, :9, :8], np.array([[3, 4], [5, 4], [7, 9], [8, 9]])
        return pg.Roles(Image(jnp.fft.ifft2(self.wave), gauge=()), Illumination(pupil), Positions(corner))


class OfReciprocalSpace(Hologram):
    """The same with the image as its parameter: its pupil has other axes."""

    def roles(self):
        pupil, corner = self.kernels[0, :9, :8], np.array([[3, 4], [5, 4], [7, 9], [80, 9]])
        return pg.Roles(Image(self.wave, gauge=()), Illumination(pupil, ("ky", "kx")), Positions(corner))


@pytest.mark.parametrize("kind", [Spectral, OfReciprocalSpace])
def test_an_image_in_other_axes_than_its_scan_is_illuminated_everywhere(start, data, tmp_path, kind):
    found = fitted(kind(start.wave, start.kernels), data, epochs=0, trainable=("wave",))
    found.save(tmp_path / "found.h5")
    for one in (found, pg.load(tmp_path / "found.h5")):
        box, illuminated = pg.plot.scanned_area(one)
        assert box == (slice(0, SHAPE[0]), slice(0, SHAPE[1]))
        assert illuminated.all()


def test_a_role_says_where_its_computed_image_is_illuminated(start, data):
    inside = np.zeros(SHAPE, bool)
    inside[4:20, 3:9] = True

    def roles(self):
        found = Spectral.roles(self)
        return found._replace(image=found.image._replace(illuminated=inside))

    found = fitted(with_methods(start, roles=roles), data, epochs=0, trainable=("wave",))
    assert pg.plot.scanned_area(found)[0] == (slice(4, 20), slice(3, 9))


def test_the_pupil_has_its_own_unit_in_pictures(start, data):
    """Not that of the image's pixels, nor photons."""
    roles = lambda m: pg.Roles(  # noqa: E731
        Image(m.wave, sampling=(1e-8, 1e-8)),
        Illumination(m.kernels[0], ("ky", "kx"), unit="waves"),
    )
    axes = pg.plot.summary(fitted(with_methods(start, roles=roles), data, epochs=0)).get_axes()
    (panel,) = [axis for axis in axes if axis.get_title() == "illumination (waves)"]
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("kx (pixels)", "ky (pixels)")


# ---- what a model says to solvers


class Rows(Hologram):
    moves: jax.Array


def rows(start, shape=(4, 2), **methods):
    return type("Mine", (Rows,), methods)(start.wave, start.kernels, jnp.zeros(shape))


WRONG_HINTS = {
    "gauge of another shape": (
        lambda s: with_methods(s, gauge_fixed=lambda self: ({"wave": self.wave[:3]},)),
        r'gauge_fixed\(\) gives complex64\[3, 36\] for "wave"; expected complex64\[41, 36\]',
    ),
    "gauge as a table": (
        lambda s: with_methods(s, gauge_fixed=lambda self: {"wave": self.wave}),
        r"gauge_fixed\(\) gives a dict; expected a tuple of tables",
    ),
    "gauge of nothing": (
        lambda s: with_methods(s, gauge_fixed=lambda self: ({"wav": self.wave},)),
        r'gauge_fixed\(\) names "wav", and the model has no such array; it has',
    ),
    "rows of nothing": (lambda s: rows(s, per_pattern=property(lambda self: {"move": 2})), 'per_pattern names "move"'),
    "rows of another length": (
        lambda s: rows(s, (4, 3), per_pattern=property(lambda self: {"moves": 2})),
        r'"moves" has 2 numbers for each pattern; it has the shape \(4, 3\), expected \(4, 2\)',
    ),
    "a row too few": (lambda s: rows(s, (3, 2), per_pattern=property(lambda self: {"moves": 2})), "3 positions"),
    "rows by a method": (
        lambda s: rows(s, per_pattern=lambda self: {"moves": 2}),
        r"Mine.per_pattern is a method; expected a property, .*: write @property above `def per_pattern\(self\)`",
    ),
    "a group by a method": (lambda s: with_methods(s, group=lambda self: 2), "Mine.group is a method; expected a prop"),
    "half a group": (
        lambda s: with_methods(s, group=property(lambda self: 0.5)),
        "Mine.group is 0.5; expected a whole",
    ),
    "windows as a property": (
        lambda s: with_methods(s, windows=property(lambda self: {})),
        r"Mine.windows is a property; expected a method, .*: leave out @property above `def windows\(self, ...\)`",
    ),
    "shared as a property": (lambda s: with_methods(s, shared=property(lambda self: self)), "shared is a property"),
    "roles as a property": (lambda s: with_methods(s, roles=property(lambda self: pg.Roles())), "roles is a property"),
    "rows as a tuple": (lambda s: rows(s, per_pattern=property(lambda self: ("moves",))), "expected a table by path"),
    "a window of nothing": (
        lambda s: with_methods(s, windows=lambda self, index: {"wav": pg.Window(jnp.zeros(2, int), SHAPE)}),
        r'windows\(\) names "wav", and the model has no such array',
    ),
    "a corner as window": (
        lambda s: with_methods(s, windows=lambda self, index: {"wave": jnp.zeros(2, int)}),
        r"windows\(\) gives no windows by path; expected",
    ),
    "a step of nothing": (
        lambda s: with_methods(s, steps=property(lambda self: {"gain": 1.0})),
        'steps names "gain", and the model has no such array',
    ),
    "a step of 0": (lambda s: with_methods(s, steps=property(lambda self: {"wave": 0.0})), "expected one number above"),
    "a scale of nothing": (
        lambda s: with_methods(s, free_scale=property(lambda self: pg.physics.ScaleAmbiguity("objekt", ("wave",)))),
        'free_scale names "objekt"',
    ),
    "a scale as a pair": (
        lambda s: with_methods(s, free_scale=property(lambda self: ("wave", "kernels"))),
        "free_scale is a tuple; expected pg.physics.ScaleAmbiguity",
    ),
    "weights of nothing": (
        lambda s: with_methods(s, weighted=property(lambda self: ("mode",))),
        'weighted names "mode"',
    ),
    "shared that does not fit": (
        lambda s: with_methods(s, shared=lambda self: eqx.tree_at(lambda m: m.wave, self, self.wave[:20])),
        r'Mine.shared\(\) puts complex64\[20, 36\] in the place of complex64\[41, 36\] as "wave"; expected the same',
    ),
    "shared of nothing": (lambda s: with_methods(s, shared=lambda self: None), r"shared\(\) gives NoneType; expected"),
    "shared as a class": (lambda s: with_methods(s, shared=lambda self: Hologram), r"shared\(\) gives .*; expected"),
    "shared of real numbers": (
        lambda s: with_methods(s, shared=lambda self: eqx.tree_at(lambda m: m.wave, self, jnp.abs(self.wave))),
        r'puts float32\[41, 36\] in the place of complex64\[41, 36\] as "wave"',
    ),
    "shared of a batch": (
        lambda s: with_methods(s, shared=lambda self, batch: self),
        r"shared takes \(self, batch\); expected `def shared\(self\)`",
    ),
    "shared without end": (lambda s: with_methods(s, shared=lambda self: self.shared()), "calls itself without end"),
}


@pytest.mark.parametrize("wrong", WRONG_HINTS)
def test_what_a_model_says_of_no_array_is_refused(start, data, wrong):
    make, text = WRONG_HINTS[wrong]
    with pytest.raises(pg.InputError, match=text):
        fitted(make(start), data)
    if wrong != "a row too few":  # of as many as it has, it could
        with pytest.raises(pg.InputError, match=text):
            inspect.unwrap(pg.simulate)(make(start), 4)


def test_hints_of_parts_are_looked_at_too(scan):
    """A propagator's `is_local`, as a method, would be true whatever it gives."""
    kind = type("Near", (Straight,), {"is_local": lambda self: False})
    with pytest.raises(pg.InputError, match=r"Near\.is_local is a method; expected a property"):
        fitted(eqx.tree_at(lambda model: model.propagator, scan[1], kind()), scan[0], batch_size=14)


def test_the_number_of_a_group_is_no_number_of_a_pattern(start):
    """Also of a model that takes a row of its own arrays with it."""
    with pytest.raises(pg.InputError, match="A Group is not the number of a pattern"):
        start(pg.physics.Group(jnp.asarray(1)))


# ---- propagators


class Conjugated(pg.physics.AbstractPropagator):
    def __call__(self, exit_wave, shift):
        return jnp.fft.fft2(jnp.conj(exit_wave), norm="ortho")


class Squared(pg.physics.AbstractPropagator):
    def __call__(self, exit_wave, shift):
        return jnp.fft.fft2(exit_wave, norm="ortho") ** 2


class Straight(pg.physics.AbstractPropagator):
    def __call__(self, exit_wave, shift):
        return jnp.fft.fft2(exit_wave, norm="ortho")


class Sized(pg.physics.AbstractPropagator):
    """A transform times some number, of which a lens may stop a part."""

    factor: float
    seen: int = 20

    def __call__(self, exit_wave, shift):
        return self.factor * jnp.fft.fft2(exit_wave.at[:, self.seen :].set(0), norm="ortho")


def test_a_propagator_keeps_the_energy(scan):
    """One that makes waves larger would diverge in silence; one that stops a part of them does not."""
    data, model = scan
    own = lambda *numbers: eqx.tree_at(lambda model: model.propagator, model, Sized(*numbers))  # noqa: E731
    text = (
        r"The propagator Sized makes waves 18.97 times as large, .* steps would be 360 times too long .* by 18.97, as"
    )
    with pytest.raises(pg.InputError, match=text):
        fitted(own(360**0.5), data, solver=pg.Nesterov(), batch_size=14)
    with pytest.raises(pg.InputError, match=text):
        inspect.unwrap(pg.simulate)(own(360**0.5, 11), 4)
    with pytest.warns(UserWarning, match=r"makes waves 0.25 times as large at most, .* 16 times shorter .* by 4, as"):
        fitted(own(0.25, 11), data, solver=pg.adam(0.1), batch_size=14)
    assert losses_of_energy(own(1.0, 11)) == []


NO_WAVES = {
    "nothing": (lambda wave: None, r"gives nothing for exit waves complex64\[1, 20, 18\]; .*: does it lack a return"),
    "one wave": (lambda wave: wave[0], r"gives complex64\[20, 18\] for exit waves .* as many complex waves \(modes, y"),
    "photons": (lambda wave: jnp.abs(wave) ** 2, r"gives float32\[1, 20, 18\] for exit waves"),
    "two": (lambda wave: (wave, wave), "gives a tuple for exit waves"),
    "other pixels": (lambda wave: wave[:, 1:], r"expects patterns of \(19, 18\) pixels, but the data hold \(20, 18\)"),
}


@pytest.mark.parametrize("wrong", NO_WAVES)
def test_a_propagator_that_gives_no_waves_is_refused(scan, wrong):
    call, text = NO_WAVES[wrong]
    kind = type("Mine", (Straight,), {"__call__": lambda self, exit_wave, shift: call(exit_wave)})
    with pytest.raises(pg.InputError, match=text):
        fitted(eqx.tree_at(lambda model: model.propagator, scan[1], kind()), scan[0], batch_size=14)


@pytest.mark.parametrize(("kind", "factor"), [(Conjugated, "i"), (Squared, "i"), (Straight, "")])
def test_a_propagator_that_is_not_linear_is_refused(scan, kind, factor):
    data, model = scan
    model = eqx.tree_at(lambda model: model.propagator, model, kind())
    if not factor:
        assert fitted(model, data, solver=pg.PIE(), epochs=0, batch_size=14).history.epochs == 0
        return
    with pytest.raises(pg.InputError, match=f"propagator {kind.__name__} is not linear: {factor} times a wave"):
        fitted(model, data, solver=pg.PIE(), batch_size=14)


# ---- priors


class Own(pg.priors.AbstractPrior):
    penalty: object = eqx.field(static=True)
    path: str = eqx.field(static=True, default="")

    def __call__(self, array, root):
        return self.penalty(array)


@pytest.mark.slow
def test_a_prior_of_ones_own_is_for_an_array_of_any_axes():
    """Smooth angles of a tomogram; one of the package asks for an image."""
    start, data, *_ = tomography()
    angle = np.asarray(start.angle) + 0.05 * (-1.0) ** np.arange(24)
    start = Tomography(start.root, jnp.asarray(angle, jnp.float32))
    smooth = Own(lambda angle: 1e7 * jnp.sum(jnp.diff(angle, 2) ** 2), "angle")
    asked = {"solver": pg.adam(0.01), "trainable": ("angle",), "epochs": 40, "batch_size": 24}
    rough = [np.abs(np.diff(fitted(start, data, priors=p, **asked).arrays["angle"], 2)).mean() for p in ((), smooth)]
    assert rough[1] < 0.3 * rough[0]
    with pytest.raises(pg.InputError, match=r'A Tikhonov takes an image or several; "angle" has the shape \(24,\)'):
        fitted(start, data, priors=pg.priors.Tikhonov(1.0, path="angle"), **asked)


class Volume(pg.AbstractModel):
    density: jax.Array

    def __call__(self, index):
        return jnp.sum(self.density**2, axis=0)

    def roles(self):
        return pg.Roles(Image(self.density, axes=("x", "y", "z")))


def test_a_prior_of_ones_own_without_a_path_is_for_a_volume_too():
    model, data = Volume(jnp.ones((5, 7, 6))), pg.make_dataset(np.full((4, 7, 6), 9.0))
    found = fitted(model, data, priors=Own(lambda density: jnp.sum(density**2)))
    assert "path='density'" in found.settings["priors"][0]
    with pytest.raises(pg.InputError, match="A Tikhonov is for images, and this is a volume"):
        fitted(model, data, priors=pg.priors.Tikhonov(1.0))


def test_a_prior_without_a_path_is_for_the_parameter_that_the_image_shows(start, data):
    model = saying(start, image=lambda m: Image(m.wave[None], layers="waves"))
    assert "path='wave'" in fitted(model, data, priors=pg.priors.Tikhonov(1.0)).settings["priors"][0]


@pytest.mark.parametrize(
    ("penalty", "what"),
    [
        (lambda wave: jnp.sum(jnp.log(wave.real - 200)), "value"),
        (lambda wave: jnp.sqrt(jnp.sum((wave - 100).real ** 2)), "slope"),
    ],
)
def test_a_prior_that_is_not_finite_where_it_starts_is_refused(start, data, penalty, what):
    with pytest.raises(pg.InputError, match=f"The {what} of the prior Own is not finite for wave as it starts"):
        fitted(start, data, priors=Own(penalty))


# ---- what is done between epochs


class Raised(pg.refinement.AbstractStageAction):
    by: float
    often: int = 1

    def __call__(self, model, start, fit):
        return pg.refinement.Changed(eqx.tree_at(lambda m: m.wave, model, model.wave + self.by), f"raised by {self.by}")


def test_a_single_action_with_fields_of_its_own_is_taken(start, data):
    run = pg.Run(start, data, pg.adam(1.0), (pg.Stage(1, first=Raised(2.5)),), 4)
    assert pg.perform(run).settings["changes"][0]["change"] == "raised by 2.5"
    assert Raised(2.5, often=3) == Raised(2.5, 3)
    assert run.summary == run._replace(stages=(pg.Stage(1, first=(Raised(2.5),)),)).summary


@dataclass
class Watched(pg.fitting.AbstractCallback):
    every: int = 1
    seen: int = 0

    def __call__(self, progress):
        self.seen += progress.epoch % self.every == 0


def test_a_callback_has_fields_of_its_own(start, data):
    watched = Watched(every=2)
    fitted(start, data, epochs=5, on_epoch=watched)
    assert watched.seen == 2


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"on_epoch": 3}, "on_epoch=3 can't be called after an epoch"),
        ({"on_epoch": Watched}, "on_epoch=the class Watched can't be called"),
        ({"monitor": "x"}, "monitor='x' can't be called after an epoch; expected an object that looks"),
        ({"until": "never"}, "until='never' can't be called"),
        ({"on_epoch": lambda: 1}, r"on_epoch=<lambda>\(\) can't be called with a Progress, as it is after each epoch"),
        ({"monitor": lambda a: 1.0}, r"monitor=<lambda>\(a\) can't be called with the epochs done and a function"),
        ({"until": lambda: 1}, r"until=<lambda>\(\) can't be called with the History"),
        ({"until": lambda history: 1}, "until gives 1; expected a reason to end the run, a text"),
    ],
)
def test_what_can_not_be_called_is_refused_before_the_run(start, data, asked, text):
    with pytest.raises(pg.InputError, match=text):
        fitted(start, data, **asked)


def test_a_run_refuses_it_too(start, data):
    perform = inspect.unwrap(pg.perform)
    run = pg.Run(start, data, pg.adam(1.0), (pg.Stage(1),), 4)
    with pytest.raises(pg.InputError, match="on_epoch=3 can't be called"):
        perform(run, on_epoch=3)
    with pytest.raises(pg.InputError, match="monitor='x' can't be called"):
        perform(run._replace(monitor="x"))
    with pytest.raises(pg.InputError, match="Raised is no stage action, but a class"):
        perform(run._replace(stages=(pg.Stage(1, first=Raised),)))


class Cooler(pg.fitting.AbstractSchedule):
    def cooling(self, done, last):
        return jnp.asarray(done / last)


def test_a_schedule_may_give_a_number_of_jax(start, data):
    assert fitted(start, data, schedule=Cooler()).settings["schedule"] == "Cooler()"
