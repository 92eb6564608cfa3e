"""Files made to do harm, or damaged: each is read, or refused in one sentence, and nothing else happens.

`tests/long/fuzz_files.py` does the same with many thousands of files, in processes that may die.
"""

import os
import pickle
import signal
import zipfile
import zlib
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hostile
from ptychograd.core.errors import InputError
from ptychograd.data.dataset import StreamFromFile
from ptychograd.data.files import read
from ptychograd.fitting.result import load

FRAMES, PLACES, SECRET = hostile.FRAMES.astype(float), hostile.PLACES, hostile.SECRET
CASES = 20  # damaged files of each kind
pytestmark = pytest.mark.timeout(60)


@pytest.fixture(autouse=True)
def no_hang():
    """Twenty seconds for each test; HDF5 can't be stopped from within, so then the process ends."""
    previous = signal.signal(signal.SIGALRM, signal.SIG_DFL) if hasattr(signal, "SIGALRM") else None
    if previous is not None:
        signal.alarm(20)
    yield
    if previous is not None:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


@pytest.fixture
def inside(tmp_path, monkeypatch) -> Path:
    """An empty folder to work in; secrets lie beside it."""
    values = np.full((6, 5, 8), SECRET)
    values.tofile(tmp_path / "secret.bin")
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["secret"] = values
    folder = tmp_path / "inside"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def data(path, **more):
    """A file that can be read, but for what is added to it."""
    with h5py.File(path, "w") as file:
        file["positions"] = PLACES
        for name, value in more.items():
            file[name] = value
    return path


def refused(path, text, keys=None, reader=read, **more):
    """That the file is refused with one short line that has these words."""
    with pytest.raises(InputError, match=text) as found:
        reader(path, keys, **more) if keys or more else reader(path)
    assert str(found.value).isprintable()
    assert len(str(found.value)) < 4000


# Damage by chance -----------------------------------------------------------------------------------------


@pytest.mark.variants
@pytest.mark.parametrize("kind", hostile.KINDS)
def test_damaged_files_are_read_or_refused(inside, kind):
    path = inside / f"file{hostile.KINDS[kind].suffix}"
    hostile.KINDS[kind].write(path)
    whole, outcomes = path.read_bytes(), set()
    assert hostile.attempt(kind, path) == "read"
    for number in range(CASES):
        hostile.damaged(kind, whole, path, (11, number))
        outcomes.add(hostile.attempt(kind, path))
    assert "refused" in outcomes


@pytest.mark.parametrize("kind", hostile.KINDS)
def test_truncated_files_are_read_or_refused(inside, kind):
    """Cut at each of its structures, and one byte before and behind."""
    path = inside / f"file{hostile.KINDS[kind].suffix}"
    hostile.KINDS[kind].write(path)
    whole = path.read_bytes()
    marks = {0, 8, len(whole)}
    for mark in (*hostile.SIGNATURES, b"PK\1\2", b"PK\3\4", b"PK\5\6", b"\x93NUMPY"):
        place = whole.find(mark)
        while place >= 0:
            marks.add(place)
            place = whole.find(mark, place + 1)
    for size in sorted({mark + step for mark in marks for step in (-1, 0, 1)} & set(range(len(whole)))):
        path.write_bytes(whole[:size])
        assert hostile.attempt(kind, path) in ("read", "refused")


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(start=st.sampled_from([b"\x89HDF\r\n\x1a\n", b"PK\3\4", b"PK\5\6", b""]), rest=st.binary(max_size=300))
def test_any_bytes_are_refused(inside, start, rest):
    path = inside / "any.h5"
    path.write_bytes(start + rest)
    for reader in (read, load):
        with pytest.raises(InputError):
            reader(path)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(text=st.text(max_size=60) | st.sampled_from(hostile.HEADERS))
def test_any_header_of_an_array_is_read_or_refused(inside, text):
    path = inside / "file.npz"
    np.savez(path, positions=PLACES)
    hostile.rezipped(path, {"patterns.npy": hostile.npy(text.encode(errors="replace").decode("latin1"))})
    assert hostile.attempt("NPZ", path) == "refused"


# Code in files --------------------------------------------------------------------------------------------


class Payload:
    """What a pickle can do: here it makes a folder."""

    def __reduce__(self):
        return os.mkdir, ("payload",)


