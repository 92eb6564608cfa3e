"""Plans with any fields, for properties that hold of all."""

import math

from hypothesis import strategies as st
from pydantic import BaseModel

from ptychograd.runs.plan.fields import Section
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.plan.walking import section_of

NAMES = st.text(min_size=1, max_size=8).filter(lambda text: "." not in text)
PATHS = st.from_regex(r"[a-z]{1,6}(/[a-zäß \-]{1,6}){0,2}\.h5", fullmatch=True)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
WIDTHS = st.floats(0, exclude_min=True, allow_nan=False, allow_infinity=False)
WEIGHTS = st.floats(0, allow_infinity=False, exclude_min=True)
WHOLE = st.integers(-(2**40), 2**40)
ANY = st.recursive(
    st.one_of(st.booleans(), WHOLE, NUMBERS, st.text(max_size=9)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)
SIDES = st.integers(1, 2**20) | st.lists(st.integers(1, 2**20), min_size=2, max_size=2)
OWN = st.sampled_from(["mine:Part", "a.b:C"])
BY_NAME = {
    "version": st.just(1),
    "paths": st.lists(PATHS, max_size=3),
    "links_into": st.lists(PATHS, max_size=2),
    "keys": st.dictionaries(st.sampled_from(["patterns", "variable.angle.deg", "x y"]), st.text() | NUMBERS),
    "refine": st.lists(st.sampled_from(["object", "scan.offset"]), max_size=2),
    "priors": st.dictionaries(st.sampled_from(["tv", "l1"]), WEIGHTS),
    "steps": st.dictionaries(st.sampled_from(["object.transmission", "scan"]), WEIGHTS),
    "aberrations": st.dictionaries(st.sampled_from(["5", "6"]), NUMBERS),
    "constraints": st.dictionaries(st.sampled_from(["object.transmission", "probe"]), st.just("real")),
    "arguments": st.dictionaries(NAMES, ANY, max_size=3),
    "noise": st.sampled_from(["poisson", "amplitude"]) | OWN | st.builds(lambda name: {"kind": name}, OWN),
    "checkpoint_every": st.sampled_from([3, "10min", "never"]),
    "epochs": st.integers(0, 2**40) | st.just("auto"),
    "devices": st.integers(1, 2**40) | st.just("all"),
    "point_spread": NUMBERS | PATHS,
    "coordinator": st.text(max_size=9),
    **{name: PATHS for name in ("image", "flat_field", "flat")},
    "focal_spot": WIDTHS | st.lists(WIDTHS, min_size=2, max_size=2),
    "defocus": NUMBERS | st.lists(NUMBERS, min_size=2, max_size=2),
    "dark": NUMBERS | PATHS,
    "gain": NUMBERS | st.just("auto"),
    "centre": st.sampled_from(["auto", "disc"]) | st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=2),
    **{name: SIDES for name in ("crop", "pad", "bin", "shape")},
    "step": NUMBERS | st.sampled_from(["0.1 um", "2 nm"]) | st.lists(NUMBERS, min_size=2, max_size=2),
    "positions": PATHS | st.builds("x={}:a:um,y={}:b".format, PATHS, PATHS),
    "join": st.text(max_size=9),
    **{name: st.lists(WHOLE, max_size=3) for name in ("only", "leave_out")},
}
KINDS = {"ModelSection": ["far-field", "bragg"], "SolverSection": ["rpie", "adam"]}


def _values(section: type[BaseModel], name: str, path: str) -> st.SearchStrategy:
    """What a field may be given as."""
    field = section.model_fields[name]
    inner = section_of(field.annotation)
    if inner is not None:
        one = sections(inner, f"{path}.{name}")
        return st.lists(one, max_size=2) if name in ("stages", "lines") else one
    if name == "kind":
        return st.sampled_from(KINDS[section.__name__]) | OWN
    if name == "result" or (name == "probe" and section.__name__ == "StartSection"):
        return PATHS
    if name == "aberrations" and section.__name__ == "ElectronProbeSection":
        return st.dictionaries(st.sampled_from(["C10", "C12", "phi12"]), NUMBERS)
    if name in BY_NAME:
        return BY_NAME[name]
    if choices := [text for text in getattr(field.annotation, "__args__", ()) if isinstance(text, str)]:
        return st.sampled_from(choices)
    literal = str(field.annotation)
    if "Literal" in literal:
        return st.sampled_from([text for text in CHOICES if f"'{text}'" in literal])
    if "bool" in literal:
        return st.booleans()
    bounds = {sign: getattr(mark, sign) for mark in field.metadata for sign in SIGNS if hasattr(mark, sign)}
    least, most = bounds.get("ge", bounds.get("gt")), bounds.get("le", bounds.get("lt"))
    if "int" in literal:
        return st.integers(-(2**40) if least is None else least, 2**40 if most is None else most)
    finite = {sign: value for sign, value in (("min_value", least), ("max_value", most)) if value not in ENDLESS}
    open_ends = {
        "exclude_min": "gt" in bounds and "min_value" in finite,
        "exclude_max": "lt" in bounds and "max_value" in finite,
    }
    return st.floats(**finite, **open_ends, allow_nan=False, allow_infinity=False)


SIGNS = ("ge", "gt", "le", "lt")
ENDLESS = (None, math.inf, -math.inf)
CHOICES = ("good", "bad", "flat", "random", "single", "double", "y", "x", "yx")


def sections(section: type[BaseModel], path: str = "") -> st.SearchStrategy[dict]:
    """Dictionaries with some of a section's fields."""
    fields = {name: _values(section, name, path) for name in section.model_fields}
    needed = {name: fields.pop(name) for name in list(fields) if section.model_fields[name].is_required()}
    return st.fixed_dictionaries(needed, optional=fields)


def plans() -> st.SearchStrategy[Section]:
    """Plans without arrays and objects."""
    return sections(Plan).map(lambda values: Plan(**values))
