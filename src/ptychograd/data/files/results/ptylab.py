"""Results of PtyLab: object and probe with six axes, of which the last two are y and x, and the encoder.

The first pixel of a window is encoder / pixel + No // 2 - Np // 2 (`Reconstruction`).
"""

import numpy as np

from ptychograd.data.files.results.base import ForeignResult, ResultFormat, layers, needed, pairs, wave


class PtyLabResult(ResultFormat):
    """The first wavelength; modes of the probe, slices of the object."""

    name = "PtyLab result"

    def recognises(self, catalogue):
        return all(catalogue.find(name) is not None for name in ("object", "probe", "dxp", "encoder_corrected"))

    def read(self, catalogue):
        pixel = needed(catalogue, "dxp").number()
        positions = pairs(needed(catalogue, "encoder_corrected"))[:, :2]
        object, probe = (wave(needed(catalogue, name)) for name in ("object", "probe"))
        if object.ndim == 6:  # wavelength, state, 1, slice
            object, probe = object[0, 0, 0], probe[0, 0, :, 0]
        found, modes = layers(object), probe.reshape(-1, *probe.shape[-2:])
        sizes = np.array(found.shape[-2:]), np.array(modes.shape[-2:])
        corner = positions / pixel + sizes[0] // 2 - sizes[1] // 2
        return ForeignResult("PtyLab", found, modes, (pixel, pixel), corner, positions)
