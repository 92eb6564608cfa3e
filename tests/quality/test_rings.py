"""Fourier ring correlation: what signal and noise it is made of, in closed form; what it must not see."""

import numpy as np
import pytest

import ptychograd as pg
from ptychograd.quality.rings import HALF_BIT, ONE_BIT, RingCorrelation, soft_window

SHAPE = (121, 150)


def noise(rng, shape=SHAPE):
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def pair(snr, shape=SHAPE, seed=0):
    """Two images that share a signal, white as their noise is, `snr` times as strong."""
    rng = np.random.default_rng(seed)
    signal = noise(rng, shape)
    return tuple(np.sqrt(snr) * signal + noise(rng, shape) for _ in range(2))


def smooth(width, shape=SHAPE, seed=1):
    """An object whose spectrum is a Gaussian of that width in cycles per pixel, about a mean of 1."""
    f = [np.fft.fftfreq(n) for n in shape]
    spectrum = np.exp(-(f[0][:, None] ** 2 + f[1] ** 2) / (2 * width**2))
    image = np.fft.ifft2(np.fft.fft2(noise(np.random.default_rng(seed), shape)) * spectrum)
    return 1 + 0.5 * image / np.abs(image).std()


def illuminated(shape=SHAPE):
    area = np.zeros(shape, bool)
    area[8:-6, 5:-21] = True
    return area


@pytest.mark.parametrize("snr", [0.25, 1.0, 4.0])
@pytest.mark.parametrize("shape", [SHAPE, (33, 28, 25)], ids=["rings", "shells"])
def test_the_correlation_is_signal_over_signal_and_noise(snr, shape):
    """Its mean is SNR / (1 + SNR), and n independent values scatter by (1 - FRC²) / sqrt(2 n).

    Under a window neighbouring rings share values, which the count leaves out: it is no larger than the scatter tells.
    """
    expected = snr / (1 + snr)
    area = np.zeros(shape, bool)
    area[tuple(slice(2, n - 3) for n in shape)] = True
    for window in (None, soft_window(area)):
        means, deviations = [], []
        for seed in range(8):
            found = pg.quality.ring_correlation(*pair(snr, shape, seed), window)
            many = found.count > 20
            scatter = (1 - expected**2) / np.sqrt(2 * found.count[many])
            deviations.append((found.correlation[many] - expected) / scatter)
            means.append(np.average(found.correlation[many], weights=found.count[many]))
        assert np.mean(means) == pytest.approx(expected, abs=0.01)
        spread = np.sqrt(np.mean(np.concatenate(deviations) ** 2))
        assert (0.9 if window is None else 0.65) < spread < 1.1


def test_the_same_image_twice_agrees_everywhere():
    one, other = pair(1.0)
    found = pg.quality.ring_correlation(one, one)
    np.testing.assert_allclose(found.correlation, 1, rtol=1e-12)
    assert found.reaches_limit()
    assert found.resolution() == 1.0
    np.testing.assert_allclose(
        pg.quality.ring_correlation(one, -other).correlation, -pg.quality.ring_correlation(one, other).correlation
    )


def test_rings_by_numpy():
    """The same sums, ring by ring, on frames and pixels that are not square."""
    one, other = pair(1.0, (14, 19))
    sampling = (2e-9, 3e-9)
    found = pg.quality.ring_correlation(one, other, sampling=sampling)
    width, limit = 1 / 28e-9, 0.5 / 3e-9
    assert found.limit == pytest.approx(limit)
    assert len(found.frequency) == int(limit / width)
    f, g = np.fft.fft2(one), np.fft.fft2(other)
    radius = np.hypot(np.fft.fftfreq(14, 2e-9)[:, None], np.fft.fftfreq(19, 3e-9))
    for number in range(len(found.frequency)):
        ring = np.round(radius / width) == number + 1
        shared = np.sum(f[ring] * g[ring].conj()).real
        powers = np.sum(np.abs(f[ring]) ** 2) * np.sum(np.abs(g[ring]) ** 2)
        assert found.correlation[number] == pytest.approx(shared / np.sqrt(powers))
        assert found.count[number] == ring.sum()
        assert found.frequency[number] == pytest.approx(radius[ring].mean())


def curve(correlation, count=1e6):
    frequency = np.linspace(0.05, 0.5, len(correlation))
    return RingCorrelation(frequency, np.array(correlation, float), np.full(len(correlation), float(count)), 0.5)


def test_thresholds_are_those_of_the_paper():
    """Van Heel & Schatz (2005): (0.2071 + 1.9102/√n) / (1.2071 + 0.9102/√n), (0.5 + 2.4142/√n) / (1.5 + 1.4142/√n)."""
    for n in (8.0, 50.0, 3000.0):
        found, root = curve([0.5] * 4, n), np.sqrt(n)
        half = (0.2071 + 1.9102 / root) / (1.2071 + 0.9102 / root)
        one = (0.5 + 2.4142 / root) / (1.5 + 1.4142 / root)
        np.testing.assert_allclose(found.threshold(HALF_BIT), half, rtol=1e-4)
        np.testing.assert_allclose(found.threshold(ONE_BIT), one, rtol=1e-4)


