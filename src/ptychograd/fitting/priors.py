"""Priors: what is known of a parameter beside the patterns, as a penalty that is added to the misfit.

The penalty of a prior is weight · √N · Σ φ, where N is the number of photons that met a pixel of the array in all
patterns on average, if the array is the object's (else 1). Noise of the real and of the imaginary part of a pixel's
transmission falls as 1/√N: it is 1/√(2N) at least, since patterns tell amplitudes and no phases, and 0.8 to 1.1 /√N was
measured with 1e7 to 1e5 photons in a known probe. So a weight of `TotalVariation` or `Sparse` that takes out features
of that size at 1e3 photons does so at 1e9; those of `Tikhonov` and `SliceSimilarity`, whose penalties are quadratic,
grow weaker as photons grow.
"""

import abc
from typing import SupportsFloat

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

from ptychograd.core.errors import InputError
from ptychograd.fitting.bases import AbstractBasis, Haar, Pixels, filled_up
from ptychograd.fitting.steepness import estimated_majorant

__all__ = [
    "AbstractBasis",
    "AbstractImagePrior",
    "AbstractPrior",
    "Haar",
    "Pixels",
    "SliceSimilarity",
    "Sparse",
    "Tikhonov",
    "TotalVariation",
]


def __dir__() -> list[str]:
    return __all__


IMAGE = ""  # the path of a prior on what the model names as its image


def _number(value: SupportsFloat) -> float:
    return float(value)


class AbstractPrior(eqx.Module):
    """Base class of priors: a penalty on one array of a model, which is added to the misfit.

    A subclass has the field `path`, which names the array (empty for what the model names as its image), and gives the
    call (the penalty, one real number). The call is given √N, by which penalties of the package are multiplied: N
    photons met a pixel of the image on average in all patterns (N is 1 for arrays that are not the image). How steep
    the penalty is, from which `Nesterov` takes its steps, is estimated where you give no `majorant`; solvers with step
    sizes of yours, as `adam`, do without.

    Example:
        >>> import equinox as eqx, jax.numpy as jnp
        >>> class NearOne(pg.priors.AbstractPrior):
        ...     weight: float
        ...     path: str = eqx.field(static=True, default="")
        ...     def __call__(self, array, root):
        ...         return self.weight * root * jnp.sum(jnp.abs(array - 1) ** 2)
        >>> nearer = pg.reconstruct(model, data, pg.Nesterov(), epochs=1, batch_size=14, priors=NearOne(0.1))
        >>> "object.transmission" in nearer.settings["priors"][0]
        True
    """

    path: eqx.AbstractVar[str]

    @abc.abstractmethod
    def __call__(self, array: Inexact[Array, "..."], root: Float[Array, ""]) -> Float[Array, ""]:
        """The penalty of a real or complex array; `root` is √N."""

    def majorant(self, array: Inexact[Array, "..."], root: Float[Array, ""]) -> Float[Array, "..."]:
        """A diagonal d with penalty(array + δ) <= penalty(array) + slope · δ + Σ d |δ|²: how steep it can get.

        By default it is estimated anew for every batch, in the compiled step: from products of the Hessian with random
        signs and with what the power method makes of noise, and then doubled until a step of the penalty alone no
        longer rises (see `ptychograd.fitting.steepness`). That takes as long as some twenty values of the penalty; a
        bound of your own is faster, and one for every change.
        """
        return estimated_majorant(lambda array: self(array, root), array)

    def check_image(self, axes: int) -> None:
        """Raise `InputError` for what the model names as its image, if it is on so many axes; any will do."""

    def check_array(self, shape: tuple[int, ...]) -> None:
        """Raise `InputError` for an array of that shape; any will do."""


