"""A result into its file."""

import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Protocol, runtime_checkable

import h5py
import numpy as np

from ptychograd.core.version import __version__
from ptychograd.data.files import RESULT
from ptychograd.fitting.result.history import History
from ptychograd.fitting.result.roles import described, seen
from ptychograd.fitting.result.settings import SETTINGS
from ptychograd.physics.probes import orthogonal_modes
from ptychograd.physics.roles import Illumination, Image, Record, Roles

FORMAT_VERSION = 2
ATTACHED = "attached"  # in the entry: arrays that the settings name
ROLES, COMPUTED = "entry/roles", "entry/computed"  # where roles are in the file, and arrays of theirs


@runtime_checkable
class Writable(Protocol):
    """What of a result goes into its file."""

    @property
    def arrays(self) -> dict[str, np.ndarray]: ...
    @property
    def state(self) -> dict[str, np.ndarray]: ...
    @property
    def history(self) -> History: ...
    @property
    def settings(self) -> dict: ...
    @property
    def attached(self) -> Mapping[str, np.ndarray]: ...
    @property
    def sampling(self) -> tuple[float, ...] | None: ...
    @property
    def positions(self) -> np.ndarray | None: ...
    @property
    def positions_refined(self) -> np.ndarray | None: ...
    @property
    def illuminated(self) -> np.ndarray | None: ...
    @property
    def record(self) -> Record: ...
    @property
    def roles(self) -> Roles: ...


def write(file: h5py.File, result: Writable) -> None:
    """Everything but the model; a viewer opens on the image."""
    roles = result.roles
    file.attrs.update(format=RESULT, format_version=FORMAT_VERSION, default="entry", NX_class="NXroot")
    entry = _group(file, "entry", "NXentry", default="history" if roles.image is None else "object")
    for name, array in result.arrays.items():
        _dataset(entry, "model/" + name.replace(".", "/"), array, path=name)
    for number, (name, array) in enumerate(result.state.items()):
        _dataset(entry, f"solver_state/{number:04d}", array, path=name)
    for name, values in result.history.columns.items():
        entry[f"history/{name}"] = values
    entry["history"].attrs.update(NX_class="NXdata", signal="r_factor")
    file[SETTINGS] = json.dumps(result.settings, indent=1)
    for name, array in result.attached.items():
        entry[f"{ATTACHED}/{name}"] = array
    entry["versions"] = json.dumps(_versions(), indent=1)
    _write_roles(file, result)
    if result.sampling:
        _dataset(entry, "sampling", np.array(result.sampling), units="m")
    for name in ("positions", "positions_refined"):
        if (positions := getattr(result, name)) is not None:
            _dataset(entry, name, positions, units="m" if result.sampling else "pixel")
    if result.illuminated is not None:
        entry["illuminated"] = result.illuminated
    if roles.image is not None:
        _draw_image(entry, roles.image)
    if roles.illumination is not None and roles.image is not None:
        _draw_illumination(entry, roles.illumination)


def _write_roles(file: h5py.File, result: Writable) -> None:
    texts, computed = described(result.record)
    file[ROLES] = json.dumps(texts, indent=1)
    for name, array in computed.items():
        file[f"{COMPUTED}/{name}"] = array


def _draw_image(entry: h5py.Group, image: Image) -> None:
    sampling, units = (image.sampling, "m") if image.sampling else ((1.0,) * len(image.axes), "pixel")
    _picture(entry, "object", seen(image), image.axes, sampling, units)
    if image.unit:
        entry["object/data"].attrs.update(units=image.unit)


def _draw_illumination(entry: h5py.Group, beam: Illumination) -> None:
    """Modes that are orthogonal, the strongest first, and their powers."""
    modes = np.asarray(beam.array)
    sampling, units = (beam.sampling, "m") if beam.sampling else ((1.0,) * len(beam.axes), "pixel")
    if modes.ndim == 3 and len(modes) > 1:
        modes, powers = orthogonal_modes(modes)
    else:
        powers = np.sum(np.abs(modes.astype(complex)) ** 2)[None]
    _picture(entry, "probe", modes, beam.axes, sampling, units)
    unit = beam.unit.removeprefix("√") if beam.unit.startswith("√") else f"({beam.unit})²" * bool(beam.unit)
    entry.create_dataset("probe/powers", data=powers).attrs.update(units=unit)


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
