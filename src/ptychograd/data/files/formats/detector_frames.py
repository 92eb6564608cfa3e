"""Frames of a detector in files that hold little else: TIFF, NPY, CBF, EDF, MRC, EMPAD, MIB, DM3, DM4."""

from ptychograd.data.files.containers.frames import BEAM, FORMAT, FRAMES
from ptychograd.data.files.formats.base import Format
from ptychograd.data.files.formats.items import Items, overlaid, read_patterns
from ptychograd.data.files.formats.keymap import READERS
from ptychograd.data.files.formats.scanned import scanned
from ptychograd.data.files.formats.stated import centre_at
from ptychograd.data.files.formats.views import flattened

PLACES = {"patterns": "the frames", "positions": "the headers of the frames"}
SAID = ("wavelength", "distance", "pixel_size")  # that some of these files say beside


class DetectorFrames(Format):
    """Patterns; positions and most of the geometry are elsewhere."""

    name = "frames of a detector"
    places = PLACES
    readers = READERS

    def recognises(self, catalogue):
        return catalogue.attributes.get("format") == FORMAT

    def read(self, catalogue, given, readers):
        whole = Items(notes=tuple(catalogue.attributes["notes"]))  # pyright: ignore[reportArgumentType]
        frames, grid = catalogue.find(FRAMES), None
        if given.patterns is None and frames is not None:
            grid = (frames.shape[0], frames.shape[1]) if len(frames.shape) == 4 else None
            whole = overlaid(whole, Items(patterns=read_patterns(flattened(frames)), grid=grid))
        for name in SAID:
            entry = catalogue.find(name)
            if entry is not None and not given.has(name):
                note = f"{name}: {entry.array().tolist()} {entry.units}, from the header of the frames"
                whole = overlaid(overlaid(whole, readers[name](entry)), Items(notes=(note,)))
        beam, patterns = catalogue.find(BEAM), whole.patterns
        if beam is not None and patterns is not None:
            y, x = beam.array().tolist()
            whole = overlaid(whole, centre_at(y, x, patterns))
        more = scanned(given, grid, *(catalogue.find(name) for name in ("step", "pixel", "electron_kev")))
        return overlaid(overlaid(whole, more), given)
