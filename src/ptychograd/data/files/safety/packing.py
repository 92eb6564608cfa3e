"""How the compressions of detectors divide a chunk into blocks.

Their libraries believe the lengths that stand before the blocks, and read beyond the chunk where these are wrong.
"""

import zlib

DEFLATE, SZIP, BLOSC, LZ4, BITSHUFFLE, ZSTD = 1, 4, 32001, 32004, 32008, 32015  # numbers of HDF5 filters
BITSHUFFLE_PLAIN = 0  # its fifth value: shuffled and not compressed
TOGETHER = 8  # elements that are shuffled together; the rest of a chunk is not
HEADER = 12  # bytes: length of the chunk and of a block, unpacked
BLOSC_HEADER = 16
ZSTD_FRAME = b"\x28\xb5\x2f\xfd"


def is_whole(code: int, values: tuple[int, ...], content: bytes, size: int) -> bool:
    """Whether a chunk's blocks lie within its bytes and make as much as a chunk has.

    Args:
        code: of the filter that packed the chunk last.
        values: the filter's settings.
        content: the packed chunk.
        size: bytes of the chunk, unpacked.
    """
    if code == BLOSC:
        lengths = [int.from_bytes(content[start : start + 4], "little") for start in (4, 12)]
        return len(content) >= BLOSC_HEADER and lengths == [size, len(content)]
    if code == LZ4:
        return _are_blocks(content, size, size, 0)
    if code == BITSHUFFLE and len(values) > 4 and values[4] != BITSHUFFLE_PLAIN:
        raw = size % (values[2] * TOGETHER) if values[2] else size
        return _are_blocks(content, size, size - raw, raw)
    return len(content) >= size if code == BITSHUFFLE else True


def unpacks_to(code: int, content: bytes, least: int) -> bool:
    """Whether a packed chunk makes so many bytes at least; True where HDF5 finds out by itself."""
    if code == DEFLATE:
        try:
            return len(zlib.decompressobj().decompress(content, least)) >= least
        except zlib.error:
            return True
    if code == SZIP:
        return int.from_bytes(content[:4], "little") >= least
    return code != ZSTD or _zstd_length(content) >= least


def _zstd_length(content: bytes) -> int:
    """Bytes that a frame of Zstandard says it makes, which has to be true; 0 where it doesn't say (RFC 8878)."""
    kind = content[4] if len(content) > 4 and content.startswith(ZSTD_FRAME) else 0
    single = kind >> 5 & 1
    start, size = 6 - single + (0, 1, 2, 4)[kind & 3], (single, 2, 4, 8)[kind >> 6]
    return int.from_bytes(content[start : start + size], "little") + (256 if size == 2 else 0)


def _are_blocks(content: bytes, size: int, packed: int, raw: int) -> bool:
    """Whether blocks that make `packed` bytes, each after its length, and `raw` bytes fill the content."""
    if len(content) < HEADER or int.from_bytes(content[:8], "big") != size:
        return False
    block = int.from_bytes(content[8:HEADER], "big")
    if block == 0 and packed:
        return False
    at = HEADER
    for _ in range(-(-packed // block) if packed else 0):
        if at + 4 > len(content):
            return False
        at += 4 + int.from_bytes(content[at : at + 4], "big")
    return at + raw <= len(content)
