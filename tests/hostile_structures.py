"""Damage to HDF5 files that HDF5 itself would write: other types, other storage, links that lead elsewhere."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np

REFUSED = (ValueError, OSError, RuntimeError, TypeError, KeyError)  # HDF5 won't write everything
TEXT = h5py.string_dtype()
ODD = "odd ].\n\x1b[31m[bold]/☃"


def places(file: h5py.File) -> list[str]:
    """Every item of the file by its path."""
    found: list[str] = []
    file.visit(found.append)
    return found


def chosen(file: h5py.File, rng: np.random.Generator) -> str:
    """The path of some item; most often of a dataset."""
    found = places(file)
    arrays = [place for place in found if isinstance(file.get(place), h5py.Dataset)]
    options = arrays if arrays and rng.random() < 0.8 else found
    return str(rng.choice(options)) if options else "new"


def values(rng: np.random.Generator) -> list[object]:
    """Arrays and scalars of every type that a file can hold."""
    pair = np.dtype([("re", "<f4"), ("im", "<f4"), ("text", TEXT)])
    return [
        np.array(["a", "b"], TEXT),
        "one text",
        np.bytes_(b"bytes \xff\xfe"),
        np.zeros(6, pair),
        np.zeros((6, 5, 8), [("r", "<f8"), ("i", "<f8")]),
        np.zeros((6, 2), h5py.enum_dtype({"no": 0, "yes": 1}, "u1")),
        np.zeros((6, 5, 8), h5py.opaque_dtype(np.dtype("M8[s]"))),
        np.zeros((6, 5, 8), "V16"),
        np.zeros((6, 5, 8), bool),
        np.zeros((6, 5, 8), ">f8"),
        np.zeros((6, 5, 8), "f2"),
        np.zeros((6, 5, 8), np.longdouble),
        np.full((6, 5, 8), np.nan),
        np.full((6, 2), np.inf),
        np.full((6, 5, 8), -1, "i8"),
        np.full((6, 5, 8), 2**64 - 1, "u8"),
        np.zeros((0, 5, 8)),
        np.zeros((6, 0)),
        np.zeros((1,) * 32),
        np.float64(np.nan),
        np.complex128(1j),
        np.zeros(2, np.dtype(("<f4", (3,)))),
        h5py.Empty("f8"),
        h5py.Empty(TEXT),
        rng.normal(size=(6, 5, 8)),
        rng.normal(size=(int(rng.integers(9)), int(rng.integers(4)))),
        rng.normal(size=(6, int(rng.integers(1, 4)))),
        10.0 ** rng.integers(-300, 300),
    ]


def another_type(file: h5py.File, rng: np.random.Generator) -> None:
    place, options = chosen(file, rng), values(rng)
    _free(file, place)
    file[place] = options[rng.integers(len(options))]


def references(file: h5py.File, rng: np.random.Generator) -> None:
    place = chosen(file, rng)
    _free(file, place)
    kind = [h5py.ref_dtype, h5py.regionref_dtype, h5py.vlen_dtype(np.float64)][rng.integers(3)]
    array = file.create_dataset(place, (6, 2), kind)
    if kind is h5py.ref_dtype:
        array[0, 0] = file.ref


def giant(file: h5py.File, rng: np.random.Generator) -> None:
    """A declared shape with no or little storage."""
    place = chosen(file, rng)
    _free(file, place)
    count = int(rng.choice([10**5, 10**7, 10**9, 10**12, 2**60]))
    shape = [(count, 5, 8), (count, 2), (6, count, 8), (count,)][rng.integers(4)]
    chunks = [None, (1,) * len(shape), tuple(min(size, 100) for size in shape)][rng.integers(3)]
    more = {"compression": "gzip"} if chunks is not None and rng.random() < 0.5 else {}
    file.create_dataset(place, shape, [np.uint8, np.float64][rng.integers(2)], chunks=chunks, **more)


def other_item(file: h5py.File, rng: np.random.Generator) -> None:
    """A group, a type or nothing where an array was, or an array where a group was."""
    place = chosen(file, rng)
    _free(file, place)
    match rng.integers(4):
        case 0:
            file.create_group(place)
        case 1:
            file[place] = np.dtype("f8")
        case 2:
            file[place.rsplit("/", 1)[0] if "/" in place else "group"] = 1.0 if "/" not in place else np.dtype("f4")


def links(file: h5py.File, rng: np.random.Generator) -> None:
    """A link to itself, in a circle, to nowhere, to a folder above, to another file, to a device."""
    place, parts = chosen(file, rng), places(file)
    target = str(rng.choice(parts)) if parts else "/"
    _free(file, place)
    match rng.integers(6):
        case 0:
            file[place] = h5py.SoftLink("/" + place)
        case 1:
            file[place], file["other"] = h5py.SoftLink("/other"), h5py.SoftLink("/" + place)
        case 2:
            file[place] = h5py.SoftLink(
                ["/nowhere", "//", ".", "..", "/" + target + "/x", "/" + target][rng.integers(6)]
            )
        case 3:
            file[place] = file["/"] if rng.random() < 0.5 or target not in file else file[target]
        case 4:
            file[place] = file["/"]
            file[place + "/again"] = h5py.SoftLink("/" + place + "/" + place)
        case _:
            file[place] = h5py.ExternalLink(_elsewhere(file, rng), ["secret", "data", "/", place][rng.integers(4)])


def external_storage(file: h5py.File, rng: np.random.Generator) -> None:
    place = chosen(file, rng)
    _free(file, place)
    shape = [(6, 5, 8), (6, 2), ()][rng.integers(3)]
    size = [int(np.prod(shape)) * 8, h5py.h5f.UNLIMITED][rng.integers(2)]
    where = _elsewhere(file, rng)
    file.create_dataset(place, shape, np.float64, external=[(where, int(rng.choice([0, 8, 2**40])), size)])


def virtual(file: h5py.File, rng: np.random.Generator) -> None:
    place = chosen(file, rng)
    _free(file, place)
    shape = [(6, 5, 8), (6, 2), (10**6, 5, 8), (10**12, 2)][rng.integers(4)]
    layout = h5py.VirtualLayout(shape, np.float64, maxshape=(None, *shape[1:]))
    for number in range(rng.integers(1, 3)):
        where, name = _elsewhere(file, rng), ["secret", "data", place, "/", "no"][rng.integers(5)]
        source = h5py.VirtualSource(where, name, shape, maxshape=(None, *shape[1:]))
        layout[number : number + 2] = source[:2]
    file.create_virtual_dataset(place, layout, fillvalue=float(rng.choice([0, np.nan])))


def attributes(file: h5py.File, rng: np.random.Generator) -> None:
    """An attribute that a reader looks for, of another type."""
    place = "/" if rng.random() < 0.5 else chosen(file, rng)
    names = ["format", "format_version", "source", "notes", "units", "path"]
    options = [*values(rng), file.ref, ODD, "m" * 60000, 2, [1, 1], "ptychograd dataset", "ptychograd result"]
    item = file.get(place)
    if item is not None:
        item.attrs[names[rng.integers(len(names))]] = options[rng.integers(len(options))]


def names(file: h5py.File, rng: np.random.Generator) -> None:
    """Names that are no text, very long, or very deep."""
    match rng.integers(4):
        case 0:
            file[b"\xff\xfe" + bytes(rng.integers(1, 46, 4).tolist())] = np.zeros((6, 5, 8))
        case 1:
            file["x" * int(rng.choice([300, 60000]))] = np.zeros((6, 5, 8))
        case 2:
            file.move(chosen(file, rng), ODD)
        case _:
            group = file.id
            for _ in range(int(rng.choice([10, 1000, 6000], p=[0.6, 0.35, 0.05]))):
                group = h5py.h5g.create(group, b"a")


def filters(file: h5py.File, rng: np.random.Generator) -> None:
    """Chunks that don't hold what their filter makes, a filter that nobody knows, or one many times."""
    place = chosen(file, rng)
    _free(file, place)
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((6, 5, 8))
    codes = [1, 2, 3, 5, 6, 307, 32000, 32001, 32004, 32008, 32013, 32015, 32017, 32024, 32026, 32028, 60000]
    if rng.random() < 0.5:  # what was packed well, with some bytes of it changed
        packed = [{"compression": name} for name in ("gzip", "lzf", "szip")] + [
            {"scaleoffset": 0},
            {"fletcher32": True},
        ]
        packed += [hdf5plugin.Bitshuffle(), hdf5plugin.Bitshuffle(cname="zstd"), hdf5plugin.LZ4(), hdf5plugin.Zstd()]
        packed += [hdf5plugin.Blosc(cname=name) for name in ("lz4", "blosclz", "zlib", "zstd")]
        values = rng.poisson(3, (6, 20, 30)).astype(np.uint16)
        array = file.create_dataset(place, data=values, chunks=(3, 20, 30), **packed[rng.integers(len(packed))])
        file.flush()
        content = bytearray(array.id.read_direct_chunk((0, 0, 0))[1])
        for _ in range(rng.integers(1, 5)):
            content[int(rng.integers(min(len(content), [24, 10**6][rng.integers(2)])))] = int(rng.integers(256))
        array.id.write_direct_chunk((0, 0, 0), bytes(content[: len(content) >> int(rng.choice([0, 0, 0, 1, 5, 9]))]))
        return
    for code in rng.choice(codes, rng.integers(1, 4)):
        plist.set_filter(int(code), h5py.h5z.FLAG_OPTIONAL, tuple(int(n) for n in rng.integers(0, 99, rng.integers(8))))
    space = h5py.h5s.create_simple((6, 5, 8))
    made = h5py.h5d.create(file.id, place.encode(), h5py.h5t.NATIVE_UINT16, space, plist)
    made.write_direct_chunk((0, 0, 0), rng.bytes(int(rng.integers(1, 900))))


def _free(file: h5py.File, place: str) -> None:
    if file.get(place, getlink=True) is not None:
        del file[place]


def _elsewhere(file: h5py.File, rng: np.random.Generator) -> str:
    """A file: this one, one beside it, one that no reader may read, or no file at all."""
    folder = Path(file.filename).parent
    options = ["part_0.h5", Path(file.filename).name, ".", "none.h5", "/dev/zero", "/dev/full", "/proc/self/mem"]
    options += ["../secret.h5", str(folder.parent / "secret.h5"), "../secret.bin", "%b.h5", "inner/../../secret.h5", ""]
    return options[rng.integers(len(options))]


def _within(edit: Callable[[h5py.File, np.random.Generator], None]) -> Callable[[Path, np.random.Generator], None]:
    def change(path: Path, rng: np.random.Generator) -> None:
        with h5py.File(path, "r+") as file, contextlib.suppress(*REFUSED):
            edit(file, rng)

    return change


EDITS = {
    edit.__name__.replace("_", " "): _within(edit)
    for edit in (
        *(another_type, references, giant, other_item, links, external_storage, virtual, attributes, names, filters),
    )
}
