"""Parts of one's own in the functions of `pg.models`: one method, and each takes them; without it a sentence."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ptychograd as pg

SHAPE = (12, 15)


class Bell(pg.physics.AbstractProbe):
    """A Gaussian beam of a width that can be refined."""

    width: jax.Array
    power: jax.Array
    shape: tuple[int, int] = eqx.field(static=True, default=SHAPE)

    def __call__(self, index):
        y, x = (jnp.asarray(np.arange(n) - n // 2, jnp.float32) for n in self.shape)
        bell = jnp.exp(-(y[:, None] ** 2 + x[None] ** 2) / self.width**2)
        return (jnp.sqrt(self.power / jnp.sum(bell**2)) * bell).astype(jnp.complex64)[None]

    @property
    def scaled(self):
        return ()

    def as_plain(self, what):
        return pg.physics.Probe(self(0))

    def as_varying(self):
        return self.as_plain("").as_varying()

    def in_larger_array(self, margins):
        rows, columns = ((n + low + high) for n, (low, high) in zip(self.shape, margins, strict=True))
        return Bell(self.width, self.power, (rows, columns))

    def continued(self, modes):
        power = np.sum(np.abs(modes[0]) ** 2, axis=1)
        y = np.arange(len(power)) - len(power) // 2
        return Bell(jnp.asarray(2 * np.sqrt(power @ y**2 / power.sum()), jnp.float32), self.power, self.shape)


class Plain(pg.physics.AbstractProbe):
    """A probe that says nothing but its call."""

    wave: jax.Array

    def __call__(self, index):
        return self.wave[None]


class Phase(pg.physics.AbstractObject):
    """A phase object told by its phase, known to be 0 outside of a support."""

    phase: jax.Array
    inside: jax.Array | None = None

    def __call__(self, wave, corner):
        phase = self.phase if self.inside is None else jnp.where(self.inside, self.phase, 0)
        return wave * pg.extract_window(jnp.exp(1j * phase.astype(jnp.complex64)), corner, wave.shape[-2:])[None]

    def image(self, sampling):
        return pg.Image(jnp.exp(1j * self.phase.astype(jnp.complex64)), sampling=sampling, outside=1.0)

    def with_support(self, support):
        return Phase(self.phase, support)

    def in_larger_array(self, margins):
        return Phase(jnp.pad(self.phase, margins, mode="edge"), self.inside)

    def continued(self, transmission):
        return Phase(jnp.asarray(np.angle(transmission), jnp.float32), self.inside)


class Own(pg.AbstractModel):
    """A far field of one's own, put together from parts."""

    object: pg.physics.AbstractObject
    probe: pg.physics.AbstractProbe
    scan: pg.physics.AbstractScan
    detector: pg.physics.Detector

    def __call__(self, index):
        corner, _ = self.scan(index)
        wave = self.object(self.probe(index), corner)
        return self.detector(pg.physics.FarField(SHAPE)(wave))

    def roles(self):
        return pg.Roles(self.object.image(None), positions=self.scan.places())


@pytest.fixture(scope="module")
def model():
    positions = np.stack(np.mgrid[:3, :4], axis=-1).reshape(-1, 2) * 4.0
    data = pg.make_dataset(np.full((12, *SHAPE), 20), positions)
    return pg.far_field(data)


def phase_of(model):
    rng = np.random.default_rng(2)
    return Phase(jnp.asarray(rng.normal(size=model.object.transmission.shape[-2:]), jnp.float32))


def with_parts(model, **parts):
    for name, part in parts.items():
        model = eqx.tree_at(lambda one, name=name: getattr(one, name), model, part)
    return model


def bell():
    return Bell(jnp.asarray(3.0, jnp.float32), jnp.asarray(500.0, jnp.float32))


def photons(model):
    return float(model(jnp.asarray(3)).sum())


def test_a_probe_of_ones_own_varies_and_keeps_its_photons(model):
    made = pg.models.with_varying_intensity(with_parts(model, probe=bell()))
    brighter = eqx.tree_at(lambda one: one.probe.intensity, made, made.probe.intensity * 4)
    assert photons(brighter) == pytest.approx(4 * 500, rel=1e-5)


def test_a_probe_of_ones_own_goes_into_a_larger_window(model):
    """Oversampled, the same beam under the same object makes the same photons: Parseval's equation."""
    object = phase_of(model)
    finer = pg.models.with_oversampling(with_parts(model, probe=bell(), object=object), 2)
    assert isinstance(finer.probe, Bell)
    assert isinstance(finer.object, Phase)
    assert finer(jnp.asarray(3)).shape == SHAPE
    assert photons(finer) == pytest.approx(500, rel=1e-5)


