"""How a run went, epoch by epoch."""

from typing import NamedTuple

import numpy as np

from ptychograd.fitting.objective import Value


class History(NamedTuple):
    """How a run went: one entry in each field for every epoch.

    With the measured photons y and the expected ones h, R = sqrt(Σ(√h - √y)² / Σy) and the reduced
    χ² = Σ(√h - √y)² / Σ E[(√h - √y)²], over valid pixels. Each pattern is taken just before its own update.

    Args:
        loss: the objective that was minimised (Eq. 7 for amplitude noise), with priors if there are any.
        r_factor: R, without priors.
        chi_squared: χ², without priors; 1 where only the noise of photon counting is left, if patterns are counts.
        seconds: wall time of each epoch.
        held_out: R-factor, after the epoch, of patterns that are not fitted; NaN for epochs after which it was not
            computed, and empty if it never was.

    Example:
        >>> result.history.epochs, len(result.history.loss)
        (2, 2)
    """

    loss: tuple[float, ...]
    r_factor: tuple[float, ...]
    chi_squared: tuple[float, ...]
    seconds: tuple[float, ...]
    held_out: tuple[float, ...] = ()

    @classmethod
    def empty(cls) -> "History":
        return cls((), (), (), ())

    @property
    def epochs(self) -> int:
        return len(self.loss)

    def append(self, value: Value, photons: float, seconds: float) -> "History":
        """The history with one more epoch, of whose summed value and measured photons are given."""
        residual, counting = float(value.residual), float(value.counting)
        r_factor = float(np.sqrt(residual / photons)) if photons > 0 else float("nan")
        chi_squared = residual / counting if counting > 0 else float("nan")
        last = (float(value.loss), r_factor, chi_squared, seconds)
        unseen = (*self.held_out, float("nan")) if self.held_out else ()
        return History(*((*before, new) for before, new in zip(self[:-1], last, strict=True)))._replace(held_out=unseen)

    def seen(self, r_factor: float) -> "History":
        """The history with that R-factor of held-out patterns after its last epoch."""
        before = self.held_out or (float("nan"),) * self.epochs
        return self._replace(held_out=(*before[:-1], r_factor))

    def first(self, epochs: int) -> "History":
        """How it went in so many epochs from the first."""
        return History(*(values[:epochs] for values in self))

    def with_monitored_after(self, epochs: int) -> "History":
        """Without what was seen of held-out patterns up to then: another stage may fit something else."""
        if not self.held_out:
            return self
        return self._replace(held_out=(float("nan"),) * min(epochs, self.epochs) + self.held_out[epochs:])

    @property
    def monitored(self) -> dict[int, float]:
        """R-factors of held-out patterns by how many epochs were done."""
        return {epoch: r for epoch, r in enumerate(self.held_out, start=1) if r == r}

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """What there is, by name."""
        return {name: np.array(values) for name, values in self._asdict().items() if values or name != "held_out"}
