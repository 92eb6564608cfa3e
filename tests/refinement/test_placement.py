"""Positions that are off by a good part of the beam, placed by the patterns' holograms.

Patterns are made here, by NumPy alone, of a beam behind a defocused lens with an annular pupil.
"""

from typing import NamedTuple

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import ptychograd as pg
from ptychograd.refinement.positions.placement.growth import Affine, grown
from ptychograd.refinement.positions.placement.holograms import holograms
from ptychograd.refinement.positions.placement.mosaic import Mosaic, Prior

FRAME, COUNT, WITHIN = (60, 64), 70, 16
ERROR = WITHIN / 4.5  # pixels along y and x


class Scan(NamedTuple):
    """Patterns, where they were taken, where it was meant to be, and the beam."""

    patterns: np.ndarray
    true: np.ndarray
    nominal: np.ndarray
    probe: np.ndarray


def beam(defocus: float) -> np.ndarray:
    f = [np.fft.fftfreq(n) for n in FRAME]
    rho = np.hypot(f[0][:, None], f[1])
    pupil = 1 / (1 + np.exp((rho - 0.3) / 0.01)) / (1 + np.exp((0.12 - rho) / 0.01))
    return np.fft.fftshift(np.fft.ifft2(pupil * np.exp(1j * np.pi * defocus * rho**2)))


def scan(seed: int = 0, distort=lambda nominal: nominal, error: float = ERROR) -> Scan:
    rng, k = np.random.default_rng(seed), np.arange(COUNT)
    spiral = np.sqrt(60 / np.pi * (k + 0.5))[:, None] * np.stack([np.sin(2.39996 * k), np.cos(2.39996 * k)], 1)
    errors = rng.normal(0, error, (COUNT, 2)) if error else np.zeros((COUNT, 2))
    true = np.rint(distort(spiral) + errors).astype(int)
    true -= true.min(0)
    shape = true.max(0) + FRAME
    noise = gaussian_filter(rng.standard_normal(shape), 1.5)
    image = np.exp((-0.1 - 0.9j) * (noise > 0))
    probe = beam(60.0)
    probe *= np.sqrt(1e7 / np.sum(np.abs(probe) ** 2))
    exits = [probe * image[y : y + FRAME[0], x : x + FRAME[1]] for y, x in true]
    waves = np.fft.fftshift(np.fft.fft2(exits, norm="ortho"), axes=(1, 2))
    return Scan(rng.poisson(np.abs(waves) ** 2).astype(np.int32), true, spiral - spiral.min(0), probe)


