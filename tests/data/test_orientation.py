"""Eight orientations: they form a group, a support goes with them, and a short trial finds the right one."""

from dataclasses import replace

import numpy as np
import pytest

import bragg_problems
import near_problems
import problems
import ptychograd as pg
from ptychograd.data.orientation import ALL, inverse, twin
from spirals import FRAME, irregular_scan


def by_hand(code, positions):
    """The table, written down once more."""
    y, x = positions.T
    return {
        0: (y, x),
        1: (y, -x),
        2: (-y, x),
        3: (-y, -x),
        4: (x, y),
        5: (x, -y),
        6: (-x, y),
        7: (-x, -y),
    }[code]


@pytest.mark.parametrize("code", ALL)
def test_positions_are_turned_by_the_table_and_back(code):
    data = problems.measurement()
    turned = pg.data.apply_orientation(data, code)
    np.testing.assert_array_equal(turned.positions, np.stack(by_hand(code, data.positions), axis=1))
    assert turned.patterns is data.patterns
    back = pg.data.apply_orientation(turned, inverse(code))
    np.testing.assert_array_equal(back.positions, data.positions)
    assert np.array_equal(pg.data.apply_orientation(data, twin(code)).positions, -turned.positions)


def turn(image, code):
    """An image whose axes are turned as the positions are."""
    image = image.T if code & 4 else image
    return image[:: -1 if code & 2 else 1, :: -1 if code & 1 else 1]


@pytest.mark.variants
@pytest.mark.parametrize("code", ALL)
def test_a_support_is_turned_with_the_positions(code):
    """What each window sees of it is what it saw before, its axes turned; in metres as in pixels."""
    frame, box = 16, (41, 53)
    rng = np.random.default_rng(1)
    support = rng.random(box) < 0.5
    corners = rng.integers(0, np.array(box) - frame, (30, 2)).astype(float)
    geometry = pg.Geometry(1e-10, 1.0, (50e-6, 50e-6))
    pixel = geometry.sampling((frame, frame))[0]
    patterns = np.ones((30, frame, frame))
    for scale, known in ((1.0, None), (pixel, geometry)):
        data = pg.make_dataset(patterns, corners * scale, geometry=known, support=support)
        turned = pg.data.apply_orientation(data, code)
        assert turned.support.shape == (box[::-1] if code & 4 else box)
        for before, after in zip(corners.astype(int), turned.positions / scale, strict=True):
            np.testing.assert_allclose(after, np.round(after), atol=1e-6)
            seen = support[before[0] : before[0] + frame, before[1] : before[1] + frame]
            row, column = np.round(after).astype(int)
            np.testing.assert_array_equal(turned.support[row : row + frame, column : column + frame], turn(seen, code))
        pg.far_field(turned)  # no window begins outside


def test_what_has_no_orientation_is_refused():
    near = near_problems.measurement()
    with pytest.raises(pg.InputError, match="36 x 30 pixels or their pixels are not square"):
        pg.data.apply_orientation(near, 4)
    assert pg.data.apply_orientation(near, 3).support.shape == near.support.shape
    with pytest.raises(pg.InputError, match="orientation of 8; expected a code from 0"):
        pg.data.apply_orientation(near, 8)
    crystal = bragg_problems.measurement()
    assert pg.data.apply_orientation(crystal, 0) is crystal
    with pytest.raises(pg.InputError, match="rocking curves"):
        pg.data.apply_orientation(crystal, 1)
    with pytest.raises(pg.InputError, match="rocking curves"):
        pg.automatic.try_orientations(crystal)
    with pytest.raises(pg.InputError, match="7 patterns with photons are too few"):
        pg.automatic.try_orientations(pg.data.subset(problems.measurement(), range(7)))


@pytest.mark.slow
def test_dark_patterns_are_no_part_of_a_trial():
    """A few lit ones among many dark ones: of those alone four are held out, and all others are fitted."""
    data = problems.measurement()
    fitted, some = [], data.only(np.isin(np.arange(data.count), np.arange(20, 33)))

    def model_of(part):
        fitted.append(np.count_nonzero(part.photons))
        return pg.far_field(part)

    trials = pg.automatic.try_orientations(some, model_of, epochs=1, most=12)
    assert set(fitted) == {12 - 4}
    assert {np.count_nonzero(trial.result.illuminated) for trial in trials} == {12 - 4}
    with pytest.raises(pg.InputError, match="7 patterns with photons are too few to hold some out; expected 8"):
        pg.automatic.try_orientations(data.only(np.arange(data.count) < 7))


@pytest.fixture(scope="module")
def scan():
    return irregular_scan()


@pytest.mark.slow
@pytest.mark.parametrize(
    "code", [code if code in (2, 5) else pytest.param(code, marks=pytest.mark.slow) for code in ALL]
)
def test_the_trial_finds_each_orientation_of_a_far_field(scan, code):
    """A start probe on the right side of the focus, neither as wide nor as curved nor where the true one is."""
    wrong = pg.data.apply_orientation(scan, code)
    trials = pg.automatic.try_orientations(wrong, epochs=8)
    found = pg.automatic.preference(trials, wrong)
    assert found.codes == (inverse(code),)
    assert found.margin > 1
    assert sorted(trial.code for trial in trials) == list(ALL)


