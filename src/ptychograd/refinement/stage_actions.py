"""What is done to a model between the stages of a run, as a way out of a wrong solution.

The patterns of each rocking angle tell a crystal up to one phase. Only the support ties these phases together. A shift
of the crystal along the incident beam changes them linearly; ghosts of it, shifted along the beam, come from jumps
between one angle and the next. Descent ends in any of these states, which the support hardly opposes.
"""

import abc
from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Complex
from scipy.ndimage import gaussian_filter

from ptychograd.core.arrays import own_magnitude, shifted
from ptychograd.core.errors import InputError
from ptychograd.core.parameters import replace_parameters
from ptychograd.core.strict import meant
from ptychograd.fitting.result import NonFiniteError, Result
from ptychograd.physics.bragg import BraggPtychography
from ptychograd.physics.model import AbstractModel, roles_of
from ptychograd.physics.roles import path_of, recorded

# fit(model, epochs, hold=()): the result of so many epochs of the stage; what is below the paths to hold stays
Fit = Callable[..., Result]


class Changed(NamedTuple):
    """What a stage action gives back: the model put right, and what was done to it.

    Args:
        model: with arrays of the same paths and shapes.
        summary: what was done, in words; it stands in the settings of the result, and in a line on the screen.
        hold: paths of what is not refined from then on.

    Example:
        >>> pg.refinement.Changed(model, "left as it was").hold
        ()
    """

    model: AbstractModel
    summary: str
    hold: tuple[str, ...] = ()


class AbstractStageAction(eqx.Module):
    """Base class of what is done to a model before a stage, on the host, between two epochs.

    A subclass gives its settings as fields, and the call, with the model as it is, the start model of the run, and
    `fit(model, epochs)`, which gives the result of so many epochs of the stage, to try things out. The solver starts
    afresh after it. A stage takes it as `pg.Stage(20, first=pg.refinement.ShrinkWrap())`; ready-made ones are in
    `pg.refinement`.

    Example:
        >>> import equinox as eqx, jax.numpy as jnp
        >>> class EvenBackground(pg.refinement.AbstractStageAction):
        ...     def __call__(self, model, start, fit):
        ...         of = lambda model: model.detector.background
        ...         even = jnp.full_like(of(model), of(model).mean())
        ...         return pg.refinement.Changed(eqx.tree_at(of, model, even), "background made even")
        >>> stages = (pg.Stage(1), pg.Stage(1, first=(EvenBackground(),)))
        >>> found = pg.perform(pg.Run(model, data, pg.Nesterov(), stages, batch_size=14))
        >>> found.settings["changes"][0]["change"]
        'background made even'
    """

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({fields})"

    @property
    def about(self) -> str:
        """The path of the parameter that it puts right, where it is one."""
        return ""

    @property
    def turn(self) -> int:
        """Its place where several are due together: those with a larger number come later."""
        return 0

    def check(self, model: AbstractModel) -> None:
        """Raise `InputError` for a model to which it can't be done."""

    @abc.abstractmethod
    def __call__(self, model: AbstractModel, start: AbstractModel, fit: Fit) -> Changed:
        """What `model` is changed to, in a run that began with `start`."""


class CrystalStageAction(AbstractStageAction):
    """Something done to a crystal."""

    def check(self, model):
        _bragg(model)


class ShrinkWrap(AbstractStageAction):
    """Before a stage, shrink the support of an image to what is bright, so that fainter ghosts of it are cut off.

    It is for crystals, and for every model whose `roles` name an image with a support, outside of which the image is 0.

    The new support holds the voxels of the start's support where the magnitude, blurred by `blur` voxels, is above
    `threshold` of the crystal's own (Marchesini et al., Phys. Rev. B 68, 140101 (2003)). Noise outside is cut off too.

    Args:
        threshold: share of the crystal's own magnitude, between 0 and 1.
        blur: standard deviation of the Gaussian blur in voxels; 0 for none.

    Raises:
        InputError: when a run begins: the model has no such image, or a number is out of its range.

    Example:
        >>> pg.Stage(20, ("object",), first=(pg.refinement.ShrinkWrap(0.3),)).first
        (ShrinkWrap(threshold=0.3, blur=1.0),)
    """

    threshold: float = 0.2
    blur: float = 1.0

    def check(self, model):
        _supported(model)
        if not (0 < self.threshold < 1 and self.blur >= 0):
            raise InputError(f"{self}: expected a threshold between 0 and 1, and a blur of 0 or more voxels.")

    def __call__(self, model, start, fit):
        whole = _supported(start)[1]
        blurred = gaussian_filter(np.abs(_density(model)), self.blur)
        support = whole & (blurred > self.threshold * own_magnitude(blurred))
        share = np.count_nonzero(support) / np.count_nonzero(whole)
        return Changed(_with(model, _density(model), support), f"support shrunk to {share:.1%} of the start's")


