"""Strain from the phase of a crystal: against displacements whose strain is known."""

import numpy as np
import pytest

from ptychograd.quality.lattice_strain import solid, strain

VOXEL = (10e-9, 10e-9, 12e-9)
SCATTERING = 4e10 * np.array([-np.sin(np.pi / 3), 1 - np.cos(np.pi / 3), 0.0])  # radians a metre


def places(shape):
    return np.meshgrid(*(np.arange(n) * side for n, side in zip(shape, VOXEL, strict=True)), indexing="ij")


def crystal(shape=(9, 14, 7), displacement=lambda x, y, z: 0 * x, margin=2):
    """A cuboid whose lattice is displaced along G by `displacement` metres."""
    x, y, z = places(shape)
    density = 0.5 * np.exp(-1j * np.linalg.norm(SCATTERING) * displacement(x, y, z))
    inside = np.zeros(shape, bool)
    inside[(slice(margin, -margin),) * 3] = True
    return np.where(inside, density, 0), inside


def along(x, y):
    """Distance along G."""
    unit = SCATTERING / np.linalg.norm(SCATTERING)
    return unit[0] * x + unit[1] * y


def test_a_uniform_stretch_is_its_strain_everywhere_inside():
    """Also where the phase has wrapped: 2e-3 turns it by 20 radians from end to end."""
    density, inside = crystal((25, 41, 7), lambda x, y, z: 2e-3 * along(x, y))
    found = strain(density, VOXEL, SCATTERING)
    np.testing.assert_allclose(found[inside], 2e-3, rtol=1e-9)
    assert np.isnan(found[~inside]).all()


def test_a_displacement_across_the_scattering_vector_is_no_strain():
    density, inside = crystal(displacement=lambda x, y, z: 1e-3 * (x * SCATTERING[1] - y * SCATTERING[0]) / 4e10)
    np.testing.assert_allclose(strain(density, VOXEL, SCATTERING)[inside], 0, atol=1e-12)
    density, inside = crystal(displacement=lambda x, y, z: 1e-3 * z)
    np.testing.assert_allclose(strain(density, VOXEL, SCATTERING)[inside], 0, atol=1e-12)


def test_a_bent_crystal_has_the_derivative_of_its_displacement():
    """u = a r², strain 2 a r: central differences of a parabola are exact, one-sided ones off by half a voxel."""
    density, inside = crystal((21, 23, 7), lambda x, y, z: 2e3 * along(x, y) ** 2)
    x, y, _ = places(density.shape)
    core = np.zeros_like(inside)
    core[3:-3, 3:-3, 2:-2] = True
    found, expected = strain(density, VOXEL, SCATTERING), 4e3 * along(x, y)
    np.testing.assert_allclose(found[core], expected[core], rtol=1e-6)
    assert np.abs(found - expected)[inside].max() < 4e3 * 10e-9


def test_a_single_voxel_has_no_gradient():
    density = np.zeros((3, 3, 3), complex)
    density[1, 1, 1] = 1j
    assert solid(density).sum() == 1
    assert np.isnan(strain(density, VOXEL, SCATTERING)).all()


def test_nothing_is_solid_where_nothing_is():
    assert not solid(np.zeros((2, 3, 4), complex)).any()


@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e6])
def test_solid_does_not_depend_on_the_unit(factor):
    density, inside = crystal()
    np.testing.assert_array_equal(solid(factor * (density + 0.05)), inside)
