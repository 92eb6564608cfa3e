"""The result of a reconstruction, and its file, which is the checkpoint too."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from ptychograd.core.errors import InputError
from ptychograd.core.parameters import map_with_names, named_leaves
from ptychograd.core.strict import meant
from ptychograd.data.files import creating
from ptychograd.fitting.result.history import History
from ptychograd.fitting.result.roles import seen
from ptychograd.fitting.result.writing import write
from ptychograd.physics.model import AbstractModel, roles_of
from ptychograd.physics.roles import Record, Roles, recorded, resolved
from ptychograd.physics.unrecorded import named_as_built_in

ROSE = "loss_rose"  # settings: of a run whose loss rose, which state is kept


class NonFiniteError(ArithmeticError):
    """A loss or parameter stopped being a finite number, as with steps that are too large.

    `result` of the error is the last good result, after the epoch before.

    Example:
        try:
            result = pg.reconstruct(model, data, solver, epochs=100)
        except pg.fitting.NonFiniteError as problem:
            problem.result.save("last_good.h5")
    """

    def __init__(self, message: str, result: "Result"):
        super().__init__(message)
        self.result = result


class Result(NamedTuple):
    """What a reconstruction ended with: object, probe, all other arrays of the model, and how the run went.

    Save it with `save` and read it again with `load`. A file holds everything but the model: `onto` puts the arrays
    into one made anew from the same data.

    Args:
        arrays: every array of the model, by parameter path such as "object.transmission".
        state: arrays of the solver's state, by name, from which a run can go on; may be empty.
        history: loss, R-factor, χ² and seconds of every epoch.
        settings: what the run was asked for, and why it stopped, as it goes into JSON.
        sampling: size of a pixel (y, x) or voxel (x, y, z) of the object in metres; None where positions are in pixels.
        positions: nominal positions of the dataset, (index, (y, x)), in metres if there is a `sampling`, else in
            pixels; None where it has none.
        model: the model itself; None for a result that was read from a file.
        illuminated: True (index) for the patterns that had photons; None if all had.
        recorded_roles: what the arrays mean, as the model's `roles()` told it; None for a result of an earlier version.
        attached: arrays that the settings name, as a start probe that the run was given, by name.

    Example:
        >>> result.object.shape, result.probe.shape
        ((53, 47), (1, 20, 18))
        >>> result.stopped
        'all epochs done'
    """

    arrays: dict[str, np.ndarray]
    state: dict[str, np.ndarray]
    history: History
    settings: dict
    sampling: tuple[float, ...] | None = None
    positions: np.ndarray | None = None
    model: AbstractModel | None = None
    illuminated: np.ndarray | None = None
    recorded_roles: Record | None = None
    attached: Mapping[str, np.ndarray] = MappingProxyType({})

    @classmethod
    def of(
        cls, model: AbstractModel, positions: np.ndarray | None, state: dict, history: History, settings: dict
    ) -> "Result":
        """The result that `model` is."""
        arrays = arrays_of(model)
        roles, sampling = recorded(roles_of(model), model), getattr(model, "sampling", None)
        sampling = roles["image"]["sampling"] if "image" in roles else sampling
        return cls(arrays, state, history, settings, sampling, positions, model, None, roles)

    def __repr__(self) -> str:
        done, shown = self.history.epochs, self.epochs_of_state
        r_factor = f", R = {self.r_factor:.4g}" if done else ""
        after = f" after {shown}, whose state is kept, as the loss rose" if shown != done else ""
        arrays = ", ".join(f"{name} {array.shape}" for name, array in self.arrays.items())
        return f"Result({done} epochs{r_factor}{after}; {arrays})"

    @property
    def epochs_of_state(self) -> int:
        """After how many epochs the arrays were so: all that were done, or fewer if the loss rose well above those."""
        return self.settings.get(ROSE, {}).get("after_epoch", self.history.epochs)

    @property
    def r_factor(self) -> float:
        """R in the epoch after which the arrays were so, of each pattern just before its own update; NaN without one.

        It is that of `history.r_factor` at `epochs_of_state`. `pg.r_factor` takes all patterns with the arrays as they
        are.
        """
        shown = self.epochs_of_state
        return self.history.r_factor[shown - 1] if shown else float("nan")

    @property
    def record(self) -> Record:
        """What the arrays mean, by path; where nothing was recorded by the names of the package's own models."""
        known = self.recorded_roles
        return named_as_built_in(self.arrays, self.sampling) if known is None else known

    @property
    def roles(self) -> Roles:
        """What the arrays mean, with the arrays: the image, the illumination and the positions, as far as there are."""
        return resolved(self.record, self.arrays)

    @property
    def object(self) -> np.ndarray:
        """The image that the model names: a transmission (y, x), slices or states of one, or a density (x, y, z).

        In a known surround it is 1; there states but the first are 0. The density of a crystal is 0 outside of it.
        """
        return seen(self._role("image"))

    @property
    def probe(self) -> np.ndarray:
        """Incident wave on the object in sqrt(photons) a pixel, complex (modes, y, x).

        With defocus or aberrations as parameters, the modes in the plane of reference are `arrays["probe.modes"]`.
        """
        modes = self._role("illumination").array
        return modes if np.ndim(modes) > 2 else modes[None]

    @property
    def corrections(self) -> np.ndarray | None:
        """What was added to the nominal positions (index, (y, x)), in object pixels; None where nothing can be."""
        places = self.roles.positions
        return None if places is None or places.corrections is None else np.asarray(places.corrections, np.float64)

    @property
    def corners(self) -> np.ndarray:
        """First pixel (y, x) of the object under every window, at refined positions if there are."""
        return self._role("positions").corner

    @property
    def positions_refined(self) -> np.ndarray | None:
        """`positions` as they were refined, in the same unit; None where they were not."""
        if (added := self.corrections) is None or self.positions is None:
            return None
        moved = added * (self.sampling[-2:] if self.sampling else 1)
        return self.positions + np.repeat(moved, len(self.positions) // len(added), axis=0)

    @property
    def stopped(self) -> str:
        """Why the run ended."""
        return self.settings["stopped"]

    @meant
    def onto(self, model: PyTree) -> PyTree:
        """`model`, made from the same data by the same recipe, with this result's arrays in it."""

        def put(name, leaf):
            if not is_array_or_number(leaf):
                return leaf
            if name not in self.arrays or self.arrays[name].shape != leaf.shape:
                found = self.arrays[name].shape if name in self.arrays else "nothing"
                raise InputError(f"The model wants {leaf.shape} for {name}, but the result holds {found}.")
            return jnp.asarray(self.arrays[name], leaf.dtype)

        return map_with_names(put, model)

    def continued_from(self, model: AbstractModel, text: str, hold: Sequence[str] = (), about: str = "") -> "Result":
        """The run, whose next stage begins with `model` and a fresh solver; what is below the paths to `hold` stays.

        `about` is the path of the parameter that was put right, where it is one.
        """
        fresh = Result.of(model, None, {}, self.history, self.settings)
        change = {"after_epoch": self.history.epochs, "change": text, "hold": list(hold), "about": about}
        change = {key: value for key, value in change.items() if value or key == "after_epoch"}
        changes = [*self.settings.get("changes", ()), change]
        return self._replace(arrays=fresh.arrays, state={}, settings=self.settings | {"changes": changes}, model=model)

    def save(self, path: str | Path) -> None:
        """Write the result to an HDF5 file, whole or not at all; h5web and silx open it on the object."""
        with creating(path) as file:
            write(file, self)

    def _role(self, name: str) -> Any:
        found = getattr(self.roles, name)
        if found is None:
            raise InputError(
                f"This result has no {name}, as its model names none (see AbstractModel.roles); it holds: "
                f"{', '.join(self.arrays)}."
            )
        return found


def arrays_of(model: AbstractModel) -> dict[str, np.ndarray]:
    """Every array of a model that goes into its result, by path."""
    return jax.device_get(named_leaves(eqx.filter(model, is_array_or_number)))


def is_array_or_number(leaf: PyTree) -> bool:
    """Whether a leaf of a model goes into its result: every JAX array; NumPy arrays are made anew."""
    return isinstance(leaf, jax.Array)
