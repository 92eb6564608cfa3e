"""What data show to be needed beyond doubt, and nothing where they do not."""

import numpy as np
import pytest

import problems
import ptychograd as pg
from ptychograd.data import Preparation, guess_preparation, prepare
from ptychograd.data.preparation import guess_counts, guess_frames, wanted_by

SHAPE = (32, 36)


def intensities(away=(0.0, 0.0), photons=2e4, seed=0):
    """A zone plate with a central stop, out of focus, over an object; its zero frequency so far from the middle."""
    rng, count = np.random.default_rng(seed), 60
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] - np.array(SHAPE)[:, None, None] // 2
    pupil = (x**2 + y**2 < 9**2) & (x**2 + y**2 > 3**2)
    probe = np.fft.ifft2(np.fft.ifftshift(pupil * np.exp(0.06j * (x**2 + y**2))))
    probe = np.fft.fftshift(probe) * np.sqrt(photons / np.sum(np.abs(np.fft.fftshift(probe)) ** 2))
    rough = np.fft.fft2(rng.normal(size=(80, 80)))
    fy, fx = (np.fft.fftfreq(80)[:, None], np.fft.fftfreq(80))
    object = np.exp(1j * np.fft.ifft2(rough * np.exp(-40 * (fy**2 + fx**2))).real * 1.5)
    ramps = [np.exp(2j * np.pi * (n // 2 + a) * np.arange(n) / n) for n, a in zip(SHAPE, away, strict=True)]
    corners = rng.integers(0, 44, (count, 2))
    windows = [object[r : r + SHAPE[0], c : c + SHAPE[1]] * probe for r, c in corners]
    waves = [np.fft.fft2(w * ramps[0][:, None] * ramps[1], norm="ortho") for w in windows]
    return np.abs(np.array(waves)) ** 2, corners.astype(float)


@pytest.fixture(scope="module")
def clean():
    return intensities()


def counted(light, places, gain=1, offset=0, seed=1):
    counts = np.random.default_rng(seed).poisson(light) * gain + offset
    return pg.make_dataset(counts.astype(np.uint32), places)


def test_nothing_is_guessed_of_what_is_in_order(clean):
    assert guess_preparation(counted(*clean)) == ()
    assert guess_preparation(problems.measurement()) == ()


def test_everything_that_is_wrong_at_once_is_found(clean):
    """Zero frequency off centre, counts of 37 over an offset of 100, a hot pixel, and patterns without beam."""
    light, places = intensities((3.3, -2.6))
    light[[7, 31]] *= 1e-4
    data = np.array(counted(light, places, gain=37, offset=100).patterns)
    data[:, 4, 29] += np.random.default_rng(2).poisson(300, len(data)).astype(np.uint32) * 37
    raw = pg.make_dataset(data, places)
    found = guess_preparation(raw)
    fields = {name: value for guess in found for name, value in guess.fields.items()}
    assert (fields["dark"], fields["gain"], fields["hot_pixels"]) == (100, 37, True)
    assert np.allclose(fields["centre"], (16 + 3.3, 18 - 2.6), atol=0.1)
    assert fields["frames"].dimmest == 0.1
    ready = prepare(raw, wanted_by(found))
    assert ready.count == 58
    assert not ready.mask[4 - 3, 29 + 3]
    assert guess_preparation(ready) == ()
    paths = [path for guess in found for path in guess.in_plan]
    assert paths[-1] == "data.prepare.frames.dimmest"


def test_a_zero_frequency_in_a_corner_is_seen(clean):
    light, places = clean
    found = guess_preparation(counted(np.fft.ifftshift(light, axes=(1, 2)), places))
    assert [dict(guess.fields) for guess in found] == [{"shift": True}]


def test_a_zero_frequency_near_a_corner_is_said_in_pixels_of_the_file():
    light, places = intensities((3.3, -2.6))
    raw = counted(np.fft.ifftshift(light, axes=(1, 2)), places)
    found = guess_preparation(raw)
    assert [list(guess.fields) for guess in found] == [["shift"], ["centre"]]
    assert np.allclose(found[1].fields["centre"], (3.3, 36 - 2.6), atol=0.1)
    assert guess_preparation(prepare(raw, wanted_by(found))) == ()
    assert guess_preparation(raw, Preparation(shift=True)) == ()


def test_a_gain_under_the_noise_of_reading_is_right_or_not_said(clean):
    light, places = clean
    rng = np.random.default_rng(3)
    for noise in (2.0, 10.0, 25.0):
        values = rng.poisson(light / 20) * 37.0 + 400 + rng.normal(0, noise, light.shape)
        guess = guess_counts(pg.make_dataset(np.round(values).astype(np.uint16), places))
        if guess is not None and "gain" in guess.fields:
            assert guess.fields["gain"] == pytest.approx(37, rel=0.15)


@pytest.mark.parametrize(("seed", "diameter"), [(1, 10), (3, 10), (0, 20)])
def test_speckle_of_a_small_opening_is_no_gain(seed, diameter):
    """Its dim pixels vary by what the object does as well, and the dimmer the less; the dimmest show photons."""
    rng, shape = np.random.default_rng(seed), (64, 60)
    y, x = np.mgrid[: shape[0], : shape[1]] - np.array(shape)[:, None, None] // 2
    probe = np.clip(diameter / 2 - np.hypot(y, x) + 0.5, 0, 1) * np.exp(0.02j * (x**2 + y**2))
    rows, columns = np.mgrid[:104, :100]
    thickness = np.zeros(rows.shape)
    for _ in range(60):
        away = np.hypot(rows - rng.uniform(0, 104), columns - rng.uniform(0, 100))
        disc = np.clip(rng.uniform(2, 9) - away + 0.5, 0, 1) * rng.uniform(0.3, 1)
        thickness = np.maximum(thickness, disc)
    object, corners = np.exp(-(0.15 + 1j) * thickness), rng.integers(0, 40, (110, 2))
    waves = np.array([object[r : r + shape[0], c : c + shape[1]] for r, c in corners]) * probe
    light = np.abs(np.fft.fftshift(np.fft.fft2(waves), axes=(1, 2))) ** 2
    assert guess_counts(counted(light * 2e5 / light[0].sum(), corners.astype(float))) is None


def test_patterns_that_are_merely_dimmer_are_left_alone(clean):
    light, places = clean
    dimmer = light * np.linspace(0.05, 1, len(light))[:, None, None]
    assert guess_frames(counted(dimmer, places)) is None


def test_a_beam_without_symmetry_has_no_centre(clean):
    light, places = clean
    lopsided = light * np.linspace(0, 1, SHAPE[1]) ** 3 + np.random.default_rng(0).gamma(0.3, 30, SHAPE)
    with pytest.raises(pg.InputError, match="give the pixel of the zero frequency"):
        prepare(counted(lopsided, places), Preparation(centre="auto"))
