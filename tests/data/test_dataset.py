"""Data sets: validation, cleaning, description."""

import math
import tracemalloc

import h5py
import numpy as np
import pytest

from ptychograd.core.errors import InputError
from ptychograd.data.cleaning import bad
from ptychograd.data.dataset import (
    Dataset,
    Geometry,
    GroundTruth,
    far_field_sampling,
    make_dataset,
    positions_in_pixels,
    squared,
    subset,
    unsaturated_mask,
)
from ptychograd.data.description import describe, probe_diameter
from ptychograd.data.files import read
from ptychograd.fitting.epoch import Asked, Resident

GEOMETRY = Geometry(wavelength=1e-10, distance=2.0, pixel_size=(50e-6, 75e-6))


def counts(shape=(4, 5, 7), dtype=np.uint16):
    return np.random.default_rng(1).integers(1, 100, shape).astype(dtype)


def raster(rows=8, columns=6, step=(10.0, 12.5)):
    grid = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"), -1).reshape(-1, 2)
    return grid * step


def scan(**items) -> Dataset:
    return make_dataset(**{"patterns": counts(), "positions": np.arange(8.0).reshape(4, 2), **items})


# Making a data set ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int16, np.int32, np.int64, np.float32])
def test_clean_patterns_are_not_converted_and_copied_only_if_they_may_change(dtype):
    patterns = counts(dtype=dtype)
    assert not np.shares_memory(scan(patterns=patterns).patterns, patterns)
    patterns.flags.writeable = False
    data = scan(patterns=patterns)
    assert data.patterns.dtype == dtype
    assert np.shares_memory(data.patterns, patterns)
    assert data.mask.shape == (5, 7)
    assert data.mask.all()
    assert (data.notes, data.count, data.frame_shape) == ((), 4, (5, 7))


def test_foreign_byte_order_becomes_native():
    data = scan(patterns=counts().astype(">u2"))
    assert data.patterns.dtype == np.uint16
    np.testing.assert_array_equal(data.patterns, counts())


@pytest.mark.parametrize(
    ("items", "text"),
    [
        ({"patterns": counts((5, 7))}, r"shape \(5, 7\); expected \(index, y, x\)"),
        ({"patterns": counts((0, 5, 7)), "positions": np.zeros((0, 2))}, "at least one"),
        ({"patterns": counts(dtype=np.complex64)}, "complex64; expected real"),
        ({"patterns": counts(dtype=bool)}, "bool; expected real"),
        ({"positions": np.zeros((5, 2))}, "4 patterns but 5 positions"),
        ({"positions": np.zeros((4, 3))}, r"shape \(4, 3\); expected \(4, 2\)"),
        ({"positions": [[0, 0], [0, 1], [np.nan, 1], [2, np.inf]]}, "2 positions .* number 2"),
        ({"mask": np.ones((7, 5))}, r"mask has shape \(7, 5\); expected \(5, 7\)"),
        ({"mask": np.zeros((5, 7))}, "no valid pixel"),
        ({"probe": np.ones((1, 1, 5, 7), complex)}, "start probe has shape"),
        ({"probe": np.full((5, 7), np.nan)}, "NaN or infinity in 35 places"),
        ({"support": np.ones((3, 20, 20))}, "support has shape"),
    ],
)
def test_items_that_do_not_belong_together_are_refused(items, text):
    with pytest.raises(InputError, match=text):
        scan(**items)


def test_a_single_probe_becomes_one_mode():
    assert scan(probe=np.ones((5, 7), np.complex64)).probe.shape == (1, 5, 7)


def test_photons_are_summed_over_valid_pixels_only():
    mask = np.ones((5, 7))
    mask[1, 2] = 0
    data = scan(mask=mask, patterns=counts(dtype=np.uint8))
    expected = counts().sum(axis=(1, 2)) - counts()[:, 1, 2]
    assert data.photons.dtype == np.float64
    np.testing.assert_array_equal(data.photons, expected)
    assert data.total == expected.sum()


def test_subset_takes_all_that_belongs_to_a_pattern():
    patterns = counts()
    patterns[2, 0, 1] = 65535
    data = scan(patterns=patterns, geometry=GEOMETRY)
    part = subset(data, [3, 2])
    np.testing.assert_array_equal(part.patterns, data.patterns[[3, 2]])
    np.testing.assert_array_equal(part.positions, [[6, 7], [4, 5]])
    assert part.mask[0].all()
    assert not part.mask[1, 0, 1]
    assert part.geometry == GEOMETRY
    assert part.photons[0] == data.photons[3]
    np.testing.assert_array_equal(subset(data, data.positions[:, 0] > 3).positions, [[4, 5], [6, 7]])


