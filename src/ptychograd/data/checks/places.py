"""The positions: their unit, a raster that is too perfect, and those that can't be right."""

import numpy as np
from jaxtyping import Float64
from scipy.spatial import KDTree

from ptychograd.core.errors import InputError
from ptychograd.data.checks.finding import BAD, DOUBTFUL, GOOD, Evidence, Finding, numbers, plural
from ptychograd.data.geometry import UNITS, check_extent, format_length, nearest_step

PLAUSIBLE = (0.02, 1.0)  # steps over the diameter of the probe, or the window, that a person would choose
IMPOSSIBLE = (1e-3, 1.0)  # steps over the window beyond which the unit is wrong
PERFECT = 0.9  # of a lattice peak of all positions; 1 is a perfect lattice, 0.6 one with a jitter of 16 %
FEWEST_OF_A_RASTER, MOST_OF_A_RASTER = 9, 120  # positions
WIDEST_OF_A_RASTER = 16.0  # steps from the middle: what is farther away is left out, so that the search ends
ISOLATED = 4.0  # steps from the nearest neighbour
SAME = 1e-3  # pixels
ASIDE = 0.4  # sine of the angle between two peaks of a lattice


def units(evidence: Evidence) -> Finding | None:
    """Whether steps are as long as steps are, in the unit that is expected."""
    if not len(evidence.positions):
        return None
    data, window = evidence.data, min(evidence.data.frame_shape)
    step = evidence.step
    expected = "object pixels" if evidence.pixel is None else "metres"
    found = f"a step of {step:.3g} object pixels"
    if evidence.pixel is not None:
        found += f" of {' x '.join(format_length(size) for size in evidence.pixel)}"
    figures = {"step_pixels": step}
    guesses = _guesses(evidence)
    mend = f"; they look like {' or '.join(guesses)}" if guesses else ""
    mend = (
        f"give the positions in {expected} (`data.keys.positions=PATH`){mend}; or mend `geometry.distance`, wavelength "
        "or pixel size"
    )
    if len(evidence.positions) > 1 and not step > 0:
        text = "all positions are the same; name where the file keeps them (`data.keys.positions=PATH`)"
        return Finding("units", BAD, "nothing moves", text, {"step_pixels": 0.0})
    try:
        check_extent(evidence.positions, data.frame_shape, evidence.pixel)
    except InputError as problem:
        if _is_reasonable_without(isolated(evidence.positions), evidence):
            mend = "correct what is far from all others, or leave these patterns out (ptychograd.subset in Python)"
        return Finding("units", BAD, str(problem).removesuffix("."), mend, figures)
    if len(evidence.positions) > 1 and not IMPOSSIBLE[0] < step / window < IMPOSSIBLE[1]:
        return Finding("units", BAD, f"{found}, in a window of {window}", mend, figures)
    if evidence.pixel is None:
        found += "; no geometry, so lengths stay in pixels"
    return Finding("units", GOOD, found, "", figures)


def _is_reasonable_without(alone: np.ndarray, evidence: Evidence) -> bool:
    """Whether all would be well but for some positions."""
    if not len(alone):
        return False
    try:
        check_extent(np.delete(evidence.positions, alone, axis=0), evidence.data.frame_shape, evidence.pixel)
    except InputError:
        return False
    return True


def _guesses(evidence: Evidence) -> list[str]:
    """Units other than the expected one in which the steps would be plausible."""
    if evidence.pixel is None or len(evidence.positions) < 2:
        return []
    size = evidence.diameter if evidence.diameter > 0 else min(evidence.data.frame_shape)
    pixels = {"object pixels": evidence.pixel[0]}
    factors = {unit: factor for unit, factor in (UNITS | pixels).items() if unit != "m"}
    plausible = {unit: f for unit, f in factors.items() if PLAUSIBLE[0] < f * evidence.step / size < PLAUSIBLE[1]}
    return [f"{unit} (times {factor:.3g})" for unit, factor in plausible.items()]


def raster(evidence: Evidence) -> Finding | None:
    """How perfect a lattice the positions are, whatever its axes: the height of its Bragg peaks, 0 to 1."""
    if evidence.is_crystal or not evidence.step > 0:
        return None
    places = _about_the_middle(np.unique(evidence.positions, axis=0))
    if len(places) < FEWEST_OF_A_RASTER:
        return None
    peak = lattice_peak(places)
    jitter = np.sqrt(max(0.0, -np.log(max(peak, 1e-6))) / 2) / np.pi
    if peak < PERFECT:
        found = f"irregular (lattice peak {peak:.2f} of 1)"
        return Finding("raster", GOOD, found, "", {"lattice_peak": peak})
    found = (
        f"positions lie on a lattice (peak {peak:.3f} of 1, written down with a jitter of about {jitter:.1%} of a step)"
    )
    if evidence.data.support is not None:
        found += ", with a known surround"
        return Finding("raster", GOOD, found, "", {"lattice_peak": peak})
    text = (
        "a raster leaves a grid with the period of its step open, in object and probe: distrust detail of that period, "
        "and next time scan a spiral or jitter the steps by a fifth; a known surround (`data.keys.support=PATH`) tells "
        "it too"
    )
    return Finding("raster", DOUBTFUL, found, text, {"lattice_peak": peak})


