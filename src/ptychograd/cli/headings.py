"""Which options of a command's help are shown; the others are taken all the same."""

from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cyclopts.help import HelpPanel
    from rich.console import Console, ConsoleOptions

READ = (
    "--key",
    "--positions",
    "--distance",
    "--focus-distance",
    "--orientation",
    "--mask",
    "--model",
)  # how a file is read
TRIED = ("--modes", "--start", "--aperture", "--pinhole", "--focal-spot", "--defocus", "--seed", "--precision")


class Shown(NamedTuple):
    """Help that shows those options of a plan alone that a command uses.

    Args:
        names: of these options, as --epochs; a command's own options, --plan and --set are always there.
    """

    names: Collection[str]

    def __call__(self, console: "Console", options: "ConsoleOptions", panel: "HelpPanel") -> None:
        from cyclopts.help import DefaultFormatter

        from ptychograd.cli.option_table import GROUPS, OPTIONS

        hidden = {option.name for option in OPTIONS if str(panel.title) in GROUPS} - set(self.names)
        entries = [entry for entry in panel.entries if not hidden & set(entry.names)]
        if entries or not panel.entries:
            DefaultFormatter()(console, options, panel.copy(entries=entries))

    def render_usage(self, console: "Console", options: "ConsoleOptions", usage: object) -> None:
        """The line that the default help has."""
        from cyclopts.help import DefaultFormatter

        DefaultFormatter().render_usage(console, options, usage)
