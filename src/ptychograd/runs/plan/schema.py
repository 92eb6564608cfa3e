"""The JSON schema of a plan, from which editors and other programs know its fields."""

import math
from typing import Any

from pydantic import BaseModel

SIGNS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}  # beside null
WITHOUT = ("title",)  # what pydantic makes of names, which says nothing more


def schema_of(plan: type[BaseModel]) -> dict:
    """Every field with its description, its default, and its unit where it has one."""
    found: dict = _cleaned(plan.model_json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A plan of ptychograd", **found}


def _cleaned(value: Any, is_names: bool = False) -> Any:
    """The schema without titles; the unit stands beside the description, also where a field may be left out."""
    if isinstance(value, list):
        return [_cleaned(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {
        SIGNS.get(name, name): _cleaned(one, name in ("properties", "$defs"))
        for name, one in value.items()
        if is_names or (name not in WITHOUT and one not in (math.inf, -math.inf))
    }
    units = [one["unit"] for one in found.get("anyOf", ()) if isinstance(one, dict) and "unit" in one]
    return found | ({"unit": units[0]} if units else {})
