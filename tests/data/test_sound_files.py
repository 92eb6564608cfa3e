"""HDF5 files as others write them, read bit for bit: signatures in their values, user blocks, short addresses, filters.

`tests/long/fuzz_files.py` does the same with hundreds of files from six writers.
"""

from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest

import sound_writers
from ptychograd.core.errors import InputError
from ptychograd.data.dataset import StreamFromFile
from ptychograd.data.files import opened, read

SIGNATURES = (b"TREE", b"HEAP\0\0\0\0", b"GCOL\1\0\0\0", b"SNOD\1\0", b"OHDR", b"\x89HDF\r\n\x1a\n")
RANDOM = np.random.default_rng(3)
FRAMES = RANDOM.integers(0, 999, (6, 5, 8)).astype(np.uint32)
PLACES = RANDOM.uniform(-4, 9, (6, 2))
LOW = h5py.h5f


def created(path: Path, block: int = 0, sizes: tuple[int, int] = (8, 8), version: str = "earliest") -> h5py.File:
    """A new file behind a block of its user, with addresses and lengths of these sizes."""
    plist, access = h5py.h5p.create(h5py.h5p.FILE_CREATE), h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    plist.set_userblock(block)
    plist.set_sizes(*sizes)
    low = LOW.LIBVER_LATEST if version == "latest" else LOW.LIBVER_EARLIEST
    access.set_libver_bounds(low, LOW.LIBVER_LATEST)
    return h5py.File(LOW.create(bytes(path), LOW.ACC_TRUNC, fcpl=plist, fapl=access))


