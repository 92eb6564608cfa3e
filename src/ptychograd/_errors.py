"""What went wrong in words that a person can act on."""

LARGEST_SEED = 2**32 - 1


class InputError(ValueError):
    """Something a person gave can't be used: one sentence says what was found, where, and how to mend it."""


class NotWrittenError(InputError):
    """A file could not be written; what was to be in it can still be written elsewhere."""


class DataWarning(UserWarning):
    """Data from which a reconstruction can be made, but hardly a right one: one sentence says what is wrong."""


def check_seed(seed: int) -> None:
    """Raise `InputError` for a seed that is none."""
    if not 0 <= seed <= LARGEST_SEED:
        raise InputError(f"A seed of {seed}; expected a whole number from 0 to {LARGEST_SEED}.")


def check_kind(given: object, kind: type, name: str, mend: str = "") -> None:
    """Raise `InputError` for what is of another class than expected, or is the class itself."""
    if not isinstance(given, kind):
        found = given.__name__ if isinstance(given, type) else type(given).__name__
        raise InputError(f"{found} is no {name}; expected an object of {kind.__name__}{mend}.")
