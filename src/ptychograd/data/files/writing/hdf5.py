"""A new HDF5 file, written as a whole or not at all, on a disk that may be full."""

import contextlib
import io
import os
from collections.abc import Iterator

import h5py

from ptychograd.data.files.writing.atomic import replacing


@contextlib.contextmanager
def creating(path: str | os.PathLike[str]) -> Iterator[h5py.File]:
    """Yield a new HDF5 file that takes the place of `path` when the block ends well.

    Raises:
        NotWrittenError: as `replacing`.
    """
    with replacing(path) as temporary, temporary.open("w+b", buffering=0) as raw:
        sink = _Sink(raw)
        with h5py.File(sink, "w") as file:
            yield file
        if sink.error is not None:
            raise sink.error


class _Sink(io.RawIOBase):
    """A file that never fails, because HDF5 crashes the process when a write fails while it closes a file.

    The first error is kept for the caller; from then on, what is written is lost and reads as zeros.
    """

    def __init__(self, raw: io.FileIO):
        self.raw, self.place, self.size = raw, 0, 0
        self.error: OSError | None = None

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        self.place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self.place, os.SEEK_END: self.size}[whence]
        return self.place

    def tell(self) -> int:
        return self.place

    def write(self, data, /) -> int:
        rest = memoryview(data).cast("B")
        with self._retained():
            self.raw.seek(self.place)
            while rest and self.error is None:  # a disk that fills takes a part first
                rest = rest[self.raw.write(rest) :]
        self.place += len(data)
        self.size = max(self.size, self.place)
        return len(data)

    def readinto(self, buffer, /) -> int:
        view = memoryview(buffer).cast("B")
        view[:] = bytes(len(view))
        with self._retained():
            self.raw.seek(self.place)
            self.raw.readinto(view)
        self.place += len(view)
        return len(view)

    def truncate(self, size: int | None = None, /) -> int:
        self.size = self.place if size is None else size
        with self._retained():
            self.raw.truncate(self.size)
        return self.size

    @contextlib.contextmanager
    def _retained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.error = self.error or error
