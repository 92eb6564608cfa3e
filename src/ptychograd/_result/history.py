"""How a run went, epoch by epoch."""

from typing import NamedTuple

import numpy as np

from ptychograd._objective import Value


class History(NamedTuple):
    """One entry an epoch: objective (Eq. 7 for amplitude noise), R-factor, reduced χ², seconds of wall time.

    The objective is what was minimised, with priors if there are any; R-factor and χ² are without.
    R = sqrt(Σ(√h - √y)² / Σy) and χ² = Σ(√h - √y)² / Σ E[(√h - √y)²] over valid pixels, each pattern taken just
    before its own update. χ² is 1 where nothing but the counting of photons is left, if patterns are counts.
    """

    loss: tuple[float, ...]
    r_factor: tuple[float, ...]
    chi_squared: tuple[float, ...]
    seconds: tuple[float, ...]

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
        return History(*((*before, new) for before, new in zip(self, last, strict=True)))
