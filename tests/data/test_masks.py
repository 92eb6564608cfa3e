"""What a mask means: by its format, its name, its share of pixels, or what a person says; and when it is too much."""

import h5py
import numpy as np
import pytest

import ptychograd as pg
from ptychograd.data.files import read, write

RANDOM = np.random.default_rng(8)
FRAMES = RANDOM.integers(1, 500, (6, 9, 12)).astype(np.uint16)
PLACES = RANDOM.uniform(0, 9, (6, 2))
BAD = np.zeros((9, 12), bool)
BAD[2, 3] = BAD[7, 11] = True
FLAGS = np.where(BAD, 8, 0).astype(np.uint32)
DETECTOR = "entry_1/instrument_1/detector_1"


def hdf5(path, **more):
    with h5py.File(path, "w") as file:
        for name, value in ({"patterns": FRAMES, "position_px": PLACES} | more).items():
            file[name.replace("__", "/")] = value
    return path


def cxi(path, flags):
    with h5py.File(path, "w") as file:
        file["cxi_version"], file[f"{DETECTOR}/data"], file[f"{DETECTOR}/mask"] = 160, FRAMES, flags
        file[f"{DETECTOR}/distance"], file["entry_1/instrument_1/source_1/wavelength"] = 2.0, 1.5e-10
        file[f"{DETECTOR}/x_pixel_size"] = file[f"{DETECTOR}/y_pixel_size"] = 55e-6
        file["entry_1/sample_1/geometry_1/translation"] = np.c_[PLACES, PLACES[:, 0]] * 1e-6
    return path


# Arrays ---------------------------------------------------------------------------------------------------


def test_what_numpy_masks_stays_masked():
    data = pg.make_dataset(np.ma.array(FRAMES, mask=np.broadcast_to(BAD, FRAMES.shape)), PLACES)
    np.testing.assert_array_equal(data.mask, ~BAD)
    one = np.zeros(FRAMES.shape, bool)
    one[4, 1, 1] = True
    data = pg.make_dataset(np.ma.array(FRAMES, mask=one), PLACES, mask=~BAD)
    np.testing.assert_array_equal(data.mask, ~BAD & ~one)
    data = pg.make_dataset([np.ma.array(frame, mask=own) for frame, own in zip(FRAMES, one, strict=True)], PLACES)
    np.testing.assert_array_equal(data.mask, ~one)
    assert pg.make_dataset(np.ma.array(FRAMES), PLACES).mask.shape == (9, 12)


def test_a_mask_of_numpy_masks_itself_and_positions_that_it_masks_are_missing():
    data = pg.make_dataset(FRAMES, PLACES, mask=np.ma.array(np.ones((9, 12)), mask=BAD))
    np.testing.assert_array_equal(data.mask, ~BAD)
    left = pg.data.mask_pixels(data, np.ma.array(np.ones((9, 12)), mask=np.roll(BAD, 1, 0)))
    np.testing.assert_array_equal(left.mask, ~BAD & ~np.roll(BAD, 1, 0))
    with pytest.raises(pg.InputError, match="1 positions are not finite, the first is number 2"):
        pg.make_dataset(FRAMES, np.ma.array(PLACES, mask=np.arange(12).reshape(6, 2) == 4))


@pytest.mark.parametrize("mask_is", [None, "good", "bad"])
def test_nan_in_a_mask_is_not_valid(mask_is):
    numbers = np.where(BAD, np.nan, 0.0 if mask_is == "bad" else 1.0)
    np.testing.assert_array_equal(pg.make_dataset(FRAMES, PLACES, mask=numbers, mask_is=mask_is).mask, ~BAD)


def test_what_non_zero_means_can_be_said():
    np.testing.assert_array_equal(pg.make_dataset(FRAMES, PLACES, mask=FLAGS, mask_is="bad").mask, ~BAD)
    data = pg.make_dataset(FRAMES, PLACES)
    np.testing.assert_array_equal(pg.data.mask_pixels(data, FLAGS, mask_is="bad").mask, ~BAD)
    with pytest.raises(pg.InputError, match='expected "good" or "bad"'):
        pg.make_dataset(FRAMES, PLACES, mask=FLAGS, mask_is="inverted")


