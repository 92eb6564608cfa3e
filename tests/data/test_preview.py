"""A part of the data that shows in little time what is coming."""

import numpy as np
import pytest

import bragg_problems
import near_problems
import problems
import ptychograd as pg
from ptychograd.data import preview_of
from ptychograd.data.preview.choosing import EPOCHS, PIXELS_A_SECOND, STARTING
from ptychograd.data.preview.reducing import binned, cropped
from ptychograd.paper.far_field import FarFieldExperiment

FAR = FarFieldExperiment().dataset()


def seconds_for(pixels: float) -> float:
    """The time in which so many pixels are taken in an epoch."""
    needed = pixels * EPOCHS / PIXELS_A_SECOND * (1 + 1e-9)
    return min(STARTING + needed, 5 * needed)  # of a short time a fifth at least is for the epochs


def error_of(part: pg.Dataset, **options) -> float:
    result = pg.reconstruct(pg.far_field(part, **options), part, pg.Nesterov(), epochs=30, batch_size=8)
    return result.history.r_factor[-1]


def test_small_data_are_taken_as_they_are(siemens_star):
    data = pg.read(siemens_star)
    for whole in (data, FAR):
        part, note = preview_of(whole)
        assert part is whole
        assert note == "preview: all patterns, as they are"


def test_of_many_patterns_those_in_the_middle_are_taken():
    part, note = preview_of(FAR, seconds_for(220 * 64 * 64))
    assert part.count == 220
    assert "220 of 484 patterns" in note
    away = np.linalg.norm(FAR.positions - np.median(FAR.positions, axis=0), axis=1)
    taken = np.linalg.norm(part.positions - np.median(FAR.positions, axis=0), axis=1)
    assert taken.max() <= np.sort(away)[219] * (1 + 1e-9)
    assert part.frame_shape == (64, 64)


def test_the_middle_of_the_detector_keeps_the_window_and_makes_the_object_coarser():
    part, note = preview_of(FAR, seconds_for(484 * 32 * 32))
    assert part.count == 484
    assert part.frame_shape == (32, 32)
    assert "the middle 32 x 32 of 64 x 64 pixels with 90% of the photons" in note
    before, after = FAR.geometry.sampling((64, 64)), part.geometry.sampling((32, 32))
    np.testing.assert_allclose(np.multiply(after, 32), np.multiply(before, 64))
    np.testing.assert_allclose(part.total, part.patterns.sum())
    model = pg.far_field(part)
    assert model.object.support.shape == (95, 95)
    truth = FAR.support[::2, ::2]
    assert np.mean(np.asarray(model.object.support) != truth) < 0.02


@pytest.mark.slow
def test_what_a_preview_of_the_papers_far_field_shows():
    """The coarse object resembles the true one on its pixels, but for the light beside the middle of the detector."""
    part, _ = preview_of(FAR, seconds_for(484 * 32 * 32))
    result = pg.reconstruct(pg.far_field(part), part, pg.Nesterov(), epochs=30, batch_size=11)
    truth = FAR.truth.object.reshape(95, 2, 95, 2).mean(axis=(1, 3))
    assert pg.nrmse(truth, result.object) < 0.1


@pytest.mark.slow
def test_a_preview_of_measured_patterns_fits_them(siemens_star):
    data = pg.read(siemens_star)
    part, note = preview_of(data, seconds_for(30 * 64 * 64))
    assert part.count >= 30
    assert "preview:" in note
    assert error_of(part) < 0.35


def test_light_at_the_edge_is_summed_up_where_the_probe_is_small():
    """A probe in the middle half of its window, whose patterns reach the edge of the detector."""
    rng = np.random.default_rng(0)
    wave = np.zeros((132, 128), complex)
    wave[61:71, 60:72] = rng.normal(size=(10, 12)) + 1j * rng.normal(size=(10, 12))
    pattern = np.abs(np.fft.fftshift(np.fft.fft2(wave))) ** 2
    beam = pg.Geometry(1e-10, 1.0, (5e-5, 5e-5))
    pixel = beam.sampling((132, 128))
    places = np.stack(np.meshgrid(np.arange(12), np.arange(12)), axis=-1).reshape(-1, 2) * 4.0 * pixel
    data = pg.make_dataset(rng.poisson(np.repeat(pattern[None], 144, 0)), places, geometry=beam, probe=wave)
    part, note = preview_of(data, seconds_for(144 * 66 * 64))
    assert part.frame_shape == (66, 64)
    assert "counts summed up over 2 x 2 pixels" in note
    assert part.geometry.sampling(part.frame_shape) == pytest.approx(pixel)
    assert part.probe.shape == (1, 66, 64)


