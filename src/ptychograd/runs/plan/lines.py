"""In which line of a TOML text a field stands; the text is one that can be read."""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence

_KEY = re.compile(r"""[ \t]*("(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[A-Za-z0-9_-]+)[ \t]*""")
_TEXT = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'', re.DOTALL)
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE = re.compile(r"[^,\]}\n#]*")
_PATH = re.compile(r"(?:seed|version|[a-z_]+(?:\.[\w-]+)+)")
_NAMED = re.compile(r"`([^`=]+)(?:=[^`]*)?`")  # a field, perhaps with a value


def lines_of(text: str) -> dict[str, int]:
    """The line of every table and every value by its path, as {"fit.stages.2.epochs": 14}; lists count from 1."""
    return _Scan(text.replace("\r\n", "\n")).read()


def line_of(path: str, lines: Mapping[str, int]) -> int | None:
    """The line of a field, or of the nearest table around it; None if there is none."""
    names = path.split(".")
    around = (".".join(names[:count]) for count in range(len(names), 0, -1))
    return next((lines[one] for one in around if one in lines), None)


def line_of_one(named: Sequence[str], lines: Mapping[str, int]) -> int | None:
    """The line of one of several fields: of the first that is there, or of what is around it."""
    found = [lines.get(path) for path in named] + [line_of(path, lines) for path in named]
    return next((line for line in found if line is not None), None)


def named_in(message: str) -> list[str]:
    """What a sentence names in backquotes."""
    return _NAMED.findall(message)


def is_path(name: str) -> bool:
    """Whether a name may be that of a field: one with dots, or one in no section."""
    return _PATH.fullmatch(name) is not None


class _Scan:
    """Goes through a text once, and notes where what stands."""

    def __init__(self, text: str):
        self.text, self.place = text, 0
        self.lines: dict[str, int] = {}
        self.counts: dict[str, int] = {}  # of tables in a list of tables
        self.starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def read(self) -> dict[str, int]:
        table = ""
        while self._skip_blank() < len(self.text):
            if self.text[self.place] == "[":
                table = self._header()
            else:
                self._assignment(table)
        return self.lines

    def _header(self) -> str:
        line, is_list = self._line(), self.text.startswith("[[", self.place)
        self.place += 2 if is_list else 1
        names = list(self._names())
        self.place += 2 if is_list else 1
        path = ""
        for number, name in enumerate(names):
            path = _within(path, name)
            self.lines.setdefault(path, line)
            if is_list and number == len(names) - 1:
                self.counts[path] = self.counts.get(path, 0) + 1
            if path in self.counts:
                path = _within(path, self.counts[path])
                self.lines.setdefault(path, line)
        return path

    def _assignment(self, table: str) -> None:
        line = self._line()
        for name in self._names():
            table = _within(table, name)
            self.lines.setdefault(table, line)
        self.place += 1  # the equals sign
        self._value(table)

    def _names(self) -> Iterator[str]:
        while found := _KEY.match(self.text, self.place):
            self.place = found.end()
            yield next(iter(tomllib.loads(f"{found[1]} = 0")))
            if not self.text.startswith(".", self.place):
                return
            self.place += 1

    def _value(self, path: str) -> None:
        self._skip_blank()
        self.lines.setdefault(path, self._line())
        begin = self.text[self.place : self.place + 1]
        if begin == "[":
            self._items("]", lambda number: self._value(_within(path, number)))
        elif begin == "{":
            self._items("}", lambda _: self._assignment(path))
        else:
            found = _TEXT.match(self.text, self.place) or _BARE.match(self.text, self.place)
            self.place = found.end() if found else len(self.text)

    def _items(self, end: str, read) -> None:
        self.place, number = self.place + 1, 0
        while self._skip_blank() < len(self.text) and self.text[self.place] != end:
            number += 1
            read(number)
            if self._skip_blank() < len(self.text) and self.text[self.place] == ",":
                self.place += 1
        self.place += 1

    def _skip_blank(self) -> int:
        found = _BLANK.match(self.text, self.place)
        self.place = found.end() if found else self.place
        return self.place

    def _line(self) -> int:
        return bisect_right(self.starts, self.place)


def _within(path: str, name: object) -> str:
    return f"{path}.{name}" if path else str(name)
