"""Files: the package's own format, what a broken file says, and that a write happens wholly or not at all."""

import os
import subprocess
import sys

import h5py
import numpy as np
import pytest

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import Dataset, Geometry, GroundTruth, Stated, make_dataset, positions_in_pixels
from ptychograd.data.files import read, write
from ptychograd.data.files.writing.atomic import fcntl, replacing

RANDOM = np.random.default_rng(5)
FRAMES = RANDOM.integers(1, 500, (6, 5, 8)).astype(np.uint16)
PLACES = RANDOM.uniform(-4, 9, (6, 2))
METRES = PLACES * 1e-6
PROBE = (RANDOM.normal(size=(2, 5, 8)) + 1j * RANDOM.normal(size=(2, 5, 8))).astype(np.complex64)
GEOMETRY = Geometry(1.5e-10, 2.25, (55e-6, 75e-6))


def same(first, second):
    if isinstance(first, np.ndarray):
        return first.dtype == second.dtype and np.array_equal(first, second)
    if isinstance(first, (Dataset, GroundTruth, Stated)):
        return all(same(value, getattr(second, name)) for name, value in vars(first).items() if name != "photons")
    return first == second


# The package's own format ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int32, np.float32, np.float64])
def test_own_format_keeps_every_bit(tmp_path, dtype):
    mask = RANDOM.random((6, 5, 8)) > 0.2
    truth = GroundTruth(RANDOM.normal(size=(9, 11)) * np.complex128(1 - 2j), PROBE)
    support = np.arange(99).reshape(9, 11) % 7 > 2
    data = make_dataset(
        FRAMES.astype(dtype),
        METRES,
        mask=mask,
        geometry=GEOMETRY,
        probe=PROBE,
        support=support,
        truth=truth,
        source="a simulation",
        notes=["Schrödinger's note", "100 µm"],
    )
    write(tmp_path / "all.h5", data)
    assert same(data, read(tmp_path / "all.h5"))


def test_own_format_keeps_pixels_and_absences(tmp_path):
    data = make_dataset(FRAMES, PLACES)
    write(str(tmp_path / "few.hdf5"), data)
    assert same(data, read(str(tmp_path / "few.hdf5")))


def test_own_format_opens_in_viewers(tmp_path):
    write(tmp_path / "a.h5", make_dataset(FRAMES, METRES, geometry=GEOMETRY))
    with h5py.File(tmp_path / "a.h5") as file:
        assert (file.attrs["format"], file.attrs["format_version"]) == ("ptychograd dataset", 1)
        group = file[file.attrs["default"]]
        assert (file.attrs["NX_class"], group.attrs["NX_class"]) == ("NXentry", "NXdata")
        patterns = group[group.attrs["signal"]]
        assert patterns.chunks == (1, 5, 8)
        assert (patterns.compression, patterns.compression_opts, patterns.shuffle) == ("gzip", 1, True)
        units = [file[name].attrs["units"] for name in ("geometry/wavelength", "data/positions")]
        assert units == ["m", "m"]


def test_own_format_of_the_future_is_refused(tmp_path):
    write(tmp_path / "a.h5", make_dataset(FRAMES, PLACES))
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file.attrs["format_version"] = 2
    with pytest.raises(InputError, match="version 2, this ptychograd reads 1"):
        read(tmp_path / "a.h5")


def test_own_format_without_patterns_says_where_they_belong(tmp_path):
    write(tmp_path / "a.h5", make_dataset(FRAMES, PLACES))
    with h5py.File(tmp_path / "a.h5", "a") as file:
        del file["data/patterns"]
    with pytest.raises(InputError, match=r'no patterns: looked for data/patterns.*"data/positions" \(6, 2\)'):
        read(tmp_path / "a.h5")


def test_keys_take_the_place_of_single_items(tmp_path):
    write(tmp_path / "a.h5", make_dataset(FRAMES, METRES, geometry=GEOMETRY))
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["mine"] = PROBE[1]
    data = read(tmp_path / "a.h5", keys={"probe": "mine", "distance": "3.5"})
    assert np.array_equal(data.probe, PROBE[1:])
    assert data.geometry == Geometry(1.5e-10, 3.5, (55e-6, 75e-6))
    assert np.array_equal(data.positions, METRES)


def test_a_geometry_given_later_turns_pixels_into_metres(tmp_path):
    write(tmp_path / "a.h5", make_dataset(FRAMES, PLACES))
    data = read(tmp_path / "a.h5", {"wavelength": 1.5e-10, "distance": 2.25, "pixel_size": "55e-6,75e-6"})
    assert data.geometry == GEOMETRY
    np.testing.assert_allclose(positions_in_pixels(data, None), PLACES, rtol=1e-12)
    assert "wavelength, pixel_size missing" in read(tmp_path / "a.h5", {"distance": 2.25}).notes[0]


