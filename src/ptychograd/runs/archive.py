"""Finished runs in a folder, so that a long job which was interrupted goes on from them."""

import json
from collections.abc import Mapping
from pathlib import Path

from ptychograd.core.errors import InputError, NotWrittenError
from ptychograd.fitting.result import Result, load


def keep(folder: Path, name: str, result: Result, what: Mapping) -> None:
    """Save a finished run, without its solver's state, together with what it was."""
    result = result._replace(state={}, settings=result.settings | {"asked": dict(what)})
    try:
        _path(folder, name).parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise NotWrittenError(f"{_path(folder, name)} can't be written: {problem.strerror or problem}.") from None
    result.save(_path(folder, name))


def archived(folder: Path, name: str, what: Mapping) -> Result | None:
    """The run of that name that was finished before, if it was the same one."""
    if not _path(folder, name).exists():
        return None
    try:
        result = load(_path(folder, name))
    except InputError:
        return None
    return result if result.settings.get("asked") == json.loads(json.dumps(dict(what))) else None


def _path(folder: Path, name: str) -> Path:
    return folder / "runs" / f"{name}.h5"
