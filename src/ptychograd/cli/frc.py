"""`ptychograd frc`: the resolution, from two halves of the patterns or two results that exist."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ptychograd.cli.console import errors, tell_json
from ptychograd.cli.console import output as console
from ptychograd.cli.options import Json, Output, PlanOptions, plan_of
from ptychograd.cli.pictures import drawn, require_picture
from ptychograd.cli.placed import leave_unless_there, placed, working_folder
from ptychograd.cli.signals import ending
from ptychograd.core.errors import InputError
from ptychograd.output.texts.corrections import summary_of_positions
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.setting_names import DATA_FILE, FINGERPRINT, FOLDER

if TYPE_CHECKING:
    from ptychograd.data.dataset import Dataset
    from ptychograd.data.files.writing.placing import Placed
    from ptychograd.fitting.result import Result
    from ptychograd.runs.planned import PlannedRun

HALF = "half"  # settings: which half of the patterns a result is of


def frc(
    data: Path,
    other: Path | None = None,
    /,
    *,
    output: Output = None,
    options: PlanOptions = PlanOptions(),
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
    """
    from ptychograd.fitting.result import load
    from ptychograd.output.plot import ring_figure
    from ptychograd.output.texts.resolution import doubts_on_resolution, resolution_figures, resolution_lines
    from ptychograd.quality.half_data import common_area, half_agreement

    picture, folder, files = output or Path(f"{data.stem}_frc.png"), working_folder(), []
    require_picture(picture)
    if other is not None:
        one, two = load(data), load(other)
        _tell_alike(data, one, other, two)
    else:
        places = OutputPaths(folder, picture, is_default=output is None)
        (one, first), (two, second) = _halves(places, plan_of(options, [data]))
        files = [first, second]
    found = half_agreement(one, two)
    for text in resolution_lines(found, one):
        console.print(text, soft_wrap=True)
    if text := doubts_on_resolution(found, one):
        errors.print(text, style="yellow", soft_wrap=True)
    files.append(drawn(ring_figure(found, one, two, common_area(one, two)), picture, folder))
    if json:
        tell_json(resolution_figures(found, one))
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
        from ptychograd.runs.origins import require_same_data

        for place in self.halves if self.is_default else ():
            require_same_data(place, path, data.fingerprint)


def _halves(places: OutputPaths, plan: Plan) -> "list[tuple[Result, Placed]]":
    """The results of both halves, each saved as soon as it is there."""
    from ptychograd.cli.job import read_data
    from ptychograd.cli.machine import start
    from ptychograd.physics.model import roles_of
    from ptychograd.quality.half_data import require_one_image
    from ptychograd.runs.halves import planned_halves
    from ptychograd.runs.machine import devices, in_file

    if plan.validation.hold_out:
        raise InputError(
            "frc takes no `validation.hold_out`: each half is already held out from the other; leave it out."
        )
    start(plan.machine)
    plan.check()
    path = Path(plan.data.paths[0])
    places.check(path)
    data = read_data(plan, in_file(plan.machine))
    places.check_data(path, data)
    results = []
    halves = planned_halves(plan, data, devices(plan.machine))
    for number, (planned, place) in enumerate(zip(halves, places.halves, strict=True)):
        require_one_image(roles_of(planned.run.model))
        errors.print(f"{('first', 'second')[number]} half", style="dim")
        result = _performed(planned)
        source = {DATA_FILE: str(path), FOLDER: str(places.folder), FINGERPRINT: data.fingerprint, HALF: number + 1}
        result = result._replace(settings=result.settings | source)
        where = placed(result.save, place, places.folder)
        ending.release()
        for text in (f"{where}: R = {result.r_factor:.4f}", *summary_of_positions(result)):
            errors.print(text, style="dim", soft_wrap=True)
        results.append((result, where))
    return results


def _performed(planned: "PlannedRun") -> "Result":
    """The result of a run that is shown while it goes on; what is cut short is of no use here."""
    from ptychograd.cli.progress import EpochBar
    from ptychograd.fitting.reconstruction import CUT_SHORT
    from ptychograd.fitting.result import NonFiniteError

    planned.memory.check()
    with EpochBar() as bar:
        try:
            result = planned.perform(bar.advance)
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
