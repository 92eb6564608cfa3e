"""Runs side by side: several that differ in numbers alone, computed by one program."""

import time
from collections.abc import Sequence

import jax
import numpy as np

from ptychograd.fitting.epoch import Resident, alike, one_epoch_of_all, stack, unstack
from ptychograd.fitting.objective import Value
from ptychograd.fitting.reconstruction.loop import DONE, NOT_FINITE, not_finite_names, result_of
from ptychograd.fitting.reconstruction.task import Task, begun, prepared
from ptychograd.fitting.result import Result
from ptychograd.fitting.schedule import Plan


def reconstruct_together(tasks: Sequence[Task]) -> list[Result]:
    """The results of several tasks, computed side by side in one program.

    They share data, batch size, and numbers of epochs, and are `can_go_together`. One whose loss or
    parameters stop being finite ends there, `stopped` as "not finite", and disturbs no other.
    """
    works, standings = (list(parts) for parts in zip(*map(begun, tasks), strict=True))
    data, count = tasks[0].data, len(tasks)
    feed, good = Resident(data, works[0].asked), [True] * count
    for _ in range(tasks[0].epochs):
        begin = time.perf_counter()
        plans = [feed.plan(w.seed, one.history.epochs, w.last) for w, one in zip(works, standings, strict=True)]
        together = works[0].asked.on_devices(Plan(*(np.stack(parts) for parts in zip(*plans, strict=True))))
        members = stack([one.member for one in standings])
        after = one_epoch_of_all(members, feed.patterns, together)
        values, finites = jax.device_get((after.value, after.finite))
        seconds = (time.perf_counter() - begin) / count
        for k, part in enumerate(unstack(after, count)):
            value = Value(*(total[k] for total in values))
            good[k] = good[k] and not not_finite_names(value, {name: finite[k] for name, finite in finites.items()})
            if good[k]:
                standings[k] = standings[k].moved(part, value, data.total, seconds)
    ended = zip(works, standings, good, strict=True)
    return [result_of(work, standing, DONE if fine else NOT_FINITE) for work, standing, fine in ended]


def can_go_together(one: Task, other: Task) -> bool:
    """Whether two tasks differ in nothing but numbers, so that one compiled program computes both."""
    same = ("epochs", "batch_size", "planned")
    if one.data is not other.data or any(getattr(one, name) != getattr(other, name) for name in same):
        return False
    if any(getattr(one, name).description != getattr(other, name).description for name in ("sampler", "schedule")):
        return False
    return alike(prepared(one)[1].member, prepared(other)[1].member)