@pytest.mark.parametrize("indices", [[], [4], [-1], [0.5], [[0, 1]], 2, [True, False]])
def test_subset_refuses_numbers_of_no_pattern(indices):
    with pytest.raises(InputError, match="from 0 to 3"):
        subset(scan(), indices)


# Bad pixels -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        *((np.uint16, 65535), (np.uint32, 2**32 - 1), (np.int32, 2**31 - 1), (np.int32, -1), (np.int16, -2)),
        *((np.float32, np.nan), (np.float32, -np.inf), (np.float64, np.inf), (np.float64, -1e-9)),
    ],
)
def test_bad_values_are_masked_and_zero(dtype, value):
    patterns = counts(dtype=dtype)
    patterns[:, 4, 1] = value
    before = patterns.copy()
    data = scan(patterns=patterns)
    assert data.mask.shape == (5, 7)
    assert np.argwhere(~data.mask).tolist() == [[4, 1]]
    assert (data.patterns[:, 4, 1] == 0).all()
    np.testing.assert_array_equal(
        np.delete(data.patterns.reshape(4, -1), 29, 1), np.delete(before.reshape(4, -1), 29, 1)
    )
    np.testing.assert_array_equal(patterns, before)
    assert "masked: 1 in 4 of 4 patterns" in data.notes[0]


@pytest.mark.parametrize(("dtype", "value"), [(np.uint8, 255), (np.int16, 32767), (np.uint16, 65534)])
def test_large_counts_are_not_bad(dtype, value):
    patterns = counts(dtype=dtype)
    patterns[1, 2, 3] = value
    assert scan(patterns=patterns).mask.all()


@pytest.mark.parametrize("pixels_at_once", [1, 70, 2**24])
def test_bad_pixels_that_differ_make_a_mask_for_each_pattern(monkeypatch, pixels_at_once):
    monkeypatch.setattr(bad, "PIXELS_AT_ONCE", pixels_at_once)
    patterns = counts(dtype=np.float32)
    patterns[0, 0, 0], patterns[3, 4, 6], patterns[3, 1, 1] = np.nan, -3, np.inf
    data = scan(patterns=patterns, mask=np.arange(35).reshape(5, 7) != 17)
    assert data.mask.shape == (4, 5, 7)
    expected = np.ones((4, 5, 7), bool)
    expected[:, 2, 3] = expected[0, 0, 0] = expected[3, 4, 6] = expected[3, 1, 1] = False
    np.testing.assert_array_equal(data.mask, expected)
    assert np.isfinite(data.patterns).all()
    assert "masked: 3 in 2 of 4 patterns" in data.notes[0]
    assert "2 NaN or infinite, 1 negative" in data.notes[0]


def test_what_the_mask_already_covers_needs_no_mask_for_each_pattern():
    patterns = counts(dtype=np.float32)
    patterns[2, 3, 4] = np.nan
    mask = np.ones((5, 7), bool)
    mask[3, 4] = False
    data = scan(patterns=patterns, mask=mask)
    assert data.mask.shape == (5, 7)
    assert data.patterns[2, 3, 4] == 0
    assert data.notes == ()


def test_mostly_bad_patterns_are_refused():
    with pytest.raises(InputError, match=r"More than half.*80 negative.*of 140"):
        scan(patterns=np.where(np.arange(140).reshape(4, 5, 7) < 80, -1, 1))


def test_positions_in_pixels_follow_the_sampling():
    data = scan(positions=np.array([[0, 0], [1, 2], [3, 5], [2, -1]]) * 1e-6, geometry=GEOMETRY)
    np.testing.assert_allclose(positions_in_pixels(data, (1e-7, 5e-7))[2], [30, 10])
    dy, dx = far_field_sampling(GEOMETRY, (5, 7))
    np.testing.assert_allclose(positions_in_pixels(data, None)[2], [3e-6 / dy, 5e-6 / dx])
    np.testing.assert_array_equal(positions_in_pixels(scan(), None), scan().positions)
    with pytest.raises(InputError, match="geometry is unknown"):
        positions_in_pixels(scan(), (1e-7, 1e-7))


# Description ----------------------------------------------------------------------------------------------


