"""A part of the data, on fewer pixels, that shows in less than half a minute what is coming."""

from ptychograd.data.preview.choosing import preview_of

__all__ = ["preview_of"]
