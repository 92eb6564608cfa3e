"""Formats that hold one array of numbers: each channel has a file of its own, the main one the name that was given."""

from collections.abc import Iterable
from pathlib import Path

from ptychograd.core.errors import InputError
from ptychograd.output.exporting.marks import in_head

MAIN = ("phase", "values")  # the channels that have the name that was given


def beside(path: Path, channel: str, number: int | None = None) -> Path:
    """Where a channel goes: object.png, object_magnitude.png, and with a number object_2.png."""
    parts = [path.stem, *([] if channel in MAIN else [channel]), *([] if number is None else [str(number)])]
    return path.with_name("_".join(parts) + path.suffix)


def require_free(paths: Iterable[Path]) -> None:
    """Raise `InputError` for a file that is there and was not exported."""
    for path in paths:
        if path.exists() and path.stat().st_size and not in_head(path):
            raise InputError(
                f"{path} is there and was not exported by ptychograd: it would be lost. Give another name."
            )