def test_a_pickle_is_not_opened(inside):
    objects = np.empty(6, object)
    objects[:] = [Payload() for _ in objects]
    np.savez("a.npz", patterns=objects, positions=PLACES)
    refused(Path("a.npz"), "can't be the patterns", {"patterns": "patterns"})
    refused(Path("a.npz"), "holds no numbers", {"mask": "patterns"})
    refused(Path("a.npz"), "no patterns")
    assert not Path("payload").exists()
    with np.load("a.npz", allow_pickle=True) as arrays, pytest.raises(FileExistsError):
        arrays["patterns"]  # the payload does what it says, for each of its six
    assert Path("payload").exists()
    Path("a.npz").write_bytes(pickle.dumps(Payload()))
    refused(Path("a.npz"), "a pickle of Python")


# Files elsewhere ------------------------------------------------------------------------------------------


def link(path: Path) -> None:
    data(path, patterns=h5py.ExternalLink("../secret.h5", "secret"))


def chain(path: Path) -> None:
    """A link to a file in the folder, which links on."""
    data(path.with_name("b.h5"), on=h5py.ExternalLink(str(path.parents[1] / "secret.h5"), "secret"))
    data(path, patterns=h5py.ExternalLink("b.h5", "on"))


def group(path: Path) -> None:
    """A link to a whole file, in the middle of a path."""
    data(path, entry=h5py.ExternalLink("../secret.h5", "/"), patterns=h5py.SoftLink("/entry/secret"))


def symbolic(path: Path) -> None:
    """A link of the file system that leads out of the folder."""
    path.with_name("b.h5").symlink_to(path.parents[1] / "secret.h5")
    data(path, patterns=h5py.ExternalLink("b.h5", "secret"))


def external(path: Path) -> None:
    with h5py.File(data(path), "a") as file:
        file.create_dataset("patterns", (6, 5, 8), float, external=[("../secret.bin", 0, h5py.h5f.UNLIMITED)])


def virtual(path: Path, source: str = "../secret.h5", name: str = "secret", **more) -> None:
    with h5py.File(data(path), "a") as file:
        layout = h5py.VirtualLayout((6, 5, 8), float, **more)
        layout[:] = h5py.VirtualSource(source, name, (6, 5, 8), **more)
        file.create_virtual_dataset("patterns", layout)


def growing(path: Path) -> None:
    """A virtual dataset that asks for the shape of its source as soon as it is opened."""
    with h5py.File(data(path), "a") as file:
        layout = h5py.VirtualLayout((6, 5, 8), float, maxshape=(None, 5, 8))
        source = h5py.VirtualSource("../secret.h5", "secret", (6, 5, 8), maxshape=(None, 5, 8))
        layout[: h5py.h5s.UNLIMITED] = source[: h5py.h5s.UNLIMITED]
        file.create_virtual_dataset("patterns", layout)


def virtual_through_link(path: Path) -> None:
    data(path.with_name("b.h5"), on=h5py.ExternalLink("../secret.h5", "secret"))
    virtual(path, "b.h5", "on")


@pytest.mark.parametrize("make", [link, chain, group, symbolic, external, virtual, growing, virtual_through_link])
def test_files_outside_of_the_folder_need_leave(inside, make):
    make(inside / "a.h5")
    key = {"patterns": "patterns"}
    refused(inside / "a.h5", r"leads to .*secret\.\w+, outside of the folder .*inside.*links_into", key)
    refused(inside / "a.h5", "outside of the folder", key, links_into=[inside, "/nowhere"])
    (inside / "link.h5").symlink_to(inside / "a.h5")
    refused(inside / "link.h5", "outside of the folder", key)
    allowed = read(inside / "a.h5", key, links_into=[inside.parent])
    np.testing.assert_array_equal(allowed.patterns, np.full((6, 5, 8), SECRET))


def test_commands_take_the_leave(run, tmp_path):
    (tmp_path / "inside").mkdir()
    data(tmp_path / "secret.h5", secret=FRAMES)
    link(tmp_path / "inside" / "a.h5")
    command = ("inspect", "inside/a.h5", "--key", "patterns=patterns")
    status, _, text = run(*command)
    assert (status, f"--set data.links_into={tmp_path}" in text) == (2, True)
    status, text, _ = run(*command, "--set", f"data.links_into={tmp_path}")
    assert (status, "5 x 8" in text or "(5, 8)" in text or "5 × 8" in text) == (0, True)