def test_fewer_than_half_of_the_pixels_need_a_word():
    text = r'1\.85% of the pixels are valid.*mask_is="bad".*allow_masked=True'
    with pytest.raises(pg.InputError, match=text):
        pg.make_dataset(FRAMES, PLACES, mask=BAD)
    data = pg.make_dataset(FRAMES, PLACES)
    with pytest.raises(pg.InputError, match=r"1\.85%"):
        pg.data.mask_pixels(data, BAD)
    np.testing.assert_array_equal(pg.make_dataset(FRAMES, PLACES, mask=BAD, allow_masked=True).mask, BAD)
    np.testing.assert_array_equal(pg.data.mask_pixels(data, BAD, allow_masked=True).mask, BAD)
    half = np.arange(108).reshape(9, 12) % 2 == 0
    assert pg.make_dataset(FRAMES, PLACES, mask=half).mask.mean() == 0.5


# Names and shares -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "mask", "meaning"),
    [
        ("mask", ~BAD, "non-zero = valid"),
        ("mask", FLAGS, "non-zero = bad, as only 1.85% are non-zero"),
        ("mask", np.where(BAD, np.nan, 1.0), "non-zero = valid"),
        ("entry__detector__pixel_mask", FLAGS, "0 = good, as in a pixel_mask"),
        ("bad_pixels", BAD, "non-zero = bad"),
        ("valid_pixel_mask", ~BAD, "non-zero = valid"),
        ("measured_pixels", ~BAD, "non-zero = valid"),
    ],
)
@pytest.mark.parametrize("named", [False, True])
def test_a_mask_means_what_its_name_and_share_tell(tmp_path, name, mask, meaning, named):
    file = hdf5(tmp_path / "a.h5", **{name: mask})
    data = read(file, {"mask": name.replace("__", "/")} if named else None)
    np.testing.assert_array_equal(data.mask, ~BAD)
    assert any(meaning in note for note in data.notes)


def test_a_mask_all_of_whose_flags_are_zero_masks_nothing(tmp_path):
    assert read(hdf5(tmp_path / "a.h5", mask=np.zeros((9, 12), np.uint8))).mask.all()


@pytest.mark.parametrize(("mask_is", "mask"), [("good", ~BAD), ("bad", BAD)])
@pytest.mark.parametrize("name", ["mask", "pixel_mask", "bad_pixels", "valid", "mine"])
def test_what_a_person_says_wins(tmp_path, name, mask_is, mask):
    file = hdf5(tmp_path / "a.h5", **{name: mask})
    data = read(file, {"mask": name}, mask_is=mask_is)
    np.testing.assert_array_equal(data.mask, ~BAD)
    assert any("as was said" in note for note in data.notes)


def test_a_meaning_needs_a_mask(tmp_path):
    with pytest.raises(pg.InputError, match="there is no mask; name it"):
        read(hdf5(tmp_path / "a.h5"), mask_is="bad")
    with pytest.raises(pg.InputError, match='expected "good" or "bad"'):
        read(hdf5(tmp_path / "b.h5", mask=BAD), mask_is="yes")


def test_an_eiger_writes_its_mask_in_two_places(tmp_path):
    places = {f"entry__instrument__detector__{place}pixel_mask": FLAGS for place in ("", "detectorSpecific__")}
    data = read(hdf5(tmp_path / "a.h5", **places))
    np.testing.assert_array_equal(data.mask, ~BAD)
    assert any('guessed "entry/instrument/detector/pixel_mask"' in note for note in data.notes)


def test_a_mask_of_another_shape_is_mentioned(tmp_path):
    data = read(hdf5(tmp_path / "a.h5", pixel_mask=np.zeros((18, 24), np.uint32)))
    assert data.mask.all()
    assert any('"pixel_mask" (18, 24) uint32 is not used' in note for note in data.notes)


