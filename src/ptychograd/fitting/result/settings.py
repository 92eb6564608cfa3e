"""What a result file says of its run."""

import json
from pathlib import Path

from ptychograd.core.errors import InputError
from ptychograd.data.files import Entry, opened, sentence

SETTINGS = "entry/settings"  # where they are in the file


def load_settings(path: str | Path) -> dict:
    """The settings of a result file, without its arrays. Raises `InputError` if it is none."""
    try:
        with opened(Path(path)) as catalogue:
            return settings_in(catalogue.find(SETTINGS))
    except InputError as problem:
        raise InputError(f"{path} is no readable result ({sentence(str(problem)).rstrip('.')}).") from None


def settings_in(entry: Entry | None) -> dict:
    """The settings in an entry of a file."""
    text = "" if entry is None else entry.text()
    try:
        settings = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"its settings are no JSON: {error}") from None
    if not isinstance(settings, dict):
        raise InputError("its settings are no table of names and values")
    return settings
