"""Patterns into an HDF5 file: at once if they are in memory, else block by block out of the file in which they stay."""

import h5py
import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import Dataset

AT_ONCE = 2**24  # bytes of patterns that are read and written together


def write_patterns(file: h5py.File, name: str, data: Dataset) -> None:
    """Write the patterns of a data set, compressed, one chunk a pattern.

    Of patterns that stay in their file each block is read when it is written. Where pixels are bad in some of them
    alone, they are written as such: NaN, or what no count can be; whoever reads them masks them again.

    Raises:
        InputError: patterns of a file that is still being written, or of which some were left out.
    """
    patterns = data.store
    frames = file.create_dataset(
        name,
        shape=patterns.shape,
        dtype=patterns.dtype,
        chunks=(1, *data.frame_shape),
        compression="gzip",
        compression_opts=1,
        shuffle=True,
    )
    if not patterns.in_file:
        frames[...] = data.patterns
        return
    if patterns.grows or not (patterns.used is None or patterns.used.all()):
        why = "more of them may come" if patterns.grows else "some of them are left out"
        raise InputError(f"the patterns of {data.source} stay in their file and can't be written, as {why}.")
    step = max(1, AT_ONCE // patterns.bytes_each)
    for first in range(0, len(patterns), step):
        last = min(first + step, len(patterns))
        block = np.empty((last - first, *data.frame_shape), patterns.dtype)
        patterns.read_into(first, last, block)
        block[:, patterns.gap] = 0
        frames[first:last] = block
