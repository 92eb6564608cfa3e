"""What every object is."""

import abc

import numpy as np
from jaxtyping import Array, Complex, Int

from ptychograd.core.parameters import AbstractPart
from ptychograd.physics.roles import Image


class AbstractObject(AbstractPart):
    """Base class of objects: what the incident wave passes through.

    A subclass gives the call: from the incident wave (modes, y, x) and the corner (y, x) of its window, in object
    pixels, to the exit waves (waves, y, x).

    Example:
        >>> isinstance(model.object, pg.physics.AbstractObject), model.object.scale_power
        (True, 1)
    """

    @abc.abstractmethod
    def __call__(self, wave: Complex[Array, "modes y x"], corner: Int[Array, "2"]) -> Complex[Array, "waves y x"]:
        """Exit waves of the incident `wave`, whose window begins at object pixel `corner` (y, x)."""

    def image(self, sampling: tuple[float, float] | None) -> Image | None:
        """What a person looks at, its pixels (y, x) of that size in metres; None if there is no such array."""
        return None

    @property
    def scale_power(self) -> int:
        """n where the transmission times s, and the probe divided by s^n, make the same exit waves; 0 if none does."""
        return 0

    @property
    def has_diagonal(self) -> bool:
        """True where every pixel of it reaches one pixel of the wave (see `AbstractExitWaveModel.has_diagonal`)."""
        return False

    def stuck(self, name, free):
        image = self.image(None)
        path = f"{name}.transmission"
        if path in free and image is not None and image.support is None and not np.any(np.asarray(image.array)):
            yield f"{path} is 0 everywhere; begin with flat_object"

    def surrogate(self) -> "AbstractObject":
        """The object for step sizes: as bright, with derivatives that tell how brightly each pixel is lit."""
        return self
