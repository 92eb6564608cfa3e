"""The trials of a search, in a file of SQLite, and which point is tried next: Optuna's part."""

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ptychograd.core.errors import InputError, NotWrittenError
from ptychograd.runs.plan_sweep import key_of
from ptychograd.runs.search_space import Axis
from ptychograd.runs.setting_names import HELD_OUT, PRUNED
from ptychograd.runs.sweeps import Row

if TYPE_CHECKING:
    import optuna

PROPOSALS = 8  # of a method, before any other point is taken
METHODS = ("bayesian", "random")
MISSING = "A search needs Optuna, which is not installed: pip install 'ptychograd[search]'."
SQLITE = b"SQLite format 3\0"  # how such a file begins
NAME, ROW = "search", "row"
OTHERS = {
    "data": "of other data",
    "plan": "of another plan",
    "space": "over other fields or values",
    "method": "by another method",
    "seed": "with another seed",
    "version": "of another version of ptychograd",
}


class PrunedError(Exception):
    """A run is not worth its end: the median of earlier ones was better by then."""

    def __init__(self, epochs: int, r_factor: float):
        super().__init__(f"{PRUNED} after {epochs} epochs, when R of held-out patterns was {r_factor:.4g}")


def is_pruned(row: Row) -> bool:
    """Whether a trial ended early because others were better."""
    return row.reason.startswith(PRUNED)


class Attempt(NamedTuple):
    """A point that is tried, and Optuna's record of it."""

    point: dict[str, object]
    record: "optuna.trial.Trial"

    def note(self, epochs: int, r_factor: float) -> bool:
        """Note R of held-out patterns after so many epochs, and whether earlier trials were better by then."""
        self.record.report(r_factor, epochs)
        return bool(self.record.should_prune())


class Trials(NamedTuple):
    """The trials of one search.

    Args:
        axes: the fields over which is searched.
        method: "bayesian" or "random".
        seed: with which points are chosen, each by its number: whether a search was interrupted makes no difference.
        study: Optuna's.
    """

    axes: Mapping[str, Axis]
    method: str
    seed: int
    study: "optuna.Study"

    def rows(self) -> list[Row]:
        """Those that have ended, in their order."""
        ended = (one for one in self.study.get_trials(deepcopy=False) if one.state.is_finished())
        return [
            Row(self._point(one.params), figures, reason, verdict)
            for one in ended
            if ROW in one.user_attrs
            for figures, reason, verdict in [one.user_attrs[ROW]]
        ]

    def ask(self, number: int, tried: Collection[str] = ()) -> Attempt:
        """The next point, of that number among those that have ended, and none of those that were `tried`.

        Where the method goes on to propose what was tried, it is any of the others.

        Args:
            number: how many have ended.
            tried: points, by their keys; fewer than there are.
        """
        for again in range(PROPOSALS):
            found = self._asked([self.seed, number, *([again] if again else [])])
            if key_of(found.point) not in tried:
                return found
            self.drop(found)
        self.study.enqueue_trial(self._any_but(tried, [self.seed, number, PROPOSALS]))
        return self._asked([self.seed, number])

    def _asked(self, entropy: list[int]) -> Attempt:
        """The point that the method proposes, or that waits in the queue."""
        from optuna.samplers import RandomSampler, TPESampler

        seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
        self.study.sampler = TPESampler(seed=seed) if self.method == "bayesian" else RandomSampler(seed=seed)
        record = self.study.ask({path: _distribution(axis) for path, axis in self.axes.items()})
        return Attempt(self._point(record.params), record)

    def _any_but(self, tried: Collection[str], entropy: list[int]) -> dict[str, int | float | str]:
        """Numbers and texts of a point that was not tried, any of them as likely as another."""
        generator = np.random.default_rng(entropy)
        while True:
            found = {path: axis.any_place(generator) for path, axis in self.axes.items()}
            if key_of(self._point(found)) not in tried:
                return found

    def tell(self, trial: Attempt, row: Row) -> None:
        """Note how a trial ended."""
        from optuna.trial import TrialState

        trial.record.set_user_attr(ROW, [row.figures, row.reason, row.verdict])
        value = row.figures.get(HELD_OUT, np.nan)
        if not row.reason and np.isfinite(value):
            self.study.tell(trial.record, value)
        else:
            self.study.tell(trial.record, state=TrialState.PRUNED if is_pruned(row) else TrialState.FAIL)

    def drop(self, trial: Attempt) -> None:
        """Leave out a trial that was interrupted; its point will be tried anew."""
        from optuna.trial import TrialState

        self.study.tell(trial.record, state=TrialState.FAIL, skip_if_finished=True)

    def _point(self, found: Mapping[str, int | float | str]) -> dict[str, object]:
        return {path: axis.value(found[path]) for path, axis in self.axes.items()}


