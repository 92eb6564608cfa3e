"""Where pixels of the detector lie: the zero frequency to the middle, axes exchanged and reversed, crop and pad.

Counts are never interpolated, since what is shared out between pixels no longer scatters as photons do. A centre
between pixels is moved by whole pixels; the rest, half a pixel at most, stays in the patterns, where it is the phase
ramp exp(2πi δ·r/n) of the wave behind the object. A probe takes that ramp as it takes any other phase: one that is
estimated from the mean pattern has it by itself, one that comes with the data is multiplied with it.
"""

from dataclasses import replace

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import Dataset
from ptychograd.data.dataset.change import FrameChange
from ptychograd.data.preparation.blocks import with_frames
from ptychograd.data.preparation.companions import on_other_pixels
from ptychograd.data.preparation.windows import Placed, with_placed, with_ramp

Centre = tuple[float, float]


def zero_frequency_to_middle(data: Dataset) -> Dataset:
    """Far-field patterns of which pixel (0, 0) moved to the middle one, n // 2; the edges wrap.

    Raises:
        InputError: patterns that are no far field.
    """
    require_far_field(data, "shift")
    moves = tuple(n // 2 for n in data.frame_shape)

    def rolled(frames: np.ndarray) -> np.ndarray:
        return np.roll(frames, moves, axis=(-2, -1))

    changed = with_frames(data, FrameChange(data.frame_shape, data.patterns.dtype, rolled, rolled))
    return replace(changed, notes=(*data.notes, "prepared: the zero frequency moved from pixel (0, 0) to the middle"))


def transposed(data: Dataset) -> Dataset:
    """The data with rows and columns of the detector exchanged; positions stay.

    Raises:
        InputError: rocking curves, whose axes the diffraction fixes; or a support and frames that are not square.
    """
    _require_no_curves(data, "transpose")
    rows, columns = data.frame_shape
    if rows != columns and (data.support is not None or data.geometry is None):
        what = "without a geometry" if data.geometry is None else "with a support"
        raise InputError(
            f"`data.prepare.transpose`: frames of {rows} x {columns} pixels have other object pixels when they are "
            f"transposed, which {data.source} {what} can't take; crop them to a square, or transpose the file's."
        )

    def exchanged(frames: np.ndarray) -> np.ndarray:
        return frames.swapaxes(-1, -2)

    changed = with_frames(data, FrameChange((columns, rows), data.patterns.dtype, exchanged, exchanged))
    geometry = data.geometry
    if geometry is not None:
        geometry = replace(geometry, pixel_size=(geometry.pixel_size[1], geometry.pixel_size[0]))
    probe = data.probe if rows == columns else None
    left = "" if probe is data.probe else "; the start probe of the data has another window and is left out"
    note = f"prepared: rows and columns of the detector exchanged{left}"
    return replace(changed, geometry=geometry, probe=probe, notes=(*data.notes, note))


def flipped(data: Dataset, axes: str) -> Dataset:
    """The data with axes of the detector reversed about the middle pixel n // 2; positions and start probe stay.

    Of an even number of pixels the first has no partner: it is masked.

    Args:
        data: patterns.
        axes: "y", "x" or "yx".

    Raises:
        InputError: other axes, or rocking curves.
    """
    _require_no_curves(data, "flip")
    if axes not in ("y", "x", "yx"):
        raise InputError(f'`data.prepare.flip` "{axes}"; expected "y", "x" or "yx".')
    numbers = [
        2 * (n // 2) - np.arange(n) if name in axes else np.arange(n)
        for name, n in zip("yx", data.frame_shape, strict=True)
    ]
    changed = with_placed(data, Placed(*numbers))
    return replace(changed, notes=(*data.notes, f"prepared: the detector's {' and '.join(axes)} reversed"))


def centred_on(data: Dataset, centre: Centre, how: str = "as given", target: Centre | None = None) -> Dataset:
    """Far-field patterns moved by whole pixels, so that the zero frequency is in the middle one; the frame stays.

    Pixels that come in from beyond the detector are masked.

    Args:
        data: patterns.
        centre: (y, x) of the zero frequency, in pixels, counted from 0.
        how: it is known, in words.
        target: where it is to be, as near as whole pixels allow; the middle pixel by default. The middle of a pixel
            that is summed up later lies elsewhere.

    Raises:
        InputError: a centre that is not in the frame, or patterns that are no far field.
    """
    require_far_field(data, "centre")
    shape = data.frame_shape
    if not all(-0.5 <= place <= n for place, n in zip(centre, shape, strict=True)):
        raise InputError(
            f"`data.prepare.centre` ({centre[0]:g}, {centre[1]:g}) is not in a frame of {shape[0]} x {shape[1]} "
            "pixels; expected (y, x), counted from 0."
        )
    goal = target or (shape[0] // 2, shape[1] // 2)
    moves = [int(np.ceil(to - place - 0.5)) for to, place in zip(goal, centre, strict=True)]
    left = tuple(place + move - n // 2 for place, move, n in zip(centre, moves, shape, strict=True))
    rest = (round(left[0], 9), round(left[1], 9))
    changed = with_placed(data, Placed(*(np.arange(n) - move for n, move in zip(shape, moves, strict=True))))
    note = f"prepared: centre ({centre[0]:.2f}, {centre[1]:.2f}), {how}, moved by ({moves[0]:+d}, {moves[1]:+d}) pixels"
    if any(rest):
        note += f"; the rest of ({rest[0]:+.2f}, {rest[1]:+.2f}) stays, a phase ramp of the probe"
    return replace(changed, probe=with_ramp(data.probe, rest), notes=(*data.notes, note))


def cropped(data: Dataset, shape: tuple[int, int]) -> Dataset:
    """The data on fewer pixels about the middle one.

    In a far field the window stays as wide, with larger object pixels; in a near field it gets narrower.

    Args:
        data: patterns.
        shape: rows and columns that are left.

    Raises:
        InputError: more of them than there are, or rocking curves.
    """
    _require_no_curves(data, "crop")
    if any(new > n for new, n in zip(shape, data.frame_shape, strict=True)):
        raise InputError(
            f"`data.prepare.crop` {list(shape)} is larger than the frame of {list(data.frame_shape)} pixels; expected "
            "fewer, or `data.prepare.pad`."
        )
    return _on_other_pixels(data, shape, "cropped to")


def padded(data: Dataset, shape: tuple[int, int]) -> Dataset:
    """The data on more pixels about the middle one; the new ones are masked, as nothing was measured there.

    Args:
        data: patterns.
        shape: rows and columns of the new frame.

    Raises:
        InputError: fewer of them than there are, rocking curves, or a far field with a support.
    """
    _require_no_curves(data, "pad")
    if any(new < n for new, n in zip(shape, data.frame_shape, strict=True)):
        raise InputError(
            f"`data.prepare.pad` {list(shape)} is smaller than the frame of {list(data.frame_shape)} pixels; expected "
            "more, or `data.prepare.crop`."
        )
    if data.support is not None:
        raise InputError(
            f"`data.prepare.pad`: the support of {data.source} is drawn on the pixels of the smaller frame; give one "
            "for the padded frame, or none."
        )
    return _on_other_pixels(data, shape, "padded to")


def _on_other_pixels(data: Dataset, shape: tuple[int, int], what: str) -> Dataset:
    if tuple(shape) == data.frame_shape:
        return data
    numbers = [np.arange(new) - new // 2 + n // 2 for new, n in zip(shape, data.frame_shape, strict=True)]
    changed = on_other_pixels(with_placed(data, Placed(*numbers)), data)
    old = " x ".join(map(str, data.frame_shape))
    note = f"prepared: {what} {shape[0]} x {shape[1]} of {old} pixels"
    return replace(changed, notes=(*data.notes, note))


def require_far_field(data: Dataset, name: str) -> None:
    """Refuse patterns that have no zero frequency in them."""
    if data.near_field:
        raise InputError(
            f"`data.prepare.{name}` is for far fields; the shadows of {data.source} have no zero frequency."
        )
    _require_no_curves(data, name)


def _require_no_curves(data: Dataset, name: str) -> None:
    if data.rocking_curve:
        raise InputError(
            f"`data.prepare.{name}`: {data.source} holds rocking curves, whose pixels the geometry of the crystal "
            "fixes; prepare the frames before they are read."
        )
