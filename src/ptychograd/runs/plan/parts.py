"""Parts of one's own in a plan: how an object is named, so that it can be made anew."""

import dataclasses
import sys

from ptychograd.core.errors import InputError
from ptychograd.runs.plan.fields import MODULE_CLASS
from ptychograd.runs.plan.walking import SIMPLE


def named_part(path: str, part: object) -> dict[str, object]:
    """What a part is called and made with, as {"kind": "module:Class", "arguments": {}}.

    Args:
        path: of its field.
        part: a class, a function, or an object of a dataclass (as equinox modules are) with plain values in its fields.

    Raises:
        InputError: no module names it, or its fields hold more than plain values.
    """
    is_made = not hasattr(part, "__qualname__")
    name = name_of(type(part) if is_made else part)
    if name is None:
        text = getattr(part, "__qualname__", type(part).__qualname__)
        raise InputError(
            f"The plan can't be saved: `{path}` is {text}, which no module names; put it into a module beside the plan "
            'and give "module:Class".'
        )
    return {"kind": name, "arguments": _arguments(path, part)} if is_made else {"kind": name}


def name_of(kind: object) -> str | None:
    """A class or function as "module:Class", where that leads back to it."""
    module, name = getattr(kind, "__module__", ""), getattr(kind, "__qualname__", "")
    text = f"{module}:{name}"
    is_found = getattr(sys.modules.get(module), name, None) is kind
    return text if module != "__main__" and is_found and MODULE_CLASS.fullmatch(text) else None


def _arguments(path: str, part: object) -> dict[str, object]:
    """What a part was made with: the fields that its class is made with, which are to be plain values."""
    if not dataclasses.is_dataclass(part):
        raise InputError(
            f"The plan can't be saved: `{path}` is an object of {type(part).__qualname__}, and what it was made with "
            'is not known; give "module:Class".'
        )
    found = {}
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        if not field.init:
            continue
        if not _is_simple(value):
            raise InputError(
                f"The plan can't be saved: `{path}` is an object of {type(part).__qualname__} whose {field.name} is "
                f"a {type(value).__name__}; only numbers, texts and lists of them can be written."
            )
        if value is not None and value != field.default:
            found[field.name] = _listed(value)
    return found


def _listed(value: object) -> object:
    return [_listed(part) for part in value] if isinstance(value, tuple | list) else value


def _is_simple(value: object) -> bool:
    if isinstance(value, tuple | list):
        return all(_is_simple(part) for part in value)
    return value is None or isinstance(value, SIMPLE)
