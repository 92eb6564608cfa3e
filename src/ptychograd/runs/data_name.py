"""What files are called that a command makes for data."""

import glob
import re
from pathlib import Path


def stem_of(data: str | Path) -> str:
    """The name of data without its ending; of a pattern of names, as frames/scan_*.tif, what they have in common."""
    path = Path(data)
    if not glob.has_magic(str(path)) or path.exists():
        return path.stem
    common = re.sub(r"[*?\[\]{}]+", "", path.stem).strip("_-. ")
    return common or (path.parent.name if not glob.has_magic(path.parent.name) else "") or "scan"
