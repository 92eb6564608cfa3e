"""The start probe that a plan names by a file: an array, or the probe of a result, of whichever package."""

from pathlib import Path

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.core.log import log
from ptychograd.data.files import RESULT, opened
from ptychograd.data.files.results import foreign_result
from ptychograd.fitting.result import load
from ptychograd.models.starts import ProbeStart, resampled
from ptychograd.runs.plan.images import NPY, wave

PROBE = "probe"  # how an array is called that a file without a path means
Beam = ProbeStart | np.ndarray


def given_wave(given: object) -> Beam:
    """The start probe itself, or the one in the file that a text names; raises `InputError` if there is none."""
    if not isinstance(given, str):
        return np.asarray(given)
    path, (file, colon, inside) = Path(given), given.rpartition(":")
    try:
        if path.is_file() and not _begins_as_npy(path):
            found = _of_result(path)
            return _array(path, None) if found is None else found
        if colon and not path.is_file() and Path(file).is_file():
            return _array(Path(file), inside)
    except (OSError, InputError) as problem:
        raise InputError(f"`model.start.probe` can't be read from {given}: {str(problem).rstrip('.')}.") from None
    return wave(given, "start probe")


def _begins_as_npy(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(NPY)) == NPY


def _of_result(path: Path) -> Beam | None:
    """The probe of a result, on the pixels that it has; None if a file is none."""
    foreign = foreign_result(path)
    if foreign is not None:
        package, modes, pixel = foreign.package, foreign.probe, foreign.pixel
    elif _is_own(path):
        illumination = load(path).roles.illumination
        if illumination is None:
            raise InputError("its model names no illumination")
        package, modes, pixel = "ptychograd", np.asarray(illumination.array), illumination.sampling
    else:
        return None
    modes = modes.reshape(-1, *modes.shape[-2:])
    log.info("start probe: of a result of %s, %d modes of %d x %d pixels", package, *modes.shape)
    return modes if pixel is None else resampled(modes, (pixel[0], pixel[1]))


def _is_own(path: Path) -> bool:
    with opened(path) as catalogue:
        return catalogue.attributes.get("format") == RESULT


def _array(path: Path, inside: str | None) -> np.ndarray:
    """A wave (y, x), or all axes before these as modes: of tike's files there are four."""
    with opened(path) as catalogue:
        if inside is not None:
            found = catalogue.find(inside)
            named = [] if found is None else [found]
        else:
            named = [one for one in catalogue.walk() if one.name.strip("/").rpartition("/")[2] == PROBE]
        if len(named) != 1:
            there = ", ".join(str(one) for one in (named or catalogue.walk()) if len(one.shape) > 1)
            what = f'no "{inside}" in it' if inside is not None else f"{len(named) or 'no'} arrays named {PROBE} in it"
            raise InputError(f"there is {what}; name one as FILE:PATH of {there or 'those that it has: none'}")
        values = named[0].array()
        return values.reshape(-1, *values.shape[-2:]) if values.ndim > 3 else values
