"""A file is replaced as a whole or not at all."""

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from ptychograd._errors import InputError


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; when the block ends well, it takes the place of `path` at once.

    If the block fails or the process is killed, the file that was at `path` is intact. The temporary name
    keeps the suffix, which some writers choose their format by. A link is followed: its target is replaced.

    Raises:
        InputError: the folder is missing or not writable, `path` is a folder, or the disk is full.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with replacing(Path(folder, "note.txt")) as temporary:
        ...         _ = temporary.write_text("complete")
        ...     os.listdir(folder)
        ['note.txt']
    """
    target = Path(os.path.realpath(path))
    require_writable(target)
    temporary = target.with_name(f".{target.stem}.{uuid.uuid4().hex[:8]}.part{target.suffix}")
    try:
        yield temporary
        _flush(temporary, os.O_RDWR)
        os.replace(temporary, target)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"{target} can't be written: {reason}; nothing there has changed.") from error
    finally:
        with contextlib.suppress(OSError):  # whatever went wrong is already on its way
            temporary.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # some file systems can't flush a folder; the new file itself is on the disk
        _flush(target.parent, os.O_RDONLY)


def require_writable(target: Path) -> None:
    """Raise `InputError` if no file could be written at `target`."""
    if not target.parent.is_dir():
        raise InputError(f"{target} can't be written: there is no folder {target.parent}; create it first.")
    if target.is_dir():
        raise InputError(f"{target} can't be written: it is a folder; expected the name of a file.")
    if not os.access(target.parent, os.W_OK):
        raise InputError(f"{target} can't be written: the folder {target.parent} is not writable for you.")


def _flush(path: Path, access: int) -> None:
    """Wait until a file's bytes, or a folder's entries, are on the disk."""
    descriptor = os.open(path, access)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
