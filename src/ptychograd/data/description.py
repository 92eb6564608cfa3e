"""A data set in words: what a person wants to know before a reconstruction is started."""

import math
from collections.abc import Iterator

import numpy as np
from jaxtyping import Complex

from ptychograd.core.errors import InputError
from ptychograd.core.illumination import brightness
from ptychograd.data.dataset import BraggGeometry, Dataset, Geometry, positions_in_pixels
from ptychograd.data.geometry import (
    bounded,
    check_extent,
    format_length,
    nearest_step,
    object_shape_needed,
)

TOO_MANY = 3  # times more spread over stretches of patterns than over angles: in the right order it is the other way
POWER_IN_DIAMETER = 0.9  # of a probe: tails of a zone plate or of noise don't count as its width

Facts = Iterator[tuple[str, str]]


def describe(data: Dataset, sampling: tuple[float, float] | None = None) -> list[tuple[str, str]]:
    """Labelled facts about a data set, in the order in which a person asks for them.

    Args:
        sampling: object pixel (dy, dx) in metres; None takes that of the geometry, if it is known.

    Returns:
        Pairs of a label and a text; labels may repeat ("note").
    """
    pixel = sampling
    if pixel is None and data.geometry is not None:
        pixel = data.geometry.sampling(data.frame_shape)
    return [
        ("source", data.source),
        *_exposure(data, sampling),
        *_rocking_curve(data),
        *_scan(data, sampling, pixel),
        *_variables(data),
        *_counts(data),
        *_extras(data),
        *(("note", note) for note in data.notes),
    ]


def probe_diameter(probe: Complex[np.ndarray, "modes y x"]) -> float:
    """Diameter in pixels of the circle about the centre of mass that holds 90 % of a probe's power."""
    power = brightness(probe)
    if not power.any():
        return math.nan
    rows, columns = np.indices(power.shape)
    centre = [np.average(grid, weights=power) for grid in (rows, columns)]
    radius = np.hypot(rows - centre[0], columns - centre[1]).ravel()
    order = np.argsort(radius)
    held = np.cumsum(power.ravel()[order])
    return 2.0 * float(radius[order][np.searchsorted(held, POWER_IN_DIAMETER * held[-1])])


def _exposure(data: Dataset, sampling: tuple[float, float] | None) -> Facts:
    shape = " x ".join(map(str, data.frame_shape))
    size = data.patterns.nbytes / 1e6
    yield "patterns", f"{data.count:,} of {shape} pixels, {data.patterns.dtype}, {size:,.4g} MB"
    geometry = data.geometry
    if geometry is None:
        if data.positions is None:
            yield "geometry", "unknown"
            return
        yield "geometry", "unknown: lengths are in object pixels"
        yield "missing", "the geometry: wavelength, distance and pixel_size, each in metres"
        return
    yield (
        "geometry",
        f"wavelength {format_length(geometry.wavelength)} ({geometry.energy_text}),"
        f" distance {format_length(geometry.distance)}, detector pixel {_area(geometry.pixel_size)}",
    )
    if curve := geometry.rocking_curve:
        yield "voxel", f"{_area(curve.voxel(data.frame_shape))} (x, y, z), y along the exit beam"
    elif sampling is None:
        yield (
            "object pixel",
            f"{_area(geometry.sampling(data.frame_shape))} (y, x), of the {_regime(geometry)}",
        )
    else:
        yield "object pixel", f"{_area(sampling)} (y, x), as given"


def _rocking_curve(data: Dataset) -> Facts:
    curve = data.rocking_curve
    if curve is None:
        return
    low, high = np.degrees((min(curve.rocking), max(curve.rocking)))
    angles = f"{len(curve.rocking)} angles from {low:.4g} to {high:.4g} degrees"
    yield (
        "rocking curve",
        f"{angles} around 2θ = {math.degrees(curve.two_theta):.5g} degrees, at each of {data.count // data.group:,} "
        "positions",
    )
    photons = data.photons.reshape(-1, data.group).mean(axis=0)
    yield "", f"photons per pattern, angle by angle: {', '.join(f'{mean:,.4g}' for mean in photons)}"
    yield "depth", _depth(curve, data.frame_shape)
    if aliased := curve.aliased(data.frame_shape):
        yield "warning", aliased
    if _is_angle_major(data):
        yield "warning", "patterns look ordered angle by angle; expected position by position, at each angle by angle"
    if data.probe is None:
        yield "missing", "the beam: a probe (s, z), as `data.keys.probe=PATH` or from `model.start.focal_spot`"
    if data.support is None:
        yield "missing", "a support, or the crystal's thickness along x (`model.start.thickness`)"


def _depth(geometry: BraggGeometry, frame_shape: tuple[int, int]) -> str:
    """What range and steps of the angles tell of a crystal's depth."""
    voxel = format_length(geometry.voxel(frame_shape)[0])
    resolved, thickest = geometry.depth_resolution, geometry.thickest
    if not math.isfinite(resolved):
        return "a single angle tells nothing of it"
    widest_step = (
        ", more than a voxel: finer detail is left as it starts" if resolved > geometry.voxel(frame_shape)[0] else ""
    )
    return (
        f"the range of angles resolves {format_length(resolved)} along the scattering vector "
        f"(voxel {voxel}){widest_step}; their steps suffice for crystals up to {format_length(thickest)} along the "
        "incident beam, thicker ones need the support"
    )


