"""A container of arrays, HDF5 or NPZ, as named entries: the one place where data files are opened."""

import contextlib
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import h5py
import numpy as np

from ptychograd._dataset import InFile, StoredPatterns
from ptychograd._errors import InputError
from ptychograd._files._frames import opened_hdf5, stored_patterns, whole

MOST_LISTED = 15  # entries in an error message; the largest come first
DAMAGE = (
    OSError,
    RuntimeError,
    ValueError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
)  # from h5py and zipfile


@dataclass(frozen=True)
class Entry:
    """One array of a file, not read yet.

    Args:
        name: path inside the file, as `find` takes it.
        units: what the file itself says, or None.
        load: reads the whole array.
        stored: the same as patterns that stay in the file, where there is a reason for that.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    units: str | None
    load: Callable[[], np.ndarray]
    stored: Callable[[], StoredPatterns] | None = None

    def __str__(self):
        return f'"{self.name}" {self.shape} {self.dtype}'

    @property
    def leaf(self) -> str:
        """Last part of the name, in small letters."""
        return self.name.rsplit("/", 1)[-1].lower()

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=object))  # Python's integers don't overflow on a damaged shape

    def array(self) -> np.ndarray:
        """The numbers; never unpickles anything."""
        if self.dtype.kind not in "biufc":
            raise InputError(f"{self} holds no numbers; expected an array of numbers.")
        try:
            return np.asarray(self.load())
        except MemoryError as error:
            size = self.size * self.dtype.itemsize / 1e9
            raise InputError(f"{self} needs {size:,.3g} GB, more memory than there is.") from error
        except DAMAGE as error:
            raise InputError(f"{self} can't be read, it is damaged or its compression is unknown: {error}.") from error

    def number(self) -> float:
        """The one number that a scalar, or an array of equal values, holds."""
        values = self.array()
        if values.size == 0 or np.iscomplexobj(values) or not (values == values.flat[0]).all():
            raise InputError(f"{self} is not one number; give the number itself.")
        return float(values.flat[0])


@dataclass(frozen=True)
class Catalogue:
    """What an open file holds.

    Args:
        attributes: text and numbers at the file's root.
        find: an entry by its name, following links; None if there is none.
        walk: all entries, links not followed.
    """

    attributes: Mapping[str, object]
    find: Callable[[str], Entry | None]
    walk: Callable[[], list[Entry]]

    def listing(self) -> str:
        """The arrays of the file with shape and type, for an error message."""
        entries = sorted(self.walk(), key=lambda entry: entry.size, reverse=True)
        rest = f" and {len(entries) - MOST_LISTED} more" if len(entries) > MOST_LISTED else ""
        return (", ".join(map(str, entries[:MOST_LISTED])) or "no array at all") + rest


@contextlib.contextmanager
def opened(path: Path, keep: InFile | None = None) -> Iterator[Catalogue]:
    """The entries of an HDF5 or NPZ file, whichever its content shows it to be; `keep` says which stay there.

    Raises:
        InputError: there is no such file, or it is neither HDF5 nor NPZ, or it is damaged.
    """
    if path.is_dir():
        raise InputError("this is a folder; expected a file: CXI, HDF5 or NPZ.")
    if not path.is_file():
        raise InputError("there is no such file.")
    with contextlib.ExitStack() as stack:
        try:
            catalogue = stack.enter_context(_container(path, keep))
        except InputError:
            raise
        except DAMAGE as error:
            raise InputError(f"the file can't be opened, it is damaged or incomplete: {error}.") from error
        yield catalogue


def _container(path: Path, keep: InFile | None) -> contextlib.AbstractContextManager[Catalogue]:
    with path.open("rb") as file:
        start = file.read(8)
    if start == b"\x89HDF\r\n\x1a\n" or h5py.is_hdf5(path):  # a MATLAB file's signature comes later
        return _open_hdf5(path, keep)
    if start[:2] == b"PK":
        return _open_npz(path)
    raise InputError(f"this is neither HDF5 (as CXI and MATLAB 7.3 are) nor NPZ: it starts with {start!r}.")


@contextlib.contextmanager
def _open_hdf5(path: Path, keep: InFile | None) -> Iterator[Catalogue]:
    import hdf5plugin  # noqa: F401  registers the compressions of detectors, so only once a file is opened

    with opened_hdf5(path, keep is not None and keep.grows) as file:

        def find(name: str) -> Entry | None:
            item = file.get(name) if name.strip("/") else None
            with contextlib.suppress(TypeError):  # HDF5 has types that NumPy doesn't know
                return _hdf5_entry(name, item, path, keep) if isinstance(item, h5py.Dataset) else None

        def walk() -> list[Entry]:
            names: list[str] = []
            file.visit(names.append)
            return [entry for entry in map(find, names) if entry is not None]

        yield Catalogue(file.attrs, find, walk)


def _hdf5_entry(name: str, item: h5py.Dataset, path: Path, keep: InFile | None) -> Entry:
    units = item.attrs.get("units")
    units = units.decode() if isinstance(units, bytes) else units
    shape = item.shape or () if item.size is not None else (0,)  # a null dataspace has neither
    units = units if isinstance(units, str) else None
    stored = None
    if (
        keep is not None
        and len(shape) == 3
        and item.size
        and (keep.grows or keep.shares > 1 or item.nbytes > keep.limit)
    ):
        stored = partial(stored_patterns, path, name, item, keep)
    return Entry(name, tuple(shape), item.dtype, units, partial(whole, item), stored)


@contextlib.contextmanager
def _open_npz(path: Path) -> Iterator[Catalogue]:
    with np.load(path, allow_pickle=False) as arrays, zipfile.ZipFile(path) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
        entries = {name: _npz_entry(arrays, archive, name) for name in names}
        yield Catalogue({}, entries.get, lambda: list(entries.values()))


def _npz_entry(arrays: np.lib.npyio.NpzFile, archive: zipfile.ZipFile, name: str) -> Entry:
    """Shape and type from the array's header alone, so that listing a file reads none of its arrays."""
    with archive.open(f"{name}.npy") as file:
        old = np.lib.format.read_magic(file) == (1, 0)
        header = np.lib.format.read_array_header_1_0 if old else np.lib.format.read_array_header_2_0
        shape, _, dtype = header(file)
    return Entry(name, shape, dtype, None, lambda: arrays[name])
