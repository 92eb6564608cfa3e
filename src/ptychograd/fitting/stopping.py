"""When a run has nothing more to gain."""

from typing import NamedTuple

from ptychograd.fitting.result import History


class Converged(NamedTuple):
    """A rule for `until`: the misfit is what counting photons leaves, or it has stopped falling.

    The first is a reduced χ² (see `History`) of `noise` or less, and more than half of it, in `patience` epochs one
    after another: much less means that patterns are no counts. The second is that over the last quarter of the
    epochs, and over the last `patience` and `least_span` at least, the smallest misfit fell by less than the
    share `gain`.
    The third, where the history knows patterns that are held out: in each of the last `rises` rises their R-factor was
    above the lowest before, under the same noise model and priors, by more than the share `rise`.
    With minibatches and full steps a misfit settles above what it falls to when the steps get smaller.
    """

    noise: float = 1.02
    gain: float = 0.003
    patience: int = 5
    least_span: int = 0
    rises: int = 4
    rise: float = 0.05

    def __call__(self, history: History) -> str:
        """The reason to stop, or nothing."""
        patience = max(1, self.patience)
        last = history.chi_squared[-patience:]
        if len(last) == patience and all(self.noise / 2 < chi_squared <= self.noise for chi_squared in last):
            return f"at the noise of counting photons after {history.epochs} epochs"
        risen = self._risen(history.monitored)
        if risen:
            return risen
        span = max(patience, self.least_span, history.epochs // 4)
        if history.epochs < 2 * span:
            return ""
        misfit = [r_factor**2 for r_factor in history.r_factor]
        if min(misfit[-span:]) > (1 - self.gain) * min(misfit[:-span]):
            return f"no longer falling after {history.epochs} epochs"
        return ""

    def _risen(self, seen: dict[int, float]) -> str:
        """The reason that held-out patterns are."""
        rises = max(1, self.rises)
        if len(seen) <= rises:
            return ""
        best = min(list(seen)[:-rises], key=seen.__getitem__)
        if not all(seen[epoch] > (1 + self.rise) * seen[best] for epoch in list(seen)[-rises:]):
            return ""
        last = max(seen)
        return f"R of held-out patterns rose from {seen[best]:.4f} after {best} epochs to {seen[last]:.4f} after {last}"
