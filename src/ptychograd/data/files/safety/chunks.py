"""Chunks of an HDF5 dataset, looked at before HDF5 unpacks them."""

import math
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager

import h5py.h5d as h5d
import h5py.h5z as h5z

from ptychograd.core.errors import InputError
from ptychograd.core.memory import available_memory
from ptychograd.data.files.safety.bounds import check_expansion, check_memory
from ptychograd.data.files.safety.entries import Entry
from ptychograd.data.files.safety.packing import BITSHUFFLE, BLOSC, DEFLATE, LZ4, SZIP, ZSTD, is_whole, unpacks_to

MOST_UNWRITTEN = 100_000  # chunks that HDF5 looks for in vain, at 10 µs each
MOST_INFLATED = 1032  # times the bytes that deflate can make of one
CHECKSUM, LEAST_PACKED = 3, 4  # bytes of a chunk with a checksum, without which HDF5 ends the process
SHUFFLE = 2
SPARE = 4096  # bytes that a compressor may add to what it can't compress
FILTERS = {  # those of detectors and of HDF5 itself
    **{DEFLATE: "deflate", SHUFFLE: "shuffle", CHECKSUM: "fletcher32", SZIP: "szip", 5: "nbit", 6: "scaleoffset"},
    **{32000: "lzf", BLOSC: "blosc", LZ4: "lz4", BITSHUFFLE: "bitshuffle", ZSTD: "zstd"},
}
BLOCKS = (BLOSC, LZ4, BITSHUFFLE)
SIZED = {SHUFFLE, DEFLATE, SZIP, ZSTD, *BLOCKS}  # of these it can be told what they unpack to, before they do


def check_chunks(entry: Entry, dataset: h5d.DatasetID, values: Callable[[], AbstractContextManager]) -> None:
    """Refuse chunks that would take more memory or time than their bytes are worth, and unknown compressions.

    Args:
        values: a context in which the bytes of chunks, and nothing else, are read.

    Raises:
        InputError: a chunk is larger than the memory, holds more than a chunk, or is packed by a filter that is not in
            `FILTERS` or twice by the same; or there are many more chunks than were ever written.
    """
    plist = dataset.get_create_plist()
    chunk, codes = plist.get_chunk(), [plist.get_filter(number)[0] for number in range(plist.get_nfilters())]
    _check_filters(entry, codes)
    size = math.prod(chunk) * entry.dtype.itemsize
    check_expansion(f"a chunk {chunk} of {entry}", size, entry.stored or 0)
    check_memory(f"a chunk {chunk} of {entry}", size)
    count = math.prod(-(-length // part) for length, part in zip(entry.shape, chunk, strict=True))
    if count > MOST_UNWRITTEN and count > MOST_UNWRITTEN + 10 * (written := dataset.get_num_chunks()):
        raise InputError(f"{entry} declares {count:,} chunks, of which the file holds {written:,}; write it anew.")
    if codes:
        found: list[h5d.StoreInfo] = []
        dataset.chunk_iter(found.append)
        with values():
            _check_packed(entry, dataset, found, size, codes)


def _check_filters(entry: Entry, codes: list[int]) -> None:
    """Each filter can make a thousand bytes of one, so none may be there twice; a checksum comes last or is found."""
    if len(set(codes)) < len(codes):
        raise InputError(f"{entry} was compressed more than once in the same way; write it anew with one compression.")
    for code in codes:
        if code not in FILTERS or not h5z.filter_avail(code):
            known = ", ".join(FILTERS.values())
            raise InputError(f"{entry} is compressed with filter {code} of HDF5; write it anew with one of {known}.")
    for code in (code for code in BLOCKS if code in codes):
        if set(codes[codes.index(code) + 1 :]) - {CHECKSUM}:
            raise InputError(f"{entry} was compressed again after {FILTERS[code]}; write it anew with one compression.")
    packers = [] if CHECKSUM not in codes else codes[codes.index(CHECKSUM) + 1 :]
    if not SIZED.issuperset(packers):
        names = ", ".join(FILTERS[code] for code in packers)
        raise InputError(f"{entry} has a checksum that was taken before {names}; write it anew without the checksum.")


def _check_packed(
    entry: Entry, dataset: h5d.DatasetID, found: list[h5d.StoreInfo], size: int, codes: list[int]
) -> None:
    """Refuse a chunk whose bytes are more than a chunk's, or unpack to more, or are no chunk at all."""
    free, least = available_memory() or 1 << 40, LEAST_PACKED if CHECKSUM in codes else 0
    first = CHECKSUM in codes[:-1]  # of its own bytes, which are then packed too
    whole = size + LEAST_PACKED * first
    last = len(codes) - 1 - (codes[-1] == CHECKSUM)
    blocks = last >= 0 and codes[last] in BLOCKS
    values = dataset.get_create_plist().get_filter(last)[2] if blocks else ()
    for chunk in found:
        sound = least <= chunk.size <= 2 * size + SPARE
        if sound and DEFLATE in codes and chunk.size * MOST_INFLATED > free:
            sound = not _inflates_beyond(dataset, chunk.chunk_offset, whole)
        if sound and (blocks or first) and not chunk.filter_mask:
            content = dataset.read_direct_chunk(chunk.chunk_offset)[1]
            content = content if codes[-1] != CHECKSUM else content[:-LEAST_PACKED]
            sound = is_whole(codes[last], values, content, whole)
            sound = sound and (not first or unpacks_to(codes[last], content, LEAST_PACKED))
        if not sound:
            place = tuple(chunk.chunk_offset)
            raise InputError(f"{entry} has a damaged chunk at {place}: {chunk.size:,} bytes for {size:,}.")


def _inflates_beyond(dataset: h5d.DatasetID, offset: tuple[int, ...], size: int) -> bool:
    """Whether a chunk would become longer than it is to be; it is unpacked that far and no further."""
    try:
        return len(zlib.decompressobj().decompress(dataset.read_direct_chunk(offset)[1], size + SPARE)) > size
    except zlib.error:
        return False  # of no use as it is, and HDF5 will say so