def test_a_virtual_dataset_does_not_look_in_the_working_folder(inside, monkeypatch):
    virtual(inside / "a.h5", "secret.h5")
    monkeypatch.chdir(inside.parent)
    refused(inside / "a.h5", "outside of the folder")


def test_files_within_the_folder_are_linked_as_ever(inside):
    below = inside / "below"
    below.mkdir()
    data(below / "b.h5", on=FRAMES)
    data(inside / "a.h5", patterns=h5py.ExternalLink("below/b.h5", "on"))
    np.testing.assert_array_equal(read(inside / "a.h5", {"patterns": "patterns"}).patterns, FRAMES)
    data(inside / "a.h5", patterns=h5py.ExternalLink("/elsewhere/below.h5", "on"))  # moved with what it links to
    data(inside / "below.h5", on=FRAMES)
    np.testing.assert_array_equal(read(inside / "a.h5", {"patterns": "patterns"}).patterns, FRAMES)
    virtual(inside / "a.h5", "below/b.h5", "on")
    np.testing.assert_array_equal(read(inside / "a.h5").patterns, FRAMES)
    FRAMES.tofile(below / "raw.bin")
    with h5py.File(data(inside / "a.h5"), "a") as file:
        file.create_dataset("patterns", (6, 5, 8), float, external=[("below/raw.bin", 0, FRAMES.nbytes)])
    np.testing.assert_array_equal(read(inside / "a.h5").patterns, FRAMES)


def test_what_is_missing_is_not_read_as_zeros(inside):
    virtual(inside / "a.h5", "none.h5")
    refused(inside / "a.h5", '"secret" of none.h5, which is not there')


# Circles, depths and sizes --------------------------------------------------------------------------------


def test_links_in_a_circle(inside):
    with h5py.File(data(inside / "a.h5", frames=FRAMES), "a") as file:
        file["one"], file["two"], file["self"] = h5py.SoftLink("/two"), h5py.SoftLink("/one"), h5py.SoftLink("/self")
        file["group"] = file["/"]  # a hard link
        file["other"] = h5py.ExternalLink("a.h5", "/other")
    for name in ("one", "self", "other"):
        refused(inside / "a.h5", "in a circle", {"patterns": name})
    refused(inside / "a.h5", "no array", {"patterns": "group/group/none"})
    assert read(inside / "a.h5", {"patterns": "group/" * 50 + "frames"}).count == 6
    assert read(inside / "a.h5").count == 6


def test_a_virtual_dataset_made_from_itself(inside):
    virtual(inside / "a.h5", "a.h5", "patterns")
    refused(inside / "a.h5", "put together from itself")


def test_groups_too_deep(inside):
    with h5py.File(data(inside / "a.h5"), "a") as file:
        group = file.id
        for _ in range(3000):
            group = h5py.h5g.create(group, b"a")
    refused(inside / "a.h5", "more than 64 deep")


@pytest.mark.parametrize("chunks", [None, (100, 5, 8)])
def test_a_giant_shape_in_hdf5(inside, chunks):
    with h5py.File(data(inside / "a.h5"), "a") as file:
        file.create_dataset("patterns", (10**12, 5, 8), np.uint8, chunks=chunks)
    refused(inside / "a.h5", r"declares 4e\+04 GB, and the file holds 0 bytes")


def test_giant_chunks_and_too_many(inside):
    with h5py.File(data(inside / "a.h5"), "a") as file:
        more = {"maxshape": (None,) * 3, "compression": "gzip"}
        file.create_dataset("patterns", (6, 5, 8), np.uint8, chunks=(1000, 1000, 1000), **more)
        file.create_dataset("other", (2000, 50, 100), np.uint8, chunks=(1, 1, 1))
    refused(inside / "a.h5", "a chunk .* declares 1 GB")
    refused(inside / "a.h5", "declares 10,000,000 chunks, of which the file holds 0", {"patterns": "other"})