@contextmanager
def opened(axes: Mapping[str, Axis], method: str, seed: int, about: Mapping, file: Path | None) -> Iterator[Trials]:
    """The trials of a search, those of an earlier call too if they are in the file.

    Args:
        axes: the fields over which is searched.
        method: "bayesian" or "random".
        seed: of the choice of points.
        about: what the search is of: data, plan, space; a file of another search is refused.
        file: of SQLite; none for trials that nobody keeps.

    Raises:
        InputError: Optuna is not installed, or the file is of another search or of another kind.
        NotWrittenError: the file can't be written.
    """
    if method not in METHODS:
        raise InputError(f'The method "{method}" is unknown; expected one of: {", ".join(METHODS)}.')
    try:
        import optuna
        from sqlalchemy.exc import SQLAlchemyError
    except ImportError:
        raise InputError(MISSING) from None
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(
            storage=None if file is None else _storage(file.absolute()),
            study_name=NAME,
            pruner=optuna.pruners.MedianPruner(),
            load_if_exists=True,
        )
        _require_same(study, {**about, "method": method, "seed": seed}, file)
        for one in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
            study.tell(one.number, state=optuna.trial.TrialState.FAIL)  # of a process that was killed
        yield Trials(axes, method, seed, study)
    except (SQLAlchemyError, sqlite3.Error, optuna.exceptions.StorageInternalError) as problem:
        raise NotWrittenError(f"{file} can't be read or written: {str(problem).splitlines()[0]}.") from None
    finally:
        optuna.logging.set_verbosity(before)


def _storage(file: Path) -> "optuna.storages.BaseStorage":
    """The file, opened by its name as it is, of which an address would not take every letter."""
    from optuna.storages import RDBStorage

    if file.exists() and file.stat().st_size:
        with file.open("rb") as begin:
            if begin.read(len(SQLITE)) != SQLITE:
                raise InputError(f"{file} holds no trials of a search: it is no file of SQLite; give another name.")
    connect = {"creator": lambda: sqlite3.connect(file, check_same_thread=False)}
    try:
        return RDBStorage(f"sqlite:///{NAME}.sqlite3", engine_kwargs=connect)
    except RuntimeError as problem:
        raise InputError(f"{file} was written by another Optuna: {str(problem).splitlines()[0]}") from None


def _require_same(study: "optuna.Study", about: Mapping, file: Path | None) -> None:
    """Refuse the file of another search; a new one notes what it is of."""
    asked, known = json.loads(json.dumps(dict(about), default=repr)), study.user_attrs
    for name, what in OTHERS.items():
        if name in known and known[name] != asked[name]:
            raise InputError(f"{file} has the trials of a search {what}; give another folder, or remove it.")
    for name in OTHERS:
        if name not in known:
            study.set_user_attr(name, asked[name])


def _distribution(axis: Axis) -> "optuna.distributions.BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if axis.choices:
        return CategoricalDistribution(tuple(axis.choices))
    if axis.is_whole:
        return IntDistribution(int(axis.low), int(axis.high), log=axis.log)
    return FloatDistribution(axis.low, axis.high, log=axis.log)
