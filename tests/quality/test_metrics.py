"""The registered error: blind to scale, phase and shift, and to nothing else."""

import numpy as np
import pytest

from ptychograd.core.arrays import shifted
from ptychograd.quality.metrics import compare_arrays, nrmse, raster_nrmse, register

FLOOR = 1e-6  # the square root of what double precision leaves of 1 - 1


def an_image(*shape, seed=0):
    """A speckle: complex, smooth over about three pixels, and without symmetry."""
    real, imag = np.random.default_rng(seed).normal(size=(2, *shape))
    f = np.linalg.norm(np.meshgrid(*map(np.fft.fftfreq, shape), indexing="ij"), axis=0)
    return np.fft.ifftn(np.fft.fftn(real + 1j * imag) * (f < 0.3))


def a_ramp(shape, cycles):
    """exp(2πi Σ c·r/n): `cycles` turns of the phase from edge to edge."""
    turns = (c * np.arange(n) / n for c, n in zip(cycles, shape, strict=True))
    return np.exp(2j * np.pi * sum(np.meshgrid(*turns, indexing="ij")))


def moved(image, shift):
    """The image moved by a phase ramp on its spectrum."""
    path = sum(f * s for f, s in zip(np.meshgrid(*map(np.fft.fftfreq, image.shape), indexing="ij"), shift, strict=True))
    return np.fft.ifftn(np.fft.fftn(image) * np.exp(-2j * np.pi * path))


sizes = pytest.mark.parametrize("shape", [(31, 40), (36, 44), (25, 33), (9, 12, 14)], ids=str)


@sizes
def test_an_image_has_no_error_to_itself(shape):
    assert nrmse(an_image(*shape), an_image(*shape)) < FLOOR


@sizes
def test_scale_and_phase_do_not_count(shape):
    assert nrmse(an_image(*shape), 3.3 * np.exp(1.1j) * an_image(*shape)) < FLOOR


def test_a_shift_between_pixels_does_not_count_and_is_found():
    truth = an_image(31, 40)
    shift, error = register(truth, moved(truth, (2.3, -1.7)))
    assert error < FLOOR
    np.testing.assert_allclose(shift, [-2.3, 1.7], atol=1e-9)


def test_a_shift_of_a_volume_is_found():
    truth = an_image(9, 12, 14)
    shift, error = register(truth, moved(truth, (1.2, -0.7, 2.5)))
    assert error < FLOOR
    np.testing.assert_allclose(shift, [-1.2, 0.7, -2.5], atol=1e-9)


def test_the_shift_that_was_found_registers_the_two():
    truth, recovered = an_image(31, 40), moved(an_image(31, 40), (2.3, -1.7))
    np.testing.assert_allclose(shifted(recovered, register(truth, recovered)[0]), truth, atol=1e-12)


@pytest.mark.parametrize("level", [0.03, 0.3])
def test_noise_counts_by_its_share(level):
    truth, noise = an_image(60, 71), an_image(60, 71, seed=1)
    noise *= level * np.linalg.norm(truth) / np.linalg.norm(noise)
    assert nrmse(truth, truth + noise) == pytest.approx(level / np.sqrt(1 + level**2), rel=0.02)


def test_an_image_and_its_conjugate_are_different():
    truth = an_image(31, 40)
    assert nrmse(truth, truth.conj()) > 0.7
    assert nrmse(truth, truth[::-1, ::-1].conj()) > 0.7


def test_unrelated_images_have_the_error_of_the_best_fit():
    """min over a complex scale a and a shift s of |f - a·g(r - s)| / |f|, searched by brute force."""
    f, g = an_image(13, 17), an_image(13, 17, seed=1)
    shift, error = register(f, g)
    assert error > 0.8

    def misfit(shift):
        there = moved(g, shift)
        scale = np.vdot(there, f) / np.vdot(there, there)
        return np.linalg.norm(f - scale * there) / np.linalg.norm(f)

    assert error == pytest.approx(misfit(shift), rel=1e-9)
    assert error <= min(misfit((y, x)) for y in range(13) for x in range(17)) + 1e-12
    assert error <= min(misfit(shift + np.array([y, x]) / 10) for y in range(-5, 6) for x in range(-5, 6)) + 1e-4