def _is_angle_major(data: Dataset) -> bool:
    """Whether totals differ far more from one stretch of patterns to the next than from angle to angle."""
    if data.count < 4 * data.group:
        return False
    over_angles = data.photons.reshape(-1, data.group).mean(axis=0).std()
    over_stretches = data.photons.reshape(data.group, -1).mean(axis=1).std()
    return bool(over_stretches > TOO_MANY * over_angles)


def _regime(geometry: Geometry) -> str:
    """Far field, or near field with what the cone beam does to it."""
    near = geometry.near_field
    if near is None:
        return geometry.regime
    if math.isinf(near.focus_distance):
        return f"{near.regime} of a parallel beam"
    return (
        f"{near.regime} {format_length(near.focus_distance)} behind a focus: magnified {near.magnification:.5g} "
        f"times, as a parallel beam over {format_length(near.effective_distance)}"
    )


def _scan(data: Dataset, sampling: tuple[float, float] | None, pixel: tuple[float, float] | None) -> Facts:
    if data.positions is None:
        yield "positions", "none"
        return
    positions = bounded(positions_in_pixels(data, sampling)[:: data.group])
    span, step = np.ptp(positions, axis=0), nearest_step(positions)
    axes = "voxels (y, z)" if data.rocking_curve else "object pixels (y, x)"
    text = f"span {span[0]:,.5g} x {span[1]:,.5g} {axes}"
    if len(positions) > 1:
        text += f", median step to the nearest neighbour {step:.4g} pixels"
    if pixel is not None:
        steps = nearest_step(positions * pixel)
        text += f"; {_area(span * pixel)}" + (f", step {format_length(steps)}" if len(positions) > 1 else "")
    yield "positions", text
    yield "overlap", _overlap(data, step)
    if data.rocking_curve:
        return
    rows, columns = object_shape_needed(positions, data.frame_shape)
    yield "object", f"{rows:,} x {columns:,} pixels are needed, {8e-6 * rows * columns:,.4g} MB as complex64"
    try:
        check_extent(positions, data.frame_shape, pixel)
    except InputError as error:
        yield "problem", str(error)


def _variables(data: Dataset) -> Facts:
    for name, variable in data.variables.items():
        values, unit = variable.values, "" if variable.unit == "1" else f" {variable.unit}"
        each = f", {values.shape[1]} numbers for each pattern" if values.ndim == 2 else ""
        yield f"{name} of each", f"from {values.min():.6g} to {values.max():.6g}{unit}{each}"


def _overlap(data: Dataset, step: float) -> str:
    if data.count <= data.group:
        return "none: there is one position only"
    if data.probe is None:
        return f"unknown without a start probe; a step is {step / min(data.frame_shape):.1%} of the window"
    diameter = probe_diameter(data.probe)
    held = f"holds {POWER_IN_DIAMETER:.0%} of the start probe's power"
    if not diameter > 0:
        return "unknown: the start probe is empty or a point"
    return f"{1 - step / diameter:.1%} of a diameter of {diameter:.4g} pixels, which {held}"


def _counts(data: Dataset) -> Facts:
    photons = data.photons
    largest = data.largest
    yield (
        "photons per pattern",
        f"median {np.median(photons):,.5g}, from {photons.min():,.5g} to {photons.max():,.5g}",
    )
    yield "largest count", f"{largest:,.6g}"
    bad = data.mask.size - np.count_nonzero(data.mask)
    alike = "the same in all patterns" if data.mask.ndim == 2 else "one mask for each pattern"
    share = f"{bad:,} of {data.mask.size:,} pixels are bad ({bad / data.mask.size:.2%}), {alike}"
    yield "mask", share if bad else "all pixels are valid"
    if 2 * bad > data.mask.size:
        yield (
            "problem",
            "fewer than half are valid; `data.mask.nonzero=bad` turns a mask round, `data.mask.allow_most=true` goes "
            "on all the same",
        )


def _extras(data: Dataset) -> Facts:
    if data.probe is None:
        yield "start probe", "none"
    else:
        modes, rows, columns = data.probe.shape
        photons = brightness(data.probe).sum()
        plural = "mode" if modes == 1 else "modes"
        yield "start probe", f"{modes} {plural} of {rows} x {columns} pixels, {photons:,.4g} photons"
    if data.support is not None:
        shape = " x ".join(map(str, data.support.shape))
        yield "support", f"{shape} pixels, {data.support.mean():.1%} of them unknown"
    if data.truth is not None:
        shape = " x ".join(map(str, data.truth.object.shape))
        probe = " and its probe are" if data.truth.probe is not None else " is"
        yield "truth", f"a simulation's object of {shape} pixels{probe} in the file"


def _area(lengths) -> str:
    return " x ".join(format_length(float(length)) for length in lengths)
