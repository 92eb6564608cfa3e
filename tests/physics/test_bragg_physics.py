"""Signs of Bragg ptychography, against the scattering of a displaced lattice in the laboratory's frame."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ptychograd as pg
from ptychograd.physics.bragg import BraggPtychography, Crystal, TiltedBeam
from ptychograd.physics.propagators import FarField
from ptychograd.physics.scan import WholePixelScan
from ptychograd.quality.lattice_strain import strain

SHAPE, FRAME, TWO_THETA = (5, 7, 6), (10, 6), float(np.radians(50))
ROCKING = tuple(np.radians([-0.02, 0.0, 0.013]))
GEOMETRY = pg.BraggGeometry(1.55e-10, 0.5, (55e-6, 66e-6), TWO_THETA, ROCKING)
WAVE_NUMBER = 2 * np.pi / GEOMETRY.wavelength
IN, OUT = WAVE_NUMBER * np.array([np.sin(TWO_THETA), np.cos(TWO_THETA), 0]), WAVE_NUMBER * np.array([0, 1.0, 0])


def places():
    """Unit cells around the origin, in metres."""
    grids = [(np.arange(n) - n // 2) * side for n, side in zip(SHAPE, GEOMETRY.voxel(FRAME), strict=True)]
    return np.stack(np.meshgrid(*grids, indexing="ij"), axis=-1)


def lattice(magnitude, displacement, rocking):
    """Photons of waves exp(ik·r) from cells turned by `rocking` from y towards x, rows along x, columns along z."""
    turn = np.array([[np.cos(rocking), np.sin(rocking), 0], [-np.sin(rocking), np.cos(rocking), 0], [0, 0, 1]])
    reflection = OUT - IN
    patterns = np.zeros(FRAME)
    sides = GEOMETRY.voxel(FRAME)
    for row, column in np.ndindex(FRAME):
        pixel = 2 * np.pi * np.array([(row - FRAME[0] // 2) / (FRAME[0] * sides[0]), 0, 0])
        pixel[2] = 2 * np.pi * (column - FRAME[1] // 2) / (FRAME[1] * sides[2])
        seen = turn.T @ reflection + pixel  # by the crystal; cells stand where G·r is a multiple of 2π
        phase = places() @ (seen - reflection) + displacement @ reflection
        patterns[row, column] = np.abs(np.sum(magnitude * np.exp(-1j * phase))) ** 2
    return patterns / (FRAME[0] * FRAME[1])


def model(density):
    with jax.enable_x64(True):
        made = BraggPtychography(
            object=Crystal(jnp.asarray(density), jnp.ones(SHAPE, bool)),
            probe=TiltedBeam(jnp.ones((1, 40, SHAPE[2]), complex), TWO_THETA, SHAPE[:2]),
            deviation=jnp.asarray(GEOMETRY.deviation(FRAME)),
            scan=WholePixelScan(jnp.zeros((1, 2), int)),
            propagator=FarField(FRAME, np.complex128),
            detector=pg.physics.Detector(0.0),
            window=SHAPE[1:],
            frame_shape=FRAME,
        )
        return np.asarray(made.together(pg.physics.Group(jnp.asarray(0))))


@pytest.fixture(scope="module")
def bent():
    rng = np.random.default_rng(0)
    return rng.uniform(0.3, 1, SHAPE), 2e-11 * rng.normal(size=(*SHAPE, 3))


@pytest.mark.slow
def test_the_phase_is_minus_g_u_and_rocking_goes_from_y_towards_x(bent):
    """To second order in the angle; every other choice of the two signs is off by far more."""
    magnitude, displacement = bent
    expected = np.stack([lattice(magnitude, displacement, angle) for angle in ROCKING])
    phase = displacement @ (OUT - IN)
    np.testing.assert_allclose(model(magnitude * np.exp(-1j * phase)), expected, atol=2e-4 * expected.max())
    mirrored = np.stack([lattice(magnitude, displacement, -angle) for angle in ROCKING])
    for other in (np.exp(1j * phase), np.exp(-1j * phase)):
        wrong = model(magnitude * other)
        target = mirrored if np.allclose(other, np.exp(-1j * phase)) else expected
        assert np.abs(wrong - target).max() > 0.02 * expected.max()


def test_a_wider_spacing_is_a_positive_strain():
    """u = 1e-4 r: every spacing is larger by a ten-thousandth."""
    np.testing.assert_allclose(GEOMETRY.scattering_vector, OUT - IN)
    density = np.exp(-1j * (1e-4 * places() @ (OUT - IN)))
    found = strain(np.pad(density, 3), GEOMETRY.voxel(FRAME), GEOMETRY.scattering_vector)
    np.testing.assert_allclose(found[3:-3, 3:-3, 3:-3][1:-1, 1:-1, 1:-1], 1e-4, rtol=1e-6)