def lattice_peak(places: Float64[np.ndarray, "place 2"]) -> float:
    """Height of the lesser of the two brightest Bragg peaks |mean of exp(2πi k·r)| of positions r, not on one line.

    Wave vectors k are as long as those of a lattice with their step. A Gaussian jitter σ along each axis leaves
    exp(-2π²σ²k²), the Debye-Waller factor of the amplitude; even lines along which nothing is even have one peak only.
    """
    places = _about_the_middle(places)
    places = (places - places.mean(axis=0)) / nearest_step(places)
    fine = 0.25 / max(float(np.ptp(places, axis=0).max()), 1.0)
    reach = np.arange(0.0, 1.35, fine)
    waves = np.stack(np.meshgrid(np.concatenate([-reach[:0:-1], reach]), reach, indexing="ij"), axis=-1).reshape(-1, 2)
    length = np.hypot(*waves.T)
    waves = waves[(length > 0.45) & (length < 1.3)]
    heights = np.concatenate([_heights(part, places) for part in np.array_split(waves, max(1, len(waves) // 4096))])
    first = waves[heights.argmax()]
    across = np.abs(np.cross(np.append(first, 0), np.pad(waves, ((0, 0), (0, 1))))[:, 2])
    aside = across > ASIDE * np.hypot(*first) * np.hypot(*waves.T)
    peak, where = float(heights[aside].max()), waves[aside][heights[aside].argmax()]
    for width in (fine, fine / 4, fine / 16):
        offsets = np.linspace(-width, width, 9)
        near = where + np.stack(np.meshgrid(offsets, offsets), axis=-1).reshape(-1, 2)
        heights = _heights(near, places)
        peak, where = float(heights.max()), near[heights.argmax()]
    return peak


def _about_the_middle(places: Float64[np.ndarray, "place 2"]) -> Float64[np.ndarray, "near 2"]:
    """The positions about that in the middle of the scan, as many and as far away as a lattice is looked for in."""
    away = np.hypot(*(places - np.median(places, axis=0)).T)
    away = np.hypot(*(places - places[away.argmin()]).T)  # of two groups in the middle of one of them
    near = places[np.argsort(away, kind="stable")[:MOST_OF_A_RASTER]]
    while len(near) > 1:  # what is left may have smaller steps, in which others are too far away
        retained = near[np.hypot(*(near - near[0]).T) <= WIDEST_OF_A_RASTER * nearest_step(near)]
        if len(retained) == len(near):
            break
        near = retained
    return near


def _heights(waves: Float64[np.ndarray, "wave 2"], places: Float64[np.ndarray, "place 2"]) -> np.ndarray:
    return np.abs(np.exp(2j * np.pi * waves @ places.T).mean(axis=1))


def outliers(evidence: Evidence) -> Finding | None:
    """Positions with no neighbour within four steps."""
    if len(np.unique(evidence.positions, axis=0)) < FEWEST_OF_A_RASTER or not evidence.step > 0:
        return None
    return astray(evidence.positions) or Finding(
        "outliers", GOOD, "every position has a neighbour", "", {"outliers": []}
    )


def astray(positions: Float64[np.ndarray, "place 2"]) -> Finding | None:
    """Positions, in any unit, with no neighbour within four steps."""
    which = isolated(positions)
    if not len(which):
        return None
    found = f"{plural(len(which), 'position')} more than {ISOLATED:g} steps from any other: number {numbers(which)}"
    text = "correct them or leave these patterns out (ptychograd.subset in Python): they make the object's array large"
    return Finding("outliers", BAD, found, text, {"outliers": which.tolist()})


def isolated(positions: Float64[np.ndarray, "place 2"]) -> np.ndarray:
    """Numbers of the positions with no neighbour within four steps; none where there are too few to tell."""
    places, which = np.unique(positions, axis=0, return_inverse=True)
    if len(places) < FEWEST_OF_A_RASTER:
        return np.zeros(0, int)
    nearest = KDTree(places).query(places, 2)[0][:, 1]
    return np.flatnonzero((nearest > ISOLATED * np.median(nearest))[np.ravel(which)])


def duplicates(evidence: Evidence) -> Finding | None:
    """Positions that were visited before."""
    if len(evidence.positions) < 2:
        return None
    _, first = np.unique(np.round(evidence.positions / SAME), axis=0, return_index=True)
    again = np.setdiff1d(np.arange(len(evidence.positions)), first)
    if not len(again):
        return Finding("duplicates", GOOD, "every position is visited once", "", {"duplicates": []})
    what = "the same place" if len(again) == 1 else "places visited before"
    found = f"{plural(len(again), 'pattern')} at {what}: number {numbers(again)}"
    text = "fine if they were exposed twice; else a position was not read back: correct it, or leave the pattern out"
    return Finding("duplicates", DOUBTFUL, found, text, {"duplicates": again.tolist()})
