"""A probe that continues an earlier one, in its own window and with the photons of its own patterns."""

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Complex

from ptychograd.core.errors import InputError
from ptychograd.core.resampling import about_middle, dark_beyond
from ptychograd.models.continuing.earlier import EarlierResult, Plane
from ptychograd.models.continuing.objects import resampled_text
from ptychograd.models.effects.common import answered
from ptychograd.physics.probes import AbstractProbe, orthogonal_modes
from ptychograd.physics.probes.diverse import diverse_modes

NARROW = 0.02  # of the window: a near field's beam may lack so much of it, as it is zero there


def continued_probe(
    probe: AbstractProbe, earlier: EarlierResult, new: Plane, old: Plane, *, fills_window: bool
) -> tuple[AbstractProbe, str]:
    """The probe with the earlier modes in its place, and what was done.

    Args:
        new: the object's pixels; of the probe they have the same size.
        old: those of the earlier object.
        fills_window: whether the beam goes on beyond the window, as that of a near field does.
    """
    start = eqx.filter_eval_shape(probe, jax.ShapeDtypeStruct((), np.int32))
    modes, shape = earlier.modes, start.shape[1:]
    window, before = (
        plane._replace(shape=(int(n[0]), int(n[1]))) for plane, n in ((new, shape), (old, modes.shape[1:]))
    )
    wider = np.array(window.shape) * window.pixel / (np.array(before.shape) * before.pixel)
    if fills_window and wider.max() > 1 + NARROW:
        return probe, (
            f"probe: as it starts, since the window is {wider.max():.3g} times as wide as the earlier one, and nothing "
            "tells how the beam goes on there"
        )
    steps = window.pixel / before.pixel
    rows, columns = (
        about_middle(n, m, float(step)) for n, m, step in zip(window.shape, before.shape, steps, strict=True)
    )
    found = dark_beyond(modes, rows, columns)
    if not np.any(found):
        raise InputError("The earlier probe is 0 everywhere in the new window; start without the earlier result.")
    found, text = _counted(found, len(start))
    begun = answered(probe.continued(found), AbstractProbe, probe, "continued")
    return begun, f"probe: {resampled_text(before, window)}{text}"


def _counted(modes: Complex[np.ndarray, "earlier y x"], count: int) -> tuple[Complex[np.ndarray, "modes y x"], str]:
    """As many modes as asked for, with the power of all, and what that took."""
    if len(modes) == count:
        return modes, "" if count == 1 else f", {count} modes"
    if len(modes) > count:
        return diverse_modes(orthogonal_modes(modes)[0], count), f", the strongest {count} of {len(modes)} modes"
    return diverse_modes(modes, count), f", {count - len(modes)} more modes than the {len(modes)} before"
