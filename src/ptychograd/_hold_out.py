"""Some patterns kept aside, to see whether a better fit is a better model or only fitted noise."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ptychograd._dataset import Dataset, check_data
from ptychograd._epoch import Device
from ptychograd._errors import InputError, check_seed
from ptychograd._model import AbstractModel
from ptychograd._noise import AbstractNoise
from ptychograd._parameters import trainable_names
from ptychograd._patterns import lit_positions
from ptychograd._reconstruct import reconstruct
from ptychograd._solvers import Still


def hold_out(data: Dataset, share: float, seed: int = 0) -> tuple[Dataset, Dataset]:
    """The data without a random `share` of the patterns, and with nothing but these; whole rocking curves of them.

    Of patterns without a photon, as those that were held out before, none is chosen. Both keep all patterns and
    positions, so that one model serves both; those left out are masked.

    Example:
        fitted, held = hold_out(data, 0.05)
        result = reconstruct(far_field(fitted), fitted, Nesterov(), epochs=60, batch_size=16)
        result.history.r_factor[-1], r_factor(result.model, held)
    """
    check_data(data)
    what, lit = "patterns" if data.group == 1 else "rocking curves", len(lit_positions(data))
    what += " with photons" if lit < data.count // data.group else ""
    if lit < 2:
        raise InputError(f"{data.source}: of {lit} {what} none can be held out; expected 2 or more.")
    count = round(share * lit) if 0 < share < 1 else 0
    if not 0 < count < lit:
        raise InputError(
            f"A share of {share:g} of {lit} {what} can't be held out; expected one between 0 and 1 that is one of them "
            f"at least and not all, as {max(0.05, float(f'{1 / lit:.1g}')):g}."
        )
    return set_aside(data, count, seed)


def set_aside(data: Dataset, count: int, seed: int = 0) -> tuple[Dataset, Dataset]:
    """As `hold_out`, for the patterns of `count` positions of those that have photons, fewer than there are."""
    check_seed(seed)
    held = np.zeros(data.count // data.group, bool)
    held[np.random.default_rng(seed).choice(lit_positions(data), count, replace=False)] = True
    held, count = np.repeat(held, data.group), count * data.group
    fitted, kept_aside = (
        replace(data.only(which), source=f"{data.source}, {words}")
        for which, words in ((~held, f"{count} patterns held out"), (held, f"{count} held-out patterns"))
    )
    return fitted, kept_aside


def r_factor(
    model: AbstractModel,
    data: Dataset,
    devices: Sequence[Device] | None = None,
    noise: AbstractNoise | None = None,
) -> float:
    """R = sqrt(Σ(√h - √y)² / Σy) of a model as it is, over all valid pixels; the rest as for `reconstruct`."""
    check_data(data)
    names, size = trainable_names(model), min(max(16, len(devices or ())) * data.group, data.count)
    result = reconstruct(model, data, Still(), epochs=1, batch_size=size, trainable=names, devices=devices, noise=noise)
    return result.history.r_factor[0]
