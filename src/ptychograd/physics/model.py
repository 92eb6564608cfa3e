"""Models: the index of a pattern -> the photons that it is expected to hold."""

import abc
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import equinox as eqx
import jax
from jaxtyping import Array, Complex, Float, Int

from ptychograd.core.errors import InputError
from ptychograd.core.fourier import translate
from ptychograd.core.parameters import AbstractPart, named_parameters, trainable_names
from ptychograd.core.strict import meant
from ptychograd.core.windows import Window, Windows, row_window
from ptychograd.physics.detector import Detector
from ptychograd.physics.objects import AbstractObject
from ptychograd.physics.probes import AbstractProbe
from ptychograd.physics.propagators import AbstractPropagator
from ptychograd.physics.roles import Illumination, Roles
from ptychograd.physics.scan import AbstractScan


class Group(NamedTuple):
    """The number of a group: patterns that a model makes together, as those of all angles of a rocking curve.

    It is not the number of a pattern: group 2 of a model that makes 15 patterns together begins with pattern 30.

    Args:
        number: of the group, from 0.

    Example:
        >>> import jax.numpy as jnp
        >>> model.together(pg.physics.Group(jnp.asarray(3))).shape  # of one pattern, where they are made one by one
        (20, 18)
    """

    number: Int[Array, ""]


