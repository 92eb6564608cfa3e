"""Other values in a plan, by the paths of their fields."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import BaseModel

from ptychograd.core.errors import InputError
from ptychograd.runs.plan.problems import unknown
from ptychograd.runs.plan.walking import Place


def changed(plan: type[BaseModel], values: Mapping[str, object], path: str, value: object) -> dict[str, object]:
    """The sections of a plan as dictionaries, with another value in a field.

    Args:
        plan: the class of the plan.
        values: sections with the fields that are given.
        path: of the field, as "fit.epochs"; of an entry of a table, as "fit.priors.tv"; of a stage, counted from 1, as
            "fit.stages.2.epochs". The stage behind the last one is a new one.

    Raises:
        InputError: there is no such field.
    """
    return _Change(plan, path, value).made(plan, values, path.split("."))


class _Change(NamedTuple):
    """Another value for the field at a path of a plan."""

    plan: type[BaseModel]
    path: str
    value: object

    def made(self, section: type[BaseModel], values: Mapping[str, object], names: Sequence[str]) -> dict[str, object]:
        """A section with the change in it, `names` being the path from there."""
        name, rest = names[0], names[1:]
        if name not in section.model_fields:
            raise InputError(unknown(self.plan, self.path))
        place, before = Place(name, section, name), values.get(name)
        return {**values, name: self._inside(place, before, rest) if rest else self.value}

    def _inside(self, place: Place, before: object, rest: Sequence[str]) -> object:
        """What a field holds with the change in it."""
        known = before if isinstance(before, Mapping) else {}
        if place.inner is None:
            if not place.holds(dict):
                raise InputError(unknown(self.plan, self.path))
            return {**known, ".".join(rest): self.value}
        if not place.holds(tuple):
            return self.made(place.inner, known, rest)
        several = list(before) if isinstance(before, list | tuple) else []
        number = self._number(rest[0], len(several))
        if len(rest) == 1:
            example = f"{self.path}.{next(iter(place.inner.model_fields))}"
            raise InputError(f"`{self.path}` is a section; give one of its fields, as `{example}`.")
        one = several[number] if number < len(several) else {}
        several[number : number + 1] = [self.made(place.inner, one, rest[1:])]
        return several

    def _number(self, text: str, count: int) -> int:
        """From 0, of a text that counts from 1."""
        if not text.isdecimal():
            raise InputError(f"`{self.path}`: there may be several; name one by its number, as 1 for the first.")
        if not 1 <= int(text) <= count + 1:
            raise InputError(f"`{self.path}`: there are {count}; expected a number from 1 to {count + 1}.")
        return int(text) - 1
