"""What is left of a sweep in its folder, and its table for a person."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from ptychograd.output.plot.searches import draw_search
from ptychograd.output.plot.sweep_maps import draw_sweep
from ptychograd.output.texts.sweeps import texts_of
from ptychograd.runs.searches import Search
from ptychograd.runs.sweep_folder import write_sweep
from ptychograd.runs.sweeps import Sweep


def sweep_files(found: Sweep | Search, by: str) -> tuple[str, Callable[[Path], None]]:
    """The table, and what writes it into a folder with numbers, picture and best result.

    Args:
        found: of a grid, or of a search.
        by: the figure by which the best point was chosen.
    """
    axes, draw = (found.grid, partial(draw_sweep, by)) if isinstance(found, Sweep) else (found.axes, draw_search)
    text, texts = texts_of(list(axes), found.rows)
    return text, lambda folder: write_sweep(found, texts, folder, partial(draw, found))
