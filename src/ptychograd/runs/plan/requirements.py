"""What fields of a plan need beside them, so that none is ignored without a word."""

from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from ptychograd.core.errors import InputError
from ptychograd.core.parameters import matches
from ptychograd.physics import paths
from ptychograd.runs.plan.effects.detector import is_zero
from ptychograd.runs.plan.fields import Section
from ptychograd.runs.plan.sections.model import ModelSection

if TYPE_CHECKING:
    from ptychograd.runs.plan.whole import PlanFields

REFINE = "fit.refine"


class Need(NamedTuple):
    """A field, the others of which it needs at least one, and what it is for."""

    field: str
    others: tuple[str, ...]
    what: str


POSITIONS = tuple(f"{REFINE} {path}" for path in paths.CORRECTING.values())
READ = ("fit.noise poisson-gaussian", "fit.noise gaussian")
SLICES, SLICE_DISTANCE = "model.object.slices", "model.object.slice_distance"
LINES, BANDWIDTH = "model.spectrum.lines", "model.spectrum.bandwidth"
ABERRATIONS, READOUT = "model.probe.aberrations", "model.detector.readout"
NEEDS = (
    Need("model.spectrum.samples", (BANDWIDTH,), "the wavelengths that stand for a Gaussian spectrum"),
    Need(
        "model.probe.numerical_aperture",
        (ABERRATIONS, f"{REFINE} {paths.ABERRATIONS}"),
        "the pupil over which the aberrations are given",
    ),
    Need("model.positions.reach", POSITIONS, "how far refined positions may move"),
    Need("model.positions.placed_within", POSITIONS, "positions that are looked for and then refined"),
    Need(
        "model.detector.background_image",
        (f"{REFINE} {paths.BACKGROUND}",),
        "a background that is found for every pixel",
    ),
    Need(READOUT, READ, "noise of reading a pixel, in photons rms"),
    *(Need(noise, (READOUT,), "noise of reading a pixel, in photons rms") for noise in READ),
    Need(SLICE_DISTANCE, (SLICES,), "a thick object: 2 slices or more, and the distance between them"),
    Need(SLICES, (SLICE_DISTANCE,), "a thick object: 2 slices or more, and the distance between them"),
    Need("fit.priors slices", (SLICES,), "neighbouring slices of a thick object"),
    Need(f"{REFINE} {paths.SPECTRUM}", (LINES, BANDWIDTH), "the shares of the lines of a spectrum"),
    Need("fit.refine_after", (REFINE,), "the epochs before the parameters of `fit.refine` are refined"),
)
NOT_SIMULATED = {
    "model.positions.placed_within": "positions that a reconstruction looks for",
    "model.positions.reach": "positions that a reconstruction refines; simulated ones take all the room they need",
    "model.detector.background_image": "a reconstruction; a simulated background is the same everywhere",
}
BESIDE_STAGES = ("epochs", "hold_probe", "refine_after")  # what stages that are spelled out take the place of


def check_fields(plan: "PlanFields") -> None:
    """Refuse the first field that does not go with the others, before anything is read."""
    from ptychograd.runs.plan.noises import check_level, priors_of

    for path in plan.fit.refine if plan.is_of_package else ():
        _check_name(path)
    fit = plan.fit
    given = {*_given(plan.model, "model."), *(f"fit.noise {name}" for name in (fit.noise,) if isinstance(name, str))}
    given |= {f"{REFINE} {path}" for path in fit.refine} | {REFINE for _ in fit.refine}
    given |= {f"fit.priors {name}" for name in fit.priors}
    given |= {SLICES} if "slices" in plan.model.object.model_fields_set else set()  # of one slice too: a sweep's first
    given -= {SLICES} if SLICE_DISTANCE not in given and plan.model.object.slices == 1 else set()
    _check(given if fit.refine_after is None else {*given, "fit.refine_after"})
    for name in BESIDE_STAGES if fit.stages else ():
        if getattr(fit, name) is not None:
            raise InputError(f"`fit.stages` and `fit.{name}` are both given, and say the same twice; give one of them.")
    check_level(plan.model.detector)
    refined = any(matches(paths.POINT_SPREAD_WIDTH, path) for path in fit.refine)
    if refined and is_zero(plan.model.detector.point_spread):
        raise InputError(
            "A point spread of 0 does not tell in which direction to go; leave `model.detector.point_spread` out."
        )
    priors_of(fit.priors)
    if plan.model.arguments and plan.is_of_package:
        raise InputError("`model.arguments` is for a model of your own; name it as `model.kind`, as my_model:Class.")


def _check_name(path: str) -> None:
    """Refuse a name that is not among those that can be refined here, and say the nearest that is."""
    if path in paths.REFINABLE:
        return
    near = get_close_matches(path, paths.REFINABLE, 1, 0.5)
    meant = f"; did you mean {near[0]}?" if near else "."
    raise InputError(f'`fit.refine` "{path}" is unknown{meant} Parameters are: {", ".join(paths.REFINABLE)}.')


def check_simulated(noise: str, asked: ModelSection) -> None:
    """The same of a simulation, which has no start and refines nothing."""
    given = {*_given(asked, "model."), f"fit.noise {noise}"}
    for field, what in NOT_SIMULATED.items():
        if field in given:
            raise InputError(f"`{field}` is for {what}.")
    _check(given, simulated=True)


def _check(given: Collection[str], simulated: bool = False) -> None:
    for field, others, what in NEEDS:
        if field in given and not any(_is_there(other, given) for other in others):
            possible = [other for other in others if not (simulated and other.startswith(REFINE))]
            raise InputError(
                f"{_spoken(field)} needs {' or '.join(map(_spoken, possible))} beside it: it is for {what}."
            )


def _spoken(field: str) -> str:
    """A field, and its value, as a message has them."""
    name, _, value = field.partition(" ")
    return f"`{name}` {value}".rstrip()


def _is_there(field: str, given: Collection[str]) -> bool:
    """Whether a field is given; a parameter is refined under the name of its parents too."""
    name, _, path = field.partition(" ")
    if name != REFINE or not path:
        return field in given
    return any(matches(path, other.removeprefix(f"{REFINE} ")) for other in given if other.startswith(f"{REFINE} "))


def _given(section: Section, before: str) -> Iterator[str]:
    """The fields that are not as they are by themselves."""
    plain = type(section)()
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from _given(value, f"{before}{name}.")
        elif value is not getattr(plain, name) and not _equal(value, getattr(plain, name)):
            yield f"{before}{name}"


def _equal(one: object, other: object) -> bool:
    return type(one) is type(other) and not hasattr(one, "shape") and one == other
