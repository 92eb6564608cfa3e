"""Images that a plan names: a file of NumPy's, or an array in Python."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ptychograd.core.errors import InputError

if TYPE_CHECKING:
    from ptychograd.data.checks import Evidence

NPY = b"\x93NUMPY"  # how a .npy file begins


def image(given: object, what: str) -> np.ndarray:
    """The array itself, or the one in a .npy file: booleans as they are, numbers as float64."""
    if not isinstance(given, str | Path):
        return _checked(np.asarray(given), what, "the plan")
    return _checked(_read(given, what), what, str(given))


def wave(given: object, what: str) -> np.ndarray:
    """The array itself, or the one in a .npy file, complex or real."""
    return _read(given, what) if isinstance(given, str | Path) else np.asarray(given)


def _read(given: str | Path, what: str) -> np.ndarray:
    try:
        with Path(given).open("rb") as file:
            if file.read(len(NPY)) != NPY:
                raise ValueError("it does not begin as such a file")
        return np.load(Path(given), allow_pickle=False)
    except (OSError, ValueError) as problem:
        raise _unreadable(what, str(given), getattr(problem, "strerror", None) or str(problem)) from None


def _checked(found: np.ndarray, what: str, source: str) -> np.ndarray:
    if found.ndim not in (2, 3) or found.dtype.kind not in "biuf":
        raise _unreadable(what, source, f"it holds {found.dtype} of shape {found.shape}")
    return found if found.dtype == bool else found.astype(np.float64)


def _unreadable(what: str, source: str, problem: str) -> InputError:
    return InputError(
        f"The {what} can't be read from {source}: {problem}; expected numbers along 2 or 3 axes in a .npy file."
    )


def number_or_image(given: object, what: str) -> float | np.ndarray:
    """A number, also as a text, or an image."""
    try:
        return float(given)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return image(given, what)


def require_mask(path: Path) -> None:
    """Refuse before the computing a name at which no mask can be written, or at which something else is."""
    from ptychograd.data.files import require_writable

    if path.suffix != ".npy":
        raise InputError(f"{path} is to be a NumPy file; expected a name that ends in .npy.")
    require_writable(path)
    if path.exists() and (image(str(path), "mask that is there").dtype != bool):
        raise InputError(f"{path} is there and is no mask: it would be lost. Give another name, or remove it first.")


def write_mask(path: Path, evidence: "Evidence") -> str:
    """Write which pixels look good, and say how many do not."""
    from ptychograd.data.checks import sound_pixels
    from ptychograd.data.files import replacing

    good = sound_pixels(evidence)
    with replacing(path) as temporary:
        np.save(temporary, good)
    added = np.count_nonzero((evidence.data.sums[1] > 0) & ~good)
    return f"{path}: of {good.size:,} pixels {np.count_nonzero(~good):,} are masked, {added:,} more than before."