def test_where_the_curve_falls_below_the_threshold():
    """Between rings by a straight line: 0.0736 of the way from 0.9 to 0.1 are above 0.17."""
    frequency = np.linspace(0.05, 0.5, 10)
    found = curve([0.95, 0.9, 0.9, 0.9, 0.9, 0.1, 0.05, 0, 0, 0])
    level = found.threshold(HALF_BIT)[0]
    crossing = frequency[4] + (0.9 - level) / 0.8 * 0.05
    assert found.crossing(HALF_BIT) == pytest.approx(crossing)
    assert found.resolution(HALF_BIT) == pytest.approx(1 / (2 * crossing))
    assert found.resolution(ONE_BIT) > found.resolution(HALF_BIT)
    assert not found.reaches_limit()


def test_what_is_below_and_above_the_best_agreement():
    """A near field tells slow variations badly: the crossing is sought beyond the best agreement."""
    found = curve([0.8, -0.1, 0.0, 0.9, 0.9, 0.8, 0.0, 0.5, 0, 0])
    assert 0.3 < found.crossing(HALF_BIT) < 0.35
    assert 0.15 < found.unknown_below(HALF_BIT) < 0.2
    assert curve([0.9, 0.8, 0.7, 0.0]).unknown_below(HALF_BIT) == 0
    assert curve([0.1] * 5).resolution() is None
    assert curve([0.9] * 5).reaches_limit()


def test_gauges_are_taken_out():
    """Shift by a part of a pixel, ramp, phase and scale of one image change no ring that tells anything."""
    rng, object = np.random.default_rng(5), smooth(0.06)
    one, other = object + 0.05 * noise(rng), object + 0.05 * noise(rng)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    fy, fx = np.fft.fftfreq(SHAPE[0])[:, None], np.fft.fftfreq(SHAPE[1])
    moved = np.fft.ifft2(np.fft.fft2(other) * np.exp(-2j * np.pi * (1.37 * fy - 0.61 * fx)))
    moved = 3.1 * moved * np.exp(1j * (0.7 + 2 * np.pi * (1.3 * y / SHAPE[0] - 0.4 * x / SHAPE[1])))
    plain, gauged = (pg.fourier_ring_correlation(one, image, illuminated()) for image in (other, moved))
    strong = plain.correlation > 0.5
    np.testing.assert_allclose(gauged.correlation[strong], plain.correlation[strong], atol=0.03)
    assert gauged.crossing(HALF_BIT) == pytest.approx(plain.crossing(HALF_BIT), rel=0.03)
    untreated = pg.quality.ring_correlation(one * illuminated(), moved * illuminated()).correlation
    assert untreated[: np.count_nonzero(strong)].max() < 0.7


def test_the_crossing_is_where_signal_meets_noise():
    """The spectrum of object and noise are known, so the frequency is, at which SNR is 0.2071 (many values a ring)."""
    rng, width, level = np.random.default_rng(6), 0.06, 0.05
    object = smooth(width)
    one, other = object + level * noise(rng), object + level * noise(rng)
    found = pg.fourier_ring_correlation(one, other, illuminated())
    spectrum = np.abs(np.fft.fft2(object - object.mean())) ** 2
    f = np.hypot(np.fft.fftfreq(SHAPE[0])[:, None], np.fft.fftfreq(SHAPE[1]))
    near = f < 0.3 * width
    signal = (
        spectrum[near].mean() / np.exp(-(f[near] ** 2) / width**2).mean() * np.exp(-(found.frequency**2) / width**2)
    )
    snr = signal / (2 * level**2 * object.size)
    level = found.threshold(HALF_BIT)
    expected = found.frequency[np.flatnonzero(snr / (1 + snr) < level)[0]]
    assert found.crossing(HALF_BIT) == pytest.approx(expected, rel=0.06)


def test_an_area_outside_of_which_all_is_noise_leaves_the_rest_alone():
    """And the edge of the window, which both share, is no agreement."""
    rng, area = np.random.default_rng(7), illuminated()
    one, other = (np.where(area, 1 + 0.1 * noise(rng), 30 * noise(rng)) for _ in range(2))
    found = pg.fourier_ring_correlation(one, other, area)
    assert np.abs(np.average(found.correlation, weights=found.count)) < 0.03
    assert np.abs(found.correlation[:4]).max() < 0.9


def test_images_of_two_shapes_and_areas_without_pixels_are_refused():
    one, other = pair(1.0)
    with pytest.raises(pg.InputError, match="expected one shape"):
        pg.quality.ring_correlation(one, other[1:])
    with pytest.raises(pg.InputError, match="expected the same scan"):
        pg.fourier_ring_correlation(one, other[1:])
    with pytest.raises(pg.InputError, match="No pixel was lit in both"):
        pg.fourier_ring_correlation(one, other, np.zeros(SHAPE, bool))
    dot = np.zeros(SHAPE, bool)
    dot[3:6, 3:6] = True
    with pytest.raises(pg.InputError, match="9 pixels were lit"):
        pg.fourier_ring_correlation(one, other, dot)


