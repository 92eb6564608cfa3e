"""The plan of a run: everything that it is asked for, in one object that is checked, saved and performed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import ValidationError

from ptychograd.core.errors import InputError
from ptychograd.runs.plan.changes import changed
from ptychograd.runs.plan.fields import Section, Whole, about
from ptychograd.runs.plan.problems import sentence
from ptychograd.runs.plan.sections.data import DataSection, GeometrySection
from ptychograd.runs.plan.sections.fit import FitSection
from ptychograd.runs.plan.sections.model import ModelSection
from ptychograd.runs.plan.sections.other import MachineSection, OutputSection, ValidationSection

if TYPE_CHECKING:
    pass

VERSION = 1


class Plan(Section):
    """All that a run is asked for: data, geometry, model, fit, validation, output and machine.

    It is written in Python, read from TOML (`Plan.load`), or made from options of the command line; the same plan gives
    the same bytes. A plan never changes: `plan.with_fields({"fit.epochs": 100})` is another one.

    Args:
        version: of the plan's form; a newer one than this package knows is refused.
        seed: of the order of patterns, of a random start, and of the choice of the patterns held out.
        data: files, and how they are read.
        geometry: lengths in place of the file's.
        model: kind, start, and what the model has beside the ideal.
        fit: solver, epochs or stages, noise, what is refined, priors and constraints.
        validation: patterns that are held out, and what they judge.
        output: where the result goes, and how often it is saved meanwhile.
        machine: devices, memory and precision.

    Example:
        >>> plan = pg.Plan(data={"paths": "scan.h5"}, geometry={"energy": "8 keV"}, fit={"epochs": 100})
        >>> plan.with_fields({"fit.solver.momentum": 0.9}).fit.solver.momentum
        0.9
    """

    version: Whole = about("Of the plan's form.", VERSION)
    seed: Whole = about(
        "Seed of the order of patterns, of a random start, and of the choice of the patterns held out.", 0
    )
    data: DataSection = about("What was measured, and how it is read.", DataSection)
    geometry: GeometrySection = about("Lengths of the experiment, in place of the file's.", GeometrySection)
    model: ModelSection = about("The model with which the run starts.", ModelSection)
    fit: FitSection = about("How parameters are found.", FitSection)
    validation: ValidationSection = about("What judges the run.", ValidationSection)
    output: OutputSection = about("What is kept, and when the run ends before its time.", OutputSection)
    machine: MachineSection = about("Where to compute.", MachineSection)

    def __init__(self, **sections: object):
        try:
            super().__init__(**sections)
        except ValidationError as problem:
            raise InputError(sentence(problem, Plan)) from None

    @classmethod
    def of(cls, values: Mapping[str, object]) -> "Plan":
        """A plan from sections in dictionaries, as TOML and results have them; one of an older form is read."""
        version = values.get("version", VERSION)
        if isinstance(version, int) and version > VERSION:
            raise InputError(
                f"The plan has version {version}, and this ptychograd knows versions up to {VERSION}; use a newer one."
            )
        return cls(**{**values, "version": VERSION})

    def with_fields(self, values: Mapping[str, object]) -> "Plan":
        """Another plan, in which fields have other values.

        Args:
            values: by the path of their field, as {"fit.solver.momentum": 0.9}; of an entry of a table, as
                {"fit.priors.tv": 0.3}; of a stage, counted from 1, as {"fit.stages.2.epochs": 30}.

        Raises:
            InputError: there is no such field, or the value does not suit it.
        """
        said = self.said()
        for path, value in values.items():
            said = changed(Plan, said, path, value)
        return Plan(**said)

    def said(self) -> dict:
        """Sections with the fields that were given, as dictionaries."""
        return _said(self)


def _said(section: Section) -> dict:
    """The fields of a section that were given, and those of its sections."""
    found = {
        name: _plain(getattr(section, name)) for name in type(section).model_fields if name in section.model_fields_set
    }
    return {name: value for name, value in found.items() if value != {} or not _is_section(section, name)}


def _plain(value: object) -> object:
    if isinstance(value, Section):
        return _said(value)
    if isinstance(value, tuple) and any(isinstance(part, Section) for part in value):
        return [_plain(part) for part in value]
    return dict(value) if isinstance(value, dict) else value


def _is_section(section: Section, name: str) -> bool:
    return isinstance(getattr(section, name), Section)
