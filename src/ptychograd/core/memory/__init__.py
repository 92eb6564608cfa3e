"""How much memory there is for this process, and arrays that devices take without a copy."""

from ptychograd.core.memory.arrays import ALIGNED, aligned_empty, give_back_large_arrays, is_aligned
from ptychograd.core.memory.limits import UNITS, available_memory, peak_memory, used_memory

__all__ = [
    "ALIGNED",
    "UNITS",
    "aligned_empty",
    "available_memory",
    "give_back_large_arrays",
    "is_aligned",
    "peak_memory",
    "used_memory",
]
