"""Which files a data file may lead to: those in its own folder, and in folders that a person names.

HDF5 follows links into other files, virtual datasets and external storage wherever they lead, and looks in the
working folder too. Here each is looked up before HDF5 may open it.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ptychograd.core.errors import InputError
from ptychograd.data.files.safety.entries import damage

WAY_OUT = '; if you trust it, allow that folder with links_into=["{0}"] or, for a command, `data.links_into={0}`'


@dataclass(frozen=True)
class Reach:
    """Folders, with all that is below them, whose files may be read; every link of the file system resolved.

    Args:
        way_out: how more folders can be allowed, as the end of a sentence; {0} is the folder.
    """

    folders: tuple[Path, ...]
    way_out: str = ""

    @classmethod
    def of(cls, path: Path, more: Iterable[str | os.PathLike[str]] | None) -> "Reach":
        """The folder that holds `path`, that of the file itself if `path` is a link, and `more`; None is for never."""
        found = (path.parent, Path(os.path.realpath(path)).parent, *map(Path, more or ()))
        folders = tuple(Path(os.path.realpath(folder)) for folder in found)
        return cls(folders) if more is None else cls(folders, WAY_OUT)

    def file(self, near: Path, name: str, what: str) -> Path | None:
        """The file that the file `near` calls `name`; None if there is none.

        Args:
            what: that leads there, in words.

        Raises:
            InputError: it is outside of the folders, or no ordinary file.
        """
        with damage(f"{what} leads to a file whose name can't be used"):
            for candidate in _candidates(near, name):
                real = Path(os.path.realpath(candidate))
                if real.exists():
                    return self._allowed(real, what)
        return None

    def _allowed(self, real: Path, what: str) -> Path:
        if not any(real.is_relative_to(folder) for folder in self.folders):
            raise InputError(
                f"{what} leads to {real}, outside of the folder {self.folders[0]} of this file"
                f"{self.way_out.format(real.parent)}."
            )
        if not real.is_file():
            raise InputError(f"{what} leads to {real}, which is no ordinary file.")
        return real


def _candidates(near: Path, name: str) -> Iterator[Path]:
    """Where HDF5 looks for a file: as it is named, beside the file that names it, in the working folder."""
    if name in ("", "."):
        yield near
        return
    given, folders = Path(name), dict.fromkeys((near.parent, Path(os.path.realpath(near)).parent))
    if given.is_absolute():
        yield given
    yield from (folder / (given.name if given.is_absolute() else given) for folder in folders)
    yield from () if given.is_absolute() else (Path.cwd() / given,)
