"""The door through which files of strangers come in: what the readers of formats need of it.

`opened` is the one place where a data file is opened; it gives a `Catalogue` of `Entry`s, which is all that a reader
sees of a file. What the other modules of this folder are against is told in docs/files-safety.md.
"""

from ptychograd.data.files.safety.door import opened
from ptychograd.data.files.safety.entries import Catalogue, Entry, UnreadableError, sentence

__all__ = ["Catalogue", "Entry", "UnreadableError", "opened", "sentence"]
