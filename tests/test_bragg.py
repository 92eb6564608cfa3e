"""Multi-angle Bragg ptychography: geometry, the tilted beam, and patterns, against sums written out."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ptychograd as pg
from ptychograd._bragg import BraggGeometry, BraggPtychography, Crystal, TiltedBeam
from ptychograd._model import batched
from ptychograd._propagators import FarField

FRAME, WINDOW, BOX = (9, 7), (6, 7), (5, 11, 10)  # (x, z) of the detector, (y, z) of the window, (x, y, z) of the array
TWO_THETA = np.radians(50)
CORNER = np.array([[0, 0], [3, 1], [5, 3]])
DEVIATION = np.array([[0.3, -0.8], [0.0, 0.0], [-0.4, 1.1], [0.2, 0.5]])


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def wave(*shape, seed=0):
    real, imag = np.random.default_rng(seed).normal(size=(2, *shape))
    return real + 1j * imag


def model(modes=2):
    support = np.random.default_rng(5).random(BOX) < 0.8
    return BraggPtychography(
        object=Crystal(jnp.asarray(wave(*BOX)), jnp.asarray(support)),
        probe=TiltedBeam(jnp.asarray(wave(modes, 8, FRAME[1], seed=1)), TWO_THETA, (BOX[0], WINDOW[0])),
        deviation=jnp.asarray(DEVIATION),
        corner=jnp.asarray(CORNER, jnp.int32),
        propagator=FarField(FRAME, np.complex128),
        detector=pg.Detector(0.5),
        window=WINDOW,
        frame_shape=FRAME,
    )


def beam_at(modes, x, y):
    """p(s, z) at one voxel of the window, by linear interpolation; dark outside of the beam's array."""
    s = -(x - BOX[0] // 2) * np.cos(TWO_THETA) + (y - WINDOW[0] // 2) * np.sin(TWO_THETA) + modes.shape[1] // 2
    places = np.arange(modes.shape[1])
    weights = np.maximum(0, 1 - np.abs(places - s))
    return np.einsum("s,msz->mz", weights, modes)


def pattern_by_hand(crystal, modes, position, angle):
    """Every voxel, one after another, and the Fourier transform as a sum."""
    row, column = CORNER[position]
    q_x, q_y = DEVIATION[angle]
    exit_waves = np.zeros((len(modes), *FRAME), complex)
    for x in range(BOX[0]):
        for y in range(WINDOW[0]):
            turn = np.exp(1j * (q_x * (x - BOX[0] // 2) + q_y * (y - WINDOW[0] // 2)))
            lit = crystal[x, row + y, column : column + WINDOW[1]] * beam_at(modes, x, y)
            exit_waves[:, FRAME[0] // 2 - BOX[0] // 2 + x] += turn * lit
    kernels = [np.exp(-2j * np.pi * np.outer(np.arange(n) - n // 2, np.arange(n)) / n) / np.sqrt(n) for n in FRAME]
    waves = np.einsum("ux,mxz,vz->muv", kernels[0], exit_waves, kernels[1])
    return np.sum(np.abs(waves) ** 2, axis=0) + 0.5


# Patterns -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("position", range(3))
@pytest.mark.parametrize("angle", range(4))
def test_a_pattern_is_the_sum_over_all_voxels(position, angle):
    one = model()
    crystal = np.where(one.object.support, one.object.density, 0)
    expected = pattern_by_hand(crystal, np.asarray(one.probe.modes), position, angle)
    np.testing.assert_allclose(one(jnp.asarray(4 * position + angle)), expected, rtol=1e-10)


def test_all_angles_together_are_what_they_are_one_by_one():
    one = model()
    assert one.group == 4
    for position in range(3):
        alone = batched(one, (0,))(4 * position + jnp.arange(4))
        np.testing.assert_allclose(one.together(jnp.asarray(position)), alone, rtol=1e-12)
        exit_wave = one.exit_wave(jnp.asarray(position))
        np.testing.assert_allclose(one.detect(exit_wave, jnp.asarray(position)), alone, rtol=1e-12)


def test_a_single_precision_beam_stays_single():
    beam = TiltedBeam(jnp.asarray(wave(1, 8, 7), jnp.complex64), TWO_THETA, (5, 6))
    assert beam().dtype == jnp.complex64


def test_the_beam_does_not_change_along_its_way():
    """Along k_i = (sin 2θ, cos 2θ): at 45 degrees from voxel to voxel, exactly."""
    beam = TiltedBeam(jnp.asarray(wave(1, 40, 3)), np.pi / 4, (12, 12))()
    np.testing.assert_allclose(beam[:, 1:, 1:], beam[:, :-1, :-1], atol=1e-12)
    assert np.abs(beam).min() > 0


@pytest.mark.parametrize("name", ["object.density", "probe.modes", "deviation"])
def test_derivatives_are_finite_differences(name):
    one = model(modes=1)
    leaf = {"object.density": one.object.density, "probe.modes": one.probe.modes, "deviation": one.deviation}[name]

    def where(m):
        return {"object.density": m.object.density, "probe.modes": m.probe.modes, "deviation": m.deviation}[name]

    direction = wave(*leaf.shape, seed=7)
    direction = jnp.asarray(direction if jnp.iscomplexobj(leaf) else direction.real)

    def total(t):
        moved = eqx.tree_at(where, one, leaf + t * direction)
        return jnp.sum(jnp.sqrt(moved.together(jnp.asarray(1))))

    step = 1e-5
    expected = (total(step) - total(-step)) / (2 * step)
    np.testing.assert_allclose(jax.grad(total)(0.0), expected, rtol=1e-7)


# Geometry -------------------------------------------------------------------------------------------------


def geometry(rocking=(-0.02, 0.0, 0.02), pixel_size=(55e-6, 55e-6)):
    return BraggGeometry(1.5498e-10, np.pi / 3, 1.5, pixel_size, tuple(np.radians(rocking)))


def test_a_rocking_step_turns_the_phase_as_in_the_paper():
    """0.467 and 0.809 radians a voxel of 66 nm for 0.02 degrees: k dr Δθ (1 - cos 2θ) and k dr Δθ sin 2θ."""
    voxel = geometry().voxel((64, 64))
    assert voxel == pytest.approx(66.04e-9, rel=1e-3)
    turns = geometry().deviation(voxel)
    np.testing.assert_allclose(turns[1], 0, atol=1e-12)
    np.testing.assert_allclose(turns[2], [0.467, 0.809], rtol=2e-3)
    np.testing.assert_allclose(turns[0], -turns[2], rtol=2e-3)


def test_angles_that_alias_are_told_with_numbers():
    voxel = geometry().voxel((64, 64))
    assert geometry().aliased(voxel) == ""
    words = geometry(rocking=(-0.14, -0.06, 0.0, 0.06, 0.14)).aliased(voxel)
    assert words.startswith("2 of 5 rocking angles alias in depth: the phase turns by up to 5.67 radians")
    assert words.endswith("angles up to 0.06 degrees do not")


def test_voxels_that_are_no_cubes_are_refused():
    with pytest.raises(pg.InputError, match="expected cubes"):
        geometry(pixel_size=(55e-6, 50e-6)).voxel((64, 64))
    assert geometry(pixel_size=(55e-6, 27.5e-6)).voxel((64, 128)) == pytest.approx(66.04e-9, rel=1e-3)