def test_a_far_field_has_a_twin():
    """|F(P O_j)|² is that of P*(-r) and O*(-r) at -r_j; in odd frames each pixel has a partner."""
    rng, frame, size = np.random.default_rng(0), (15, 17), (40, 47)
    probe, object = (rng.normal(size=shape) + 1j * rng.normal(size=shape) for shape in (frame, size))
    corners = rng.integers(0, np.array(size) - frame, (9, 2))
    mirrored, conjugate = probe[::-1, ::-1].conj(), object[::-1, ::-1].conj()
    for y, x in corners:
        pattern = np.abs(np.fft.fft2(probe * object[y : y + frame[0], x : x + frame[1]])) ** 2
        there = np.array(size) - frame - (y, x)  # the corner at the negated position
        seen = conjugate[there[0] : there[0] + frame[0], there[1] : there[1] + frame[1]]
        np.testing.assert_allclose(np.abs(np.fft.fft2(mirrored * seen)) ** 2, pattern, rtol=1e-9)


@pytest.mark.slow
def test_a_far_field_alone_leaves_a_pair():
    """|F(P O)|² is that of P*(-r) O*(-r) at negated positions: a start in focus can't tell, and it is said."""
    y, x = np.mgrid[:FRAME, :FRAME] - FRAME // 2
    focus = np.exp(-(y**2 + x**2) / 30)[None] + 0j
    wrong = replace(pg.data.apply_orientation(irregular_scan(step=2.5), 5), probe=focus)
    found = pg.automatic.preference(pg.automatic.try_orientations(wrong), wrong)
    assert found.is_pair
    assert found.codes == (5, 6)
    assert "can't tell the two apart" in found.summary


@pytest.mark.slow
@pytest.mark.parametrize("code", [*(pytest.param(code, marks=pytest.mark.slow) for code in (0, 6, 7)), 1])
def test_the_trial_finds_orientations_of_a_near_field(code):
    """Its support is left out, and no probe is known; frames and pixels are not square."""
    data = replace(near_problems.measurement(), support=None)
    wrong = pg.data.apply_orientation(data, code)
    trials = pg.automatic.try_orientations(wrong, epochs=10)
    assert pg.automatic.preference(trials, wrong).codes == (inverse(code),)


@pytest.mark.slow
def test_a_trial_takes_the_middle_of_a_large_scan(scan):
    told = []
    trials = pg.automatic.try_orientations(scan, epochs=1, most=20, on_trial=lambda code, r_factor: told.append(code))
    assert sorted(told) == list(ALL)
    assert len(trials[0].result.arrays["scan.corner"]) == 20


@pytest.mark.slow
def test_a_start_that_leads_astray_is_not_believed():
    """A probe far too small, of a scan with wide steps: what fits best after ten epochs is wrong, but hardly better."""
    y, x = np.mgrid[:FRAME, :FRAME] - FRAME // 2
    data = replace(irregular_scan(), probe=np.exp(-(y**2 + x**2) / 30)[None] + 0j)
    trials = pg.automatic.try_orientations(data)
    assert trials[0].code in (1, 2)
    assert "none stands out" in pg.automatic.preference(trials, data).summary


def zone_plate_scan(size=32, count=81):
    """An annular pupil far out of focus, as in zone_plate.py of the cases, smaller; a chiral object; NumPy alone."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:size, :size] - size // 2
    ring = (np.hypot(y, x) < 5.5) & (np.hypot(y, x) > 1.5)
    probe = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(ring * np.exp(0.2j * (y**2 + x**2)))))
    probe *= np.sqrt(1e5 / np.sum(np.abs(probe) ** 2))
    angle, radius = np.arange(count) * np.pi * (3 - np.sqrt(5)), 2.6 * np.sqrt(np.arange(count))
    corners = np.round(np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1))
    corners -= corners.min(axis=0)
    box = corners.max(axis=0).astype(int) + size
    metal = np.zeros(box)
    for top, left, tall in rng.integers(0, (*box, 14), (30, 3)):
        metal[top : top + tall, left : left + 2] = metal[top : top + 2, left : left + tall // 2] = 1
    patterns = []
    for row, column in corners.astype(int):
        wave = probe * np.exp((-0.1 - 1j) * metal[row : row + size, column : column + size])
        patterns.append(rng.poisson(np.abs(np.fft.fftshift(np.fft.fft2(wave, norm="ortho"))) ** 2))
    geometry = pg.Geometry(1e-10, 1.0, (50e-6, 50e-6))
    pixel = geometry.sampling((size, size))[0]
    return pg.make_dataset(np.array(patterns, np.uint16), corners * pixel, geometry=geometry)


@pytest.mark.slow
def test_a_beam_out_of_focus_is_tried_where_one_in_focus_tells_nothing():
    wrong = pg.data.apply_orientation(zone_plate_scan(), 5)
    assert not pg.automatic.preference(pg.automatic.try_orientations(wrong, widths=()), wrong).is_certain
    trials = pg.automatic.try_orientations(wrong)
    found = pg.automatic.preference(trials, wrong)
    assert found.is_pair
    assert found.codes == (5, 6)
    defocus = {trial.code: trial.defocus for trial in trials}
    assert defocus[5] == -defocus[6] != 0
    radius = np.pi * 0.2 / np.pi  # phase 0.2 n² = πλz (n / (size pixel))²
    pixel = wrong.geometry.sampling(wrong.frame_shape)[0]
    assert abs(defocus[6]) == pytest.approx(radius / np.pi * (32 * pixel) ** 2 / 1e-10, rel=0.4)


def test_what_is_not_told_is_not_told(scan):
    trials = [pg.automatic.OrientationTrial(code, 0.3 + 0.001 * code, None) for code in ALL]
    found = pg.automatic.preference(trials, scan)
    assert found.codes == tuple(ALL)
    assert not found.is_pair
    assert "none stands out" in found.summary
