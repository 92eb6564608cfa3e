"""Priors made ready for a run: which array each is about, where that is free, and how many photons met it."""

from dataclasses import replace

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.core.parameters import check_names, named_leaves, trainable_names
from ptychograd.data.dataset import Dataset
from ptychograd.fitting.epoch import traced
from ptychograd.fitting.objective import Penalty
from ptychograd.fitting.priors import IMAGE, AbstractPrior
from ptychograd.fitting.reconstruction.contracts import check_prior
from ptychograd.physics.model import AbstractModel, roles_of, shares_work, shown_by
from ptychograd.physics.shared_work import shared_of


def with_path(prior: AbstractPrior, model: AbstractModel) -> AbstractPrior:
    """The prior with the path of the array that the model names as its image, if it has none of its own."""
    if prior.path != IMAGE:
        return prior
    roles, name = roles_of(model), type(prior).__name__
    if roles.image is not None:
        prior.check_image(len(roles.image.axes))
    path = "" if roles.image is None else shown_by(model, "image")
    if not path:
        raise InputError(
            f"A {name} without a path is for what a model names as its image (see AbstractModel.roles), and "
            f"{type(model).__name__} names none of its parameters; give the path of an array."
        )
    return replace(prior, path=path)


def penalty(prior: AbstractPrior, model: AbstractModel, data: Dataset, real: np.dtype) -> Penalty:
    """The prior with the photons that met a pixel of its array, and where that array is free."""
    stands = shared_of(model) if shares_work(model) else model
    named = named_leaves(eqx.filter(stands, eqx.is_array)) | named_leaves(eqx.filter(model, eqx.is_array))
    image = roles_of(model).image
    check_names((prior.path,), dict.fromkeys((*trainable_names(model), *trainable_names(stands))))
    if prior.path not in named:
        raise InputError(f'A prior takes one array; "{prior.path}" has several: name one of them.')
    array = named[prior.path]
    is_image = image is not None and shown_by(model, "image") == prior.path
    free = image.support if image is not None and is_image else None
    prior.check_array(array.shape)
    photons = 1.0
    if is_image:
        photons = data.total / (np.prod(array.shape[-2:]) if free is None else np.count_nonzero(free))
    root = jnp.asarray(np.sqrt(photons), real)
    outside = image.outside if image is not None and is_image else 0.0
    found = Penalty(traced(prior, real), root, None if free is None else jnp.asarray(free), outside)
    check_prior(found, jnp.asarray(array))
    return found