def errors(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Distances from the truth, the affine part taken off."""
    terms = np.c_[true, np.ones(len(true))]
    moved = found - true
    return np.hypot(*(moved - terms @ np.linalg.lstsq(terms, moved, rcond=None)[0]).T)


def model_of(made: Scan, positions: np.ndarray, defocus: float = 1.0):
    """Start model, and data whose positions are in object pixels."""
    data = pg.make_dataset(made.patterns, positions)
    probe = beam(60.0 * defocus) * np.sqrt(made.patterns.sum((1, 2)).mean())
    return pg.far_field(data, probe=lambda *given: probe.astype(np.complex64)), data


def placed(made: Scan, defocus: float = 1.0):
    model, data = model_of(made, made.nominal, defocus)
    pieces = holograms(data, np.arange(COUNT), model.probe.modes[0], model.propagator)
    mosaic = Mosaic(pieces, made.nominal, Prior.of(ERROR, WITHIN))
    return grown(mosaic, 0, made.nominal, ERROR), mosaic


def test_an_affine_map_is_found_beside_points_that_have_gone_astray():
    rng = np.random.default_rng(1)
    given, matrix, shift = rng.uniform(0, 90, (60, 2)), np.array([[0.08, -0.05], [0.03, -0.02]]), np.array([3.0, -7.0])
    found = given + given @ matrix.T + shift
    found[:9] += rng.uniform(20, 40, (9, 2))
    affine = Affine.between(given, found)
    np.testing.assert_allclose(affine.matrix, matrix, atol=1e-4)
    np.testing.assert_allclose(affine(given[9:]), found[9:], atol=1e-2)
    np.testing.assert_allclose(affine.inverse(affine(given)), given, atol=1e-9)


def test_few_points_with_large_errors_leave_the_map_near_the_identity():
    rng = np.random.default_rng(2)
    given = rng.uniform(0, 12, (8, 2))
    affine = Affine.between(given, given + rng.normal(0, 4, (8, 2)), error=4.0)
    assert np.abs(affine.matrix).max() < 0.06


@pytest.mark.slow
def test_what_a_piece_explains_is_the_sum_over_its_pixels():
    """The correlation by transforms, at its best place and beside, against a sum in the open."""
    made = scan(3)
    _, mosaic = placed(made)
    mosaic.take(5)
    best = mosaic.fit(5).corner
    image, (height, width) = mosaic.image, mosaic.size

    def value(corner):
        y, x = corner
        t = image[y : y + height, x : x + width]
        explained = 2 * np.sum(np.conj(mosaic.holograms.weighted[5]) * t).real - np.sum(
            mosaic.holograms.power * abs(t) ** 2
        )
        prior = mosaic.prior.log[tuple(corner - mosaic.expected[5] + WITHIN)]
        return 60 * explained / mosaic.holograms.energy[5] + prior

    around = [value(best + np.array([dy, dx])) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    assert np.argmax(around) == 4


@pytest.mark.slow
def test_the_mosaic_tells_which_patterns_lie_right():
    made = scan()
    made.patterns[7] = made.patterns[7][::-1, ::-1]  # a pattern of another place, or of none
    model, data = model_of(made, made.nominal)
    found = pg.refinement.hologram_mosaic(model, data, WITHIN)
    astray = errors(found.placed, made.true) > 3
    assert np.argmin(found.explained) == 7
    assert found.explained[7] < np.median(found.explained[~astray]) / 2
    figure = pg.plot.mosaic_figure(found, made.true.astype(float))
    assert [axis.get_title() for axis in figure.axes][:2] == ["mosaic of holograms", "explained by the others"]


@pytest.mark.slow
@pytest.mark.parametrize("defocus", [1.0, 0.9])
def test_errors_of_a_good_part_of_the_beam_are_found(defocus):
    made = scan()
    found, _ = placed(made, defocus)
    assert np.median(errors(made.nominal, made.true)) > 3
    assert np.median(errors(found.corner, made.true)) < 1
    assert np.mean(errors(found.corner, made.true) > 3) < 0.05


def test_a_wrong_scale_and_rotation_of_the_scan_are_found_by_themselves():
    turn = np.deg2rad(5)
    matrix = 1.1 * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    made = scan(1, lambda nominal: nominal @ matrix.T)
    found, _ = placed(made)
    assert np.mean(errors(found.corner, made.true) > 3) < 0.05
    np.testing.assert_allclose(np.eye(2) + found.affine.matrix, matrix, atol=0.03)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"within": 0}, "Positions placed within 0 pixels"),
        ({"epochs": 0}, "tried for 0 epochs"),
    ],
)
def test_numbers_out_of_their_range_are_refused(settings, sentence):
    model, data = model_of(made := scan(), made.nominal)
    free = pg.models.with_refinable_positions(model, 20)
    with pytest.raises(pg.InputError, match=sentence):
        pg.refinement.PositionPlacement(data, **settings).check(free)


def test_positions_that_can_not_be_refined_are_not_placed():
    model, data = model_of(made := scan(), made.nominal)
    with pytest.raises(pg.InputError, match="positions can't be refined"):
        pg.refinement.PositionPlacement(data).check(model)


@pytest.mark.slow
@pytest.mark.parametrize("is_true", [False, True])
def test_a_run_places_what_is_wrong_and_keeps_what_is_right(is_true):
    made = scan(4)
    positions = made.true.astype(float) if is_true else made.nominal
    model, data = model_of(made, positions)
    fitted, held = pg.hold_out(data, 0.1)
    free = pg.models.with_refinable_positions(model, WITHIN + 8)
    stages = (pg.Stage(2), pg.Stage(28, ("object", "probe", "scan.offset")))
    stages = pg.runs.with_position_placement(stages, fitted, held, free, WITHIN)
    stages = pg.runs.with_position_search(stages, fitted, free)
    result = pg.perform(pg.Run(free, fitted, pg.Nesterov(), stages, batch_size=10))
    change = result.settings["changes"][0]["change"]
    assert change.startswith("the given positions stay" if is_true else "positions placed")
    found = positions + result.arrays["scan.offset"]
    fitted_places = np.flatnonzero(fitted.photons)
    assert np.sqrt(np.mean(errors(found, made.true)[fitted_places] ** 2)) < 0.5
