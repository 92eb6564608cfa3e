"""Sentences of the library in terms of the command line: a field of a plan is called as the option that gives it."""

import re
from collections.abc import Collection, Mapping

NAMED = re.compile(r"`([a-z_]\w*(?:\.[\w-]+)*)(?:=([^`]*))?`")
PATH = re.compile(r"\b[a-z]+(?:\.[a-z_]+)+\b")
ALONE = ("seed",)  # fields in no section
OTHERS = {"trusted": "--trust-model"}  # what is no field of a plan, and an option all the same


def in_terms_of(options: Mapping[str, str], text: str, known: Collection[str] = ()) -> str:
    """A sentence with options in place of the fields that it names in backquotes.

    `fit.epochs` is --epochs, `fit.noise=poisson` is --noise poisson, `data.keys.probe=PATH` is --key probe=PATH. A
    field without an option stays as it is; with a value it is given by --set.

    Args:
        options: their names, by the fields that they give.
        text: the sentence.
        known: fields that keep their names.
    """
    if "`" not in text:
        return text
    return NAMED.sub(lambda found: _option(options, known, found[0], found[1], found[2]), text)


def plainly_in_terms_of(options: Mapping[str, str], text: str, known: Collection[str] = ()) -> str:
    """The same of a text in which fields stand without marks, as in what a plan says of its fields."""
    return PATH.sub(lambda found: in_terms_of(options, f"`{found[0]}`", known).strip("`"), text)


def _option(options: Mapping[str, str], known: Collection[str], whole: str, path: str, value: str | None) -> str:
    """How a field is given on the command line; the whole text if it is none."""
    from ptychograd.runs.plan.listing import field_at

    if path in OTHERS:
        return OTHERS[path]
    about = field_at(path) if "." in path or path in ALONE else None
    if about is None or about.path in known:
        return whole
    if about.path not in options:
        return whole if value is None else f"--set {path}={value}"
    if about.is_flag:
        return options[about.path]
    name = path.removeprefix(about.path).removeprefix(".")
    return " ".join(filter(None, (options[about.path], "=".join(filter(None, (name, value))))))
