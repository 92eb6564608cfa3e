"""The groups and datasets of an HDF5 file, reached link by link.

HDF5's own ways to walk a file call themselves for every level and follow every link, so that a file can end the
process or lead anywhere. Here the steps are counted, and every link is looked at before it is followed.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import h5py
import h5py.h5d as h5d
import h5py.h5g as h5g
import h5py.h5i as h5i
import h5py.h5l as h5l
import h5py.h5o as h5o
import h5py.h5p as h5p

from ptychograd.core.errors import InputError
from ptychograd.data.files.formats.frames import opened_hdf5
from ptychograd.data.files.safety.entries import damage, printable
from ptychograd.data.files.safety.guard import Guard
from ptychograd.data.files.safety.reach import Reach

MOST_LINKS, MOST_STEPS = 16, 1000  # on the way to one array
MOST_LEVELS, MOST_OBJECTS = 64, 100_000  # of a file
Identifier: TypeAlias = h5g.GroupID | h5d.DatasetID


@dataclass(frozen=True, eq=False)
class Tree:
    """An HDF5 file, and those that it leads to.

    Args:
        stack: closes the files in the end.
        grows: whether a file is still being written.
        lost: names of files that were looked for behind links, and are not there.
    """

    path: Path
    reach: Reach
    stack: contextlib.ExitStack
    grows: bool = False
    files: dict[Path, h5py.File] = field(default_factory=dict)
    guards: list[Guard] = field(default_factory=list)
    datasets: dict[tuple[int, int], h5d.DatasetID] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)

    def root(self, path: Path) -> h5g.GroupID:
        """The root of a file, opened once."""
        if path not in self.files:
            self.files[path] = self.stack.enter_context(self._file(path))
        return h5g.open(self.files[path].id, b"/")

    def _file(self, path: Path) -> contextlib.AbstractContextManager[h5py.File]:
        if self.grows:  # it stays open for those who read along: HDF5 reads nonsense where it is opened twice
            return _held_open(opened_hdf5(path, self.grows))
        guard = self.stack.enter_context(contextlib.closing(Guard(path)))
        self.guards.append(guard)
        return h5py.File(guard, "r")

    @contextlib.contextmanager
    def values(self) -> Iterator[None]:
        """While values are read, in these files nothing is looked at on its way to HDF5."""
        with contextlib.ExitStack() as stack:
            for guard in self.guards:
                stack.enter_context(guard.values())
            yield

    def file_of(self, dataset: h5d.DatasetID) -> Path:
        """The file that holds a dataset."""
        number = h5o.get_info(dataset).fileno
        return next(path for path, file in self.files.items() if h5o.get_info(file.id).fileno == number)

    def with_others(self, dataset: h5d.DatasetID) -> h5d.DatasetID:
        """A dataset opened by HDF5 itself, which finds other files from the path of its own.

        It has to be known that all of them may be read, and that HDF5 can read what is said about them.
        """
        path = os.path.abspath(self.file_of(dataset))
        file = self.stack.enter_context(h5py.File(path, "r"))
        access = h5p.create(h5p.DATASET_ACCESS)
        access.set_efile_prefix(os.fsencode(os.path.dirname(path)))
        return h5d.open(file.id, h5i.get_name(dataset), access)

    def find(self, name: str, path: Path | None = None) -> h5d.DatasetID | None:
        """A dataset by its name, following links; None if there is none.

        Raises:
            InputError: a link leads out of the folder or in a circle, or the file is damaged.
        """
        found = self._reached(name, path)
        return found if isinstance(found, h5d.DatasetID) else None

    def names(self, name: str) -> tuple[str, ...]:
        """Names of all that is in a group, links among them; none where there is no such group.

        Raises:
            InputError: as `find`, or there are too many.
        """
        found = self._reached(name)
        if found is None or isinstance(found, h5d.DatasetID):
            return ()
        with damage(f'"{name}" can\'t be listed, the file is damaged'):
            names = [os.fsdecode(part) for _, part in zip(range(MOST_OBJECTS + 1), found, strict=False)]
            if len(names) > MOST_OBJECTS:
                raise InputError(f'"{name}" can\'t be listed: it has more than {MOST_OBJECTS:,} items.')
            return tuple(sorted(names))

    def _reached(self, name: str, path: Path | None = None) -> Identifier | None:
        """A group or a dataset by its name, following links."""
        parts, links, file = _parts(name), 0, path or self.path
        with damage(f'"{name}" can\'t be reached, the file is damaged'):
            at: Identifier | None = self.root(file)
            for _ in range(MOST_STEPS):
                if not parts or at is None:
                    return at
                part, parts = parts[0], parts[1:]
                if not isinstance(at, h5g.GroupID) or not at.links.exists(part):
                    return None
                kind = at.links.get_info(part).type
                links += kind != h5l.TYPE_HARD
                if kind == h5l.TYPE_HARD:
                    at = self._opened(at, part)
                elif kind == h5l.TYPE_SOFT:
                    target = os.fsdecode(at.links.get_val(part))
                    at, parts = self.root(file) if target.startswith("/") else at, _parts(target) + parts
                elif kind == h5l.TYPE_EXTERNAL:
                    other, target = self._linked(file, at.links.get_val(part), name)
                    if other is None:
                        return None
                    at, parts, file = self.root(other), _parts(target) + parts, other
                else:
                    return None
                if links > MOST_LINKS:
                    break
        raise InputError(f'"{name}" can\'t be reached: its links lead in a circle, or through more than {MOST_LINKS}.')

    def _linked(self, path: Path, value: tuple[bytes, bytes], name: str) -> tuple[Path | None, str]:
        """The file and the place in it that an external link means."""
        file, target = (os.fsdecode(part) for part in value)
        found = self.reach.file(path, file, f'the link "{printable(name)}"')
        if found is None:
            self.lost.add(file)
        return found, target

    def _opened(self, group: h5g.GroupID, part: bytes) -> Identifier | None:
        """A group or a dataset; None for a type. No dataset is opened twice: HDF5 could not refresh it then."""
        info = h5o.get_info(group, part)
        if info.type == h5o.TYPE_GROUP:
            return h5g.open(group, part)
        if info.type != h5o.TYPE_DATASET:
            return None
        place = (info.fileno, info.addr)
        if place not in self.datasets:
            self.datasets[place] = h5d.open(group, part)
        return self.datasets[place]

    def walk(self) -> Iterator[tuple[str, h5d.DatasetID]]:
        """All datasets with their places, each once; links are not followed.

        Raises:
            InputError: there are too many, or too deep, or the file is damaged.
        """
        with damage("the file can't be listed, it is damaged"):
            todo: list[tuple[str, Identifier | None]] = [("", self.root(self.path))]
            seen: set[int] = set()
            while todo:
                place, at = todo.pop()
                if at is None or (address := h5o.get_info(at).addr) in seen:
                    continue
                seen.add(address)
                if isinstance(at, h5d.DatasetID):
                    yield place, at
                    continue
                names = [part for part in at if at.links.get_info(part).type == h5l.TYPE_HARD]
                places = ((f"{place}/{os.fsdecode(part)}".lstrip("/"), part) for part in sorted(names, reverse=True))
                todo += [(lower, self._opened(at, part)) for lower, part in places]
                if len(seen) + len(todo) > MOST_OBJECTS or place.count("/") > MOST_LEVELS:
                    raise InputError(
                        f"the file can't be listed: it has more than {MOST_OBJECTS:,} items, or groups more than "
                        f"{MOST_LEVELS} deep."
                    )


@contextlib.contextmanager
def _held_open(file: h5py.File) -> Iterator[h5py.File]:
    """A file that stays open after the end, unless that is an error."""
    in_order = False
    try:
        yield file
        in_order = True
    finally:
        if not in_order:
            file.close()


def _parts(name: str) -> list[bytes]:
    """The names on the way, of which HDF5 skips empty ones and dots; none that HDF5 can't hold."""
    try:
        whole = name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return [b"\xff" * 8]  # a name that no group has
    return [part for part in whole.replace(b"\0", b"\xff").split(b"/") if part not in (b"", b".")]
