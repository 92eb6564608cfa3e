"""Folders that a job of many runs fills: what is there already is of that job, or stays."""

from collections.abc import Sequence
from pathlib import Path

from ptychograd.core.errors import InputError, NotWrittenError
from ptychograd.data.files import RESULT, require_replaceable, require_same_type, require_writable
from ptychograd.runs.origins import require_same_data

RUNS = "runs"  # in the folder: the finished runs, one file each


def make_folder(folder: Path) -> None:
    """Make a folder and those above it. Raises `InputError` if that can't be done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise InputError(f"{folder} can't be made: {problem.strerror}; give another folder.") from None


def prepare_folder(folder: Path, texts: Sequence[str], pictures: Sequence[str], results: Sequence[str] = ()) -> None:
    """Make the folder of a job with many runs.

    Raises:
        InputError: it can't be made or written to, or holds a file by one of these names from elsewhere.
    """
    known = (folder / RUNS).is_dir()
    for name in texts:
        if (folder / name).exists() and not known:
            raise InputError(f"{folder / name} is there and was not written by this command; give another folder.")
    make_folder(folder / RUNS)
    for name in pictures:
        require_same_type(folder / name)
    for name in results:
        require_replaceable(folder / name, RESULT)
    for name in (*texts, f"{RUNS}/run.h5"):
        require_writable(folder / name)


def removed(path: Path) -> None:
    """Remove what an earlier job left and this one has not. Raises `NotWrittenError` if it can't."""
    try:
        path.unlink(missing_ok=True)
    except OSError as problem:
        raise NotWrittenError(f"{path} can't be removed: {problem.strerror}.") from None


def require_own_runs(folder: Path, data: Path, fingerprint: str) -> None:
    """Raise `NotWrittenError` if the finished runs in a folder are of another scan."""
    for run in sorted((folder / RUNS).glob("*.h5"))[:1]:
        require_same_data(run, data, fingerprint)
