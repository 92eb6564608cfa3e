"""What every format is: a way in which arrays lie in a file, and what they mean."""

import abc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from ptychograd.data.files.formats.items import Items
from ptychograd.data.files.safety import Catalogue, Entry

Readers = Mapping[str, Callable[[Entry], Items]]


class Format(abc.ABC):
    """One way in which people keep a scan in a file.

    Attributes:
        name: what people call it.
        places: where it keeps patterns and positions, in words, for what is said where there are none.
        readers: for each kind of array what turns an `Entry` into `Items`, whether it was found or named by a person.
    """

    name: ClassVar[str]
    places: ClassVar[Mapping[str, str]]
    readers: ClassVar[Readers]

    @abc.abstractmethod
    def recognises(self, catalogue: Catalogue) -> bool:
        """Whether the arrays of a file lie in this way."""

    @abc.abstractmethod
    def read(self, catalogue: Catalogue, given: Items, readers: Readers) -> Items:
        """All that is in the file, with what a person `given` in its place, which is not looked at."""

    def companions(self, path: Path) -> tuple[Path, ...]:
        """Files that belong to one of this format, by their names, whether they are there or not."""
        return ()

    def completes(self, catalogue: Catalogue) -> bool:
        """Whether a file that is recognised has no patterns of its own, but what another one lacks."""
        return False

    def describe(self) -> str:
        """The format in a line: its name, and where patterns and positions are looked for."""
        return f"{self.name}: patterns in {self.places['patterns']}, positions in {self.places['positions']}"
