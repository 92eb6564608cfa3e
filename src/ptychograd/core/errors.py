"""What went wrong in words that a person can act on."""

LARGEST_SEED = 2**32 - 1


class InputError(ValueError):
    """Raised where something you gave can't be used: one sentence says what was found, where, and how to mend it.

    It is a `ValueError`, so that code which catches those catches it too.

    Example:
        >>> try:
        ...     pg.Poisson(floor=0.0)
        ... except pg.InputError as error:
        ...     print(error)
        Poisson's floor is 0.0 photons; expected more than 0, as 0.03.
    """


class NotWrittenError(InputError):
    """A file could not be written; what was to be in it can still be written elsewhere."""


class DataWarning(UserWarning):
    """Warns of data that can be reconstructed, but hardly right: one sentence says what is wrong.

    Example:
        >>> import warnings
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("error", pg.DataWarning)  # stop at such data instead
    """


def check_seed(seed: int) -> None:
    """Raise `InputError` for a seed that is none."""
    if not 0 <= seed <= LARGEST_SEED:
        raise InputError(f"A seed of {seed}; expected a whole number from 0 to {LARGEST_SEED}.")


def check_kind(given: object, kind: type, name: str, mend: str = "") -> None:
    """Raise `InputError` for what is of another class than expected, or is the class itself."""
    if isinstance(given, kind):
        return
    if given is None and name.startswith("model"):
        raise InputError(
            f"None is no {name}. A result that was read from a file has no model: `result.onto(model)` puts its arrays "
            "into a model made from the same data."
        )
    found = given.__name__ if isinstance(given, type) else type(given).__name__
    is_class = ", but a class" if isinstance(given, type) and issubclass(given, kind) else ""
    raise InputError(f"{found} is no {name}{is_class}; expected an object of {kind.__name__}{mend}.")
