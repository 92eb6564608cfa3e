"""Parts of one's own, "module:Class": imported only where a person named the plan that names them."""

import importlib
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from ptychograd.core.errors import InputError
from ptychograd.runs.plan.fields import MODULE_CLASS

RAISED = (  # by a module while it is imported, or by a class when it is called
    *(ArithmeticError, AttributeError, ImportError, LookupError, NameError, OSError),
    *(RuntimeError, SyntaxError, TypeError, ValueError),
)
_lock = threading.RLock()  # modules are looked for in one folder at a time
_Kind = TypeVar("_Kind")


@dataclass(frozen=True, eq=False)
class Origin:
    """Where a plan came from, and whether its parts may be imported; it does not make another plan of one.

    Args:
        folder: in which modules are looked for before all others; none for a plan that was made in Python.
        trusted: a person wrote the plan in Python, or named its file. A plan out of a result is not, unless a person
            says so.
        of_result: the plan is one out of a result.
    """

    folder: str | None = None
    trusted: bool = True
    of_result: bool = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Origin)

    def __hash__(self) -> int:
        return hash(Origin)


def load_part(name: str, field: str, origin: Origin = Origin()) -> object:
    """The class or function that a plan names.

    Args:
        name: "module:Class".
        field: path of the field that names it, for the sentence if it can't be had.
        origin: where the plan came from.

    Raises:
        InputError: the plan is not trusted, there is no such module or class, or the module fails.
    """
    if not MODULE_CLASS.fullmatch(name):
        raise InputError(f'`{field}` "{name}" is no part of your own; expected "module:Class".')
    if not origin.trusted:
        raise InputError(
            f"The plan of a result names {name} for {field}, and what a result names is not imported by itself; say "
            "`trusted=True` if you trust that module, or take the plan from a file of your own."
        )
    module, _, kind = name.partition(":")
    place = f"the plan of the result names {name} for {field}" if origin.of_result else f"`{field}`"
    found = getattr(_module(module, place, origin.folder), kind, None)
    if not callable(found):
        what = "has no" if found is None else "has no class or function"
        raise InputError(f"{place}: the module {module} {what} {kind}; check the name.")
    return found


def make_part(part: object, expected: type[_Kind], field: str, origin: Origin = Origin()) -> _Kind:
    """The part that a field of a plan says: an object as it is, or one that is made.

    Args:
        part: an object, a class, "module:Class", or {"kind": "module:Class", "arguments": {...}}.
        expected: the class of which it has to be.
        field: path of the field.
        origin: where the plan came from.

    Raises:
        InputError: it can't be had, can't be made, or is of another kind.
    """
    kind, arguments = (part.get("kind"), part.get("arguments") or {}) if isinstance(part, Mapping) else (part, {})
    maker = load_part(kind, field, origin) if isinstance(kind, str) else kind
    if isinstance(kind, str | type) or not isinstance(maker, expected):
        maker = called(maker, field, **{name: _fixed(value) for name, value in arguments.items()})
    if not isinstance(maker, expected):
        raise InputError(
            f"`{field}` gives an object of {type(maker).__qualname__}; expected one of {expected.__name__}."
        )
    return maker


def _fixed(value: object) -> object:
    """A value out of a file, with tuples for lists: parts never change."""
    return tuple(map(_fixed, value)) if isinstance(value, list) else value


def called(maker: object, field: str, *given: object, **arguments: object) -> object:
    """What a class or function of one's own makes of its arguments. Raises `InputError` if it can't."""
    name = getattr(maker, "__qualname__", type(maker).__qualname__)
    if not callable(maker):
        raise InputError(f"`{field}` is an object of {name}, which makes nothing; expected a class.")
    try:
        return maker(*given, **arguments)
    except InputError:
        raise
    except RAISED as problem:
        raise InputError(f"`{field}`: {name} can't be made: {_said(problem)}.") from problem


def _module(name: str, place: str, folder: str | None) -> ModuleType:
    with _lock, _looked_for_in(folder):
        try:
            _begin(name.partition(".")[0], folder)
            return importlib.import_module(name)
        except ModuleNotFoundError as problem:
            missing = problem.name or ""
            if not (name == missing or name.startswith(f"{missing}.")):
                raise InputError(f"{place}: the module {name} needs {missing}, which is not there.") from problem
            where = f"beside the plan ({Path(folder).resolve()}) nor installed" if folder is not None else "on the path"
            neither = "neither " if folder is not None else "not "
            raise InputError(f"{place}: the module {name} is {neither}{where}; put it there.") from None
        except RAISED as problem:
            if isinstance(problem, _ClashError):
                raise InputError(f"{place}: {problem}") from None
            raise InputError(f"{place}: the module {name} fails when it is imported: {_said(problem)}.") from problem


class _ClashError(ImportError):
    """Another module of the same name is in use."""


def _begin(name: str, folder: str | None) -> None:
    """Import the module that lies in the folder, which comes before an installed one of the same name."""
    beside = None if folder is None else PathFinder.find_spec(name, [str(Path(folder).resolve())])
    if beside is None or beside.loader is None:
        return
    known = sys.modules.get(name)
    if known is not None:
        if getattr(known, "__file__", None) not in (None, beside.origin):
            raise _ClashError(f"another module {name} is in use ({known.__file__}); rename the one beside the plan.")
        return
    _run(name, beside)


def _run(name: str, beside: ModuleSpec) -> None:
    module = module_from_spec(beside)
    sys.modules[name] = module
    is_whole = False
    try:
        beside.loader.exec_module(module)  # pyright: ignore[reportOptionalMemberAccess]
        is_whole = True
    finally:
        if not is_whole:
            del sys.modules[name]


@contextmanager
def _looked_for_in(folder: str | None) -> Iterator[None]:
    """Let modules in a folder import each other; what is installed comes first, so that none takes its place."""
    if folder is None:
        yield
        return
    place = str(Path(folder).resolve())
    importlib.invalidate_caches()  # a file that was written a moment ago is found
    sys.path.append(place)
    try:
        yield
    finally:
        last = len(sys.path) - 1 - sys.path[::-1].index(place) if place in sys.path else None
        if last is not None:
            del sys.path[last]


def _said(problem: Exception) -> str:
    text = " ".join(str(problem).split()).rstrip(".")
    return f"{type(problem).__name__}: {text}" if text else type(problem).__name__
