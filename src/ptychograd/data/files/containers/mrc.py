"""MRC stacks of electron microscopes (MRC2014), read by mrcfile."""

from typing import Any

import mrcfile
import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.files.containers.extras import library
from ptychograd.data.files.containers.frames import Frames, Images


class Mrc(Images):
    """Frames as the sections of a stack."""

    name = "MRC"
    extensions = (".mrc", ".mrcs", ".st")

    def recognises(self, path, start):
        return start[208:212] == b"MAP "

    def frames(self, path):
        with library("it is half-written or damaged"), mrcfile.mmap(path, "r") as file:
            data: Any = file.data
            shape, dtype = data.shape, data.dtype
        if len(shape) not in (2, 3, 4) or 0 in shape:
            raise InputError(f"its data have shape {shape}; expected frames (index, y, x).")
        flat = (-1, *shape[-2:])

        def read(begin: int, end: int, out: np.ndarray) -> None:
            with library(f"{path} can't be read"), mrcfile.mmap(path, "r") as file:
                out[...] = np.reshape(np.asarray(file.data), flat)[begin:end]

        return Frames(shape if len(shape) > 2 else (1, *shape), dtype, read, path.stat().st_size)
