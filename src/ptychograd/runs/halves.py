"""The runs of two halves of the patterns, whose results tell the resolution."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import Dataset
from ptychograd.data.files import RESULT, require_replaceable
from ptychograd.data.splitting import halves
from ptychograd.fitting.epoch import Device
from ptychograd.fitting.reconstruction import CUT_SHORT, Progress
from ptychograd.fitting.result import NonFiniteError, Result
from ptychograd.runs.machine import devices, in_file
from ptychograd.runs.origins import require_same_data
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.planned import PlannedRun
from ptychograd.runs.setting_names import DATA_FILE, FINGERPRINT, FOLDER, HALF

if TYPE_CHECKING:
    from ptychograd.runs.plan.whole import PlanFields


def planned_halves(plan: "PlanFields", data: Dataset, devices: Sequence[Device] | None = None) -> Iterator[PlannedRun]:
    """The run of each half of the patterns, which are chosen by chance; one after another, as memory is short.

    Args:
        plan: of the run of all patterns; each half has a seed of its own, as what chance does is not to be alike.
        data: all patterns.
        devices: which share every batch; one by default.
    """
    for number, half in enumerate(halves(data, plan.seed)):
        yield PlannedRun.of(plan.with_fields({"seed": plan.seed + number}), half, devices)


class HalvesJob(NamedTuple):
    """Two halves of the patterns of a scan, and where their results go.

    Args:
        plan: of the run of all patterns.
        folder: the working folder.
        picture: beside which the results go.
        is_named: whether a person named it; else it was made up from the data's name.
    """

    plan: Plan
    folder: Path
    picture: Path
    is_named: bool

    @property
    def data(self) -> Path:
        """The file of the data."""
        return Path(self.plan.data.paths[0])

    @property
    def places(self) -> list[Path]:
        """Where the results of both halves go."""
        return [self.picture.with_name(f"{self.picture.stem}_half_{number}.h5") for number in (1, 2)]

    def read(self) -> Dataset:
        """The data. Raises `InputError` for what would be replaced and is not a result of a half of them."""
        path = self.data
        for place in (self.picture, *self.places):
            if place.exists() and path.exists() and place.samefile(path):
                raise InputError(f"{path} would be replaced by what is written; give another name with --output.")
        for place in self.places:
            require_replaceable(place, RESULT)
        data = self.plan.read(in_file(self.plan.machine))
        for place in () if self.is_named else self.places:
            require_same_data(place, path, data.fingerprint)
        return data

    def runs(self, data: Dataset) -> Iterator[PlannedRun]:
        """The run of each half, one after another."""
        return planned_halves(self.plan, data, devices(self.plan.machine))

    def check(self) -> None:
        """Raise `InputError` where patterns are to be held out: each half is from the other."""
        if self.plan.validation.hold_out:
            raise InputError(
                "frc takes no `validation.hold_out`: each half is already held out from the other; leave it out."
            )

    def perform(self, planned: PlannedRun, on_epoch: Callable[[Progress], None]) -> Result:
        """The result of a half. Raises `InputError` where it diverges."""
        try:
            return planned.perform(on_epoch)
        except NonFiniteError as problem:
            raise InputError(f"A half could not be reconstructed: {problem}") from None

    def described(self, result: Result, data: Dataset, number: int) -> Result:
        """The result with the data that it is of, and which half, 1 or 2.

        Raises:
            InputError: no epoch was done.
            KeyboardInterrupt: the run was cut short, which is of no use here.
        """
        if result.stopped in CUT_SHORT:
            raise KeyboardInterrupt
        if not result.history.epochs:
            raise InputError("No epoch was done, and starts have no resolution; give --epochs 1 or more.")
        source = {
            DATA_FILE: str(self.data),
            FOLDER: str(self.folder),
            FINGERPRINT: data.fingerprint,
            HALF: number,
        }
        return result._replace(settings=result.settings | source)


def are_halves(one: Result, other: Result) -> bool:
    """Whether two results say that they are of different halves."""
    return {result.settings.get(HALF) for result in (one, other)} == {1, 2}
