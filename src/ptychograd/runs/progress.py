"""How far a run of several stages is: what its results tell, so that it can go on from any of them."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from ptychograd.core.errors import InputError

RUN_PROGRESS = "run_progress"  # where it stands in the settings of a result


class RunProgress(NamedTuple):
    """The epochs at which the stages of a run have ended, or are to end.

    The first `ended` stages have ended; `reason` says why, if one of them ended early. `goal` is the number of epochs
    that was asked for when the run went on, if any; towards it no stage ends early. `resumed` are all such numbers,
    each after the epochs that were done by then, or None if the run was over.
    """

    ends: tuple[int, ...]
    ended: int = 0
    reason: str = ""
    goal: int | None = None
    resumed: tuple[tuple[int | None, int], ...] = ()

    @classmethod
    def planned(cls, epochs: Sequence[int]) -> "RunProgress":
        """The course of a run that begins, from the epochs of each stage."""
        return cls(tuple(accumulate(epochs)))

    @classmethod
    def of(cls, settings: Mapping, stages: int | None = None) -> "RunProgress":
        """The course that the settings of a result tell, of a run of so many stages."""
        if RUN_PROGRESS not in settings:
            raise InputError(
                "The result does not say how far its run was; only a run's own results can be gone on from."
            )
        run_progress = cls(**settings[RUN_PROGRESS])
        if stages is not None and stages != len(run_progress.ends):
            raise InputError(f"The result is of a run of {len(run_progress.ends)} stages, and this one has {stages}.")
        resumed = tuple((done, goal) for done, goal in run_progress.resumed)
        return run_progress._replace(ends=tuple(run_progress.ends), resumed=resumed)

    @property
    def summary(self) -> dict:
        """What goes into the settings of a result."""
        said = self._asdict() | {"ends": list(self.ends), "resumed": [list(one) for one in self.resumed]}
        return {RUN_PROGRESS: said if self.resumed else {name: said[name] for name in said if name != "resumed"}}

    @property
    def is_over(self) -> bool:
        """Whether all stages have ended."""
        return self.ended == len(self.ends)

    @property
    def begin(self) -> int:
        """The epoch after which the present stage begins."""
        return self.ends[self.ended - 1] if self.ended else 0

    def begin_of_alike(self, kinds: Sequence[str]) -> int:
        """The epoch after which the stages began that are of the same kind as the present one, without a break."""
        first = self.ended
        while first and kinds[first - 1] == kinds[self.ended]:
            first -= 1
        return self.ends[first - 1] if first else 0

    @property
    def end(self) -> int:
        """The epoch with which the present stage is to end."""
        return self.ends[self.ended]

    @property
    def total(self) -> int:
        """The epochs of the whole run."""
        return self.ends[-1]

    def after(self, done: int, planned: Sequence[int], reason: str) -> "RunProgress":
        """The course when the present stage has ended with the epoch `done`; early, if that is not its end.

        The later stages then shrink as the stages so far did, from the epochs that were `planned` for each.
        """
        now = self.ended + 1
        if done >= self.end:
            return self._replace(ended=now)
        stretch = done / sum(planned[:now])
        left = [min(epochs, max(1, round(epochs * stretch))) for epochs in planned[now:]]
        ends = (*self.ends[: self.ended], *accumulate(left, initial=done))
        return self._replace(ends=ends, ended=now, reason=reason)

    def towards(self, goal: int, done: int) -> "RunProgress":
        """The course when the run is to end with the epoch `goal`, after `done` ones.

        What is left is stretched; of a run that is over the last stage goes on.
        """
        if goal <= done:
            raise InputError(f"{goal} epochs in all, but {done} of them are done; give more than {done}.")
        left = self.total - done
        stretched = [done + round((end - done) * (goal - done) / max(1, left)) for end in self.ends[self.ended : -1]]
        ended = min(self.ended, len(self.ends) - 1)
        resumed = (*self.resumed, (None if self.is_over else done, goal))
        return RunProgress((*self.ends[:ended], *stretched, goal), ended, "", goal, resumed)
