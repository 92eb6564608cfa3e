"""The run that a plan makes of its data, with the patterns that are held out of it and judge it."""

import platform
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import jax

from ptychograd.core.log import log
from ptychograd.core.version import __version__
from ptychograd.data.dataset import Dataset
from ptychograd.fitting.epoch import Device
from ptychograd.fitting.reconstruction import CUT_SHORT, Progress
from ptychograd.fitting.reconstruction.contracts import check_called
from ptychograd.fitting.result import NonFiniteError, Result
from ptychograd.physics.model import AbstractModel
from ptychograd.runs.held_out import monitored, parted, validated, with_search_and_validation
from ptychograd.runs.memory_plan import MemoryPlan, memory_plan
from ptychograd.runs.plan.effects.detector import doubts
from ptychograd.runs.plan.making import make_run
from ptychograd.runs.plan.settings import as_settings
from ptychograd.runs.plan.stages import hold_of, too_short_for_search, usual_hold, with_usual_epochs
from ptychograd.runs.run import check, perform, possible_tasks
from ptychograd.runs.setting_names import ARRIVED, FINGERPRINT, MADE_BY, PLAN, PLAN_FOLDER, PROBE_HELD
from ptychograd.runs.stage import Run

if TYPE_CHECKING:
    from ptychograd.runs.plan.whole import PlanFields


class PlannedRun(NamedTuple):
    """A run that is ready to be performed: the plan, all its data, those that are held out, and the run of the others.

    Args:
        plan: what is asked for.
        data: all patterns.
        held: those that are held out, if any.
        run: what is done with the others.
        probe_held: epochs in which the probe is held at first; None where the plan says it, and for a crystal.

    Example:
        >>> planned = pg.runs.PlannedRun.of(plan, plan.read())
        >>> result = planned.validated(planned.perform())
    """

    plan: "PlanFields"
    data: Dataset
    held: Dataset | None
    run: Run
    probe_held: int | None = None

    @classmethod
    def of(
        cls,
        plan: "PlanFields",
        data: Dataset,
        devices: Sequence[Device] | None = None,
        model: AbstractModel | None = None,
        resume: Result | None = None,
    ) -> "PlannedRun":
        """The run that a plan makes of data.

        Args:
            plan: what is asked for.
            data: all patterns, those that are held out among them.
            devices: which share every batch; one device by default.
            model: the start model, in place of the one that the plan makes.
            resume: the result that it is to go on from; what the data decided for that stays.
        """
        fitted, held = parted(plan, data)
        probe_held = usual_hold(plan, fitted) if resume is None else hold_of(resume.settings, plan, fitted)
        decided = plan if probe_held is None or plan.fit.stages else plan.with_fields({"fit.hold_probe": probe_held})
        run = with_search_and_validation(plan, make_run(decided, fitted), held)
        run = run if model is None else run._replace(model=model)
        run = run._replace(devices=None if devices is None else tuple(devices))
        return cls(plan, data, held, monitored(run, held), probe_held)

    @property
    def summary(self) -> str:
        """What it would do, in words."""
        stages = "1 stage" if len(self.run.stages) == 1 else f"{len(self.run.stages)} stages"
        return f"{self.run.data.count:,} patterns are fitted in {stages}, {self.run.batch_size:,} a batch"

    @property
    def notes(self) -> list[str]:
        """What a person is to know before it begins."""
        plan, data = self.plan, self.run.data
        short = too_short_for_search(with_usual_epochs(plan, data), data)
        return [*([short] if short else []), *doubts(data, plan.fit.refine, plan.model.detector)]

    def check(self) -> None:
        """Raise `InputError` for a run that can't be performed."""
        check(self.run)

    @property
    def memory(self) -> MemoryPlan:
        """How much memory the run will take."""
        return memory_plan(possible_tasks(self.run))

    def perform(
        self,
        on_epoch: Callable[[Progress], None] | None = None,
        resume: Result | None = None,
        epochs: int | None = None,
    ) -> Result:
        """Do the run, as `perform` does."""
        for note in self.notes if resume is None else ():
            log.warning(note)

        check_called(on_epoch=on_epoch)
        try:
            return self.described(perform(self.run, self._shown_by(on_epoch), resume, epochs))
        except NonFiniteError as problem:
            raise NonFiniteError(str(problem), self._with_decisions(problem.result)) from None

    def _shown_by(self, on_epoch: Callable[[Progress], None] | None) -> Callable[[Progress], None] | None:
        """The same, by whose name errors in it are told, with results that say what the data decided."""
        if on_epoch is None:
            return None

        @wraps(on_epoch)
        def shown(progress: Progress) -> None:
            on_epoch(progress._replace(so_far=lambda: self._with_decisions(progress.so_far())))

        return shown

    @property
    def alone(self) -> bool:
        """Whether no other process takes part."""
        return self.run.devices is None or len({device.process_index for device in self.run.devices}) == 1

    def is_to_be_validated(self, result: Result) -> bool:
        """Whether patterns that were held out are to be looked at; of several processes others stopped elsewhere."""
        ended = self.alone or result.stopped not in CUT_SHORT
        return self.held is not None and result.model is not None and ended

    def validated(self, result: Result) -> Result:
        """The result with what held-out patterns say of it, if there are any."""
        if self.held is None or not self.is_to_be_validated(result):
            return result
        return validated(self.run, self.held, result)

    def described(self, result: Result) -> Result:
        """The result with its plan, the fingerprint of its data, versions and host."""
        return described(self._with_decisions(result), self.plan, self.data)

    def _with_decisions(self, result: Result) -> Result:
        """The result with what the data decided for its run, as a run that goes on from it has to do the same."""
        decided = {} if self.probe_held is None else {PROBE_HELD: self.probe_held}
        return result._replace(settings=result.settings | decided)


def described(result: Result, plan: "PlanFields", data: Dataset) -> Result:
    """The result with the plan of its run, the fingerprint of its data, versions and host in its settings."""
    asked, arrays = as_settings(plan)
    settings = {
        PLAN: asked,
        FINGERPRINT: data.fingerprint,
        MADE_BY: {"ptychograd": __version__, "jax": jax.__version__, "host": platform.node()},
    }
    if plan.origin.folder is not None:
        settings[PLAN_FOLDER] = str(Path(plan.origin.folder).resolve())
    if data.grows:
        settings[ARRIVED] = f"{data.arrived} of {data.count}"
    return result._replace(settings=result.settings | settings, attached=arrays)
