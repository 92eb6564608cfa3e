"""A result and what it takes to make its run anew; whose result is at a name that nobody chose."""

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ptychograd.cli.machine import Machine
from ptychograd.cli.options import Options
from ptychograd.core.errors import NotWrittenError
from ptychograd.output.captions import FOLDER, origin

if TYPE_CHECKING:
    from ptychograd.data.dataset import Dataset
    from ptychograd.fitting.result import Result

FINGERPRINT = "data_fingerprint"  # settings: the data of a run
ARRIVED = "patterns_arrived"  # settings: how many patterns of the scan there were, if it was still being written


def named_files(options: Options) -> Options:
    """The options with whole paths in place of files, which are found from wherever the run goes on."""
    from dataclasses import replace

    given = {name: getattr(options.effects, name) for name in ("mask", "flat_field", "point_spread")}
    whole = {name: str(Path(path).resolve()) for name, path in given.items() if path and Path(path).is_file()}
    return replace(options, effects=replace(options.effects, **whole)) if whole else options


def described(result: "Result", data: "Dataset", options: Options, machine: Machine, places: Mapping) -> "Result":
    """The result with the options of its run in its settings; `places` are the folder of the run, data and output."""
    from ptychograd.cli.machine import MACHINE

    asked = {"data": places["data"], "output": places["output"], **asdict(options)}
    settings = {
        "options": asked,
        FOLDER: places[FOLDER],
        FINGERPRINT: data.fingerprint,
        MACHINE: {"devices": machine.devices, "memory": machine.memory if data.is_stored else None},
    }
    if data.grows:
        settings[ARRIVED] = f"{data.arrived} of {data.count}"
    return result._replace(settings=result.settings | settings)


def require_same_data(path: Path, data: Path, fingerprint: str | None) -> None:
    """Raise `NotWrittenError` where another scan's result is at a name that was made up from that of the data.

    Args:
        path: of the result, if there is one.
        data: the file whose result is to take its place.
        fingerprint: of the data in it; None where they are still to come.
    """
    from ptychograd.fitting.result import load_settings

    if not path.exists():
        return
    settings = load_settings(path)
    source = origin(settings)
    if fingerprint is not None and settings.get(FINGERPRINT) == fingerprint:
        return
    if source is not None and os.path.realpath(source) == os.path.realpath(data):
        return
    whose = "data that it does not name" if source is None else str(source)
    raise NotWrittenError(f"{path} is there and is of {whose}: it would be lost. Give another name with --output.")
