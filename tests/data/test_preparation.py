"""Data made ready for a reconstruction: each step beside NumPy's own, in memory and block by block out of a file."""

import subprocess
import sys

import h5py
import numpy as np
import pytest

import problems
import ptychograd as pg
from ptychograd.core.errors import InputError
from ptychograd.data import ChosenFrames, Preparation, prepare
from ptychograd.data.dataset import StoredPatterns, StreamFromFile
from ptychograd.data.preparation.centre import found_centre

RANDOM = np.random.default_rng(7)
GEOMETRY = pg.Geometry(1.5e-10, 2.0, (75e-6, 50e-6))


def scan(shape=(12, 15), count=9, **more):
    """Patterns without any symmetry, on positions without any."""
    patterns = RANDOM.integers(1, 60, (count, *shape)).astype(np.uint16)
    places = RANDOM.uniform(-2e-6, 2e-6, (count, 2))
    return pg.make_dataset(patterns, places, **({"geometry": GEOMETRY} | more))


def in_file(folder, data, frames=2):
    """The same data with patterns that stay in a file, a few of which are read at once."""
    with h5py.File(folder / "raw.h5", "w") as file:
        file["patterns"], file["positions"] = data, RANDOM.uniform(0, 1e-6, (len(data), 2))
    keys = {"wavelength": "1.5e-10", "distance": "2", "pixel_size": "75e-6,50e-6"}
    keep = StreamFromFile(0, frames * data[0].nbytes)
    return pg.read(folder / "raw.h5", keys, keep=keep), pg.read(folder / "raw.h5", keys)


# Pixels ----------------------------------------------------------------------------------------------------


def test_a_bin_of_a_crop_is_numpys_own_sum():
    data = scan()
    small = prepare(data, Preparation(crop=(8, 9), bin=(2, 3)))
    inside = np.asarray(data.patterns)[:, 2:10, 3:12]  # about pixel (6, 7)
    assert np.array_equal(small.patterns, inside.reshape(9, 4, 2, 3, 3).sum(axis=(2, 4)))
    assert small.patterns.dtype == np.uint32
    assert small.geometry.pixel_size == pytest.approx((150e-6, 150e-6))
    assert np.array_equal(small.positions, data.positions)
    assert data.frame_shape == (12, 15)


def test_a_sum_with_a_bad_pixel_is_bad_and_padding_is_masked():
    mask = np.ones((12, 15), bool)
    mask[4, 8] = False
    binned = prepare(scan(mask=mask), Preparation(bin=(2, 3)))
    assert np.argwhere(~binned.mask).tolist() == [[2, 2]]
    padded = prepare(scan(), Preparation(pad=(14, 16)))
    assert padded.mask.sum() == 12 * 15
    assert padded.mask[1:13, 1:16].all()  # pixel (6, 7) is pixel (7, 8) now
    assert not padded.patterns[:, ~padded.mask].any()


@pytest.mark.parametrize("shape", [(12, 15), (13, 14)])
def test_a_flip_is_that_of_the_wave(shape):
    """|F f(-r)|² at k is |F f(r)|² at -k, about the middle pixel, for odd and even sizes."""
    wave = problems.complex_array(*shape, seed=3)
    mirrored = np.roll(wave[::-1], 1, axis=0)  # about pixel 0
    one, other = (np.fft.fftshift(np.abs(np.fft.fft2(w)) ** 2)[None] for w in (wave, mirrored))
    data = prepare(pg.make_dataset(one, [[0, 0]]), Preparation(flip="y"))
    assert np.allclose(data.patterns[:, data.mask], other[:, data.mask])
    assert (~data.mask).sum() == (shape[1] if shape[0] % 2 == 0 else 0)


def test_transposed_and_shifted_as_numpy_does_it():
    data = scan()
    turned = prepare(data, Preparation(shift=True, transpose=True))
    shifted = np.fft.fftshift(np.asarray(data.patterns), axes=(1, 2))
    assert np.array_equal(turned.patterns, shifted.transpose(0, 2, 1))
    assert turned.geometry.pixel_size == (50e-6, 75e-6)
    assert np.allclose(turned.geometry.sampling(turned.frame_shape), GEOMETRY.sampling((12, 15))[::-1])