def test_error_is_the_same_from_either_side():
    f, g = an_image(31, 40), an_image(31, 40) + an_image(31, 40, seed=1)
    assert nrmse(f, g) == pytest.approx(nrmse(g, f), rel=1e-3)


# Comparison -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(31, 40), (36, 44)], ids=str)
@pytest.mark.parametrize("cycles", [(0.5, -0.3), (0.0, 0.5), (-1.25, 2.0)], ids=str)
def test_a_ramp_counts_and_a_comparison_also_tells_the_error_without_it(shape, cycles):
    truth = an_image(*shape)
    recovered = 0.4j * truth * a_ramp(shape, cycles)
    assert nrmse(truth, recovered) > 0.4
    comparison = compare_arrays(truth, recovered)
    assert comparison.nrmse == nrmse(truth, recovered)
    assert comparison.nrmse_ramp_removed < 0.005


@pytest.mark.parametrize("shape", [(31, 40), (36, 44)], ids=str)
@pytest.mark.parametrize("cycles", [(0.5, -0.3), (-1.25, 2.0)], ids=str)
def test_a_ramp_is_removed_together_with_a_shift(shape, cycles):
    truth = an_image(*shape)
    comparison = compare_arrays(truth, moved(truth, (2.3, -1.7)) * a_ramp(shape, cycles))
    assert comparison.nrmse > 0.4
    assert comparison.nrmse_ramp_removed < 0.005
    np.testing.assert_allclose(comparison.shift, [-2.3, 1.7], atol=0.02)


@pytest.mark.slow
def test_a_ramp_of_a_volume_is_removed_too():
    truth = an_image(9, 12, 14)
    comparison = compare_arrays(truth, moved(truth, (0.4, 0.0, -1.2)) * a_ramp(truth.shape, (0.5, 0.2, -0.4)))
    assert comparison.nrmse_ramp_removed < 0.05


def test_taking_a_ramp_out_never_makes_the_error_larger():
    truth, other = an_image(31, 40), an_image(31, 40, seed=1)
    for recovered in (truth, other, truth + other):
        comparison = compare_arrays(truth, recovered)
        assert comparison.nrmse_ramp_removed <= comparison.nrmse


def test_without_a_ramp_both_errors_agree():
    truth = an_image(60, 71)
    comparison = compare_arrays(truth, truth + 0.1 * an_image(60, 71, seed=1))
    assert comparison.nrmse_ramp_removed == pytest.approx(comparison.nrmse, rel=0.02)
    np.testing.assert_allclose(comparison.shift, 0, atol=0.02)


def test_single_precision_is_compared_in_double():
    truth = an_image(31, 40)
    assert nrmse(truth, (5 * truth).astype(np.complex64)) < 1e-6


def test_raster_nrmse_knows_what_a_raster_leaves_open():
    """A periodic factor and a ramp are no error; noise of 3 % is one of 3 %; another period is a large one."""
    rng = np.random.default_rng(4)
    truth = rng.normal(size=(61, 54)) + 1j * rng.normal(size=(61, 54))
    y, x = np.mgrid[:61, :54]
    factor = (rng.uniform(0.5, 2, (5, 5)) * np.exp(1j * rng.uniform(-3, 3, (5, 5))))[y % 5, x % 5]
    same = truth * factor * np.exp(1j * (0.11 * y - 0.31 * x))
    assert raster_nrmse(truth, same, 5) < 1e-12
    noise = 0.03 * np.abs(factor) * (rng.normal(size=truth.shape) + 1j * rng.normal(size=truth.shape))
    assert raster_nrmse(truth, same + noise, 5) == pytest.approx(0.03, rel=0.1)
    assert raster_nrmse(truth, same, 7) > 0.3
