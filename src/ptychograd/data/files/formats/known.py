"""The formats that are known, and which of them a file is of.

A new one is a module with a `Format`, and one line here.
"""

from ptychograd.data.files.formats.base import Format
from ptychograd.data.files.formats.csaxs import Csaxs
from ptychograd.data.files.formats.cxi import Cxi
from ptychograd.data.files.formats.detector_frames import DetectorFrames
from ptychograd.data.files.formats.emd import Emd
from ptychograd.data.files.formats.keymap import KeyMap
from ptychograd.data.files.formats.master import Master
from ptychograd.data.files.formats.nanomax import NanoMax
from ptychograd.data.files.formats.native import Native
from ptychograd.data.files.formats.nexus import Nexus
from ptychograd.data.files.formats.ptychodus import Diffraction, Product
from ptychograd.data.files.formats.ptychoshelves import FoldSlice
from ptychograd.data.files.formats.ptylab import PtyLab
from ptychograd.data.files.formats.ptypy import Ptyd
from ptychograd.data.files.formats.slac import Slac
from ptychograd.data.files.formats.tike import Tike
from ptychograd.data.files.safety import Catalogue

FORMATS: tuple[Format, ...] = (  # the first that recognises a file reads it
    Native(),
    DetectorFrames(),
    Csaxs(),
    Nexus(),
    Cxi(),
    NanoMax(),
    Master(),
    Ptyd(),
    PtyLab(),
    Diffraction(),
    Product(),
    FoldSlice(),
    Tike(),
    Slac(),
    Emd(),
    KeyMap(),  # whatever is left
)


def format_of(catalogue: Catalogue) -> Format:
    """The first format that recognises a file."""
    return next(format for format in FORMATS if format.recognises(catalogue))
