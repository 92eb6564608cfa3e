"""From a plan to the data set that it names."""

import glob
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.core.log import log
from ptychograd.data.dataset import (
    Dataset,
    StreamFromFile,
    beam_stop,
    check_share,
    mask_pixels,
    unsaturated_mask,
)
from ptychograd.data.files import read
from ptychograd.data.geometry import ENERGIES, HARDEST, electron_wavelength
from ptychograd.data.orientation import apply_orientation
from ptychograd.data.preparation import counted, placed, sound, used_of
from ptychograd.data.raster import RasterScan
from ptychograd.runs.plan.images import image
from ptychograd.runs.plan.preparation import parted, preparation_of
from ptychograd.runs.plan.problems import about_field
from ptychograd.runs.plan.sections.data import DataSection, GeometrySection, MaskSection, ScanSection

if TYPE_CHECKING:
    from ptychograd.runs.plan.whole import PlanFields

LENGTHS = ("distance", "focus_distance", "wavelength", "pixel_size", "two_theta")


def read_data(plan: "PlanFields", keep: StreamFromFile | None = None) -> Dataset:
    """The data set of a plan: read, prepared, turned, and without the pixels that it leaves out.

    Args:
        plan: names the files; several are one scan.
        keep: when patterns stay in their file.

    Raises:
        InputError: as `read`; or fewer than half of the pixels are valid, after all that leaves some out.
    """
    data = prepared(as_in_file(plan, keep), plan.data)
    if not plan.data.mask.allow_most:
        check_share(data.mask, data.notes, ", ".join(plan.data.paths))
    tell(plan, data)
    return data


def as_in_file(plan: "PlanFields", keep: StreamFromFile | None = None) -> Dataset:
    """The data of a plan before anything is done to them that `prepared` does.

    Args:
        plan: names the files; several are one scan.
        keep: when patterns stay in their file.

    Raises:
        InputError: as `read`.
    """
    asked = plan.data
    if not asked.paths:
        raise InputError('`data.paths` names no file; give one, as data = {paths = ["scan.h5"]}.')
    focus = _focus_field(plan)
    if focus is not None and plan.model.kind == "far-field":
        raise InputError(
            f"`{focus}` is given, and `model.kind` is far-field, which has none; leave the one out, or say near-field."
        )
    keys = keys_of(plan)
    near_field = {"near-field": True, "far-field": False}.get(str(plan.model.kind))
    of_file = asked.mask.nonzero if asked.mask.image is None or "mask" in keys else None
    how = {"near_field": near_field, "keep": keep, "links_into": asked.links_into, "mask_is": of_file}
    beside = {"positions": asked.positions, "join": asked.join, "scan": raster_of(asked.scan)}
    return read(asked.paths, keys, **beside, **how, allow_masked=True)


def raster_of(asked: ScanSection) -> RasterScan | None:
    """The raster scan of a plan; None if it has none."""
    if asked.step is None:
        if asked.model_fields_set - {"step"}:
            name = sorted(asked.model_fields_set - {"step"})[0]
            raise InputError(f"`data.scan.{name}` needs `data.scan.step`, the distance from point to point.")
        return None
    return RasterScan(
        asked.step,
        asked.shape,
        rotation=asked.rotation,
        serpentine=asked.serpentine,
        transpose=asked.transpose,
    )


def _focus_field(plan: "PlanFields") -> str | None:
    """The field that gives a focus distance, if one does."""
    if plan.geometry.focus_distance is not None:
        return "geometry.focus_distance"
    return "data.keys.focus_distance" if "focus_distance" in plan.data.keys else None


def prepared(data: Dataset, asked: DataSection) -> Dataset:
    """The data after all that `data.prepare`, `data.mask` and `data.orientation` ask for, in the order of `prepare`.

    A mask is of the detector, like dark and flat field, if it has the shape of the patterns in the file; a beam stop,
    and a mask of another shape, lie on the frame that is left.
    """
    wanted, shape = preparation_of(asked.prepare), data.frame_shape
    _, of_frame = parted(asked.mask, shape)
    data = without_bad_pixels(placed(on_detector(data, asked), wanted), of_frame)
    return used_of(apply_orientation(data, asked.orientation), wanted)


def on_detector(data: Dataset, asked: DataSection) -> Dataset:
    """The data after all of that which is done before pixels get other places, as those of the file."""
    wanted = preparation_of(asked.prepare)
    of_file, _ = parted(asked.mask, data.frame_shape)
    return sound(without_bad_pixels(counted(data, wanted), of_file), wanted)


