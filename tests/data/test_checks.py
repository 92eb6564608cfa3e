"""Each check of a data set: one that sets it off, one that doesn't, and what it then advises."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

import bragg_problems
import near_problems
import problems
import ptychograd as pg
from ptychograd.data.checks import sound_pixels
from ptychograd.data.checks.beam import border, middle
from ptychograd.data.checks.finding import Evidence
from ptychograd.data.checks.places import lattice_peak
from ptychograd.data.description import describe

ROWS, COLUMNS = 40, 36
GEOMETRY = pg.Geometry(1e-10, 1.0, (50e-6, 50e-6))


def spiral(count=80, step=3.0):
    """Positions of which neighbours are about 1.7 steps apart, without a lattice."""
    angle, radius = np.arange(count) * np.pi * (3 - np.sqrt(5)), step * np.sqrt(np.arange(count))
    return np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1)


def wave(width=6.0):
    y, x = np.mgrid[:ROWS, :COLUMNS]
    return np.exp(-((y - ROWS // 2) ** 2 + (x - COLUMNS // 2) ** 2) / width**2) + 0j


def light(peak=300.0, centre=(ROWS // 2, COLUMNS // 2), width=6.0):
    y, x = np.mgrid[:ROWS, :COLUMNS]
    return peak * np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / (2 * width**2))


def counts(mean, count=80, dtype=np.uint16):
    return np.random.default_rng(0).poisson(mean, (count, ROWS, COLUMNS)).astype(dtype)


def sound(**changes):
    """A scan with which nothing is wrong."""
    items = {"patterns": counts(light()), "positions": spiral(), "probe": wave() * np.sqrt(1.2e3)}
    return pg.make_dataset(**items | changes, allow_masked=True)


def of(data, name, **options):
    return next(finding for finding in pg.diagnose(data, **options) if finding.name == name)


def test_with_a_sound_scan_nothing_is_wrong():
    found = pg.diagnose(sound())
    assert {finding.name: finding.verdict for finding in found} == dict.fromkeys(
        (
            *("units", "overlap", "probe fill", "probe power", "detector edge", "centre", "raster", "outliers"),
            *("duplicates", "photon scale", "dark patterns", "saturation", "mask", "dead and hot pixels"),
        ),
        "good",
    )
    assert not any(finding.advice for finding in found)


FAR = {
    "1000 pixels": (1000.0, 900.0),
    "30000 pixels": (30_000.0, 900.0),
    "a million of millions": (1e12, -1e12),
    "the largest numbers": (1.7e308, -1.7e308),
}


def most_memory(data):
    """Bytes that all checks take at most beside the data, without a warning of NumPy."""
    tracemalloc.start()
    with np.errstate(all="raise", under="ignore"):
        pg.diagnose(data)
        dict(describe(data))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


MOST_MEMORY = 15e6  # bytes; the waves of a lattice as wide as all positions would take more, and their time with it


@pytest.mark.parametrize("far", FAR)
def test_a_position_far_away_costs_no_more_than_any_other(far):
    """It is left out of the search for a lattice, whose waves grow with the extent, and named."""
    with np.errstate(all="raise", under="ignore"):
        found = {finding.name: finding for finding in pg.diagnose(sound(positions=moved(17, FAR[far])))}
    assert most_memory(sound(positions=moved(17, FAR[far]))) < MOST_MEMORY
    assert found["outliers"].figures["outliers"] == [17]
    assert "correct" in (found["units"].advice or found["outliers"].advice)


CLUSTERS = {
    "two groups": lambda p: np.where(np.arange(80)[:, None] < 40, p, p + 1e6),
    "a tight group among others": lambda p: np.where(np.arange(80)[:, None] < 35, 1e-6 * p, p),
    "many sizes": lambda p: np.sign(p) * np.abs(p / 30) ** 9,
    "a line": lambda p: np.stack([np.arange(80) * 3.0, 0 * p[:, 0]], axis=1),
    "hardly any step": lambda p: 1e-310 * np.round(p * 1e3),
    "one place but for one": lambda p: np.where(np.arange(80)[:, None] == 3, 1e300, 0 * p),
}


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_no_positions_make_a_check_long(cluster):
    assert most_memory(sound(positions=CLUSTERS[cluster](spiral()))) < MOST_MEMORY


def test_counts_of_any_size_are_judged():
    for scale, dtype in ((1e30, np.float64), (1e-30, np.float64), (1e300, np.float64), (2**50, np.uint64)):
        with np.errstate(all="raise", under="ignore"):
            found = pg.diagnose(sound(patterns=(counts(light(), dtype=float) * scale).astype(dtype)))
        assert {finding.name for finding in found} >= {"units", "photon scale"}


def test_data_without_a_photon_are_bad():
    found = {finding.name: finding for finding in pg.diagnose(sound(patterns=counts(0 * light())))}
    assert found["photon scale"].verdict == "bad"
    assert not found.keys() & {"dark patterns", "overlap", "detector edge", "saturation", "centre"}
    mostly = with_values(0, slice(0, 60))
    found = {finding.name: finding for finding in pg.diagnose(sound(patterns=mostly))}
    assert found["dark patterns"].verdict == "bad"
    assert found["dark patterns"].figures["dark"] == list(range(60))
    assert found["photon scale"].verdict == "good"


def one_plateau():
    patterns = counts(light(peak=900.0))
    return patterns.clip(None, 700)


def rolled(shift):
    return np.roll(counts(light()), shift, axis=(1, 2))


def with_values(values, *where):
    patterns = counts(light())
    patterns[where] = values
    return patterns


def raster(jitter=0.0, turn=0.0):
    y, x = np.mgrid[:9, :9] * 5.0 + jitter * np.random.default_rng(1).normal(size=(2, 9, 9))
    y, x = y.ravel(), x.ravel()
    return np.stack([y * np.cos(turn) - x * np.sin(turn), y * np.sin(turn) + x * np.cos(turn)], axis=1)


def moved(number, place):
    positions = spiral()
    positions[number] = place
    return positions


STOPPED = np.ones((ROWS, COLUMNS), bool)
STOPPED[18:23, 16:21] = False
HALF = np.ones((ROWS, COLUMNS), bool)
HALF[:, :13] = False
RASTER = {"patterns": counts(light(), 81)}

TROUBLES = {
    "nothing moves": ("units", "bad", "`data.keys.positions=PATH`", {"positions": np.zeros((80, 2))}),
    "absurd positions": ("units", "bad", "give the positions in object pixels", {"positions": 1e6 * spiral()}),
    "steps longer than the window": ("units", "bad", "positions in object pixels", {"positions": 20 * spiral()}),
    "far apart": ("overlap", "bad", "too little to join", {"positions": 3.2 * spiral()}),
    "somewhat apart": ("overlap", "doubtful", "60 to 70 %", {"positions": 1.5 * spiral()}),
    "tiny steps": ("overlap", "doubtful", "unit of the positions", {"positions": 0.02 * spiral()}),
    "a probe as wide as the window": ("probe fill", "bad", "wraps around", {"probe": wave(24) * np.sqrt(1.2e3)}),
    "a faint probe": ("probe power", "doubtful", "multiply the probe by", {"probe": wave()}),
    "light beside the detector": (
        "detector edge",
        "bad",
        "crop the patterns less",
        {"patterns": counts(light(width=16))},
    ),
    "off centre": ("centre", "bad", "(-4, +6) pixels", {"patterns": rolled((4, -6))}),
    "a little off": ("centre", "doubtful", "(+0, -2) pixels", {"patterns": rolled((0, 2))}),
    "not shifted": ("centre", "bad", "fftshift", {"patterns": rolled((ROWS // 2, COLUMNS // 2))}),
    "a raster": ("raster", "doubtful", "known surround", RASTER | {"positions": raster()}),
    "a turned raster": ("raster", "doubtful", "spiral", RASTER | {"positions": raster(turn=0.3)}),
    "an outlier": ("outliers", "bad", "number 17", {"positions": moved(17, (90.0, 20.0))}),
    "a place twice": ("duplicates", "doubtful", "number 41", {"positions": moved(41, spiral()[40])}),
    "amplitudes": ("photon scale", "bad", "square the patterns", {"patterns": np.sqrt(counts(light(), dtype=float))}),
    "electrons": ("photon scale", "doubtful", "divide the patterns by 7", {"patterns": 7 * counts(light())}),
    "a gain": ("photon scale", "doubtful", "divide the patterns by 0.37", {"patterns": 0.37 * counts(light())}),
    "normalised": ("photon scale", "doubtful", "`fit.noise=amplitude`", {"patterns": counts(light()) ** 1.3 / 7e3}),
    "negative": (
        "photon scale",
        "doubtful",
        "model.detector.background",
        {"patterns": counts(light(), dtype=float) - 1},
    ),
    "few photons": ("photon scale", "doubtful", "`validation.hold_out=0.05`", {"patterns": counts(light(peak=0.3))}),
    "dark ones": ("dark patterns", "doubtful", "number 5, 9", {"patterns": with_values(0, [5, 9])}),
    "a flare": ("dark patterns", "doubtful", "above 5 times", {"patterns": with_values(900, 3)}),
    "saturated": ("saturation", "bad", "at exactly 700", {"patterns": one_plateau()}),
    "inverted mask": ("mask", "bad", "inverted", {"mask": light() < 8}),
    "half masked": ("mask", "doubtful", "check that 1 stands for good", {"mask": HALF}),
    "beam stop": ("mask", "doubtful", "beam stop", {"mask": STOPPED}),
    "dead pixel": ("dead and hot pixels", "doubtful", "(17, 20)", {"patterns": with_values(0, slice(None), 17, 20)}),
    "hot pixel": ("dead and hot pixels", "doubtful", "(3, 30)", {"patterns": with_values(99, slice(None), 3, 30)}),
}


@pytest.mark.variants
@pytest.mark.parametrize("trouble", TROUBLES)
def test_each_trouble_is_found_and_mended_in_words(trouble):
    name, verdict, text, changes = TROUBLES[trouble]
    found = of(sound(**changes), name)
    assert found.verdict == verdict
    assert text in f"{found.found} {found.advice}"
    assert found.advice


@pytest.mark.parametrize(("share", "verdict"), [(0.015, "good"), (0.03, "doubtful"), (0.06, "bad")])
def test_a_little_of_the_probe_at_the_edge_does_no_harm(share, verdict):
    """As good reconstructions have it."""
    edge = border((ROWS, COLUMNS))
    probe = np.where(edge, 0, np.abs(wave()))
    probe[edge] = np.sqrt(share / (1 - share) * np.sum(probe**2) / edge.sum())
    found = of(sound(probe=probe * np.sqrt(1.2e3 / np.sum(probe**2)) + 0j), "probe fill")
    assert found.figures["share_at_edge"] == pytest.approx(share)
    assert found.verdict == verdict


FIRST = {
    "zero frequency in a corner": ("centre", {"patterns": rolled((ROWS // 2, COLUMNS // 2)), "probe": None}),
    "one axis rolled": ("centre", {"patterns": rolled((0, COLUMNS // 2)), "probe": None}),
    "amplitudes": ("photon scale", {"patterns": np.sqrt(counts(light(), dtype=float)), "probe": None}),
    "logarithms": ("photon scale", {"patterns": np.log1p(counts(light(), dtype=float)), "probe": None}),
    "inverted mask": ("mask", {"mask": light() < 8}),
    "nearly all masked": ("mask", {"mask": (light() > 290) & (light() < 298)}),
    "another unit": ("units", {"positions": 1e6 * spiral()}),
}


@pytest.mark.parametrize("trouble", FIRST)
def test_what_has_to_be_mended_first_gives_the_only_advice(trouble):
    """What depends on it is not judged, as it would say something else."""
    name, changes = FIRST[trouble]
    advised = {finding.name: finding.advice for finding in pg.diagnose(sound(**changes)) if finding.advice}
    assert list(advised) == [name]
    assert advised[name].endswith("as what depends on it is not judged yet")


def test_light_that_is_even_has_no_middle_to_be_off():
    patterns = np.random.default_rng(0).poisson(50 + 3 * light(peak=1.0, centre=(2, 2), width=4), (80, ROWS, COLUMNS))
    assert of(sound(patterns=patterns), "centre").verdict == "good"


def test_large_numbers_that_are_not_whole_are_no_amplitudes():
    """Their squares are so large that rounding hides what is behind the point."""
    patterns = counts(light(), dtype=float) * 1.7 + 300 + np.random.default_rng(1).uniform(size=(80, ROWS, COLUMNS))
    assert of(sound(patterns=patterns), "photon scale").verdict == "doubtful"


def test_the_mask_that_is_found_leaves_out_what_is_dead_hot_or_stuck():
    patterns = counts(light(), dtype=float)
    patterns[:, 17, 20], patterns[:, 3, 30], patterns[:, 5:8, 9] = 0, 99, 65535
    patterns[:, 22, 19] = np.floor(np.median(patterns[:, 22, 19]))  # stuck in full light
    own = np.ones((ROWS, COLUMNS), bool)
    own[0, :4] = False
    expected = own.copy()
    expected[17, 20] = expected[3, 30] = False
    expected[5:8, 9] = expected[22, 19] = False
    np.testing.assert_array_equal(sound_pixels(Evidence.of(sound(patterns=patterns, mask=own))), expected)
    full = patterns.clip(None, 200)
    full[:, 17, 20], full[:, 3, 30], full[:, 5:8, 9] = 10, 1, 1
    assert sound_pixels(Evidence.of(sound(patterns=full))).all()  # a middle that is full is not broken


@pytest.mark.parametrize("unit", ["mm", "µm", "nm"])
def test_a_wrong_unit_is_named(unit):
    """Steps of 0.75 of a probe's diameter were it in that unit, read as metres."""
    factor = {"mm": 1e-3, "µm": 1e-6, "nm": 1e-9}[unit]
    pixel = GEOMETRY.sampling((ROWS, COLUMNS))[0]
    found = of(sound(positions=spiral() * pixel / factor, geometry=GEOMETRY), "units")
    assert found.verdict == "bad"
    assert f"{unit} (times {factor:g})" in found.advice
    assert of(sound(positions=spiral() * pixel, geometry=GEOMETRY), "units").verdict == "good"


