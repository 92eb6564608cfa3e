"""What is called while a run goes on."""

import abc

from ptychograd.fitting.reconstruction.loop import Progress


class AbstractCallback(abc.ABC):
    """Base class of callbacks: what `on_epoch` calls after each epoch, to look, to draw or to save.

    A function that takes a `Progress` will do too; a class is for what remembers something: write `@dataclass` above it
    and what it remembers as fields. It is called on the host
    after the look at held-out patterns and before `until` is asked, in every process where there are several. It
    changes nothing of the run. `KeyboardInterrupt` raised in it ends the run after this epoch, with the result so far,
    as Ctrl-C does; any other error ends the run without one.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Best(pg.fitting.AbstractCallback):
        ...     r_factor: float = float("inf")
        ...     def __call__(self, progress):
        ...         self.r_factor = min(self.r_factor, progress.r_factor)
        >>> best = Best()
        >>> found = pg.reconstruct(model, data, pg.Nesterov(), epochs=2, batch_size=14, on_epoch=best)
        >>> best.r_factor == min(found.history.r_factor)
        True
    """

    @abc.abstractmethod
    def __call__(self, progress: Progress) -> None:
        """Look at a run after an epoch."""
