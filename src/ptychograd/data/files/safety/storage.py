"""A dataset of an HDF5 file as an entry, with what has to be known before HDF5 may read its bytes."""

import contextlib
import itertools
import math
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import h5py
import h5py.h5d as h5d
import h5py.h5i as h5i
import h5py.h5o as h5o
import h5py.h5t as h5t
import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import StoredPatterns, StreamFromFile
from ptychograd.data.files.formats.arrival import written
from ptychograd.data.files.formats.frames import stored_patterns, whole
from ptychograd.data.files.safety.chunks import check_chunks
from ptychograd.data.files.safety.entries import DAMAGE, Entry, damage
from ptychograd.data.files.safety.file_lengths import ADVICE, Lengths
from ptychograd.data.files.safety.tree import Tree

LARGEST_ATTRIBUTE = 1 << 20  # bytes
UNITS = ("units", "unit", "Units", "Unit")  # the attribute's name; the first is that of NeXus and CXI
DEEPEST = 8  # virtual datasets made from virtual ones


def entry_of(name: str, identifier: h5d.DatasetID, tree: Tree, keep: StreamFromFile | None = None) -> Entry | None:
    """The entry that a dataset is; None for a type of HDF5 that NumPy doesn't know.

    It may be one whose patterns stay in the file, if `keep` says so.

    Raises:
        InputError: it is put together from files outside of the folder, or from itself; or it is damaged.
    """
    with damage(f'"{name}" can\'t be read, it is damaged'):
        plist = identifier.get_create_plist()
        elsewhere = plist.get_layout() == h5d.VIRTUAL or plist.get_external_count() > 0
        sources: list[h5d.DatasetID] = []
        # before HDF5 asks the other files for their shapes
        missing = list(_missing(tree, identifier, name, (), sources))
        dataset = h5py.Dataset(tree.with_others(identifier) if elsewhere and not tree.grows else identifier)
        try:
            dtype = dataset.dtype
        except TypeError:
            return None
        shape = tuple(dataset.shape or ()) if dataset.size is not None else (0,)  # a null dataspace has neither
        stored = None if elsewhere or tree.grows else identifier.get_storage_size()
        units = _units(dataset)
        lengths = Lengths(tree.file_of(one) for one in (identifier, *sources))

    def check() -> None:
        if missing:
            raise InputError(f"{entry} is put together from {missing[0]}, which is not there; put it there.")
        _check(entry, identifier, tree, sources)

    def load() -> object:
        check()
        found = np.zeros(shape, dtype) if dataset.size is None else _now(dataset, tree)
        lengths.check(str(entry))
        _check_external(tree, identifier, str(entry))
        return found

    def in_file() -> StoredPatterns:
        check()
        place = os.fsdecode(h5i.get_name(identifier))
        return stored_patterns(tree.file_of(identifier), place, dataset, cast(StreamFromFile, keep), lengths)

    can_stay = keep is not None and not plist.get_external_count()
    can_stay = can_stay and (len(shape) == 3 or (len(shape) > 3 and not tree.grows))
    partly = (lambda: None) if elsewhere or tree.grows else lambda: written(identifier)
    of_entry, there = (lambda name: attribute(dataset, name)), in_file if can_stay else None
    entry = Entry(name, shape, dtype, units, load, stored, of_entry, there, keep, partly)
    return _of_complex_numbers(entry)


def _of_complex_numbers(entry: Entry) -> Entry:
    """The same, where MATLAB wrote complex numbers as pairs named real and imag; any other as it is."""
    for part, kind in ((np.float32, np.complex64), (np.float64, np.complex128)):
        if entry.dtype == np.dtype([("real", part), ("imag", part)]):

            def load(kind: type = kind) -> np.ndarray:
                return np.ascontiguousarray(cast(np.ndarray, entry.load())).view(kind).reshape(entry.shape)

            return replace(entry, dtype=np.dtype(kind), load=load)
    return entry


def _check(entry: Entry, identifier: h5d.DatasetID, tree: Tree, sources: list[h5d.DatasetID]) -> None:
    """Refuse what HDF5 should not read."""
    plist = identifier.get_create_plist()
    if tree.grows and (plist.get_layout() == h5d.VIRTUAL or plist.get_external_count()):
        raise InputError(f"{entry} is put together from other files; only one file can be read as it is written.")
    _check_external(tree, identifier, str(entry))
    if plist.get_layout() == h5d.CHUNKED and not tree.grows:
        check_chunks(entry, identifier, tree.values)
    for source in sources:
        if source.get_create_plist().get_layout() == h5d.CHUNKED:
            check_chunks(_source(source), source, tree.values)


def _now(dataset: h5py.Dataset, tree: Tree) -> object:
    """All of a dataset, with what was written since the file was opened.

    Texts of any length are not in it but in a heap, which is looked at as it is read.
    """
    if tree.grows:
        dataset.id.refresh()
        return h5py.Dataset(dataset.id)[()]
    with contextlib.nullcontext() if dataset.dtype.hasobject else tree.values():
        return whole(dataset)


