"""Some patterns kept aside, and patterns in two halves: whether a better fit is a better model shows on others."""

from dataclasses import replace

import numpy as np

from ptychograd.core.errors import InputError, check_seed
from ptychograd.data.dataset import Dataset, check_data
from ptychograd.data.patterns import illuminated_positions


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
    what, illuminated = "patterns" if data.group == 1 else "rocking curves", len(illuminated_positions(data))
    what += " with photons" if illuminated < data.count // data.group else ""
    if illuminated < 2:
        raise InputError(f"{data.source}: of {illuminated} {what} none can be held out; expected 2 or more.")
    count = round(share * illuminated) if 0 < share < 1 else 0
    if not 0 < count < illuminated:
        raise InputError(
            f"A share of {share:g} of {illuminated} {what} can't be held out; expected one between 0 and 1 that is "
            f"one of them at least and not all, as {max(0.05, float(f'{1 / illuminated:.1g}')):g}."
        )
    return set_aside(data, count, seed)


def set_aside(data: Dataset, count: int, seed: int = 0) -> tuple[Dataset, Dataset]:
    """As `hold_out`, for the patterns of `count` positions of those that have photons, fewer than there are."""
    check_seed(seed)
    held = np.zeros(data.count // data.group, bool)
    held[np.random.default_rng(seed).choice(illuminated_positions(data), count, replace=False)] = True
    held, count = np.repeat(held, data.group), count * data.group
    fitted, kept_aside = (
        replace(data.only(which), source=f"{data.source}, {text}")
        for which, text in ((~held, f"{count} patterns held out"), (held, f"{count} held-out patterns"))
    )
    return fitted, kept_aside


def halves(data: Dataset, seed: int = 0) -> tuple[Dataset, Dataset]:
    """The data with one half of the patterns and with the other, chosen by chance; whole rocking curves of them.

    By chance, as every second pattern of a raster would double the step along one axis and not along the other.
    Both keep all patterns and positions, so that one model serves both; those of the other half are masked.

    Example:
        one, other = halves(data)
        first = reconstruct(far_field(one), one, Nesterov(), epochs=60, seed=0)
        second = reconstruct(far_field(other), other, Nesterov(), epochs=60, seed=1)
        half_agreement(first, second).resolution()
    """
    check_data(data)
    illuminated = len(illuminated_positions(data))
    if illuminated < 4:
        raise InputError(f"{data.source}: {illuminated} positions with photons can't be halved; expected 4 or more.")
    one, other = set_aside(data, round(illuminated / 2), seed)
    source = f"{data.source}, {{}} half of the patterns"
    return replace(one, source=source.format("first")), replace(other, source=source.format("second"))
