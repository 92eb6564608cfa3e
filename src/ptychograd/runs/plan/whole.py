"""All that a plan says: its sections, read from files and from results, and saved."""

import os
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pydantic import PrivateAttr, ValidationError

from ptychograd.core.errors import LARGEST_SEED, InputError
from ptychograd.runs.plan.changes import changed
from ptychograd.runs.plan.fields import VERSION, Section, Whole, about
from ptychograd.runs.plan.importing import Origin, called, load_part
from ptychograd.runs.plan.problems import sentence
from ptychograd.runs.plan.schema import schema_of
from ptychograd.runs.plan.sections.data import DataSection, GeometrySection
from ptychograd.runs.plan.sections.fit import FitSection
from ptychograd.runs.plan.sections.model import ModelSection
from ptychograd.runs.plan.sections.other import MachineSection, OutputSection, ValidationSection
from ptychograd.runs.plan.settings import as_settings, sections_in
from ptychograd.runs.plan.toml import PlanText, from_folder, save, sections_of, with_files
from ptychograd.runs.plan.walking import paths_in, said
from ptychograd.runs.setting_names import PLAN, PLAN_FOLDER

if TYPE_CHECKING:
    from ptychograd.fitting.result import Result


Asked = TypeVar("Asked", bound="PlanFields")


