"""Files without patterns that complete others, as products of ptychodus: positions, a probe, a geometry."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

from ptychograd.core.errors import InputError
from ptychograd.data.files.formats.base import Format
from ptychograd.data.files.formats.items import Items, overlaid
from ptychograd.data.files.formats.known import format_of
from ptychograd.data.files.safety import opened, sentence
from ptychograd.data.files.sources import Source


def completes(path: str | os.PathLike[str], links_into: Sequence[str | os.PathLike[str]] = ()) -> bool:
    """Whether a file holds no patterns, but what completes another one: positions, a probe, a geometry.

    Raises:
        InputError: it can't be opened.
    """
    path = Path(path)
    try:
        with opened(path, links_into) as catalogue:
            return format_of(catalogue).completes(catalogue)
    except InputError as error:
        raise InputError(sentence(f"{path}: {error}")) from None


def completed(
    given: Items,
    path: Path,
    format: Format,
    beside: Sequence[str | os.PathLike[str]],
    links_into: Sequence[str | os.PathLike[str]],
) -> Items:
    """What a person gave, and beneath it what is in files that complete this one."""
    found = [other for other in format.companions(path) if other.exists() and not beside]
    for other in (*map(Path, beside), *found):
        try:
            with opened(other, links_into) as catalogue:
                format = format_of(catalogue)
                more = format.read(catalogue, Items(), format.readers)
        except InputError as error:
            raise InputError(f"with {other}: {error}") from None
        more = dataclasses.replace(more, patterns=None, mask=None, numbers=None, source=None, stated=None)
        more = dataclasses.replace(more, notes=(f"positions and geometry: from {other.name}", *more.notes))
        given = overlaid(more, given)
    return given


def with_companions(
    named: Sequence[Source], links_into: Sequence[str | os.PathLike[str]]
) -> list[tuple[Source, list[Path]]]:
    """Sources with patterns, each with the files that complete it: named after it, or before the first."""
    if len(named) < 2:
        return [(source, []) for source in named]
    early: list[Path] = []
    found: list[tuple[Source, list[Path]]] = []
    for source in named:
        first, *others = source.paths
        if others or first.is_dir() or not completes(first, links_into):
            found.append((source, [] if found else early))
        else:
            (found[-1][1] if found else early).append(first)
    return found or [(source, []) for source in named]
