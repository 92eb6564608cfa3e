"""Scans of NanoMAX at MAX IV: frames of one detector beside the motors, in micrometres (ptypy's loader `nanomax`)."""

import re

from ptychograd.data.files.formats.base import Format
from ptychograd.data.files.formats.finding import found_at, positions_on_axes
from ptychograd.data.files.formats.items import Items, overlaid, read_patterns
from ptychograd.data.files.formats.keymap import READERS
from ptychograd.data.files.formats.views import flattened, joined_entries
from ptychograd.data.files.safety import Catalogue, Entry

MEASURED = "entry/measurement"
FRAMES = ("frames", "data")  # of a detector's group
PART = re.compile(r"\d{6}")  # of older scans: one for each line
AXES = tuple((f"{MEASURED}/{place}y", f"{MEASURED}/{place}x") for place in ("pseudo/", "sam", "npoint_buff/"))
ENERGY = ("entry/snapshot/energy", f"{MEASURED}/energy")
PLACES = {
    "patterns": f"{MEASURED}/DETECTOR/frames",
    "positions": " and ".join(f"{y} with {x}" for y, x in AXES),
}


class NanoMax(Format):
    """NanoMAX; the window moves against the sample, so positions are negated, as ptypy does it."""

    name = "NanoMAX"
    places = PLACES
    readers = READERS

    def recognises(self, catalogue):
        return MEASURED.split("/")[1] in catalogue.names("entry") and bool(_detectors(catalogue))

    def read(self, catalogue, given, readers):
        whole = Items()
        if given.patterns is None:
            detectors = _detectors(catalogue)
            stack = max(detectors.values(), key=lambda entry: entry.size)
            whole = Items(patterns=read_patterns(stack), written=stack.written())
            if len(detectors) > 1:
                names = ", ".join(f"{name} {entry.shape}" for name, entry in detectors.items())
                whole = overlaid(whole, Items(notes=(f"patterns: the largest of {names}",)))
        patterns = whole.patterns if given.patterns is None else given.patterns
        axes = [(catalogue.find(y), catalogue.find(x)) for y, x in AXES]
        axes = [(y, x) for y, x in axes if y is not None and x is not None]
        if axes and given.positions is None and patterns is not None:
            found = positions_on_axes(*axes[0], len(patterns), "um", sign=-1.0)
            note = f"positions: {axes[0][0].name} and {axes[0][1].name} with the opposite sign, as of the sample"
            whole = overlaid(overlaid(whole, found), Items(notes=(note,)))
        places = {"energy_kev": ENERGY}
        return overlaid(overlaid(whole, found_at(catalogue, given, readers, places, {"energy_kev": "eV"})), given)


def _detectors(catalogue: Catalogue) -> dict[str, Entry]:
    """Stacks of patterns by the detectors' names."""
    found: dict[str, Entry] = {}
    for name in catalogue.names(MEASURED):
        group = f"{MEASURED}/{name}"
        inside = catalogue.names(group)
        lines = [catalogue.find(f"{group}/{part}") for part in inside if PART.fullmatch(part)]
        stacks = [entry for entry in lines if entry is not None and len(entry.shape) == 3]
        entry = catalogue.first(*(f"{group}/{part}" for part in FRAMES)) if inside else None
        if entry is not None and len(entry.shape) > 2 and entry.dtype.kind in "uif":
            found[name] = flattened(entry)
        elif stacks:
            found[name] = joined_entries(f"{group}/{stacks[0].leaf}, ...", stacks)
    return found
