"""Chunks of an HDF5 dataset, looked at before HDF5 unpacks them."""

import math
import zlib

import h5py.h5d as h5d
import h5py.h5z as h5z

from ptychograd._errors import InputError
from ptychograd._files._bounds import check_expansion, check_memory
from ptychograd._files._entries import Entry
from ptychograd._files._packing import BITSHUFFLE, BLOSC, LZ4, is_whole
from ptychograd._memory import available_memory

MOST_UNWRITTEN = 100_000  # chunks that HDF5 looks for in vain, at 10 µs each
DEFLATE, MOST_INFLATED = 1, 1032  # times the bytes that deflate can make of one
CHECKSUM, LEAST_PACKED = 3, 4  # bytes of a chunk with a checksum, without which HDF5 ends the process
SPARE = 4096  # bytes that a compressor may add to what it can't compress
FILTERS = {  # those of detectors and of HDF5 itself
    **{DEFLATE: "deflate", 2: "shuffle", 3: "fletcher32", 4: "szip", 5: "nbit", 6: "scaleoffset", 32000: "lzf"},
    **{BLOSC: "blosc", LZ4: "lz4", BITSHUFFLE: "bitshuffle", 32015: "zstd"},
}
BLOCKS = (BLOSC, LZ4, BITSHUFFLE)


def check_chunks(entry: Entry, dataset: h5d.DatasetID) -> None:
    """Refuse chunks that would take more memory or time than their bytes are worth, and unknown compressions.

    Raises:
        InputError: a chunk is larger than the memory, holds more than a chunk, or is packed by a filter that is not in
            `FILTERS` or twice by the same; or there are many more chunks than were ever written.
    """
    plist = dataset.get_create_plist()
    chunk, codes = plist.get_chunk(), [plist.get_filter(number)[0] for number in range(plist.get_nfilters())]
    size = math.prod(chunk) * entry.dtype.itemsize
    check_expansion(f"a chunk {chunk} of {entry}", size, entry.stored or 0)
    check_memory(f"a chunk {chunk} of {entry}", size)
    _check_filters(entry, codes)
    count = math.prod(-(-length // part) for length, part in zip(entry.shape, chunk, strict=True))
    if count > MOST_UNWRITTEN and count > MOST_UNWRITTEN + 10 * (written := dataset.get_num_chunks()):
        raise InputError(f"{entry} declares {count:,} chunks, of which the file holds {written:,}; write it anew.")
    if codes:
        _check_packed(entry, dataset, size, codes)


def _check_filters(entry: Entry, codes: list[int]) -> None:
    """Each filter can make a thousand bytes of one, so none may be there twice; a checksum comes last."""
    if len(set(codes)) < len(codes):
        raise InputError(f"{entry} was compressed more than once in the same way; write it anew with one compression.")
    for code in codes:
        if code not in FILTERS or not h5z.filter_avail(code):
            known = ", ".join(FILTERS.values())
            raise InputError(f"{entry} is compressed with filter {code} of HDF5; write it anew with one of {known}.")
    for code in (code for code in BLOCKS if code in codes):
        if set(codes[codes.index(code) + 1 :]) - {CHECKSUM}:
            raise InputError(f"{entry} was compressed again after {FILTERS[code]}; write it anew with one compression.")
    if CHECKSUM in codes[:-1]:
        raise InputError(f"{entry} has a checksum that was taken before it was compressed; write it anew without.")


def _check_packed(entry: Entry, dataset: h5d.DatasetID, size: int, codes: list[int]) -> None:
    """Refuse a chunk whose bytes are more than a chunk's, or unpack to more, or are no chunk at all."""
    free, least = available_memory() or 1 << 40, LEAST_PACKED if CHECKSUM in codes else 0
    found: list[h5d.StoreInfo] = []
    dataset.chunk_iter(found.append)
    last = len(codes) - 1 - (codes[-1] == CHECKSUM)
    blocks = last >= 0 and codes[last] in BLOCKS
    values = dataset.get_create_plist().get_filter(last)[2] if blocks else ()
    for chunk in found:
        sound = least <= chunk.size <= 2 * size + SPARE
        if sound and DEFLATE in codes and chunk.size * MOST_INFLATED > free:
            sound = not _inflates_beyond(dataset, chunk.chunk_offset, size)
        if sound and blocks and not chunk.filter_mask:
            content = dataset.read_direct_chunk(chunk.chunk_offset)[1]
            content = content if codes[-1] != CHECKSUM else content[:-LEAST_PACKED]
            sound = is_whole(codes[last], values, content, size)
        if not sound:
            place = tuple(chunk.chunk_offset)
            raise InputError(f"{entry} has a damaged chunk at {place}: {chunk.size:,} bytes for {size:,}.")


def _inflates_beyond(dataset: h5d.DatasetID, offset: tuple[int, ...], size: int) -> bool:
    """Whether a chunk would become longer than it is to be; it is unpacked that far and no further."""
    try:
        return len(zlib.decompressobj().decompress(dataset.read_direct_chunk(offset)[1], size + SPARE)) > size
    except zlib.error:
        return False  # of no use as it is, and HDF5 will say so
