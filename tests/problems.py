"""Small problems that many tests share: non-square frames, a complex probe off the middle, noise."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import ptychograd as pg

FRAME, OBJECT = (20, 18), (53, 47)


@eqx.filter_jit
def pattern(model: pg.AbstractModel, number) -> jax.Array:
    """Of a model, compiled, which is faster than step by step even once."""
    return model(jnp.asarray(number))


def complex_array(*shape: int, seed: int = 0) -> np.ndarray:
    """White noise, real and imaginary part."""
    real, imag = np.random.default_rng(seed).normal(size=(2, *shape))
    return real + 1j * imag


def probe_wave(photons: float = 1e5) -> np.ndarray:
    """A curved, lopsided Gaussian, as no symmetry of the code would have it."""
    y, x = np.mgrid[: FRAME[0], : FRAME[1]]
    wave = np.exp(-((y - 9.3) ** 2) / 18 - (x - 7.8) ** 2 / 13) * np.exp(1j * (0.03 * (y - 6) ** 2 + 0.2 * x))
    return wave * np.sqrt(photons / np.sum(np.abs(wave) ** 2))


def object_wave() -> np.ndarray:
    """Smooth amplitude and phase, different along y and x."""
    y, x = np.mgrid[: OBJECT[0], : OBJECT[1]]
    amplitude = 0.75 + 0.2 * np.sin(y / 3.1) * np.cos(x / 4.3 + 0.5)
    return amplitude * np.exp(1j * (0.8 * np.sin(y / 5 + x / 7) + 0.5 * np.cos(x / 3.3)))


def positions(step: int = 4) -> np.ndarray:
    """Corners (y, x) of all windows that fit, on a raster with some disorder, whole pixels."""
    rng = np.random.default_rng(3)
    y, x = (np.arange(0, box - n - 1, step) for box, n in zip(OBJECT, FRAME, strict=True))
    grid = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 2)
    corners = grid + rng.integers(0, 2, grid.shape)
    corners[0], corners[-1] = 0, np.array(OBJECT) - FRAME
    return corners.astype(float)


def measurement(
    photons: float = 1e5, seed: int = 0, background: float = 0.0, dtype: type = np.uint16, **changes
) -> pg.Dataset:
    """Patterns computed here in plain NumPy, one by one, with Poisson noise."""
    probe, object, corners = probe_wave(photons), object_wave(), positions()
    rng = np.random.default_rng(seed)
    patterns = []
    for row, column in corners.astype(int):
        wave = probe * object[row : row + FRAME[0], column : column + FRAME[1]]
        intensity = np.abs(np.fft.fftshift(np.fft.fft2(wave))) ** 2 / wave.size
        patterns.append(rng.poisson(intensity + background))
    items = {"probe": 0.8 * np.abs(probe) + 0j, "truth": pg.data.GroundTruth(object, probe[None])}
    return pg.make_dataset(np.array(patterns, dtype), corners, **(items | changes))


def start_model(data: pg.Dataset, **options) -> pg.Ptychography:
    """The model with which reconstructions of `measurement` start."""
    return pg.far_field(data, **({"object": pg.models.random_object(5)} | options))
