"""`ptychograd frc`: the resolution, from two halves of the patterns or two results that exist."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from cyclopts import Parameter

from ptychograd.cli.console import errors, tell_json
from ptychograd.cli.console import output as console
from ptychograd.cli.machine import Devices, Machine
from ptychograd.cli.options import Json, Options
from ptychograd.cli.pictures import drawn, require_picture
from ptychograd.cli.placed import Placed, leave_unless_there, placed, working_folder
from ptychograd.cli.positions import summary_of_positions
from ptychograd.cli.saving import FINGERPRINT, require_same_data
from ptychograd.cli.signals import ending
from ptychograd.core.errors import InputError
from ptychograd.output.captions import DATA_FILE, FOLDER

if TYPE_CHECKING:
    from ptychograd.data.dataset import Dataset
    from ptychograd.fitting.result import Result
    from ptychograd.quality.rings import RingCorrelation
    from ptychograd.runs.stage import Run

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
        other: The other result, where DATA is a result.
        output: The picture; DATA_frc.png in the working folder by default. The halves' results are beside it, as
            DATA_frc_half_1.h5 and DATA_frc_half_2.h5.
        devices: How many devices share every batch: cores of a CPU, or accelerators. By default all.
        memory: The most that patterns may take, as 4GB; more stay in their file. By default 40 % of what is free.
    """
    from ptychograd.fitting.result import load
    from ptychograd.output.plot import ring_figure
    from ptychograd.quality.half_data import common_area, half_agreement

    picture, folder, files = output or Path(f"{data.stem}_frc.png"), working_folder(), []
    require_picture(picture)
    if other is not None:
        one, two = load(data), load(other)
        _tell_alike(data, one, other, two)
    else:
        places = OutputPaths(folder, picture, is_default=output is None)
        (one, first), (two, second) = _halves(data, places, options, Machine(devices, memory))
        files = [first, second]
    found = half_agreement(one, two)
    _tell(found, one)
    files.append(drawn(ring_figure(found, one, two, common_area(one, two)), picture, folder))
    if json:
        tell_json(_figures(found, one))
    leave_unless_there(*files)


class OutputPaths(NamedTuple):
    """Where what is found goes: the working folder, the picture, and whether that name was made up from the data's."""

    folder: Path
    picture: Path
    is_default: bool

    @property
    def halves(self) -> list[Path]:
        """Where the results of both halves go."""
        return [self.picture.with_name(f"{self.picture.stem}_half_{number}.h5") for number in (1, 2)]

    def check(self, path: Path) -> None:
        """Refuse what would be replaced and is not a result of a half."""
        from ptychograd.data.files import RESULT, require_replaceable

        for place in (self.picture, *self.halves):
            if place.exists() and path.exists() and place.samefile(path):
                raise InputError(f"{path} would be replaced by what is written; give another name with --output.")
        for place in self.halves:
            require_replaceable(place, RESULT)

    def check_data(self, path: Path, data: "Dataset") -> None:
        """Refuse to replace the halves of another scan of the same name."""
        for place in self.halves if self.is_default else ():
            require_same_data(place, path, data.fingerprint)


def _halves(path: Path, places: OutputPaths, options: Options, machine: Machine) -> "list[tuple[Result, Placed]]":
    """The results of both halves, each saved as soon as it is there."""
    from dataclasses import replace

    from ptychograd.cli.held import parted, with_search_and_validation
    from ptychograd.cli.machine import devices, in_file, start
    from ptychograd.cli.plan import make_run, make_solver, read_data
    from ptychograd.data.splitting import halves
    from ptychograd.physics.model import roles_of
    from ptychograd.quality.half_data import require_one_image

    if options.hold_out:
        raise InputError("frc takes no --hold-out: each half is already held out from the other; leave it out.")
    start(machine, options.precision)
    make_solver(options)
    places.check(path)
    data = read_data(path, options, in_file(machine))
    places.check_data(path, data)
    source = {DATA_FILE: str(path), FOLDER: str(places.folder), FINGERPRINT: data.fingerprint}
    results = []
    for number, (half, place) in enumerate(zip(halves(data, options.seed), places.halves, strict=True)):
        seeded = replace(options, seed=options.seed + number)  # what chance does is not to be alike in both
        fitted, held = parted(seeded, half)
        planned = with_search_and_validation(make_run(seeded, fitted), held)._replace(devices=tuple(devices(machine)))
        require_one_image(roles_of(planned.model))
        errors.print(f"{('first', 'second')[number]} half", style="dim")
        result = _performed(planned)
        result = result._replace(settings=result.settings | {HALF: number + 1} | source)
        where = placed(result.save, place, places.folder)
        ending.release()
        for text in (f"{where}: R = {result.r_factor:.4f}", *summary_of_positions(result)):
            errors.print(text, style="dim", soft_wrap=True)
        results.append((result, where))
    return results


def _performed(planned: "Run") -> "Result":
    """The result of a run that is shown while it goes on; what is cut short is of no use here."""
    from ptychograd.cli.progress import EpochBar
    from ptychograd.fitting.reconstruction import CUT_SHORT
    from ptychograd.fitting.result import NonFiniteError
    from ptychograd.runs.memory_plan import memory_plan
    from ptychograd.runs.run import perform, tasks

    memory_plan(tasks(planned)).check()
    with EpochBar() as bar:
        try:
            result = perform(planned, bar.advance)
            ending.hold()
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
        text = f"Beware: unless {one} and {other} are of different patterns, they agree in their noise too."
        errors.print(text, style="yellow", soft_wrap=True)


def _tell(found: "RingCorrelation", result: "Result") -> None:
    from ptychograd.quality.rings import HALF_BIT, ONE_BIT

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


def _length(width: float, result: "Result") -> str:
    from ptychograd.data.geometry import format_length

    return f"{width:.3g} pixels" if result.sampling is None else format_length(width)


def _figures(found: "RingCorrelation", result: "Result") -> dict:
    """What `--json` tells."""
    from ptychograd.quality.rings import HALF_BIT, ONE_BIT

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
