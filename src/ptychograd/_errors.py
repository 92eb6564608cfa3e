"""What went wrong in words that a person can act on."""


class InputError(ValueError):
    """Something a person gave can't be used: one sentence says what was found, where, and how to mend it."""
