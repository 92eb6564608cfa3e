"""Several files that are one scan: one data set of all their patterns, in memory or in their files."""

from collections.abc import Iterable, Sequence
from dataclasses import fields

import numpy as np
from jaxtyping import Bool

from ptychograd.core.errors import InputError
from ptychograd.core.memory import aligned_empty
from ptychograd.data.dataset import (
    Dataset,
    Stated,
    StoredPatterns,
    Survey,
    Variable,
    check_data,
    frozen,
    joined_patterns,
)
from ptychograd.data.geometry import Geometry

SAME = 1e-5  # share of a length, or radians, by which files of one scan may differ
NAMED = 3  # sources that are named, before others are counted


def joined(datasets: Sequence[Dataset]) -> Dataset:
    """Make one data set of several that are parts of one scan, one after another.

    Positions, and what else differs from pattern to pattern, go with their patterns. Pixels that are valid in some
    parts and not in others have a mask for each pattern; where patterns stay in their files, and one mask serves all,
    they are left out in all. Probe and truth are those of the first part that has one. Patterns that stay in their
    files are not read, unless the parts have different masks.

    Args:
        datasets: the parts, of the same geometry and frame; none of them is changed.

    Returns:
        the whole scan; of a single part that part itself.

    Raises:
        InputError: no part, parts of different frames, lengths, supports or variables, some with and some without
            positions, or files that are still being written.

    Example:
        >>> first, second = pg.data.subset(data, range(20)), pg.data.subset(data, range(20, 56))
        >>> whole = pg.data.joined([first, second])
        >>> whole.count, whole.fingerprint == data.fingerprint
        (56, True)
    """
    parts = list(datasets)
    if not parts:
        raise InputError("There is no data set to be joined; expected one or more.")
    for part in parts:
        check_data(part)
    first = parts[0]
    if len(parts) == 1:
        return first
    for part in parts[1:]:
        _check_alike(first, part)
    patterns, mask, notes = _stored(parts) if any(part.is_stored for part in parts) else _in_memory(parts)
    return Dataset(
        patterns,
        None if first.positions is None else frozen(np.concatenate([np.asarray(p.positions) for p in parts])),
        mask,
        first.geometry,
        next((part.probe for part in parts if part.probe is not None), None),
        first.support,
        next((part.truth for part in parts if part.truth is not None), None),
        _source(parts),
        (*_notes(parts), *notes, _counted(parts)),
        {name: _variable(name, parts) for name in first.variables},
        _stated(parts),
    )


def _stated(parts: Sequence[Dataset]) -> Stated:
    """What all parts state alike."""
    first, *others = (part.stated for part in parts)

    def is_alike(name: str) -> bool:
        return all(np.array_equal(getattr(first, name), getattr(one, name)) for one in others)  # pyright: ignore

    return first.without(*(name for name in ("centre", "dark", "flat") if not is_alike(name)))


