"""Results of other packages, as starts: object, probe, and where the windows are on the object.

A new one is a module with a `ResultFormat`, and one line in `RESULTS`.
"""

import os
from pathlib import Path

from ptychograd.core.errors import InputError
from ptychograd.data.files.results.base import ForeignResult, ResultFormat
from ptychograd.data.files.results.cdtools import CdtoolsResult
from ptychograd.data.files.results.ptychodus import ProductCxi, ProductHdf5, ProductNpz
from ptychograd.data.files.results.ptychoshelves import PtychoShelvesResult
from ptychograd.data.files.results.ptylab import PtyLabResult
from ptychograd.data.files.results.ptypy import Ptyr
from ptychograd.data.files.safety import opened, sentence

__all__ = ["RESULTS", "ForeignResult", "ResultFormat", "foreign_result"]

RESULTS: tuple[ResultFormat, ...] = (  # the first that recognises a file reads it
    Ptyr(),
    ProductHdf5(),
    ProductNpz(),
    ProductCxi(),
    PtyLabResult(),
    CdtoolsResult(),
    PtychoShelvesResult(),
)


def foreign_result(path: str | os.PathLike[str]) -> ForeignResult | None:
    """What the result of another package holds; None if a file is no such result.

    Raises:
        InputError: it can't be opened, or is damaged.
    """
    path = Path(path)
    try:
        with opened(path) as catalogue:
            for format in RESULTS:
                if format.recognises(catalogue):
                    return format.read(catalogue)
    except InputError as error:
        raise InputError(sentence(f"{path}: {error}")) from None
    return None
