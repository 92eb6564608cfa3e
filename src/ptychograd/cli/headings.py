"""Under which heading an option stands in a command's help, and which options of a command's help are shown."""

from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

from cyclopts import Group, Parameter

if TYPE_CHECKING:
    from cyclopts.help import HelpPanel
    from rich.console import Console, ConsoleOptions

_HEADINGS = ("Reading the data", "Start", "Object", "Beam", "Positions", "Detector", "Run", "Computer")
READING, START, OBJECT, BEAM, POSITIONS, DETECTOR, RUN, COMPUTER = (
    Parameter(group=Group(name, sort_key=number)) for number, name in enumerate(_HEADINGS, start=1)
)
READ = (  # options that say how a file is read
    *("model", "distance", "focus_distance", "key", "links_into", "orientation"),
    *("mask", "mask_is", "mask_above", "beam_stop"),
)
TRIED = (  # options of a trial
    *("modes", "start", "aperture", "pinhole", "focal_spot", "defocus", "background", "seed", "precision"),
)


class Shown(NamedTuple):
    """Help that shows some of a command's options only, or leaves some out; the others are taken all the same.

    Args:
        only: names of options below the headings that are shown; all if it is empty.
        without: names of options that are not.
    """

    only: Collection[str] = ()
    without: Collection[str] = ()

    def __call__(self, console: "Console", options: "ConsoleOptions", panel: "HelpPanel") -> None:
        from cyclopts.help import DefaultFormatter

        has_heading = str(panel.title) in _HEADINGS
        entries = [
            entry
            for entry in panel.entries
            if not {_name(text) for text in entry.names} & set(self.without)
            and not (has_heading and self.only and not {_name(text) for text in entry.names} & set(self.only))
        ]
        if entries or not panel.entries:
            DefaultFormatter()(console, options, panel.copy(entries=entries))

    def render_usage(self, console: "Console", options: "ConsoleOptions", usage: object) -> None:
        """The line that the default help has."""
        from cyclopts.help import DefaultFormatter

        DefaultFormatter().render_usage(console, options, usage)


def _name(option: str) -> str:
    """The field of an option: `hold_out` for `--hold-out`."""
    return option.lstrip("-").replace("-", "_")
