"""Hostile files that several tests share: whole files of every kind, and ways to damage them.

`make` writes a whole file, `damaged` a damaged one, and `attempt` reads it and says what came of it. The same
seed makes the same damage. Beside the folder of a file lies what no reader may ever read: `SECRET`.
"""

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import h5py
import hdf5plugin
import numpy as np

from hostile_structures import EDITS
from ptychograd.core.errors import InputError
from ptychograd.data.dataset import BraggGeometry, Geometry, GroundTruth, make_dataset
from ptychograd.data.files import read, write
from ptychograd.fitting.result import History, Result, load

SECRET = 4242.0
RANDOM = np.random.default_rng(5)
FRAMES = RANDOM.integers(1, 500, (6, 5, 8)).astype(np.uint16)
PLACES = RANDOM.uniform(-4, 9, (6, 2))
PROBE = (RANDOM.normal(size=(2, 5, 8)) + 1j * RANDOM.normal(size=(2, 5, 8))).astype(np.complex64)
SIGNATURES = (
    b"TREE",
    b"HEAP",
    b"SNOD",
    b"OHDR",
    b"OCHK",
    b"FRHP",
    b"FHDB",
    b"BTHD",
    b"BTLF",
    b"GCOL",
    b"EAHD",
    b"FAHD",
)
NUMBERS = (0, 1, 2, 7, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1)


class Kind(NamedTuple):
    """A kind of file: how one is written, and how it is read."""

    suffix: str
    write: Callable[[Path], None]
    read: Callable[[Path], object]


def own(path: Path) -> None:
    truth = GroundTruth(RANDOM.normal(size=(9, 11)) * np.complex128(1 - 2j), PROBE)
    more = {"mask": FRAMES[0] > 20, "probe": PROBE, "truth": truth, "source": "a simulation", "notes": ["one", "two"]}
    geometry = Geometry(1.5e-10, 2.25, (55e-6, 75e-6))
    write(path, make_dataset(FRAMES, PLACES * 1e-6, geometry=geometry, support=np.ones((20, 22)), **more))


def bragg(path: Path) -> None:
    geometry = BraggGeometry(1.5e-10, 2.25, (55e-6, 75e-6), 0.6, (-1e-3, 0.0, 1e-3))
    write(path, make_dataset(FRAMES, PLACES[:2] * 1e-6, geometry=geometry))


