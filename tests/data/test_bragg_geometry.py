"""Lengths and angles around a Bragg reflection, from what they are made of."""

import math

import numpy as np
import pytest

import bragg_problems
import ptychograd as pg

LENGTHS = (1.5498e-10, 1.5, (55e-6, 55e-6))
ALIASED = (-0.14, -0.06, 0.0, 0.06, 0.14)  # degrees


def geometry(rocking=(-0.02, 0.0, 0.02), two_theta=np.pi / 3, pixel_size=(55e-6, 55e-6)):
    wavelength, distance, _ = LENGTHS
    return pg.BraggGeometry(wavelength, distance, pixel_size, two_theta, tuple(np.radians(rocking).tolist()))


@pytest.mark.parametrize("degrees", [10.0, 50.0, 90.0, 130.0])
def test_the_scattering_vector_is_twice_the_sine_of_half_the_angle(degrees):
    """|G| = 2 k sin θ, half way between the exit beam and the incident one turned back."""
    whole = np.radians(degrees)
    found, k = geometry(two_theta=whole).scattering_vector, 2 * np.pi / 1.5498e-10
    assert np.linalg.norm(found) == pytest.approx(2 * k * np.sin(whole / 2))
    leaves, comes = np.array([0.0, 1.0, 0.0]), np.array([np.sin(whole), np.cos(whole), 0.0])
    np.testing.assert_allclose(found / k, leaves - comes, atol=1e-12)
    assert found @ leaves == pytest.approx(-(found @ comes))


def test_the_voxel_is_what_the_detector_spans():
    """Along x and z one fringe over the whole detector; counted together with positions along (y, z)."""
    one = bragg_problems.GEOMETRY
    fringes = [one.wavelength / (n * pixel / one.distance) for n, pixel in zip((13, 12), (55e-6, 66e-6), strict=True)]
    assert one.voxel((13, 12)) == pytest.approx((fringes[0], fringes[0], fringes[1]))
    assert one.sampling((13, 12)) == pytest.approx(tuple(fringes))
    assert one.sampling((13, 12)) == pytest.approx(bragg_problems.VOXEL)
    assert fringes[0] != pytest.approx(fringes[1], rel=0.05)
    assert one.patterns_together == 5
    assert pg.Geometry(*LENGTHS).patterns_together == 1


def test_the_deviation_is_how_far_a_turned_crystal_leaves_its_reflection():
    """As radians from one voxel of x and y to the next."""
    expected = [bragg_problems.detuning(angle) * bragg_problems.VOXEL[0] for angle in bragg_problems.ROCKING]
    np.testing.assert_allclose(bragg_problems.GEOMETRY.deviation(bragg_problems.FRAME), expected, atol=1e-9)


def test_a_rocking_step_turns_the_phase_as_in_the_paper():
    """0.467 and 0.809 radians a voxel of 66 nm for 0.02 degrees: k dr Δθ (1 - cos 2θ) and k dr Δθ sin 2θ."""
    one = geometry()
    assert one.voxel((64, 64)) == pytest.approx((66.04e-9,) * 3, rel=1e-3)
    turns = one.deviation((64, 64))
    np.testing.assert_allclose(turns[1], 0, atol=1e-12)
    np.testing.assert_allclose(turns[2], [0.467, 0.809], rtol=2e-3)
    np.testing.assert_allclose(turns[0], -turns[2], rtol=2e-3)


def test_angles_that_alias_are_told_with_numbers():
    assert geometry().aliased((64, 64)) == ""
    text = geometry(ALIASED).aliased((64, 64))
    assert text.startswith("2 of 5 rocking angles alias in depth: the phase turns by up to 5.67 radians")
    assert "one voxel of 66.04 nm to the next" in text
    assert text.endswith("angles up to 0.06 degrees do not")
    assert pg.Geometry(*LENGTHS).aliased((64, 64)) == ""


def test_finer_voxels_along_x_alias_less_and_those_along_z_have_no_part_in_it():
    assert geometry(ALIASED).aliased((128, 64)) == ""
    assert geometry(ALIASED).aliased((64, 7)) == geometry(ALIASED).aliased((64, 64))


REFUSED = {
    "degrees of two_theta": ((60.0, (0.0,)), r"two_theta = 60: expected radians between 0 and π; is this degrees\?"),
    "no two_theta": ((0.0, (0.0,)), "two_theta = 0"),
    "straight back": ((math.pi, (0.0,)), "expected radians between 0 and π"),
    "two_theta not a number": ((math.nan, (0.0,)), "two_theta = nan"),
    "degrees of rocking": ((1.0, (-0.5, 0.0, 0.5)), r"3 angles, \(-0.5, 0.0, 0.5\).*are these degrees\?"),
    "no rocking": ((1.0, ()), "0 angles, .*expected at least one"),
    "rocking not a number": ((1.0, (0.0, math.nan)), "2 angles"),
    "the same angle twice": ((1.0, (0.0, 0.001, 0.0)), "Two angles of the rocking curve are the same"),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_angles_that_can_not_be_are_refused(mistake):
    angles, text = REFUSED[mistake]
    with pytest.raises(pg.InputError, match=text):
        pg.BraggGeometry(*LENGTHS, *angles)


def test_lengths_are_checked_as_in_any_geometry():
    with pytest.raises(pg.InputError, match="is this keV or nm"):
        pg.BraggGeometry(8.0, 1.5, (55e-6, 55e-6), 1.0, (0.0,))