class AbstractImagePrior(AbstractPrior):
    """Base class of priors that compare neighbouring pixels of an image or of several, which is no array of one axis.

    Example:
        >>> issubclass(pg.priors.Tikhonov, pg.priors.AbstractImagePrior)
        True
    """

    def check_image(self, axes):
        if axes == 3:
            name = type(self).__name__
            raise InputError(f"A {name} is for images, and this is a volume, as a crystal is; leave the prior out.")

    def check_array(self, shape):
        if len(shape) < 2:
            name = type(self).__name__
            raise InputError(f'A {name} takes an image or several; "{self.path}" has the shape {shape}.')


class Tikhonov(AbstractImagePrior):
    """Neighbouring pixels differ little: penalty weight · √N · Σ |∇O|², with differences along the last two axes.

    It smooths over sqrt(weight / √N) pixels, where N photons met a pixel of the object on average in all patterns (N is
    1 for arrays that are not the object's); so it grows weaker as photons grow. `TotalVariation` keeps edges.

    Args:
        weight: 0 or more.
        path: of the array, an image or several; by default that which the model names as its image.

    Raises:
        InputError: for a weight below 0, or infinite.

    Example:
        >>> pg.Stage(60, priors=(pg.priors.Tikhonov(0.1),)).priors[0].weight
        0.1
    """

    weight: float = eqx.field(converter=_number)
    path: str = eqx.field(static=True, default=IMAGE)

    def __check_init__(self):
        _check(self)

    def __call__(self, array, root):
        return self.weight * root * sum(jnp.sum(_power(step)) for step in _differences(array))

    def majorant(self, array, root):
        along_y, along_x = (jnp.ones_like(step.real) for step in _differences(array))
        return 2 * self.weight * root * _at_ends(along_y, along_x)


class TotalVariation(AbstractImagePrior):
    """Few neighbouring pixels differ: penalty weight · √N · Σ (sqrt(|∇O|² + ε²) - ε), which keeps edges.

    It is isotropic, and takes real and imaginary part at once (Rudin, Osher & Fatemi, Physica D 60, 259 (1992)). N
    photons met a pixel of the object on average in all patterns (N is 1 for arrays that are not the object's).

    Args:
        weight: 0 or more. One that takes out features of the size of the noise does so whatever the number of photons.
        smoothing: ε in units of 1/√N, about the noise of a pixel; differences below ε are taken for noise and smoothed
            evenly.
        path: of the array, an image or several; by default that which the model names as its image.

    Raises:
        InputError: for a weight below 0, a smoothing that is not above 0, or infinite ones.

    Example:
        >>> pg.Stage(60, priors=(pg.priors.TotalVariation(0.5),)).priors[0].smoothing
        0.1
    """

    weight: float = eqx.field(converter=_number)
    smoothing: float = eqx.field(default=0.1, converter=_number)
    path: str = eqx.field(static=True, default=IMAGE)

    def __check_init__(self):
        _check(self)

    def __call__(self, array, root):
        return self.weight * jnp.sum(jnp.sqrt(self._squares(array, root)) - self.smoothing)

    def majorant(self, array, root):
        slope = self.weight * root**2 / (2 * jnp.sqrt(self._squares(array, root)))
        return 2 * _at_ends(slope[..., :-1, :], slope[..., :, :-1])

    def _squares(self, array, root) -> Float[Array, "..."]:
        along_y, along_x = (root**2 * _power(step) for step in _differences(array))
        rows, columns = ([(0, 0)] * (array.ndim - 2) + pads for pads in ([(0, 1), (0, 0)], [(0, 0), (0, 1)]))
        return jnp.pad(along_y, rows) + jnp.pad(along_x, columns) + self.smoothing**2


