"""Arrays of a plan: where each is kept, and how it is named in a file of text."""

import os
from collections.abc import Callable, Mapping

import numpy as np

from ptychograd.core.errors import InputError

NAMED = {"path", "sha256"}  # what names an array; a plan's file says the array's file too


def named_array(path: str, array: object) -> tuple[str, np.ndarray]:
    """The name under which a field's array is kept, and the array. Raises `InputError` if it can't be kept."""
    found = np.asarray(array)
    if found.dtype.kind not in "biufc":
        raise InputError(f"`{path}` is an array of {found.dtype}; expected numbers.")
    return path.replace(".", "/"), found


def reference(name: str, array: np.ndarray, file: str | None = None) -> dict[str, str]:
    """What stands for an array in text."""
    from ptychograd.data.files.arrays import digest_of  # h5py is not to be read for a help

    where = {} if file is None else {"file": file}
    return {**where, "path": name, "sha256": digest_of(array)}


def is_reference(value: object) -> bool:
    """Whether a value stands for an array."""
    return isinstance(value, Mapping) and value.keys() >= NAMED


def from_file(path: str, value: Mapping, folder: str) -> np.ndarray:
    """The array that a plan's file names, from a file whose name is relative to a folder."""
    from ptychograd.data.files.arrays import read_array

    named = {key: value.get(key) for key in ("file", "path", "sha256")}
    if not all(isinstance(text, str) for text in named.values()) or value.keys() != named.keys():
        raise InputError(f'`{path}`: expected {{file = "...", path = "...", sha256 = "..."}}.')
    try:
        return read_array(os.path.join(folder, value["file"]), value["path"], value["sha256"])
    except InputError as problem:
        raise InputError(f"`{path}`: {problem} Save the plan anew, or name a file in its place.") from None


def from_arrays(path: str, value: Mapping, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """The array that settings name, among those beside them."""
    from ptychograd.data.files.arrays import digest_of

    found = arrays.get(str(value["path"]))
    if found is None or digest_of(np.asarray(found)) != value["sha256"]:
        what = "is not there" if found is None else "holds other values than those that were saved"
        raise InputError(f"`{path}`: its array {what}; the file is damaged.")
    return found


def with_arrays(values: object, read: Callable[[str, Mapping], np.ndarray], path: str = "") -> object:
    """Dictionaries in which arrays stand in place of what names them."""
    if is_reference(values):
        return read(path, values)  # pyright: ignore[reportArgumentType]
    if isinstance(values, Mapping):
        return {name: with_arrays(one, read, f"{path}.{name}".lstrip(".")) for name, one in values.items()}
    return values
