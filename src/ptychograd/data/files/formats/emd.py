"""EMD files of Berkeley and of py4DSTEM: patterns on a grid, with a vector for each axis.

The version 0.2 has data, dim1 to dim4 in a group below /data (emdatasets.com/format); py4DSTEM has data, dim0 to dim3
(github.com/py4dstem/emdfile). A vector holds the places of all points, or of the first two.
"""

import numpy as np

from ptychograd.data.files.formats.base import Format
from ptychograd.data.files.formats.items import Items, overlaid, read_patterns
from ptychograd.data.files.formats.keymap import READERS
from ptychograd.data.files.formats.scanned import scanned
from ptychograd.data.files.formats.views import flattened
from ptychograd.data.files.safety import Catalogue, Entry

PLACES = {
    "patterns": "data with four axes beside dim0 to dim3, or dim1 to dim4",
    "positions": "the steps of these axes",
}


class Emd(Format):
    """The first array of four axes that has its vectors beside it."""

    name = "EMD or py4DSTEM"
    places = PLACES
    readers = READERS

    def recognises(self, catalogue):
        return _data(catalogue) is not None

    def read(self, catalogue, given, readers):
        data = _data(catalogue)
        if data is None:
            return given
        dims, grid = _dims(catalogue, data), (data.shape[0], data.shape[1])
        whole = Items(grid=grid)
        if given.patterns is None:
            whole = overlaid(whole, Items(patterns=read_patterns(flattened(data))))
        step, pixel = _step(dims[:2]), _step(dims[2:])
        if pixel is not None and "pixel" in (pixel.units or "").lower():
            pixel = None
        return overlaid(overlaid(whole, scanned(given, grid, step, pixel, None)), given)


def _data(catalogue: Catalogue) -> Entry | None:
    found = (entry for entry in catalogue.walk() if entry.leaf == "data" and len(entry.shape) == 4)
    return next((entry for entry in found if entry.dtype.kind in "uif" and _dims(catalogue, entry)), None)


def _dims(catalogue: Catalogue, data: Entry) -> list[Entry]:
    """The vectors of the four axes; none unless all are there."""
    group = data.name.rpartition("/")[0]
    for first in (0, 1):
        found = [catalogue.find(f"{group}/dim{number}") for number in range(first, first + 4)]
        if None not in found:
            return [entry for entry in found if entry is not None]
    return []


def _step(dims: list[Entry]) -> Entry | None:
    """The distances of two axes, in their unit; None where they have none, or two."""
    units = {dim.units or "" for dim in dims}
    if len(units) > 1 or not units - {""} or any(dim.size < 2 for dim in dims):
        return None
    steps = np.array([float(np.diff(np.ravel(dim.array())[:2])[0]) for dim in dims])
    if not np.isfinite(steps).all() or not steps.all():
        return None
    return Entry(dims[0].name, steps.shape, steps.dtype, units.pop(), lambda: steps)