def test_chunks_that_unpack_to_more_than_a_chunk(inside, monkeypatch):
    """In HDF5 a chunk of deflate is unpacked to its end, however long that is."""
    monkeypatch.setattr("ptychograd.data.files.safety.chunks.available_memory", lambda: 10**6)
    with h5py.File(data(inside / "a.h5"), "a") as file:
        array = file.create_dataset("patterns", (6, 5, 8), np.uint8, chunks=(6, 5, 8), compression="gzip")
        array.id.write_direct_chunk((0, 0, 0), zlib.compress(bytes(4 * 10**6)))
    refused(inside / "a.h5", "a damaged chunk at .* for 240")
    with h5py.File(data(inside / "a.h5"), "a") as file:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((6, 5, 8))
        plist.set_filter(1, 0, (1,))
        plist.set_filter(1, 0, (1,))
        space = h5py.h5s.create_simple((6, 5, 8))
        h5py.h5d.create(file.id, b"patterns", h5py.h5t.NATIVE_UINT8, space, plist)
    refused(inside / "a.h5", "compressed more than once")


def test_a_giant_shape_and_a_bomb_in_npz(inside, monkeypatch):
    path = inside / "a.npz"
    np.savez(path, positions=PLACES)
    header = "{'descr': '<u2', 'fortran_order': False, 'shape': (10000000, 1000, 1000), }"
    hostile.rezipped(path, {"patterns.npy": hostile.npy(header, bytes(80))})
    refused(path, r"declares 2e\+04 GB")
    header = "{'descr': '<u2', 'fortran_order': False, 'shape': (6, 500, 800), }"
    hostile.rezipped(path, {"patterns.npy": hostile.npy(header, bytes(80))})
    refused(path, "declares 4,800,000 bytes, and the file holds 80")
    monkeypatch.setattr("ptychograd.data.files.safety.bounds.UNSUSPECTED", 10**6)
    hostile.rezipped(path, {"patterns.npy": hostile.npy(header, bytes(4_800_000))}, zipfile.ZIP_BZIP2)
    assert path.stat().st_size < 2_000
    refused(path, "declares 0.0048 GB, and the file holds .* bytes of it")


def test_more_than_the_memory(inside, monkeypatch):
    monkeypatch.setattr("ptychograd.data.files.safety.bounds.available_memory", lambda: 1000)
    np.savez(inside / "a.npz", patterns=FRAMES, positions=PLACES)
    refused(inside / "a.npz", "needs 1.92e-06 GB, more memory than there is: 1e-06 GB are free")


# What HDF5 itself does not survive ------------------------------------------------------------------------


@pytest.mark.parametrize("reserved", [0, 4])
def test_a_heap_whose_parts_have_no_size(inside, reserved):
    """HDF5 2.0.0 reads it for ever; the alarm of this file's tests would end the process."""
    with h5py.File(data(inside / "a.h5", patterns=FRAMES), "a") as file:
        file["patterns"].attrs["units"] = "m"
    content = bytearray((inside / "a.h5").read_bytes())
    start = content.index(b"GCOL")
    content[start + 16 : start + 32] = bytes(16)
    content[start + 7] = reserved  # HDF5 does not look at it
    (inside / "a.h5").write_bytes(content)
    refused(inside / "a.h5", 'attribute "units" is damaged')


def test_a_virtual_dataset_with_too_many_axes(inside):
    """HDF5 2.0.0 ends the process."""
    data(inside / "b.h5", on=FRAMES)
    virtual(inside / "a.h5", "b.h5", "on")
    whole = (inside / "a.h5").read_bytes()
    start = whole.index(b"b.h5\0on\0") + 8
    assert read(inside / "a.h5").count == 6
    places = [place for place in range(start, start + 120) if whole[place : place + 4] == b"\3\0\0\0"]
    for place in places:  # one of the threes is the number of axes
        (inside / "a.h5").write_bytes(whole[: place + 1] + b"\x80" + whole[place + 2 :])
        assert hostile.attempt("HDF5", inside / "a.h5") == "refused"
    assert places


def test_lists_in_a_circle(inside):
    """HDF5 2.0.0 reads them for ever: the free places among a group's names, and the nodes of its tree of links."""
    whole = data(inside / "a.h5", patterns=FRAMES).read_bytes()
    content, heap = bytearray(whole), whole.index(b"HEAP")
    free = int.from_bytes(whole[heap + 16 : heap + 24], "little")
    start = int.from_bytes(whole[heap + 24 : heap + 32], "little") + free
    content[start : start + 8] = free.to_bytes(8, "little")
    (inside / "a.h5").write_bytes(content)
    refused(inside / "a.h5", "bad local heap signature")
    content, node = bytearray(whole), whole.index(b"TREE")
    content[node + 16 : node + 24] = node.to_bytes(8, "little")
    (inside / "a.h5").write_bytes(content)
    refused(inside / "a.h5", "wrong B-tree signature")


