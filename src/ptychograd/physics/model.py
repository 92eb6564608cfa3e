"""Models: the index of a pattern -> the photons that it is expected to hold."""

import abc
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Int

from ptychograd.core.errors import InputError
from ptychograd.core.parameters import (
    AbstractPart,
    is_parameter,
    named_parameters,
    replace_parameter,
    replace_parameters,
    trainable_names,
)
from ptychograd.core.strict import meant
from ptychograd.core.windows import Windows
from ptychograd.physics.roles import Image, Roles, plain
from ptychograd.physics.shared_work import computed_from, shared_of


class Group(eqx.Module):
    """The number of a group: patterns that a model makes together, as those of all angles of a rocking curve.

    It is not the number of a pattern: group 2 of a model that makes 15 patterns together begins with pattern 30. A call
    of the model, which takes the number of a pattern, refuses it.

    Args:
        number: of the group, from 0; (batch,) of several groups, as in a batch.

    Example:
        >>> import jax.numpy as jnp
        >>> model.together(pg.physics.Group(jnp.asarray(3))).shape  # of one pattern, where they are made one by one
        (20, 18)
    """

    number: Int[Array, "*batch"]

    def __index__(self) -> int:
        raise InputError(
            "A Group is not the number of a pattern; call model.together(group) for all of its patterns, or the model "
            "with the number of one."
        )

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return np.asarray(self.__index__())

    @property
    def __jax_array__(self) -> Array:  # JAX asks whether an index has it, and would raise an error of its own
        return jnp.asarray(self.__index__())


def group_number(group: object) -> Int[Array, "*batch"]:
    """The number of a `Group`; raises `InputError` for what is none, as the number of a pattern."""
    if not isinstance(group, Group):
        raise InputError(
            f"A {type(group).__name__} is no group of patterns; expected pg.physics.Group(number). For the pattern of "
            "a number call the model."
        )
    return group.number


class ScaleAmbiguity(NamedTuple):
    """Parameters whose common scale no pattern can tell: object times s and probe divided by s^`power` look the same.

    Args:
        object: path of the parameter that may be multiplied by s.
        probe: paths of the parameters that are then divided by s^`power`, the modes first.
        power: 1 for a thin object, the number of slices for a thick one.

    Example:
        >>> model.free_scale
        ScaleAmbiguity(object='object.transmission', probe=('probe.modes',), power=1)
    """

    object: str
    probe: tuple[str, ...]
    power: int = 1


class AbstractModel(eqx.Module):
    """Base class of models: from the number of a pattern to the photons that it is expected to hold.

    To write physics of your own, make parameters fields (real or complex JAX arrays) and the physics of one pattern the
    call. Batches, derivatives, compiled epochs, every gradient solver, result files and reports follow. All other
    methods have defaults; override them to make large or many parameters cheap.

    Example:
        >>> import equinox as eqx, jax, jax.numpy as jnp
        >>> class MyFarField(pg.AbstractModel):
        ...     object: jax.Array
        ...     probe: jax.Array
        ...     corner: jax.Array
        ...     def __call__(self, index):
        ...         patch = pg.extract_window(self.object, self.corner[index], self.probe.shape)
        ...         return jnp.abs(jnp.fft.fftshift(pg.core.fft2(self.probe * patch))) ** 2
        >>> mine = MyFarField(model.object.transmission, model.probe.modes[0], model.scan.corner)
        >>> eqx.filter_jit(mine)(jnp.asarray(0)).shape
        (20, 18)
    """

    @abc.abstractmethod
    def __call__(self, index: Int[Array, ""]) -> Float[Array, "*detector"]:
        """Expected photons of pattern `index`.

        For an index that no pattern has, JAX takes the nearest one. Models and scans of this package, and
        `pg.core.row`, raise `InputError` instead, for negative ones too; in compiled code, which can't raise, the
        photons are NaN.
        """

    def roles(self) -> Roles:
        """What the arrays mean: which is the image, which the illumination, which the positions; none by default.

        Values may be arrays of the model, or computed from them. Pictures, files and figures of quality ask for them.
        Of a model that shares work, the model that `shared` gives is asked, if it has roles.
        """
        return Roles()

    @property
    def refined(self) -> tuple[str, ...]:
        """Paths of what is refined by default: arrays of the model that `roles` names as image and illumination.

        An array with other axes, as `self.wave[None]`, stands for the parameter, and one that `shared` makes for all
        that it is made of. All parameters but positions are refined where it names none, and where one of the two
        is computed.
        """
        return _refined(self)

    @property
    def group(self) -> int:
        """How many consecutive patterns are computed together: 1, unless the physics makes more cheaper."""
        return 1

    def together(self, group: Group) -> Float[Array, "*detector"]:
        """Expected photons of a group, computed at once; stacked where a group is more than one pattern.

        Everything that works on batches calls this, and counts groups where it counts patterns.
        """
        return self(group_number(group))

    def shared(self) -> "AbstractModel":
        """The model in whose place the calls of a batch are made; itself by default.

        What all patterns need, and each would compute again, belongs in it: a network's output, a turned volume, a
        spectrum, put into a field by `eqx.tree_at`. It is computed and differentiated once a batch, by AD. Calls,
        `windows` and exit waves are those of the model that is given; its `group` has to be the same. Whoever calls a
        model by hand writes `model.shared()(index)`.
        """
        return self

    @property
    def exit_wave_model(self) -> "AbstractExitWaveModel | None":
        """This model, where its photons pass through an exit wave; None where they don't, as by default."""
        return None

    def windows(self, index: Int[Array, ""]) -> Windows:
        """Large arrays of which pattern `index` (and all of its group) sees only a window, by path; none by default.

        It is a promise that saves time and changes no number: the call must cut such an array with
        `pg.extract_window` and see nothing else of it.
        """
        return {}

    @property
    def per_pattern(self) -> Mapping[str, int]:
        """Arrays (index, k) that have one row for each pattern (group), and their k, by path; none by default."""
        return {}

    @property
    def weighted(self) -> Sequence[str]:
        """Paths of arrays that every pattern sees multiplied by a weight of its own; none by default."""
        return ()

    @property
    def steps(self) -> Mapping[str, Float[Array, ""] | float]:
        """A step that suits a real parameter, in its own unit, by path; by default what the parts of the model say."""
        return gathered(self, lambda part: part.steps)

    @property
    def free_scale(self) -> ScaleAmbiguity | None:
        """Parameters that may be multiplied and divided by a number without a change in any pattern; None for none."""
        return None

    def gauge_fixed(self) -> tuple[dict[str, Array], ...]:
        """New values of parameters, by path, without what no pattern can tell; set after every epoch.

        By default what the parts of the model say, as its detector.

        It must change no pattern that the data could tell from another. Values that depend on each other stand in one
        dictionary: they are replaced together or not at all.
        """
        return tuple(
            {f"{name}.{path}": value for path, value in change.items()}
            for name, part in parts_of(self).items()
            for change in part.gauge_fixed()
        )


