"""Crystals against the truth: how far they are displaced along the beam and across it, and how wrong their core is."""

import numpy as np
import pytest
from scipy.ndimage import binary_erosion

import bragg_problems
import ptychograd as pg
from ptychograd.core.arrays import shifted
from ptychograd.quality.comparison import compare_crystals, compare_with_truth

ROOM = [(6, 6), (5, 5), (4, 4)]


def solid():
    """A crystal with a core, soft at its faces, so that it can be shifted by a part of a voxel."""
    x, y, z = np.mgrid[:19, :25, :22]
    inside = ((x - 9.3) / 5.2) ** 2 + ((y - 11.7 + 0.3 * x) / 7.3) ** 2 + ((z - 10.2) / 6.1) ** 2
    return 0.4 / (1 + np.exp(8 * (inside - 1))) * np.exp(1j * (0.3 * np.sin(y / 4) + 0.02 * x * z))


def core_of(truth):
    return binary_erosion(np.abs(truth) > np.abs(truth).max() / 2, iterations=2)


@pytest.mark.parametrize("two_theta", [0.9, 2.0])
@pytest.mark.parametrize(("along", "across"), [(1.5, 0.0), (-2.0, 0.0), (0.0, 0.8), (0.7, 1.2)])
def test_a_displacement_is_told_along_the_beam_and_across_it(two_theta, along, across):
    """Along k_i = (sin 2θ, cos 2θ, 0); across, here half in the plane of reflection and half out of it."""
    beam = np.array([np.sin(two_theta), np.cos(two_theta), 0])
    aside = np.array([-np.cos(two_theta), np.sin(two_theta), 1]) / np.sqrt(2)
    truth = np.pad(solid(), ROOM)
    figures = compare_crystals(truth, shifted(truth, along * beam + across * aside), two_theta)
    assert figures["shift_along_beam"] == pytest.approx(along, abs=0.015)
    assert figures["shift_across_beam"] == pytest.approx(across, abs=0.015)
    assert figures["object_nrmse"] < 0.02
    assert figures["core_nrmse"] < 0.02
    assert figures["core_phase_rms"] < 0.02


@pytest.mark.parametrize("wrong", [0.02, 0.1])
def test_an_error_of_the_core_is_told_in_radians(wrong):
    """Of phases ± as given in two halves of the core, whatever the whole is multiplied with."""
    truth = solid()
    core = core_of(truth)
    signs = np.where(np.random.default_rng(4).permutation(np.arange(truth.size) % 2), 1, -1).reshape(truth.shape)
    figures = compare_crystals(truth, 3 * np.exp(1.1j) * truth * np.exp(1j * wrong * signs), 0.9)
    balance = signs[core].mean()
    assert figures["core_phase_rms"] == pytest.approx(wrong * np.sqrt(1 - balance**2), rel=0.02)
    assert figures["core_nrmse"] == pytest.approx(np.sin(wrong), rel=0.02)
    assert figures["shift_along_beam"] == figures["shift_across_beam"] == 0


def test_the_core_knows_nothing_of_the_shell():
    """Which the error of the whole crystal does: two voxels at its faces."""
    truth = solid()
    wrong = np.where(core_of(truth), truth, 0.8 * truth)
    figures = compare_crystals(truth, wrong, 0.9)
    assert figures["core_nrmse"] < 1e-6
    assert figures["core_phase_rms"] < 1e-6
    assert figures["object_nrmse"] > 0.05


def test_a_crystal_without_a_core_has_no_phase_error():
    truth = np.zeros((9, 9, 9), complex)
    truth[4, 4, 3:6] = 1
    figures = compare_crystals(truth, truth, 0.9)
    assert figures["object_nrmse"] < 1e-6
    assert np.isnan(figures["core_phase_rms"])


def test_a_result_is_compared_with_the_truth_of_its_data():
    """The density within the support counts, and the strongest mode of the beam."""
    data = bragg_problems.measurement()
    model = pg.bragg(data, object=lambda shape: np.where(bragg_problems.support(), bragg_problems.density(), 7))
    result = pg.reconstruct(model, data, pg.solvers.EvaluateOnly(), epochs=0)
    figures = compare_with_truth(result, data)
    assert figures["object_nrmse"] < 1e-3
    assert figures["probe_nrmse"] < 1e-3
    other = pg.make_dataset(
        data.patterns, data.positions, truth=pg.data.GroundTruth(data.truth.object[1:], data.truth.probe)
    )
    with pytest.raises(pg.InputError, match=r"\(6, 26, 21\), the result's \(7, 26, 21\): not the same scan"):
        compare_with_truth(result, other)
