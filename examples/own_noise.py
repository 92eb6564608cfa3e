"""A noise model of one's own: a misfit with long tails, for a detector that reads wrong pixels now and then.

Its information and how steep it is come from its second derivative; samples are not asked for.
"""

import jax.numpy as jnp
import numpy as np
from skimage.data import camera
from skimage.transform import resize

import ptychograd as pg

SHAPE = (32, 27)


# ---- the noise model: five lines
class LongTails(pg.noise.AbstractNoise):
    width: float  # of what is taken for noise, in √photons

    def nll(self, expected, measured):
        apart = (jnp.sqrt(measured + 0.03) - jnp.sqrt(expected + 0.03)) / self.width
        return self.width**2 * jnp.log1p(apart**2)


# ---- a measurement of which one pixel in fifty is wrong, simulated
def measurement() -> tuple[np.ndarray, pg.Dataset]:
    rng = np.random.default_rng(1)
    y, x = (np.arange(n) - n // 2 for n in SHAPE)
    probe = 60 * np.exp(-(y[:, None] ** 2 + x**2) / (2 * 5**2) + 0.02j * (y[:, None] ** 2 + x**2))
    image = resize(camera() / 255, (66, 61))
    object = (0.6 + 0.4 * image) * np.exp(1j * image)
    corner = np.array([(i, j) for i in range(0, 34, 4) for j in range(0, 34, 4)]) + rng.integers(0, 2, (81, 2))
    truth = pg.Ptychography(
        pg.physics.ThinObject(jnp.asarray(object, jnp.complex64)),
        pg.physics.Probe(jnp.asarray(probe[None], jnp.complex64)),
        pg.physics.make_scan(corner.astype(float)),
        pg.physics.FarField(SHAPE),
        pg.physics.Detector(),
        SHAPE,
    )
    patterns = pg.simulate(truth, len(corner), seed=1)
    wrong = rng.uniform(size=patterns.shape) < 0.02
    patterns = np.where(wrong, rng.integers(0, 3000, patterns.shape), patterns)
    size = corner.max(axis=0) + SHAPE
    return object[: size[0], : size[1]], pg.make_dataset(patterns, corner, probe=probe)


def main() -> float:
    truth, data = measurement()
    errors = []
    for noise in (pg.Amplitude(), LongTails(4.0)):
        result = pg.reconstruct(pg.far_field(data), data, pg.Nesterov(), epochs=30, batch_size=9, noise=noise)
        inner = (slice(12, -12), slice(12, -12))
        errors.append(pg.nrmse(result.object[inner], truth[inner]))
    print("error of the object with √photons {:.3f}, with long tails {:.3f}".format(*errors))
    assert errors[1] < 0.6 * errors[0], "long tails should mind wrong pixels less"
    return errors[1]


if __name__ == "__main__":
    main()