class Sparse(AbstractImagePrior):
    """Few coefficients in a basis differ from 0: penalty weight · √N · Σ (sqrt(|B O|² + ε²) - ε), the smoothed L1 norm.

    N photons met a pixel of the object on average in all patterns (N is 1 for arrays that are not the object's). A
    basis of your own is a class with a linear map and a bound of it (see `AbstractBasis`).

    Args:
        weight: 0 or more. One that takes out features of the size of the noise does so whatever the number of photons.
        basis: B, in which few coefficients differ from 0; Haar's wavelets by default, `Pixels` for isolated features.
        smoothing: ε in units of 1/√N, about the noise of a pixel; coefficients below ε are taken for noise.
        path: of the array, an image or several; by default that which the model names as its image.

    Raises:
        InputError: for a weight below 0, a smoothing that is not above 0, or infinite ones.

    Example:
        >>> pg.Stage(60, priors=(pg.priors.Sparse(0.5),)).priors[0].basis.levels
        3
    """

    weight: float = eqx.field(converter=_number)
    basis: AbstractBasis = Haar()
    smoothing: float = eqx.field(default=0.1, converter=_number)
    path: str = eqx.field(static=True, default=IMAGE)

    def __check_init__(self):
        _check(self)

    def __call__(self, array, root):
        roots = (self._root(coefficients, root) for coefficients in self.basis(array))
        return self.weight * sum(jnp.sum(one - self.smoothing) for one in roots)

    def majorant(self, array, root):
        roots = tuple(self._root(coefficients, root) for coefficients in self.basis(array))
        bound = self.basis.spread(tuple(self.weight * root**2 / (2 * one) for one in roots))
        return filled_up(bound, array)

    def _root(self, coefficients, root) -> Float[Array, "..."]:
        return jnp.sqrt(root**2 * _power(coefficients) + self.smoothing**2)


class SliceSimilarity(AbstractImagePrior):
    """Neighbouring slices of a thick object are alike: penalty weight · √N · Σ |O_{s+1} - O_s|².

    N photons met a pixel of the object on average in all patterns (N is 1 for arrays that are not the object's). The
    penalty grows weaker, beside the misfit, as photons grow.

    Args:
        weight: 0 or more.
        path: of the array (slice, y, x); by default that which the model names as its image.

    Raises:
        InputError: for a weight below 0, or infinite.

    Example:
        >>> pg.Stage(60, priors=(pg.priors.SliceSimilarity(0.1),)).priors[0].weight
        0.1
    """

    weight: float = eqx.field(converter=_number)
    path: str = eqx.field(static=True, default=IMAGE)

    def __check_init__(self):
        _check(self)

    def __call__(self, array, root):
        return self.weight * root * jnp.sum(_power(jnp.diff(array, axis=0)))

    def majorant(self, array, root):
        neighbours = jnp.zeros_like(array.real).at[1:].add(1).at[:-1].add(1)
        return 2 * self.weight * root * neighbours


def _check(prior: AbstractPrior) -> None:
    for name in ("weight", "smoothing"):
        value = getattr(prior, name, 1.0)
        if isinstance(value, float | int) and not (0 <= value < float("inf") and (value or name == "weight")):
            raise InputError(f"{type(prior).__name__} with a {name} of {value:g}; expected a number above 0.")


def _power(array: Inexact[Array, "..."]) -> Float[Array, "..."]:
    return array.real**2 + array.imag**2 if jnp.iscomplexobj(array) else array**2


def _differences(array: Inexact[Array, "..."]) -> tuple[Inexact[Array, "..."], Inexact[Array, "..."]]:
    return jnp.diff(array, axis=-2), jnp.diff(array, axis=-1)


def _at_ends(along_y: Float[Array, "..."], along_x: Float[Array, "..."]) -> Float[Array, "..."]:
    """For every pixel the sum of what belongs to the differences that it takes part in."""
    *lead, rows, columns = (*along_y.shape[:-2], along_x.shape[-2], along_y.shape[-1])
    total = jnp.zeros((*lead, rows, columns), along_y.dtype)
    for place, values in (
        ((..., slice(1, None), slice(None)), along_y),
        ((..., slice(None, -1), slice(None)), along_y),
        ((..., slice(None), slice(1, None)), along_x),
        ((..., slice(None), slice(None, -1)), along_x),
    ):
        total = total.at[place].add(values)
    return total
