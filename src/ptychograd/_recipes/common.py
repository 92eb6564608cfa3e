"""What all recipes ask of a start: modes with the right photons, and a precision that there is."""

import jax
import numpy as np
from jaxtyping import Complex

from ptychograd._dataset import Dataset
from ptychograd._errors import InputError
from ptychograd._starts import ProbeStart, Sampling, diverse_modes


def start_modes(
    data: Dataset, sampling: Sampling, probe: ProbeStart | None, estimated: ProbeStart, count: int
) -> Complex[np.ndarray, "modes y x"]:
    if count < 1:
        raise InputError(f"{count} probe modes; expected 1 or more.")
    if data.total == 0:
        raise InputError(f"{data.source} holds not one photon in its valid pixels; expected counts.")
    if probe is None and data.probe is not None and not data.probe.any():
        raise InputError(f"The start probe of {data.source} is 0 everywhere; give another, or none.")
    if probe is None and data.probe is not None:
        if data.probe.shape[1:] != data.frame_shape:
            raise InputError(
                f"The start probe has {data.probe.shape[1:]} pixels, the patterns have {data.frame_shape}; "
                "give one of the same size, or none, so that it is estimated."
            )
        return diverse_modes(data.probe, count)
    wave = (probe or estimated)(data, sampling)
    wave = wave * np.sqrt(data.photons.max() / np.sum(np.abs(wave) ** 2))
    return diverse_modes(wave[None], count)


def checked_dtype(dtype: np.dtype | type) -> np.dtype:
    dtype = np.dtype(dtype)
    if dtype not in (np.complex64, np.complex128):
        raise InputError(f"A model of {dtype}; expected complex64 (single) or complex128 (double precision).")
    if jax.dtypes.canonicalize_dtype(dtype) != dtype:
        raise InputError(
            'Double precision is switched off in JAX; call jax.config.update("jax_enable_x64", True) first, '
            "or give --precision double on the command line."
        )
    return dtype
