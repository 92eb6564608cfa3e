"""A plan from a TOML file, and into one."""

import os
import re
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from ptychograd.core.errors import InputError
from ptychograd.data.position_places import with_files as with_files_in_place
from ptychograd.runs.plan.fields import VERSION, Section
from ptychograd.runs.plan.lines import is_path, line_of, line_of_one, lines_of, named_in
from ptychograd.runs.plan.parts import named_part
from ptychograd.runs.plan.stored import from_file, named_array, reference, with_arrays
from ptychograd.runs.plan.toml_text import Page, toml_text
from ptychograd.runs.plan.walking import holds_files, is_file, plain, value_at, value_fields, with_values

LONGEST = 2**22  # bytes of a plan; a longer file is something else
NO_PLAN = "expected a plan in TOML, as `ptychograd init` writes it"
MENDS = {  # by how the sentence of tomllib begins
    "Expected newline": 'texts and quantities stand in quotes, as distance = "3.65 mm"',
    "Invalid value": 'texts and quantities stand in quotes, as distance = "3.65 mm"; truth is true or false',
    "Expected '='": "a line is a section in brackets, as [fit], or a field with its value, as epochs = 100",
    "Invalid statement": "a line is a section in brackets, as [fit], or a field with its value, as epochs = 100",
    "Cannot overwrite": "give it once",
    "Cannot declare": "give the section once",
    "Cannot mutate": "give the section once",
    "Unclosed array": 'end the list with "]"',
    "Expected ']'": "a line is a section in brackets, as [fit], or a field with its value, as epochs = 100",
    'Expected "': "end the text with a quote",
    "Unterminated string": "end the text with a quote",
    "Illegal character": "end the text with a quote, in the line in which it begins",
    "Unescaped": "in a text in double quotes a backslash is written twice",
    "Invalid initial": 'names of fields have letters, digits and "_"; others stand in quotes',
}
_QUOTED = re.compile(r'"([^"]+)"')
_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


class PlanText:
    """The text of a plan's file, which knows in which line what stands.

    Args:
        path: the file.
        text: what is in it; by default, what is read there.

    Raises:
        InputError: it can't be read, or is no TOML; with the line.
    """

    def __init__(self, path: str | os.PathLike[str], text: str | None = None):
        self.path = Path(path)
        text = _read(self.path) if text is None else text
        self.values = _parsed(self.path, text)
        try:
            self.lines: Mapping[str, int] = lines_of(text)
        except RecursionError:
            self.lines = {}

    def located(self, problem: InputError) -> InputError:
        """The same problem with file and line: of the field that it names in backquotes, or of the file or the item."""
        line = self._line(str(problem), named_in(str(problem)), self.lines)
        return InputError(f"{self.path}{'' if line is None else f', line {line}'}: {problem}")

    def located_if_from_here(self, problem: InputError, elsewhere: Collection[str]) -> InputError:
        """The same with file and line if it is about what the file says or should say, else the problem itself.

        Args:
            problem: what was raised anywhere in a run.
            elsewhere: paths of fields that were not given by the file, as by options.
        """
        message = str(problem)

        def is_here(path: str) -> bool:
            return not any(f"{path}.".startswith(f"{other}.") for other in elsewhere)

        named = [path for path in named_in(message) if is_path(path) and is_here(path)]
        line = self._line(message, named, {path: line for path, line in self.lines.items() if is_here(path)})
        if line is None and not named:
            return problem
        return InputError(f"{self.path}{'' if line is None else f', line {line}'}: {problem}")

    def _line(self, message: str, named: Sequence[str], lines: Mapping[str, int]) -> int | None:
        """The line of the fields that a sentence names, else of the item of a file, else of the file."""
        keys = value_at(self.values, "data.keys")
        items = [f"data.keys.{name}" for name in (keys if isinstance(keys, dict) else ()) if f": {name}: " in message]
        quoted = set(_QUOTED.findall(message))
        texts = list(_texts(self.values))
        names = [path for path, text in texts if quoted & {text, path.rpartition(".")[2]}]
        files = [path for path, text in texts if "." in text and Path(text).name in message]
        of_data = (line_of(path, lines) for path in (*items, *names, *files))
        found = (line_of_one(named, lines), *of_data)
        return next((line for line in found if line is not None), None)