def test_parts_of_ones_own_continue_an_earlier_result(model):
    positions = np.stack(np.mgrid[:3, :4], axis=-1).reshape(-1, 2) * 4.0
    wide = Bell(jnp.asarray(2.4, jnp.float32), jnp.asarray(500.0, jnp.float32))
    truth = with_parts(model, probe=wide, object=phase_of(model))
    data = pg.make_dataset(np.asarray([truth(jnp.asarray(k)) for k in range(12)]), positions)
    layers, modes = truth.roles().image.array, np.asarray(wide(0))
    roles = truth.roles()._replace(illumination=pg.physics.Illumination(modes))
    flat = with_parts(model, probe=bell(), object=Phase(jnp.zeros(layers.shape, jnp.float32)))
    start, notes = pg.models.continued(flat, data, pg.models.EarlierResult(roles, positions))
    assert np.allclose(start.object.phase, np.angle(layers), atol=1e-4)
    assert float(start.probe.width) == pytest.approx(2.4, rel=1e-3)
    assert len(notes) == 2


def test_an_object_of_ones_own_takes_a_support(model):
    inside = np.zeros(model.object.transmission.shape[-2:], bool)
    inside[3:9, 4:11] = True
    own = with_parts(model, object=phase_of(model))
    supported = pg.models.with_support(own, inside)
    cleared = with_parts(model, object=Phase(jnp.where(inside, own.object.phase, 0)))
    assert np.allclose(supported(jnp.asarray(5)), cleared(jnp.asarray(5)), atol=1e-4)


def test_a_model_of_ones_own_takes_effects_by_its_parts(model):
    own = Own(model.object, model.probe, model.scan, model.detector)
    made = pg.models.with_modes(pg.models.with_object_modes(own, 2), 3)
    assert made.probe.modes.shape == (3, *SHAPE)
    assert made.object.transmission.shape[0] == 2
    assert photons(made) == pytest.approx(photons(own), rel=1e-4)
    varying = pg.models.with_varying_probe(own, 2)
    assert varying.probe.weights.shape == (12, 2)


@pytest.mark.parametrize(
    ("effect", "said"),
    [
        (
            lambda model: pg.models.with_modes(model, 2),
            "Modes can't be put into a Plain; give Plain a method `with_modes`",
        ),
        (
            lambda model: pg.models.with_varying_probe(model, 2),
            "combined with Plain; give Plain a method `as_varying` for it",
        ),
        (lambda model: pg.models.with_oversampling(model, 2), "the whole model; give Plain a method `in_larger_array`"),
    ],
)
def test_what_a_probe_does_not_say_is_refused(model, effect, said):
    with pytest.raises(pg.InputError, match=said):
        effect(with_parts(model, probe=Plain(model.probe.modes[0])))


@pytest.mark.parametrize(
    ("effect", "said"),
    [
        (lambda model: pg.models.with_object_modes(model, 2), "Object modes can't be combined with Phase"),
        (
            lambda model: pg.models.with_magnitude(model, pg.physics.UnitMagnitude()),
            "A known magnitude can't go into Phase",
        ),
    ],
)
def test_what_an_object_does_not_say_is_refused(model, effect, said):
    with pytest.raises(pg.InputError, match=said):
        effect(with_parts(model, object=phase_of(model)))


def test_a_model_without_such_a_part_is_told_which(model):
    class Bare(pg.AbstractModel):
        wave: jax.Array

        def __call__(self, index):
            return jnp.abs(self.wave) ** 2

    with pytest.raises(pg.InputError, match=r"Probe modes can't go into Bare; .* a field `probe`, a pg.physics.Abstr"):
        pg.models.with_modes(Bare(model.probe.modes[0]), 2)


def test_a_scan_that_corrects_positions_by_its_own_means_is_left_alone(model):
    class Shaken(pg.physics.AbstractScan):
        corner: jax.Array
        moves: jax.Array

        def __call__(self, index):
            return self.corner[index], self.moves[index]

        def places(self):
            return pg.physics.Positions(self.corner, corrections=self.moves, margin=2, offset=self.moves)

    scan = Shaken(model.scan.corner, jnp.zeros(model.scan.corner.shape, jnp.float32))
    with pytest.raises(pg.InputError, match="can be refined already"):
        pg.models.with_refinable_positions(with_parts(model, scan=scan))


