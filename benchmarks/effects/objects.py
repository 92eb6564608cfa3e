"""What an object does: it is thick, it does not stay the same, and something is known about it."""

from collections.abc import Callable, Iterator

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from skimage.data import astronaut, camera

import ptychograd as pg
from benchmarks.effects._case import Case, measured, usual
from ptychograd.models.effects import with_magnitude, with_object_modes, with_slices
from ptychograd.paper.far_field import FarFieldExperiment
from ptychograd.paper.images import grey_image
from ptychograd.physics.objects import BoundedMagnitude, UnitMagnitude

DISTANCE, WRONG = 0.03, (0.024, 0.036)  # metres between slices, three times 4p²/λ; as they are thought to be
EPOCHS = 150  # as slices take longer to tell apart
SHARE = 0.25  # of the second state of the object
FAINT = 1e4  # photons, where knowledge helps


def slices() -> Iterator[Case]:
    """Two slices three depths of focus apart: each with its own image, and the distance 20 % wrong at the start."""
    experiment = FarFieldExperiment(defocus=0.1)

    def thick(model: pg.Ptychography) -> pg.Ptychography:
        changed, support = with_slices(model, 2, DISTANCE), _inside(model)
        images = (_image(camera, support), _image(astronaut, support))
        waves = [_placed(np.exp(-0.25 * (1 - a) + 1j * 0.9 * b), support) for a, b in (images, images[::-1])]
        return eqx.tree_at(lambda m: m.object.transmission, changed, jnp.asarray(np.stack(waves), np.complex64))

    def flattened(model: pg.Ptychography) -> pg.Ptychography:
        both = jnp.prod(thick(model).object.transmission, axis=0)
        return eqx.tree_at(lambda m: m.object.transmission, model, both)

    ideal, data = experiment.dataset(change=flattened), experiment.dataset(change=thick)
    about = pg.models.aperture(experiment.aperture, experiment.defocus)  # the probe as it is designed
    model = pg.far_field(ideal, probe=about, object=pg.models.flat_object)
    yield measured("ideal", usual(model, ideal, epochs=EPOCHS), ideal)[0]
    start = pg.far_field(data, probe=about, object=pg.models.flat_object)
    yield measured("ignored", usual(start, data, epochs=EPOCHS), data)[0]
    yield measured("known", _sliced(start, data, DISTANCE, False), data)[0]
    for wrong in WRONG:
        case, result = measured("modelled", _sliced(start, data, wrong, True), data)
        found = {"from": wrong, "distance": float(result.arrays["object.distance"])}
        yield Case(case.what, case.figures | found)


def _sliced(model: pg.Ptychography, data: pg.Dataset, distance: float, refine: bool) -> pg.Run:
    """Slices first as far apart as they are thought to be; their distance refined after a fifth, if it is."""
    names = ("object.transmission", "probe.modes")
    first = pg.Stage(EPOCHS // 5, names)
    rest = pg.Stage(EPOCHS - first.epochs, (*names, "object.distance") if refine else names)
    return pg.Run(pg.models.with_slices(model, 2, distance), data, pg.Nesterov(), (first, rest), 16)


def states() -> Iterator[Case]:
    """An object that is another one in a quarter of the time."""

    def two(model: pg.Ptychography) -> pg.Ptychography:
        changed = with_object_modes(model, 2)
        one, other = np.asarray(model.object.transmission), np.asarray(model.object.transmission)[::-1, ::-1]
        # outside of the support the first state is 1 and the other 0, as mixed by a unitary matrix
        mix = np.sqrt(np.array([[1 - SHARE, SHARE], [SHARE, 1 - SHARE]])) * np.array([[1, 1], [-1, 1]])
        waves = np.tensordot(mix, np.stack([np.sqrt(1 - SHARE) * one, np.sqrt(SHARE) * other]), axes=1)
        return eqx.tree_at(lambda m: m.object.transmission, changed, jnp.asarray(waves, np.complex64))

    ideal, data = FarFieldExperiment().dataset(), FarFieldExperiment().dataset(change=two)
    yield measured("ideal", usual(pg.far_field(ideal), ideal), ideal)[0]
    yield measured("ignored", usual(pg.far_field(data), data), data)[0]
    start = with_object_modes(pg.far_field(data), 2)
    for epochs in (60, 200):
        case = measured("modelled", usual(start, data, epochs=epochs), data)[0]
        yield Case(case.what, case.figures | {"epochs": epochs})


def phase_only() -> Iterator[Case]:
    """An object that absorbs nothing, with few photons: with and without that knowledge."""
    yield from _known(lambda t: jnp.exp(1j * jnp.angle(t)), UnitMagnitude())


def bounded() -> Iterator[Case]:
    """An object that amplifies nothing and is clear in half of its area: with and without that knowledge."""
    yield from _known(lambda t: t / jnp.maximum(jnp.abs(t), 0.5), BoundedMagnitude(1.0))


def _known(change: Callable, magnitude: object) -> Iterator[Case]:
    def made(model: pg.Ptychography) -> pg.Ptychography:
        return eqx.tree_at(lambda m: m.object.transmission, model, replace_fn=lambda t: jnp.asarray(change(t)))

    data = FarFieldExperiment(photons=FAINT).dataset(change=made)
    start = pg.far_field(data)
    yield measured("ignored", usual(start, data), data)[0]
    yield measured("modelled", usual(with_magnitude(start, magnitude), data), data)[0]


def _inside(model: pg.Ptychography) -> np.ndarray:
    return np.asarray(model.object.transmission) != 1


def _image(image: Callable, support: np.ndarray) -> np.ndarray:
    rows, columns = (int(support.any(axis=axis).sum()) for axis in (1, 0))
    values = grey_image(None, image, (rows, columns))
    return (values - values.min()) / np.ptp(values)


def _placed(interior: np.ndarray, support: np.ndarray) -> np.ndarray:
    wave = np.ones(support.shape, complex)
    rows, columns = (np.flatnonzero(support.any(axis=axis))[0] for axis in (1, 0))
    wave[rows : rows + interior.shape[0], columns : columns + interior.shape[1]] = interior
    return wave


EFFECTS = {"slices": slices, "states": states, "phase-only": phase_only, "bounded": bounded}
