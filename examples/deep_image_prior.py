"""A deep image prior: the object is what a small network makes of each pixel's place, and its weights are fitted.

All patterns of a batch need the network's output. In `shared` it is computed and differentiated once for all of them.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from skimage.data import camera
from skimage.transform import resize

import ptychograd as pg

PHOTONS = 300  # a pattern
FINEST = 12  # spread of the waves' angles over half of the image, radians


# ---- the model: fourteen lines
class DeepImagePrior(pg.AbstractModel):
    network: eqx.nn.MLP
    waves: np.ndarray  # that the network is given of each pixel's place, (height, width, features)
    optics: pg.Ptychography  # whose object is the network's output

    def shared(self):
        decay, phase = jnp.moveaxis(jax.vmap(jax.vmap(self.network))(self.waves), -1, 0)
        transmission = jnp.exp(jax.lax.complex(-decay, phase))
        return eqx.tree_at(lambda model: model.optics.object.transmission, self, transmission)

    def __call__(self, index):
        return self.optics(index)

    def roles(self):  # asked of what `shared` gives, so that the network's output is the image
        return self.optics.roles()

    def windows(self, index):  # optional: a pattern sees only this part of the output
        return {f"optics.{path}": window for path, window in self.optics.windows(index).items()}


# ---- a dim measurement, and the network's start
def measurement() -> tuple[np.ndarray, pg.Dataset]:
    rng = np.random.default_rng(1)
    y, x = (np.arange(n) - n // 2 for n in (32, 30))
    probe = np.exp(-(y[:, None] ** 2 + x**2) / (2 * 6**2) + 0.02j * (y[:, None] ** 2 + x**2))
    probe *= np.sqrt(PHOTONS / np.sum(np.abs(probe) ** 2))
    corner = np.array([(i, j) for i in range(0, 45, 6) for j in range(0, 43, 6)]) + rng.integers(0, 3, (64, 2))
    image = resize(camera() / 255, np.add(corner.max(axis=0), (32, 30)), anti_aliasing=True)
    object = np.exp(-0.3 * image[::-1]) * np.exp(1.2j * image)
    truth = pg.far_field(pg.make_dataset(np.ones((64, 32, 30)), corner, probe=probe[None]), object=object)
    return object, pg.make_dataset(pg.simulate(truth, 64, seed=1), corner, probe=probe[None])


def start_of(data: pg.Dataset, features: int = 64, width: int = 32) -> DeepImagePrior:
    optics, rng = pg.far_field(data), np.random.default_rng(3)
    shape = optics.object.transmission.shape
    y, x = (np.linspace(-1, 1, n) for n in shape)
    angles = y[:, None, None] * rng.normal(0, FINEST, features // 2) + x[:, None] * rng.normal(0, FINEST, features // 2)
    waves = np.concatenate([np.sin(angles), np.cos(angles)], axis=-1).astype(np.float32)
    return DeepImagePrior(eqx.nn.MLP(features, 2, width, 2, key=jax.random.key(0)), waves, optics)


def main() -> float:
    object, data = measurement()
    start = start_of(data)
    result = pg.reconstruct(start, data, pg.adam(0.01), trainable=("network",), epochs=60, batch_size=16)
    inside = np.s_[16:-16, 16:-16]
    error = pg.nrmse(result.object[inside], object[inside])
    r_factor = result.history.r_factor[-1]
    print(f"a network for an object, {PHOTONS} photons a pattern: error {error:.3f}, R = {r_factor:.3f}")
    assert error < 0.15, "free pixels, fitted with the same probe for as long, are off by 0.137"
    return error


if __name__ == "__main__":
    main()
