"""What is to be done to data before they are reconstructed: the names are those of `data.prepare` in a plan."""

from dataclasses import dataclass, field

import numpy as np

Pair = tuple[int, int]


@dataclass(frozen=True)
class ChosenFrames:
    """Which patterns of a scan are used.

    Args:
        first: number of the first one, counted from 0; by default 0.
        last: number of the last one; by default that of the last there is.
        every: every n-th of these, counted from the first; by default 1, all.
        only: numbers of those that are used, in this order; by default all.
        leave_out: numbers of those that are not; by default none.
        dimmest: share of the median pattern's photons below which a pattern is left out; by default None, none is.
        brightest: share of the median pattern's photons above which a pattern is left out; by default None, none is.

    Example:
        >>> pg.data.prepare(data, pg.data.Preparation(frames=pg.data.ChosenFrames(first=4, every=2))).count
        26
    """

    first: int = 0
    last: int | None = None
    every: int = 1
    only: tuple[int, ...] = ()
    leave_out: tuple[int, ...] = ()
    dimmest: float | None = None
    brightest: float | None = None


@dataclass(frozen=True, eq=False)
class Preparation:
    """What `prepare` does to data, in the order in which light, detector and file made them; by default nothing.

    Args:
        dark: what each pixel shows without light, in the patterns' unit: a number, an image (y, x), or exposures
            (index, y, x), whose mean is taken. It is subtracted; what comes out below 0 becomes 0.
        gain: what one photon adds, in the patterns' unit; "auto" estimates it from the variance over the mean of
            dim pixels. The patterns are divided by it.
        flat: what each pixel shows of an even light (y, x), in any unit; patterns are divided by it over its median.
        threshold: photons below which a pixel is set to 0.
        hot_pixels: find and mask pixels that count far more than all around them, or one number for ever.
        dead_pixels: find and mask pixels that count nothing amid light.
        shift: the zero frequency is at pixel (0, 0), as a Fourier transform leaves it; it is moved to the middle.
        transpose: exchange rows and columns of the detector.
        flip: axes of the detector that are reversed after that: "y", "x" or "yx".
        centre: (y, x) of the zero frequency in pixels of the patterns as they come, counted from 0, to parts of a
            pixel; or how it is found: "disc", "symmetry", or "auto" (by symmetry, else by a disc).
        crop: rows and columns that are left, about the zero frequency.
        pad: rows and columns that the frame has in the end, about the zero frequency; the new pixels are masked.
        bin: rows and columns of pixels that are summed up to one.
        frames: which patterns are used.
        drop_outliers: leave out patterns whose positions are far from all others.
        rotate_scan: angle in radians by which the positions are turned about their mean, x towards y.
        stated: do what the file states as well, its dark and flat field and the centre of its beam, where no other is
            given here; False leaves it undone.

    Example:
        >>> small = pg.data.prepare(data, pg.data.Preparation(crop=(16, 16), bin=(2, 2)))
        >>> small.frame_shape, small.notes[-1]
        ((8, 8), 'prepared: 2 x 2 pixels summed up to one, 8 x 8 of 16 x 16')
    """

    dark: float | np.ndarray | None = None
    gain: float | str | None = None
    flat: np.ndarray | None = None
    threshold: float | None = None
    hot_pixels: bool = False
    dead_pixels: bool = False
    shift: bool = False
    transpose: bool = False
    flip: str | None = None
    centre: tuple[float, float] | str | None = None
    crop: Pair | None = None
    pad: Pair | None = None
    bin: Pair | None = None
    frames: ChosenFrames = field(default_factory=ChosenFrames)
    drop_outliers: bool = False
    rotate_scan: float = 0.0
    stated: bool = True

    @property
    def moves_pixels(self) -> bool:
        """Whether pixels of the detector get other places, or are summed up, by what is wanted here."""
        moves = (self.flip, self.centre, self.crop, self.pad, self.bin)
        return self.shift or self.transpose or any(one is not None for one in moves)
