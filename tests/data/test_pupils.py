"""Whether the light on the detector is that of a lens: of a measured zone plate yes, of a pinhole and a Gaussian no."""

from pathlib import Path

import numpy as np
import pytest
from scipy.special import j1

from ptychograd.data.checks.pupils import is_pupil

RADIUS = np.hypot(*(np.indices((64, 64)) - 31.7))
WIDE = np.hypot(*(np.indices((300, 256)) - 120.3))
STAR = Path(__file__).parent / "measured" / "siemens_star_small.npz"


def airy(radius, width):
    x = radius / width + 1e-9
    return 1e4 * (2 * j1(x) / x) ** 2


def test_a_measured_zone_plate_behind_a_sample_is_a_lens():
    mean = np.load(STAR)["intensity"].mean(axis=0)
    assert is_pupil(mean)
    assert is_pupil(mean.T[::-1])


@pytest.mark.parametrize("width", [2.0, 5.0, 9.0])
@pytest.mark.parametrize("radius", [RADIUS, WIDE], ids=["small frame", "large frame"])
def test_a_pinhole_and_a_gaussian_are_none(width, radius):
    assert not is_pupil(airy(radius, width))
    assert not is_pupil(1e4 * np.exp(-((radius / width) ** 2)))


def test_a_disc_and_a_ring_with_noise_are_lenses():
    disc = 200.0 * (RADIUS < 20)
    for light in (disc, disc * (RADIUS > 9)):
        assert is_pupil(np.random.default_rng(1).poisson(light, (30, 64, 64)).mean(axis=0))
