"""The one place where data files are opened."""

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import StreamFromFile
from ptychograd.data.files.containers.base import LOOKED_AT, Container, Opening
from ptychograd.data.files.containers.empad import Empad
from ptychograd.data.files.containers.folder import IMAGES, Folder
from ptychograd.data.files.containers.hdf5 import Hdf5
from ptychograd.data.files.containers.mat5 import Mat5
from ptychograd.data.files.containers.microscopes import DigitalMicrograph, Mib
from ptychograd.data.files.containers.npz import Npz
from ptychograd.data.files.safety.entries import Catalogue, UnreadableError, damage
from ptychograd.data.files.safety.signatures import kind_of

CONTAINERS: tuple[Container, ...] = (  # the first that recognises a file opens it
    Hdf5(),
    Npz(),
    Mat5(),
    Folder(),
    *IMAGES,
    Empad(),
    Mib(),
    DigitalMicrograph(),
)


@contextlib.contextmanager
def opened(
    path: Path, links_into: Iterable[str | os.PathLike[str]] | None = None, keep: StreamFromFile | None = None
) -> Iterator[Catalogue]:
    """The arrays of a file of one of the kinds in `CONTAINERS`, whichever its content shows it to be.

    Args:
        links_into: folders, beside its own, whose files it may lead to; None if the caller can't be given any.
        keep: when patterns stay in the file; never unless given.

    Raises:
        InputError: there is no such file, or it is of no kind that can be read, or it is damaged.
    """
    is_folder = _check_kind(path)
    with contextlib.ExitStack() as stack:
        with damage("the file can't be opened, it is damaged or incomplete"):
            container = _container(path, is_folder)
            catalogue = stack.enter_context(container.opened(path, Opening(links_into, keep)))
        yield catalogue


def _check_kind(path: Path) -> bool:
    """Refuse what is neither file nor folder, and say what it is; True for a folder."""
    with damage("the file can't be found"):
        try:
            mode = path.stat().st_mode
        except FileNotFoundError:
            if path.is_symlink():
                raise UnreadableError(f"this is a link to {path.readlink()}, which is not there.") from None
            raise UnreadableError("there is no such file.") from None
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise UnreadableError(f"this is a device or a pipe; expected a file: {_names()}.")
    return stat.S_ISDIR(mode)


def _container(path: Path, is_folder: bool) -> Container:
    start = b""
    if not is_folder:
        with path.open("rb") as file:
            start = file.read(LOOKED_AT)
    for container in CONTAINERS:
        if container.recognises(path, start):
            return container
    if is_folder:
        raise UnreadableError(f"this is a folder; expected a file: {_names()}.")
    raise InputError(f"this is {kind_of(path, start)}; looked for {_names()}.")


def _names() -> str:
    *names, last = (container.name for container in CONTAINERS)
    return f"{', '.join(names)} or {last}"
