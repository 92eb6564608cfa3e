"""A plan in the settings of a result: as dictionaries that go into JSON, with its arrays beside them."""

from collections.abc import Mapping
from functools import partial

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.runs.plan.fields import VERSION, Section
from ptychograd.runs.plan.parts import named_part
from ptychograd.runs.plan.stored import from_arrays, named_array, reference, with_arrays
from ptychograd.runs.plan.walking import plain, with_values

UNNAMED = "unnamed"  # in place of an object that no module names


def as_settings(plan: Section) -> tuple[dict, dict[str, np.ndarray]]:
    """A plan as dictionaries of plain values, and its arrays by the names that stand in their place.

    An object that no module names leaves its class and why it can't be named.
    """
    arrays: dict[str, np.ndarray] = {}

    def stored(path: str, value: object) -> object:
        if hasattr(value, "shape"):
            name, array = named_array(path, value)
            arrays[name] = array
            return reference(name, array)
        try:
            return named_part(path, value)
        except InputError as problem:
            return {UNNAMED: type(value).__qualname__, "why": str(problem)}

    return {"version": VERSION, **plain(plan, stored)}, arrays


def sections_in(settings: Mapping, arrays: Mapping[str, np.ndarray], given: Mapping[str, object] | None = None) -> dict:
    """The sections of a plan out of what `as_settings` made of it.

    Args:
        settings: the dictionaries.
        arrays: those beside them.
        given: values of fields in place of the stored ones, by path, as an object that no module names.

    Raises:
        InputError: an array is missing or another one, or an object was not named and is not given.
    """
    values = with_arrays(with_values(settings, given or {}), partial(from_arrays, arrays=arrays))
    if not isinstance(values, dict):
        raise InputError("The plan in the settings is no table of sections; the file is damaged.")
    for path, name in _unnamed(values):
        raise InputError(
            f"`{path}` was an object of {name}, which no module names, and a file holds no code: run the script that "
            'made the plan, or give a part as "module:Class".'
        )
    return values


def _unnamed(values: Mapping, before: str = "") -> "list[tuple[str, str]]":
    found = []
    for name, value in values.items():
        items = enumerate(value, start=1) if isinstance(value, list) else [("", value)]
        for number, one in items:
            path = f"{before}{name}" + (f".{number}" if number else "")
            if isinstance(one, Mapping) and UNNAMED in one:
                found.append((path, str(one[UNNAMED])))
            elif isinstance(one, Mapping):
                found += _unnamed(one, f"{path}.")
    return found