def like_blocks(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Counts whose bytes begin as blocks of HDF5 do, among others and with addresses of the file behind them."""
    rng = np.random.default_rng(seed)
    content = bytearray(rng.integers(0, 256, int(np.prod(shape)) * 4, np.uint8).tobytes())
    for place in range(0, len(content) - 40, 40):
        mark = SIGNATURES[place // 40 % len(SIGNATURES)]
        follows = b"".join(int(rng.integers(4096)).to_bytes(8, "little") for _ in range(3))
        content[place : place + len(mark) + len(follows)] = mark + follows
    return np.frombuffer(bytes(content), np.uint32).reshape(shape)


def in_a_circle(file: h5py.File, name: str, shape: tuple[int, ...]) -> None:
    """Values that look like a node of a tree whose next one is itself, where they are in the file."""
    array = file.create_dataset(name, shape, np.uint8)
    array[...] = 1
    file.flush()
    place = array.id.get_offset() - file.userblock_size
    content = bytearray(array[()].tobytes())
    content[:24] = b"TREE" + bytes(4) + bytes(8) + place.to_bytes(8, "little")
    array[...] = np.frombuffer(bytes(content), np.uint8).reshape(shape)


def read_back(path: Path, name: str, expected: np.ndarray) -> None:
    with opened(path) as catalogue:
        entry = catalogue.find(name)
        assert entry is not None
        found = entry.array()
        assert name in {entry.name for entry in catalogue.walk()}
    assert (found.dtype, found.tobytes()) == (expected.dtype, expected.tobytes())


# Bytes that look like blocks ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"chunks": (1, 5, 10)},
        {"chunks": (1, 5, 10), "compression": "lzf"},
        {"chunks": (3, 5, 10), "fletcher32": True},
        {"chunks": (2, 5, 10), **hdf5plugin.Bitshuffle()},
    ],
    ids=["contiguous", "chunked", "packed", "checked", "shuffled"],
)
@pytest.mark.parametrize("version", ["earliest", "latest"])
def test_values_that_begin_as_blocks_of_hdf5_stay_as_they_are(tmp_path, version, more):
    frames = like_blocks((6, 5, 10))
    with h5py.File(tmp_path / "a.h5", "w", libver=version) as file:
        file.create_dataset("patterns", data=frames, **more)
        file["positions"] = PLACES
    read_back(tmp_path / "a.h5", "patterns", frames)
    np.testing.assert_array_equal(read(tmp_path / "a.h5").patterns, frames)
    streamed = read(tmp_path / "a.h5", keep=StreamFromFile(0, 2000))
    np.testing.assert_array_equal(streamed.frames(slice(0, 6))[0], frames)


@pytest.mark.parametrize("block", [0, 1024])
def test_values_that_look_like_a_circle_of_blocks_are_values(tmp_path, block):
    with created(tmp_path / "a.h5", block) as file:
        in_a_circle(file, "patterns", (6, 5, 8))
        expected = file["patterns"][()]
    assert expected.tobytes().startswith(b"TREE")
    read_back(tmp_path / "a.h5", "patterns", expected)


def test_names_attributes_and_compact_arrays_may_spell_signatures(tmp_path):
    frames = like_blocks((6, 5, 8), 1)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name in ("TREE", "HEAP", "GCOL\1", "SNOD"):
            file.create_group(name)[name] = PLACES
            file.attrs[name] = like_blocks((30,), 2)
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple(frames.shape)
        small = h5py.h5d.create(file.id, b"TREE/small", h5py.h5t.NATIVE_UINT32, space, plist)
        small.write(h5py.h5s.ALL, h5py.h5s.ALL, frames)
        file["texts"] = ["TREE", "HEAP", "GCOL\1" * 9]
        file["fixed"] = np.array([b"TREE" * 8] * 9)
        file["fixed"].attrs["units"] = "GCOL\1"
    read_back(tmp_path / "a.h5", "TREE/small", frames)
    read_back(tmp_path / "a.h5", "SNOD/SNOD", PLACES)
    with opened(tmp_path / "a.h5") as catalogue:
        fixed = catalogue.find("fixed")
        assert fixed is not None
        assert fixed.units == "GCOL\1"


def test_rows_of_any_length_are_no_maps_of_virtual_datasets(tmp_path):
    """They lie in the same heap as those maps, and may begin in the same way."""
    map_like = np.frombuffer(
        b"\0" + (1).to_bytes(8, "little") + b"a\0b\0" + np.array([1, 1, 0, 8, 77], "<u4").tobytes() + bytes(40),
        np.uint8,
    )
    with h5py.File(tmp_path / "a.h5", "w") as file:
        rows = file.create_dataset("rows", (2,), h5py.vlen_dtype(np.uint8))
        rows[0], rows[1] = map_like, map_like[:5]
        file["patterns"], file["positions"] = FRAMES, PLACES
        file["patterns"].attrs["units"] = "photons"
    np.testing.assert_array_equal(read(tmp_path / "a.h5").patterns, FRAMES)


# User blocks and short addresses --------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 2, 5, 8, 13, 31, 57])
@pytest.mark.parametrize("block", [0, 512, 2048])
def test_files_behind_a_block_of_their_user(tmp_path, block, count):
    """As MATLAB 7.3 writes them, with 512 bytes of its own, and with any number of variables."""
    path = tmp_path / "a.mat"
    with created(path, block) as file:
        for number in range(count):
            file[f"v{number}"] = RANDOM.normal(size=(3, number + 1))
            file[f"v{number}"].attrs["MATLAB_class"] = np.bytes_(b"double")
        file.create_dataset("data", data=FRAMES, chunks=(2, 5, 8), compression="gzip")
        file["text"], file["positions"] = ["a", "b"], PLACES
    if block:
        with path.open("r+b") as raw:
            raw.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM")
    data = read(path)
    np.testing.assert_array_equal(data.patterns, FRAMES)
    np.testing.assert_array_equal(data.positions, PLACES)


@pytest.mark.variants
@pytest.mark.parametrize("sizes", [(4, 4), (8, 4), (4, 8)])
@pytest.mark.parametrize("block", [0, 512])
def test_addresses_and_lengths_of_four_bytes(tmp_path, block, sizes):
    with created(tmp_path / "a.h5", block, sizes) as file:
        for number in range(40):
            file[f"group/v{number}"] = number
        file.create_dataset("patterns", data=FRAMES, chunks=(1, 5, 8))
        file["patterns"].attrs["units"], file["positions"] = "photons", PLACES
    np.testing.assert_array_equal(read(tmp_path / "a.h5").patterns, FRAMES)
    read_back(tmp_path / "a.h5", "group/v39", np.array(39))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("sizes", [(8, 8), (4, 4), (8, 4), (4, 8)])
@pytest.mark.parametrize("block", [0, 512])
def test_circles_are_found_behind_a_block_and_with_short_addresses(tmp_path, block, sizes):
    """HDF5 would read them for ever."""
    offsets, lengths = sizes
    with created(tmp_path / "a.h5", block, sizes) as file:
        file["patterns"], file["positions"] = FRAMES, PLACES
        file["patterns"].attrs["units"] = "photons"
    whole = (tmp_path / "a.h5").read_bytes()
    read(tmp_path / "a.h5")
    node, heap, texts = (whole.index(mark) for mark in (b"TREE", b"HEAP", b"GCOL"))
    free = int.from_bytes(whole[heap + 8 + lengths :][:lengths], "little")
    start = block + int.from_bytes(whole[heap + 8 + 2 * lengths :][:offsets], "little")
    part = texts + 16  # the first of a collection: a number, references, nothing, its size
    for place, number, size, text in (
        (node + 8 + offsets, node - block, offsets, "wrong B-tree signature"),
        (start + free, free, lengths, "bad local heap signature"),
        (part, 0, 8 + lengths, 'attribute "units" is damaged'),
    ):
        damaged = bytearray(whole)
        damaged[place : place + size] = number.to_bytes(size, "little")
        (tmp_path / "a.h5").write_bytes(damaged)
        with pytest.raises(InputError, match=text):
            read(tmp_path / "a.h5")


# Checksums before the compression, as netCDF-4 and PyTables write them ------------------------------------


def filtered(path: Path, *filters: tuple[int, tuple[int, ...]]) -> h5py.File:
    """Patterns and positions, the patterns through these filters, one after another."""
    file = h5py.File(path, "w")
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((2, 5, 8))
    for code, values in filters:
        plist.set_filter(code, 0, values)
    array = h5py.h5d.create(file.id, b"patterns", h5py.h5t.NATIVE_UINT32, h5py.h5s.create_simple((6, 5, 8)), plist)
    array.write(h5py.h5s.ALL, h5py.h5s.ALL, FRAMES)
    file["positions"] = PLACES
    return file


SHUFFLE, GZIP, ZSTD, CHECKSUM = (2, (4,)), (1, (4,)), (32015, (3,)), (3, ())
PACKERS = {
    "deflate": (GZIP,),
    "shuffled": (SHUFFLE, GZIP),
    "zstd": (ZSTD,),
    "szip": ((4, (141, 32)),),
    "lz4": ((32004, (0,)),),
    "bitshuffle": ((32008, (0, 2)),),
    "nothing": (SHUFFLE,),
}


@pytest.mark.parametrize("name", PACKERS)
def test_a_checksum_may_come_before_the_compression(tmp_path, name):
    with filtered(tmp_path / "a.h5", CHECKSUM, *PACKERS[name]) as file:
        for number in range(file["patterns"].id.get_num_chunks()):
            assert file["patterns"].id.get_chunk_info(number).filter_mask == 0
    np.testing.assert_array_equal(read(tmp_path / "a.h5").patterns, FRAMES)


@pytest.mark.parametrize("name", ["deflate", "zstd", "szip"])
def test_a_chunk_that_unpacks_to_less_than_its_checksum_is_damaged(tmp_path, name):
    """HDF5 ends the process."""
    short = {"deflate": b"x\x9cK\x04\x00\x00b\x00b", "zstd": b"\x28\xb5\x2f\xfd\x20\1\11\0\0a", "szip": b"\3\0\0\0abcd"}
    with filtered(tmp_path / "a.h5", CHECKSUM, *PACKERS[name]) as file:
        file["patterns"].id.write_direct_chunk((2, 0, 0), short[name])
    with pytest.raises(InputError, match=r"damaged chunk at \(2, 0, 0\)"):
        read(tmp_path / "a.h5")


def test_other_compressions_after_a_checksum_are_named(tmp_path):
    with filtered(tmp_path / "a.h5", CHECKSUM, (32000, (4, 0, 320))):
        pass
    with pytest.raises(InputError, match="a checksum that was taken before lzf"):
        read(tmp_path / "a.h5")


# Writers --------------------------------------------------------------------------------------------------


@pytest.mark.variants
@pytest.mark.parametrize("name", sound_writers.WRITERS)
def test_files_of_every_writer_are_read_bit_for_bit(tmp_path, name):
    for seed in range(5):
        sound_writers.read_back(name, tmp_path / "a.h5", np.random.default_rng((7, seed)))


@pytest.mark.parametrize("dtype", [">u2", ">i4", ">f4", ">f8", "<i8", "f2"])
def test_numbers_of_any_order_of_bytes(tmp_path, dtype):
    frames = FRAMES.astype(dtype)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("patterns", data=frames, chunks=(1, 5, 8), shuffle=True, compression="gzip")
        file["positions"] = PLACES.astype(">f8")
    data = read(tmp_path / "a.h5")
    np.testing.assert_array_equal(data.patterns, FRAMES)
    np.testing.assert_array_equal(data.positions, PLACES)


def test_a_file_in_the_manner_of_netcdf(tmp_path):
    """Orders of creation are tracked, axes are datasets of their own, attributes refer to them."""
    with h5py.File(tmp_path / "a.nc", "w", track_order=True, libver=("v110", "v112")) as file:
        for name, size in (("index", 6), ("y", 5), ("x", 8)):
            file.create_dataset(name, (size,), ">f4").make_scale(
                "This is a netCDF dimension but not a netCDF variable."
            )
        file.create_dataset("patterns", data=FRAMES.astype(">f4"), chunks=(1, 5, 8), track_order=True)
        file["patterns"].attrs["_FillValue"] = np.array([9.96921e36], ">f4")
        file["positions"] = PLACES
        for axis, name in enumerate(("index", "y", "x")):
            file["patterns"].dims[axis].attach_scale(file[name])
    np.testing.assert_array_equal(read(tmp_path / "a.nc").patterns, FRAMES)
