"""CBF of Pilatus detectors and EDF of the ESRF, read by fabio."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.files.containers.extras import library, needed, reports
from ptychograd.data.files.containers.frames import BEAM, Frames, Images

INCOMPLETE = "half-written or damaged; copy it again, or wait until it is written"
STARTER = b"\x0c\x1a\x04\xd5"  # of the binary part of a CBF
LARGEST_HEADER = 1 << 16  # bytes
_NUMBER = r"([-+.\deE]+)"
_OF_PILATUS = {  # what the header says, by the names of the package
    "pixel_size": re.compile(rf"Pixel_size\s+{_NUMBER}\s*(\w+)\s*x\s*{_NUMBER}"),
    "wavelength": re.compile(rf"Wavelength\s+{_NUMBER}\s*(\w+)"),
    "distance": re.compile(rf"Detector_distance\s+{_NUMBER}\s*(\w+)"),
    BEAM: re.compile(rf"Beam_xy\s+\(?{_NUMBER},\s*{_NUMBER}\)?\s*(pixel)s?"),
}
_OF_EDF = {"pixel_size": ("psize_2", "psize_1"), "wavelength": ("wavelength",), "distance": ("sampledistance",)}
_CENTRE_OF_EDF = ("center_2", "center_1")  # y, x in pixels


class Cbf(Images):
    """One frame, as a Pilatus writes it."""

    name = "CBF"
    extensions = (".cbf",)

    def recognises(self, path, start):
        return start.startswith(b"###CBF")

    def frames(self, path):
        with needed("fabio", "CBF files"):
            from fabio.cbfimage import CbfImage

        _check_cbf(path)

        def image() -> tuple[np.ndarray, Mapping]:
            with library(f"{path.name} is {INCOMPLETE}"), reports("fabio"):
                found: Any = CbfImage().read(str(path))
                return np.asarray(found.data), found.header

        data, header = image()
        text = str(header.get("_array_data.header_contents", ""))
        return _frames(path, data.shape, data.dtype, lambda begin, end: [image()[0]], dict(_said_by_pilatus(text)))


class Edf(Images):
    """One frame or several, as the ESRF writes them."""

    name = "EDF"
    extensions = (".edf",)

    def recognises(self, path, start):
        return start[:1] == b"{" and (b"Dim_1" in start or b"EDF_" in start or b"HeaderID" in start)

    def frames(self, path):
        with needed("fabio", "EDF files"):
            from fabio.edfimage import EdfImage

        def images(begin: int, end: int | None) -> Iterator[tuple[np.ndarray, Mapping, int]]:
            with library(f"{path.name} is {INCOMPLETE}"), reports("fabio") as complaints:
                found: Any = EdfImage().read(str(path))
                for number in range(begin, found.nframes if end is None else end):
                    frame = found.get_frame(number)  # `getframe` would go on in the next file of the series
                    data = np.asarray(frame.data)
                    if complaints:
                        raise InputError(f"it is {INCOMPLETE} ({complaints[0]}).")
                    yield data, frame.header, found.nframes

        data, header, count = next(images(0, 1))
        said = {name.lower(): value for name, value in header.items()}
        next(images(count - 1, count))  # it is there, and whole
        return _frames(
            path,
            (count, *data.shape),
            data.dtype,
            lambda begin, end: (data for data, *_ in images(begin, end)),
            dict(_said_by_edf(said)),
        )


def _frames(path: Path, shape: Sequence[int], dtype: np.dtype, images, more: dict) -> Frames:
    """Frames (index, y, x) that are read one by one."""
    if len(shape) not in (2, 3) or 0 in shape:
        raise InputError(f"its data have shape {tuple(shape)}; expected a frame (y, x).")

    def read(begin: int, end: int, out: np.ndarray) -> None:
        for number, data in enumerate(images(begin, end)):
            if data.shape != out.shape[1:]:
                raise InputError(
                    f"{path.name}: its frame {begin + number} has shape {data.shape}, not {out.shape[1:]}."
                )
            out[number] = data

    whole = tuple(int(n) for n in shape)
    return Frames((1, *whole) if len(whole) == 2 else whole, dtype, read, path.stat().st_size, more)


def _check_cbf(path: Path) -> None:
    """Refuse a file whose binary part is not whole, in which fabio would search for ever."""
    with path.open("rb") as file:
        head = file.read(LARGEST_HEADER)
    begin, size = head.find(STARTER), path.stat().st_size
    if begin < 0:
        raise InputError(f"it is {INCOMPLETE}: its image is not there.")
    texts = {name: re.search(rb"X-Binary-" + name + rb":\s*(\d+)", head[:begin]) for name in (b"Size", *SIDES)}
    if None in texts.values():
        raise InputError("its header says no size of the image; expected X-Binary-Size and both dimensions.")
    packed, fast, slow = (int(found[1]) for found in texts.values() if found is not None)
    if begin + len(STARTER) + packed > size or packed < fast * slow:
        raise InputError(f"it is {INCOMPLETE}: an image of {slow} x {fast} pixels in {packed:,} bytes, of {size:,}.")


SIDES = (b"Size-Fastest-Dimension", b"Size-Second-Dimension")


def _said_by_pilatus(text: str) -> Iterator[tuple[str, tuple[float | Sequence[float], str]]]:
    """Lengths of a Pilatus header, as "# Detector_distance 2.1 m"."""
    for name, pattern in _OF_PILATUS.items():
        found = pattern.search(text)
        if found is None:
            continue
        if name == "pixel_size":  # x first
            yield name, ((float(found[3]), float(found[1])), found[2])
        elif name == BEAM:
            yield name, ((float(found[2]), float(found[1])), found[3])
        elif float(found[1]) > 0:
            yield name, (float(found[1]), found[2])


def _said_by_edf(header: Mapping[str, str]) -> Iterator[tuple[str, tuple[float | Sequence[float], str]]]:
    """Lengths of an EDF header of the ESRF, in metres, and the beam in pixels."""
    for name, places in _OF_EDF.items():
        found = [re.match(_NUMBER, str(header.get(place, ""))) for place in places]
        values = [float(one[1]) for one in found if one is not None]
        if len(values) == len(places) and min(values) > 0:
            yield name, (values[0] if len(values) == 1 else values, "m")
    centre = [re.match(_NUMBER, str(header.get(place, ""))) for place in _CENTRE_OF_EDF]
    if None not in centre:
        yield BEAM, ([float(one[1]) for one in centre if one is not None], "pixel")