def _texts(values: Mapping, before: str = "") -> Iterator[tuple[str, str]]:
    """All values with their paths; of those that are no text an empty one."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _texts(value, f"{before}{name}.")
        elif isinstance(value, list):
            yield from _texts({str(number): one for number, one in enumerate(value, start=1)}, f"{before}{name}.")
        else:
            yield f"{before}{name}", value if isinstance(value, str) else ""


def sections_of(text: PlanText, plan: type[BaseModel]) -> dict:
    """The sections that a file has, with its arrays, and with names of files as seen from the working folder."""
    folder = str(text.path.parent)
    values = with_arrays(text.values, partial(from_file, folder=folder))
    return with_files(values, plan, partial(from_folder, folder)) if isinstance(values, dict) else {}


def save(plan: Section, path: str | os.PathLike[str], page: Page = Page()) -> None:  # noqa: B008
    """Write the fields of a plan that were given, with what each means; an old file is replaced whole or not at all.

    Its arrays are written beside it, as run_arrays.h5 beside run.toml. Names of files in it are those from its folder.

    Raises:
        InputError: the plan has a part that no module names, or a file can't be written.
    """
    from ptychograd.data.files import require_replaceable  # h5py is not to be read for a help
    from ptychograd.data.files.arrays import ARRAYS, write_arrays

    path = Path(path)
    require_toml(path)
    beside = path.with_name(f"{path.stem}_arrays.h5")
    text, arrays = written(plan, str(path.parent), beside.name, page=page)
    if arrays:
        require_replaceable(beside, ARRAYS)
        write_arrays(beside, arrays)
    write_text(path, text)


def written(
    plan: Section,
    folder: str,
    file: str,
    group: str = "",
    page: Page = Page(),  # noqa: B008
) -> tuple[str, dict[str, np.ndarray]]:
    """The text of a plan, and its arrays by the names that they have in their file.

    Args:
        plan: the plan.
        folder: in which the text will lie; names of files are those from there.
        file: that of the arrays, from that folder.
        group: in which they stand there, with a slash at its end.
        page: what stands in the text beside.
    """
    arrays: dict[str, np.ndarray] = {}

    def stored(place: str, value: object) -> object:
        if not hasattr(value, "shape"):
            return named_part(place, value)
        name, array = named_array(place, value)
        arrays[group + name] = array
        return reference(group + name, array, file)

    values = {"version": VERSION, **plain(plan, stored)}
    return toml_text(with_files(values, type(plan), partial(_to_folder, folder)), type(plan), page), arrays


def write_text(path: Path, text: str) -> None:
    """Write a plan's text, whole or not at all."""
    from ptychograd.data.files import replacing

    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        raise InputError(f"{path} can't be written: a name in the plan is no text (its bytes are no UTF-8).") from None
    with replacing(path) as temporary:
        temporary.write_bytes(encoded)


def require_toml(path: Path) -> None:
    """Refuse another ending than that of TOML, which would hide what the file is."""
    if path.suffix != ".toml":
        raise InputError(f"{path}: plans are written as TOML; expected a name that ends in .toml.")


def with_files(values: dict, plan: type[BaseModel], change: Callable[[str], str]) -> dict:
    """Sections in which names of files are changed."""
    changes = {}
    for path, place in value_fields(plan).items():
        found = value_at(values, path)
        if holds_files(place.field) and isinstance(found, str):
            changes[path] = with_files_in_place(found, change)
        if not is_file(place.field):
            continue
        if isinstance(found, str):
            changes[path] = change(found)
        elif isinstance(found, list | tuple):
            changes[path] = [change(one) if isinstance(one, str) else one for one in found]
    return with_values(values, changes)


def from_folder(folder: str, name: str) -> str:
    """A name that is one from a folder, as it is seen from the working folder."""
    joined = os.path.join(folder, name)
    short = os.path.normpath(joined)
    return short if os.path.realpath(short) == os.path.realpath(joined) else joined


def _to_folder(folder: str, name: str) -> str:
    """A name from the working folder, as it is seen from a folder; a whole path stays."""
    if os.path.isabs(name):
        return name
    found = os.path.relpath(name, folder or os.curdir)
    is_same = os.path.realpath(os.path.join(folder, found)) == os.path.realpath(name)
    return found if is_same else os.path.abspath(name)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            found = file.read(LONGEST + 1)
    except OSError as problem:
        raise InputError(f"{path} can't be read: {problem.strerror or problem}; {NO_PLAN}.") from None
    try:
        if len(found) > LONGEST:
            raise ValueError
        return found.decode("utf-8-sig")
    except ValueError:
        raise InputError(f"{path} is no text that a plan could be; {NO_PLAN}.") from None


def _parsed(path: Path, text: str) -> dict:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        found = _PLACE.search(str(problem))
        line = found[1] if found and found[1] else str(len(text.splitlines()) or 1)
        what = _PLACE.sub("", str(problem))
        mend = next((cure for begin, cure in MENDS.items() if what.startswith(begin)), NO_PLAN)
        raise InputError(f"{path}, line {line}: this is no TOML ({_small(what)}); {mend}.") from None
    except (RecursionError, ValueError):  # tables in tables without end; a number with more digits than Python reads
        raise InputError(f"{path} is no plan: its values are too deep or too long; {NO_PLAN}.") from None


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]