def test_a_damaged_chunk_behind_a_virtual_dataset(inside):
    """What a master file is put together from is looked at as if it were asked for itself."""
    shape = (6, 5, 8)
    with h5py.File(inside / "part.h5", "w") as file:
        array = file.create_dataset("frames", shape, np.uint8, chunks=shape, fletcher32=True)
        array.id.write_direct_chunk((0, 0, 0), b"abc")
    layout = h5py.VirtualLayout(shape, np.uint8)
    layout[:] = h5py.VirtualSource("part.h5", "frames", shape)
    with h5py.File(inside / "scan.h5", "w") as file:
        file.create_virtual_dataset("patterns", layout)
        file["positions"] = np.zeros((6, 2))
    refused(inside / "scan.h5", "damaged chunk")
    refused(inside / "scan.h5", "damaged chunk", keep=StreamFromFile(0, 100))


def test_a_chunk_shorter_than_its_checksum(inside):
    """HDF5 2.0.0 ends the process."""
    with h5py.File(data(inside / "a.h5"), "a") as file:
        array = file.create_dataset("patterns", (6, 5, 8), np.uint8, chunks=(6, 5, 8), fletcher32=True)
        array.id.write_direct_chunk((0, 0, 0), b"abc")
    refused(inside / "a.h5", "a damaged chunk at .*: 3 bytes")


@pytest.mark.parametrize("packer", [hdf5plugin.Bitshuffle(), hdf5plugin.Bitshuffle(cname="zstd"), hdf5plugin.LZ4()])
@pytest.mark.parametrize("shape", [(6, 5, 8), (6, 5, 7), (6, 60, 70), (1, 1, 3)])
def test_blocks_with_wrong_lengths(inside, packer, shape):
    """The compression of Eiger detectors believes the lengths in a chunk, and ends the process."""
    with h5py.File(inside / "a.h5", "w") as file:
        values = np.random.default_rng(2).poisson(3, shape).astype(np.uint16)
        file["positions"] = PLACES[: len(values)]
        array = file.create_dataset("patterns", data=values, chunks=(1, *shape[1:]), **packer)
        whole = array.id.read_direct_chunk((0, 0, 0))[1]
    np.testing.assert_array_equal(read(inside / "a.h5").patterns, values)
    for start in (5, 12) if values.size > 8 else (5,):
        with h5py.File(inside / "a.h5", "a") as file:
            file["patterns"].id.write_direct_chunk((0, 0, 0), whole[:start] + b"\x7f" + whole[start + 1 :])
        refused(inside / "a.h5", "damaged chunk")


# Types ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        np.zeros((6, 5, 8), [("x", "f4"), ("y", "f4"), ("z", "u2")]),
        np.full((6, 5, 8), "text", h5py.string_dtype()),
        np.full((6, 5, 8), h5py.Reference(), h5py.ref_dtype),
        np.zeros((6, 5, 8), "V7"),
        h5py.Empty("f8"),
        np.dtype("f8"),
    ],
    ids=["compound", "text", "reference", "opaque", "nothing", "type"],
)
def test_types_that_are_no_numbers(inside, value):
    refused(data(inside / "a.h5", patterns=value), "can't be the patterns|no array", {"patterns": "patterns"})


@pytest.mark.slow
@pytest.mark.parametrize("value", [7, [1, 2], np.zeros(3, "V4"), "x" * 70000, b"\xff", h5py.Empty("f8"), ["a", "b"]])
def test_attributes_of_any_type(inside, value):
    for name in ("format", "format_version", "notes", "source", "units"):
        for kind in ("own", "HDF5", "result"):
            hostile.KINDS[kind].write(inside / "a.h5")
            with h5py.File(inside / "a.h5", "a") as file:
                file.attrs.create(name, value) if len(str(value)) < 60000 else file.attrs.update({name: value})
                for place in ("data/positions", "encoder"):
                    if place in file:
                        file[place].attrs[name] = value
            assert hostile.attempt(kind, inside / "a.h5") in ("read", "refused")


def test_names_do_not_steer_a_terminal(inside):
    refused(data(inside / "a.h5", **{"\x1b[2J\nfile": FRAMES[0]}), r"no patterns.*\\x1b\[2J\\nfile")
