"""Files of the field, read into a Dataset, and the package's own format, written.

A new format is a module with a `Format`, and one line in `FORMATS` of `formats/known.py`; a new kind of file a module
with a `Container`, and one line in `CONTAINERS` of `safety/door.py`.
"""

from ptychograd.data.files.completing import completes
from ptychograd.data.files.datasets import DATASET, WRITERS, require_prepared, require_replaceable, write
from ptychograd.data.files.formats.base import Format
from ptychograd.data.files.formats.keymap import NO_FOCUS
from ptychograd.data.files.formats.known import FORMATS
from ptychograd.data.files.reading import RESULT, read
from ptychograd.data.files.safety import Catalogue, Entry, UnreadableError, opened, sentence
from ptychograd.data.files.sources import expanded
from ptychograd.data.files.writing.atomic import replacing, require_writable
from ptychograd.data.files.writing.hdf5 import creating
from ptychograd.data.files.writing.signatures import require_same_type

__all__ = [
    "DATASET",
    "FORMATS",
    "NO_FOCUS",
    "RESULT",
    "WRITERS",
    "Catalogue",
    "Entry",
    "Format",
    "UnreadableError",
    "completes",
    "creating",
    "expanded",
    "opened",
    "read",
    "replacing",
    "require_prepared",
    "require_replaceable",
    "require_same_type",
    "require_writable",
    "sentence",
    "write",
]
