"""What all recipes ask of a start: modes with the right photons, and a precision that there is."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Complex

from ptychograd.core.errors import InputError
from ptychograd.core.illumination import of_photons
from ptychograd.data.dataset import Dataset
from ptychograd.models.recipes.given import Given, made, modes_of
from ptychograd.models.starts import ProbeStart, Sampling
from ptychograd.physics.bragg import BraggPtychography
from ptychograd.physics.model import Group
from ptychograd.physics.probes.diverse import diverse_modes
from ptychograd.physics.ptychography import Ptychography

FAR_OFF = 1e6  # photons of a start probe over those of the brightest pattern, or the other way: no run gets there
POSITIONS_TO_SCALE = 32  # from which a model is scaled to the photons measured


def start_modes(
    data: Dataset,
    sampling: Sampling,
    probe: ProbeStart | Given | None,
    estimated: ProbeStart,
    count: int | None,
    far_off: float = FAR_OFF,
) -> Complex[np.ndarray, "modes y x"]:
    """Modes of a given start probe, of the dataset's own, or else of the estimated one.

    All but the dataset's own have the photons of the brightest pattern, and so has that if it is farther off than by
    a factor of `far_off`.
    """
    if count is not None and not (count >= 1 and count == int(count)):
        raise InputError(f"{count} probe modes; expected 1 or more.")
    if data.total == 0:
        raise InputError(f"{data.source} holds not one photon in its valid pixels; expected counts.")
    brightest = float(data.photons.max())
    if probe is None and data.probe is not None:
        waves = modes_of(data.probe, f"The start probe of {data.source}", data.frame_shape)
        return diverse_modes(_near(waves, brightest, far_off, data.source), count or 1)
    start = made(estimated if probe is None else probe, data, sampling)
    part = modes_of(start, "The start probe", data.frame_shape)
    return diverse_modes(of_photons(part, brightest), count or len(part))


def _near(
    waves: Complex[np.ndarray, "modes y x"], brightest: float, far_off: float, source: str
) -> Complex[np.ndarray, "modes y x"]:
    """The dataset's own probe with its photons, or with those of the brightest pattern if they can't be right."""
    largest = float(np.max(np.abs(waves)))
    ratio = float(np.sum(np.abs(waves / largest) ** 2)) * largest * (largest / brightest)
    if 1 / far_off <= ratio <= far_off:
        return waves
    warnings.warn(
        f"The start probe of {source} has {ratio:.3g} times the photons of the brightest pattern, from which no run "
        "finds back; it is scaled to these.",
        stacklevel=2,
    )
    return of_photons(waves, brightest)


def brightness_ratio(model: Ptychography | BraggPtychography, data: Dataset) -> float:
    """Photons measured over those that the model expects beside its background, at some positions all over the scan."""
    count = len(model.scan.corner)
    some = np.unique(np.linspace(0, count - 1, min(count, POSITIONS_TO_SCALE)).astype(int))
    _, mask = data.frames((some[:, None] * data.group + np.arange(data.group)).ravel())
    valid = np.broadcast_to(mask, (some.size * data.group, *data.frame_shape))
    valid = valid.reshape(some.size, data.group, *data.frame_shape)
    expected = jax.lax.map(lambda number: model.together(Group(number)), jnp.asarray(some))
    expected = np.asarray(expected).reshape(valid.shape)
    elsewhere = float(np.mean(np.asarray(model.detector.background))) * np.count_nonzero(valid)
    expected = float(np.sum(expected, where=valid, dtype=np.float64)) - elsewhere
    measured = float(data.photons.reshape(count, -1)[some].sum()) - elsewhere
    return measured / expected if measured > 0 and expected > 0 else 1.0


def checked_dtype(dtype: np.dtype | type) -> np.dtype:
    dtype = np.dtype(dtype)
    if dtype not in (np.complex64, np.complex128):
        raise InputError(f"A model of {dtype}; expected complex64 (single) or complex128 (double precision).")
    if jax.dtypes.canonicalize_dtype(dtype) != dtype:
        raise InputError(
            'Double precision is switched off in JAX; call jax.config.update("jax_enable_x64", True) first, '
            "or give `machine.precision=double` on the command line."
        )
    return dtype
