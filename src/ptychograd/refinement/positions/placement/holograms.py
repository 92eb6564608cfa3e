"""What each pattern tells of the object in the beam by itself, without an object and without positions.

A beam whose waves at the detector interfere with what the object scatters, as behind a defocused lens or close to the
object, makes a hologram of each pattern. Of a pattern of the amplitude a, the amplitude that patterns have on average
is taken off, the rest is given the phase φ that the beam alone has at the detector, and goes back to the object (Gabor,
Nature 161, 777 (1948)): χ = D^H [(a - <a>) exp(iφ)] = P (o + twin), o the transmission less its mean. The twin image
is spread out, and at another place for every position.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float
from scipy.ndimage import gaussian_filter

from ptychograd.data.dataset import Dataset
from ptychograd.data.patterns import blocks, measured
from ptychograd.fitting.epoch import of_each
from ptychograd.physics.propagators import AbstractPropagator

SLOW = 8.0  # pixels, standard deviation: what varies more slowly over the beam says nothing of places
LEAST = 1e-3  # of the beam's largest intensity, added where it is divided by
POWER = 0.96  # of the beam, in the part of the window that is looked at


class Holograms(NamedTuple):
    """Holograms of patterns, in the part of the window where the beam is.

    Args:
        weighted: P* χ of each pattern, (pattern, y, x).
        power: |P|² there, (y, x), of the beam with the amplitudes that patterns have on average.
        energy: Σ|χ|² of each pattern there.
    """

    weighted: Complex[np.ndarray, "pattern y x"]
    power: Float[np.ndarray, "y x"]
    energy: Float[np.ndarray, " pattern"]


def holograms(
    data: Dataset,
    places: np.ndarray,
    probe: Complex[Array, "y x"],
    propagator: AbstractPropagator,
    averaged: tuple[Dataset, np.ndarray] | None = None,
) -> Holograms:
    """Holograms of the patterns at these places, of the beam `probe`, which `propagator` brings to the detector.

    Args:
        data: the patterns.
        places: numbers of those that are looked at.
        probe: the beam at the object, in sqrt(photons) a pixel.
        propagator: from the object to the detector.
        averaged: patterns of which averages are taken, and their numbers; by default the same.
    """
    phase = np.exp(1j * np.angle(propagator(probe[None], None)[0])).astype(probe.dtype)
    mean, rms = (one.astype(probe.real.dtype) for one in _averages(*(averaged or (data, places))))
    beam = np.asarray(propagator.adjoint(jnp.asarray(rms * phase)[None], None)[0])
    power = np.abs(beam) ** 2
    weight = gaussian_filter(power, SLOW, mode="wrap")
    weight += LEAST * weight.max()
    rows, columns = _where_beam_is(power)
    parts, energy = [np.empty((0, rows.stop - rows.start, columns.stop - columns.start), np.complex64)], [np.empty(0)]
    for block in blocks(places, data):
        shared = (propagator, jnp.asarray(mean), jnp.asarray(phase))
        waves = of_each(_back, shared, measured(data, places[block], mean.dtype))
        for wave in np.asarray(waves):
            slow = np.asarray(gaussian_filter(beam.conj() * wave, SLOW, mode="wrap")) / weight
            fast = (wave - beam * slow)[rows, columns]
            parts.append((beam[rows, columns].conj() * fast).astype(np.complex64)[None])
            energy.append(np.array([np.sum(np.abs(fast) ** 2, dtype=np.float64)]))
    return Holograms(np.concatenate(parts), power[rows, columns].astype(np.float32), np.concatenate(energy))


def _back(shared: tuple, item: tuple[Float[Array, "y x"], Bool[Array, "y x"]]) -> Complex[Array, "y x"]:
    """What a pattern has beside the average, with the beam's phase, at the object."""
    (propagator, mean, phase), (counts, valid) = shared, item
    beside = jnp.where(valid, jnp.sqrt(counts) - mean, 0)
    return propagator.adjoint((beside.astype(phase.dtype) * phase)[None], None)[0]


def _averages(data: Dataset, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of the amplitude √counts, and the root of the mean counts, of every pixel where it is valid; else 0."""
    total, square, count = (np.zeros(data.frame_shape) for _ in range(3))
    for block in blocks(places, data):
        counts, valid = jax.device_get(measured(data, places[block], np.dtype(np.float32)))
        total += np.sqrt(counts).sum(0, dtype=np.float64)
        square += counts.sum(0, dtype=np.float64)
        count += valid.sum(0)
    count = np.maximum(count, 1)
    return total / count, np.sqrt(square / count)


def _where_beam_is(power: Float[np.ndarray, "y x"]) -> tuple[slice, slice]:
    """The smallest rectangle, of the window's proportions, about the middle of the beam with most of its power."""
    middle = [np.sum(power.sum(1 - axis) * np.arange(size)) / power.sum() for axis, size in enumerate(power.shape)]

    def part(share: float) -> tuple[slice, slice]:
        rows, columns = (
            slice(max(0, int(m - share * n)), min(n, int(np.ceil(m + share * n)) + 1))
            for m, n in zip(middle, power.shape, strict=True)
        )
        return rows, columns

    return next(
        found for share in np.linspace(0.1, 1.0, 91) if power[found := part(share)].sum() >= POWER * power.sum()
    )
