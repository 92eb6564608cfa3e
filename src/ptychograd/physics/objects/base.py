"""What every object is."""

import abc

import numpy as np
from jaxtyping import Array, Bool, Complex, Int

from ptychograd.core.overriding import refused
from ptychograd.core.parameters import AbstractPart
from ptychograd.physics.margins import Margins, grid_refusal, with_margin
from ptychograd.physics.objects.magnitude import AbstractMagnitude
from ptychograd.physics.roles import Image


class AbstractObject(AbstractPart):
    """Base class of objects: what the incident wave passes through.

    A subclass gives the call: from the incident wave (modes, y, x) and the corner (y, x) of its window, in object
    pixels, to the exit waves (waves, y, x).

    The functions of `pg.models` ask the object itself for what they make of it. What it can't become it refuses with a
    sentence; give it the method, and the function takes it.

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

    def as_thin(self, what: str) -> "AbstractObject":
        """The `AbstractThinObject` that it is or stands for, of which `what` is made: "Slices" or "Object modes"."""
        raise refused(self, "as_thin", f"{what} can't be combined with {type(self).__name__}", "take one of the two")

    def with_support(self, support: Bool[Array, "height width"]) -> "AbstractObject":
        """The object that is unknown where `support` is True, and transmits 1 elsewhere."""
        said = f"A support can't go into {type(self).__name__}"
        raise refused(self, "with_support", said, "it is for transmissions")

    def with_magnitude(self, magnitude: AbstractMagnitude) -> "AbstractObject":
        """The object of whose magnitude that is known; what it starts with is made to fulfil it."""
        said = f"A known magnitude can't go into {type(self).__name__}"
        raise refused(self, "with_magnitude", said, "it is for thin objects and slices")

    def with_margin(self, margin: int) -> "AbstractObject":
        """The object with so many more pixels on every side, into which positions may move; all arrays by default."""
        return with_margin(self, margin)

    def in_larger_array(self, margins: Margins) -> "AbstractObject":
        """The object with more pixels (low, high) at the sides along y and along x, in which it goes on."""
        raise grid_refusal(self, "in_larger_array")

    def on_finer_pixels(self, finer: int) -> "AbstractObject":
        """The object with each pixel divided into `finer` x `finer`."""
        raise grid_refusal(self, "on_finer_pixels")

    def continued(self, transmission: Complex[np.ndarray, "*layers y x"]) -> "AbstractObject":
        """The object that begins with this `transmission`, of the shape of its `image`, as an earlier result has it."""
        said = f"A {type(self).__name__} can't continue an earlier object"
        raise refused(self, "continued", said, "it is for transmissions")