@pytest.mark.slow
def test_a_lattice_with_jitter_has_the_peak_of_debye_and_waller():
    """exp(-2π²σ²k²) with k of one over the step, on average; even lines alone are no lattice."""
    assert lattice_peak(raster()) == pytest.approx(1, abs=1e-3)
    assert lattice_peak(raster(turn=0.7)) == pytest.approx(1, abs=1e-3)
    rng = np.random.default_rng(3)
    for share in (0.1, 0.15):
        peaks = []
        for _ in range(6):
            places = raster() + share * 5 * rng.normal(size=(81, 2))
            peaks.append(abs(np.exp(2j * np.pi * places[:, 0] / 5).mean()))
        assert np.mean(peaks) == pytest.approx(np.exp(-2 * np.pi**2 * share**2), abs=0.06)
    assert lattice_peak(raster(jitter=1.2)) < 0.75
    assert lattice_peak(spiral()) < 0.6
    lines = raster()
    lines[:, 1] = np.random.default_rng(0).uniform(0, 45, 81)
    assert lattice_peak(lines) < 0.6


def test_a_known_surround_tells_the_grid_of_a_raster():
    found = of(sound(**RASTER, positions=raster(), support=np.ones((80, 76), bool)), "raster")
    assert found.verdict == "good"
    assert found.figures["lattice_peak"] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("shape", [(41, 30), (16, 17)])
