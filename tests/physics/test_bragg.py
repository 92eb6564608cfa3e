"""Multi-angle Bragg ptychography: the tilted beam and patterns, against sums written out and a block that is turned."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bragg_problems
import ptychograd as pg
from problems import complex_array
from ptychograd.physics.batching import batched
from ptychograd.physics.bragg import BraggPtychography, Crystal, TiltedBeam
from ptychograd.physics.propagators import FarField

FRAME, WINDOW, BOX = (9, 7), (6, 7), (5, 11, 10)  # (x, z) of the detector, (y, z) of the window, (x, y, z) of the array
TWO_THETA = math.radians(50)
CORNER = np.array([[0.0, 0.0], [3.0, 1.0], [5.0, 3.0]])
SHIFT = np.array([[0.3, 0.2], [-0.4, 0.15], [-0.2, -0.45]])  # voxels along (y, z)
DEVIATION = np.array([[0.3, -0.8], [0.0, 0.0], [-0.4, 1.1], [0.2, 0.5]])


together = eqx.filter_jit(lambda model, number: model.together(pg.physics.Group(number)))
pattern = eqx.filter_jit(lambda model, index: model(index))
pytestmark = pytest.mark.usefixtures("double")


def model(modes=2, shift=0.0, background=0.5):
    support = np.random.default_rng(5).random(BOX) < 0.8
    return BraggPtychography(
        object=Crystal(jnp.asarray(complex_array(*BOX)), jnp.asarray(support)),
        probe=TiltedBeam(jnp.asarray(complex_array(modes, 8, FRAME[1], seed=1)), TWO_THETA, (BOX[0], WINDOW[0])),
        deviation=jnp.asarray(DEVIATION),
        scan=pg.physics.make_scan(CORNER + shift, np.float64),
        propagator=FarField(FRAME, np.complex128),
        detector=pg.physics.Detector(background),
        window=WINDOW,
        frame_shape=FRAME,
    )


def moved(modes, shift):
    """p(s - δy sin 2θ, z - δz), by the Fourier series of the array written out for every sample."""
    places = [np.arange(n) for n in modes.shape[1:]]
    steps = (shift[0] * np.sin(TWO_THETA), shift[1])
    turns = [
        np.exp(2j * np.pi * np.outer(r - step, np.fft.fftfreq(len(r)))) / len(r)
        for r, step in zip(places, steps, strict=True)
    ]
    return np.einsum("sk,mkl,zl->msz", turns[0], np.fft.fft2(modes), turns[1])


def beam_at(modes, x, y):
    """p(s, z) at one voxel of the window, by linear interpolation; dark outside of the beam's array."""
    s = -(x - BOX[0] // 2) * np.cos(TWO_THETA) + (y - WINDOW[0] // 2) * np.sin(TWO_THETA) + modes.shape[1] // 2
    places = np.arange(modes.shape[1])
    weights = np.maximum(0, 1 - np.abs(places - s))
    return np.einsum("s,msz->mz", weights, modes)


def pattern_by_hand(crystal, modes, position, angle):
    """Every voxel, one after another, and the Fourier transform as a sum."""
    row, column = CORNER[position].astype(int)
    q_x, q_y = DEVIATION[angle]
    exit_waves = np.zeros((len(modes), *FRAME), complex)
    for x in range(BOX[0]):
        for y in range(WINDOW[0]):
            turn = np.exp(1j * (q_x * (x - BOX[0] // 2) + q_y * (y - WINDOW[0] // 2)))
            illuminated = crystal[x, row + y, column : column + WINDOW[1]] * beam_at(modes, x, y)
            exit_waves[:, FRAME[0] // 2 - BOX[0] // 2 + x] += turn * illuminated
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
    np.testing.assert_allclose(pattern(one, jnp.asarray(4 * position + angle)), expected, rtol=1e-10)


@pytest.mark.parametrize("position", range(3))
def test_between_voxels_the_beam_moves_and_not_the_crystal(position):
    """P(x, y - δy, z - δz) = p(s - δy sin 2θ, z - δz)."""
    one = model(shift=SHIFT)
    assert isinstance(one.scan, pg.physics.SubPixelScan)
    crystal = np.where(one.object.support, one.object.density, 0)
    modes = moved(np.asarray(one.probe.modes), SHIFT[position])
    expected = [pattern_by_hand(crystal, modes, position, angle) for angle in range(4)]
    np.testing.assert_allclose(together(one, jnp.asarray(position)), expected, rtol=1e-10)
    whole = together(one.surrogate(), jnp.asarray(position))
    np.testing.assert_allclose(whole, together(model(), jnp.asarray(position)), rtol=1e-12)
    assert np.abs(whole - np.asarray(expected)).max() > 0.1 * np.abs(whole).max()


def test_a_block_turned_by_scipy_makes_the_same_patterns():
    """Lengths and angles in, photons out; voxels that are no cubes, and positions between them."""
    corners = bragg_problems.CORNERS[::6] + np.array([[0.0, 0.0], [0.31, -0.42], [-0.25, 0.4], [0.1, 0.2]])
    data = bragg_problems.measurement(noise=False, corners=corners, support=None, truth=None)
    geometry, crystal = bragg_problems.GEOMETRY, bragg_problems.density()
    one = BraggPtychography(
        object=Crystal(jnp.asarray(crystal), jnp.ones(crystal.shape, bool)),
        probe=TiltedBeam(jnp.asarray(data.probe), geometry.two_theta, (bragg_problems.BOX[0], bragg_problems.DEPTH)),
        deviation=jnp.asarray(geometry.deviation(bragg_problems.FRAME)),
        scan=pg.physics.make_scan(corners, np.float64),
        propagator=FarField(bragg_problems.FRAME, np.complex128),
        detector=pg.physics.Detector(0.0),
        window=(bragg_problems.DEPTH, bragg_problems.FRAME[1]),
        frame_shape=bragg_problems.FRAME,
    )
    found = np.concatenate([together(one, jnp.asarray(number)) for number in range(len(corners))])
    np.testing.assert_allclose(found, data.patterns, atol=1e-9 * data.patterns.max())


def test_a_background_is_added_to_every_pixel():
    dark, bright = (together(model(background=photons), jnp.asarray(1)) for photons in (0.0, 2.5))
    np.testing.assert_allclose(bright - dark, 2.5, rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.0, SHIFT], ids=["whole voxels", "between"])
def test_all_angles_together_are_what_they_are_one_by_one(shift):
    one = model(shift=shift)
    assert one.group == 4
    one_by_one = jax.jit(batched(one, (0,)))
    for position in range(3):
        alone = one_by_one(4 * position + jnp.arange(4))
        np.testing.assert_allclose(together(one, jnp.asarray(position)), alone, rtol=1e-12)
        for angle in range(4):  # both take the number of the pattern
            index = jnp.asarray(4 * position + angle)
            exit_wave = one.exit_wave(index)
            np.testing.assert_array_equal(exit_wave, one.exit_wave(jnp.asarray(4 * position)))
            np.testing.assert_allclose(one.detect(exit_wave, index), alone[angle], rtol=1e-12)
            assert one.windows(index)["object.density"].corner.tolist() == one.scan.corner[position].tolist()


def test_a_group_is_no_pattern():
    one = model()
    with pytest.raises(pg.InputError, match=r"A int is no group of patterns; expected pg.physics.Group\(number\)"):
        one.together(3)
    with pytest.raises(pg.InputError, match="no number 12 among 12"):
        one.exit_wave(12)
    with pytest.raises(pg.InputError, match="no number 3 among 3"):
        one.together(pg.physics.Group(jnp.asarray(3)))


def test_a_single_precision_beam_stays_single():
    beam = TiltedBeam(jnp.asarray(complex_array(1, 8, 7), jnp.complex64), TWO_THETA, (5, 6))
    assert beam().dtype == jnp.complex64


def test_the_beam_does_not_change_along_its_way():
    """Along k_i = (sin 2θ, cos 2θ): at 45 degrees from voxel to voxel, exactly."""
    beam = TiltedBeam(jnp.asarray(complex_array(1, 40, 3)), np.pi / 4, (12, 12))()
    np.testing.assert_allclose(beam[:, 1:, 1:], beam[:, :-1, :-1], atol=1e-12)
    assert np.abs(beam).min() > 0


@pytest.mark.parametrize("name", ["object.density", "probe.modes", "deviation"])
def test_derivatives_are_finite_differences(name):
    one = model(modes=1)
    leaf = {"object.density": one.object.density, "probe.modes": one.probe.modes, "deviation": one.deviation}[name]

    def where(m):
        return {"object.density": m.object.density, "probe.modes": m.probe.modes, "deviation": m.deviation}[name]

    direction = complex_array(*leaf.shape, seed=7)
    direction = jnp.asarray(direction if jnp.iscomplexobj(leaf) else direction.real)

    @jax.jit
    @jax.value_and_grad
    def total(t):
        moved = eqx.tree_at(where, one, leaf + t * direction)
        return jnp.sum(jnp.sqrt(moved.together(pg.physics.Group(jnp.asarray(1)))))

    step = 1e-5
    expected = (total(step)[0] - total(-step)[0]) / (2 * step)
    np.testing.assert_allclose(total(0.0)[1], expected, rtol=1e-7)


@pytest.mark.parametrize("position", range(3))
def test_waves_lead_back_to_the_crystal_by_the_conjugate_beam(position):
    """<J v, w> = <v, J^H w>, with J^H written down: back into the window, nothing outside of the support."""
    one = model(shift=SHIFT)
    v, w = complex_array(*BOX, seed=2), complex_array(2, BOX[0], *WINDOW, seed=3)

    def exit_wave(density):
        return eqx.tree_at(lambda m: m.object.density, one, density).exit_wave(jnp.asarray(4 * position))

    modes = moved(np.asarray(one.probe.modes), SHIFT[position])
    voxels = [[beam_at(modes, x, y) for y in range(WINDOW[0])] for x in range(BOX[0])]
    illuminated = np.moveaxis(np.array(voxels), 2, 0)
    row, column = CORNER[position].astype(int)
    back = np.zeros(BOX, complex)
    back[:, row : row + WINDOW[0], column : column + WINDOW[1]] = np.sum(np.conj(illuminated) * w, axis=0)
    back = np.where(one.object.support, back, 0)
    assert np.vdot(exit_wave(jnp.asarray(v)), w) == pytest.approx(np.vdot(v, back), rel=1e-10)
    (found,) = jax.vjp(exit_wave, one.object.density)[1](jnp.asarray(np.conj(w)))
    np.testing.assert_allclose(np.conj(found), back, atol=1e-10)


def test_a_window_is_all_that_a_position_sees():
    """What lies outside of it changes no pattern, what lies inside does."""
    one = model(shift=SHIFT)
    (corner,) = (window.corner for window in one.windows(jnp.asarray(4)).values())
    row, column = (int(first) for first in corner)
    inside = np.zeros(BOX, bool)
    inside[:, row : row + WINDOW[0], column : column + WINDOW[1]] = True
    for where, same in ((~inside, True), (inside, False)):
        other = eqx.tree_at(lambda m: m.object.density, one, jnp.where(where, 7.0, one.object.density))
        patterns = [together(m, jnp.asarray(1)) for m in (one, other)]
        assert np.allclose(*patterns, rtol=1e-12) == same
