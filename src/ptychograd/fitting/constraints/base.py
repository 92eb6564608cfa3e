"""What every constraint is: a projection."""

import abc

import equinox as eqx
from jaxtyping import Array, Inexact


class AbstractConstraint(eqx.Module):
    """Base class of constraints: a projection of an array onto those that fulfil it.

    A subclass gives the call. A stage applies it to refined parameters, by path, before its first step and after every
    step of any solver. A momentum follows the projected point: x' = P(y - γ g / w), v' = x' - x, as accelerated
    proximal gradients have it (Beck & Teboulle, SIAM J. Imaging Sci. 2, 183 (2009)).

    Example:
        >>> import jax.numpy as jnp
        >>> class AtMostTwo(pg.constraints.AbstractConstraint):
        ...     def __call__(self, array):
        ...         return array / jnp.maximum(jnp.abs(array) / 2, 1)
        >>> stage = pg.Stage(60, constraints={"object": AtMostTwo()})
    """

    @abc.abstractmethod
    def __call__(self, array: Inexact[Array, "..."]) -> Inexact[Array, "..."]:
        """The nearest array that fulfils it, of the same shape and type; one that does comes back as it is."""