class BeamShift(CrystalStageAction):
    """Before a stage, move a crystal along the incident beam to where it fits best, if its support cuts it there.

    Shifts by `voxels` along x, and by the fraction of them along y that the beam has, are each tried for `epochs`; the
    one with the lowest R-factor stays. If it is the farthest one, others are tried from there, three times in all at
    most.

    Args:
        voxels: shifts along x to be tried, in voxels; 0 has to be among them.
        epochs: for which each is tried, beside the epochs of the stage.

    Raises:
        InputError: when a run begins: the model has no crystal, 0 is not among the shifts, or there is no epoch.

    Example:
        >>> pg.refinement.BeamShift(voxels=(-1, 0, 1))
        BeamShift(voxels=(-1, 0, 1), epochs=1)
    """

    voxels: tuple[int, ...] = (-3, -2, -1, 0, 1, 2, 3)
    epochs: int = 1

    def check(self, model):
        super().check(model)
        if 0 not in self.voxels or self.epochs < 1:
            raise InputError(f"{self}: expected voxels with 0 among them, and an epoch or more.")

    def __call__(self, model, start, fit):
        total, best, tried = 0, 0, {0: np.inf}
        for _ in range(3):
            found = {shift: _fitted(fit, self._moved(model, start, shift), self.epochs) for shift in self.voxels}
            tried = {shift: result.history.r_factor[-1] for shift, result in found.items() if result.history.epochs}
            if not tried:
                return Changed(model, "no shift along the beam stays finite")
            best = min(tried, key=lambda shift: tried[shift])
            model, total = found[best].onto(start), total + best
            if abs(best) < max(map(abs, self.voxels)):
                break
        text = f"moved along the beam by {total:+d} along x (R {tried[best]:.4f}, without the last move"
        return Changed(model, f"{text} {tried.get(0, np.nan):.4f})")

    def _moved(self, model: AbstractModel, start: AbstractModel, shift: int) -> AbstractModel:
        whole = _supported(start)[1]
        if not shift:
            return _with(model, _density(model), whole)
        along_beam = np.array([shift, shift / np.tan(_bragg(start).probe.two_theta), 0])
        margin = np.ceil(np.abs(along_beam)).astype(int) + 1  # what leaves on one side must not come in on the other
        inside = tuple(slice(m, m + n) for m, n in zip(margin, whole.shape, strict=True))
        moved = shifted(np.pad(_density(model), [(m, m) for m in margin]), along_beam)[inside]
        return _with(model, np.where(whole, moved, 0), whole)


def _fitted(fit: Fit, model: AbstractModel, epochs: int) -> Result:
    """The result of some epochs, or of none where they don't stay finite."""
    try:
        return fit(model, epochs)
    except NonFiniteError as problem:
        return problem.result


def _bragg(model: AbstractModel) -> BraggPtychography:
    if not isinstance(model, BraggPtychography):
        raise InputError(f"A {type(model).__name__} has no crystal under a tilted beam, as shifts along the beam need.")
    return model


@meant
def _supported(model: AbstractModel) -> tuple[np.ndarray, np.ndarray]:
    """The image of a model and its support; raises `InputError` where they can't be replaced."""
    roles = roles_of(model)
    record = recorded(roles, model)
    if roles.image is None or not all(path_of(record, "image", name) for name in ("array", "support")):
        raise InputError(
            f"A {type(model).__name__} names no image with a support among its arrays (see AbstractModel.roles), as a "
            "crystal has; shrink-wrap is for one."
        )
    if roles.image.outside:
        raise InputError(f"Outside of its support this image is {roles.image.outside:g}; shrink-wrap is for one of 0.")
    return np.asarray(roles.image.array), np.asarray(roles.image.support)


def _density(model: AbstractModel) -> Complex[np.ndarray, "..."]:
    image, support = _supported(model)
    return np.where(support, image, 0)


@meant
def _with(model: AbstractModel, image: np.ndarray, support: Bool[np.ndarray, "..."]) -> AbstractModel:
    """The model with another image and another support."""
    there = recorded(roles_of(model), model)["image"]
    values = {there["array"].path: jnp.asarray(image, _supported(model)[0].dtype)}
    return replace_parameters(model, values | {there["support"].path: jnp.asarray(support)})
