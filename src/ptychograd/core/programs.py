"""Compiled programs, kept from one run to the next: without them, or with damaged ones, a run only begins later."""

import contextlib
import hashlib
import platform
import re
from collections.abc import Callable
from pathlib import Path

TROUBLE = r"Error (reading|writing) persistent compilation cache entry for '([\w.-]+)'[^:]*: (.*)"
Tell = Callable[[str], object]


class Healing:
    """Stands in for `warnings.showwarning`: a damaged program is removed, so that it is compiled and kept anew.

    JAX itself leaves it there and warns at every start.

    Args:
        folder: in which programs are kept.
        plain: shows all other warnings.
        tell: hears of each trouble once.
    """

    def __init__(self, folder: Path, plain: Callable, tell: Tell):
        self.plain, self._folder, self._tell = plain, folder, tell
        self._warned: set[str] = set()

    def __call__(self, message, category, filename, lineno, file=None, line=None) -> None:
        """As `warnings.showwarning`, for what is not about kept programs too."""
        found = re.match(TROUBLE, str(message), re.DOTALL)
        if found is None:
            self.plain(message, category, filename, lineno, file, line)
            return
        doing, program, why = found.groups()
        for entry in self._entries(program, doing):
            with contextlib.suppress(OSError):  # of a folder that can only be read
                entry.unlink()
        text = {
            "reading": f"A kept program could not be read and is compiled anew ({self._folder})",
            "writing": f"Compiled programs are not kept: {self._folder}: {why.splitlines()[0]}",
        }[doing]
        if doing not in self._warned:
            self._tell(text)
        self._warned.add(doing)

    def _entries(self, program: str, doing: str) -> list[Path]:
        """What is kept under a program's name, for whatever shapes; of a write that failed the newest, which is cut."""
        entries = sorted(self._folder.glob(f"{program}-*-cache"), key=_age)
        return entries if doing == "reading" else entries[:1]


def _age(path: Path) -> float:
    try:
        return -path.stat().st_mtime
    except OSError:
        return 0.0


def program_folder(tell: Tell) -> Path | None:
    """Where programs are kept, in the user's cache; None, after telling why, if they can't be."""
    from platformdirs import user_cache_path

    try:
        base = user_cache_path("ptychograd")
        if not base.is_absolute():  # as "~/.cache", where there is no home
            raise RuntimeError("there is no home folder; set XDG_CACHE_HOME to a folder")
        folder = base / f"compiled-{_kind_of_machine()}"
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        tell(f"Compiled programs are not kept: {problem.filename}: {problem.strerror}.")
    except (RuntimeError, KeyError) as problem:  # of a user whom the system does not know
        tell(f"Compiled programs are not kept: {problem}.")
    else:
        return folder
    return None


def _kind_of_machine() -> str:
    """A name for processors that run the same machine code: homes are shared between unlike computers."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        features = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    except OSError:
        features = platform.processor()
    return hashlib.sha256(f"{platform.machine()} {features}".encode()).hexdigest()[:8]
