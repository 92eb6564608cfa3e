"""Marks of gaps in any number type, told from the beam, however bright."""

import h5py
import numpy as np
import pytest

import problems
import ptychograd as pg
from ptychograd.data.cleaning import gap_pixels, good_values, spread
from ptychograd.data.dataset import StreamFromFile
from ptychograd.data.files import read

FRAME = (45, 38)
COLUMNS = (slice(None), slice(20, 22))


@pytest.fixture(scope="module")
def clean():
    return problems.measurement()


def with_gap(data, value, dtype, where=(slice(None), slice(11, 13))):
    patterns = data.patterns.astype(dtype)
    patterns[(slice(None), *where)] = value
    return patterns


def beam(photons=1e7, count=20, shape=FRAME, width=2.5, seed=0):
    """Patterns with a bright spot that falls off over some pixels, brighter and darker from one to the next."""
    rng = np.random.default_rng(seed)
    y, x = (np.arange(n) - n // 2 for n in shape)
    radius = np.hypot(y[:, None], x) / width
    spot = 1 / (1 + radius**2) ** 2 + np.exp(-(radius**2))
    return rng.poisson(photons / spot.sum() * spot * rng.uniform(0.5, 1, (count, *shape)))


def found(patterns, mask=None):
    mask = np.ones(patterns.shape[1:], bool) if mask is None else mask
    frames = ((patterns[n], mask & good_values(patterns[n])) for n in spread(len(patterns)))
    gaps = gap_pixels(frames, patterns.shape[1:], patterns.dtype)
    return np.any([*gaps.values(), np.zeros(patterns.shape[1:], bool)], axis=0)


CASES = [
    *((65535, t) for t in (np.int32, np.float32, np.uint32, np.float64, ">i4")),
    *((2**32 - 1, t) for t in (np.int64, np.float32, np.uint64, np.float64)),
    *((2**32 - 2, t) for t in (np.uint32, np.float64)),
    *((65534, np.uint16), (2**31 - 1, np.float32), (2**63 - 1, np.float32), (1048575, np.int32), (60000, np.float16)),
]


@pytest.mark.parametrize(("value", "dtype"), CASES)
def test_columns_with_a_mark_are_as_if_masked(clean, value, dtype):
    """Patterns, mask and photons are those of data in which these columns are masked by hand."""
    faint = problems.measurement(photons=1e4) if dtype == np.float16 else clean
    marked = pg.make_dataset(with_gap(faint, value, dtype), faint.positions)
    valid = np.ones(faint.frame_shape, bool)
    valid[:, 11:13] = False
    assert np.array_equal(marked.mask, valid)
    assert np.array_equal(marked.patterns, faint.patterns * valid)
    assert np.array_equal(marked.photons, pg.data.mask_pixels(faint, valid).photons)
    assert marked.largest < 60000
    (note,) = marked.notes
    assert "40 pixels hold" in note
    assert "masked" in note


@pytest.mark.parametrize("marks", [(65535, 65534), (2**32 - 1, 2**32 - 2)])
def test_two_marks_are_both_found_and_named(clean, marks):
    patterns = with_gap(clean, marks[0], np.int64)
    patterns[:, 5:8, 4] = marks[1]
    data = pg.make_dataset(patterns, clean.positions)
    assert np.count_nonzero(~data.mask) == 43
    assert f"{marks[0]} or {marks[1]}" in data.notes[0]


def test_a_mark_that_a_few_frames_lack(clean):
    patterns = with_gap(clean, 65535, np.int32)
    patterns[spread(len(patterns))[3]] = 0
    assert np.count_nonzero(~pg.make_dataset(patterns, clean.positions).mask) == 40


@pytest.mark.parametrize("count", [1, 3, 7])
def test_of_few_patterns_only_known_marks_count(clean, count):
    for value, expected in ((65535, 40), (77777, 0)):
        patterns = with_gap(clean, value, np.int32)[:count]
        assert np.count_nonzero(found(patterns)) == expected


@pytest.mark.parametrize(
    ("where", "pixels"),
    [
        ((slice(None), slice(18, 21)), 135),  # through the beam
        ((slice(21, 25), slice(None)), 152),
        ((slice(0, 15), slice(0, 19)), 285),  # a module
        ((slice(40, 45), slice(None)), 190),  # at the edge
        ((7, 30), 1),
        ((slice(26, 31), slice(15, 20)), 25),
    ],
)
@pytest.mark.parametrize("value", [65535, 123456])
def test_gaps_of_all_shapes(where, pixels, value):
    patterns = beam(1e6)
    patterns[(slice(None), *where)] = value
    expected = np.zeros(FRAME, bool)
    expected[where] = True
    assert expected.sum() == pixels
    assert np.array_equal(found(patterns), expected)


def test_a_cross_of_gaps_whose_corner_lies_in_the_beam():
    patterns = beam(1e6)
    patterns[:, 20:23] = patterns[:, :, 17:19] = 65535
    assert np.array_equal(found(patterns), (patterns == 65535).all(axis=0))


def spot(patterns, level):
    return np.minimum(patterns, level)


SATURATED = {
    "in the middle": lambda: spot(beam(), 65535),
    "larger": lambda: spot(beam(1e8), 65535),
    "at another level": lambda: spot(beam(), 34567),
    "aside": lambda: np.roll(spot(beam(), 65535), (9, -7), (1, 2)),
    "at the edge of the frame": lambda: np.roll(spot(beam(), 65535), (-22, 3), (1, 2))[:, :23],
    "of few patterns": lambda: spot(beam(), 65535)[:3],
    "cut by a beam stop": lambda: spot(beam(), 65535) * (np.arange(FRAME[1]) < 20),
    "around a beam stop": lambda: spot(beam(1e8), 65535) * pg.data.beam_stop(FRAME, 3.0),
    "a streak": lambda: spot(beam() + np.roll(beam(seed=1), 6, 2) + np.roll(beam(seed=2), -6, 2), 65535),
    "a plane wave's": lambda: spot(beam(1e5) + 10**6 * (np.arange(45 * 38).reshape(FRAME) == 22 * 38 + 19), 65535),
    "of a scaled detector": lambda: (spot(beam(), 65535) / 65535).astype(np.float32),
}


@pytest.mark.parametrize("name", SATURATED)
def test_a_saturated_beam_is_no_gap(name):
    patterns = SATURATED[name]()
    stays = (patterns == patterns.max()).all(axis=0)
    assert stays.any()
    assert not found(patterns).any()


def test_a_gap_beside_a_saturated_beam_of_the_same_value():
    patterns = spot(beam(1e7, shape=(90, 75)), 65535)
    stays = (patterns == 65535).all(axis=0)
    patterns[:, :, 50:52] = patterns[:, 10:14] = 65535
    gap = found(patterns)
    assert gap[:, 50:52].all()
    assert gap[10:14].all()
    assert not gap[stays].any()


def identical(values):
    return np.broadcast_to(values, (12, *np.shape(values))).copy()


@pytest.mark.parametrize(
    "patterns",
    [
        identical(beam(1e5, 1)[0] / 7.0),  # a simulation without noise and without an object
        np.random.default_rng(0).poisson(0.3, (12, *FRAME)),
        np.random.default_rng(0).poisson(0.01, (8, *FRAME)),
        np.minimum(np.random.default_rng(0).poisson(beam(1e3, 1)[0], (40, *FRAME)), 1),
        np.random.default_rng(0).poisson(1e4, (20, *FRAME)),  # a near field
        beam() / beam().max(axis=(1, 2), keepdims=True),
        np.zeros((9, *FRAME), int),
    ],
    ids=["no noise", "few photons", "hardly any", "one at most", "near field", "normalised", "dark"],
)
def test_no_gap_where_there_is_none(patterns):
    assert not found(patterns).any()


def test_what_the_mask_covers_is_no_news(clean):
    valid = np.ones(clean.frame_shape, bool)
    valid[:, 11:13] = False
    assert pg.make_dataset(with_gap(clean, 65535, np.int32), clean.positions, mask=valid).notes == ()


def test_more_than_half_in_gaps_is_refused(clean):
    with pytest.raises(pg.InputError, match=r"half of all pixels.*mark of a gap"):
        pg.make_dataset(with_gap(clean, 65535, np.int32, (slice(0, 11),)), clean.positions)


@pytest.mark.parametrize("grows", [False, True])
def test_patterns_in_their_file_have_the_same_gaps(tmp_path, clean, grows):
    """A gap in all patterns, and one pixel that is NaN in one of them."""
    patterns = with_gap(clean, 65535, np.float32)
    patterns[9, 3, 3] = np.nan
    with h5py.File(tmp_path / "scan.h5", "w", libver="latest") as file:
        file["positions_px"] = clean.positions
        file.create_dataset("patterns", data=patterns, chunks=(4, *clean.frame_shape))
    whole = read(tmp_path / "scan.h5")
    stored = read(tmp_path / "scan.h5", keep=StreamFromFile(0, 10 * clean.patterns[0].nbytes, grows=grows))
    notes = [[note for note in data.notes if note.startswith("mask")] for data in (whole, stored)]
    assert len(notes[0]) == 2
    assert notes[0] == notes[1]
    fitted, held = pg.hold_out(stored, 0.2, seed=1)
    assert fitted.photons.sum() + held.photons.sum() == whole.total == stored.total
    assert stored.fingerprint == whole.fingerprint
    for data in (stored, fitted):
        counts, mask = data.frames(slice(5, 12))
        assert not mask[:, :, 11:13].any()
        assert np.array_equal(counts, whole.patterns[5:12])
    assert stored.frames(np.array([9]))[1].sum() == clean.patterns[0].size - 41
