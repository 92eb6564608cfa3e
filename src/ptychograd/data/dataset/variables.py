"""What differs from pattern to pattern beside its position: an angle, a distance, a wavelength, each with its unit."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from keyword import iskeyword

import numpy as np
from jaxtyping import Float64

from ptychograd.core.errors import InputError
from ptychograd.data.dataset.freezing import held_copy
from ptychograd.data.dataset.valid import bared
from ptychograd.data.geometry import QUANTITIES, in_si

PARTS = (  # of every data set: no variable is called so
    *(
        "patterns",
        "positions",
        "mask",
        "geometry",
        "probe",
        "support",
        "truth",
        "source",
        "notes",
        "variables",
        "stated",
    ),
)


@dataclass(frozen=True, eq=False, init=False)
class Variable:
    """One quantity that differs from pattern to pattern: a number, or a few, for each, and their unit.

    Whatever unit the values are given in, they are held in that of the SI: "deg" becomes "rad", "nm" becomes "m", "eV"
    becomes "J". "pixel", "photons" and "1", of a pure number, stay as they are.

    Args:
        values: (index,), or (index, k) for k numbers each; real and finite. They are kept as float64, read-only.
        unit: m, rad, J, s, K, V, T, Pa, pixel, photons or 1, or another unit of the same, as "mm", "deg", "keV", "ms".

    Raises:
        InputError: an unknown unit, values of another shape, none at all, or some that are not finite.

    Example:
        >>> angle = pg.data.Variable(np.array([0.0, 90.0, 180.0]), "deg")
        >>> angle.unit, angle.values.round(4).tolist()
        ('rad', [0.0, 1.5708, 3.1416])
    """

    values: Float64[np.ndarray, "index *k"]
    unit: str

    def __init__(self, values: np.ndarray | Sequence, unit: str):
        found = in_si(unit) if isinstance(unit, str) else None
        if found is None:
            known = ", ".join(name for units in QUANTITIES.values() for name in units)
            raise InputError(f'The unit "{unit}" of a variable is unknown; expected one of {known}.')
        name, size = found
        numbers = _real(values)
        object.__setattr__(self, "values", held_copy(numbers if size == 1 else numbers * size))
        object.__setattr__(self, "unit", name)

    def __repr__(self) -> str:
        return f"Variable({self.values.shape} in {self.unit})"

    def of(self, which: np.ndarray) -> "Variable":
        """That of some patterns, by their numbers, or by whether each is one of them."""
        return Variable(self.values[which], self.unit)


class Variables(Mapping[str, Variable]):
    """Variables by name, which nobody can change."""

    def __init__(self, variables: Mapping[str, Variable]):
        self._variables = dict(variables)

    def __getitem__(self, name: str) -> Variable:
        return self._variables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)

    def __repr__(self) -> str:
        return repr(self._variables)

    def of(self, which: np.ndarray) -> "Variables":
        """Those of some patterns, by their numbers, or by whether each is one of them."""
        return Variables({name: variable.of(which) for name, variable in self.items()})


def checked_variables(variables: object) -> Variables:
    """Variables by name, each of which is one, with a name that is free."""
    if not isinstance(variables, Mapping):
        kind = type(variables).__name__
        raise InputError(f'The variables are {kind}; expected them by name, as {{"angle": Variable(values, "rad")}}.')
    for name, variable in variables.items():
        check_name(name)
        if not isinstance(variable, Variable):
            kind = type(variable).__name__
            raise InputError(f'The variable "{name}" is {kind}; expected a Variable, values with their unit.')
    return Variables(variables)


def check_name(name: object) -> None:
    """Refuse what can't name a variable."""
    if not (isinstance(name, str) and name.isidentifier()) or iskeyword(name):
        raise InputError(f'{name!r} can\'t name a variable; expected letters, digits and "_", as "angle".')
    if name in PARTS:
        raise InputError(f'A variable can\'t be called "{name}", as a part of every data set is; give it another name.')


def way_to(name: str, there: Mapping[str, Variable]) -> str:
    """What to do about a variable that is not there, as a part of a sentence."""
    if there:
        return f"it has {', '.join(f'{known} ({variable.unit})' for known, variable in there.items())}"
    return (
        f'it has none: give `make_dataset` variables={{"{name}": pg.data.Variable(values, unit)}}, or name where the '
        f"file keeps it (`data.keys.variable.{name}=PATH`)"
    )


def _real(given) -> Float64[np.ndarray, "..."]:
    """Finite real numbers, one for each pattern or some."""
    given, known = bared(given)
    if given.dtype.kind not in "biuf":
        raise InputError(f"The values of a variable are {given.dtype}; expected real numbers.")
    if given.ndim not in (1, 2) or given.size == 0:
        raise InputError(
            f"The values of a variable have shape {given.shape}; expected (index,) or (index, k), a number for each "
            "pattern or some."
        )
    values = given.astype(np.float64, copy=False)
    values = values if known is None else np.where(known, values, np.nan)
    finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if not finite.all():
        first = int(np.argmin(finite))
        raise InputError(
            f"{np.count_nonzero(~finite)} values of a variable are not finite, the first is number {first}, "
            f"{values[first]}; correct them or leave these patterns out."
        )
    return values
