"""Whether steps that are divided by w = J^H J 1 are short enough: measured before the first one.

The sums of the rows of J^H J stand for its diagonal (see `fitting/solvers/preconditioner.py`), by W = (1 - φ) w + φ max
w. Where one pixel of a parameter reaches one pixel of the exit wave they are the diagonal, and no eigenvalue of
W⁻¹ J^H J is above 1. Where each pixel reaches many, as in Fourier ptychography of an image, w has nothing to do with
it: a dark-field pattern has w = 0, and steps as long as you like. So the largest eigenvalue is looked for by power
iteration from a random start (Golub & Van Loan, Matrix Computations, 4th ed., 7.3.1), which gives it from below: in
some batches of the run's size, and in those of the patterns whose w add up to least. A solver says up to which it
converges (`AbstractSolver.stable_up_to`).
"""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree, UInt

from ptychograd.core.parameters import Planes, named_parameters, replace_parameter
from ptychograd.core.strict import meant
from ptychograd.fitting.epoch import of_each
from ptychograd.fitting.objective import Objective
from ptychograd.fitting.shared import in_place
from ptychograd.fitting.solvers import AbstractSolver
from ptychograd.fitting.solvers.curvature import dot
from ptychograd.fitting.solvers.derivatives import Automatic
from ptychograd.fitting.solvers.preconditioner import reciprocal
from ptychograd.physics.model import Group

CANDIDATES, LARGEST_BATCH = 256, 64  # patterns that may be looked at, and in one batch
AT_RANDOM = 2  # batches, beside those of the patterns that see least
ITERATIONS = 8
SEED = 0
WITHOUT_DIAGONAL = "without_diagonal"  # settings: of a stage whose steps are not divided by w
UNLIKE = (
    "All parameters move by Adam, as those of a model without an exit wave do: each of their pixels reaches many "
    "pixels of this exit wave, so that steps divided by J^H J 1 would not converge. Say other step sizes by `steps` of "
    "the solver, or take pg.LBFGS(), which looks whether a step is too long."
)


@meant
def scales_steps(
    objective: Objective,
    variables: PyTree,
    solver: AbstractSolver,
    count: int,
    batch_size: int,
    before: Mapping | None = None,
) -> bool:
    """Whether w serves that solver; True without a look where it needs none, and where the model knows.

    There are `count` patterns (groups), `batch_size` of them in a batch; `before` are the settings of a result whose
    solver goes on, as it was.
    """
    if before is not None:
        return WITHOUT_DIAGONAL not in before
    stable = solver.stable_up_to
    if stable is None or _is_known(objective, variables) or not Automatic().diagonal_names(objective, variables):
        return True
    found = largest_eigenvalues(objective, variables, stable.floor, count, batch_size)
    return all(value <= stable.eigenvalue for value in found.values())


def noted(scales: bool) -> dict[str, bool]:
    """What the settings of a result say of that; nothing where w serves."""
    return {} if scales else {WITHOUT_DIAGONAL: True}


def largest_eigenvalues(
    objective: Objective, variables: PyTree, floor: float, count: int, batch_size: int
) -> dict[str, float]:
    """The largest eigenvalue of W⁻¹ J^H J over some batches, for each parameter."""
    real = jax.tree.leaves(variables)[0].dtype
    shared = objective, variables, jnp.asarray(floor, real)
    candidates = np.unique(np.linspace(0, count - 1, CANDIDATES).astype(np.int32))
    sums = jax.device_get(of_each(_sums, shared[:2], jnp.asarray(candidates)))
    size, rng = min(batch_size, LARGEST_BATCH, len(candidates)), np.random.default_rng(SEED)
    batches = [candidates[np.argsort(found, kind="stable")[:size]] for found in sums.values()]
    batches += [rng.choice(candidates, size, replace=False) for _ in range(AT_RANDOM)]
    keys = rng.integers(0, 2**32, (len(batches), 2), np.uint32)
    found = jax.device_get(of_each(_of_batch, shared, (jnp.asarray(np.array(batches)), jnp.asarray(keys))))
    return {name: float(np.max(values)) for name, values in found.items()}


def _is_known(objective: Objective, variables: PyTree) -> bool:
    model = objective.model(variables).exit_wave_model
    return not objective.shares and model is not None and model.has_diagonal


def _sums(shared: tuple[Objective, PyTree], number: Int[Array, ""]) -> dict[str, Float[Array, ""]]:
    """Σ w of one pattern, for each parameter."""
    return {
        name: jnp.sum(_product(*shared, name, Group(number[None]))[1]) for name in Automatic().diagonal_names(*shared)
    }


def _product(
    objective: Objective, variables: PyTree, name: str, group: Group
) -> tuple[Callable[[Planes], Planes], Float[Array, "..."]]:
    """What multiplies with J^H J of the exit waves of a batch, with respect to a parameter; and w."""
    place = in_place(objective, variables)
    there = place.names[name]
    leaf = named_parameters(place.variables)[there]

    def waves(leaf: PyTree) -> tuple[Array, Array]:
        local_view = place.objective.local_view(replace_parameter(place.variables, there, leaf), group)
        found = place.objective.surrogate_waves(*local_view, group)
        return found.real, found.imag

    def product(vector: Planes) -> Planes:
        _, tangent = jax.jvp(waves, (leaf,), (vector,))
        return jax.vjp(waves, leaf)[1](tangent)[0]

    return product, product(Planes(jnp.ones_like(leaf.real), jnp.zeros_like(leaf.imag))).real


def _of_batch(
    shared: tuple[Objective, PyTree, Float[Array, ""]], row: tuple[Int[Array, "batch"], UInt[Array, "2"]]
) -> dict[str, Float[Array, ""]]:
    """The largest eigenvalue for each parameter in one batch; 0 for what it does not see, infinite where w is 0."""
    objective, variables, floor = shared
    number, key = row

    def largest(name: str) -> Float[Array, ""]:
        product, w = _product(objective, variables, name, Group(number))
        root = jnp.sqrt(jnp.abs(reciprocal(w, jnp.max(w), floor)))
        random = jax.random.wrap_key_data(key, impl="threefry2x32")

        def turned(_: Array, found: tuple[Planes, Array]) -> tuple[Planes, Array]:
            vector, size = found[0], jnp.sqrt(dot(found[0], found[0]))
            vector = _times(jnp.where(size > 0, 1 / jnp.where(size > 0, size, 1), 0), vector)
            new = _times(root, product(_times(root, vector)))
            return new, dot(vector, new)

        begin = Planes(*jax.random.rademacher(random, (2, *w.shape), w.dtype))
        found = jax.lax.fori_loop(0, ITERATIONS, turned, (begin, jnp.zeros_like(floor)))[1]
        is_missed = (jnp.max(w) <= 0) & (dot(begin, product(begin)) > 0)
        return jnp.where(is_missed, jnp.inf, found)

    return {name: largest(name) for name in Automatic().diagonal_names(objective, variables)}


def _times(factor: Float[Array, "..."], vector: Planes) -> Planes:
    return Planes(factor * vector.real, factor * vector.imag)
