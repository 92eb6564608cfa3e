from . import plot as plot
from .exporting import export as export
