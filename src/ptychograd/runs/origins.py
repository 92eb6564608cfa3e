"""Of which data a result is, and whether another one may take its place."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ptychograd.core.errors import InputError, NotWrittenError
from ptychograd.runs.setting_names import DATA_FILE, FINGERPRINT, FOLDER, PLAN


def is_result(path: Path) -> bool:
    """Whether a file is a result of ours; what can't be opened is none, and reading it says why."""
    from ptychograd.data.files import RESULT, opened  # h5py is not to be read for a help

    try:
        with opened(path) as catalogue:
            return catalogue.attributes.get("format") == RESULT
    except InputError:
        return False


def origin(settings: Mapping) -> Path | None:
    """The file of the data that a result is of, if it says so."""
    files = data_files(settings)
    return Path(str(settings.get(FOLDER, "")), files[0]) if files else None


def data_files(settings: Mapping) -> list[str]:
    """The files of the data, as they were named where the run was started."""
    plan = settings.get(PLAN)
    data = plan.get("data") if isinstance(plan, Mapping) else None
    named = data.get("paths") if isinstance(data, Mapping) else settings.get(DATA_FILE)
    found = [named] if isinstance(named, str) else named
    return [str(path) for path in found] if isinstance(found, list | tuple) else []


def found_data(path: Path, settings: Mapping) -> list[Path]:
    """The files of the data of a result: as seen from where its run was started, or from here, or beside the result.

    Raises:
        InputError: one is not there.
    """
    return [_found(path, Path(str(settings.get(FOLDER, "."))), Path(name)) for name in data_files(settings)]


def _found(path: Path, folder: Path, stored: Path) -> Path:
    then = folder / stored
    without = Path(os.path.normpath(then))  # where "../" leads from a folder that is no more
    places = dict.fromkeys((then, without, stored, path.parent / stored.name))
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        where = ", ".join(map(str, places))
        raise InputError(f"The data of {path} are not there (looked for: {where}); name their file with --data.")
    return stored if stored.is_file() and stored.samefile(found) else found


def require_same_data(path: Path, data: Path | Sequence[Path], fingerprint: str | None) -> None:
    """Raise `NotWrittenError` where another scan's result is at a name that was made up from that of the data.

    Args:
        path: of the result, if there is one.
        data: the file whose result is to take its place, or several that are one scan.
        fingerprint: of the data in it; None where they are still to come.
    """
    from ptychograd.fitting.result import load_settings  # JAX is not to be read for a caption

    if not path.exists():
        return
    settings = load_settings(path)
    source = origin(settings)
    if fingerprint is not None and settings.get(FINGERPRINT) == fingerprint:
        return
    files = [data] if isinstance(data, Path) else data
    folder = Path(str(settings.get(FOLDER, "")))
    if source is not None and _real(folder / name for name in data_files(settings)) == _real(files):
        return
    whose = "data that it does not name" if source is None else str(source)
    raise NotWrittenError(f"{path} is there and is of {whose}: it would be lost. Give another name with --output.")


def _real(files: Iterable[Path]) -> list[str]:
    return [os.path.realpath(file) for file in files]
