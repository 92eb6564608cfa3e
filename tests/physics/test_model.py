"""The model of one pattern against plain NumPy, and the one function that makes a batch of it."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from problems import complex_array
from ptychograd.core.windows import extract_window
from ptychograd.physics.batching import batched
from ptychograd.physics.detector import Detector
from ptychograd.physics.objects import SupportedObject, ThinObject
from ptychograd.physics.probes import Probe
from ptychograd.physics.propagators import FarField
from ptychograd.physics.ptychography import Ptychography
from ptychograd.physics.scan import WholePixelScan, make_scan

OBJECT, FRAME, MODES, BACKGROUND = (14, 19), (5, 8), 3, 0.25
POSITIONS = np.array([[0.0, 0.0], [2.3, 7.8], [8.6, 10.7], [9.0, 0.45]])  # the last two touch two edges
pytestmark = pytest.mark.usefixtures("double")


def ptychography(object, probe, positions, background=BACKGROUND):
    frame = probe.shape[-2:]
    return Ptychography(
        object=object,
        probe=Probe(jnp.asarray(probe)),
        scan=make_scan(positions, np.float64),
        propagator=FarField(frame, np.complex128),
        detector=Detector(background),
        frame_shape=frame,
    )


def a_model(positions=POSITIONS):
    object = ThinObject(jnp.asarray(complex_array(*OBJECT)))
    return ptychography(object, complex_array(MODES, *FRAME, seed=1), positions)


expected_photons = jax.jit(lambda model, index: model(index))


def dft(size):
    """The unitary Fourier transform as a matrix."""
    n = np.arange(size)
    return np.exp(-2j * np.pi * np.outer(n, n) / size) / np.sqrt(size)


def moved(wave, shift):
    """A wave moved by a part of a pixel: every plane wave in it gains the phase exp(-2πi f·shift)."""
    for axis, distance in enumerate(shift):
        n = wave.shape[axis]
        cycles = np.array([k if k < n / 2 else k - n for k in range(n)])
        translation = dft(n).conj().T @ np.diag(np.exp(-2j * np.pi * cycles * distance / n)) @ dft(n)
        wave = np.moveaxis(np.tensordot(translation, wave, (1, axis)), 0, axis)
    return wave


def numpy_pattern(transmission, probe, position, background):
    """Expected photons with loops, rolls and matrices; nothing of the package, no FFT."""
    corner = np.round(position).astype(int)
    (height, width), photons = probe.shape[1:], background
    seen = np.roll(transmission, -corner, axis=(0, 1))[:height, :width]
    for mode in probe:
        far = dft(height) @ (moved(mode, position - corner) * seen) @ dft(width).T
        photons = photons + np.roll(np.abs(far) ** 2, (height // 2, width // 2), axis=(0, 1))
    return photons


# One pattern ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("positions", [POSITIONS, np.round(POSITIONS)], ids=["sub-pixel", "whole pixels"])
def test_every_pattern_equals_that_of_plain_numpy(positions):
    model = a_model(positions)
    assert isinstance(model.scan, WholePixelScan) == (positions is not POSITIONS)
    for index, position in enumerate(positions):
        pattern = numpy_pattern(complex_array(*OBJECT), complex_array(MODES, *FRAME, seed=1), position, BACKGROUND)
        np.testing.assert_allclose(expected_photons(model, index), pattern, rtol=1e-10)


def test_an_object_in_a_support_is_seen_with_ones_around_it():
    support = np.zeros(OBJECT, bool)
    support[3:9, 5:17] = True
    probe, transmission = complex_array(MODES, *FRAME, seed=1), complex_array(*OBJECT)
    model = ptychography(SupportedObject(jnp.asarray(transmission), jnp.asarray(support)), probe, POSITIONS)
    pattern = numpy_pattern(np.where(support, transmission, 1), probe, POSITIONS[1], BACKGROUND)
    np.testing.assert_allclose(expected_photons(model, 1), pattern, rtol=1e-10)


def test_photons_are_kept_from_the_exit_wave_to_the_detector():
    model = a_model()
    exit_wave = jax.jit(lambda model, index: model.exit_wave(index))(model, 1)
    photons = np.sum(np.abs(exit_wave) ** 2)
    assert expected_photons(model, 1).sum() == pytest.approx(photons + BACKGROUND * np.prod(FRAME), rel=1e-12)
    np.testing.assert_allclose(model.detect(exit_wave, jnp.array(1)), expected_photons(model, 1), rtol=1e-12)


def test_a_phase_of_object_or_of_one_mode_changes_nothing():
    model = a_model()
    phases = jnp.exp(jnp.array([0.7j, -1.2j, 2.0j]))
    turned = eqx.tree_at(
        lambda model: (model.object.transmission, model.probe.modes),
        model,
        (model.object.transmission * phases[0], model.probe.modes * phases[:, None, None]),
    )
    np.testing.assert_allclose(expected_photons(turned, 2), expected_photons(model, 2), rtol=1e-12)


@pytest.mark.parametrize("index", range(len(POSITIONS)))
def test_a_window_in_the_place_of_the_object_gives_the_same_pattern(index):
    model = a_model()
    ((path, window),) = model.windows(jnp.array(index)).items()
    assert (path, window.shape) == ("object.transmission", FRAME)
    small = eqx.tree_at(
        lambda model: model.object.transmission,
        model,
        replace_fn=lambda x: extract_window(x, window.corner, window.shape),
    )
    assert small.object.transmission.shape == FRAME
    np.testing.assert_array_equal(expected_photons(small, index), expected_photons(model, index))


def test_the_coarse_model_has_the_same_parameters_on_whole_pixels():
    """Near enough for step sizes: exit waves without the shift by less than a pixel."""
    model, surrogate = a_model(), a_model().surrogate()
    assert isinstance(surrogate.scan, WholePixelScan)
    np.testing.assert_array_equal(surrogate.scan.corner, np.round(POSITIONS))
    assert eqx.tree_equal((surrogate.object, surrogate.probe), (model.object, model.probe))
    np.testing.assert_allclose(expected_photons(surrogate, 0), expected_photons(model, 0), rtol=1e-12)


def test_the_whole_pixel_scan_pays_for_no_translation():
    """A translation takes two transforms more than the one to the detector, of as many operations each."""
    whole, between = (operations(a_model(positions)) for positions in (np.round(POSITIONS), POSITIONS))
    assert whole < 0.5 * between


def operations(model):
    """Floating-point operations of one pattern."""
    compiled = jax.jit(lambda model, index: model(index)).lower(model, jnp.array(0)).compile()
    return compiled.cost_analysis()["flops"]


def test_an_object_on_twice_as_fine_a_grid_gives_the_same_pattern():
    """Another discretisation of the same physics, for a probe and an object that both grids can hold.

    The finer object pixels reach twice as far in the far field; the coarse detector is the middle of that.
    """
    frame, centre = (28, 33), np.array([13.3, 16.8])
    positions = np.array([[0.0, 0.0], [3.25, 5.5], [7.0, 2.75]])

    def sampled(per_pixel):
        y, x = np.indices(np.multiply(frame, per_pixel)) / per_pixel - centre[:, None, None]
        probe = np.exp(-(y**2 + x**2) / 10 + 0.4j * y - 0.2j * x)[None] / per_pixel
        y, x = np.indices(np.multiply((40, 44), per_pixel)) / per_pixel
        object = 0.6 + 0.3 * np.exp(0.5j * y - 0.3j * x) - 0.2j * np.cos(0.2 * y + 0.45 * x)
        return ptychography(ThinObject(jnp.asarray(object)), probe, positions * per_pixel, background=0.0)

    surrogate, fine = sampled(1), sampled(2)
    middle = tuple(slice(n - n // 2, n - n // 2 + n) for n in frame)
    for index in range(len(positions)):
        pattern, finer = (np.asarray(expected_photons(model, index)) for model in (surrogate, fine))
        np.testing.assert_allclose(finer[middle], pattern, atol=1e-5 * pattern.max())
        assert finer.sum() == pytest.approx(pattern.sum(), rel=1e-6)


# Batches --------------------------------------------------------------------------------------------------


def tell(shared, index, extra):
    """A function with several arguments and several answers."""
    weight = 1.0 if extra["weight"] is None else extra["weight"]
    return {"sum": (weight * (shared + index.astype(float))).astype(complex) * extra["image"], "index": (index, None)}


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("weight", ["shared", "batched", "none"])
def test_a_batch_equals_a_loop(count, weight):
    index, images = jnp.arange(count) + 3, jnp.asarray(complex_array(count, 2, 3))
    weights = {"shared": jnp.array(0.5), "batched": jnp.linspace(1, 2, count), "none": None}[weight]
    axis = 0 if weight == "batched" else None
    together = batched(tell, (None, 0, {"image": 0, "weight": axis}))(
        jnp.array(2.0), index, {"image": images, "weight": weights}
    )
    each = [
        tell(2.0, index[i], {"image": images[i], "weight": weights[i] if weight == "batched" else weights})
        for i in range(count)
    ]
    np.testing.assert_allclose(together["sum"], [one["sum"] for one in each], rtol=1e-14)
    np.testing.assert_array_equal(together["index"][0], [one["index"][0] for one in each])
    assert together["index"][1] is None
    assert together["sum"].shape == (count, 2, 3)


@pytest.mark.parametrize("count", [1, 2])
def test_an_axis_may_stand_for_a_whole_tree(count):
    """The axes of an argument are a prefix of it, and leaves that are None stay None."""
    batch, shared = (
        {"a": jnp.arange(count), "b": [jnp.ones((count, 3)), None]},
        {"c": jnp.array(7.0), "d": None},
    )

    def one(batch, shared):
        assert batch["a"].shape == ()
        assert batch["b"][1] is None
        return batch["a"].astype(float) + batch["b"][0] + shared["c"]

    np.testing.assert_array_equal(batched(one, (0, None))(batch, shared), np.arange(count)[:, None] + np.full(3, 8))


@pytest.mark.variants
@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_batch_of_patterns_equals_a_loop_over_patterns(count):
    model, index = a_model(), jnp.arange(count) % len(POSITIONS)
    together = jax.jit(lambda model, index: batched(model, (0,))(index))(model, index)
    each = [expected_photons(model, i) for i in index]
    np.testing.assert_allclose(together, each, rtol=1e-11)