def _in_memory(parts: Sequence[Dataset]) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Patterns and mask in memory: one mask for all where it is the same."""
    kinds = [np.asarray(part.patterns).dtype for part in parts]
    whole = aligned_empty((sum(part.count for part in parts), *parts[0].frame_shape), np.result_type(*kinds))
    begin = 0
    for part in parts:
        whole[begin : begin + part.count] = part.patterns
        begin += part.count
    if all(part.mask.ndim == 2 and np.array_equal(part.mask, parts[0].mask) for part in parts):
        return frozen(whole), parts[0].mask, ()
    masks = [np.broadcast_to(part.mask, (part.count, *part.frame_shape)) for part in parts]
    note = "mask: the parts of the scan have different masks, so that each pattern has its own"
    return frozen(whole), frozen(np.concatenate(masks)), (note,)


def _stored(parts: Sequence[Dataset]) -> tuple[StoredPatterns, Bool[np.ndarray, "y x"], tuple[str, ...]]:
    """Patterns in their files, those of parts in memory among them, and one mask for all."""
    for part in parts:
        if part.mask.ndim == 3:
            raise InputError(
                f"{part.source} has a mask for each pattern, and other parts of the scan stay in their files, where "
                "one mask serves all; give more `machine.memory` than all parts take."
            )
        if part.grows:
            raise InputError(f"{part.source} is still being written; join it to others when it is complete.")
    kinds = {str(part.patterns.dtype): part.source for part in parts}
    if len(kinds) > 1:
        text = " and ".join(f"{kind} in {source}" for kind, source in kinds.items())
        raise InputError(
            f"The patterns are {text}, which can't be joined while they stay in their files; give more "
            "`machine.memory` than all parts take, or convert one of them."
        )
    valid = [part.mask & ~part.store.gap for part in parts]
    mask = np.logical_and.reduce(valid)
    alike = all(np.array_equal(one, mask) for one in valid)
    if not mask.any():
        raise InputError("No pixel is valid in all parts of the scan; mend the masks, or give more `machine.memory`.")
    surveys = [_survey(part) if alike else None for part in parts]
    patterns = joined_patterns([part.store for part in parts], surveys)
    lost = [int(np.count_nonzero(one & ~mask)) for one in valid]
    note = f"mask: pixels that are valid in some parts of the scan alone are left out in all, up to {max(lost):,}"
    return patterns, mask, () if alike else (note,)


def _survey(part: Dataset) -> Survey | None:
    """What was seen of a part; of one in memory, which is cleaned, no pixel is bad."""
    return part.store.survey if part.is_stored else part.store.surveyed(part.mask)


def _check_alike(first: Dataset, other: Dataset) -> None:
    """Refuse parts that can't be of one scan; the sentence names what differs, with both numbers."""
    if first.frame_shape != other.frame_shape:
        _refuse(first, other, "frames of {} pixels", (first.frame_shape, other.frame_shape), "crop them to the same")
    if type(first.geometry) is not type(other.geometry):
        kinds = tuple(type(part.geometry).__name__ if part.geometry else "no geometry" for part in (first, other))
        _refuse(first, other, "{}", kinds, "give all of them the same wavelength, distance and pixel size")
    if first.geometry is not None and other.geometry is not None:
        _check_lengths(first, other, first.geometry, other.geometry)
    if (first.positions is None) != (other.positions is None):
        known = tuple("no positions" if part.positions is None else "positions" for part in (first, other))
        _refuse(first, other, "{}", known, "name where each file keeps them")
    variables = tuple(_summary(part) for part in (first, other))
    if variables[0] != variables[1]:
        _refuse(first, other, "{}", variables, "name the same in all files (`data.keys.variable.NAME=PATH`)")
    supports = tuple(None if part.support is None else part.support.shape for part in (first, other))
    if supports[0] != supports[1] or not np.array_equal(first.support, other.support):  # pyright: ignore[reportArgumentType]
        texts = tuple("no support" if shape is None else f"a support of {shape}" for shape in supports)
        _refuse(first, other, "{}", texts, "give all of them the same, or none")


def _check_lengths(first: Dataset, other: Dataset, one: Geometry, two: Geometry) -> None:
    for field in fields(one):
        values = getattr(one, field.name), getattr(two, field.name)
        alike = np.shape(values[0]) == np.shape(values[1])
        if not alike or not np.allclose(values[0], values[1], rtol=SAME, atol=0 if field.name != "rocking" else SAME):
            text = field.name.replace("_", " ")
            _refuse(first, other, text + " {}", values, "correct it, or make a run of each file")


def _summary(part: Dataset) -> str:
    """The variables of a data set, in words."""
    texts = [
        f"{name} in {one.unit}" + (f" ({one.values.shape[1]} each)" if one.values.ndim == 2 else "")
        for name, one in sorted(part.variables.items())
    ]
    return "the variables " + ", ".join(texts) if texts else "no variables"


def _refuse(first: Dataset, other: Dataset, text: str, values: tuple, cure: str) -> None:
    one, two = (text.format(value) for value in values)
    raise InputError(f"{first.source} has {one} and {other.source} {two}, so they are no parts of one scan; {cure}.")


def _variable(name: str, parts: Sequence[Dataset]) -> Variable:
    values = np.concatenate([part.variables[name].values for part in parts])
    return Variable(frozen(values), parts[0].variables[name].unit)


def _source(parts: Sequence[Dataset]) -> str:
    sources = _once(part.source for part in parts)
    if len(sources) <= NAMED:
        return ", ".join(sources)
    return f"{', '.join(sources[:NAMED])} and {len(sources) - NAMED} more"


def _notes(parts: Sequence[Dataset]) -> list[str]:
    """Notes of all parts: once where all have them, else with the part's source."""
    common = [note for note in parts[0].notes if all(note in part.notes for part in parts)]
    own = [f"{part.source}: {note}" for part in parts for note in part.notes if note not in common]
    return _once([*common, *own])


def _counted(parts: Sequence[Dataset]) -> str:
    counts = [f"{part.count:,}" for part in parts]
    shown = " + ".join(counts) if len(counts) <= 2 * NAMED else f"{counts[0]} + ... + {counts[-1]}"
    return f"joined: {len(parts)} parts of {shown} patterns"


def _once(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
