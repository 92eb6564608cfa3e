"""What kind of file a name's ending promises, and whether the file that is there is one."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from ptychograd.core.errors import InputError
from ptychograd.data.files.writing.atomic import require_writable

TEXT = 4096  # bytes in which a text says what it is
BEGINNINGS: Mapping[str, tuple[bytes, ...]] = MappingProxyType(  # by the ending, in small letters
    {
        ".png": (b"\x89PNG\r\n\x1a\n",),
        ".pdf": (b"%PDF",),
        ".ps": (b"%!PS",),
        ".eps": (b"%!PS",),
        ".jpg": (b"\xff\xd8\xff",),
        ".jpeg": (b"\xff\xd8\xff",),
        ".gif": (b"GIF8",),
        ".webp": (b"RIFF",),
        ".svgz": (b"\x1f\x8b",),
        ".cxi": (b"\x89HDF\r\n\x1a\n",),
        ".h5": (b"\x89HDF\r\n\x1a\n",),
        ".hdf5": (b"\x89HDF\r\n\x1a\n",),
        ".emd": (b"\x89HDF\r\n\x1a\n",),
        ".nxs": (b"\x89HDF\r\n\x1a\n",),
        ".npz": (b"PK\3\4",),
        ".mat": (b"MATLAB",),
        ".tif": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
        ".tiff": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    }
)
WITHIN: Mapping[str, bytes] = MappingProxyType(  # what stands somewhere near the beginning
    {".svg": b"<svg", ".mrc": b"MAP ", ".xdmf": b"<Xdmf", ".pgf": b"Matplotlib", ".avif": b"ftypavif"}
)


def require_same_type(path: str | os.PathLike[str]) -> None:
    """Raise `InputError` unless a file can be written there that replaces nothing, or one of the type of its ending."""
    path = Path(path)
    require_writable(path)
    if path.exists() and not is_as_named(path):
        raise InputError(
            f"{path} is there and is no {path.suffix.lstrip('.').upper()} file: it would be lost. Give another name, "
            "or remove it first."
        )


def is_as_named(path: Path) -> bool:
    """Whether a file's first bytes are those of what its ending says; an empty file is anything."""
    ending = path.suffix.lower()
    try:
        with path.open("rb") as file:
            begin = file.read(TEXT)
    except OSError:
        return False
    return not begin or begin.startswith(BEGINNINGS.get(ending, ())) or (ending in WITHIN and WITHIN[ending] in begin)
