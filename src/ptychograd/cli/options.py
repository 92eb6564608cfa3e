"""Options of commands that take a plan: which field each of them is, and the plan that they make."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, make_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from cyclopts import Group, Parameter

from ptychograd.cli.files import working_folder
from ptychograd.cli.option_table import GROUPS, OPTIONS, OWN, Option
from ptychograd.cli.wording import plainly_worded, speak_of_fields, worded, written
from ptychograd.core.errors import InputError
from ptychograd.runs.plan.importing import Origin
from ptychograd.runs.plan.listing import FieldInfo, given_fields
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.plan.quantities import KINDS
from ptychograd.runs.plan.toml import PlanText
from ptychograd.runs.plan.typed import assigned, pairs, paths_of, values_of, without_overridden

HEADINGS = {name: Group(name, sort_key=number) for number, name in enumerate(GROUPS, start=1)}
Output = Annotated[Path | None, Parameter(name=["--output", "-o"])]
OF_PLAN = "A plan (.toml), in which options given beside it change or add something."
OF_SET = "Any field of the plan, as fit.solver.momentum=0.9; repeat for several. --help-all lists all fields."
SHORT = {"--output": ("-o",)}
RESUMED = ("machine", "output")  # sections that may differ from one part of a run to the next
SIMULATED = ("model.object", "model.probe", "model.spectrum", "model.detector", "data.mask")
EXAMPLES = {"machine": "machine.rank=0", "model.object": "model.object.phase_only=true"}
READING = ("data", "geometry", "output", "machine")  # sections that every command uses
READ = (
    "--key",
    "--positions",
    "--distance",
    "--focus-distance",
    "--orientation",
    "--mask",
    "--model",
)  # how a file is read
TRIED = ("--modes", "--start", "--aperture", "--pinhole", "--focal-spot", "--defocus", "--seed", "--precision")
ELSEWHERE = ("--output", "--checkpoint-every", "--stop-after", "--follow", "--each")  # what is for `reconstruct` alone


def _flag(name: str, text: str) -> Parameter:
    return Parameter(name=name, negative="", show_default=False, help=text)


Json = Annotated[bool, _flag("--json", "End with one line of JSON.")]
Preview = Annotated[bool, _flag("--preview", "See in under half a minute what is coming: coarse, and of a part.")]
HelpAll = Annotated[bool, _flag("--help-all", "Show all fields of a plan, and end.")]
TrustModel = Annotated[bool, _flag("--trust-model", "Import the module of a model that the result's plan names.")]


def _whole(_: object, tokens: Sequence) -> int:
    """A whole number; 3.5 is none, and is not rounded to one."""
    try:
        return int(tokens[0].value)
    except ValueError:
        raise InputError(f'"{tokens[0].value}" is no whole number.') from None


Whole = Annotated[int, Parameter(converter=_whole)]
OptionalWhole = Annotated[int | None, Parameter(converter=_whole)]


def first_sentence(text: str) -> str:
    """What a description says first."""
    return re.split(r"(?<=\.)\s+(?=[A-Z])", text)[0]


def parameter(option: Option) -> Parameter:
    """The parameter of a command that an option is: what it means is said by its field."""
    about = option.field
    described = Parameter(
        name=(option.name, *SHORT.get(option.name, ())),
        help=_help(about),
        negative="",
        show_default=False,
        allow_leading_hyphen=bool(about.unit),  # as -1mm
        metavar=None if about.is_flag else _metavar(about),
    )
    headed = option.group != OWN
    return Parameter.combine(described, Parameter(group=HEADINGS[option.group])) if headed else described


def _help(about: FieldInfo) -> str:
    """What a field means, its choices, and its value if nothing is said."""
    text = plainly_worded(first_sentence(about.text)).rstrip(".")
    notes = [f"one of {', '.join(about.choices)}"] if not all(choice in text for choice in about.choices) else []
    notes += [f"default {about.default}"] if about.default not in (None, False, [], {}, 0) else []
    return f"{text} ({'; '.join(notes)})." if notes else f"{text}."


def _metavar(about: FieldInfo) -> str:
    if about.holds == "table":
        return "NAME=VALUE"
    if about.unit:
        return KINDS[about.unit].upper()
    if about.is_text:
        return "NAME" if about.choices or about.holds == "list" else "FILE"
    return {frozenset({"integer"}): "N", frozenset({"number"}): "NUMBER"}.get(about.types, "N")


def attribute(option: Option, show: bool = True) -> tuple:
    """The attribute of a class of options that holds what was typed; in a help it may be left out."""
    kind = list[str] | None if option.takes_several else bool if option.field.is_flag else str | None
    about = Parameter.combine(parameter(option), Parameter(show=show))
    return (option.attribute, Annotated[kind, about], field(default=False if kind is bool else None))


PLAN = ("plan", Annotated[str | None, Parameter(help=OF_PLAN, metavar="FILE")], None)


def set_attribute(*within: str) -> tuple:
    """The attribute that holds what was given by --set, of any field or of some sections alone."""
    text = OF_SET if not within else f"A field of {', '.join(within)}, as {EXAMPLES[within[0]]}; repeat for several."
    about = Parameter(help=text, metavar="FIELD=VALUE", negative="")
    return ("set", Annotated[list[str] | None, about], None)


@dataclass(frozen=True)
class Typed:
    """Options as they were typed; `within` are the sections to which --set is confined, if it is."""

    within: ClassVar[tuple[str, ...]] = ()


def made(name: str, *attributes: tuple, within: tuple[str, ...] = ()) -> type[Typed]:
    """A class of options as they were typed, each a text, several texts or a flag; a command takes it apart."""
    home = {"__module__": __name__, "__doc__": "Options as they were typed.", "within": within}
    return Parameter(name="*")(make_dataclass(name, attributes, bases=(Typed,), frozen=True, namespace=home))


if TYPE_CHECKING:

    class Options(Typed):
        """All of them, for `reconstruct`."""

        def __init__(self, **typed: str | bool | list[str] | None): ...

    class PlanOptions(Options): ...

    class ReadOptions(Options): ...

    class TrialOptions(Options): ...

    class RunOptions(Options): ...

    class ResumeOptions(Options): ...

    class MachineOptions(Options): ...

    class SimulateOptions(Options): ...

else:

    def some(*names):  # by their names
        return (attribute(option) for option in OPTIONS if option.name in names)

    def all_showing(names):  # but those for `reconstruct` alone
        return (attribute(one, one.name in names) for one in OPTIONS if one.name not in ELSEWHERE)

    every, by_set = [option.name for option in OPTIONS], set_attribute()
    place, saving = ("--devices", "--memory"), ("--checkpoint-every", "--stop-after")
    Options = made("Options", PLAN, by_set, *some(*every))
    PlanOptions = made("PlanOptions", PLAN, by_set, *all_showing(every))
    ReadOptions = made("ReadOptions", PLAN, by_set, *all_showing(READ))  # how a file is read
    TrialOptions = made("TrialOptions", PLAN, by_set, *all_showing((*READ, *TRIED)))  # and with what trials begin
    RunOptions = made("RunOptions", by_set, *some("--output", *saving, *place))  # beside a plan in a file
    ResumeOptions = made("ResumeOptions", set_attribute(*RESUMED), *some(*saving, *place), within=RESUMED)
    MachineOptions = made("MachineOptions", *some(*place))
    SimulateOptions = made("SimulateOptions", set_attribute(*SIMULATED), within=SIMULATED)


def plan_of(options: Typed, data: Sequence[Path] = (), file: Path | None = None) -> Plan:
    """The plan that was asked for: of a file, then of options, then of --set.

    Args:
        options: as they were typed.
        data: files, in place of those of the plan.
        file: of the plan, if that is no option.

    Raises:
        InputError: in terms of what was typed.
    """
    plan, beside = Plan().coming_from(Origin(str(working_folder()))), typed(options).get("plan")
    if beside is not None:
        plan = from_file(beside)
    if file is not None:
        plan = from_file(str(file))
        speak_of_fields()  # a command that takes a plan alone has few options
    if data:
        plan = plan.with_fields({"data.paths": tuple(map(str, data))})
        written.beside |= {"data.paths"}
    return applied(plan, options)


def from_file(file: str) -> Plan:
    """The plan in a file, whose name and lines are told with what is wrong with it from here on."""
    speak_of_fields()  # with what is wrong in the file itself
    plan = Plan.load(file)
    written.fields, written.text = given_fields(plan), PlanText(file)
    return plan


def applied(plan: Plan, options: Typed) -> Plan:
    """A plan with options as they were typed, and then with what was given by --set."""
    given = typed(options)
    texts = given.get("set", ())
    paths = [*(option.path for option in OPTIONS if option.attribute in given), *paths_of(texts)]
    written.beside |= {*paths}
    for option in OPTIONS:
        if option.attribute in given:
            plan = with_option(plan, option, given[option.attribute])
    for path in paths_of(texts):
        if options.within and not any(f"{path}.".startswith(f"{section}.") for section in options.within):
            raise InputError(f"--set {path} is of no use here; expected a field of {', '.join(options.within)}.")
    return assigned(without_overridden(plan, paths, pairs(given.get("key", ()), "--key")), texts)


def typed(options: Typed) -> dict[str, Any]:
    """What was given, by the names of attributes."""
    return {name: value for name, value in vars(options).items() if value not in (None, False)}


def field_named(name: str) -> str:
    """The field of a plan that a name stands for, which may be an option's, as epochs or batch-size."""
    found = name.replace("-", "_")
    return next((option.path for option in OPTIONS if option.attribute == found), name)


def without_effect(options: Typed, used: Collection[str]) -> list[str]:
    """Options that were given, as --epochs, and fields, as fit.epochs, that are not among those `used`."""
    given = typed(options)
    named = [option.name for option in OPTIONS if option.attribute in given and option.name not in used]
    paths = [option.path for option in OPTIONS if option.name in used]
    fields = paths_of(given.get("set", ()))
    return [*named, *(path for path in fields if path not in paths and path.partition(".")[0] not in READING)]


def with_option(plan: Plan, option: Option, given: str | bool | Sequence[str]) -> Plan:
    """The plan with the field of an option as it was typed."""
    values = values_of(option.field, given, option.name)
    try:
        return plan.with_fields(values)
    except InputError as problem:
        written.fields -= {option.path}
        raise InputError(worded(str(problem))) from None
