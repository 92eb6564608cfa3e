"""A file is replaced as a whole or not at all."""

import contextlib
import os
import re
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path

from ptychograd.core.errors import NotWrittenError

try:
    import fcntl
except ImportError:  # Windows, which has no such locks
    fcntl = None

ANYONE_WRITES = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; when the block ends well, it takes the place of `path` at once.

    If the block fails or the process is killed, the file that was at `path` is intact. The temporary name
    keeps the suffix, which some writers choose their format by. A link is followed: its target is replaced.
    What killed processes left of the same target is removed.

    Raises:
        NotWrittenError: the folder is missing or not writable, `path` is a folder or a file that may not be replaced,
            or the disk is full.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with replacing(Path(folder, "note.txt")) as temporary:
        ...         _ = temporary.write_text("complete")
        ...     os.listdir(folder)
        ['note.txt']
    """
    target = _real(path)
    _require_place(target)
    try:
        _remove_leftovers(target)
        with _claimed(target) as temporary:
            yield temporary
            _flush(temporary)
            os.replace(temporary, target)
    except OSError as error:
        reason = error.strerror or error
        raise NotWrittenError(f"{target} can't be written: {reason}; nothing there has changed.") from None
    with contextlib.suppress(OSError):  # some file systems can't flush a folder; the new file itself is on the disk
        _flush(target.parent)


@contextlib.contextmanager
def _claimed(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target` that is locked until it has taken its place; none is there afterwards.

    The lock is a shared one: readers who lock what they read, as HDF5 does, need not wait for it.
    """
    temporary, lock = _locked(target, fcntl.LOCK_SH) if fcntl else (_temporary(target), None)
    try:
        yield temporary
    finally:
        with contextlib.suppress(OSError):  # whatever went wrong is already on its way
            temporary.unlink(missing_ok=True)
        if lock is not None:
            os.close(lock)


def _locked(target: Path, kind: int) -> tuple[Path, int]:
    """A new empty file and its descriptor, locked; the operating system gives the lock back when the process ends."""
    while True:
        temporary = _temporary(target)
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        if _lock(descriptor, kind) is not False and temporary.exists():
            return temporary, descriptor
        os.close(descriptor)  # another process took it for a leftover before the lock was on it


def _lock(descriptor: int, kind: int) -> bool | None:
    """Whether the lock of that kind is ours now; None where the file system has no locks."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)  # pyright: ignore[reportOptionalMemberAccess]
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _temporary(target: Path) -> Path:
    return target.with_name(f".{target.stem}.{uuid.uuid4().hex[:8]}.part{target.suffix}")


def _remove_leftovers(target: Path) -> None:
    """Remove the temporary files of `target` that nobody writes any more; their processes were killed."""
    if fcntl is None:
        return
    pattern = re.compile(rf"\.{re.escape(target.stem)}\.[0-9a-f]{{8}}\.part{re.escape(target.suffix)}")
    for name in filter(pattern.fullmatch, os.listdir(target.parent)):
        with contextlib.suppress(OSError):  # it may be gone by now, or another person's
            descriptor = os.open(target.with_name(name), os.O_RDWR)
            try:
                if _lock(descriptor, fcntl.LOCK_EX):
                    target.with_name(name).unlink()
            finally:
                os.close(descriptor)


def require_writable(path: str | os.PathLike[str]) -> None:
    """Raise `NotWrittenError` if no file could be written at `path`, which is tried.

    A file beside it is made, flushed and renamed, as `replacing` does.
    """
    target = _real(path)
    _require_place(target)
    try:
        with _claimed(target) as temporary:
            temporary.write_bytes(b"\0")
            _flush(temporary)
            renamed = _temporary(target)
            os.replace(temporary, renamed)
            renamed.unlink()
    except OSError as error:
        raise NotWrittenError(f"{target} can't be written: {error.strerror or error}; give another name.") from None


def _real(path: str | os.PathLike[str]) -> Path:
    """Where a path leads, through all links."""
    try:
        return Path(os.path.realpath(path))
    except FileNotFoundError:
        raise NotWrittenError(f"{path} can't be written: the working folder is gone; give a whole path.") from None


def _require_place(target: Path) -> None:
    """Raise `NotWrittenError` where there is no folder for a new file, or something that it must not replace."""
    try:
        _examine_at(target)
    except OSError as error:  # a name that is too long, a folder that can't be looked into
        raise NotWrittenError(f"{target} can't be written: {error.strerror or error}; give another name.") from None


def _examine_at(target: Path) -> None:
    if not target.parent.is_dir():
        raise NotWrittenError(f"{target} can't be written: there is no folder {target.parent}; create it first.")
    if target.is_dir():
        raise NotWrittenError(f"{target} can't be written: it is a folder; expected the name of a file.")
    if not os.access(target.parent, os.W_OK):
        raise NotWrittenError(f"{target} can't be written: the folder {target.parent} is not writable for you.")
    if target.exists():
        _require_ours(target)


def _require_ours(target: Path) -> None:
    """Raise `NotWrittenError` for a file that is not ours to replace."""
    mode, owner = target.stat().st_mode, target.stat().st_uid
    if not stat.S_ISREG(mode):
        raise NotWrittenError(f"{target} can't be written: it is no file but a device or a pipe; give another name.")
    if not mode & ANYONE_WRITES or not os.access(target, os.W_OK):  # to the administrator every file is open
        raise NotWrittenError(f"{target} is protected against writing: give another name, or make it writable first.")
    folder = target.parent.stat()
    if folder.st_mode & stat.S_ISVTX and hasattr(os, "geteuid") and os.geteuid() not in (0, owner, folder.st_uid):
        raise NotWrittenError(
            f"{target} is another person's in a folder where each replaces only their own; give another."
        )


def _flush(path: Path) -> None:
    """Wait until a file's bytes, or a folder's entries, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
