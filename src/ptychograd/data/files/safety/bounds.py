"""How much memory an array of a file may take: no more than there is, and no more than its bytes can hold."""

from ptychograd.core.errors import InputError
from ptychograd.core.memory import available_memory

MOST_EXPANDED = 2000  # times the bytes in the file; zip makes at most 1032 of one
UNSUSPECTED = 1 << 28  # bytes that any array may take


def check_memory(what: object, size: int) -> None:
    """Raise `InputError` if `size` bytes are more than the memory that is available."""
    free = available_memory()
    if free is not None and size > free:
        raise InputError(f"{what} needs {gigabytes(size)}, more memory than there is: {gigabytes(free)} are free.")


def check_expansion(what: object, size: int, stored: int) -> None:
    """Raise `InputError` if `size` bytes can't come from `stored` ones, or only from a file made to fill the memory."""
    if size > max(UNSUSPECTED, MOST_EXPANDED * stored):
        raise InputError(
            f"{what} declares {gigabytes(size)}, and the file holds {stored:,} bytes of it; that is an array which was "
            "never written, or a file made to fill the memory."
        )


def gigabytes(size: int) -> str:
    return f"{size / 1e9:,.3g} GB"