def gaussian_probe(shape=(64, 80), centre=(30.0, 44.0), sigma=5.0):
    rows, columns = np.indices(shape)
    return np.exp(-((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2) / (4 * sigma**2))[None] * (0.6 + 0.8j)


def test_probe_diameter_holds_ninety_percent_of_a_gaussian():
    expected = 2 * 5.0 * math.sqrt(2 * math.log(10))
    assert probe_diameter(gaussian_probe()) == pytest.approx(expected, rel=0.02)


def test_describe_tells_what_a_person_asks():
    sampling = far_field_sampling(GEOMETRY, (64, 80))
    patterns = counts((48, 64, 80))
    patterns[:, 3, 3] = 65535
    truth = GroundTruth(np.ones((150, 150), np.complex64), gaussian_probe())
    data = make_dataset(
        patterns,
        raster() * sampling,
        geometry=GEOMETRY,
        probe=gaussian_probe(),
        truth=truth,
        notes=["a remark"],
    )
    facts = dict(describe(data))
    assert facts["patterns"].startswith("48 of 64 x 80 pixels, uint16")
    assert "wavelength 100 pm (photons of 12.398 keV" in facts["geometry"]
    assert "62.5 nm x 33.33 nm" in facts["object pixel"]
    assert "span 70 x 62.5 object pixels" in facts["positions"]
    assert "step to the nearest neighbour 10 pixels" in facts["positions"]
    assert facts["object"].startswith("134 x 143 pixels")
    assert facts["overlap"].startswith("53.")
    assert facts["largest count"] == "99"
    assert facts["mask"].startswith("1 of 5,120 pixels are bad (0.02%), the same")
    assert facts["start probe"].startswith("1 mode of 64 x 80")
    assert "150 x 150" in facts["truth"]
    assert ("note", "a remark") in describe(data)
    assert not {"problem", "missing", "support"} & facts.keys()


def test_describe_says_what_is_missing_and_what_is_wrong():
    facts = dict(describe(scan(positions=np.arange(8.0).reshape(4, 2) * 1e-6)))
    assert "wavelength, distance and pixel_size" in facts["missing"]
    assert "span only" in facts["problem"]
    assert facts["overlap"].startswith("unknown without a start probe")
    assert dict(describe(subset(scan(), [0])))["overlap"] == "none: there is one position only"


# What a caller does afterwards -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["patterns", "positions", "mask", "probe", "support"])
@pytest.mark.parametrize("through", [np.asarray, lambda array: np.broadcast_to(array, array.shape)])
def test_arrays_that_are_edited_afterwards_change_nothing(name, through):
    """Also where only a read-only view of them was given; and what the data hold can't be written to."""
    items = {
        "patterns": counts(),
        "positions": np.arange(8.0).reshape(4, 2),
        "mask": np.ones((5, 7), bool),
        "probe": np.ones((2, 5, 7), np.complex64),
        "support": np.ones((20, 20), bool),
    }
    data = scan(**items | {name: through(items[name])})
    before, other = getattr(data, name).copy(), scan(**items)
    assert data.fingerprint == other.fingerprint
    items[name][1:3] = 0
    np.testing.assert_array_equal(getattr(data, name), before)
    assert scan(**items).fingerprint != other.fingerprint
    with pytest.raises(ValueError, match="read-only"):
        getattr(data, name)[0] = 0
    assert items[name].flags.writeable


def test_edited_patterns_leave_photons_and_mean_alike():
    patterns = counts()
    data = scan(patterns=patterns)
    photons = data.photons.sum()
    patterns[:] = 7
    assert data.sums[0].sum() == photons == data.patterns.sum()


@pytest.mark.parametrize("suffix", ["npz", "h5"])
def test_what_was_read_is_not_copied_once_more(tmp_path, suffix):
    path, patterns, positions = tmp_path / f"scan.{suffix}", counts((200, 50, 70), np.float64), raster(20, 10)
    if suffix == "npz":
        np.savez(path, patterns=patterns, positions_px=positions)
    else:
        with h5py.File(path, "w") as file:
            file["patterns"], file["positions_px"] = patterns, positions
    read(path)  # modules that are imported at first use
    assert patterns.nbytes < most_memory(lambda: read(path)) < 1.5 * patterns.nbytes
    assert patterns.nbytes < most_memory(lambda: scan(patterns=patterns, positions=positions))  # that could change


def most_memory(call):
    """Bytes that a call takes at most."""
    tracemalloc.start()
    call()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


# Number types ----------------------------------------------------------------------------------------------

TYPES = ["u1", "i1", ">u2", "i2", "u4", ">i4", "u8", "i8", "f2", "f4", ">f8", "g"]


@pytest.mark.parametrize("dtype", TYPES)
def test_counts_are_the_same_in_all_types_up_to_the_devices(dtype):
    data, expected = scan(patterns=counts(dtype=np.dtype(dtype))), scan()
    assert data.patterns.dtype.isnative
    np.testing.assert_array_equal(data.photons, expected.photons)
    np.testing.assert_array_equal(data.mean_pattern, expected.mean_pattern)
    feed = Resident(data, Asked(1, 2, None, np.dtype(np.float32)))
    assert feed.patterns.counts.dtype.itemsize <= 4
    np.testing.assert_array_equal(np.asarray(feed.patterns.counts, float), counts())
    np.testing.assert_array_equal(unsaturated_mask(data, 50.5), counts() < 50.5)


@pytest.mark.parametrize("dtype", ["u4", "i8", ">u8", "f4", "f8", "g"])
def test_large_counts_do_not_wrap(dtype):
    """Above what int32 holds, and for types of 64 bits above uint32 as well."""
    largest = 3.5e9 if dtype == "u4" else 3.5e12
    patterns = (counts() / 100 * largest).astype(dtype)
    feed = Resident(scan(patterns=patterns), Asked(1, 2, None, np.dtype(np.float32)))
    np.testing.assert_allclose(np.asarray(feed.patterns.counts, float), patterns.astype(float), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", ">i4", "u8", "i8", "f2", "f4", "f8"])
def test_amplitudes_are_squared_where_they_fit_and_bad_ones_stay_bad(tmp_path, dtype):
    """A pixel of -1 or NaN in one pattern, the type's own mark in another, and a gap in all."""
    dtype = np.dtype(dtype)
    roots = counts(shape=(9, 5, 7)).astype(dtype)
    largest, rare = (np.inf, np.nan) if dtype.kind == "f" else (np.iinfo(dtype).max, -1)
    marks = dtype.kind == "f" or dtype.name in ("uint16", "int32", "int64", "uint64")
    expected, valid = roots.astype(float) ** 2, np.ones(roots.shape, bool)
    if marks:
        roots[1, 2, 3], valid[1, 2, 3] = largest, False
    if dtype.kind != "u":
        roots[4, 0, 6], valid[4, 0, 6] = rare, False
    gap = 126 if dtype.itemsize == 1 else 60000 if dtype == np.float16 else 32000 if dtype == np.int16 else 65535
    roots[:, :, 5], valid[:, :, 5] = gap, False
    np.savez(tmp_path / "scan.npz", diffamp=roots, positions_px=np.arange(18).reshape(9, 2))
    data = read(tmp_path / "scan.npz")
    np.testing.assert_array_equal(np.broadcast_to(data.mask, valid.shape), valid)
    np.testing.assert_array_equal(data.patterns, expected * valid)
    assert data.total == (expected * valid).sum()
    assert any("holds amplitudes by its name; squared" in note for note in data.notes)


def test_the_squares_of_large_amplitudes_hold():
    for roots, dtype in (
        (np.array([[[255.0]]], np.uint8), np.uint16),
        (np.array([[[256]]], np.uint16), np.uint32),
        (np.array([[[2**16 + 1]]], np.int32), np.uint64),
        (np.array([[[2**33]]], np.int64), np.float64),
        (np.array([[[1e20]]], np.float32), np.float64),
        (np.array([[[300]]], np.float16), np.float32),
    ):
        data = squared(make_dataset(roots, [[0, 0]]), "")
        assert data.patterns.dtype == dtype
        assert data.total == pytest.approx(float(roots.astype(float).sum()) ** 2, rel=1e-6)


@pytest.mark.parametrize("positions", [[[0, 1j]] * 4, np.full((4, 2), "2020-01-01", "M8[D]"), [["a", "b"]] * 4])
def test_positions_that_are_no_real_numbers_are_refused(positions):
    with pytest.raises(InputError, match="expected real numbers"):
        scan(positions=np.array(positions))


@pytest.mark.parametrize("dtype", ["i1", ">i4", "u2", "f2", ">f4", "g"])
def test_positions_of_all_types_are_the_same(dtype):
    positions = np.array([[0, 0], [1, 20], [30, 5], [2, 100]])
    assert np.array_equal(scan(positions=positions.astype(dtype)).positions, positions)
