"""`ptychograd frc`: the resolution, from two halves of the patterns or two results that exist."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ptychograd._errors import InputError
from ptychograd._table import as_json
from ptychograd.cli._console import errors
from ptychograd.cli._console import output as console
from ptychograd.cli._machine import Devices, Machine
from ptychograd.cli._options import Json, Options
from ptychograd.cli._positions import words_on_positions

if TYPE_CHECKING:
    from ptychograd._result import Result
    from ptychograd._rings import RingCorrelation
    from ptychograd._run import Run

RESULTS = (".h5", ".hdf5")
HALF = "half"  # settings: which half of the patterns a result is of


def frc(
    data: Path,
    other: Path | None = None,
    /,
    *,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    devices: Devices = "all",
    memory: str | None = None,
    options: Options = Options(),  # noqa: B008
    json: Json = False,
) -> None:
    """Find the resolution: Fourier ring correlation of reconstructions from two halves of the patterns.

    The halves are chosen by chance; both results are kept beside the picture. Positions that are refined are searched
    and judged in each half by itself, as `reconstruct` does, by a few of its patterns that are then held out. With two
    results in place of the data these are compared. The resolution is the half period at the end of the first wide band
    of spatial frequencies in which the correlation is above the half-bit threshold (van Heel & Schatz 2005).

    Args:
        data: CXI, HDF5 or NPZ; or a result, with another after it.
        other: The other result.
        output: The picture; DATA_frc.png in the working folder by default. The halves' results are beside it, as
            DATA_frc_half_1.h5 and DATA_frc_half_2.h5.
        devices: As of `reconstruct`.
        memory: As of `reconstruct`.
    """
    from ptychograd._halves import common_area, half_agreement
    from ptychograd._result import load
    from ptychograd.plot import require_picture, ring_figure, save

    picture = output or Path(f"{data.stem}_frc.png")
    if picture.suffix in RESULTS:
        raise InputError(f"{picture} is to be a picture; expected a name such as frc.png.")
    require_picture(picture)
    if other is not None:
        one, two = load(data), load(other)
        _tell_alike(data, one, other, two)
    else:
        one, two = _halves(data, picture, options, Machine(devices, memory))
    found = half_agreement(one, two)
    save(ring_figure(found, one, two, common_area(one, two)), picture)
    _tell(found, one, picture)
    if json:
        console.print(as_json(_figures(found, one)), soft_wrap=True)


def _halves(path: Path, picture: Path, options: Options, machine: Machine) -> "tuple[Result, Result]":
    """The results of both halves, each saved as soon as it is there."""
    from dataclasses import replace

    from ptychograd._files import RESULT, require_replaceable, require_writable
    from ptychograd._halves import halves, require_one_image
    from ptychograd._parameters import named_leaves
    from ptychograd.cli._held import parted, searched_and_judged
    from ptychograd.cli._machine import devices, in_file, start
    from ptychograd.cli._plan import make_run, make_solver, read_data

    if options.hold_out:
        raise InputError("--hold-out is not for frc, where each half is held out from the other; leave it out.")
    start(machine, options.precision)
    make_solver(options)
    places = [picture.with_name(f"{picture.stem}_half_{number}.h5") for number in (1, 2)]
    for place in (picture, *places):
        if place.exists() and path.exists() and place.samefile(path):
            raise InputError(f"{path} would be replaced by what is written; give another name with --output.")
    require_writable(picture)
    for place in places:
        require_replaceable(place, RESULT)
    data = read_data(path, options, in_file(machine))
    results = []
    for number, (half, place) in enumerate(zip(halves(data, options.seed), places, strict=True)):
        seeded = replace(options, seed=options.seed + number)  # what chance does is not to be alike in both
        fitted, held = parted(seeded, half)
        planned = searched_and_judged(make_run(seeded, fitted), held)._replace(devices=tuple(devices(machine)))
        require_one_image(named_leaves(planned.model))
        errors.print(f"{('first', 'second')[number]} half", style="dim")
        result = _performed(planned)
        result = result._replace(settings=result.settings | {HALF: number + 1, "data_file": str(path)})
        result.save(place)
        for words in (f"{place}: R = {result.history.r_factor[-1]:.4f}", *words_on_positions(result)):
            errors.print(words, style="dim", soft_wrap=True)
        results.append(result)
    return results[0], results[1]


def _performed(planned: "Run") -> "Result":
    """The result of a run that is shown while it goes on; what is cut short is of no use here."""
    from ptychograd._memory_plan import memory_plan
    from ptychograd._reconstruct import CUT_SHORT
    from ptychograd._result import NonFiniteError
    from ptychograd._run import perform, tasks
    from ptychograd.cli._progress import EpochBar

    memory_plan(tasks(planned)).check()
    with EpochBar() as bar:
        try:
            result = perform(planned, bar.advance)
        except NonFiniteError as problem:
            raise InputError(f"A half could not be reconstructed: {problem}") from None
    if result.stopped in CUT_SHORT:
        raise KeyboardInterrupt
    if not result.history.epochs:
        raise InputError("No epoch was done, and starts have no resolution; give --epochs 1 or more.")
    return result


def _tell_alike(one: Path, first: "Result", other: Path, second: "Result") -> None:
    """Warn where two results are not of different patterns, which makes them agree in noise too."""
    halves = {result.settings.get(HALF) for result in (first, second)}
    if halves != {1, 2}:
        words = f"Beware: unless {one} and {other} are of different patterns, they agree in their noise too."
        errors.print(words, style="yellow", soft_wrap=True)


def _tell(found: "RingCorrelation", result: "Result", picture: Path) -> None:
    from ptychograd._rings import HALF_BIT, ONE_BIT

    for bits, name in ((HALF_BIT, "half-bit"), (ONE_BIT, "one-bit")):
        width = found.resolution(bits)
        if width is None:
            console.print(f"resolution ({name} threshold): none, the halves have nothing in common")
            continue
        reach = " or better: the halves agree up to the smallest period" if found.reaches_limit(bits) else ""
        console.print(f"resolution ({name} threshold): {_length(width, result)} half period{reach}", soft_wrap=True)
    low = found.unknown_below(HALF_BIT)
    if low > 0:
        errors.print(
            f"The halves do not agree on variations slower than a period of {_length(1 / low, result)}.",
            style="yellow",
            soft_wrap=True,
        )
    console.print(f"{picture}", soft_wrap=True)


def _length(width: float, result: "Result") -> str:
    from ptychograd._geometry import format_length

    return f"{width:.3g} pixels" if result.sampling is None else format_length(width)


def _figures(found: "RingCorrelation", result: "Result") -> dict:
    """What `--json` tells."""
    from ptychograd._rings import HALF_BIT, ONE_BIT

    return {
        "resolution_half_bit": found.resolution(HALF_BIT),
        "resolution_one_bit": found.resolution(ONE_BIT),
        "unit": "pixel" if result.sampling is None else "m",
        "reaches_limit": found.reaches_limit(HALF_BIT),
        "frequency": found.frequency.tolist(),
        "correlation": found.correlation.tolist(),
        "half_bit": found.threshold(HALF_BIT).tolist(),
        "one_bit": found.threshold(ONE_BIT).tolist(),
    }
