"""A near-field model as a whole: derivatives, a cone beam by quadrature, and the ambiguity that it has."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import near_problems
import ptychograd as pg
from problems import complex_array
from ptychograd.core.parameters import partition, split
from ptychograd.core.windows import dense
from ptychograd.fitting.objective import Batch, Objective

pytestmark = pytest.mark.usefixtures("double")


# Derivatives ----------------------------------------------------------------------------------------------

FRAME, OBJECT = (9, 14), (15, 21)
POSITIONS = np.array([[0.0, 0.3], [2.3, 5.8], [5.6, 6.7], [3.0, 6.45]])
NAMES = ("object", "probe", "propagator.distance")
SPACES = {
    "Fresnel": pg.physics.Fresnel(FRAME, (0.4e-6, 0.3e-6), 0.15e-9, 4e-3, np.complex64),
    "AngularSpectrum": pg.physics.AngularSpectrum(FRAME, (0.85e-6, 0.95e-6), 1e-6, 2.2e-6, np.complex64),
}


def doubled(space):
    """The same free space in double precision."""
    return jax.tree.map(lambda leaf: leaf.astype(np.float64), space)


def problem(space):
    """Objective, planes of the parameters, and a batch of four patterns with some bad pixels."""
    model = pg.Ptychography(
        object=pg.physics.ThinObject(jnp.asarray(complex_array(*OBJECT))),
        probe=pg.physics.Probe(jnp.asarray(complex_array(2, *FRAME, seed=1))),
        scan=pg.physics.make_scan(POSITIONS, np.float64),
        propagator=doubled(space),
        detector=pg.physics.Detector(jnp.array(0.3)),
        frame_shape=FRAME,
    )
    assert isinstance(model.scan, pg.physics.SubPixelScan)
    parameters, rest = partition(model, NAMES)
    rng = np.random.default_rng(5)
    patterns, mask = rng.poisson(6.0, (4, *FRAME)), rng.random(FRAME) < 0.8
    group = pg.physics.Group(jnp.array([2, 0, 3, 1]))
    batch = Batch(group, jnp.asarray(patterns, jnp.uint16), jnp.asarray(mask), jnp.ones(4))
    return Objective(rest, pg.Amplitude()), split(parameters), batch


@pytest.mark.slow
@pytest.mark.parametrize("kind", SPACES)
def test_derivatives_are_those_of_central_differences(kind):
    """With respect to the distance, and along chance directions of object and probe, where ours is halved."""
    objective, parameters, batch = problem(SPACES[kind])

    @eqx.filter_jit
    def loss(parameters):
        return objective.value_and_gradient(parameters, batch)[0].loss

    def difference(directions, step):
        ends = (jax.tree.map(lambda x, d, s=s: x + s * step * d, parameters, directions) for s in (1, -1))
        above, below = (float(loss(end)) for end in ends)
        return (above - below) / (2 * step)

    _, found = eqx.filter_jit(objective.value_and_gradient)(parameters, batch)
    gradient = dense(found.values, parameters, found.windows)
    rng = np.random.default_rng(7)
    chance = jax.tree.map(lambda x: jnp.asarray(rng.normal(size=x.shape)), parameters)
    for name, factor in (("object", 2), ("probe", 2), ("propagator", 1)):
        still = jax.tree.map(jnp.zeros_like, parameters)
        along = eqx.tree_at(lambda p, n=name: getattr(p, n), still, getattr(chance, name))
        size = 1.0 if factor == 2 else float(parameters.propagator.distance)
        slope = factor * sum(jax.tree.leaves(jax.tree.map(lambda g, d: float(jnp.sum(g * d)), gradient, along)))
        assert abs(slope) * size > 1, "a derivative of nothing is no test"
        assert slope == pytest.approx(difference(along, 1e-5 * size), rel=1e-6)


# A cone beam ----------------------------------------------------------------------------------------------

CONE = pg.NearFieldGeometry(0.2e-9, 0.09, (1.6e-6, 2.1e-6), focus_distance=0.03)  # 0.4 µm and 0.525 µm, 22.5 mm
SIZE = (72, 60)
SCANNED = np.array([[0.0, 0.0], [5.4, 3.3]])  # object pixels
FINE = 40  # points of the quadrature in a pixel


def transmission_along(axis, r):
    """A smooth factor of the object, r in metres from the middle of the first window."""
    if axis == 0:
        return (0.8 + 0.2 * np.sin(r / 1.7e-6)) * np.exp(0.9j * np.cos(r / 2.1e-6 + 0.4))
    return (0.7 + 0.3 * np.cos(r / 2.9e-6 - 0.3)) * np.exp(1.1j * np.sin(r / 1.9e-6))


def probe_along(axis, r):
    """A Gaussian with a tilt and some defocus of its own, off the middle."""
    width, at, tilt = ((3.2e-6, 0.7e-6, 2e5), (3.9e-6, -0.9e-6, -3e5))[axis]
    return np.exp(-(((r - at) / width) ** 2) + 1j * tilt * r)


def by_quadrature(axis, position):
    """Photons of one axis: spherical wave times probe times object, carried on by Fresnel's integral."""
    n, pixel = SIZE[axis], CONE.pixel_size[axis]
    step = pixel / CONE.magnification / FINE
    r = (np.arange(n * FINE) - n * FINE // 2) * step
    k = 2 * np.pi / CONE.wavelength
    wave = probe_along(axis, r) * transmission_along(axis, r + position) * np.exp(0.5j * k * r**2 / CONE.focus_distance)
    at = (np.arange(n) - n // 2) * pixel
    carried = np.exp(0.5j * k * (at[:, None] - r) ** 2 / CONE.distance) @ wave * step
    return np.abs(carried) ** 2


def on_grid(function, shape, sampling):
    """The product of both factors on the pixels of an array whose first window has its middle at n // 2."""
    along = [
        function(axis, (np.arange(n) - SIZE[axis] // 2) * pixel)
        for axis, (n, pixel) in enumerate(zip(shape, sampling, strict=True))
    ]
    return along[0][:, None] * along[1]


@pytest.mark.slow
@pytest.mark.parametrize("propagator", [pg.physics.Fresnel, pg.physics.AngularSpectrum])
def test_a_cone_beam_makes_the_shadow_that_fresnels_integral_says(propagator):
    """The model of a parallel beam over the effective distance, on demagnified pixels, between pixels too."""
    sampling = CONE.sampling(SIZE)
    probe = on_grid(probe_along, SIZE, sampling)
    data = pg.make_dataset(np.ones((2, *SIZE)), SCANNED * sampling, geometry=CONE, probe=probe)
    model = pg.near_field(
        data,
        object=lambda shape: on_grid(transmission_along, shape, sampling),
        propagator=propagator,
        dtype=np.complex128,
    )
    assert isinstance(model.scan, pg.physics.SubPixelScan)
    for index, place in enumerate(SCANNED * sampling):
        along = [by_quadrature(axis, place[axis]) for axis in (0, 1)]
        expected = along[0][:, None] * along[1]
        found = np.asarray(model(jnp.array(index)))
        unscattered = np.abs(probe) ** 2 / np.sum(np.abs(probe) ** 2)
        expected, found = expected / expected.sum(), found / found.sum()
        assert np.abs(unscattered - expected).max() > 0.2 * expected.max()
        np.testing.assert_allclose(found, expected, atol=1e-4 * expected.max())


# The ambiguity --------------------------------------------------------------------------------------------


def moved(wave, shift):
    """A periodic wave moved by (y, x) pixels."""
    f = [np.fft.fftfreq(n) for n in wave.shape]
    return np.fft.ifft2(np.fft.fft2(wave) * np.exp(-2j * np.pi * (f[0][:, None] * shift[0] + f[1] * shift[1])))


def turned(wave, cycles):
    """Times a ramp of `cycles` = (y, x) a pixel."""
    y, x = np.mgrid[: wave.shape[0], : wave.shape[1]]
    return wave * np.exp(2j * np.pi * (cycles[0] * y + cycles[1] * x))


def a_soft_case():
    """A probe that ends inside of its window and an object that fits its own, so that nothing depends on edges."""
    height, width = shape = (90, 82)
    y, x = np.mgrid[:height, :width]
    turn_y, turn_x = 2 * np.pi * y / height, 2 * np.pi * x / width
    object = (0.8 + 0.1 * np.sin(4 * turn_y) * np.cos(5 * turn_x)) * np.exp(
        0.5j * np.sin(3 * turn_y + 2 * turn_x) + 0.4j * np.cos(6 * turn_x)
    )
    frame = (64, 60)
    y, x = np.mgrid[: frame[0], : frame[1]]
    envelope = np.exp(-((y - 33) ** 2) / 50 - (x - 28) ** 2 / 40)
    probe = 100 * envelope * np.exp(0.8j * np.sin(y / 2.7 + 0.4) + 0.9j * np.cos(x / 2.3 - y / 5))
    corners = np.array([[0, 0], [26, 22], [13, 4], [7, 17.0]])
    data = pg.make_dataset(
        np.ones((4, *frame)),
        corners * near_problems.SAMPLING,
        geometry=near_problems.GEOMETRY,
        probe=probe,
        truth=pg.data.GroundTruth(object, probe[None]),
    )
    return data, pg.near_field(data, object=lambda wanted: object[: wanted[0], : wanted[1]], dtype=np.complex128), shape


def with_waves(model, object, probe):
    return eqx.tree_at(
        lambda m: (m.object.transmission, m.probe.modes), model, (jnp.asarray(object), jnp.asarray(probe)[None])
    )


def result_of(model, data):
    arrays = {
        "object.transmission": np.asarray(model.object.transmission),
        "probe.modes": np.asarray(model.probe.modes),
        "scan.corner": np.asarray(model.scan.corner),
    }
    return pg.Result(
        arrays, {}, pg.fitting.History.empty(), {}, data.geometry.sampling(data.frame_shape), data.positions
    )


@pytest.mark.slow
def test_a_shift_with_a_ramp_on_the_probe_makes_the_same_patterns():
    """d pixels with -d dx²/(λz) cycles a pixel: the ramp's wave walks back by what the shift moved it."""
    data, model, shape = a_soft_case()
    assert model.object.transmission.shape == shape
    object, probe = data.truth.object, data.truth.probe[0]
    shift = np.array([1.3, -0.8])
    ramp = -shift * np.array(near_problems.SAMPLING) ** 2 / (near_problems.GEOMETRY.wavelength * near_problems.DISTANCE)
    same = with_waves(model, moved(object, shift), turned(moved(probe, shift), ramp))
    wrong = with_waves(model, moved(object, shift), turned(moved(probe, shift), -ramp))
    for index in range(4):
        pattern, again, other = (np.asarray(one(jnp.array(index))) for one in (model, same, wrong))
        np.testing.assert_allclose(again, pattern, atol=1e-4 * pattern.max())
        assert np.abs(other - pattern).max() > 0.05 * pattern.max()


def test_the_error_of_the_probe_is_told_with_and_without_that_ramp():
    """The plain one is large, though nothing could be measured; the object's own needs no ramp taken out."""
    from ptychograd.quality.comparison import compare_with_truth

    data, model, _ = a_soft_case()
    object, probe = data.truth.object, data.truth.probe[0]
    shift = np.array([1.3, -0.8])
    ramp = -shift * np.array(near_problems.SAMPLING) ** 2 / (near_problems.GEOMETRY.wavelength * near_problems.DISTANCE)
    same = with_waves(model, moved(object, shift), turned(moved(probe, shift), ramp))
    figures = compare_with_truth(result_of(same, data), data)
    assert figures["probe_nrmse"] > 0.3
    for name in ("probe_nrmse_ramp_removed", "probe_nrmse_scanned", "object_nrmse", "object_nrmse_scanned"):
        assert figures[name] < 0.01, name
