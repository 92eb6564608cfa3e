"""Patterns in memory and in their file give the same answers to whoever asks."""

import numpy as np
import pytest

import problems
import ptychograd as pg
from ptychograd.data.dataset import AbstractPatterns, StoredPatterns, Whole, patterns_of
from ptychograd.data.dataset.change import FrameChange


@pytest.fixture
def raw(data):
    """Patterns of which two have a hot pixel, at the maximum of its type."""
    patterns = np.array(data.patterns)
    patterns[[3, 7], 4, 9] = np.iinfo(patterns.dtype).max
    return patterns


def in_file(patterns: np.ndarray) -> StoredPatterns:
    """Patterns of a file that is another array."""

    def read(begin, end, into):
        into[...] = patterns[begin:end]

    keep = pg.data.StreamFromFile(limit=0, block=7 * patterns[0].nbytes)
    return StoredPatterns(read, patterns.shape, patterns.dtype, keep, Whole(len(patterns)))


@pytest.fixture
def both(raw):
    """The same scan in memory and in its file; a pixel is masked in all patterns, and one in two of them."""
    mask = np.ones(raw.shape[1:], bool)
    mask[2, 5] = False
    return [pg.make_dataset(patterns, problems.positions(), mask=mask) for patterns in (raw, in_file(raw))]


def shown(patterns: np.ndarray | AbstractPatterns, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All patterns and a mask for each."""
    found, valid = patterns_of(patterns).frames(slice(None), mask)
    return found, np.broadcast_to(valid, found.shape)


def are_alike(one, other) -> bool:
    return all(np.array_equal(first, second) for first, second in zip(one, other, strict=True))


def test_they_say_how_many_and_how_large_they_are(both):
    loaded, stored = (data.store for data in both)
    for name in ("shape", "dtype", "size", "nbytes", "bytes_each", "grows", "shares"):
        assert getattr(loaded, name) == getattr(stored, name), name
    assert len(loaded) == len(stored) == loaded.arrived() == stored.arrived()


def test_only_those_in_a_file_may_be_more_than_memory_holds(both):
    loaded, stored = (data.store for data in both)
    assert (loaded.in_file, loaded.may_be_loaded, loaded.exceeds_memory(len(loaded))) == (False, True, False)
    assert (stored.in_file, stored.may_be_loaded, stored.exceeds_memory(1)) == (True, False, True)


def test_they_give_the_same_photons(both):
    assert np.array_equal(both[0].photons, both[1].photons)
    assert are_alike(both[0].sums, both[1].sums)
    assert both[0].largest == both[1].largest
    one, other = (data.store.surveyed(data.mask) for data in both)
    assert np.array_equal(one.valid, other.valid)
    assert (one.largest, one.seen) == (other.largest, other.seen)


def test_some_of_them_are_the_same_ones(both):
    numbers = np.array([5, 6, 3, 40])
    (loaded, mask), (stored, one) = ((data.store.chosen(numbers), data.mask) for data in both)
    assert are_alike(shown(loaded, mask[numbers]), shown(stored, one))


def test_they_are_read_alike_where_no_pixel_is_bad(both):
    read = []
    for data in both:
        read.append(np.empty((3, *data.frame_shape), data.patterns.dtype))
        data.store.read_into(10, 13, read[-1])
    assert np.array_equal(*read)


def test_those_that_are_left_out_are_out_of_use(both):
    used = np.arange(both[0].count) % 3 > 0
    for data in (one.only(used) for one in both):
        assert np.array_equal(data.store.in_use(data.mask), used)
        assert np.array_equal(data.frames(slice(None))[1].any(axis=(1, 2)), used)


def test_they_are_changed_to_the_same_ones(both):
    even = FrameChange(
        (10, 18), np.dtype(np.float32), lambda frames: 0.5 * frames[:, ::2], lambda mask: mask[..., ::2, :]
    )
    masks = [even.valid(data.mask) for data in both]
    one, other = (shown(data.store.changed(even, mask), mask) for data, mask in zip(both, masks, strict=True))
    assert are_alike(one, other)
    assert one[0].dtype == other[0].dtype == np.float32


def test_a_look_at_all_finds_the_same_bad_pixels(raw):
    good = np.ones(raw.shape[1:], bool)
    (one, mask, notes), (other, of_all, more) = (patterns_of(one).cleaned(good) for one in (raw, in_file(raw)))
    assert are_alike(shown(one, mask), shown(other, of_all))
    assert notes == more
    assert patterns_of(one).may_differ(mask)
    assert patterns_of(other).may_differ(of_all)


def test_patterns_that_are_left_out_stay_so_in_a_scan_that_grows(raw):
    stored = in_file(raw[:3]).of_those(np.array([True, False, True]))
    assert stored.of(5).used.tolist() == [True, False, True, True, True]
    assert stored.of(2).used.tolist() == [True, False]
    assert stored.estimated_from(Whole(3)).used.tolist() == [True, False, True]
