"""The result of a reconstruction, and its file, which is the checkpoint too."""

import json
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import equinox as eqx
import h5py
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from ptychograd.core.errors import InputError
from ptychograd.core.parameters import map_with_names, named_leaves
from ptychograd.core.strict import meant
from ptychograd.core.version import __version__
from ptychograd.data.files import RESULT, creating
from ptychograd.fitting.result.history import History
from ptychograd.fitting.result.settings import SETTINGS
from ptychograd.physics.model import AbstractModel
from ptychograd.physics.probes import AbstractProbe, orthogonal_modes
from ptychograd.physics.scan import recorded_scan

FORMAT_VERSION = 2
OBJECTS = {"object.transmission": 1, "object.density": 0}  # and what they are outside of a support
ILLUMINATION = "probe.illumination"  # told by the parameters, and so none itself
DISTANCE = "object.distance"  # which only slices have


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

    @classmethod
    def of(
        cls, model: AbstractModel, positions: np.ndarray | None, state: dict, history: History, settings: dict
    ) -> "Result":
        """The result that `model` is."""
        arrays = jax.device_get(named_leaves(eqx.filter(model, is_array_or_number)))
        probe, sampling = getattr(model, "probe", None), getattr(model, "sampling", None)
        wave = probe.illumination if isinstance(probe, AbstractProbe) else None
        if wave is not None:
            arrays[ILLUMINATION] = wave
        return cls(arrays, state, history, settings, sampling, positions, model)

    def __repr__(self) -> str:
        r_factor = f", R = {self.history.r_factor[-1]:.4g}" if self.history.epochs else ""
        arrays = ", ".join(f"{name} {array.shape}" for name, array in self.arrays.items())
        return f"Result({self.history.epochs} epochs{r_factor}; {arrays})"

    @property
    def object(self) -> np.ndarray:
        """Transmission of the object, complex (y, x), 1 in a known surround; or density of a crystal (x, y, z).

        Of slices or states complex (slices or states, y, x), in a known surround 1; there states but the first are 0.
        """
        name = next((name for name in OBJECTS if name in self.arrays), "object.transmission")
        values, support = self._array(name), self.arrays.get("object.support")
        if support is None:
            return values
        outside = np.full(values.shape, OBJECTS[name])
        if values.ndim > support.ndim and DISTANCE not in self.arrays:
            outside[1:] = 0
        return np.where(support, values, outside).astype(values.dtype)

    @property
    def probe(self) -> np.ndarray:
        """Incident wave on the object in sqrt(photons) a pixel, complex (modes, y, x).

        With defocus or aberrations as parameters, the modes in the plane of reference are `arrays["probe.modes"]`.
        """
        return self.arrays[ILLUMINATION] if ILLUMINATION in self.arrays else self._array("probe.modes")

    @property
    def corrections(self) -> np.ndarray | None:
        """What was added to the nominal positions (index, (y, x)), in object pixels; None where nothing can be."""
        return None if (scan := recorded_scan(self.arrays)) is None else np.asarray(scan.corrections(), np.float64)

    @property
    def corners(self) -> np.ndarray:
        """First pixel (y, x) of the object under every window, at refined positions if there are."""
        scan = recorded_scan(self.arrays)
        return self._array("scan.corner") if scan is None else np.asarray(scan.corners())

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
            _write(file, self)

    def _array(self, name: str) -> np.ndarray:
        if name not in self.arrays:
            raise InputError(f"This result has no {name}; it holds: {', '.join(self.arrays)}.")
        return self.arrays[name]


def is_array_or_number(leaf: PyTree) -> bool:
    """Whether a leaf of a model goes into its result: every JAX array; NumPy arrays are made anew."""
    return isinstance(leaf, jax.Array)


def _write(file: h5py.File, result: Result) -> None:
    has_object = any(name in result.arrays for name in OBJECTS)
    file.attrs.update(format=RESULT, format_version=FORMAT_VERSION, default="entry", NX_class="NXroot")
    entry = _group(file, "entry", "NXentry", default="object" if has_object else "history")
    for name, array in result.arrays.items():
        _dataset(entry, "model/" + name.replace(".", "/"), array, path=name)
    for number, (name, array) in enumerate(result.state.items()):
        _dataset(entry, f"solver_state/{number:04d}", array, path=name)
    for name, values in result.history.columns.items():
        entry[f"history/{name}"] = values
    entry["history"].attrs.update(NX_class="NXdata", signal="r_factor")
    file[SETTINGS] = json.dumps(result.settings, indent=1)
    entry["versions"] = json.dumps(_versions(), indent=1)
    if result.sampling:
        _dataset(entry, "sampling", np.array(result.sampling), units="m")
    for name in ("positions", "positions_refined"):
        if (positions := getattr(result, name)) is not None:
            _dataset(entry, name, positions, units="m" if result.sampling else "pixel")
    if result.illuminated is not None:
        entry["illuminated"] = result.illuminated
    if has_object:
        _pictures(entry, result)


def _pictures(entry: h5py.Group, result: Result) -> None:
    """`NXdata` groups on which a viewer opens: the object, and the modes of the probe."""
    object, modes = result.object, result.probe if "probe.modes" in result.arrays else None
    is_crystal = "object.density" in result.arrays and object.ndim == 3
    axes, across = (("x", "y", "z"), ("s", "z")) if is_crystal else (("y", "x"), ("y", "x"))
    known = result.sampling or ()
    known, units = (known, "m") if len(known) == len(axes) else ((1.0,) * len(axes), "pixel")
    _picture(entry, "object", object, axes, known, units)
    if modes is not None:
        alone = modes, np.sum(np.abs(modes.astype(complex)) ** 2)[None]
        orthogonal, powers = orthogonal_modes(modes) if len(modes) > 1 else alone
        _picture(entry, "probe", orthogonal, across, (*known[:1], *known[-1:]), units)
        entry.create_dataset("probe/powers", data=powers).attrs.update(units="photons")


def _picture(
    entry: h5py.Group, name: str, image: np.ndarray, axes: tuple[str, ...], sampling: tuple[float, ...], units: str
) -> None:
    """An image and its last axes; whatever other axes it has come first and have no coordinates."""
    group = _group(entry, name, "NXdata", signal="data", axes=["."] * (image.ndim - len(axes)) + list(axes))
    group["data"] = image
    for axis, size, pixel in zip(axes, image.shape[-len(axes) :], sampling, strict=True):
        _dataset(group, axis, np.arange(size) * pixel, units=units)


def _group(parent: h5py.Group, name: str, nx_class: str, **attributes) -> h5py.Group:
    group = parent.create_group(name)
    group.attrs.update(NX_class=nx_class, **attributes)
    return group


def _dataset(parent: h5py.Group, name: str, value: np.ndarray, **attributes) -> None:
    parent.create_dataset(name, data=value).attrs.update(attributes)


def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in ("jax", "jaxlib", "equinox", "optax", "numpy")}
    return {"ptychograd": __version__, "python": platform.python_version(), **packages}