class AbstractExitWaveModel(AbstractModel):
    """Base class of models that pass through an exit wave, from which solvers get their step sizes at little cost.

    The derivative of the exit wave needs no propagation, and J^H J 1 of it is the diagonal by which steps are scaled:
    the probe's intensity for the object, the object's for the probe. A subclass gives `exit_wave`, `detect`, and the
    call, which is one after the other. The optax solvers, as `pg.adam`, take any other `AbstractModel` too.

    Example:
        >>> isinstance(model, pg.AbstractExitWaveModel), model.is_local  # of a far field
        (True, False)
    """

    @property
    def exit_wave_model(self):
        return self

    @abc.abstractmethod
    def exit_wave(self, index: Int[Array, ""]) -> Complex[Array, "modes *wave"]:
        """Wave behind the object, or in it, for pattern `index`; all patterns of a group have the same."""

    def surrogate(self) -> "AbstractExitWaveModel":
        """The model, or one with the same parameters whose exit waves cost less, near enough for step sizes."""
        return self

    @property
    def has_diagonal(self) -> bool:
        """True where J^H J 1 is known to be the diagonal of J^H J, or near it, as for a product of object and probe.

        It is a promise that saves time. Where it is not given, it is measured when a run begins whether steps that are
        divided by J^H J 1 converge; if not, solvers do without.
        """
        return False

    @property
    def is_local(self) -> bool:
        """True where a detector pixel sees a neighbourhood of the exit wave, as in a near field.

        The misfit then leads to the solution from far away, and solvers may keep a long memory.
        """
        return False

    @abc.abstractmethod
    def detect(self, exit_wave: Complex[Array, "modes *wave"], index: Int[Array, ""]) -> Float[Array, "*detector"]:
        """Expected photons of pattern `index`, whose wave is `exit_wave`."""


def first_pattern(model: AbstractModel, group: Group) -> Int[Array, "*batch"]:
    """The number of the first pattern of a group, or of several groups."""
    number = group_number(group)
    return number if model.group == 1 else number * model.group


@meant
def roles_of(model: AbstractModel) -> Roles:
    """What the arrays of a model mean, as everything asks for it; where it shares work, as `shared()` made them.

    An image that is computed, as from its spectrum, is illuminated everywhere unless its role says otherwise: the
    windows of a scan may be on what it is computed from.
    """
    asked = asked_for_roles(model)
    roles = plain(asked.roles())
    image = roles.image if isinstance(roles, Roles) else None
    if not isinstance(image, Image) or roles.illumination is None or roles.positions is None:
        return roles
    is_own = any(leaf is image.array for leaf in named_parameters(asked).values())
    if is_own or image.illuminated is not None or shown_by(model, "image"):
        return roles
    everywhere = np.ones(np.shape(image.array)[-len(image.axes) :], bool) if image.support is None else image.support
    return roles._replace(image=image._replace(illuminated=everywhere))


