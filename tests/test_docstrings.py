"""Every public name says in one form what it is: each parameter has a word, and each example runs."""

import dataclasses
import doctest
import inspect
import re
from typing import Any

import numpy as np
import pytest

import problems
import ptychograd as pg

ROOMS = ("core", "physics", "data", "models", "fitting", "solvers", "priors", "noise", "refinement", "runs", "quality")
SPACES = {"pg": pg} | {
    f"pg.{name}": getattr(pg, name) for name in (*ROOMS, "constraints", "automatic", "output", "plot")
}
PUBLIC = {
    id(found): (f"{space}.{name}", found)
    for space, room in reversed(SPACES.items())
    for name in room.__all__
    if not inspect.ismodule(found := getattr(room, name))
}
NAMES = {name: inspect.unwrap(found) for name, found in PUBLIC.values()}


def parameters(found) -> list[str]:
    """Names of what it is called with."""
    if inspect.isclass(found):
        if not dataclasses.is_dataclass(found) and not hasattr(found, "_fields"):
            return []
        if inspect.isabstract(found) or issubclass(found, Exception):
            return []
    names = inspect.signature(found).parameters
    return [name for name in names if name not in ("self", "cls", "args", "kwargs")]


def without_a_word(found) -> list[str]:
    """Parameters that the docstring's `Args` does not name."""
    text = inspect.getdoc(found) or ""
    _, _, part = text.partition("\nArgs:\n")
    part = re.split(r"\n\w", part)[0]
    said = {name for line in re.findall(r"^ {4}([\w*, ]+): ", part, re.MULTILINE) for name in re.findall(r"\w+", line)}
    return [name for name in parameters(found) if name not in said]


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_parameter_has_a_word(name):
    found = NAMES[name]
    assert inspect.getdoc(found), f"{name} has no docstring"
    assert not without_a_word(found), f"{name}: its Args do not name {without_a_word(found)}"


@pytest.mark.parametrize("name", sorted(NAMES))
def test_no_constructor_takes_anything(name):
    """A converter's own annotation is what `help` shows of a field; without one it is `Any`."""
    found = NAMES[name]
    if inspect.isclass(found) and parameters(found):
        kinds = {one.name: one.annotation for one in inspect.signature(found).parameters.values()}
        assert not [one for one, kind in kinds.items() if kind in (Any, inspect.Parameter.empty)]


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """What examples take as given: a small simulated scan, its start model, a run, and its result."""
    data = problems.measurement()
    model = problems.start_model(data)
    run = pg.Run(model, data, pg.Nesterov(), (pg.Stage(2),), batch_size=14)
    return {
        "pg": pg,
        "np": np,
        "data": data,
        "model": model,
        "run": run,
        "result": pg.perform(run),
        **planned(data, tmp_path_factory.mktemp("desk")),
    }


def planned(data, folder):
    """A plan of the scan, and the grid of its runs."""
    pg.write(folder / "scan.h5", data)
    plan = pg.Plan(data={"paths": folder / "scan.h5"}, fit={"epochs": 2})
    return {"plan": plan, "grid": pg.runs.PlanGrid(plan, pg.Plan.read, data)}


@pytest.mark.parametrize(
    "name", sorted(name for name, found in NAMES.items() if ">>>" in (inspect.getdoc(found) or ""))
)
def test_the_example_runs(name, desk, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    test = doctest.DocTestParser().get_doctest(inspect.getdoc(NAMES[name]), dict(desk), name, None, None)
    told = []
    doctest.DocTestRunner(optionflags=flags).run(test, out=told.append)
    assert not told, "".join(told)
