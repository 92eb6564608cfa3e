"""A container of arrays, HDF5 or NPZ, as named entries."""

import contextlib
import errno
import lzma
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import StoredPatterns, StreamFromFile
from ptychograd.data.files.safety.bounds import check_expansion, check_memory

MOST_LISTED = 15  # entries in an error message; the largest come first
LONGEST_NAME, LONGEST_SENTENCE = 120, 3500  # letters that are shown of a name, and of all that is wrong
DAMAGE = (
    *(OSError, RuntimeError, ValueError, EOFError, KeyError, TypeError, OverflowError, SyntaxError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, tokenize.TokenError),
)  # from h5py, zipfile and NumPy's reader of headers


GONE = "the disk or the network that it is on does not answer"
UNREADABLE = {  # what an operating system says of files that may well be sound
    **dict.fromkeys((errno.EACCES, errno.EPERM), "you may not read it; ask its owner for permission (chmod +r)"),
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR), "it is not there"),
    **dict.fromkeys((errno.EAGAIN, errno.EBUSY, errno.ETXTBSY), "another program has locked it; wait for it to end"),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), "too many files are open; close some (ulimit -n)"),
    **dict.fromkeys((errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE, errno.ETIMEDOUT), GONE),
    **dict.fromkeys((errno.ENOTCONN, errno.ECONNRESET, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN), GONE),
    errno.ELOOP: "it is a link that leads back to itself",
}


class UnreadableError(InputError):
    """The file may be sound, but the operating system does not let it be read."""


@dataclass(frozen=True)
class Entry:
    """One array of a file, not read yet.

    Args:
        name: path inside the file, as `find` takes it.
        units: what the file itself says, or None.
        load: reads the whole of it.
        stored: bytes that it takes in the file, or None if they are not in this file alone.
        attribute: a text or number that the file keeps with the array, by its name.
        from_file: the same as patterns that stay in the file, where they can.
        keep: when they do.
        written: which entries along the first axis were ever written, where the file has room for more; None if all.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    units: str | None
    load: Callable[[], object]
    stored: int | None = None
    attribute: Callable[[str], object] = lambda name: None
    from_file: Callable[[], StoredPatterns] | None = None
    keep: StreamFromFile | None = None
    written: Callable[[], np.ndarray | None] = lambda: None

    def __str__(self):
        name = printable(self.name)
        name = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}..."
        return f'"{name}" {self.shape} {printable(str(self.dtype))[:LONGEST_NAME]}'

    @property
    def in_file(self) -> Callable[[], StoredPatterns] | None:
        """What gives the patterns that stay in the file; None where they don't."""
        stays = self.keep is not None and self.keep.holds(self.size * self.dtype.itemsize)
        return self.from_file if stays else None

    @property
    def leaf(self) -> str:
        """Last part of the name, in small letters."""
        return self.name.rsplit("/", 1)[-1].lower()

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=object))  # Python's integers don't overflow on a damaged shape

    def array(self) -> np.ndarray:
        """The numbers; never unpickles anything, never takes more memory than there is."""
        if self.dtype.kind not in "biufc":
            raise InputError(f"{self} holds no numbers; expected an array of numbers.")
        self.check_size()
        with damage(f"{self} can't be read, it is damaged or its compression is unknown"):
            return np.asarray(self.load())

    def check_size(self) -> None:
        """Raise `InputError` if the whole array can't be held in memory, or can't be in the file."""
        size = self.size * self.dtype.itemsize
        if self.stored is not None:
            check_expansion(self, size, self.stored)
        check_memory(self, size)

    def text(self) -> str:
        """The one text that the entry holds."""
        if self.shape != () or self.dtype.kind not in "OS":  # of HDF5, where "O" is a text of any length
            raise InputError(f"{self} is not one text.")
        with damage(f"{self} can't be read, it is damaged"):
            value = self.load()
            return bytes(value).decode() if isinstance(value, bytes) else str(value)

    def number(self) -> float:
        """The one number that a scalar, or an array of equal values, holds."""
        values = self.array()
        if values.size == 0 or np.iscomplexobj(values) or not (values == values.flat[0]).all():
            raise InputError(f"{self} is not one number; give the number itself.")
        return float(values.flat[0])


@dataclass(frozen=True)
class Catalogue:
    """What an open file holds.

    Args:
        attributes: text and numbers at the file's root.
        find: an entry by its name, following links; None if there is none.
        walk: all entries, links not followed.
        attribute: a text or number that the file's root keeps, by its name.
        names: what is in a group, links among them; nothing where there is none.
        lost: names of files to which links led that were followed, and which are not there.
    """

    attributes: Mapping[str, object]
    find: Callable[[str], Entry | None]
    walk: Callable[[], list[Entry]]
    attribute: Callable[[str], object] = lambda name: None
    names: Callable[[str], tuple[str, ...]] = lambda group: ()
    lost: Collection[str] = ()

    def first(self, *places: str) -> Entry | None:
        """The entry at the first of these places where there is one."""
        return next((entry for place in places if (entry := self.find(place)) is not None), None)

    def listing(self) -> str:
        """The arrays of the file with shape and type, for an error message."""
        entries = sorted(self.walk(), key=lambda entry: entry.size, reverse=True)
        rest = f" and {len(entries) - MOST_LISTED} more" if len(entries) > MOST_LISTED else ""
        gone = f", and links to {', '.join(sorted(self.lost)[:MOST_LISTED])}, which can't be found" if self.lost else ""
        return (", ".join(map(str, entries[:MOST_LISTED])) or "no array at all") + rest + gone


@contextlib.contextmanager
def damage(what: str) -> Iterator[None]:
    """Turn what the libraries raise on a damaged file into one sentence that begins with `what`."""
    try:
        yield
    except InputError:
        raise
    except MemoryError:
        raise InputError(f"{what}: it needs more memory than there is.") from None
    except DAMAGE as error:
        if isinstance(error, OSError) and error.errno in UNREADABLE:
            raise UnreadableError(f"it can't be read: {UNREADABLE[error.errno]}.") from None
        reason = str(error.args[0] if isinstance(error, KeyError) and error.args else error).rstrip(".")
        raise InputError(f"{what}: {printable(reason)[:400]}.") from None


def printable(text: str) -> str:
    """Text with nothing in it that would steer a terminal: such letters are written out."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def sentence(text: str) -> str:
    """The same on one line and of readable length: whatever a file contributes to it may be long."""
    shown = printable(text)
    return shown if len(shown) <= LONGEST_SENTENCE else f"{shown[: LONGEST_SENTENCE - 800]} ... {shown[-700:]}"
