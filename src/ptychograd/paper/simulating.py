"""Measurements of the paper's thin samples with what is asked for beside the ideal."""

from collections.abc import Callable
from functools import partial

from ptychograd.data.dataset import Dataset
from ptychograd.paper.far_field import FarFieldExperiment
from ptychograd.paper.near_field import NearFieldExperiment
from ptychograd.runs.plan.imperfections import Imperfections
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.plan.reading import without_bad_pixels
from ptychograd.runs.plan.simulated import imperfect, noise_of_simulation


def simulated(
    experiment: Callable[[], FarFieldExperiment | NearFieldExperiment], asked: Plan, beside: Imperfections
) -> Dataset:
    """One measurement.

    Args:
        experiment: makes the one of the paper.
        asked: the plan whose model the true one is, and whose mask leaves pixels out.
        beside: noise and seed, images of the object, errors of positions.
    """
    change = partial(imperfect, asked.model, beside.seed, beside.jitter)
    scatter = noise_of_simulation(beside.noise, asked.model)
    data = experiment().dataset(beside.seed, beside.magnitude, beside.phase, change=change, noise=scatter)
    return without_bad_pixels(data, asked.data.mask)