def test_one_ring_by_chance_neither_begins_nor_ends_what_agrees():
    """A high one among rings that don't agree, and a low one before the best agreement."""
    sound = [0.8, 0.9, 0.9, 0.85, 0.6, 0.05, 0.0, 0.05, 0.0, 0.0]
    chance = [0.8, 0.9, 0.9, 0.85, 0.6, 0.05, 0.0, 1.0, 0.0, 0.0]
    assert curve(chance).crossing(HALF_BIT) == pytest.approx(curve(sound).crossing(HALF_BIT))
    early = [0.6, 0.0, 0.7, 0.95, 0.95, 0.6, 0.05, 0.0, 0.0, 0.0]
    frequency = curve(early).frequency
    assert frequency[5] < curve(early).crossing(HALF_BIT) < frequency[6]


def test_a_ring_that_dips_alone_ends_nothing():
    """A straight line from 1 to 0 with a dip at one ring: the crossing is that of the line."""
    line = np.linspace(1, 0, 20)
    whole = curve(line).crossing(HALF_BIT)
    threshold = curve(line).threshold(HALF_BIT)[0]
    assert whole == pytest.approx(0.05 + 0.45 * (1 - threshold))
    for ring in (1, 5, 12):
        dipped = line.copy()
        dipped[ring] = -0.3
        assert curve(dipped).crossing(HALF_BIT) == pytest.approx(whole)
        assert curve(dipped).unknown_below(HALF_BIT) == 0
    high = np.ones(20)
    high[7] = 0
    assert curve(high).crossing(HALF_BIT) == 0.5
    assert curve(high).reaches_limit(HALF_BIT)


def test_rings_that_stay_below_end_it_though_one_among_them_agrees():
    correlation = np.where(np.arange(20) < 8, 0.9, 0.0)
    correlation[9] = 0.9
    threshold, frequency = curve(correlation).threshold(HALF_BIT)[0], curve(correlation).frequency
    between = frequency[7] + (0.9 - threshold) / 0.9 * (frequency[8] - frequency[7])
    assert curve(correlation).crossing(HALF_BIT) == pytest.approx(between)
    last = np.ones(20)
    last[-1] = 0
    assert curve(last).crossing(HALF_BIT) < 0.5
    two = np.ones(20)
    two[[6, 7]] = 0
    assert frequency[5] < curve(two).crossing(HALF_BIT) < frequency[6]


def test_what_is_below_the_best_agreement_is_not_told_by_one_ring_either():
    rising = np.linspace(0, 1, 20)
    low = curve(rising).unknown_below(HALF_BIT)
    assert 0.05 < low < 0.15
    rising[12] = -0.2
    assert curve(rising).unknown_below(HALF_BIT) == pytest.approx(low)


def scattered(rings, seed=3):
    """Correlations of noise on that many rings, none of them near the threshold."""
    return np.random.default_rng(seed).uniform(-0.1, 0.1, rings)


def test_neighbouring_rings_far_out_that_agree_by_an_artefact_set_no_resolution():
    """Rings hold more values far out, so their threshold is lower and their excess larger than where things agree."""
    correlation = scattered(40)
    correlation[:12] = 0.9
    count = 2 * np.pi * np.arange(1, 41)
    sound = RingCorrelation(np.arange(1, 41) / 80, correlation, count, 0.5)
    correlation = correlation.copy()
    correlation[29:31] = 0.93
    spoilt = sound._replace(correlation=correlation)
    excess = correlation - spoilt.threshold(HALF_BIT)
    assert excess[29:31].min() > excess[:12].max()
    for bits in (HALF_BIT, ONE_BIT):
        assert 12 / 80 < spoilt.crossing(bits) < 13 / 80
        assert spoilt.crossing(bits) == sound.crossing(bits)
        assert spoilt.unknown_below(bits) == 0


def test_bands_of_agreement_among_which_one_is_wide():
    """First rings that do not agree or do so alone, a wide band, and what agrees after it by chance."""
    frequency = np.linspace(0.05, 0.5, 40)
    for first in ([], [0], [0, 1], [1], [2, 3]):
        correlation = scattered(40)
        correlation[first] = 0.9
        correlation[7:25] = 0.8
        correlation[[12, 30, 33, 34, 39]] = 0.0, 0.9, 0.9, 0.9, 0.9
        found = curve(correlation)
        assert frequency[24] < found.crossing(HALF_BIT) < frequency[25]
        assert frequency[6] < found.unknown_below(HALF_BIT) < frequency[7]
        assert not found.reaches_limit()
    alone = scattered(40)
    alone[20] = alone[39] = 0.9
    assert curve(alone).resolution() is None
    alone[0] = 0.9
    assert frequency[0] < curve(alone).crossing(HALF_BIT) < frequency[1]


def test_one_bit_is_told_no_finer_than_half_a_bit():
    """Here the wide band for one bit lies far out, beside that for half a bit."""
    correlation = np.full(40, 0.3)
    correlation[:9] = 0.9
    correlation[18:20] = 0.0
    correlation[24:38] = 0.9
    found = curve(correlation)
    assert found.crossing(ONE_BIT) < found.crossing(HALF_BIT) < found.frequency[18]
