"""Where the commands write: results to standard output, everything else beside it."""

from rich.console import Console

output = Console(highlight=False)
errors = Console(stderr=True, highlight=False)