def test_the_middle_is_found_wherever_it_is(shape):
    y, x = np.mgrid[: shape[0], : shape[1]]
    for centre in ((0.0, 0.0), (shape[0] - 1.3, 4.2), (7.5, shape[1] / 2)):
        away = [np.abs(grid - c) for grid, c in zip((y, x), centre, strict=True)]
        away = [np.minimum(a, n - a) for a, n in zip(away, shape, strict=True)]
        found = middle(np.exp(-(away[0] ** 2 + away[1] ** 2) / 6))
        off = (found - centre + np.array(shape) / 2) % shape - np.array(shape) / 2
        assert np.abs(off).max() < 0.05


def test_an_estimated_probe_is_said_to_be_one():
    """In focus it is smaller than a defocused one: too little overlap is a doubt, no verdict."""
    found = of(sound(probe=None, positions=2 * spiral()), "overlap")
    assert found.verdict == "doubtful"
    assert "defocus" in found.advice
    given = of(sound(probe=None, positions=2 * spiral()), "overlap", probe=wave(9)[None])
    assert given.figures["probe_pixels"] == pytest.approx(9 * np.sqrt(2 * np.log(10)), rel=0.1)  # 90 % of a Gaussian
    assert "defocus" not in given.advice
    assert not any(finding.name == "probe power" for finding in pg.diagnose(sound(probe=None)))


