"""How much memory there is for this process, by the least of all limits that it is under.

Free memory of the computer, control groups (both versions, with every group that the process's own lies in), limits of
the process on its addresses and its data, and what Slurm gave to the job.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
ROOT = Path("/")
LIMITED = {"Max address space": "VmSize", "Max data size": "VmData"}  # limits of a process, and what counts for them
SLURM = (  # memory for each of so many, in MiB; without a number of them, for all
    ("SLURM_MEM_PER_NODE", None),
    ("SLURM_MEM_PER_CPU", "SLURM_CPUS_ON_NODE"),
    ("SLURM_MEM_PER_GPU", "SLURM_GPUS_ON_NODE"),
)


class Version(NamedTuple):
    """Where a version of control groups keeps what: files of limits, of what is used, and a field of memory.stat."""

    limits: tuple[str, ...]
    used: str
    idle: str  # copies of files that no process has used for a while: given back as soon as memory is wanted


ONE = Version(("memory.limit_in_bytes",), "memory.usage_in_bytes", "total_inactive_file")
TWO = Version(("memory.max", "memory.high"), "memory.current", "inactive_file")


def available_memory(root: Path = ROOT, environment: Mapping[str, str] = os.environ) -> int | None:
    """Bytes that may still be taken: the least that the computer, groups, limits and the batch system leave.

    Args:
        root: the folder in which /proc and the control groups are found.
        environment: what the batch system says.
    """
    return min(_limits(root, environment), default=None)


def used_memory() -> int:
    """Bytes of memory that this process holds at the moment; 0 where the system does not say."""
    return _field(ROOT / "proc/self/status", "VmRSS") or 0


def peak_memory() -> int:
    """The most bytes that this process ever held; 0 where the system does not say."""
    return _field(ROOT / "proc/self/status", "VmHWM") or 0


def _limits(root: Path, environment: Mapping[str, str]) -> Iterator[int]:
    status = root / "proc/self/status"
    free = _field(root / "proc/meminfo", "MemAvailable")
    if free is not None:
        yield free
    for version, folder in _groups(root):
        yield from _left_in(version, folder)
    for line in _lines(root / "proc/self/limits"):
        for name, counted in LIMITED.items():
            found = re.match(rf"{name} +(\d+) ", line)  # "unlimited" is no number
            if found:
                yield max(0, int(found[1]) - (_field(status, counted) or 0))
    for memory, count in SLURM:
        each, number = environment.get(memory, ""), environment.get(count, "") if count else "1"
        if each.isdigit() and number.isdigit() and int(each) * int(number):  # 0 is all that there is
            yield max(0, int(each) * int(number) * 2**20 - (_field(status, "VmRSS") or 0))


def _groups(root: Path) -> Iterator[tuple[Version, Path]]:
    """The control groups that the process is in, from its own up to the outermost that can be seen."""
    own = [line.split(":", 2) for line in _lines(root / "proc/self/cgroup") if line.count(":") > 1]
    known = [(TWO if not names else ONE, path) for _, names, path in own if not names or "memory" in names.split(",")]
    paths = dict(known)
    for version, begin, place in _mounts(root):
        if version not in paths:
            continue
        inside = _inside(paths[version], begin)
        for depth in range(len(inside.parts), -1, -1):
            yield version, root.joinpath(place.relative_to("/"), *inside.parts[:depth])


def _mounts(root: Path) -> Iterator[tuple[Version, str, PurePosixPath]]:
    """Where the control groups of memory are mounted: version, the group that is seen there, and the folder."""
    for line in _lines(root / "proc/self/mountinfo"):
        fields, dash, rest = line.partition(" - ")
        mount, kind = fields.split(), rest.split()
        if not dash or len(mount) < 5 or not kind or not mount[4].startswith("/"):
            continue
        place = PurePosixPath(_unescaped(mount[4]))
        if kind[0] == "cgroup2":
            yield TWO, _unescaped(mount[3]), place
        elif kind[0] == "cgroup" and "memory" in kind[-1].split(","):
            yield ONE, _unescaped(mount[3]), place


def _unescaped(text: str) -> str:
    """A path as it is; the kernel writes a space as \\040."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


def _inside(path: str, begin: str) -> PurePosixPath:
    """The way from the group `begin` to the group `path`; nothing where it does not lie below, as in a container."""
    own, outer = PurePosixPath(path), PurePosixPath(begin)
    inside = own.relative_to(outer) if own.is_relative_to(outer) else PurePosixPath()
    return PurePosixPath() if ".." in inside.parts else inside


def _left_in(version: Version, folder: Path) -> Iterator[int]:
    """What the limits of one group leave."""
    used = _number(folder / version.used)
    if used is None:
        return
    idle = [line.split()[1] for line in _lines(folder / "memory.stat") if line.startswith(version.idle + " ")]
    for limit in map(_number, (folder / name for name in version.limits)):
        if limit is not None:
            yield max(0, limit - max(0, used - sum(map(int, idle))))


def _field(path: Path, name: str) -> int | None:
    """A size in bytes out of a table of the kernel."""
    found = [line.split() for line in _lines(path) if line.startswith(name + ":")]
    return int(found[0][1]) * 1024 if found else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except OSError:
        return []


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # "max" is no number, and no limit
        return None
