"""Where the commands write: results to standard output, everything else beside it."""

from rich.console import Console

INTERRUPTED, FAILED = 130, 2  # exit statuses

output = Console(highlight=False, markup=False)
errors = Console(stderr=True, highlight=False, markup=False)
