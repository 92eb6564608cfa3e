"""What data need to be done to them, where they show it beyond doubt: each guess is fields of a plan and a sentence."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ptychograd.data.checks.beam import border, off_centre
from ptychograd.data.dataset import Dataset, check_data
from ptychograd.data.preparation.centre import found_centre
from ptychograd.data.preparation.gain import gain_by_variance, offset_by_scatter
from ptychograd.data.preparation.order import prepare
from ptychograd.data.preparation.pixels import found_dead, found_hot
from ptychograd.data.preparation.wanted import ChosenFrames, Preparation

ONE = 0.15  # how far from 1 a gain is that is none
OFF = 0.75  # pixels from the middle one, from which patterns are moved
IN_A_CORNER, BRIGHTER = 0.3, 3.0  # of the frame along both axes; light at its edge over that where it is in the middle
DIM, NEXT = 0.1, 0.3  # of the median pattern: what has no beam, and what others have at least


class Guess(NamedTuple):
    """Something that data show to be needed, beyond doubt.

    Args:
        fields: values of fields of `Preparation`, by name, which in a plan are those of `data.prepare`.
        text: what was found, one sentence without its full stop.

    Example:
        >>> doubled = pg.make_dataset(2 * data.patterns, data.positions)
        >>> [guess.fields for guess in pg.data.guess_preparation(doubled)]
        [{'gain': 2.0}]
    """

    fields: Mapping[str, object]
    text: str

    @property
    def in_plan(self) -> dict[str, object]:
        """The fields of a plan that say it, by path."""
        found: dict[str, object] = {}
        for name, value in self.fields.items():
            if isinstance(value, ChosenFrames):
                found["data.prepare.frames.dimmest"] = value.dimmest
            else:
                found[f"data.prepare.{name}"] = list(value) if isinstance(value, tuple) else value
        return found


def guess_preparation(data: Dataset, done: Preparation | None = None) -> tuple[Guess, ...]:
    """All that these data need, in the order of `prepare`, each found in data to which the ones before were done.

    Offset and gain of the detector · hot and dead pixels · zero frequency in a corner · centre · patterns without beam.
    What the data leave open is not guessed.

    Args:
        data: as they were read; they are not changed.
        done: what was done to them by then, by default nothing; that is not looked for, and no centre in pixels that
            were moved.

    Example:
        >>> pg.data.guess_preparation(data)
        ()
    """
    check_data(data)
    found: list[Guess] = []
    if data.grows or not data.total > 0:
        return ()
    for guess_of in _open(done or Preparation(), data.stated.done):
        guess = guess_of(data)
        if guess is not None:
            data = prepare(data, Preparation(**guess.fields, stated=False))  # pyright: ignore[reportArgumentType]
            found.append(_in_pixels_of_file(guess, found, data.frame_shape))
    return tuple(found)


def _open(done: Preparation, as_stated: tuple[str, ...]) -> "list[Callable[[Dataset], Guess | None]]":
    """What is looked for in data to which this was done, and what their file stated."""
    moved = "centre" in as_stated or done.moves_pixels
    known: dict[Callable[[Dataset], Guess | None], bool] = {
        guess_counts: "dark" in as_stated or done.dark is not None or done.gain is not None or done.bin is not None,
        guess_pixels: done.hot_pixels or done.dead_pixels,
        guess_corner: moved,
        guess_centre: moved,
        guess_frames: done.frames != ChosenFrames(),
    }
    return [guess_of for guess_of in ALL if not known[guess_of]]


def _in_pixels_of_file(guess: Guess, before: Sequence[Guess], shape: tuple[int, int]) -> Guess:
    """A guess with its centre in pixels of the file, if the zero frequency was in a corner of these."""
    centre = guess.fields.get("centre")
    if not isinstance(centre, tuple) or not any("shift" in one.fields for one in before):
        return guess
    y, x = (round((place - n // 2 + 0.5) % n - 0.5, 2) for place, n in zip(centre, shape, strict=True))
    return guess._replace(fields={**guess.fields, "centre": (max(y, 0.0), max(x, 0.0))})


def wanted_by(guesses: tuple[Guess, ...]) -> Preparation:
    """The preparation that all guesses ask for together."""
    wanted = Preparation()
    for guess in guesses:
        wanted = replace(wanted, **guess.fields)
    return wanted


def guess_counts(data: Dataset) -> Guess | None:
    """Offset and gain of a detector that does not write photons."""
    gain = gain_by_variance(data)
    if gain is None:
        return None
    offset = offset_by_scatter(data, gain.gain)
    is_one = abs(gain.gain - 1) < ONE
    fields: dict[str, object] = {} if offset is None else {"dark": offset.offset}
    texts = [] if offset is None else [f"{offset.offset:.6g} without light ({offset.summary})"]
    if not is_one:
        fields["gain"] = float(f"{gain.gain:.4g}") if gain.error else gain.gain
        texts.append(f"{gain.gain:.4g} a photon ({gain.summary})")
    return Guess(fields, f"the detector shows {' and '.join(texts)}") if fields else None


def guess_pixels(data: Dataset) -> Guess | None:
    """Pixels that count far more than all around them, or nothing amid light."""
    hot, dead = (int(np.count_nonzero(find(data))) for find in (found_hot, found_dead))
    fields = {name: True for name, count in (("hot_pixels", hot), ("dead_pixels", dead)) if count}
    return Guess(fields, f"{hot:,} hot and {dead:,} dead pixels are not masked") if fields else None


def guess_corner(data: Dataset) -> Guess | None:
    """A zero frequency at pixel (0, 0)."""
    if not data.is_far_field:
        return None
    mean = data.mean_pattern
    away, edge = np.abs(off_centre(mean)[1]), border(mean.shape)
    moved = np.roll(mean, [n // 2 for n in mean.shape], axis=(0, 1))
    if not ((away > IN_A_CORNER * np.array(mean.shape)).all() and mean[edge].sum() > BRIGHTER * moved[edge].sum()):
        return None
    return Guess({"shift": True}, "the zero frequency is in a corner, as a Fourier transform leaves it")


def guess_centre(data: Dataset) -> Guess | None:
    """A zero frequency that is not in the middle pixel, by the symmetry of the mean pattern, or else by its disc."""
    if not data.is_far_field:
        return None
    found = found_centre(data, "symmetry") or found_centre(data, "disc")
    if found is None:
        return None
    away = [place - n // 2 for place, n in zip(found.centre, data.frame_shape, strict=True)]
    if max(map(abs, away)) < OFF:
        return None
    y, x = (round(place, 2) for place in found.centre)
    text = f"the zero frequency is ({away[0]:+.1f}, {away[1]:+.1f}) pixels from the middle one, {found.summary}"
    return Guess({"centre": (y, x)}, text)


def guess_frames(data: Dataset) -> Guess | None:
    """Patterns without beam among such as have it."""
    if data.rocking_curve or not data.photons.any():
        return None
    share = data.photons / np.median(data.photons[data.photons > 0])
    dim = share < DIM
    if not dim.any() or 2 * np.count_nonzero(dim) > len(dim) or (~dim & (share < NEXT)).any():
        return None
    text = f"{np.count_nonzero(dim):,} of {len(dim):,} patterns have less than {DIM:.0%} of the median's photons"
    return Guess({"frames": ChosenFrames(dimmest=DIM)}, f"{text}, and no other less than {NEXT:.0%}")


ALL: tuple[Callable[[Dataset], Guess | None], ...] = (
    guess_counts,
    guess_pixels,
    guess_corner,
    guess_centre,
    guess_frames,
)