def attribute(item: h5py.HLObject, name: str) -> str | int | float | tuple[str, ...] | None:
    """A text, a number or some texts; None for anything else, and where there is none."""
    try:
        if name not in item.attrs:
            return None
        found = item.attrs.get_id(name)
        known = found.get_type().get_class() in (h5t.STRING, h5t.INTEGER, h5t.FLOAT)  # others can end the process
        if not known or math.prod(found.shape or ()) * found.dtype.itemsize > LARGEST_ATTRIBUTE:
            return None
        value = item.attrs[name]
    except DAMAGE as error:
        raise InputError(f'the attribute "{name}" is damaged: {error}.') from None
    if isinstance(value, np.ndarray):
        texts = [text.decode(errors="replace") if isinstance(text, bytes) else text for text in value.ravel().tolist()]
        text = tuple(text for text in texts if isinstance(text, str))
        return text if len(text) == len(texts) else None
    value = value.decode(errors="replace") if isinstance(value, bytes) else value
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, (str, int, float)) else None


def _units(dataset: h5py.Dataset) -> str | None:
    """What the file says, as one text or as the only one of an array; None where it says nothing."""
    for name in UNITS:
        found = attribute(dataset, name)
        texts = found if isinstance(found, tuple) else (found,)
        if len(texts) == 1 and isinstance(texts[0], str) and (text := texts[0].strip(" \0")):
            return text
    return None


def _source(dataset: h5d.DatasetID) -> Entry:
    """A dataset of which a virtual one is made."""
    name = os.fsdecode(h5i.get_name(dataset))
    return Entry(name, dataset.shape, dataset.dtype, None, lambda: None, dataset.get_storage_size())


def _missing(
    tree: Tree, dataset: h5d.DatasetID, name: str, trail: tuple, sources: list[h5d.DatasetID]
) -> Iterator[str]:
    """What a virtual dataset is made from and is not there; every other file that it leads to was looked at.

    What is there is added to the `sources`.
    """
    info = h5o.get_info(dataset)
    here = (info.fileno, info.addr)
    if here in trail or len(trail) > DEEPEST:
        raise InputError(f'"{name}" is put together from itself, or through more than {DEEPEST} virtual datasets.')
    if trail and dataset.get_create_plist().get_external_count():
        raise InputError(f'"{name}" is put together from datasets with external storage; link to them one by one.')
    near = tree.file_of(dataset)
    for file, place in _sources(dataset):
        blocks = "%b" in file or "%b" in place
        for number in itertools.count():
            named = [text.replace("%b", str(number)).replace("%%", "%") for text in (file, place)]
            path = near if named[0] in ("", ".") else tree.reach.file(near, named[0], f'the virtual dataset "{name}"')
            source = None if path is None else tree.find(named[1], path)
            if source is not None:
                sources.append(source)
                yield from _missing(tree, source, name, (*trail, here), sources)
            elif not blocks:
                yield f'"{named[1]}" of {named[0]}'
            if not blocks or source is None:
                break


def _sources(dataset: h5d.DatasetID) -> list[tuple[str, str]]:
    """File and name of all that a virtual dataset is made from, each once."""
    plist = dataset.get_create_plist()
    if plist.get_layout() != h5d.VIRTUAL:
        return []
    numbers = range(plist.get_virtual_count())
    return list(dict.fromkeys((plist.get_virtual_filename(n), plist.get_virtual_dsetname(n)) for n in numbers))


def _check_external(tree: Tree, dataset: h5d.DatasetID, name: str) -> None:
    """Refuse bytes that are kept outside of the folder, are not there, or are fewer than the dataset has."""
    for file, path, begin, size in _external(tree, dataset, name):
        if path is None:
            raise InputError(f"{name} is kept in {file}, which is not there; put it beside the file.")
        if os.stat(path).st_size < begin + size:
            raise InputError(
                f"{name} is kept in {file}, which holds {os.stat(path).st_size:,} bytes; expected {begin + size:,}. "
                f"{ADVICE}"
            )


def _external(tree: Tree, dataset: h5d.DatasetID, name: str) -> Iterator[tuple[str, Path | None, int, int]]:
    """Each file in which a dataset is kept, its path if it is there, and of the dataset its first byte and how many."""
    plist = dataset.get_create_plist()
    near = Path(os.path.abspath(tree.file_of(dataset)))
    rest = math.prod(dataset.shape) * dataset.dtype.itemsize if plist.get_external_count() else 0
    for number in range(plist.get_external_count()):
        file, begin, room = plist.get_external(number)
        file, size = os.fsdecode(file), min(rest, room)
        beside = file if os.path.isabs(file) else str(near.parent / file)  # HDF5 has this folder as its prefix
        yield file, tree.reach.file(near, beside, f"the external storage of {name}"), begin, size
        rest -= size
