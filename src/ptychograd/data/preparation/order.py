"""All that is done to data, in one order: as light was counted, then as pixels lie, then which patterns are used."""

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import Dataset, check_data
from ptychograd.data.preparation.bins import binned
from ptychograd.data.preparation.blocks import ready
from ptychograd.data.preparation.centre import centre_by
from ptychograd.data.preparation.counts import above_threshold, flat_fielded, in_photons, without_dark
from ptychograd.data.preparation.frame import (
    Centre,
    centred_on,
    cropped,
    flipped,
    padded,
    require_far_field,
    transposed,
    zero_frequency_to_middle,
)
from ptychograd.data.preparation.gain import gain_by_variance
from ptychograd.data.preparation.pixels import found_dead, found_hot, without_pixels
from ptychograd.data.preparation.scan import of_brightness, rotated, with_chosen_frames, without_outliers
from ptychograd.data.preparation.stated import with_stated_centre, with_stated_dark, with_stated_flat
from ptychograd.data.preparation.wanted import Preparation


def prepare(data: Dataset, wanted: Preparation) -> Dataset:
    """The data after all that is wanted, in the order in which light, detector and file made them.

    Patterns by number · dark · gain · flat field · threshold · hot and dead pixels · zero frequency to the middle ·
    transpose · flip · centre · crop · pad · bin · patterns by brightness · outliers · rotation of the scan. Of patterns
    that stay in their file each block is prepared when it is read. Each step leaves a note. What `data.stated` holds is
    done in its place among them where the same is not wanted otherwise.

    Args:
        data: as they were read; they are not changed.
        wanted: what is to be done.

    Raises:
        InputError: what can't be done to these data; it names the field of the plan, `data.prepare.crop` for `crop`.

    Example:
        >>> prepared = pg.data.prepare(data, pg.data.Preparation(gain=2.0, crop=(16, 14)))
        >>> prepared.frame_shape, bool(np.all(prepared.patterns == data.patterns[:, 2:18, 2:16] / 2))
        ((16, 14), True)
    """
    check_data(data)
    return used_of(placed(sound(counted(data, wanted), wanted), wanted), wanted)


def counted(data: Dataset, wanted: Preparation) -> Dataset:
    """The chosen patterns in photons."""
    data = with_stated_dark(with_chosen_frames(data, wanted.frames), wanted)
    if wanted.dark is not None:
        data = without_dark(data, wanted.dark)
    if wanted.gain is not None:
        data = in_photons(data, *_gain(data, wanted))
    data = with_stated_flat(data, wanted)
    if wanted.flat is not None:
        data = flat_fielded(data, wanted.flat)
    return data if wanted.threshold is None else above_threshold(data, wanted.threshold)


def sound(data: Dataset, wanted: Preparation) -> Dataset:
    """The data without pixels that are found to be hot or dead."""
    if wanted.hot_pixels:
        data = without_pixels(data, found_hot(data, _beam(data, wanted)), "hot")
    return without_pixels(data, found_dead(data), "dead") if wanted.dead_pixels else data


def placed(data: Dataset, wanted: Preparation) -> Dataset:
    """The data with the zero frequency in the middle of the frame that is wanted."""
    data, wanted, how = with_stated_centre(data, wanted)
    shape = data.frame_shape
    if wanted.shift:
        data = zero_frequency_to_middle(data)
    if wanted.transpose:
        data = transposed(data)
    if wanted.flip is not None:
        data = flipped(data, wanted.flip)
    if wanted.centre is not None:
        data = centred_on(data, *_centre(data, wanted, shape, how), _target(data.frame_shape, wanted))
    if wanted.crop is not None:
        data = cropped(data, wanted.crop)
    if wanted.pad is not None:
        data = padded(data, wanted.pad)
    return data if wanted.bin is None else binned(data, wanted.bin)


def used_of(data: Dataset, wanted: Preparation) -> Dataset:
    """The data without patterns that are too dim, too bright, or far from all others; and the scan turned."""
    data = of_brightness(data, wanted.frames.dimmest, wanted.frames.brightest)
    if wanted.drop_outliers:
        data = without_outliers(data)
    return ready(rotated(data, wanted.rotate_scan) if wanted.rotate_scan else data)


def _gain(data: Dataset, wanted: Preparation) -> tuple[float, str]:
    """The gain that is wanted, or estimated, and how it is known."""
    if not isinstance(wanted.gain, str):
        return float(wanted.gain or 0), "as given"
    found = gain_by_variance(data)
    if found is None:
        raise InputError(
            f"`data.prepare.gain` {wanted.gain}: the variance of dim pixels of {data.source} tells no gain; give what "
            "one photon adds as a number."
        )
    return found.gain, found.summary


def _beam(data: Dataset, wanted: Preparation) -> Centre | None:
    """Where the zero frequency is before pixels are moved; None if that is the middle, for all that is known."""
    if isinstance(wanted.centre, tuple):
        return wanted.centre
    return (0.0, 0.0) if wanted.shift else None


def _centre(data: Dataset, wanted: Preparation, shape: tuple[int, int], how: str) -> tuple[Centre, str]:
    """The zero frequency of patterns that were moved, transposed and flipped, and how it is known.

    Args:
        shape: of the frame before that, in whose pixels a centre is given.
        how: a centre in pixels is known.
    """
    require_far_field(data, "centre")
    if isinstance(wanted.centre, str):
        return centre_by(data, wanted.centre)
    places = list(wanted.centre or ())
    if not all(0 <= place <= n - 1 for place, n in zip(places, shape, strict=True)):
        raise InputError(
            f"`data.prepare.centre` {places} is not in a frame of {shape[0]} x {shape[1]} pixels; expected [y, x], "
            "counted from 0."
        )
    if wanted.shift:
        places = [(place + n // 2 + 0.5) % n - 0.5 for place, n in zip(places, shape, strict=True)]
    places = places[::-1] if wanted.transpose else places
    flips = [name in (wanted.flip or "") for name in "yx"]
    y, x = (2 * (n // 2) - c if flip else c for c, flip, n in zip(places, flips, data.frame_shape, strict=True))
    return (y, x), how


def _target(shape: tuple[int, int], wanted: Preparation) -> Centre:
    """Where the zero frequency is to be before frames are cropped, so that bins have it in the middle of one."""
    last = wanted.pad or wanted.crop or shape
    factors = wanted.bin or (1, 1)
    y, x = (n // 2 - m // 2 + (m // f // 2) * f + (f - 1) / 2 for n, m, f in zip(shape, last, factors, strict=True))
    return y, x
