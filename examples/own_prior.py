"""A prior of one's own: a sample lets through no more light than fell on it. Its value is all that is written.

How steep it is gets estimated, and steps that would raise it are halved: a steep prior needs no tuning either.
"""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from skimage.data import camera
from skimage.transform import resize

import ptychograd as pg

SHAPE = (32, 27)


# ---- the prior: six lines
class NoGain(pg.priors.AbstractPrior):
    weight: float
    path: str = eqx.field(static=True, default="object.transmission")

    def __call__(self, array, root):
        gain = array.real**2 + array.imag**2 - 1
        return self.weight * root * jnp.sum(jnp.where(gain > 0, gain, 0) ** 2)


# ---- with no steepness, to compare with
class NotSteep(NoGain):
    """The same, taken for a penalty that is not steep at all."""

    def majorant(self, array, root):
        return jnp.zeros(array.shape)


# ---- a measurement with few photons, simulated
def measurement() -> tuple[np.ndarray, pg.Dataset]:
    rng = np.random.default_rng(1)
    y, x = (np.arange(n) - n // 2 for n in SHAPE)
    probe = 6 * np.exp(-(y[:, None] ** 2 + x**2) / (2 * 5**2) + 0.02j * (y[:, None] ** 2 + x**2))
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
    size = corner.max(axis=0) + SHAPE
    return object[: size[0], : size[1]], pg.make_dataset(pg.simulate(truth, len(corner), seed=1), corner, probe=probe)


def main() -> float:
    truth, data = measurement()

    def fitted(*priors):
        return pg.reconstruct(
            pg.far_field(data), data, pg.Nesterov(), epochs=20, batch_size=9, trainable=("object",), priors=priors
        )

    inner = (slice(8, -8), slice(8, -8))
    brightest, errors = [], []
    for priors in ((), (NoGain(1e3),)):
        object = fitted(*priors).object[inner]
        brightest.append(np.abs(object).max())
        errors.append(pg.nrmse(object, truth[inner]))
    print("largest magnitude {:.2f}, with the prior {:.2f}".format(*brightest))
    print("error {:.3f}, with the prior {:.3f}".format(*errors))
    assert brightest[1] < 1.05 < 1.2 < brightest[0], "the prior should hold the magnitude at one"
    try:
        fitted(NotSteep(1e3))
    except pg.fitting.NonFiniteError as error:
        print(f"taken for flat: {error}")
        return float(brightest[1])
    raise RuntimeError("a step that takes this prior for flat should fail")


if __name__ == "__main__":
    main()
