"""True models of simulations: pieces whose parameters are not those of a start."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Complex

from ptychograd._errors import check_seed
from ptychograd._model import AbstractModel, Ptychography
from ptychograd._pieces.objects import with_object_modes, with_slices
from ptychograd._pieces.probes import with_varying_intensity, with_varying_probe

FLUCTUATION = 0.1  # of the intensity, root-mean-square
VARIATION = 0.1  # of the amplitude of the probe in each variation, root-mean-square
NEXT_STATE = 0.5  # of the share of one state, in the next


def truly_sliced(model: AbstractModel, count: int, distance: float) -> Ptychography:
    """Slices that differ: the object turned about, with its share of phase and absorption in each."""
    changed = with_slices(model, count, distance)
    slices = _turned(np.asarray(changed.object.transmission[0], complex), count)
    return _with_transmission(changed, slices)


def truly_mixed(model: AbstractModel, count: int) -> Ptychography:
    """States that differ: the object turned about, each in half as much of the time as the one before."""
    changed = with_object_modes(model, count)
    shares = NEXT_STATE ** np.arange(count)
    roots = np.sqrt(shares / shares.sum())[:, None, None]
    thing = np.asarray(model.object.transmission, complex) if isinstance(model, Ptychography) else None
    return changed if thing is None else _with_transmission(changed, roots * _turned(thing, count))


def truly_varying(model: AbstractModel, count: int, seed: int) -> Ptychography:
    """Variations with a tenth of the probe's amplitude each, and weights by chance."""
    changed = with_varying_probe(model, count)
    check_seed(seed)
    probe = changed.probe
    first = np.asarray(probe.modes[0])
    sizes = np.linalg.norm(np.asarray(probe.variations), axis=(1, 2), keepdims=True)
    variations = VARIATION * np.linalg.norm(first) / sizes * np.asarray(probe.variations)
    weights = np.random.default_rng([seed, 4]).normal(size=probe.weights.shape)
    return eqx.tree_at(
        lambda model: (model.probe.variations, model.probe.weights),
        changed,
        (jnp.asarray(variations, probe.variations.dtype), jnp.asarray(weights, probe.weights.dtype)),
    )


def truly_unsteady(model: AbstractModel, seed: int) -> Ptychography:
    """Intensities that fluctuate by 10 % root-mean-square about 1."""
    changed = with_varying_intensity(model)
    check_seed(seed)
    intensity = changed.probe.intensity
    chance = np.maximum(1 + FLUCTUATION * np.random.default_rng([seed, 5]).normal(size=intensity.shape), FLUCTUATION)
    return eqx.tree_at(
        lambda model: model.probe.intensity, changed, jnp.asarray(chance / chance.mean(), intensity.dtype)
    )


def _turned(wave: Complex[np.ndarray, "height width"], count: int) -> Complex[np.ndarray, "count height width"]:
    """The wave, upside down, left to right, both, and so on; the box that is not 1 stays where it is."""
    rows, columns = (np.flatnonzero((wave != 1).any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return np.stack([wave] * count)
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    turned = []
    for number in range(count):
        other = wave.copy()
        other[box] = wave[box][:: -1 if number % 2 else 1, :: -1 if number // 2 % 2 else 1]
        turned.append(other)
    return np.stack(turned)


def _with_transmission(model: Ptychography, transmission: np.ndarray) -> Ptychography:
    return eqx.tree_at(
        lambda model: model.object.transmission, model, replace_fn=lambda old: jnp.asarray(transmission, old.dtype)
    )
