"""The roles of results that recorded none: those of an earlier version, and of arrays put together by hand."""

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np

from ptychograd.core.strict import meant
from ptychograd.physics import paths
from ptychograd.physics.roles import PRODUCT, ByPath, Record
from ptychograd.physics.scan.refinable import RefinableScan, about_nominal


def named_as_built_in(arrays: Mapping[str, np.ndarray], sampling: tuple[float, ...] | None) -> Record:
    """What arrays mean by the names of the package's own models."""
    record = {}
    if (image := _image(arrays)) is not None:
        if sampling is not None and len(sampling) == len(image["axes"]):
            image["sampling"] = sampling
        record["image"] = image
    wave = next((name for name in (paths.EARLIER_ILLUMINATION, paths.MODES) if name in arrays), None)
    if wave is not None:
        record["illumination"] = {"array": ByPath(wave)}
    if (positions := _positions(arrays)) is not None:
        record["positions"] = positions
    return record


def _image(arrays: Mapping[str, np.ndarray]) -> dict | None:
    support = ByPath(paths.SUPPORT) if paths.SUPPORT in arrays else None
    if paths.DENSITY in arrays:
        axes, gauge = ("x", "y", "z"), ("scale", "phase")
        return {"array": ByPath(paths.DENSITY), "axes": axes, "support": support, "gauge": gauge}
    if paths.TRANSMISSION not in arrays:
        return None
    distance = ByPath(paths.DISTANCE) if paths.DISTANCE in arrays else None
    layers = "" if arrays[paths.TRANSMISSION].ndim == 2 else "states" if distance is None else "slices"
    image = {"array": ByPath(paths.TRANSMISSION), "axes": ("y", "x"), "layers": layers, "spacing": distance}
    return image | {"support": support, "outside": 1.0, "gauge": PRODUCT if support is None else ()}


@meant
def _positions(arrays: Mapping[str, np.ndarray]) -> dict | None:
    names = {name: f"scan.{name}" for name in ("corner", "shift", "offset", "affine", "drift", "reach")}
    there = {name: jnp.asarray(arrays[path]) for name, path in names.items() if path in arrays}
    if there.keys() < names.keys():
        return {"corner": ByPath(names["corner"])} if "corner" in there else None
    places = RefinableScan(**there, **about_nominal(there["corner"], there["shift"])).places()
    found = {name: np.asarray(getattr(places, name)) for name in ("corner", "corrections", "nominal")}
    parameters = {name: ByPath(path) for name, path in paths.CORRECTING.items()}
    return found | parameters | {"margin": int(arrays[names["reach"]])}
