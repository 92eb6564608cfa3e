"""Some patterns kept aside, and patterns in two halves: whether a better fit is a better model shows on others."""

from dataclasses import replace

import numpy as np

from ptychograd.core.errors import InputError, check_seed
from ptychograd.data.dataset import Dataset, check_data
from ptychograd.data.patterns import illuminated_positions


def hold_out(data: Dataset, share: float, seed: int = 0) -> tuple[Dataset, Dataset]:
    """Two data sets: one without a random `share` of the patterns, to fit, and one with these alone, to judge the fit.

    Patterns that were not fitted tell whether a better fit is a better model. Patterns without a photon, such as those
    that were held out before, are not chosen. Both data sets keep all patterns and positions, so that one model serves
    both; what is left out is masked. So `count` is that of the whole scan in both, and `(held.photons > 0).sum()` says
    how many are held out. Of rocking curves whole ones are held out.

    Args:
        data: the data set; it is not changed.
        share: of the patterns with photons, between 0 and 1: at least one of them, and not all.
        seed: decides which are chosen, alike in every call.

    Returns:
        the data to fit, and the data held out.

    Raises:
        InputError: fewer than two patterns with photons, or a share that makes none or all of them.

    Example:
        >>> fitted, held = pg.hold_out(data, 0.05)
        >>> fitted.count, int((fitted.photons > 0).sum()), int((held.photons > 0).sum())
        (56, 53, 3)

        A longer one:

            result = pg.reconstruct(pg.far_field(fitted), fitted, pg.Nesterov(), epochs=60, batch_size=16)
            result.history.r_factor[-1], pg.r_factor(result.model, held)
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
    fitted, held_aside = (
        replace(data.only(which), source=f"{data.source}, {text}")
        for which, text in ((~held, f"{count} patterns held out"), (held, f"{count} held-out patterns"))
    )
    return fitted, held_aside


def halves(data: Dataset, seed: int = 0) -> tuple[Dataset, Dataset]:
    """Two data sets with one half of the patterns each, chosen by chance, for two reconstructions that can be compared.

    They are chosen by chance because every second pattern of a raster would double the step along one axis and not
    along the other. Both keep all patterns and positions, so that one model serves both; those of the other half are
    masked. Of rocking curves whole ones are chosen.

    Args:
        data: the data set, with photons at 4 positions at least; it is not changed.
        seed: decides which are chosen, alike in every call.

    Raises:
        InputError: fewer than 4 positions with photons.

    Example:
        >>> one, other = pg.data.halves(data)
        >>> int((one.photons > 0).sum()), int((other.photons > 0).sum())
        (28, 28)

        A longer one:

            first = pg.reconstruct(pg.far_field(one), one, pg.Nesterov(), epochs=60, batch_size=16, seed=0)
            second = pg.reconstruct(pg.far_field(other), other, pg.Nesterov(), epochs=60, batch_size=16, seed=1)
            pg.quality.half_agreement(first, second).resolution()
    """
    check_data(data)
    illuminated = len(illuminated_positions(data))
    if illuminated < 4:
        what = "patterns" if data.positions is None else "positions"
        raise InputError(f"{data.source}: {illuminated} {what} with photons can't be halved; expected 4 or more.")
    one, other = set_aside(data, round(illuminated / 2), seed)
    source = f"{data.source}, {{}} half of the patterns"
    return replace(one, source=source.format("first")), replace(other, source=source.format("second"))
