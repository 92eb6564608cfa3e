"""Data sets: validation, cleaning, description."""

import math

import numpy as np
import pytest

from ptychograd import _cleaning
from ptychograd._dataset import (
    Dataset,
    Geometry,
    Truth,
    far_field_sampling,
    make_dataset,
    positions_in_pixels,
    subset,
)
from ptychograd._describe import describe, probe_diameter
from ptychograd._errors import InputError

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
def test_clean_patterns_are_neither_converted_nor_copied(dtype):
    patterns = counts(dtype=dtype)
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
    ("items", "words"),
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
def test_items_that_do_not_belong_together_are_refused(items, words):
    with pytest.raises(InputError, match=words):
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
    monkeypatch.setattr(_cleaning, "PIXELS_AT_ONCE", pixels_at_once)
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
    truth = Truth(np.ones((150, 150), np.complex64), gaussian_probe())
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
