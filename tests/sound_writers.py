"""Sound files as six kinds of writers make them, over number types, chunks, filters, byte orders and library versions.

Each writer takes a path and a random generator, and returns what is in the file: the patterns, and every other array of
numbers, by their places. netCDF4 and PyTables write their own files where they are installed; else h5py imitates their
layouts. `tests/data/test_sound_files.py` reads a few of these files, `tests/long/fuzz_files.py` hundreds.
"""

import contextlib
import importlib
from collections.abc import Callable, Mapping
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np

from ptychograd.data.dataset import Geometry, make_dataset
from ptychograd.data.files import opened, write

Arrays = dict[str, np.ndarray]
TYPES = (
    *("u1", "i1", "<u2", ">u2", "<i2", ">i2", "<u4", ">u4", "<i4", ">i4", "<u8", "<i8"),
    *(">f4", "<f4", "<f8", ">f8", "<f2"),
)
VERSIONS = ("earliest", "v108", "v110", "v112", "v114", "latest")
SIGNATURES = (b"TREE", b"HEAP\0\0\0\0", b"GCOL\1\0\0\0", b"SNOD\1\0", b"OHDR\2", b"FADB\0", b"\x89HDF\r\n\x1a\n")


def counts(rng: np.random.Generator, shape: tuple[int, ...], kind: str) -> np.ndarray:
    """Values of a type, every third time with bytes in them that begin as blocks of HDF5 do."""
    dtype = np.dtype(kind)
    values = rng.poisson(rng.choice([0.3, 9.0, 60.0]), shape).astype(dtype)
    if rng.random() < 0.35 and dtype.kind != "f":
        content = bytearray(values.tobytes())
        for _ in range(int(rng.integers(1, 30))):
            place = int(rng.integers(max(1, len(content) // 8))) * 8
            part = SIGNATURES[rng.integers(len(SIGNATURES))] + rng.bytes(int(rng.integers(24)))
            content[place : place + len(part)] = part[: len(content) - place]
        values = np.frombuffer(bytes(content), dtype).reshape(shape)
    return values


def a_shape(rng: np.random.Generator) -> tuple[int, int, int]:
    return int(rng.integers(1, 9)), int(rng.integers(2, 30)), int(rng.integers(2, 30))


def packing(rng: np.random.Generator, shape: tuple[int, ...]) -> dict[str, object]:
    """Contiguous, or chunks of any size, through any of the filters."""
    if rng.random() < 0.25:
        return {}
    chunks = tuple(int(rng.integers(1, size + 1)) for size in shape)
    chunks = (1, *shape[1:]) if rng.random() < 0.4 else chunks
    more: dict[str, object] = {"chunks": chunks, "shuffle": bool(rng.random() < 0.4)}
    packers = [{}, {"compression": "gzip", "compression_opts": int(rng.integers(10))}, {"compression": "lzf"}]
    packers += [hdf5plugin.Bitshuffle(), hdf5plugin.Bitshuffle(cname="zstd"), hdf5plugin.LZ4(), hdf5plugin.Zstd()]
    packers += [hdf5plugin.Blosc(cname=name) for name in ("lz4", "blosclz", "zlib", "zstd")]
    more |= dict(packers[rng.integers(len(packers))])
    return more | {"fletcher32": bool(rng.random() < 0.3), "maxshape": (None, *shape[1:])}


# Writers --------------------------------------------------------------------------------------------------


def h5py_file(path: Path, rng: np.random.Generator) -> Arrays:
    """Any layout of h5py, with attributes, texts and groups among the arrays."""
    shape = a_shape(rng)
    arrays = {"entry/patterns": counts(rng, shape, TYPES[rng.integers(len(TYPES))])}
    low = VERSIONS[rng.integers(len(VERSIONS))]
    block = int(rng.choice([0, 0, 512, 4096]))
    with h5py.File(
        path, "w", libver=(low, "latest"), userblock_size=block, track_order=bool(rng.random() < 0.5)
    ) as file:
        for number in range(int(rng.integers(40))):
            arrays[f"v{number}"] = counts(rng, (int(rng.integers(1, 40)),), TYPES[rng.integers(len(TYPES))])
        for name, values in arrays.items():
            more = packing(rng, values.shape) if values.ndim == 3 else {}
            array = file.create_dataset(name, data=values, **more)
            array.attrs["units"] = "TREE" if rng.random() < 0.2 else "photons"
            if rng.random() < 0.3:
                array.attrs["more"] = np.arange(int(rng.integers(4000)))
        file["texts"] = ["HEAP", "GCOL", "x" * int(rng.integers(1, 5000))]
    return arrays


def low_level_file(path: Path, rng: np.random.Generator) -> Arrays:
    """What HDF5 can do beside h5py: short addresses, compact arrays, checksums that come first."""
    shape = a_shape(rng)
    values = counts(rng, shape, TYPES[rng.integers(len(TYPES))])
    created, access = h5py.h5p.create(h5py.h5p.FILE_CREATE), h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    created.set_sizes(int(rng.choice([4, 8])), int(rng.choice([4, 8])))
    created.set_userblock(int(rng.choice([0, 512, 1024, 8192])))
    low = h5py.h5f.LIBVER_EARLIEST if rng.random() < 0.7 else h5py.h5f.LIBVER_LATEST
    access.set_libver_bounds(low, h5py.h5f.LIBVER_LATEST)
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    if values.nbytes < 60000 and rng.random() < 0.3:
        plist.set_layout(h5py.h5d.COMPACT)
    elif rng.random() < 0.8:
        plist.set_chunk(tuple(int(rng.integers(1, size + 1)) for size in shape))
        order = [plist.set_fletcher32] if rng.random() < 0.6 else []
        order += [plist.set_shuffle] if rng.random() < 0.5 else []
        order += [lambda: plist.set_deflate(4)] if rng.random() < 0.7 else []
        for one in order:
            one()
    with h5py.File(h5py.h5f.create(bytes(path), h5py.h5f.ACC_TRUNC, fcpl=created, fapl=access)) as file:
        for number in range(int(rng.integers(60))):
            file[f"group/v{number}"] = number
        kind, space = h5py.h5t.py_create(values.dtype, logical=True), h5py.h5s.create_simple(shape)
        made = h5py.h5d.create(file.id, b"patterns", kind, space, plist)
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, np.ascontiguousarray(values))
        file["patterns"].attrs["units"] = "photons"
    return {"patterns": values}


def matlab_file(path: Path, rng: np.random.Generator) -> Arrays:
    """MATLAB 7.3: 512 bytes of its own, any number of variables, cells and texts as references and numbers."""
    shape = a_shape(rng)
    kinds = ("u1", "<u2", "<i4", "<f4", "<f8")
    arrays = {"patterns": counts(rng, shape, kinds[rng.integers(len(kinds))])}
    for number in range(int(rng.integers(90))):
        arrays[f"variable_{number}"] = rng.normal(size=(int(rng.integers(1, 5)), int(rng.integers(1, 5))))
    with h5py.File(path, "w", userblock_size=512, libver="earliest") as file:
        for name, values in arrays.items():
            more = {"compression": "gzip", "chunks": values.shape} if values.size > 200 else {}
            array = file.create_dataset(name, data=values, **more)
            array.attrs["MATLAB_class"] = np.bytes_({"f": b"double", "u": b"uint16", "i": b"int32"}[values.dtype.kind])
        letters = file.create_dataset("#refs#/a", data=np.array([[84], [82], [69], [69]], np.uint16))
        letters.attrs["MATLAB_class"] = np.bytes_(b"char")
        cells = file.create_dataset("cells", (1, 1), h5py.ref_dtype)
        cells[0, 0] = letters.ref
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64, HDF5 schema 1.00 .".ljust(116) + bytes(8) + b"\0\2IM")
    return arrays


def netcdf_file(path: Path, rng: np.random.Generator) -> Arrays:
    """netCDF-4: axes with names, orders tracked, a checksum before the compression; by netCDF4 if it is there."""
    shape = a_shape(rng)
    kinds = [kind for kind in TYPES if kind != "<f2"]
    values = counts(rng, shape, kinds[rng.integers(len(kinds))])
    checksum, packed, shuffled = (bool(rng.random() < share) for share in (0.5, 0.6, 0.5))
    chunks = tuple(int(rng.integers(1, size + 1)) for size in shape)
    endless = bool(rng.random() < 0.5)
    library = _installed("netCDF4")
    if library is not None:
        with library.Dataset(path, "w", format="NETCDF4") as file:
            for name, size in zip("nyx", shape, strict=True):
                file.createDimension(name, None if endless and name == "n" else size)
            more = {"compression": "zlib"} if packed else {}
            order = {">": "big", "<": "little"}.get(values.dtype.str[0], "native")
            array = file.createVariable(
                *("patterns", values.dtype.newbyteorder("="), tuple("nyx")),
                **{"fletcher32": checksum, "shuffle": shuffled, "endian": order, "chunksizes": chunks, **more},
            )
            array.set_auto_maskandscale(False)
            array[:] = values
            array.units, file.title = "photons", "TREE"
        return {"patterns": values}
    with h5py.File(path, "w", track_order=True, libver=("v108", "latest")) as file:
        for name, size in zip("nyx", shape, strict=True):
            scale = file.create_dataset(name, (size,), ">f4", track_order=True)
            scale.make_scale("This is a netCDF dimension but not a netCDF variable.")
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk(chunks)
        for wanted, put in ((shuffled, plist.set_shuffle), (checksum, plist.set_fletcher32)):
            if wanted:
                put()
        if packed:
            plist.set_deflate(4)
        space = h5py.h5s.create_simple(shape, (h5py.h5s.UNLIMITED, *shape[1:]) if endless else shape)
        kind = h5py.h5t.py_create(values.dtype, logical=True)
        made = h5py.h5d.create(file.id, b"patterns", kind, space, plist)
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, np.ascontiguousarray(values))
        file["patterns"].attrs.update(units="photons", _Netcdf4Coordinates=np.arange(3, dtype="<i4"))
        for axis, name in enumerate("nyx"):
            file["patterns"].dims[axis].attach_scale(file[name])
    return {"patterns": values}


def pytables_file(path: Path, rng: np.random.Generator) -> Arrays:
    """PyTables: groups with titles, arrays that can grow, rows of any length; by PyTables if it is there."""
    shape = a_shape(rng)
    kinds = [kind for kind in TYPES if kind != "<f2"]
    arrays = {
        "entry/patterns": counts(rng, shape, kinds[rng.integers(len(kinds))]),
        "entry/where": rng.normal(size=(7, 2)),
    }
    grows, checksum, packed = (bool(rng.random() < share) for share in (0.5, 0.4, 0.7))
    library = _installed("tables")
    if library is not None:
        names = ("zlib", "blosc", "blosc:lz4", "blosc:zstd")
        filters = library.Filters(
            5 * packed, str(rng.choice(names)), shuffle=bool(rng.random() < 0.5), fletcher32=checksum
        )
        with library.open_file(str(path), "w", user_block_size=int(rng.choice([0, 512]))) as file:
            group = file.create_group("/", "entry", "TREE")
            put = file.create_earray if grows else file.create_carray
            put(group, "patterns", obj=arrays["entry/patterns"], filters=filters, chunkshape=shape)
            file.create_array(group, "where", arrays["entry/where"])
            rows = file.create_vlarray(group, "rows", library.Int32Atom())
            for length in (3, 1, 9):
                rows.append(np.arange(length))
        return arrays
    with h5py.File(path, "w", libver="earliest", userblock_size=int(rng.choice([0, 512]))) as file:
        for name, values in arrays.items():
            more = {"chunks": values.shape, "shuffle": True, "fletcher32": checksum} if values.ndim == 3 else {}
            more |= {"compression": "gzip"} if packed and more else {}
            more |= {"maxshape": (None, *shape[1:])} if grows and more else {}
            array = file.create_dataset(name, data=values, **more)
            array.attrs.update(CLASS=np.bytes_(b"EARRAY"), TITLE=np.bytes_(b"TREE"), VERSION=np.bytes_(b"1.1"))
        file["entry"].attrs.update(CLASS=np.bytes_(b"GROUP"), TITLE=np.bytes_(b""), VERSION=np.bytes_(b"1.0"))
        rows = file.create_dataset("entry/rows", (3,), h5py.vlen_dtype(np.int32), chunks=(2,))
        for number, length in enumerate((3, 1, 9)):
            rows[number] = np.arange(length)
    return arrays


def detector_file(path: Path, rng: np.random.Generator) -> Arrays:
    """A master file of an Eiger: links and a virtual dataset of files beside it, a mask of flags, bitshuffle-LZ4."""
    shape = (int(rng.integers(2, 9)), *a_shape(rng)[1:])
    values = counts(rng, shape, ("<u2", "<u4", "<i4")[rng.integers(3)])
    cut = int(rng.integers(1, shape[0]))
    layout = h5py.VirtualLayout(shape, values.dtype)
    low = VERSIONS[rng.integers(2, len(VERSIONS))]
    for number, part in enumerate((slice(0, cut), slice(cut, shape[0]))):
        beside = path.with_name(f"{path.stem}_data_{number:06d}.h5")
        with h5py.File(beside, "w", libver=(low, "latest")) as file:
            frames = values[part]
            file.create_dataset("entry/data/data", data=frames, chunks=(1, *shape[1:]), **hdf5plugin.Bitshuffle())
        layout[part] = h5py.VirtualSource(beside.name, "entry/data/data", frames.shape)
    flags = (rng.random(shape[1:]) < 0.02).astype(np.uint32) * 8
    with h5py.File(path, "w", libver=(low, "latest")) as file:
        file.create_virtual_dataset("entry/data/data", layout)
        file["entry/data/data_000001"] = h5py.ExternalLink(f"{path.stem}_data_000000.h5", "/entry/data/data")
        file["entry/instrument/detector/detectorSpecific/pixel_mask"] = flags
        file["entry/instrument/detector/description"] = "Dectris Eiger GCOL"
    return {"entry/data/data": values, "entry/instrument/detector/detectorSpecific/pixel_mask": flags}


def own_file(path: Path, rng: np.random.Generator) -> Arrays:
    """The package's own format."""
    shape = a_shape(rng)
    kinds = ("u1", "<u2", "<u4", "<i4", "<f4", "<f8")
    values = rng.poisson(20, shape).astype(kinds[rng.integers(len(kinds))])
    places = rng.normal(size=(shape[0], 2)) * 1e-6
    write(path, make_dataset(values, places, geometry=Geometry(1.5e-10, 2.0, (55e-6, 75e-6))))
    return {"data/patterns": values, "data/positions": places}


def _installed(name: str):
    with contextlib.suppress(ImportError):
        return importlib.import_module(name)
    return None


WRITERS: Mapping[str, Callable[[Path, np.random.Generator], Arrays]] = {
    "h5py": h5py_file,
    "HDF5's own interface": low_level_file,
    "MATLAB 7.3": matlab_file,
    "netCDF-4": netcdf_file,
    "PyTables": pytables_file,
    "Eiger": detector_file,
    "ptychograd": own_file,
}


def read_back(name: str, path: Path, rng: np.random.Generator) -> None:
    """Write a file, read every array of it, and raise where one is not as it was written, bit for bit."""
    arrays = WRITERS[name](path, rng)
    with opened(path) as catalogue:
        catalogue.walk()
        for place, values in arrays.items():
            entry = catalogue.find(place)
            found = None if entry is None else entry.array()
            if found is None or found.shape != values.shape or found.dtype.kind != values.dtype.kind:
                raise AssertionError(f"{name}: {place} is {entry}")
            if found.astype(values.dtype).tobytes() != values.tobytes():
                raise AssertionError(f"{name}: {place} has other values")
