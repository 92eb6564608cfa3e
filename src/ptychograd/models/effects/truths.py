"""True models of simulations: pieces whose parameters are not those of a start."""

from dataclasses import replace

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Complex

from ptychograd.core.errors import check_seed
from ptychograd.core.strict import meant
from ptychograd.models.effects.common import checked
from ptychograd.models.effects.objects import with_object_modes, with_slices
from ptychograd.models.effects.probes import with_varying_intensity, with_varying_probe
from ptychograd.physics.model import AbstractModel
from ptychograd.physics.ptychography import Ptychography

TRANSMISSION = "transmission"
FLUCTUATION = 0.1  # of the intensity, root-mean-square
VARIATION = 0.1  # of the amplitude of the probe in each variation, root-mean-square
NEXT_STATE = 0.5  # of the share of one state, in the next


@meant
def truly_sliced(model: AbstractModel, count: int, distance: float) -> Ptychography:
    """Slices that differ: the object turned about, with its share of phase and absorption in each."""
    changed = with_slices(model, count, distance)
    start: np.ndarray = np.asarray(getattr(changed.object, TRANSMISSION)[0], complex)
    return _with(changed, "object", transmission=_turned(start, count))


@meant
def truly_mixed(model: AbstractModel, count: int) -> Ptychography:
    """States that differ: the object turned about, each in half as much of the time as the one before."""
    whole = checked(model, "Object modes")
    changed = with_object_modes(whole, count)
    shares = NEXT_STATE ** np.arange(count)
    roots = np.sqrt(shares / shares.sum())[:, None, None]
    start: np.ndarray = np.asarray(getattr(whole.object, TRANSMISSION), complex)
    return _with(changed, "object", transmission=roots * _turned(start, count))


@meant
def truly_varying(model: AbstractModel, count: int, seed: int) -> Ptychography:
    """Variations with a tenth of the probe's amplitude each, and weights by chance."""
    changed = with_varying_probe(checked(model, "A varying probe"), count)
    check_seed(seed)
    modes, start, weights = (np.asarray(getattr(changed.probe, name)) for name in ("modes", "variations", "weights"))
    sizes = np.linalg.norm(start, axis=(1, 2), keepdims=True)
    variations = VARIATION * np.linalg.norm(modes[0]) / sizes * start
    chance = np.random.default_rng([seed, 4]).normal(size=weights.shape)
    return _with(changed, "probe", variations=variations, weights=chance)


@meant
def truly_unsteady(model: AbstractModel, seed: int) -> Ptychography:
    """Intensities that fluctuate by 10 % root-mean-square about 1."""
    changed = with_varying_intensity(checked(model, "A varying intensity"))
    check_seed(seed)
    chance = np.random.default_rng([seed, 5]).normal(1, FLUCTUATION, (len(changed.scan.corner), 1))
    chance = np.maximum(chance, FLUCTUATION)
    return _with(changed, "probe", intensity=chance / chance.mean())


def _with(model: Ptychography, part: str, **values: np.ndarray) -> Ptychography:
    """The model with other values of some parameters of a part, in their own precision."""
    owner = getattr(model, part)
    arrays = {name: jnp.asarray(value, getattr(owner, name).dtype) for name, value in values.items()}
    return eqx.tree_at(lambda model: getattr(model, part), model, replace(owner, **arrays))


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
