"""The checks that are cheap enough for every run: what can give no result is refused, what is plainly wrong is told."""

import sys
import warnings
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ptychograd.core.errors import DataWarning, InputError
from ptychograd.data.checks.beam import corner
from ptychograd.data.checks.counts import functions_of_counts, without_photons
from ptychograd.data.checks.detector import always_dark, always_extreme, always_the_same, masked_nearly_all
from ptychograd.data.checks.finding import Finding, Sample
from ptychograd.data.checks.places import astray
from ptychograd.data.dataset import Dataset

PACKAGE = str(Path(__file__).parents[2])
_WARNED: set[tuple[int, str]] = set()  # of which patterns in memory what was said, as long as they are there


def check_possible(data: Dataset, is_scan: bool = True) -> None:
    """Raise `InputError` for data that can give no result: not one photon, or a scan of which nothing moves.

    With a known surround one place can tell something. Whether positions mean anything, `is_scan` says.
    """
    if data.grows:
        return
    if not data.total > 0:
        raise InputError(f"{data.source} holds not one photon in its valid pixels; expected counts.")
    if data.positions is None:
        return
    places = data.positions[:: data.group]
    if is_scan and data.support is None and len(places) > 1 and not np.ptp(places, axis=0).any():
        raise InputError(
            f"All {len(places)} positions of {data.source} are the same, and patterns of one place tell no object; "
            "name where the file keeps the positions (`data.keys.positions=PATH`)."
        )


def warn_of(data: Dataset, full: float | None = None) -> None:
    """Issue a `DataWarning` for each thing that is plainly wrong with the data; pixels at `full` are known to be so.

    It looks at a few patterns, and takes milliseconds. Of the same patterns nothing is said twice, whatever part of
    them is fitted and how often.
    """
    source = data.source.partition(", ")[0]  # without what is said of halves and of held-out patterns
    for finding in plainly_wrong(data, full):
        text = f"{source}: {finding.found}: {finding.advice}."
        if _is_news(data, text):
            warnings.warn(text, DataWarning, stacklevel=_calls_in_package())


def _is_news(data: Dataset, text: str) -> bool:
    """Whether it was not said of these patterns before; of patterns in a file, not of a file of that name."""
    key = (0 if data.is_stored else id(data.patterns), text)
    if key in _WARNED:
        return False
    _WARNED.add(key)
    if not data.is_stored:
        weakref.finalize(data.patterns, _WARNED.discard, key)
    return True


def plainly_wrong(data: Dataset, full: float | None = None) -> Iterator[Finding]:
    """What a few patterns show to be wrong beyond doubt."""
    sample = Sample.of(data)
    if (found := masked_nearly_all(sample)) is not None:
        yield found
        return
    found = always_extreme(sample)
    if found is not None and (full is None or sample.patterns.max(where=sample.mask, initial=0) < full):
        yield found
        return
    if (found := always_the_same(sample)) is not None:
        yield found
    if (found := functions_of_counts(sample)) is not None:
        yield found
    is_known = data.rocking_curve is None and not data.grows
    if is_known and (found := without_photons(data)) is not None:
        yield found
    if is_known and data.positions is not None and (found := astray(data.positions)) is not None:
        yield found
    if is_known and (found := always_dark(data)) is not None:
        yield found
    if data.is_far_field and (found := corner(sample)) is not None:
        yield found


def _calls_in_package() -> int:
    """How many calls up, from whoever asks for it, the package was called: that line a warning is to name."""
    frame, level, last = sys._getframe(1), 1, 1
    while frame is not None:
        last = level if frame.f_code.co_filename.startswith(PACKAGE) else last
        frame, level = frame.f_back, level + 1
    return last + 1
