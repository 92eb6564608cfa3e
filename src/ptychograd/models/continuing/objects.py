"""An object that continues an earlier one, on its own pixels and over its own extent."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Complex, Float

from ptychograd.core.errors import InputError
from ptychograd.core.resampling import NewPixels, continued_beyond
from ptychograd.data.geometry import format_length
from ptychograd.models.continuing.earlier import EarlierResult, Plane
from ptychograd.models.effects.common import answered
from ptychograd.physics.objects import AbstractObject
from ptychograd.physics.objects.multislice import in_slices
from ptychograd.physics.probes import orthogonal_modes
from ptychograd.physics.roles import Image

EDGE = 8  # earlier pixels over which the earlier object passes into the start, where that reaches beyond it
BEYOND = 1.0  # earlier pixels that a new array may reach farther than the earlier one and still count as the same


def continued_object(
    object: AbstractObject, earlier: EarlierResult, new: Plane, old: Plane
) -> tuple[AbstractObject, str]:
    """The object with the earlier one where that was, and as it starts elsewhere; and what was done."""
    image = object.image(None)
    if image is None or image.axes != ("y", "x"):
        raise InputError(f"A {type(object).__name__} can't continue an earlier object; it is for transmissions.")
    if earlier.image.axes != ("y", "x"):
        axes = ", ".join(earlier.image.axes)
        raise InputError(f"The earlier image has the axes {axes}; a transmission (y, x) can't continue it.")
    layers, text = _layers(image, earlier)
    axes = new.seen_from(old)
    shares = [_share(pixels, size) for pixels, size in zip(axes, old.shape, strict=True)]
    share = shares[0][:, None] * shares[1]
    if not share.any():
        raise InputError(_apart(new, old))
    start = np.asarray(image.array)
    found = np.where(share > 0, share * continued_beyond(layers, *axes), 0) + (1 - share) * start
    begun = answered(object.continued(found), AbstractObject, object, "continued")
    return begun, f"object: {resampled_text(old, new)}{text}{_beyond(share)}"


def resampled_text(old: Plane, new: Plane) -> str:
    """From which pixels to which, in words."""
    if old.shape == new.shape and np.allclose(old.pixel, new.pixel, rtol=1e-9):
        return f"{_size(new)} as before"
    return f"from {_size(old)} to {_size(new)}"


def _size(plane: Plane) -> str:
    pixels = f"{plane.shape[0]} x {plane.shape[1]} pixels"
    if (plane.pixel == 1).all():
        return pixels
    return f"{pixels} of {' x '.join(format_length(float(size)) for size in plane.pixel)}"


def _layers(image: Image, earlier: EarlierResult) -> tuple[Complex[np.ndarray, "*layers y x"], str]:
    """The earlier object in as many layers as the new one has, and what that took."""
    layers, kind = earlier.layers, earlier.image.layers
    kind = "" if layers.ndim == 2 else kind
    new_kind = image.layers
    if kind not in ("", "slices", "states"):
        raise InputError(f"The earlier image holds {len(layers)} {kind}; a start is made of one transmission.")
    if not new_kind:
        if kind == "slices":
            return layers.prod(axis=0), f", the product of {len(layers)} slices"
        if kind == "states":
            return orthogonal_modes(layers)[0][0], f", the strongest of {len(layers)} states"
        return layers, ""
    count = len(image.array)
    if kind == new_kind and len(layers) == count:
        return layers, f", {count} {kind}"
    if new_kind == "slices" and not kind:
        return in_slices(layers, count), f", divided among {count} slices"
    found = f"{len(layers)} {kind}" if kind else "one transmission"
    raise InputError(
        f"The earlier object has {found} and the new one {count} {new_kind}; expected as many of the same, or a thin "
        "object, which slices or states are put into afterwards."
    )


def _share(pixels: NewPixels, size: int) -> Float[np.ndarray, " new"]:
    """1 where the earlier object is, 0 beyond it, with a smooth edge on sides where the new array reaches beyond."""
    places, share, edge = pixels.places, np.ones(pixels.size), min(EDGE, size / 4)
    for inside in (places + 0.5, size - 0.5 - places):
        if inside.min() < -BEYOND:
            part = np.clip(inside / edge, 0, 1)
            share = share * part**2 * (3 - 2 * part)
    return share


def _beyond(share: Float[np.ndarray, "y x"]) -> str:
    outside = float(np.mean(share == 0))
    return f"; {outside:.0%} of its array lie beyond the earlier one and stay as they start" if outside else ""


def _apart(new: Plane, old: Plane) -> str:
    unit = "pixels" if (new.pixel == 1).all() else "m"
    spans = [_span(plane) for plane in (old, new)]
    return (
        f"The earlier object lies at {spans[0]} {unit} (y, x) and the new scan at {spans[1]} {unit}, so that they do "
        "not overlap; give positions with the same origin, or start without the earlier result."
    )


def _span(plane: Plane) -> str:
    last = plane.origin + np.array(plane.shape) * plane.pixel
    ranges: Sequence[str] = [f"{low:.4g} to {high:.4g}" for low, high in zip(plane.origin, last, strict=True)]
    return ", ".join(ranges)
