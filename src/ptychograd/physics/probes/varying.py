"""A probe that is another one at every position: orthogonal probe relaxation, and an unsteady source."""

import jax.numpy as jnp
import numpy as np
from jax.lax import stop_gradient
from jaxtyping import Array, Complex, Float

from ptychograd.core.parameters import with_derivative
from ptychograd.core.rows import Index, row
from ptychograd.core.strict import as_complex
from ptychograd.core.windows import by_platform
from ptychograd.physics.probes.base import AbstractProbe

WEIGHT_STEP = 0.05  # of weights whose root-mean-square is 1
INTENSITY_STEP = 0.005  # of intensities whose mean is 1
FAINTEST = 1e-6  # of the mean intensity: below it there is no exposure to speak of


class VaryingProbe(AbstractProbe):
    """A probe that is not the same in every exposure: P_j = √I_j (P + Σ_k w_jk V_k), of low rank.

    The variations V are added to the first mode of P (orthogonal probe relaxation, Odstrčil et al., Opt. Express 24,
    8360 (2016)). What no pattern can tell is put right after each epoch: the mean of weights and of intensities goes
    into the modes. You get one from `pg.models.with_varying_probe` or `pg.models.with_varying_intensity`.

    Args:
        modes: P, (modes, y, x), in sqrt(photons) a pixel.
        variations: V, (variations, y, x), in sqrt(photons) a pixel; None for a wave that keeps its shape.
        weights: w, real, (index, variations), one row for each pattern; their root-mean-square is 1. None without
            variations.
        intensity: I, (index, 1), relative to the mean, which is 1; None for a steady beam.

    Example:
        >>> probe = pg.models.with_varying_probe(model, 2).probe
        >>> probe.variations.shape, probe.weights.shape
        ((2, 20, 18), (56, 2))
    """

    modes: Complex[Array, "modes y x"]
    variations: Complex[Array, "variations y x"] | None = None
    weights: Float[Array, "index variations"] | None = None
    intensity: Float[Array, "index 1"] | None = None

    def __call__(self, index):
        wave = self.modes
        if self.variations is not None and self.weights is not None:
            change = jnp.tensordot(row(self.weights, index).astype(wave.dtype), self.variations, axes=1)
            wave = _with_added(wave, change)
        return wave if self.intensity is None else as_complex(self._amplitude(index)) * wave

    @property
    def scaled(self):
        return ("modes",) if self.variations is None else ("modes", "variations")

    @property
    def steps(self):
        return {"weights": WEIGHT_STEP, "intensity": INTENSITY_STEP}

    @property
    def per_pattern(self):
        arrays = {"weights": self.weights, "intensity": self.intensity}
        return {name: array.shape[1] for name, array in arrays.items() if array is not None}

    @property
    def has_diagonal(self):
        return True

    @property
    def weighted(self):
        return ("variations",)

    def stuck(self, name, free):
        yield from super().stuck(name, free)
        variations, weights = f"{name}.variations", f"{name}.weights"
        held = self.weights is not None and weights not in free and not np.any(np.asarray(self.weights))
        if variations in free and held:
            yield f"{variations} have weights of 0 that are not refined; refine {weights} too"

    def as_varying(self):
        return self

    def surrogate(self):
        return _Apart(self.modes, self.variations, self.weights, self.intensity)

    def gauge_fixed(self):
        modes, found = self.modes, {}
        if self.variations is not None and self.weights is not None:
            mean = jnp.mean(self.weights, axis=0, keepdims=True)
            size = jnp.sqrt(jnp.mean((self.weights - mean) ** 2, axis=0, keepdims=True))
            size = jnp.where(size > 0, size, 1)
            change = jnp.tensordot(mean[0].astype(modes.dtype), self.variations, axes=1)
            modes = _with_added(modes, change)
            found["weights"] = (self.weights - mean) / size
            found["variations"] = self.variations * as_complex(size[0])[:, None, None]
        if self.intensity is not None:
            intensity = jnp.maximum(self.intensity, FAINTEST)
            mean = jnp.mean(intensity)
            modes = modes * as_complex(jnp.sqrt(mean))
            found["intensity"] = intensity / mean
            if "variations" in found:
                found["variations"] = found["variations"] * as_complex(jnp.sqrt(mean))
        return (found | {"modes": modes},) if found else ()

    def _amplitude(self, index: Index) -> Float[Array, ""]:
        if self.intensity is None:
            return jnp.ones((), self.modes.real.dtype)
        return jnp.sqrt(jnp.maximum(row(self.intensity, index), FAINTEST))[0]


class _Apart(AbstractProbe):
    """A `VaryingProbe` whose variations each make a wave of their own: none, but with a derivative.

    Together they could cancel in the derivative, and the step would be endless.
    """

    modes: Complex[Array, "modes y x"]
    variations: Complex[Array, "variations y x"] | None
    weights: Float[Array, "index variations"] | None
    intensity: Float[Array, "index 1"] | None

    def __call__(self, index):
        whole = VaryingProbe(self.modes, self.variations, self.weights, self.intensity)
        amplitude = as_complex(whole._amplitude(index))
        wave = with_derivative(whole(index), amplitude * self.modes)
        if self.variations is None or self.weights is None:
            return wave
        weights = as_complex(row(self.weights, index))[:, None, None]
        faint = amplitude * weights * (self.variations - stop_gradient(self.variations))
        return jnp.concatenate([wave, faint])


def _with_added(modes: Complex[Array, "modes y x"], change: Complex[Array, "y x"]) -> Complex[Array, "modes y x"]:
    """The modes with a change of the first; on accelerators put together, where it would be a scatter."""
    return by_platform(
        lambda modes, change: modes.at[0].add(change),
        lambda modes, change: jnp.concatenate([(modes[0] + change)[None], modes[1:]]),
        modes,
        change,
    )