@meant
def shown_by(model: AbstractModel, name: str) -> str:
    """The path of the array that a role shows, as it is or with other axes; empty where it is computed.

    It is one in the model that `shared()` gives, if that has roles. What holds the same numbers at the start may be
    computed. So all parameters are changed, and it has to follow.
    """
    model = asked_for_roles(model)
    array, leaves = getattr(model.roles(), name).array, named_parameters(model)
    for path, leaf in leaves.items():
        if leaf is array:
            return path
    alike = [path for path, leaf in leaves.items() if is_parameter(leaf) and _same_numbers(leaf, array)]
    if not alike:
        return ""
    rng = np.random.default_rng(0)
    others = {path: _other(leaf, rng) for path, leaf in leaves.items() if is_parameter(leaf)}
    role = getattr(replace_parameters(model, others).roles(), name)
    return next((path for path in alike if role is not None and _same_numbers(others[path], role.array)), "")


def asked_for_roles(model: AbstractModel) -> AbstractModel:
    """The model whose `roles` count: that which `shared()` gives, or itself where that has none."""
    stands = shared_of(model) if shares_work(model) else model
    has_roles = isinstance(stands, AbstractModel) and type(stands).roles is not AbstractModel.roles
    return stands if has_roles else model


@meant
def _refined(model: AbstractModel) -> tuple[str, ...]:
    """What image and illumination show, or are made of by `shared()`; else all but positions that patterns need."""
    roles, every = roles_of(model), trainable_names(model)
    asked = [shown_by(model, name) for name in ("image", "illumination") if getattr(roles, name) is not None]
    named = set(asked)
    if shares_work(model):
        sources = computed_from(model)
        every = [name for name in every if any(name in which for which in sources.values())]
        if asked_for_roles(model) is not model:
            named = set().union(*(sources.get(path, set()) for path in asked))
    found = tuple(name for name in every if name in named)
    return found if found and all(asked) else tuple(name for name in every if name not in _placing(model, roles))


def _placing(model: AbstractModel, roles: Roles) -> set[str]:
    """Parameters that tell where the illumination falls, and nothing else of what roles name.

    Those that the role of positions names; and real ones with one entry a position with which its corners change.
    """
    if roles.positions is None:
        return set()
    leaves = {path: leaf for path, leaf in named_parameters(model).items() if is_parameter(leaf)}
    named = {id(array) for array in roles.positions}
    found = {path for path, leaf in leaves.items() if id(leaf) in named}
    rng, rows, before = np.random.default_rng(0), np.shape(roles.positions.corner)[:1], _shown_arrays(roles)
    for path, leaf in leaves.items():
        if path in found or jnp.iscomplexobj(leaf) or leaf.shape[:1] != rows:
            continue
        after = _shown_arrays(roles_of(replace_parameter(model, path, _other(leaf, rng))))
        if [np.array_equal(*pair) for pair in zip(before, after, strict=True)] == [True, True, False]:
            found.add(path)
    return found


def _shown_arrays(roles: Roles) -> list:
    """The arrays of image and illumination, and the corners."""
    return [None if role is None else role[0] for role in roles]


def _other(leaf: Array, rng: np.random.Generator) -> Array:
    """An array of its type with other numbers, of both signs and, if it is complex, of all phases."""
    values = rng.normal(size=leaf.shape) + (1j * rng.normal(size=leaf.shape) if jnp.iscomplexobj(leaf) else 0)
    return jnp.asarray(values, leaf.dtype)


def _same_numbers(leaf: Array, array: Array | np.ndarray) -> bool:
    alike = leaf.size == np.size(array) > 0 and leaf.dtype == array.dtype
    return alike and np.array_equal(np.ravel(np.asarray(leaf)), np.ravel(np.asarray(array)))


def gathered(model: AbstractModel, found: Callable[[AbstractPart], Mapping]) -> dict:
    """What all parts of a model say about their parameters, by path."""
    return {f"{name}.{path}": value for name, part in parts_of(model).items() for path, value in found(part).items()}


def parts_of(model: AbstractModel) -> dict[str, AbstractPart]:
    """The fields of a model that are parts, by name."""
    named = {field.name: getattr(model, field.name) for field in dataclasses.fields(model)}
    return {name: part for name, part in named.items() if isinstance(part, AbstractPart)}


def shares_work(model: AbstractModel) -> bool:
    """Whether another model stands in its place for a batch."""
    return type(model).shared is not AbstractModel.shared
