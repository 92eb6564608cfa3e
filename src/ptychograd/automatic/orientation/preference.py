"""Which orientation the trials tell to be right, and how sure that is."""

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from scipy.special import stdtrit

from ptychograd.data.dataset import Dataset
from ptychograd.data.orientation import ALL, TEXTS, twin
from ptychograd.fitting.result import Result
from ptychograd.fitting.verdict import VERDICT

ERRORS = 3.0  # standard errors that tell two orientations apart at least
DOUBT = 0.01  # chance that one of eight equal orientations seems to be told; the fewer patterns, the more errors
ROUNDING = 1e-3  # of an R-factor: what differs less differs by rounding, or as a frame of even size has no middle
UNEXPLAINED = 0.72  # left of held-out patterns, beyond which more is wrong than the orientation (measured: see `left`)
PLAIN = 1.0  # of χ² - 1 of patterns all alike: with less they hardly differ by more than their noise
LEAST_LEFT = 0.01  # of the fitted patterns, from which on the figures tell what patterns all alike leave


class OrientationTrial(NamedTuple):
    """A short reconstruction in one of the eight orientations, and how well it expects patterns held out from it.

    Args:
        code: of the orientation, 0 to 7, as for `ptychograd.data.apply_orientation`.
        r_factor: R of all held-out patterns; infinite if the reconstruction diverged.
        result: the reconstruction.
        r_of_pattern: R of each held-out pattern that has photons.
        has_side: False for a start probe with P(r) = P*(-r), as one in focus: on which side of the focus the sample was
            is then not known.
        defocus: metres by which the start probe was taken out of focus, negative before it; 0 where it was not, NaN
            where it was and lengths are not known.
        fwhm: metres, full width at half maximum of the Gaussian beam with which the trial began, and which it held for
            its first epochs; 0 where it began with another, NaN where lengths are not known.
    """

    code: int
    r_factor: float
    result: Result
    r_of_pattern: Float[np.ndarray, " held"] = np.zeros(0)
    has_side: bool = True
    defocus: float = 0.0
    fwhm: float = 0.0

    @property
    def left(self) -> float:
        """What is left of what can be explained in held-out patterns: 0 by a right model, 1 by the mean pattern.

        It is (χ² - 1) / (χ₀² - 1), as that of a `Verdict`, whose figures of the fitted patterns say what patterns that
        are all alike leave; NaN where they don't. Trials with right positions left 0.05 to 0.69 (simulated
        far and near fields, the Siemens star), with positions of half the scale 0.75 to 1.3, of 0.8 of it 0.17 to 0.53.
        """
        verdict = getattr(self.result, "settings", {}).get(VERDICT, {})
        left, chi_squared = verdict.get("left"), verdict.get("chi_squared")
        if left is None or chi_squared is None or left < LEAST_LEFT or (chi_squared - 1) / left < PLAIN:
            return float("nan")
        noise = self.result.history.r_factor[-1] ** 2 / chi_squared
        return (self.r_factor**2 / noise - 1) * left / (chi_squared - 1)


class Preference(NamedTuple):
    """Which orientations fit best, and how sure that is.

    Args:
        codes: the orientation that fits best, or those that can't be told apart from it, in rising order.
        margin: by which share the R-factor of the next orientation is larger than the best; 0 if there is no next.
        is_pair: True if `codes` are two that no far field can tell apart.
        summary: all this in words.
        errors: how many standard errors the others are away from the best, the nearest of them in that measure.
        left: the share that the best trial leaves of what can be explained in held-out patterns; NaN if not known.
    """

    codes: tuple[int, ...]
    margin: float
    is_pair: bool
    summary: str
    errors: float = 0.0
    left: float = float("nan")

    @property
    def is_certain(self) -> bool:
        """Whether it is one orientation, or a pair."""
        return len(self.codes) == 1 or self.is_pair

    @property
    def is_poor(self) -> bool:
        """Whether the best orientation explains so little that something else is wrong."""
        return self.left > UNEXPLAINED