def off_centre(away, shape=(20, 18)):
    """Patterns whose zero frequency is so far from the middle pixel, parts of pixels too, of waves that are known."""
    probe, object = problems.probe_wave(), problems.object_wave()
    y, x = (np.exp(2j * np.pi * (n // 2 + a) * np.arange(n) / n) for n, a in zip(shape, away, strict=True))
    windows = [object[r : r + shape[0], c : c + shape[1]] for r, c in problems.positions().astype(int)]
    return np.array([np.abs(np.fft.fft2(probe * w * y[:, None] * x, norm="ortho")) ** 2 for w in windows]), probe


def test_a_centre_between_pixels_is_moved_by_whole_ones_and_the_rest_is_in_the_probe():
    patterns, probe = off_centre((2.3, -1.4))
    data = pg.make_dataset(patterns, problems.positions(), probe=probe)
    moved = prepare(data, Preparation(centre=(12.3, 7.6)))
    away = moved.probe[0] / probe
    y, x = ((np.arange(n) - n // 2) / n for n in (20, 18))
    assert np.allclose(away, np.exp(2j * np.pi * (0.3 * y[:, None] - 0.4 * x)))
    corners = problems.positions().astype(int)
    object = problems.object_wave()
    for number in (0, 17, 55):
        row, column = corners[number]
        wave = moved.probe[0] * object[row : row + 20, column : column + 18]
        expected = np.fft.fftshift(np.abs(np.fft.fft2(wave, norm="ortho")) ** 2)
        inside = moved.mask & (expected > 1e-3)
        assert np.allclose(moved.patterns[number][inside], expected[inside], rtol=1e-4)
    assert "moved by (-2, +1) pixels; the rest of (+0.30, -0.40) stays" in moved.notes[-1]


def test_a_centre_is_given_in_the_files_own_pixels():
    """Whatever is moved, transposed and flipped before."""
    patterns, _ = off_centre((2.0, -1.0))
    expected = prepare(pg.make_dataset(patterns, problems.positions()), Preparation(centre=(12.0, 8.0)))
    raw = np.fft.ifftshift(np.flip(patterns, axis=2), axes=(1, 2))
    place = (float((12 - 10) % 20), float((17 - 8 - 9) % 18))
    found = prepare(pg.make_dataset(raw, problems.positions()), Preparation(shift=True, flip="x", centre=place))
    both = found.mask & expected.mask
    assert both.sum() > 0.7 * both.size
    assert np.array_equal(found.patterns[:, both], expected.patterns[:, both])


def test_a_centre_is_found_to_a_tenth_of_a_pixel():
    """Beside that of patterns that are in the middle, as the beam of this problem is tilted."""
    found = []
    for away in ((0.0, 0.0), (2.3, -1.4)):
        counts = np.random.default_rng(0).poisson(off_centre(away)[0]).astype(np.uint32)
        found.append(found_centre(pg.make_dataset(counts, problems.positions()), "symmetry").centre)
    assert np.allclose(np.subtract(*found[::-1]), (2.3, -1.4), atol=0.1)


def test_a_bin_has_the_zero_frequency_as_near_its_middle_as_whole_pixels_allow():
    patterns, probe = off_centre((1.0, 0.0))
    data = pg.make_dataset(patterns, problems.positions(), probe=probe)
    binned = prepare(data, Preparation(centre=(11.0, 9.0), bin=(4, 3)))
    assert binned.frame_shape == (5, 6)
    assert "the rest of (-1.00, +1.00)" in binned.notes[-2]  # beside the middle of four, and in that of three
    away = np.angle(binned.probe[0] / probe[8:13, 6:12])
    assert np.allclose(np.diff(away, axis=0), 2 * np.pi * (-0.5 / 4) / 5)
    assert np.allclose(np.diff(away, axis=1), 0)


# Counts ----------------------------------------------------------------------------------------------------


def test_dark_gain_and_flat_field_are_undone_in_the_order_in_which_light_met_them():
    data = scan()
    flat, dark = RANDOM.uniform(0.7, 1.3, (12, 15)), RANDOM.uniform(90, 110, (12, 15))
    level = np.median(flat)
    raw = np.asarray(data.patterns) * (flat / level) * 37.0 + dark
    shown = pg.make_dataset(raw, data.positions, geometry=GEOMETRY)
    exposures = np.stack([dark - 1, dark + 1])
    ready = prepare(shown, Preparation(dark=exposures, gain=37.0, flat=5 * flat, threshold=1.5))
    expected = np.where(data.patterns < 1.5, 0, data.patterns)
    assert np.allclose(ready.patterns, expected, rtol=1e-6)
    assert [note.split()[1] for note in ready.notes] == ["dark", "divided", "divided", "pixels"]


def test_values_below_the_dark_are_zero_and_counted():
    frames = np.full((8, 6, 7), 100.0)
    frames += RANDOM.normal(0, 3, frames.shape)
    frames[:, 2:4, 2:5] += 500
    ready = prepare(pg.make_dataset(frames, np.zeros((8, 2)) + np.arange(8)[:, None]), Preparation(dark=100.0))
    assert ready.patterns.min() == 0
    assert ready.mask.all()
    share = np.mean(frames < 100)
    assert f"{share:.1%} of the values came out below 0" in ready.notes[-1]


def test_hot_and_dead_pixels_are_masked():
    frames = RANDOM.poisson(40, (20, 24, 24)).astype(np.uint16)
    frames[:, 5, 17] = RANDOM.poisson(900, 20)
    frames[:, 14, 3] = 0
    data = pg.make_dataset(frames, RANDOM.uniform(0, 9, (20, 2)))
    ready = prepare(data, Preparation(hot_pixels=True, dead_pixels=True))
    assert np.argwhere(~ready.mask).tolist() == [[5, 17], [14, 3]]
    assert prepare(data, Preparation(hot_pixels=True)).mask.sum() == 24 * 24 - 1


def test_hot_pixels_are_found_at_the_rim_but_no_beam_in_a_corner():
    frames = RANDOM.poisson(2, (20, 24, 26)).astype(np.uint16)
    for y, x in ((0, 9), (23, 4), (11, 0), (17, 25), (0, 0), (23, 25)):
        frames[:, y, x] = RANDOM.poisson(3000, 20)
    ready = prepare(pg.make_dataset(frames, RANDOM.uniform(0, 9, (20, 2))), Preparation(hot_pixels=True))
    assert np.argwhere(~ready.mask).tolist() == [[0, 9], [11, 0], [17, 25], [23, 4]]


# Patterns and positions ------------------------------------------------------------------------------------


def test_patterns_by_number_and_by_brightness():
    data = scan(count=12)
    asked = ChosenFrames(first=1, last=10, every=3, leave_out=(4,))
    assert np.array_equal(prepare(data, Preparation(frames=asked)).patterns, data.patterns[[1, 7, 10]])
    chosen = prepare(data, Preparation(frames=ChosenFrames(only=(5, 2))))
    assert np.array_equal(chosen.positions, data.positions[[5, 2]])
    frames = np.array(data.patterns)
    frames[3], frames[8] = 0, frames[8] * 20
    dim = prepare(pg.make_dataset(frames, data.positions), Preparation(frames=ChosenFrames(dimmest=0.1, brightest=5.0)))
    assert dim.count == 10


def test_outliers_are_left_out_and_a_scan_is_turned():
    data = pg.make_dataset(np.ones((17, 4, 5), np.uint16), np.r_[problems.positions()[:16], [[900, 3]]])
    assert prepare(data, Preparation(drop_outliers=True)).count == 16
    turned = prepare(data, Preparation(rotate_scan=0.3)).positions
    middle = data.positions.mean(axis=0)
    before, after = ((places - middle) @ [1j, 1] for places in (data.positions, turned))  # x + i y
    assert np.allclose(after, before * np.exp(0.3j))


# Out of a file ---------------------------------------------------------------------------------------------

EVERYTHING = Preparation(
    dark=2.0,
    gain=1.5,
    flat=np.linspace(0.8, 1.2, 30 * 28).reshape(30, 28),
    threshold=1.0,
    hot_pixels=True,
    dead_pixels=True,
    shift=True,
    transpose=True,
    flip="yx",
    centre=(1.2, 26.1),
    crop=(20, 24),
    pad=(24, 24),
    bin=(3, 2),
    frames=ChosenFrames(every=2, leave_out=(4,), dimmest=0.01),
    drop_outliers=True,
    rotate_scan=0.1,
)
STEPS = (Preparation(flip="y", crop=(20, 20)), Preparation(bin=(2, 2)), EVERYTHING)


@pytest.mark.parametrize("wanted", STEPS, ids=["pixels", "bin", "everything"])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_block_by_block_is_as_in_memory_bit_for_bit(tmp_path, wanted, dtype):
    """With gaps in all patterns, and pixels that are bad in some."""
    frames = RANDOM.poisson(20, (26, 30, 28)).astype(dtype)
    frames[:, 3, 4] = 0
    frames[:, 9, 8] = 65535
    frames[5, 6, 7] = 65535 if dtype == np.uint16 else np.nan
    streamed, whole = (prepare(data, wanted) for data in in_file(tmp_path, frames))
    assert isinstance(streamed.patterns, StoredPatterns)
    assert isinstance(whole.patterns, np.ndarray)
    patterns, mask = streamed.frames(slice(None))
    mask, expected = (np.broadcast_to(one, patterns.shape) for one in (mask, whole.mask))
    assert np.array_equal(mask, expected)
    assert patterns.dtype == whole.patterns.dtype
    assert np.array_equal(np.where(mask, patterns, 0), np.where(mask, whole.patterns, 0))
    assert np.array_equal(streamed.photons, whole.photons)
    assert streamed.notes == whole.notes
    assert np.array_equal(streamed.frames(np.array([3, 1]))[0], patterns[[3, 1]])


def test_what_was_prepared_is_written_block_by_block_and_read_as_it_was(tmp_path):
    frames = RANDOM.poisson(20, (14, 20, 22)).astype(np.uint16)
    frames[5, 6, 7] = 65535
    streamed, whole = (prepare(data, Preparation(bin=(2, 2))) for data in in_file(tmp_path, frames))
    pg.write(tmp_path / "ready.h5", streamed)
    again = pg.read(tmp_path / "ready.h5")
    assert np.array_equal(again.patterns, whole.patterns * whole.mask)
    assert np.array_equal(again.mask, whole.mask)
    assert again.geometry == whole.geometry
    assert set(whole.notes) <= set(again.notes)


def test_a_prepared_scan_goes_to_cxi_and_back(tmp_path):
    data = prepare(scan(mask=RANDOM.random((12, 15)) > 0.1), Preparation(crop=(10, 12)))
    pg.write(tmp_path / "ready.cxi", data)
    again = pg.read(tmp_path / "ready.cxi")
    for name in ("patterns", "positions", "mask"):
        assert np.array_equal(getattr(again, name), getattr(data, name))
    assert again.geometry.pixel_size == data.geometry.pixel_size
    assert again.geometry.wavelength == pytest.approx(data.geometry.wavelength)
    assert data.notes[-1] in again.notes
    with pytest.raises(InputError, match="no geometry of a far field"):
        pg.write(tmp_path / "other.cxi", scan(geometry=None))
    with pytest.raises(InputError, match="patterns of a near field, for which CXI has no place"):
        pg.write(tmp_path / "other.cxi", scan(geometry=pg.NearFieldGeometry(1e-10, 0.01, (1e-6, 1e-6))))


# What can't be done ----------------------------------------------------------------------------------------

WRONG = {
    "crop": (Preparation(crop=(13, 15)), r"`data.prepare.crop` \[13, 15\] is larger than the frame of \[12, 15\]"),
    "pad": (Preparation(pad=(12, 14)), "`data.prepare.pad`.* is smaller than the frame"),
    "bin": (Preparation(bin=(5, 3)), r"does not divide the frame of \[12, 15\] pixels.*`data.prepare.crop` \[10, 15\]"),
    "dark": (Preparation(dark=np.ones((3, 4))), r"`data.prepare.dark` has shape \(3, 4\); expected \(12, 15\)"),
    "below": (Preparation(dark=1e4), "`data.prepare.dark` is brighter than the patterns: 100% of the pixels"),
    "flat": (Preparation(flat=np.zeros((12, 15))), "`data.prepare.flat` has no pixel above 0"),
    "gain": (Preparation(gain=0.0), "`data.prepare.gain` 0: expected what one photon adds"),
    "unknown gain": (Preparation(gain="auto"), "`data.prepare.gain` auto: .* tells no gain"),
    "threshold": (Preparation(threshold=-1.0), "`data.prepare.threshold` -1: expected"),
    "centre": (Preparation(centre=(3.0, 15.0)), r"`data.prepare.centre` .* is not in a frame of 12 x 15"),
    "no centre": (Preparation(centre="auto"), "`data.prepare.centre` auto: the mean pattern of memory shows none"),
    "flip": (Preparation(flip="z"), '`data.prepare.flip` "z"; expected'),
    "frames": (Preparation(frames=ChosenFrames(first=9)), "`data.prepare.frames.first` 9 .*there are 9 patterns"),
    "only": (Preparation(frames=ChosenFrames(only=(99,))), "`data.prepare.frames.only` has number 99"),
    "none left": (Preparation(frames=ChosenFrames(leave_out=tuple(range(9)))), "leaves none of 9 patterns"),
    "none bright": (Preparation(frames=ChosenFrames(dimmest=50.0)), "`data.prepare.frames.dimmest` leaves none"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_done_is_said_with_the_field(name):
    wanted, text = WRONG[name]
    with pytest.raises(InputError, match=text):
        prepare(scan(), wanted)


def test_shadows_and_curves_have_no_zero_frequency():
    near = scan(geometry=pg.NearFieldGeometry(1.5e-10, 0.1, (2e-6, 2e-6)))
    with pytest.raises(InputError, match=r"`data.prepare.centre` is for far fields"):
        prepare(near, Preparation(centre="auto"))
    assert prepare(near, Preparation(crop=(8, 8))).geometry == near.geometry
    curve = pg.BraggGeometry(1.5e-10, 1.0, (75e-6, 75e-6), two_theta=0.6, rocking=(-1e-3, 0.0, 1e-3))
    crystal = pg.make_dataset(np.ones((6, 12, 15), np.uint16), np.zeros((2, 2)), geometry=curve)
    with pytest.raises(InputError, match=r"`data.prepare.crop`: memory holds rocking curves"):
        prepare(crystal, Preparation(crop=(8, 8)))


# At work ---------------------------------------------------------------------------------------------------


def as_written(data, away, folder):
    """The same light as a bad detector shows it: off centre, flipped, in a corner, 37 a photon over 100, hot pixels."""
    counts = np.random.default_rng(1).poisson(off_centre(away)[0]).astype(np.uint32)
    counts = np.roll(np.flip(counts, axis=1), 1, axis=1)  # about the middle of an even number
    counts[:, 3, 14] += np.random.default_rng(2).poisson(2000, len(counts)).astype(np.uint32)
    raw = np.fft.ifftshift(counts, axes=(1, 2)) * 37 + 100
    pg.write(folder / "raw.h5", pg.make_dataset(raw, data.positions))
    return folder / "raw.h5"


@pytest.mark.slow
def test_a_bad_detector_prepared_by_fields_gives_the_object_of_clean_data(tmp_path):
    clean, away = problems.measurement(), (3.3, -2.6)
    path = as_written(clean, away, tmp_path)
    prepare = {"dark": 100, "gain": 37, "hot_pixels": True, "shift": True, "flip": "y"}
    prepare["centre"] = [float((10 - away[0] - 10) % 20), float((9 + away[1] - 9) % 18)]
    fit = {"epochs": 120, "batch_size": 14, "solver": {"kind": "nesterov"}}
    errors = []
    for asked in ({"paths": path, "prepare": prepare}, {"paths": tmp_path / "clean.h5"}):
        if "prepare" not in asked:
            pg.write(tmp_path / "clean.h5", pg.make_dataset(clean.patterns, clean.positions))
        result = pg.Plan(data=asked, fit=fit, seed=3).run()
        inside = (slice(8, -8), slice(8, -8))
        truth, found = problems.object_wave()[inside], np.asarray(result.object)[inside]
        errors.append(pg.metrics.compare_arrays(truth, found).nrmse_ramp_removed)
    assert errors[0] < 1.3 * errors[1] + 0.01
    assert errors[0] < 0.2


MEMORY = """
import ptychograd as pg
from ptychograd.data.dataset import StreamFromFile
from ptychograd.core.memory import peak_memory
data = pg.read("raw.h5", keep=StreamFromFile(2**24, 2**23))
asked = pg.data.Preparation(dark=2.0, gain=1.5, hot_pixels=True, centre=(130.0, 126.0), bin=(2, 2))
before = peak_memory()
pg.write("ready.h5", pg.data.prepare(data, asked))
print((peak_memory() - before) // 2**20)
"""


@pytest.mark.slow
def test_a_file_larger_than_what_may_be_in_memory_is_prepared_in_little_of_it(tmp_path):
    """240 MB of patterns, of which 8 MB are read at once."""
    with h5py.File(tmp_path / "raw.h5", "w") as file:
        frames = file.create_dataset("patterns", (1800, 256, 256), np.uint16, chunks=(1, 256, 256))
        some = RANDOM.poisson(6, (60, 256, 256))
        for first in range(0, 1800, 60):
            frames[first : first + 60] = np.roll(some, first, axis=2)
        file["positions_px"] = RANDOM.uniform(0, 200, (1800, 2))
    call = [sys.executable, "-c", MEMORY]
    done = subprocess.run(call, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=250)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 120  # MiB
