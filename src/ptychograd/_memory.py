"""How much memory there is for this process, by the least of all limits, and arrays that devices take as they are."""

import ctypes
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

try:
    import resource
except ImportError:  # Windows has none
    resource = None

LARGE = 10**7  # bytes of an array that goes back to the system when it is freed
MMAP_THRESHOLD = -3  # glibc's M_MMAP_THRESHOLD
GROUPS = (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))
ALIGNED = 64  # bytes: a CPU device takes such an array as it is, without a copy
UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def available_memory() -> int | None:
    """Bytes that may still be taken: what is free, less what a control group or a limit on addresses forbids."""
    return min(_limits(), default=None)


def used_memory() -> int:
    """Bytes of memory that this process holds at the moment; 0 where the system does not say."""
    return _field("/proc/self/status", "VmRSS") or 0


def peak_memory() -> int:
    """The most bytes that this process ever held; 0 where the system does not say."""
    return _field("/proc/self/status", "VmHWM") or 0


def give_back_large_arrays() -> None:
    """Let freed arrays of more than `LARGE` bytes leave the process, where the C library would keep some for later.

    glibc takes what is freed, up to 32 MB a piece, for what will soon be wanted again, and the holes that are left
    between arrays of different ages make a reconstruction of 2000 x 2000 pixels with Adam a third larger.
    """
    try:
        settle = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):  # another C library than glibc
        return
    settle(MMAP_THRESHOLD, LARGE)


def aligned_empty(shape: tuple[int, ...], dtype: "np.dtype") -> "np.ndarray":
    """An array yet to be filled, at an address from which a CPU device can take it as it is."""
    import numpy as np  # not read where commands only show their help

    size = math.prod(shape) * np.dtype(dtype).itemsize
    raw = np.empty(size + ALIGNED, np.uint8)
    begin = -raw.ctypes.data % ALIGNED
    return raw[begin : begin + size].view(dtype).reshape(shape)


def is_aligned(array: "np.ndarray") -> bool:
    """Whether a CPU device takes an array as it is."""
    return array.ctypes.data % ALIGNED == 0 and array.flags.c_contiguous


def _limits() -> Iterator[int]:
    free = _field("/proc/meminfo", "MemAvailable")
    if free is not None:
        yield free
    for most, used in GROUPS:
        limit, now = (_number(Path("/sys/fs/cgroup", name)) for name in (most, used))
        if limit is not None and now is not None:
            yield max(0, limit - now)
    if resource is not None:
        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit != resource.RLIM_INFINITY:
            yield max(0, limit - (_field("/proc/self/status", "VmSize") or 0))


def _field(path: str, name: str) -> int | None:
    """A size in bytes out of a table of the kernel."""
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return None
    found = [line.split() for line in lines if line.startswith(name + ":")]
    return int(found[0][1]) * 1024 if found else None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # "max" is no number, and no limit
        return None
