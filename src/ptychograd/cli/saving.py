"""A result and what it takes to make its run anew; whose result is at a name that nobody chose."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ptychograd.core.errors import NotWrittenError
from ptychograd.output.captions import FOLDER, data_files, origin
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.plan.sections.other import MachineSection
from ptychograd.runs.setting_names import FINGERPRINT, MACHINE

if TYPE_CHECKING:
    from ptychograd.data.dataset import Dataset
    from ptychograd.fitting.result import Result

IMAGES = ("data.mask.image", "model.detector.flat_field", "model.detector.point_spread")


def with_whole_paths(plan: Plan) -> Plan:
    """The plan with whole paths in place of images in files, which are found from wherever the run goes on."""
    given = {path: plan.field(path) for path in IMAGES}
    whole = {
        path: str(Path(name).resolve())
        for path, name in given.items()
        if isinstance(name, str) and Path(name).is_file()
    }
    return plan.with_fields(whole) if whole else plan


def described(result: "Result", data: "Dataset", plan: Plan, machine: MachineSection, folder: Path) -> "Result":
    """The result with its plan, the folder of the run, and the devices and memory that it had, in its settings."""
    from ptychograd.runs.planned import described

    result = described(result, plan, data)
    had = {"devices": machine.devices, "memory": machine.memory if data.is_stored else None}
    return result._replace(settings=result.settings | {FOLDER: str(folder), MACHINE: had})


def require_same_data(path: Path, data: Path | Sequence[Path], fingerprint: str | None) -> None:
    """Raise `NotWrittenError` where another scan's result is at a name that was made up from that of the data.

    Args:
        path: of the result, if there is one.
        data: the file whose result is to take its place, or several that are one scan.
        fingerprint: of the data in it; None where they are still to come.
    """
    from ptychograd.fitting.result import load_settings

    if not path.exists():
        return
    settings = load_settings(path)
    source = origin(settings)
    if fingerprint is not None and settings.get(FINGERPRINT) == fingerprint:
        return
    files = [data] if isinstance(data, Path) else data
    folder = Path(str(settings.get(FOLDER, "")))
    if source is not None and _real(folder / name for name in data_files(settings)) == _real(files):
        return
    whose = "data that it does not name" if source is None else str(source)
    raise NotWrittenError(f"{path} is there and is of {whose}: it would be lost. Give another name with --output.")


def _real(files: Iterable[Path]) -> list[str]:
    return [os.path.realpath(file) for file in files]
