"""When a run has nothing more to gain."""

from typing import NamedTuple

from ptychograd.fitting.result import History


class Converged(NamedTuple):
    """A rule that ends a run or a stage, for `until`: nothing more is to be gained.

    It ends for one of three reasons:

    - the noise is reached: the reduced χ² (see `History`) is `noise` or less, and more than half of that, in `patience`
      epochs one after another. Much less would mean that the patterns are no counts.
    - the misfit no longer falls: over the last quarter of the epochs, and over the last `patience` and `least_span` at
      least, the smallest misfit R² fell by less than the share `gain`.
    - patterns that are held out fit worse, where a `monitor` looks at them: each of its last `rises` R-factors was
      above the lowest before by more than the share `rise`, all of them under the same noise model and priors.

    With minibatches and full steps a misfit settles above the value to which it falls when the steps get smaller.

    Args:
        noise: largest χ² that counts as reaching the noise.
        gain: share of the misfit, below which a fall does not count.
        patience: epochs for which the first reason has to hold, and the least for the second.
        least_span: epochs over which the misfit has to stand still for the second reason, at least.
        rises: values of held-out patterns, one after another, that have to be too high.
        rise: share of the lowest R-factor of held-out patterns by which they have to be above it.

    Example:
        >>> pg.Stage(200, until=pg.fitting.Converged(gain=0.001)).until.gain
        0.001
        >>> pg.fitting.Converged()(result.history)  # after two epochs there is no reason to stop
        ''
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
