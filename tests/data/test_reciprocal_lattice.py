"""The reciprocal lattice of a scan, from its positions: against the inverse of the lattice that made them."""

import numpy as np
import pytest

from ptychograd.data.reciprocal_lattice import reciprocal_lattice

SHAPES = {  # the two steps of a scan, each (y, x)
    "square": [(5.0, 0.0), (0.0, 5.0)],
    "not square": [(7.5, 0.0), (0.0, 5.0)],
    "hexagonal": [(4.33, 2.5), (0.0, 5.0)],
    "oblique": [(5.0, 1.4), (-0.6, 3.8)],
}


def turned(steps, degrees):
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array(steps) @ [[cosine, sine], [-sine, cosine]]


def scan(steps, rows, columns):
    numbers = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"), -1).reshape(-1, 2)
    return numbers @ steps


def orders(found, steps):
    """Waves in units of the reciprocal basis, b with a_i · b_j = 2π δ_ij."""
    return found.waves @ np.array(steps).T / (2 * np.pi)


def jittered(positions, share, seed=0):
    return positions + np.random.default_rng(seed).uniform(-share / 2, share / 2, positions.shape) * 5


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize(("rows", "columns", "degrees"), [(21, 16, 0.0), (8, 33, -37.3), (13, 13, 45.0)])
def test_it_is_that_of_the_steps_however_the_scan_is_turned(kind, rows, columns, degrees):
    steps = turned(SHAPES[kind], degrees)
    positions = scan(steps, rows, columns) + np.array([100.3, -7.1])
    positions = np.random.default_rng(1).permutation(positions)
    found = reciprocal_lattice(positions)
    np.testing.assert_allclose(orders(found, steps), np.round(orders(found, steps)), atol=1e-9)
    first = np.round(orders(found, steps)).astype(int)
    assert len(first) == (3 if kind == "hexagonal" else 2)
    assert abs(np.linalg.det(first[:2])) == pytest.approx(1)  # a basis: no point of the lattice is left out
    np.testing.assert_allclose(found.structure_factor, np.exp(-1j * found.waves @ positions[0]), atol=1e-9)


def test_two_shortest_waves_are_the_basis():
    steps = turned([(5.0, 17.0), (0.0, 3.0)], 20.0)  # far from its reduced basis, (5, 2) and (0, 3)
    found = reciprocal_lattice(scan(steps, 20, 20))
    lengths = np.sort(np.linalg.norm(found.waves, axis=1))
    every = [np.linalg.norm(np.array(h) @ np.linalg.inv(steps.T) * 2 * np.pi) for h in np.ndindex(15, 15)]
    every += [np.linalg.norm(np.array([h, -k]) @ np.linalg.inv(steps.T) * 2 * np.pi) for h, k in np.ndindex(15, 15)]
    shortest = np.unique(np.round(every, 9))
    np.testing.assert_allclose(lengths[:2], shortest[1:3], rtol=1e-6)


def test_positions_may_be_in_metres_left_out_and_a_little_off():
    steps = turned(SHAPES["not square"], 12.0)
    positions = jittered(scan(steps, 30, 25), 0.08)
    kept = np.random.default_rng(2).random(len(positions)) < 0.7
    found = reciprocal_lattice(positions[kept] * 1e-8)
    away = orders(found, steps * 1e-8) - np.round(orders(found, steps * 1e-8))
    assert np.abs(away).max() < 1e-3
    assert len(found.waves) == 2


def test_a_large_scan_is_told_as_well():
    steps = turned(SHAPES["square"], 3.0)
    found = reciprocal_lattice(jittered(scan(steps, 150, 140), 0.1))
    assert np.abs(orders(found, steps) - np.round(orders(found, steps))).max() < 1e-4
    assert len(found.waves) == 2


def test_rows_that_are_shifted_at_random_leave_a_lattice_along_them():
    positions = scan(SHAPES["square"], 25, 25)
    positions[:, 0] += np.repeat(np.random.default_rng(0).uniform(-2, 2, 25), 25)
    found = reciprocal_lattice(positions)
    np.testing.assert_allclose(np.abs(found.waves), [[0, 2 * np.pi / 5]], atol=1e-9)


def test_a_line_has_waves_along_it():
    found = reciprocal_lattice(scan(turned([(5.0, 0.0), (0.0, 1.0)], 30.0), 40, 1))
    (wave,) = found.waves
    assert np.linalg.norm(wave) == pytest.approx(2 * np.pi / 5)


def spiral(count):
    number = np.arange(count)
    angle = number * np.pi * (3 - np.sqrt(5))
    return 3 * np.sqrt(number + 0.5)[:, None] * np.stack([np.sin(angle), np.cos(angle)], -1)


@pytest.mark.parametrize(
    "positions",
    [
        jittered(scan(SHAPES["square"], 30, 30), 0.6),
        spiral(900),
        np.random.default_rng(3).uniform(0, 100, (400, 2)),
        scan(SHAPES["square"], 3, 3),
        np.zeros((100, 2)),
        np.full((100, 2), np.nan),
        np.zeros((0, 2)),
    ],
    ids=["jittered", "spiral", "random", "few", "one place", "not finite", "none"],
)
def test_other_scans_have_none(positions):
    found = reciprocal_lattice(positions)
    assert found.waves.shape == (0, 2)
