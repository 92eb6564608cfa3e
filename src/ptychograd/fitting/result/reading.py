"""A result out of its file, also one of an earlier version of the format."""

from pathlib import Path

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.files import RESULT, Catalogue, Entry, UnreadableError, opened, sentence
from ptychograd.fitting.result.history import History
from ptychograd.fitting.result.result import Result
from ptychograd.fitting.result.roles import from_description
from ptychograd.fitting.result.settings import OLDER, SETTINGS, settings_in, table_in
from ptychograd.fitting.result.writing import ATTACHED, COMPUTED, FORMAT_VERSION, ROLES
from ptychograd.physics.roles import Record

OLDER_VERSIONS = (1,)  # that can be read as well


def load(path: str | Path) -> Result:
    """Read a result from a file that `Result.save` has written.

    Files of an earlier version of the format can be read too, to be shown, exported and compared; a run can't go on
    from them.

    Args:
        path: of the HDF5 file.

    Returns:
        the result, whose `model` is None: `result.onto(model)` puts its arrays into a model made from the same data.

    Raises:
        InputError: the file is not there, can't be read, or holds no result.

    Example:
        >>> result.save("result.h5")
        >>> pg.load("result.h5").history.epochs
        2
    """
    try:
        with opened(Path(path)) as catalogue:
            return _read(catalogue, path)
    except _NoResultError as problem:
        raise InputError(sentence(str(problem))) from None
    except UnreadableError as problem:
        raise InputError(sentence(f"{path}: {problem}")) from None
    except InputError as problem:
        reason = sentence(str(problem)).rstrip(".")
        raise InputError(f"{path} is no readable result of ptychograd ({reason}); is it cut short?") from None


class _NoResultError(InputError):
    """The file is sound, but no result that can be read."""


def _read(catalogue: Catalogue, path: str | Path) -> Result:
    if catalogue.attributes.get("format") != RESULT:
        raise _NoResultError(f"{path} is no result of ptychograd; `ptychograd reconstruct` writes them.")
    version = catalogue.attributes.get("format_version")
    if version not in (FORMAT_VERSION, *OLDER_VERSIONS):
        raise _NoResultError(
            f"{path} has version {version} of the result format, and this "
            f"ptychograd reads version {FORMAT_VERSION}; use a newer ptychograd."
        )
    entries = {entry.name: entry for entry in catalogue.walk()}
    model, state = (
        {
            str(entry.attribute("path") or ""): entry.array()
            for place, entry in entries.items()
            if place.startswith(f"entry/{group}/")
        }
        for group in ("model", "solver_state")
    )
    illuminated = entries.get("entry/illuminated") or entries.get("entry/lit")  # as version 1 called it
    sampling, positions = (entries.get(f"entry/{name}") for name in ("sampling", "positions"))
    older = {} if version == FORMAT_VERSION else {OLDER: version}
    return Result(
        model,
        state,
        _history(entries),
        settings_in(entries.get(SETTINGS)) | older,
        None if sampling is None else tuple(float(size) for size in np.ravel(_real(sampling))),
        None if positions is None else _real(positions),
        illuminated=None if illuminated is None else _real(illuminated).astype(bool),
        recorded_roles=_roles(entries),
        attached=_within(f"entry/{ATTACHED}/", entries),
    )


def _roles(entries: dict[str, Entry]) -> Record | None:
    """What the arrays mean; None in a file that was written before results said it."""
    if ROLES not in entries:
        return None
    return from_description(table_in(entries[ROLES], "roles"), _within(f"{COMPUTED}/", entries))


def _within(place: str, entries: dict[str, Entry]) -> dict[str, np.ndarray]:
    """The arrays of a group by their names in it."""
    return {name.removeprefix(place): one.array() for name, one in entries.items() if name.startswith(place)}


def _history(entries: dict[str, Entry]) -> History:
    found = {name: entries.get(f"entry/history/{name}") for name in History._fields}
    columns = [None if entry is None else np.ravel(_real(entry)) for entry in found.values()]
    if columns[0] is None:
        raise InputError("it has no entry/history/loss")
    epochs = np.full(len(columns[0]), np.nan)  # for what older versions did not write
    columns = [epochs if column is None else column for column in columns[: -1 if columns[-1] is None else None]]
    if any(len(column) != len(epochs) for column in columns):
        raise InputError("the columns of its history are not of one length")
    return History(*(tuple(column.astype(float).tolist()) for column in columns))


def _real(entry: Entry) -> np.ndarray:
    array = entry.array()
    if np.iscomplexobj(array):
        raise InputError(f"{entry} is complex; expected real numbers")
    return array