def group_number(group: object) -> Int[Array, ""]:
    """The number of a `Group`; raises `InputError` for what is none, as the number of a pattern."""
    if not isinstance(group, Group):
        raise InputError(
            f"A {type(group).__name__} is no group of patterns; expected pg.physics.Group(number). For the pattern of "
            "a number call the model."
        )
    return group.number


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
        """
        return Roles()

    @property
    def refined(self) -> tuple[str, ...]:
        """Paths of what is refined by default: arrays of the model that `roles` names as image and illumination.

        All parameters, where it names none.
        """
        roles, paths = self.roles(), {id(leaf): path for path, leaf in named_parameters(self).items()}
        arrays = [role.array for role in (roles.image, roles.illumination) if role is not None]
        known, every = [paths[id(array)] for array in arrays if id(array) in paths], trainable_names(self)
        named = tuple(path for path in known if path in every)
        return named if named and len(known) == len(arrays) else tuple(every)

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


class AbstractExitWaveModel(AbstractModel):
    """Base class of models that pass through an exit wave, from which solvers get their step sizes at little cost.

    The derivative of the exit wave needs no propagation, and J^H J 1 of it is the diagonal by which steps are scaled:
    the probe's intensity for the object, the object's for the probe. A subclass gives `exit_wave`, `detect`, and the
    call, which is one after the other. The optax solvers, as `pg.adam`, take any other `AbstractModel` too.

    Example:
        >>> isinstance(model, pg.AbstractExitWaveModel), model.is_local  # of a far field
        (True, False)
    """

    @abc.abstractmethod
    def exit_wave(self, index: Int[Array, ""]) -> Complex[Array, "modes *wave"]:
        """Wave behind the object, or in it, for pattern `index`; all patterns of a group have the same."""

    def surrogate(self) -> "AbstractExitWaveModel":
        """The model, or one with the same parameters whose exit waves cost less, near enough for step sizes."""
        return self

    @property
    def is_local(self) -> bool:
        """True where a detector pixel sees a neighbourhood of the exit wave, as in a near field.

        The misfit then leads to the solution from far away, and solvers may keep a long memory.
        """
        return False

    @property
    def free_scale(self) -> ScaleAmbiguity | None:
        """Parameters that may be multiplied and divided by a number without a change in any pattern; None for none."""
        return None

    @abc.abstractmethod
    def detect(self, exit_wave: Complex[Array, "modes *wave"], index: Int[Array, ""]) -> Float[Array, "*detector"]:
        """Expected photons of pattern `index`, whose wave is `exit_wave`."""


class Ptychography(AbstractExitWaveModel):
    """Ptychography: the detector sees the propagated wave of an object under a moving probe.

    h_j = |D(P · S_j O)|² + ν (Eqs. 3, 4), with a part of its own for each factor; other physics means another part, not
    another model. You get one from `pg.far_field` or `pg.near_field`, and change it with the functions in `pg.models`.

    Args:
        object: the object O, in its own pixels.
        probe: the incident wave P, in sqrt(photons) a pixel.
        scan: where the window S_j of each pattern lies on the object.
        propagator: D, from the exit wave to the wave at the detector.
        detector: from that wave to expected photons, with the background ν.
        frame_shape: pixels (y, x) of the window and of the wave at the detector: the detector's own times its binning.
        sampling: size (y, x) of an object pixel in metres; None if only pixels are known.
        wavelength: in metres; None if only pixels are known.

    Example:
        >>> model.frame_shape, model.object.transmission.shape
        ((20, 18), (53, 47))
    """

    object: AbstractObject
    probe: AbstractProbe
    scan: AbstractScan
    propagator: AbstractPropagator
    detector: Detector
    frame_shape: tuple[int, int] = eqx.field(static=True)
    sampling: tuple[float, float] | None = eqx.field(static=True, default=None)
    wavelength: float | None = eqx.field(static=True, default=None)

    @meant
    def __call__(self, index):
        return self.detect(self.exit_wave(index), index)

    @meant
    def exit_wave(self, index):
        corner, shift = self.scan.place(index)
        return self.object(translate(self.probe(index), shift), corner)

    @meant
    def detect(self, exit_wave, index):
        _, shift = self.scan.place(index)
        photons = self.detector(self.propagator(exit_wave, shift))
        return photons + self.scan.nan_outside(index, photons.dtype)

    def roles(self):
        wave = self.probe.illumination
        beam = getattr(self.probe, "modes", None) if wave is None else wave
        return Roles(
            self.object.image(self.sampling),
            None if beam is None else Illumination(beam, sampling=self.sampling),
            self.scan.places(),
        )

    @property
    def refined(self):
        return ("object", "probe")

    @property
    def is_local(self):
        return self.propagator.is_local

    @property
    def free_scale(self):
        power = self.object.scale_power
        probe = tuple(f"probe.{name}" for name in self.probe.scaled)
        return ScaleAmbiguity("object.transmission", probe, power) if power else None

    def surrogate(self):
        """With parts that are near enough for step sizes: without the shifts by less than a pixel, for one."""
        parts = self.object.surrogate(), self.probe.surrogate(), self.scan.surrogate()
        return eqx.tree_at(lambda model: (model.object, model.probe, model.scan), self, parts)

    def windows(self, index):
        corner, _ = self.scan.place(index)
        rows = {path: row_window(index, columns) for path, columns in self.per_pattern.items()}
        return {"object.transmission": Window(corner, self.frame_shape)} | rows

    @property
    def per_pattern(self):
        return gathered(self, lambda part: part.per_pattern)

    @property
    def weighted(self):
        return [f"{name}.{path}" for name, part in parts_of(self).items() for path in part.weighted]


def first_pattern(model: AbstractModel, number: Int[Array, "*batch"]) -> Int[Array, "*batch"]:
    """The number of the first pattern of a group, or of several groups."""
    return number if model.group == 1 else number * model.group


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


def batched(function: Callable, axes: tuple) -> Callable:
    """`function` of one pattern made one of a batch: the only place where a batch axis appears.

    `axes` holds, for each argument, a tree of 0 (one entry a pattern) and None (shared), as for
    `jax.vmap`. A batch of one is called as it is, which compiles to less.
    """

    def over_batch(*arguments):
        if _batch_size(axes, arguments) == 1:
            first = _where_batched(lambda x: x[0], axes, arguments)
            return jax.tree.map(lambda x: x[None], function(*first))
        return jax.vmap(function, in_axes=axes)(*arguments)

    return over_batch


def _where_batched(change: Callable, axes: tuple, arguments: tuple) -> tuple:
    """`arguments` with `change` made to every array that has a batch axis."""
    return jax.tree.map(
        lambda axis, part: part if axis is None else jax.tree.map(change, part),
        axes,
        arguments,
        is_leaf=lambda axis: axis is None,
    )


def _batch_size(axes: tuple, arguments: tuple) -> int:
    sizes = set()
    _where_batched(lambda x: sizes.add(x.shape[0]), axes, arguments)
    (size,) = sizes
    return size
