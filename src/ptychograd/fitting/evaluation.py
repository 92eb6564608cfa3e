"""How well a model as it is explains patterns: one pass over them in which nothing moves."""

from collections.abc import Sequence

from ptychograd.core.parameters import trainable_names
from ptychograd.data.dataset import Dataset, check_data
from ptychograd.fitting.epoch import Device
from ptychograd.fitting.reconstruction import reconstruct, require_whole
from ptychograd.fitting.solvers import EvaluateOnly
from ptychograd.physics.model import AbstractModel
from ptychograd.physics.noise import AbstractNoise


def r_factor(
    model: AbstractModel,
    data: Dataset,
    devices: Sequence[Device] | None = None,
    noise: AbstractNoise | None = None,
) -> float:
    """The R-factor of a model as it is, R = sqrt(Σ(√h - √y)² / Σy), over all valid pixels; nothing is refined.

    h are the photons that the model expects and y those that were measured. Use it to judge a model by patterns that it
    was not fitted to (see `hold_out`).

    Args:
        model: the model to judge.
        data: the patterns y; the model has to be made from them, or from a dataset with the same positions.
        devices: among which the patterns of every batch are divided, such as `jax.devices()`; one device by default.
        noise: the noise model, which says what a pixel shows of h (`Censored`: no more than it can count);
            `Amplitude()` by default, whose pixels show h.

    Returns:
        R, a number without unit: 0 for a model that expects exactly what was measured.

    Raises:
        InputError: model and data do not fit together.

    Example:
        fitted, held = pg.hold_out(data, 0.05)
        result = pg.reconstruct(model, fitted, pg.Nesterov(), epochs=60, batch_size=16)
        result.history.r_factor[-1], pg.r_factor(result.model, held)
    """
    check_data(data)
    names, size = trainable_names(model), min(max(16, len(devices or ())) * data.group, data.count)
    result = reconstruct(
        model, data, EvaluateOnly(), epochs=1, batch_size=size, trainable=names, devices=devices, noise=noise
    )
    return require_whole(result).history.r_factor[0]
