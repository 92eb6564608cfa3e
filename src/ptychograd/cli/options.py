"""Options of commands that take a plan: which field each of them is, and the plan that they make."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, make_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from cyclopts import Group, Parameter

from ptychograd.cli.files import working_folder
from ptychograd.cli.option_table import GROUPS, OPTIONS, OWN, Option
from ptychograd.cli.wording import plainly_worded, speak_of_fields, worded, written
from ptychograd.core.errors import InputError
from ptychograd.output import texts
from ptychograd.runs.plan.importing import Origin
from ptychograd.runs.plan.listing import given_fields
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.plan.toml import PlanText
from ptychograd.runs.plan.typed import assigned, pairs, paths_of, require_within, values_of, without_overridden

HEADINGS = {name: Group(name, sort_key=number) for number, name in enumerate(GROUPS, start=1)}
Output = Annotated[Path | None, Parameter(name=["--output", "-o"])]
OF_PLAN = "A plan (.toml), in which options given beside it change or add something."
OF_SET = "Any field of the plan, as fit.solver.momentum=0.9; repeat for several. `reconstruct --help-all` lists them."
SHORT = {"--output": ("-o",)}
RESUMED = ("machine", "output")  # sections that may differ from one part of a run to the next
SIMULATED = ("model.object", "model.probe", "model.spectrum", "model.detector", "data.mask")
EXAMPLES = {"machine": "machine.rank=0", "model.object": "model.object.phase_only=true"}
READING = ("data", "geometry", "output", "machine")  # sections that every command uses
# How a file is read.
READ = ("--key", "--positions", "--distance", "--focus-distance", "--orientation", "--mask", "--model")
TRIED = ("--modes", "--start", "--aperture", "--pinhole", "--focal-spot", "--defocus", "--seed", "--precision")
ELSEWHERE = ("--output", "--checkpoint-every", "--stop-after", "--follow", "--each")  # what is for `reconstruct` alone


def _flag(name: str, text: str) -> Parameter:
    return Parameter(name=name, negative="", show_default=False, help=text)


Json = Annotated[bool, _flag("--json", "End with one line of JSON.")]
Preview = Annotated[bool, _flag("--preview", "See in under half a minute what is coming: coarse, and of a part.")]
Data = Annotated[Path, Parameter(help="CXI, HDF5 or NPZ.")]
More = Annotated[Path, Parameter(help="Further files of the same scan.")]
ResultFile = Annotated[Path, Parameter(help="What `reconstruct` wrote.")]
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


def parameter(option: Option, show: bool = True) -> Parameter:
    """The parameter of a command that an option is; what it means is said by its field."""
    about = option.field
    headed = () if option.group == OWN else (Parameter(group=HEADINGS[option.group]),)
    described = Parameter(
        name=(option.name, *SHORT.get(option.name, ())),
        help=plainly_worded(texts.help_of(about)),
        negative="",
        show=show,
        show_default=False,
        allow_leading_hyphen=bool(about.unit),  # as -1mm
        metavar=None if about.is_flag else texts.metavar_of(about),
    )
    return Parameter.combine(described, *headed)


def attribute(option: Option, show: bool = True) -> tuple:
    """The attribute of a class of options that holds what was typed."""
    kind = list[str] | None if option.field.holds != "one" else bool if option.field.is_flag else str | None
    return (option.attribute, Annotated[kind, parameter(option, show)], field(default=False if kind is bool else None))


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
    if TYPE_CHECKING:

        def __init__(self, **typed: str | bool | list[str] | None): ...


def made(name: str, *attributes: tuple, within: tuple[str, ...] = ()) -> type[Typed]:
    """A class of options as they were typed, each a text, several texts or a flag; a command takes it apart."""
    home = {"__module__": __name__, "__doc__": "Options as they were typed.", "within": within}
    return Parameter(name="*")(make_dataclass(name, attributes, bases=(Typed,), frozen=True, namespace=home))


def some(*names: str, showing: Collection[str] = ()) -> list[tuple]:
    """The attributes of options by their names, or of all but those for `reconstruct` alone, `showing` some."""
    if showing:
        return [attribute(one, one.name in showing) for one in OPTIONS if one.name not in ELSEWHERE]
    return [attribute(one) for one in OPTIONS if one.name in names]


ALL, BY_SET = [option.name for option in OPTIONS], set_attribute()
PLACE, SAVING = ("--devices", "--memory"), ("--checkpoint-every", "--stop-after")
BESIDE = ("--output", *SAVING, *PLACE)  # shown beside a plan in a file
if TYPE_CHECKING:
    Options = Typed
    PlanOptions = Typed
    ReadOptions = Typed
    TrialOptions = Typed
    RunOptions = Typed
    ResumeOptions = Typed
    MachineOptions = Typed
    SimulateOptions = Typed
else:
    Options = made("Options", PLAN, BY_SET, *some(*ALL))  # for `reconstruct`
    PlanOptions = made("PlanOptions", PLAN, BY_SET, *some(showing=ALL))
    ReadOptions = made("ReadOptions", PLAN, BY_SET, *some(showing=READ))  # how a file is read
    TrialOptions = made("TrialOptions", PLAN, BY_SET, *some(showing=(*READ, *TRIED)))  # and with what trials begin
    RunOptions = made("RunOptions", BY_SET, *(attribute(one, one.name in BESIDE) for one in OPTIONS))
    ResumeOptions = made("ResumeOptions", set_attribute(*RESUMED), *some(*SAVING, *PLACE), within=RESUMED)
    MachineOptions = made("MachineOptions", *some(*PLACE))
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
    used, sets = [option for option in OPTIONS if option.attribute in given], given.get("set", ())
    paths = [*(option.path for option in used), *paths_of(sets)]
    written.beside |= {*paths}
    for option in used:
        values = values_of(option.field, given[option.attribute], option.name)
        try:
            plan = plan.with_fields(values)
        except InputError as problem:
            written.fields -= {option.path}
            raise InputError(worded(str(problem))) from None
    require_within(sets, options.within)
    return assigned(without_overridden(plan, paths, pairs(given.get("key", ()), "--key")), sets)


def typed(options: Typed) -> dict[str, Any]:
    """What was given, by the names of attributes."""
    return {name: value for name, value in vars(options).items() if value not in (None, False)}


def field_named(name: str) -> str:
    """The field of a plan that a name stands for, which may be an option's, as epochs or batch-size."""
    return next((option.path for option in OPTIONS if option.attribute == name.replace("-", "_")), name)


def without_effect(options: Typed, used: Collection[str]) -> list[str]:
    """Options that were given, as --epochs, and fields, as fit.epochs, that are not among those `used`."""
    given = typed(options)
    named = [option.name for option in OPTIONS if option.attribute in given and option.name not in used]
    known = [*READING, *(option.path for option in OPTIONS if option.name in used)]
    return [*named, *(path for path in paths_of(given.get("set", ())) if not {path, path.partition(".")[0]} & {*known})]
