"""How a person says where positions are: FILE, FILE:NAME, or x=...,y=..., each with a unit behind, as scan.csv:um."""

import re
from collections.abc import Callable

_AXES = re.compile(r"\s*(?:x=(?P<x>.+?)\s*,\s*y=(?P<y>.+?)|y=(?P<y_first>.+?)\s*,\s*x=(?P<x_second>.+?))\s*")


def places_in(text: str) -> list[str]:
    """The places that a text names: one, or that of x and that of y."""
    axes = _AXES.fullmatch(text)
    return [text] if axes is None else [axes["x"] or axes["x_second"], axes["y"] or axes["y_first"]]


def with_files(text: str, change: Callable[[str], str]) -> str:
    """The text with other names of files in it; an array of the patterns' own file begins with a slash and stays."""
    found = [":".join([change(file), *rest]) for file, *rest in (place.split(":") for place in places_in(text))]
    return found[0] if len(found) == 1 else f"x={found[0]},y={found[1]}"
