"""Raw scans of cSAXS at the SLS: an Eiger's frames, distance in mm, pixels in µm, energy in keV (as in ptychodus)."""

from ptychograd.data.files.formats.base import Format
from ptychograd.data.files.formats.finding import found_at, pixel_sizes
from ptychograd.data.files.formats.items import Items, overlaid, read_patterns
from ptychograd.data.files.formats.keymap import READERS
from ptychograd.data.files.formats.quantities import metres
from ptychograd.data.files.formats.views import flattened, in_unit
from ptychograd.data.files.safety import Catalogue

INSTRUMENT = "entry/instrument"
EIGER = f"{INSTRUMENT}/eiger_4"
MONOCHROMATOR = f"{INSTRUMENT}/monochromator"
DATA = "entry/data/data"
PLACES = {"patterns": DATA, "positions": "another file, as these hold none"}


class Csaxs(Format):
    """cSAXS."""

    name = "cSAXS"
    places = PLACES
    readers = READERS

    def recognises(self, catalogue):
        return catalogue.find(f"{EIGER}/x_pixel_size") is not None

    def read(self, catalogue, given, readers):
        whole = pixel_sizes(catalogue, given, f"{EIGER}/y_pixel_size", f"{EIGER}/x_pixel_size", "um")
        entry = catalogue.find(DATA)
        if entry is not None and given.patterns is None:
            stack = flattened(entry)
            whole = overlaid(whole, Items(patterns=read_patterns(stack), written=stack.written()))
        places = {"energy_kev": (f"{MONOCHROMATOR}/energy",), "mask": (f"{EIGER}/pixel_mask",)}
        for part in (found_at(catalogue, given, readers, places, {"energy_kev": "keV"}), _distance(catalogue, given)):
            whole = overlaid(whole, part)
        return overlaid(whole, given)


def _distance(catalogue: Catalogue, given: Items) -> Items:
    """The distance, of which the sign is that of the beamline's axis."""
    entry = catalogue.find(f"{MONOCHROMATOR}/distance")
    if entry is None or given.distance is not None:
        return Items()
    stated = in_unit(entry, "mm")
    return Items(distance=abs(stated.number()) * metres(stated))
