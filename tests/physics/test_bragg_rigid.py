"""Rocking curves against a crystal that is turned as a whole in the laboratory, with the paper's voxels and angles."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ptychograd as pg
from ptychograd.physics.bragg import BraggPtychography, Crystal, TiltedBeam
from ptychograd.physics.propagators import FarField
from ptychograd.physics.scan import WholePixelScan

ANGLES = (-1.0, -0.14, -0.07, 0.07, 0.14, 1.0)  # degrees
FRAME, SHAPE, TWO_THETA = (64, 30), (22, 57, 30), np.pi / 3
GEOMETRY = pg.BraggGeometry(1.5498e-10, 1.5, (55e-6, 55e-6), TWO_THETA, tuple(np.radians(ANGLES).tolist()))
TILT_LEFT_OUT = {0.07: 0.016, 0.14: 0.034, 1.0: 0.2}  # R: the sample's shape turns too, which the model leaves out


def crystal() -> np.ndarray:
    """A lopsided ellipsoid with a smooth strain."""
    x, y, z = np.meshgrid(*(np.arange(n) - n // 2 for n in SHAPE), indexing="ij")
    inside = (x / 9.6) ** 2 + ((y - 0.4 * x) / 26.0) ** 2 + (z / 13.2) ** 2 < 1
    return 0.5 * inside * np.exp(1j * (0.9 * np.sin(y / 9 + 0.1 * x) + 0.6 * np.cos(z / 6 - 0.05 * y)))


def beam(s, z):
    return np.exp(-(s**2 + z**2) / 12**2 + 0.004j * (s**2 - z**2))


def turned_in_the_laboratory(density: np.ndarray, angle: float, detector_turns: bool) -> np.ndarray:
    """Photons on the detector of cells that turn with their lattice by `angle` from y towards x; beams stand still.

    A cell at r of the crystal is at T r. It scatters k_i into k_f + k with the phase G·r - (k_f + k - k_i)·T r, k being
    a detector pixel along x and z. Without `detector_turns` k·T r is taken as k·r, as a model does whose
    projections are all along one axis of the crystal.
    """
    voxel = GEOMETRY.voxel(FRAME)
    cells = np.argwhere(density != 0) - np.array(SHAPE) // 2
    k = 2 * np.pi / GEOMETRY.wavelength * voxel[0]
    reflection = k * np.array([-np.sin(TWO_THETA), 1 - np.cos(TWO_THETA), 0])
    turn = np.array([[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    there = cells @ turn.T
    seen = there if detector_turns else cells
    illuminated = beam(-seen[:, 0] * np.cos(TWO_THETA) + seen[:, 1] * np.sin(TWO_THETA), seen[:, 2])
    waves = density[density != 0] * illuminated * np.exp(1j * (cells @ reflection - there @ reflection))
    rows, columns = (2 * np.pi * (np.arange(n) - n // 2) / n for n in FRAME)
    along_x, along_z = np.exp(-1j * np.outer(rows, seen[:, 0])), np.exp(-1j * np.outer(seen[:, 2], columns))
    return np.abs((along_x * waves) @ along_z) ** 2 / (FRAME[0] * FRAME[1])


def modelled(density: np.ndarray) -> np.ndarray:
    s, z = (np.arange(n) - n // 2 for n in (128, FRAME[1]))
    with jax.enable_x64(True):
        made = BraggPtychography(
            object=Crystal(jnp.asarray(density), jnp.asarray(density != 0)),
            probe=TiltedBeam(jnp.asarray(beam(s[:, None], z)[None]), TWO_THETA, SHAPE[:2]),
            deviation=jnp.asarray(GEOMETRY.deviation(FRAME)),
            scan=WholePixelScan(jnp.zeros((1, 2), int)),
            propagator=FarField(FRAME, np.complex128),
            detector=pg.physics.Detector(0.0),
            window=SHAPE[1:],
            frame_shape=FRAME,
        )
        return np.asarray(made.together(pg.physics.Group(jnp.asarray(0))))


def r_factor(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.sum(np.abs(np.sqrt(found) - np.sqrt(expected))) / np.sum(np.sqrt(expected)))


@pytest.fixture(scope="module")
def patterns():
    return dict(zip(ANGLES, modelled(crystal()), strict=True))


@pytest.mark.variants
@pytest.mark.parametrize("degrees", ANGLES)
def test_the_lattice_turns_as_a_rigid_body(patterns, degrees):
    """To the beam's interpolation. With the second order of the deviation negated R is 0.017, 0.077 and 0.65."""
    expected = turned_in_the_laboratory(crystal(), np.radians(degrees), detector_turns=False)
    assert r_factor(patterns[degrees], expected) < 3e-3


@pytest.mark.parametrize("degrees", ANGLES)
def test_what_the_model_leaves_out_is_the_turn_of_the_shape(patterns, degrees):
    expected = turned_in_the_laboratory(crystal(), np.radians(degrees), detector_turns=True)
    assert 1e-3 < r_factor(patterns[degrees], expected) < TILT_LEFT_OUT[abs(degrees)]