# Formats --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [f"{DETECTOR}/mask", f"/{DETECTOR}/mask", None])
def test_a_mask_of_cxi_keeps_its_rule_when_it_is_named(tmp_path, place):
    flags = FLAGS.copy()
    flags[0, 0] = 0x1000
    data = read(cxi(tmp_path / "a.cxi", flags), place and {"mask": place})
    np.testing.assert_array_equal(data.mask, ~BAD)
    np.testing.assert_array_equal(read(cxi(tmp_path / "b.cxi", ~BAD), mask_is="good").mask, ~BAD)
    with pytest.raises(
        pg.InputError, match=r"a.cxi: 1\.85% .*0 and 0x1000 = valid, as in CXI.*`data.mask.nonzero=good`"
    ):
        read(cxi(tmp_path / "a.cxi", ~BAD))


def test_the_own_mask_is_true_where_a_pixel_is_valid_however_few_are(tmp_path):
    write(tmp_path / "a.h5", pg.make_dataset(FRAMES, PLACES, mask=BAD, allow_masked=True))
    for keys in (None, {"mask": "data/mask"}):
        np.testing.assert_array_equal(read(tmp_path / "a.h5", keys, allow_masked=True).mask, BAD)
    with pytest.raises(pg.InputError, match=r"1\.85% of the pixels are valid, fewer"):
        read(tmp_path / "a.h5")
    np.testing.assert_array_equal(read(tmp_path / "a.h5", mask_is="bad").mask, ~BAD)


# Commands -------------------------------------------------------------------------------------------------


@pytest.fixture
def scan(tmp_path):
    """A scan of which a third is valid, if its mask is read as it stands."""
    np.save(tmp_path / "bad.npy", BAD)
    third = np.arange(108).reshape(9, 12) % 3 == 0
    return hdf5(tmp_path / "third.h5", mask=third), hdf5(tmp_path / "all.h5")


@pytest.mark.parametrize("command", ["reconstruct", "frc", "sweep"])
def test_runs_refuse_what_is_mostly_masked(run, scan, command):
    third, whole = scan
    more = ("--grid", "seed=0,1") if command == "sweep" else ()
    status, _, text = run(command, third, "--epochs", 1, *more)
    assert (status, "33.33% of the pixels are valid, fewer than half (non-zero = valid" in text) == (2, True)
    status, _, text = run(command, whole, "--epochs", 1, "--mask", "bad.npy", "--set", "data.mask.beam_stop=3", *more)
    assert (status, "`data.mask.beam_stop` 3" in text, "bad.npy (non-zero = good)" in text) == (2, True, True)


@pytest.mark.slow
def test_what_is_mostly_masked_can_be_turned_allowed_and_looked_at(run, scan):
    third, whole = scan
    status, text, _ = run("inspect", third)
    assert (status, "(66.67%)" in text, "data.mask.allow_most" in text) == (0, True, True)
    status, text, _ = run("diagnose", third, "--no-trial")
    assert (status, "66.67% of the pixels are masked" in text) == (0, True)
    assert run("reconstruct", third, "--epochs", 1, "--set", "data.mask.allow_most=true")[0] == 0
    assert pg.Plan(data={"paths": str(third), "mask": {"nonzero": "bad"}}).read().mask.sum() == 72
    data = pg.Plan(data={"paths": str(whole), "mask": {"nonzero": "bad", "image": "bad.npy"}}).read()
    np.testing.assert_array_equal(data.mask, ~BAD)
    assert "(non-zero = bad) 98.15% of the pixels are valid" in data.notes[-1]


def test_what_is_said_of_a_mask_beside_the_file_is_not_said_of_the_files_own(run, tmp_path, scan):
    write(tmp_path / "own.h5", pg.make_dataset(FRAMES, PLACES, mask=~np.roll(BAD, 1, 1)))
    status, text, _ = run("inspect", tmp_path / "own.h5", "--mask", "bad.npy", "--set", "data.mask.nonzero=bad")
    assert (status, "4 of 108 pixels are bad" in text) == (0, True)