def test_a_point_spread_of_ones_own_says_where_it_is_stuck(model):
    class Blur(pg.physics.AbstractPointSpread):
        width: jax.Array

        def __call__(self, photons):
            return photons * (1 - self.width) + self.width * jnp.roll(photons, 1)

        def stuck(self, name, free):
            if f"{name}.width" in free and float(self.width) == 0:
                yield f"{name}.width is 0"

    detector = pg.physics.Detector(point_spread=Blur(jnp.zeros(())))
    assert list(detector.stuck("camera", ["camera.point_spread.width"])) == ["camera.point_spread.width is 0"]


def test_oversampling_keeps_what_is_known_of_the_magnitude(model):
    known = pg.models.with_magnitude(model, pg.physics.UnitMagnitude())
    assert isinstance(pg.models.with_oversampling(known, 2).object.magnitude, pg.physics.UnitMagnitude)


def test_a_model_made_of_the_package_s_is_oversampled_as_that_is(model):
    class Named(pg.physics.Ptychography):
        """Far-field ptychography by another name."""

    named = Named(**{field.name: getattr(model, field.name) for field in dataclasses.fields(model)})
    one, other = (pg.models.with_oversampling(start, 2)(jnp.asarray(3)) for start in (named, model))
    assert np.array_equal(one, other)


def test_parts_made_of_the_package_s_keep_what_is_their_own_when_oversampled(model):
    class Twice(pg.physics.Probe):
        def __call__(self, index):
            return 2 * self.modes

    class Dimmed(pg.physics.FarField):
        def __call__(self, exit_wave, shift=None):
            return 0.5 * super().__call__(exit_wave, shift)

    own = with_parts(model, probe=Twice(model.probe.modes), propagator=Dimmed(SHAPE))
    assert np.allclose(pg.models.with_oversampling(own, 2)(3), pg.models.with_oversampling(model, 2)(3), rtol=1e-5)


def test_what_would_lose_a_call_of_ones_own_is_refused_until_it_is_written(model):
    class Twice(pg.physics.Probe):
        def __call__(self, index):
            return 2 * self.modes

    class Squared(pg.physics.ThinObject):
        def __call__(self, wave, corner):
            return super().__call__(super().__call__(wave, corner), corner)

    probe, object = Twice(model.probe.modes), Squared(model.object.transmission)
    with pytest.raises(pg.InputError, match="give Twice a method `as_varying` for it"):
        pg.models.with_varying_intensity(with_parts(model, probe=probe))
    support = np.ones(model.object.transmission.shape, bool)
    with pytest.raises(pg.InputError, match="give Squared a method `with_support` for it"):
        pg.models.with_support(with_parts(model, object=object), support)


def test_a_scan_made_of_the_package_s_is_not_put_on_finer_pixels_as_that_is():
    class Late(pg.physics.WholePixelScan):
        def __call__(self, index):
            return self.corner[index - 1], None

    with pytest.raises(pg.InputError, match="the whole model; give Late a method `on_finer_pixels` for it"):
        Late(jnp.zeros((4, 2), jnp.int32)).on_finer_pixels(2, np.float32)


@pytest.mark.parametrize(
    ("effect", "said"),
    [
        (
            lambda model: pg.models.with_modes(model, 2),
            "`with_modes` of Wrong gives NoneType; .* does it lack a return",
        ),
        (pg.models.with_varying_intensity, "`as_varying` of Wrong gives Probe; expected an object of VaryingProbe"),
        (lambda model: model.probe.brighter(2.0), "A Wrong has no modes to make it brighter; name in `scaled`"),
    ],
)
def test_a_probe_that_answers_with_something_else_is_told(model, effect, said):
    class Wrong(Plain):
        def with_modes(self, count):
            Plain(self.wave)

        def as_varying(self):
            return pg.physics.Probe(self.wave[None])

    with pytest.raises(pg.InputError, match=said):
        effect(with_parts(model, probe=Wrong(model.probe.modes[0])))


def test_a_probe_of_a_real_parameter_is_made_brighter():
    class Flat(Plain):
        amplitude: jax.Array

        def __call__(self, index):
            return (self.amplitude * self.wave)[None]

        @property
        def scaled(self):
            return ("amplitude",)

    brighter = Flat(jnp.ones(SHAPE, jnp.complex64), jnp.asarray(3.0, jnp.float32)).brighter(4.0)
    assert brighter.amplitude.dtype == jnp.float32
    assert float(brighter.amplitude) == 6
