"""What files state of what is still to be done to their patterns."""

from dataclasses import dataclass, replace

from jaxtyping import Real
from numpy import ndarray


@dataclass(frozen=True, eq=False)
class Stated:
    """What the file of some patterns states of them, which `pg.data.prepare` does unless it is told otherwise.

    Args:
        centre: (y, x) of the direct beam in pixels of the file's patterns, counted from 0; None, by default, where the
            file states none, or once it was used.
        dark: exposures without light, (y, x) or (index, y, x), in the patterns' unit; by default None.
        flat: response of each pixel to an even light, (y, x) or (index, y, x), in any unit; by default None.
        done: names of those that were used by now, as ("dark",); by default none.

    Example:
        >>> pg.data.Stated(centre=(63.5, 71.0)).centre
        (63.5, 71.0)
    """

    centre: tuple[float, float] | None = None
    dark: Real[ndarray, "y x"] | Real[ndarray, "exposure y x"] | None = None
    flat: Real[ndarray, "y x"] | Real[ndarray, "exposure y x"] | None = None
    done: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any(one is not None for one in (self.centre, self.dark, self.flat))

    def without(self, *names: str) -> "Stated":
        """The same with some of them left out."""
        return replace(self, **dict.fromkeys(names))

    def joined_by(self, other: "Stated") -> "Stated":
        """The same with what the other states beside."""
        found = {name: getattr(other, name) for name in ("centre", "dark", "flat")}
        return replace(self, **{name: value for name, value in found.items() if value is not None})

    def followed(self, *names: str) -> "Stated":
        """The same after these were used."""
        return replace(self.without(*names), done=(*self.done, *names))