def test_only_names_of_hdf5_are_written(tmp_path):
    with pytest.raises(InputError, match=r"ends in \.h5 or \.hdf5"):
        write(tmp_path / "a.npz", make_dataset(FRAMES, PLACES))


# Whole or not at all --------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, MemoryError])
def test_a_write_that_breaks_off_leaves_the_old_file(tmp_path, error):
    file = tmp_path / "a.h5"
    file.write_text("old")

    def break_off():
        with replacing(file) as temporary:
            temporary.write_text("new, half")
            raise error

    with pytest.raises(error):
        break_off()
    assert file.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.h5"]


def test_a_write_replaces_the_target_of_a_link(tmp_path):
    (tmp_path / "real.h5").write_text("old")
    (tmp_path / "link.h5").symlink_to(tmp_path / "real.h5")
    with replacing(tmp_path / "link.h5") as temporary:
        assert temporary.suffix == ".h5"
        assert temporary.parent == tmp_path.resolve()
        temporary.write_text("new")
    assert (tmp_path / "link.h5").is_symlink()
    assert (tmp_path / "real.h5").read_text() == "new"


def test_a_write_that_cannot_begin_says_why(tmp_path, monkeypatch):
    data = make_dataset(FRAMES, PLACES)
    (tmp_path / "folder.h5").mkdir()
    with pytest.raises(InputError, match=r"there is no folder .*create it"):
        write(tmp_path / "nowhere" / "a.h5", data)
    with pytest.raises(InputError, match="it is a folder"):
        write(tmp_path / "folder.h5", data)
    monkeypatch.setattr(os, "access", lambda *_: False)  # a test may run as root, who may write everywhere
    with pytest.raises(InputError, match="not writable"):
        write(tmp_path / "a.h5", data)


FULL_DISK = """
import resource, sys
import numpy as np
from ptychograd.data.dataset import make_dataset
from ptychograd.core.errors import InputError
from ptychograd.data.files import write
data = make_dataset(np.random.default_rng(0).random((40, 64, 64)), np.zeros((40, 2)))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    write(sys.argv[1], data)
except InputError as error:
    print(error)
"""


@pytest.mark.variants
@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of a file as POSIX does")
@pytest.mark.parametrize("limit", [0, 3_000, 200_000, 1_100_000])
def test_a_full_disk_leaves_the_old_file(tmp_path, limit):
    file = tmp_path / "a.h5"
    file.write_text("old")
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, file, str(limit)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "can't be written" in done.stdout
    assert file.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.h5"]


@pytest.mark.skipif(fcntl is None, reason="knows by a lock of POSIX which files are written")
def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path):
    others = (".r.12345678.part.npz", ".r.1234567.part.h5", ".q.12345678.part.h5", "r.12345678.part.h5")
    for name in (".r.12345678.part.h5", ".r.0123abcd.part.h5", *others):
        (tmp_path / name).write_text("half")
    with replacing(tmp_path / "r.h5") as first:
        first.write_text("first")
        with replacing(tmp_path / "r.h5") as second:  # another writer of the same file, at the same time
            second.write_text("second")
        assert first.read_text() == "first"
    assert (tmp_path / "r.h5").read_text() == "first"
    assert sorted(os.listdir(tmp_path)) == sorted(["r.h5", *others])


# Files that can't be read ---------------------------------------------------------------------------------


def test_what_is_no_container_of_arrays_is_named(tmp_path):
    (tmp_path / "a.h5").write_text("no HDF5 at all")
    (tmp_path / "empty.npz").write_bytes(b"")
    for name, text in {
        "b.h5": "no such file",
        "": "a folder",
        "a.h5": "a text file .* looked for HDF5",
        "empty.npz": "an empty file",
    }.items():
        with pytest.raises(InputError, match=text):
            read(tmp_path / name)


@pytest.mark.parametrize("share", [0.001, 0.3, 0.7, 0.99])
@pytest.mark.parametrize("name", ["a.h5", "a.npz"])
def test_a_truncated_file_is_named_as_such(tmp_path, name, share):
    file = tmp_path / name
    if name == "a.h5":
        write(file, make_dataset(FRAMES, PLACES))
    else:
        np.savez_compressed(file, patterns=FRAMES, positions=PLACES)
    whole = file.read_bytes()
    file.write_bytes(whole[: max(8, int(share * len(whole)))])
    with pytest.raises(InputError, match=f"{name}: .*damaged or incomplete"):
        read(file)


def test_a_damaged_array_is_named(tmp_path):
    file = tmp_path / "a.h5"
    write(file, make_dataset(FRAMES, PLACES))
    with h5py.File(file) as opened:
        start = opened["data/patterns"].id.get_chunk_info(2).byte_offset
    content = bytearray(file.read_bytes())
    content[start : start + 8] = bytes(8)
    file.write_bytes(content)
    with pytest.raises(InputError, match=r'"data/patterns" \(6, 5, 8\) uint16 can\'t be read'):
        read(file)
