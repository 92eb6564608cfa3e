"""From the fields of a plan to what is done to data before they are used."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import Dataset
from ptychograd.data.files import WRITERS, require_prepared
from ptychograd.data.preparation import ChosenFrames, Preparation
from ptychograd.data.preparation.scan import chosen
from ptychograd.runs.plan.images import image, number_or_image
from ptychograd.runs.plan.sections.data import MaskSection
from ptychograd.runs.plan.sections.prepare import PrepareSection

IMAGES = {"dark": number_or_image, "flat": image}


def preparation_of(asked: PrepareSection) -> Preparation:
    """What `data.prepare` asks for, with the images that it names.

    Raises:
        InputError: an image that can't be read.
    """
    values = {name: getattr(asked, name) for name in type(asked).model_fields}
    frames = asked.frames
    values["frames"] = ChosenFrames(**{name: getattr(frames, name) for name in type(frames).model_fields})
    for name, read in IMAGES.items():
        if values[name] is not None:
            values[name] = read(values[name], name.replace("flat", "flat field"))
    return Preparation(**values)


def require_place(out: Path, inputs: Sequence[Path]) -> None:
    """Raise `InputError` for a name at which prepared data can't be written, or other data would be lost."""
    if out.suffix not in WRITERS:
        raise InputError(f"--output {out}: expected a name that ends in {' or '.join(WRITERS)}.")
    if out.exists() and any(path.exists() and out.samefile(path) for path in inputs):
        raise InputError(f"--output {out} is the file that is read; give another name.")
    require_prepared(out)


def without_unwritten(data: Dataset) -> Dataset:
    """The data without patterns for which there was room in their file, and which were never written."""
    used = data.store.used
    if used is None or used.all():
        return data
    return chosen(data, np.flatnonzero(used[:: data.group]), "frames", "that were written")


def parted(asked: MaskSection, shape: tuple[int, int]) -> tuple[MaskSection, MaskSection]:
    """What a plan leaves out of frames as the file has them, of this shape, and what of those that are left."""
    is_of_file = asked.image is not None and np.shape(image(asked.image, "mask"))[-2:] == shape
    none = {"image": None}
    before = asked.replaced(beam_stop=0.0, **({} if is_of_file else none))
    return before, asked.replaced(above=None, **(none if is_of_file else {}))
