"""What a result file says of its run."""

import json
from collections.abc import Mapping
from pathlib import Path

from ptychograd.core.errors import InputError
from ptychograd.data.files import Entry, opened, sentence

SETTINGS = "entry/settings"  # where they are in the file
OLDER = "format_version"  # in settings of a result that an earlier version wrote


def load_settings(path: str | Path) -> dict:
    """The settings of a result file, without its arrays. Raises `InputError` if it is none."""
    try:
        with opened(Path(path)) as catalogue:
            return settings_in(catalogue.find(SETTINGS))
    except InputError as problem:
        raise InputError(f"{path} is no readable result ({sentence(str(problem)).rstrip('.')}).") from None


def settings_in(entry: Entry | None) -> dict:
    """The settings in an entry of a file."""
    return table_in(entry, "settings")


def table_in(entry: Entry | None, what: str) -> dict:
    """Names and values that an entry of a file holds as JSON."""
    text = "" if entry is None else entry.text()
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"its {what} are no JSON: {error}") from None
    if not isinstance(found, dict):
        raise InputError(f"its {what} are no table of names and values")
    return found


def require_present_version(settings: Mapping, name: str = "The result to resume") -> None:
    """Raise `InputError` for a result of an earlier version, which can be shown and exported but not gone on from."""
    if OLDER in settings:
        raise InputError(
            f"{name} was written by an earlier version of ptychograd, and a run goes on with the version that began it "
            "alone; reconstruct again. It can still be shown, exported and compared."
        )
