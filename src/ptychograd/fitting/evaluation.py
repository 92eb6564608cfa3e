"""How well a model as it is explains patterns: one pass over them in which nothing moves."""

from collections.abc import Sequence

from ptychograd.core.parameters import trainable_names
from ptychograd.data.dataset import Dataset, check_data
from ptychograd.fitting.epoch import Device
from ptychograd.fitting.reconstruction import reconstruct
from ptychograd.fitting.solvers import EvaluateOnly
from ptychograd.physics.model import AbstractModel
from ptychograd.physics.noise import AbstractNoise


def r_factor(
    model: AbstractModel,
    data: Dataset,
    devices: Sequence[Device] | None = None,
    noise: AbstractNoise | None = None,
) -> float:
    """R = sqrt(Σ(√h - √y)² / Σy) of a model as it is, over all valid pixels; the rest as for `reconstruct`."""
    check_data(data)
    names, size = trainable_names(model), min(max(16, len(devices or ())) * data.group, data.count)
    result = reconstruct(
        model, data, EvaluateOnly(), epochs=1, batch_size=size, trainable=names, devices=devices, noise=noise
    )
    return result.history.r_factor[0]
