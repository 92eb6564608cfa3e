"""One of the paper's figures, made again in a folder."""

import importlib
from pathlib import Path

from ptychograd.paper.report import Report, Reproduction, Tell, write
from ptychograd.runs.folders import prepare_folder

__all__ = ["begun_folder", "reproduced", "write"]


def begun_folder(figure: str, quick: bool, folder: Path | None = None) -> Path:
    """The folder of a figure, by default one of its name, ready for what is found.

    Raises:
        InputError: it can't be made, or holds something else.
    """
    place = folder or Path("reproduced") / (figure + "-quick" * quick)
    prepare_folder(place, [f"{figure}{ending}" for ending in (".txt", ".json", ".csv")], [f"{figure}.png"])
    return place


def reproduced(figure: str, folder: Path, quick: bool, tell: Tell) -> Report:
    """The runs of a figure, those that are kept in the folder among them, and what they show.

    Args:
        figure: as "fig3".
        folder: which keeps finished runs.
        quick: a smaller version.
        tell: hears which share of the whole a finished piece is.
    """
    return importlib.import_module(f"ptychograd.paper.{figure}").reproduce(Reproduction(folder, quick, tell))