def moves_pixels(data: Dataset, asked: DataSection) -> bool:
    """Whether the pixels of prepared data are others than those of the file."""
    return preparation_of(asked.prepare).moves_pixels or "centre" in data.stated.done


def tell(plan: "PlanFields", data: Dataset) -> None:
    """Log what was guessed about the data."""
    name = ", ".join(Path(path).name for path in plan.data.paths)
    notes = [*data.notes, *(["the patterns stay in the file and are read block by block"] if data.is_stored else [])]
    if data.near_field and plan.model.kind is None:
        focus = _focus_field(plan)
        why = "the file says that they are" if focus is None else f"`{focus}` is given"
        mend = "say `model.kind=far-field`" if focus is None else "leave that out"
        notes.append(f"the patterns are read as shadows, a near field, because {why}; if they are a far field, {mend}")
    for note in notes:
        log.info("%s: %s", name, note)
    start = plan.model.start
    is_given = start.beams or start.result
    estimated = data.group == 1 and data.positions is not None and (data.probe is None or start.defocus)
    if not is_given and estimated and plan.is_of_package:
        log.info("start probe: estimated from the mean pattern")


def absent_files(plan: "PlanFields") -> list[str]:
    """Files of a plan, or patterns of their names, that are not there."""
    return [path for path in plan.data.paths if not (Path(path).exists() or glob.glob(path))]


def keys_of(plan: "PlanFields") -> dict[str, str]:
    """Where the file keeps its items; lengths of the plan's geometry among them."""
    keys = {name: str(value) for name, value in plan.data.keys.items()}
    for name, value in _lengths(plan.geometry).items():
        if name in keys:
            raise InputError(f"`geometry.{name}` and `data.keys.{name}` are both given; give one of them.")
        keys["energy_kev" if name == "energy" else name] = repr(value)
    return keys


def _lengths(asked: GeometrySection) -> dict[str, float]:
    given = {name: getattr(asked, name) for name in LENGTHS}
    energy = None if asked.energy is None else asked.energy * ENERGIES["J"]
    if energy is not None and energy > HARDEST:
        raise InputError(
            f"`geometry.energy` {asked.energy:g}: a bare number is in joules, and no photon has {energy:.3g} keV; give "
            'its unit, as "8 keV".'
        )
    named = [name for name in ("energy", "voltage", "wavelength") if getattr(asked, name) is not None]
    if len(named) > 1:
        raise InputError(f"`geometry.{named[0]}` and `geometry.{named[1]}` are both given; give one of them.")
    if asked.voltage is not None:
        given["wavelength"] = electron_wavelength(asked.voltage)
    found = {name: value for name, value in {**given, "energy": energy}.items() if value is not None}
    return found


def without_bad_pixels(data: Dataset, asked: MaskSection) -> Dataset:
    """The data with what a beam stop, a mask and saturation leave out, and a note for each."""
    if asked.beam_stop:
        stop = beam_stop(data.frame_shape, asked.beam_stop)
        if not stop.any():
            raise InputError(
                f"`data.mask.beam_stop` {asked.beam_stop:g} leaves none of the {data.frame_shape} pixels; give a "
                "smaller radius."
            )
        data = _less(data, stop, f"`data.mask.beam_stop` {asked.beam_stop:g}")
    if asked.image is not None:
        meaning = "non-zero = bad" if asked.nonzero == "bad" else "non-zero = good"
        shown = asked.image if isinstance(asked.image, str) else "(an array)"
        with about_field("data.mask.image"):
            data = _less(data, image(asked.image, "mask"), f"`data.mask.image` {shown} ({meaning})", asked.nonzero)
    if asked.above is not None:
        with about_field("data.mask.above"):
            data = _less(data, unsaturated_mask(data, asked.above), f"`data.mask.above` {asked.above:g}")
    return data


def _less(data: Dataset, valid: np.ndarray, what: str, nonzero: str | None = None) -> Dataset:
    """The data without what is left out, and how much that is."""
    left = mask_pixels(data, valid, mask_is=nonzero, allow_masked=True)
    note = f"mask: with {what} {left.mask.mean():.2%} of the pixels are valid, of {data.mask.mean():.2%} before"
    return replace(left, notes=(*left.notes, note))
