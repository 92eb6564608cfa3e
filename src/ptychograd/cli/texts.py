"""How the texts of options are read."""

from ptychograd.core.errors import InputError


def whole(text: str) -> int:
    """A whole number; 3.5 is none, and is not rounded to one."""
    try:
        return int(text)
    except ValueError:
        raise InputError(f'"{text}" is no whole number.') from None


def pairs(texts: list[str] | None, option: str) -> dict[str, str]:
    """`NAME=VALUE` texts as a dictionary."""
    found = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise InputError(f'--{option} "{text}" can\'t be read; expected NAME=VALUE.')
        if name.strip() in found:
            raise InputError(f"--{option} {name.strip()} is given twice; give it once.")
        found[name.strip()] = value.strip()
    return found


def numbers(texts: list[str] | None, option: str) -> dict[str, float]:
    """`NAME=NUMBER` texts as a dictionary of positive numbers."""
    found = {name: _number(name, value, option) for name, value in pairs(texts, option).items()}
    for name, value in found.items():
        if not 0 < value < float("inf"):
            raise InputError(f"--{option} {name}={value:g}: expected a number above zero.")
    return found


def signed_numbers(texts: list[str] | None, option: str) -> dict[str, float]:
    """`NAME=NUMBER` texts as a dictionary of finite numbers."""
    found = {name: _number(name, value, option) for name, value in pairs(texts, option).items()}
    for name, value in found.items():
        if not abs(value) < float("inf"):
            raise InputError(f"--{option} {name}={value:g}: expected a finite number.")
    return found


def _number(name: str, value: str, option: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise InputError(f'--{option} {name}={value}: "{value}" is no number.') from None
