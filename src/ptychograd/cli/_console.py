"""Where the commands write: results to standard output, everything else beside it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

INTERRUPTED, FAILED = 130, 2  # exit statuses

output = Console(highlight=False, markup=False)
errors = Console(stderr=True, highlight=False, markup=False)


@contextmanager
def kept_when_interrupted(folder: Path) -> Iterator[None]:
    """Say, after an interrupt, that finished runs are kept, and how to go on; exit status 130."""
    try:
        yield
    except KeyboardInterrupt:
        count = len(list((folder / "runs").glob("*.h5")))
        where = f"{count} finished runs are kept in {folder / 'runs'}"
        errors.print(f"ptychograd: interrupted; {where}, and the same command goes on from them.", soft_wrap=True)
        sys.exit(INTERRUPTED)
