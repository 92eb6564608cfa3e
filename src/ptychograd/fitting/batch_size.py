"""How many patterns make up a batch where you don't say: the fewer photons, the more.

A step of a batch follows what its patterns tell, and their noise. Where they tell much, small batches are best: many
steps an epoch find their way from a poor start. Where photons are few, steps of small batches are mostly noise, and
worse: the noise of the object's steps, times the probe's, feeds a lattice of the scan's period in both, which grows
from epoch to epoch while R and χ² stay low. All patterns at once average that noise, at the same cost an epoch.

Which it is the patterns tell themselves, before the first step: s = (S₀ - S) / S says how much more they differ from
one another than photons scatter, with S₀ = Σ(√m - √y)² of their mean m and S what photon noise alone leaves of that.
A batch has

    b = 16 max(1, (s₀ / s)²), with s₀ = 0.35

patterns, rounded to 16, 64, 256, ..., and all of them where that is a third of all or more. How s₀ and the power were
chosen, and on what data they were then tried, is in docs/benchmarks.md.
"""

import math

from ptychograd.data.checks import is_counted
from ptychograd.data.dataset import Dataset
from ptychograd.fitting.mean_pattern import fit_of_mean

USUAL = 16  # patterns of a batch that is not noisy
RATIO = 4  # of one size that is taken to the next, as every size is compiled
CLEAR = 0.35  # s from which on 16 patterns are enough
LARGE = 1 / 3  # of all patterns, from which on all are taken
FAINT_PART = 1 / 8  # of all patterns, below which batches of few photons are doubted
MANY_PATTERNS = 64  # from which on a batch of all is a choice
FEWEST_STEPS = 5  # of an epoch, whose steps learn from one another


def batch_of(data: Dataset, positions: int) -> int:
    """Patterns of a batch of so many positions, with all their patterns, in a fifth of all at most."""
    count = data.count // data.group
    return data.group * max(1, min(positions, -(-count // FEWEST_STEPS)))


def batch_by_photons(data: Dataset, signal: float) -> int:
    """Patterns of a batch for that s."""
    count = data.count // data.group
    wanted = USUAL * max(1.0, (CLEAR / max(signal, 1e-6)) ** 2)
    size = USUAL * RATIO ** round(math.log(wanted / USUAL, RATIO))
    return data.count if wanted > USUAL and size >= LARGE * count else batch_of(data, size)


def is_faint(data: Dataset, signal: float) -> bool:
    """Whether patterns tell so little that all of them are taken at once from the start."""
    return batch_by_photons(data, signal) >= data.count > data.group * USUAL


def doubts_batch(size: int, data: Dataset) -> str:
    """Why batches of that size are known to fail with such data, in a sentence; nothing where they are not."""
    count, part = data.count, size / max(1, data.count)
    if count <= MANY_PATTERNS * data.group or FAINT_PART <= part <= 1 / FEWEST_STEPS:
        return ""
    faint, of_all = is_faint(data, signal_of(data)), f"{size:,} of {count:,} patterns"
    if faint and part < FAINT_PART:
        return (
            f"Photons are few here, and steps of batches of {of_all} are mostly their noise, which may end as a "
            "lattice of the scan's period in object and probe; give no batch size, or all patterns"
        )
    if not faint and part > 1 / FEWEST_STEPS:
        return (
            f"Batches of {of_all} leave few steps in an epoch, which may not find their way from a poor start; give "
            "no batch size, or a fifth of all at most"
        )
    return ""


def signal_of(data: Dataset) -> float:
    """s of counted patterns; infinite where the noise is not known, and where there are no photons yet."""
    if data.grows or not is_counted(data) or data.total <= 0:
        return math.inf
    return fit_of_mean(data, is_of_roots=True).signal
