"""Pictures that commands draw: refused before the computing where they can't be, written where they are not lost."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ptychograd.cli.console import output
from ptychograd.cli.placed import placed
from ptychograd.core.errors import InputError

if TYPE_CHECKING:
    from ptychograd.data.files.writing.placing import Placed
    from ptychograd.output.plot.overview import Figure

RESULTS = (".h5", ".hdf5")


def require_picture(path: Path, data: Path | None = None) -> None:
    """Raise `InputError` unless a picture can be written there that replaces nothing, or a picture of its type.

    Args:
        path: of the picture.
        data: a file that it would be made of.
    """
    from ptychograd.data.files import require_same_type
    from ptychograd.output.plot import overview

    if data is not None and path.exists() and data.exists() and path.samefile(data):
        raise InputError(f"{data} would be replaced by a picture; give another name with --output.")
    if path.suffix in RESULTS:
        raise InputError(f"{path} is to be a picture; expected a name such as {path.stem}.png.")
    overview.require_picture(path)
    require_same_type(path)


def drawn(figure: "Figure", path: Path, folder: Path) -> "Placed":
    """Write a picture as `placed` does, and say where it is."""
    from ptychograd.output.plot import save

    found = placed(partial(save, figure), path, folder)
    output.print(str(found), soft_wrap=True)
    return found