def preference(trials: Sequence[OrientationTrial], data: Dataset) -> Preference:
    """Judge the trials of all orientations: which fit best, and how sure that is, in numbers and in words.

    Another one is told apart from the best if its R-factors of the same held-out patterns are larger by so many
    standard errors that all of them stay below that by chance in 99 of 100 cases (Student's t for the seven others
    together), 3 at least. A far field whose start probe has P(r) = P*(-r) can't tell the two orientations of a pair
    apart, which differ by the sign of both axes.

    Args:
        trials: of `try_orientations`, the best first.
        data: from which they were made.

    Returns:
        the orientations that fit best, one or several.

    Example:
        >>> errors = 0.3 + 0.01 * np.arange(8)
        >>> trial = pg.automatic.OrientationTrial(0, 0.335, result, errors)
        >>> other = pg.automatic.OrientationTrial(4, 0.502, result, 1.5 * errors + 0.003 * np.sin(np.arange(8)))
        >>> found = pg.automatic.preference([trial, other], data)
        >>> found.codes, found.is_certain
        ((0,), True)
    """
    found, left = _preferred(trials, data), trials[0].left
    if not left > UNEXPLAINED:
        return found._replace(left=left)
    text = f"{found.summary}. Even the best leaves {left:.0%} of what can be explained in the held-out patterns"
    return found._replace(left=left, summary=text)


def _preferred(trials: Sequence[OrientationTrial], data: Dataset) -> Preference:
    """The same without a look at how well the best one fits."""
    first = trials[0]
    is_far = data.near_field is None
    needed, away = critical(len(first.r_of_pattern)), {t.code: errors_apart(first, t) for t in trials[1:]}
    alike = [trial for trial in trials[1:] if away[trial.code] < needed]
    if is_far and not first.has_side:
        alike += [trial for trial in trials[1:] if trial.code == twin(first.code) and trial not in alike]
    codes = tuple(sorted([first.code, *(trial.code for trial in alike)]))
    rest = [trial for trial in trials if trial.code not in codes]
    margin = rest[0].r_factor / first.r_factor - 1 if rest else 0.0
    errors = min((away[trial.code] for trial in rest), default=0.0)
    r_factor = f"R of held-out patterns {first.r_factor:.4f}"
    after = ""
    if rest:
        more = away[rest[0].code]
        after = f"the next, {_named(rest[0].code)}, {rest[0].r_factor:.4f}"
        after += f", {more:.1f} standard errors more" if math.isfinite(more) else ""
    if len(codes) == 1:
        return Preference(codes, margin, False, f"{_named(first.code)} fits best: {r_factor}, {after}", errors)
    if is_far and set(codes) == {first.code, twin(first.code)}:
        both = " and ".join(_named(code) for code in codes)
        return Preference(
            codes,
            margin,
            True,
            f"{both} fit alike, {r_factor}, {after}. A far field can't tell the two apart: one object is the complex "
            "conjugate of the other, turned by 180 degrees. A start probe whose side of the focus is known does",
            errors,
        )
    others = ", ".join(str(code) for code in codes if code != first.code)
    more = (
        f"less than {needed:.1f} standard errors worse"
        if math.isfinite(needed)
        else "not told apart by so few patterns"
    )
    text = f"none stands out: {first.code} fits best, {r_factor}, and {others} {_is(others)} {more}"
    return Preference(codes, margin, False, text)


@runtime_checkable
class Judged(Protocol):
    """A trial that held-out patterns judged: R of all together, and of each."""

    @property
    def r_factor(self) -> float: ...

    @property
    def r_of_pattern(self) -> Float[np.ndarray, " held"]: ...


def errors_apart(best: Judged, other: Judged) -> float:
    """How many standard errors another trial's R-factors are above those of the best, pattern by pattern.

    It is Student's t of log(R/R'): pairs, as some patterns are harder for all. 0 where patterns are too few or not the
    same, and where the difference is rounding; infinite for a trial that diverged.
    """
    if not math.isfinite(other.r_factor):
        return math.inf if math.isfinite(best.r_factor) else 0.0
    count = len(best.r_of_pattern)
    if count < 2 or len(other.r_of_pattern) != count:
        return 0.0
    least = np.finfo(np.float32).tiny
    ratio = np.log(np.maximum(other.r_of_pattern, least) / np.maximum(best.r_of_pattern, least))
    mean, error = float(ratio.mean()), float(ratio.std(ddof=1)) / math.sqrt(count)
    if abs(mean) < ROUNDING:
        return 0.0
    return mean / error if error > 0 else math.copysign(math.inf, mean)


def critical(count: int, others: int = len(ALL) - 1) -> float:
    """Standard errors from which on one orientation is told apart from the best, by so many patterns.

    Student's t at a chance of 1 % for all `others` together (Bonferroni's correction), 3 at least.
    """
    if count < 2:
        return math.inf
    return max(ERRORS, float(stdtrit(count - 1, 1 - DOUBT / max(1, others))))


def _is(codes: str) -> str:
    return "are" if "," in codes else "is"


def _named(code: int) -> str:
    return f"{code} ({TEXTS[code]})"