def cxi(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["cxi_version"], file["number_of_entries"] = 160, 1
        detector, source = (file.create_group(f"entry_1/instrument_1/{part}_1") for part in ("detector", "source"))
        detector.create_dataset("data", data=FRAMES, chunks=(1, 5, 8), compression="lzf", shuffle=True)
        detector["distance"], detector["x_pixel_size"], detector["y_pixel_size"] = 2.25, 55e-6, 75e-6
        detector["basis_vectors"] = np.array([[0, -75e-6, 0], [-55e-6, 0, 0]])
        detector["mask"] = np.zeros((5, 8), np.uint32)
        source["energy"] = 1.3e-15
        file["entry_1/sample_1/geometry_1/translation"] = np.c_[PLACES * 1e-6, PLACES[:, 0]]
        file["entry_1/data_1/data"] = h5py.SoftLink("/entry_1/instrument_1/detector_1/data")


def ptylab(path: Path, version: str = "earliest") -> None:
    with h5py.File(path, "w", libver=version) as file:
        chunks = {"chunks": (2, 5, 8), "maxshape": (None, 5, 8), "compression": "gzip", "fletcher32": True}
        file.create_dataset("ptychogram", data=FRAMES.astype(np.float32), **chunks)
        file["encoder"], file["zo"], file["dxd"], file["wavelength"] = PLACES * 1e-6, 0.0468, 5.5e-6, [[6.3e-7]]
        file["encoder"].attrs["units"] = "m"
        file["words"], file["probe"], file["orientation"] = ["a", "bc"], PROBE, 3
        file.attrs["comment"] = "of no use" * 20


def latest(path: Path) -> None:
    ptylab(path, "latest")


def eiger(path: Path) -> None:
    """A master file with links and a virtual dataset, and two files of data beside it."""
    for number in range(2):
        with h5py.File(path.with_name(f"part_{number}.h5"), "w") as file:
            file.create_dataset("data", data=FRAMES[3 * number :][:3], chunks=(1, 5, 8), **hdf5plugin.Bitshuffle())
    layout = h5py.VirtualLayout((6, 5, 8), np.uint16)
    for number in range(2):
        layout[3 * number : 3 * number + 3] = h5py.VirtualSource(f"part_{number}.h5", "data", (3, 5, 8))
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("entry/data/data", layout)
        file["entry/data/data_000001"] = h5py.ExternalLink("part_0.h5", "/data")
        file.create_dataset("entry/own/frames", data=FRAMES, chunks=(1, 5, 8), **hdf5plugin.Bitshuffle())
        file.create_dataset("entry/own/more", data=FRAMES, chunks=(1, 5, 8), **hdf5plugin.Blosc())
        file["entry/positions"] = PLACES


def matlab(path: Path) -> None:
    """Behind 512 bytes of MATLAB, with checksums that were taken before the compression, as netCDF-4 does."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, code in (("data", 1), ("more", 32015)):
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plist.set_chunk((2, 5, 8))
            plist.set_fletcher32()
            plist.set_shuffle()
            plist.set_filter(code, 0, (3,))
            space = h5py.h5s.create_simple(FRAMES.shape)
            made = h5py.h5d.create(file.id, name.encode(), h5py.h5t.NATIVE_UINT16, space, plist)
            made.write(h5py.h5s.ALL, h5py.h5s.ALL, FRAMES)
            file[name].attrs["MATLAB_class"] = "uint16"
        file["positions"], file["text"] = PLACES, "some words"
        for number in range(9):
            file[f"v{number}"] = number
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM")


def read_matlab(path: Path) -> object:
    return read(path, {"patterns": ("data", "more")[path.stat().st_size % 2]})


def result(path: Path) -> None:
    arrays = {"object.transmission": PROBE[0], "probe.modes": PROBE, "scan.shift": PLACES}
    history = History((3.0, 2.0), (0.3, 0.2), (1.3, 1.2), (0.1, 0.1))
    settings = {"stopped": "at the end", "stages": [{"epochs": 2}]}
    Result(arrays, {"momentum": PROBE}, history, settings, (1e-8, 2e-8), PLACES).save(path)


def stored(path: Path) -> None:
    np.savez(path, patterns=FRAMES, positions=PLACES, mask=FRAMES[0] > 20, probe=PROBE, wavelength=1e-10)


def squeezed(path: Path) -> None:
    np.savez_compressed(path, patterns=FRAMES, positions=PLACES, distance=2.0)


def read_eiger(path: Path) -> object:
    keys = (
        {},
        {"patterns": "entry/data/data_000001"},
        {"patterns": "entry/own/frames"},
        {"patterns": "entry/own/more"},
    )
    size = path.stat().st_size
    return read(path, keys[size % len(keys)] | ({"positions": "entry/positions"} if size % 2 else {}))


KINDS = {
    "own": Kind(".h5", own, read),
    "own, Bragg": Kind(".h5", bragg, read),
    "CXI": Kind(".cxi", cxi, read),
    "HDF5": Kind(".h5", ptylab, read),
    "HDF5, newest layout": Kind(".h5", latest, lambda path: read(path, near_field=True)),
    "HDF5, keys and links": Kind(".h5", eiger, read_eiger),
    "NPZ": Kind(".npz", stored, read),
    "NPZ, compressed": Kind(".npz", squeezed, read),
    "result": Kind(".h5", result, load),
    "MATLAB 7.3": Kind(".mat", matlab, read_matlab),
}


# Damage ---------------------------------------------------------------------------------------------------


def damaged(kind: str, whole: bytes, path: Path, seed: int | tuple[int, int]) -> str:
    """Write to `path` the file `whole` with some damage; says which."""
    rng = np.random.default_rng(seed)
    path.write_bytes(whole)
    edits = EDITS if KINDS[kind].suffix != ".npz" else NPZ_EDITS
    text = []
    if rng.random() < 0.4:
        name = list(edits)[rng.integers(len(edits))]
        edits[name](path, rng)
        text.append(name)
    if not text or rng.random() < 0.3:
        content = bytearray(path.read_bytes())
        for _ in range(rng.choice([1, 1, 2, 4, 16])):
            name = list(BYTES)[rng.integers(len(BYTES))]
            content = BYTES[name](content, rng)
            text.append(name)
        path.write_bytes(content)
    return ", ".join(text)


def _place(content: bytearray, rng: np.random.Generator) -> int:
    """Some byte, more often of what describes the arrays than of the arrays."""
    found = [content.find(mark, int(rng.integers(max(1, len(content))))) for mark in SIGNATURES]
    marks = [place for place in found if place >= 0]
    choice = rng.random()
    if choice < 0.6 and marks:
        start = int(rng.choice(marks)) + int(rng.integers(160))
    else:
        start = int(rng.integers(600 if choice < 0.8 else max(1, len(content))))
    return min(start, max(0, len(content) - 1))


def _flip(content: bytearray, rng: np.random.Generator) -> bytearray:
    if content:
        content[_place(content, rng)] ^= 1 << int(rng.integers(8))
    return content


def _set(content: bytearray, rng: np.random.Generator) -> bytearray:
    if content:
        content[_place(content, rng)] = int(rng.choice([0, 1, 2, 3, 0x7F, 0x80, 0xFE, 0xFF, int(rng.integers(256))]))
    return content


def _number(content: bytearray, rng: np.random.Generator) -> bytearray:
    """A striking number, or an address in the file, in 2, 4 or 8 bytes."""
    start, size = _place(content, rng) & ~1, int(rng.choice([2, 4, 8]))
    value = int(rng.integers(len(content) + 1)) & ~7 if rng.random() < 0.5 else NUMBERS[rng.integers(len(NUMBERS))]
    content[start : start + size] = struct.pack("<Q", value)[:size]
    return content


def _cut(content: bytearray, rng: np.random.Generator) -> bytearray:
    return content[: int(rng.integers(len(content) + 1))]


def _cut_out(content: bytearray, rng: np.random.Generator) -> bytearray:
    start = _place(content, rng)
    del content[start : start + int(rng.integers(1, 64))]
    return content


def _put_in(content: bytearray, rng: np.random.Generator) -> bytearray:
    start = _place(content, rng)
    content[start:start] = rng.bytes(int(rng.integers(1, 64)))
    return content


def _copied(content: bytearray, rng: np.random.Generator) -> bytearray:
    """One part of the file over another."""
    size, start, end = int(rng.integers(1, 512)), _place(content, rng), _place(content, rng)
    part = content[start : start + size]
    content[end : end + len(part)] = part
    return content


BYTES = {
    "bit flipped": _flip,
    "byte set": _set,
    "number set": _number,
    "truncated": _cut,
    "part cut out": _cut_out,
    "bytes put in": _put_in,
    "part copied over another": _copied,
}


# NPZ ------------------------------------------------------------------------------------------------------

HEADERS = (
    "{{'descr': '<u2', 'fortran_order': False, 'shape': ({0}, {0}, {0}), }}",
    "{{'descr': '<u2', 'fortran_order': False, 'shape': ({0},), }}",
    "{{'descr': '|O', 'fortran_order': False, 'shape': (6,), }}",
    "{{'descr': '|V{0}', 'fortran_order': False, 'shape': (6,), }}",
    "{{'descr': [('a', '<f8'), ('b', '|O')], 'fortran_order': False, 'shape': (6,), }}",
    "{{'descr': '<U{0}', 'fortran_order': False, 'shape': (), }}",
    "{{'descr': '<f8', 'fortran_order': 7, 'shape': (6, 2), }}",
    "{{'descr': '<f8', 'fortran_order': True, 'shape': (-6, -2), }}",
    "{{'descr': '<f8', 'fortran_order': True, 'shape': (True, 2), }}",
    "{{'descr': '<M8[s]', 'fortran_order': False, 'shape': (6, 2), }}",
    "{{'descr': '>c16', 'fortran_order': False, 'shape': (6, 2), }}",
    "{{'descr': None, 'fortran_order': False, 'shape': (6, 2), }}",
    "{{'descr': ('<f8', (2,)), 'fortran_order': False, 'shape': (6,), }}",
    "(" * 5000,
    "-" * 9000 + "1",
    "[" * 150 + "]" * 150,
    "{{'a': {0}",
    "",
    "\x00\xff",
)


def npy(header: str, payload: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    """An array file with this header."""
    text = header.encode("latin1") + b"\n"
    size = struct.pack("<H" if version[0] == 1 else "<I", len(text) & 0xFFFF)
    return b"\x93NUMPY" + bytes(version) + size + text + payload


def rezipped(path: Path, changes: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> None:
    """The same archive with some members changed or added."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in (members | changes).items():
            archive.writestr(name, content)
    path.write_bytes(packed.getvalue())


def _header(path: Path, rng: np.random.Generator) -> None:
    header = HEADERS[rng.integers(len(HEADERS))].format(int(rng.choice([0, 3, 10**4, 10**9, 10**12, 2**63, 10**30])))
    version = [(1, 0), (2, 0), (3, 0), (4, 0), (255, 255)][rng.choice(5, p=[0.5, 0.2, 0.2, 0.05, 0.05])]
    name = str(rng.choice(["patterns", "positions", "mask", "other", "../up", "a/b"]))
    rezipped(path, {f"{name}.npy": npy(header, rng.bytes(int(rng.integers(600))), version)})


def _other_packing(path: Path, rng: np.random.Generator) -> None:
    rezipped(path, {}, int(rng.choice([zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_STORED])))


def _zip_field(path: Path, rng: np.random.Generator) -> None:
    """A byte of the archive's directory: sizes, flags, method, names."""
    content = bytearray(path.read_bytes())
    marks = [place for place in range(len(content)) if content[place : place + 4] in (b"PK\1\2", b"PK\3\4", b"PK\5\6")]
    start = int(rng.choice(marks)) + 4 + int(rng.integers(44))
    if start < len(content):
        content[start] = int(rng.choice([0, 1, 8, 12, 14, 93, 0x7F, 0xFF]))
    path.write_bytes(content)


def _bytes_inside(path: Path, rng: np.random.Generator) -> None:
    """Damage to a member before it is packed, so that its checksum is right."""
    with zipfile.ZipFile(path) as archive:
        name = str(rng.choice(archive.namelist()))
        content = bytearray(archive.read(name))
    if rng.random() < 0.2:
        content = content[: rng.integers(len(content))]
    else:
        content[rng.integers(128)] = int(rng.integers(256))
    rezipped(path, {name: bytes(content)})


NPZ_EDITS = {
    "array's header": _header,
    "array's bytes": _bytes_inside,
    "other packing": _other_packing,
    "archive's directory": _zip_field,
}


# What comes of it -----------------------------------------------------------------------------------------


def attempt(kind: str, path: Path) -> str:
    """ "read", or "refused" with one sentence; any other exception goes on its way."""
    try:
        found = KINDS[kind].read(path)
    except InputError as error:
        text = str(error)
        if not text.isprintable() or len(text) > 4000 or not text.endswith((".", ")", ")?", "?")):
            raise ValueError(f"this is no sentence: {text[:300]!r}") from error
        return "refused"
    arrays = [value for value in vars(found).values()] if hasattr(found, "__dict__") else found.arrays.values()
    for array in arrays:
        if isinstance(array, np.ndarray) and array.dtype.kind in "uif" and (array == SECRET).any():
            raise PermissionError(f"the secret was read from {path}")
    return "read"