def test_a_near_field_is_judged_as_one():
    """No centre, no fill of the window by the probe; a beam that is cut off by the detector's edge is."""
    data = near_problems.measurement()
    names = {finding.name for finding in pg.diagnose(data)}
    assert not names & {"centre", "probe fill"}
    assert of(data, "units").verdict == "good"
    flat = replace(data, patterns=np.full(data.patterns.shape, 50, np.uint32))
    assert of(flat, "detector edge").verdict == "doubtful"


def test_of_a_crystal_only_what_makes_sense_is_said():
    found = {finding.name: finding for finding in pg.diagnose(bragg_problems.measurement())}
    assert not found.keys() & {"centre", "probe fill", "overlap", "raster", "detector edge", "probe power"}
    assert found["units"].verdict == "good"
    assert found["dark patterns"].verdict == "good"


def test_patterns_in_their_file_are_judged_alike(tmp_path):
    pg.write(tmp_path / "scan.h5", problems.measurement())
    plain, retained = (pg.read(tmp_path / "scan.h5", keep=keep) for keep in (None, pg.data.StreamFromFile(0, 10_000)))
    assert pg.diagnose(plain) == pg.diagnose(retained)


@pytest.mark.parametrize(("wavelength", "name"), [(1e-10, "zone_plate"), (2e-12, "electron_probe")])
def test_a_pupil_with_a_sharp_edge_is_that_of_a_lens(wavelength, name):
    """What to say of the start probe names the lens first, and for a smooth beam none."""
    y, x = np.mgrid[:ROWS, :COLUMNS]
    away = np.hypot(y - ROWS // 2, x - COLUMNS // 2)
    geometry = pg.Geometry(wavelength, 1.0, (50e-6, 50e-6))
    pixel = np.array(geometry.sampling((ROWS, COLUMNS)))
    for mean, is_lens in ((400.0 * ((away < 11) & (away > 4)), True), (light(), False)):
        data = sound(patterns=counts(mean), probe=None, positions=2 * spiral() * pixel, geometry=geometry)
        advice = of(data, "overlap").advice
        assert (f"`model.start.{name}`" in advice) == is_lens
        assert "`model.start.focal_spot`" in advice