class PlanFields(Section):
    """All that a run is asked for: data, geometry, model, fit, validation, output and machine.

    What a `Plan` says, apart from what it does: the functions of this folder take it.
    """

    version: Whole = about("Of the plan's form.", VERSION)
    seed: Whole = about(
        "Seed of the order of patterns, of a random start, and of the choice of the patterns held out.",
        0,
        least=0,
        most=LARGEST_SEED,
    )
    data: DataSection = about("What was measured, and how it is read.", DataSection)
    geometry: GeometrySection = about("Lengths of the experiment, in place of the file's.", GeometrySection)
    model: ModelSection = about("The model with which the run starts.", ModelSection)
    fit: FitSection = about("How parameters are found.", FitSection)
    validation: ValidationSection = about("What judges the run.", ValidationSection)
    output: OutputSection = about("What is kept, and when the run ends before its time.", OutputSection)
    machine: MachineSection = about("Where to compute.", MachineSection)
    _origin: Origin = PrivateAttr(default_factory=Origin)

    def __init__(self, **sections: object):
        try:
            super().__init__(**sections)
        except ValidationError as problem:
            raise InputError(sentence(problem, type(self))) from None

    @classmethod
    def of(cls: type[Asked], values: Mapping[str, object], trusted: bool = True) -> Asked:
        """A plan from sections in dictionaries, as TOML and results have them; one of an older form is read.

        Args:
            values: the sections.
            trusted: whether modules that it names may be imported; not those of a result that somebody sent.
        """
        version = values.get("version", VERSION)
        if isinstance(version, bool) or not isinstance(version, int):
            raise InputError(f"`version` {version!r} is no whole number; leave it out, or give {VERSION}.")
        if version < 1:
            raise InputError(f"`version` {version}: there is none below 1; leave it out, or give {VERSION}.")
        if version > VERSION:
            raise InputError(
                f"`version` {version}: this ptychograd knows plans of versions up to {VERSION}; use a newer ptychograd."
            )
        return cls(**{**values, "version": VERSION}).coming_from(Origin(trusted=trusted))

    @classmethod
    def load(cls: type[Asked], path: str | os.PathLike[str]) -> Asked:
        """A plan from a TOML file; names of files in it are those from its folder, and modules of its own lie there.

        Raises:
            InputError: what is wrong, with file, line and cure.
        """
        text = PlanText(path)
        try:
            plan = cls.of(sections_of(text, cls))
        except InputError as problem:
            raise text.located(problem) from None
        return plan.coming_from(Origin(str(text.path.parent)))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fields that were given into a TOML file, with what each means; arrays go into a file beside it.

        Raises:
            InputError: the plan has an object that no module names, or the file can't be written.
        """
        save(self, path)

    @classmethod
    def schema(cls) -> dict:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The JSON schema of a plan, with description and unit of every field."""
        return schema_of(cls)

    @property
    def origin(self) -> Origin:
        """Where the plan came from, and so whether parts of one's own may be imported."""
        return self._origin

    def seen_from(self: Asked, folder: str) -> Asked:
        """The plan, whose names of files are those from another folder, with names from the working folder."""
        if os.path.realpath(folder) == os.path.realpath(os.curdir):
            return self
        here = with_files(self.said(), type(self), partial(from_folder, folder))
        return type(self)(**here).coming_from(self.origin)

    def coming_from(self: Asked, origin: Origin) -> Asked:
        """The same plan, from elsewhere."""
        plan = self.model_copy()
        plan._origin = origin
        return plan

    def with_fields(self: Asked, values: Mapping[str, object]) -> Asked:
        """Another plan, in which fields have other values.

        Args:
            values: by the path of their field, as {"fit.solver.momentum": 0.9}; of an entry of a table, as
                {"fit.priors.tv": 0.3}; of a stage, counted from 1, as {"fit.stages.2.epochs": 30}.

        Raises:
            InputError: there is no such field, or the value does not suit it.
        """
        said = self.said()
        for path, value in values.items():
            said = changed(type(self), said, path, value)
        return type(self)(**said).coming_from(self.origin)

    def field(self, path: str) -> object:
        """The value of a field, by its path."""
        found: object = self
        for name in path.split("."):
            found = getattr(found, name)
        return found

    def said(self) -> dict:
        """Sections with the fields that were given, as dictionaries."""
        return said(self)

    @property
    def said_fields(self) -> tuple[str, ...]:
        """Paths of the fields that were given."""
        return tuple(paths_in(self.said()))

    @property
    def holds_out(self) -> bool:
        """Whether some patterns are held out of the run."""
        from ptychograd.runs.plan.held_share import held_share

        refine = self.fit.refine if self.validation.position_test else ()
        return held_share(self.validation.hold_out, refine, 1) > 0

    @property
    def is_of_package(self) -> bool:
        """Whether the model is one of the package's."""
        return self.model.kind is None or (isinstance(self.model.kind, str) and ":" not in self.model.kind)

    def own_part(self, named: object, field: str = "model.kind") -> object:
        """A part of your own: an object as it is, or what "module:Class" names, imported now.

        Args:
            named: the object, or the name; {"kind": "module:Class", "arguments": {...}} is made with these.
            field: path of the field that says so.
        """
        if isinstance(named, dict):
            return called(load_part(named["kind"], field, self.origin), field, **named.get("arguments", {}))
        return load_part(named, field, self.origin) if isinstance(named, str) else named

    @classmethod
    def of_result(
        cls: type[Asked], result: "Result", trusted: bool = False, given: Mapping[str, object] | None = None
    ) -> Asked:
        """The plan of the run that a result is of.

        Args:
            result: one that was read or just made.
            trusted: whether modules that it names may be imported; not those of a result that somebody sent.
            given: values of fields in place of the stored ones, by path, as an object that no module names.

        Raises:
            InputError: the result has no plan, or one that a file can't hold.
        """
        settings = result.settings.get(PLAN)
        if not isinstance(settings, Mapping):
            raise InputError("The result has no plan: it was not made by one; write one with `ptychograd init`.")
        folder = result.settings.get(PLAN_FOLDER)
        return cls.of(sections_in(settings, result.attached, given)).coming_from(
            Origin(folder, trusted, of_result=True)
        )

    def __eq__(self, other: object) -> bool:
        """Whether another plan says the same; arrays are compared by their digests."""
        return isinstance(other, PlanFields) and (self is other or as_settings(self)[0] == as_settings(other)[0])

    __hash__ = None  # type: ignore[assignment]

    def as_settings(self) -> dict:
        """The fields that were given, as a result keeps them; of arrays their digests."""
        return as_settings(self)[0]