def test_binned_counts_are_those_of_the_narrower_window():
    """The pattern of the probe in the narrower window, on large pixels, is the sum of the small ones, nearly."""
    y, x = np.mgrid[:64, :60]
    wave = np.exp(-((y - 33) ** 2) / 20 - (x - 29) ** 2 / 14 + 0.02j * (y - 30) ** 2 + 0.1j * x)
    pattern = np.abs(np.fft.fftshift(np.fft.fft2(wave))) ** 2 / wave.size
    data = pg.make_dataset(1e4 * pattern[None], [[0.0, 0.0]], probe=100 * wave)
    part = binned(data, 2)
    expected = np.abs(np.fft.fftshift(np.fft.fft2(part.probe[0]))) ** 2 / part.probe[0].size
    rows, columns = np.mgrid[:32, :30]
    for place in (rows, columns):
        found = np.sum(place * part.patterns[0]) / part.total
        assert found == pytest.approx(np.sum(place * expected) / expected.sum(), abs=1e-3)
    assert np.abs(part.patterns[0] - expected).max() < 0.05 * expected.max()


def test_cropped_patterns_are_those_of_the_coarse_probe():
    y, x = np.mgrid[:33, :60]
    wave = np.exp(-((y - 17) ** 2) / 40 - (x - 29) ** 2 / 70 + 0.01j * (y - 13) ** 2 + 0.1j * x)
    pattern = np.abs(np.fft.fftshift(np.fft.fft2(wave))) ** 2 / wave.size
    data = pg.make_dataset(1e4 * pattern[None], [[3.0, 8.0]], probe=100 * wave)
    part = cropped(data, 2)
    assert part.frame_shape == (16, 30)
    np.testing.assert_allclose(part.positions, [[3 * 16 / 33, 4]])
    expected = np.abs(np.fft.fftshift(np.fft.fft2(part.probe[0]))) ** 2 / part.probe[0].size
    assert np.abs(part.patterns[0] - expected).max() < 1e-2 * expected.max()


def test_squares_with_an_invalid_pixel_are_invalid():
    valid = np.ones(near_problems.FRAME, bool)
    valid[5, 8] = valid[30, 29] = False
    data = near_problems.measurement(mask=valid)
    part = binned(data, 2)
    assert part.mask.shape == (18, 14)
    assert np.count_nonzero(~part.mask) == 1
    assert not part.mask[2, 3]  # of 28 columns about the middle of 30
    np.testing.assert_allclose(part.geometry.sampling((18, 14)), np.multiply(near_problems.SAMPLING, 2))
    assert part.patterns[3, 4, 5] == data.patterns[3, 8:10, 11:13].sum()
    pg.near_field(part)


def test_a_near_field_is_summed_up():
    beam = pg.NearFieldGeometry(1e-10, 0.01, (1e-6, 1e-6))
    places = np.random.default_rng(0).uniform(0, 3e-5, (40, 2))
    data = pg.make_dataset(np.full((40, 130, 129), 60000, np.uint16), places, geometry=beam)
    part, note = preview_of(data, seconds_for(41 * 64 * 64))
    assert part.count == 40
    assert part.frame_shape == (64, 64)
    assert part.largest == 240000
    assert "counts summed up over 2 x 2 pixels, 64 x 64 of 130 x 129" in note


def test_rocking_curves_stay_whole_on_all_their_pixels():
    data = bragg_problems.measurement()
    part, note = preview_of(data, 1e-3)
    assert part.count == data.group
    assert part.frame_shape == data.frame_shape
    assert "positions" in note


def test_large_frames_without_a_known_probe_lose_light_rather_than_most_positions():
    rng = np.random.default_rng(0)
    data = pg.make_dataset(rng.poisson(2, (50, 256, 256)).astype(np.uint8), rng.uniform(0, 99, (50, 2)))
    part, note = preview_of(data, seconds_for(10 * 256 * 256))
    assert part.frame_shape == (128, 128)
    assert part.count == 40
    assert "25% of the photons" in note


def test_patterns_in_their_file_and_without_positions(tmp_path):
    data = problems.measurement()
    pg.write(tmp_path / "scan.h5", data)
    stored = pg.read(tmp_path / "scan.h5", keep=pg.data.StreamFromFile(limit=1, block=4000))
    seconds = seconds_for(20 * 20 * 18)
    (part, _), (plain, _) = (preview_of(one, seconds) for one in (stored, data))
    assert not part.is_stored
    assert part.count == 20
    assert part.fingerprint == plain.fingerprint or part.probe is None
    bare = pg.make_dataset(data.patterns)
    part, note = preview_of(bare, seconds)
    assert (part.count, note) == (20, "preview: 20 of 56 patterns")


@pytest.mark.parametrize("seconds", [0.0, -1.0, np.inf, np.nan])
def test_no_time_is_refused(seconds):
    with pytest.raises(pg.InputError, match="expected a time above 0"):
        preview_of(FAR, seconds)
