"""What a file is that can't be read, by its first bytes, in words."""

from pathlib import Path

SIGNATURES = (  # first bytes, at a place, and what begins so
    (b"II*\0", 0, "a TIFF image"),
    (b"MM\0*", 0, "a TIFF image"),
    (b"II+\0", 0, "a BigTIFF image"),
    (b"\x93NUMPY", 0, "one array of NumPy (NPY)"),
    (b"MATLAB 5.0", 0, "a MATLAB file of version 5 to 7"),
    (b"MAP ", 208, "an MRC image stack"),
    (b"###CBF", 0, "a CBF image"),
    (b"HDR,", 0, "a Medipix file (MIB)"),
    (b"\0\0\0\x03", 0, "a Digital Micrograph file (DM3)"),
    (b"\0\0\0\x04", 0, "a Digital Micrograph file (DM4)"),
    (b"\x0e\x03\x13\x01", 0, "an HDF4 file"),
    (b"CDF", 0, "a netCDF 3 file"),
    (b"SIMPLE  =", 0, "a FITS image"),
    (b"\x89PNG", 0, "a PNG image"),
    (b"\xff\xd8\xff", 0, "a JPEG image"),
    (b"GIF8", 0, "a GIF image"),
    (b"%PDF", 0, "a PDF document"),
    (b"\x1f\x8b", 0, "a file packed with gzip, to be unpacked first"),
    (b"BZh", 0, "a file packed with bzip2, to be unpacked first"),
    (b"\xfd7zXZ", 0, "a file packed with xz, to be unpacked first"),
    (b"7z\xbc\xaf", 0, "a 7-Zip archive, to be unpacked first"),
    (b"ustar", 257, "a tar archive, to be unpacked first"),
    (b"version https://git-lfs", 0, "a pointer to a file that Git LFS keeps elsewhere; fetch it (git lfs pull)"),
    (b"<!DOCTYPE", 0, "a web page, as a failed download leaves one"),
    (b"<html", 0, "a web page, as a failed download leaves one"),
    (b"\x80\x02", 0, "a pickle of Python, which can run code and is never opened"),
    (b"\x80\x03", 0, "a pickle of Python, which can run code and is never opened"),
    (b"\x80\x04", 0, "a pickle of Python, which can run code and is never opened"),
    (b"\x80\x05", 0, "a pickle of Python, which can run code and is never opened"),
)
SHOWN = 16  # bytes of a file of which nothing is known


def kind_of(path: Path, start: bytes) -> str:
    """What a file is, as "a TIFF image, scan.tif"; its first bytes where they are of no known kind."""
    name = f'with the ending "{path.suffix}"' if path.suffix else "without an ending of its name"
    if not start:
        return f"an empty file {name}"
    for signature, place, kind in SIGNATURES:
        if start[place : place + len(signature)] == signature:
            return f"{kind}, {name}"
    if _is_text(start):
        return f"a text file {name}, which starts with {start[: 2 * SHOWN].decode(errors='replace')!r}"
    return f"a file of no known kind, {name}, which starts with {start[:SHOWN]!r}"


def _is_text(start: bytes) -> bool:
    printable = sum(byte in b"\t\r\n" or 32 <= byte < 127 or byte >= 160 for byte in start)
    return b"\0" not in start and printable > 0.95 * len(start)
