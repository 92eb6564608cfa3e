"""What a class of one's own puts in the place of what a base class of the package has."""

import inspect
from collections.abc import Callable, Iterator

from ptychograd.core.errors import InputError

PACKAGE = __name__.partition(".")[0]


def is_own(part: object) -> bool:
    """Whether a part is of a class of one's own."""
    return is_own_kind(type(part))


def is_own_kind(kind: type | Callable) -> bool:
    """Whether a class or function is one's own."""
    return (kind.__module__ or "").partition(".")[0] != PACKAGE  # a method of a built-in object has none


def refused(part: object, method: str, said: str, cure: str) -> InputError:
    """What can't be made of a part, and the way out: the method, for a class of one's own, and `cure` for others."""
    name = type(part).__name__
    return InputError(f"{said}; {f'give {name} a method `{method}` for it' if is_own(part) else cure}.")


def check_overriding(part: object) -> None:
    """Raise `InputError` for what can't be called or read as that of the base class, of which it takes the place.

    That is a method for a property, a property for a method, and a method that takes other arguments.
    """
    for kind in filter(is_own_kind, type(part).__mro__):
        for name in vars(kind):
            if name == "__call__" or not name.startswith("__"):
                _check(type(part), kind, name)


def _check(kind: type, owner: type, name: str) -> None:
    usual, given = next(_of_base(kind, name), None), vars(owner)[name]
    if isinstance(usual, property) and not isinstance(given, property) and hasattr(given, "__get__"):
        raise InputError(
            f"{kind.__name__}.{name} is a method; expected a property, as the base class has it: write @property above "
            f"`def {name}(self)`."
        )
    if isinstance(given, property) and usual is not None and not isinstance(usual, property):
        raise InputError(
            f"{kind.__name__}.{name} is a property; expected a method, as the base class has it: leave out @property "
            f"above `def {name}(self, ...)`."
        )
    method = getattr(owner, name)
    if inspect.isfunction(usual) and inspect.isfunction(method):
        skipped = 1 if isinstance(given, staticmethod) else 0  # it takes no self, and is called as the others are
        _check_arguments(f"{kind.__name__}.{name}", name, method, usual, skipped)


def _of_base(kind: type, name: str) -> Iterator[object]:
    """What base classes of the package have under a name: the property, or the method as a function."""
    for base in kind.__mro__:
        if not is_own_kind(base) and name in vars(base):
            found = vars(base)[name]
            yield found if isinstance(found, property) else getattr(base, name)


def _check_arguments(where: str, name: str, method: Callable, usual: Callable, skipped: int) -> None:
    """Refuse a method that can't be called with the arguments which the base's needs, but for the first few."""
    given, wanted = inspect.signature(method), inspect.signature(usual)
    needed = [one for one, argument in wanted.parameters.items() if argument.default is argument.empty][skipped:]
    try:
        given.bind(*needed)
    except TypeError:
        raise InputError(
            f"{where} takes ({_named(given)}); expected `def {name}({', '.join(needed)})`, as it is called."
        ) from None


def _named(signature: inspect.Signature) -> str:
    return ", ".join(str(argument.replace(annotation=argument.empty)) for argument in signature.parameters.values())
