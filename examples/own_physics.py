"""Physics of one's own: a zone plate's wave whose defocus is unknown, refined together with the object.

The package ships no such model. What it needs is the photons that one pattern is expected to hold;
batches, derivatives, the compiled loop and the solvers follow.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from skimage.data import camera
from skimage.transform import resize

import ptychograd as pg

OBJECT = (70, 66)  # pixels


# ---- the physics: twelve lines
class CurvedProbe(pg.AbstractModel):
    transmission: Array  # of the object, complex (height, width)
    curvature: Array  # of the incident wave, radians a squared pixel: the one unknown number
    lens: Array  # known amplitude of the incident wave, (y, x)
    corner: Array  # of each window, (index, 2)

    def __call__(self, index):
        patch = pg.extract_window(self.transmission, self.corner[index], self.lens.shape)
        y, x = (jnp.arange(n) - n // 2 for n in self.lens.shape)
        probe = self.lens * jnp.exp(1j * self.curvature * (y[:, None] ** 2 + x**2))
        return jnp.abs(pg.physics.FarField(self.lens.shape)(probe * patch)) ** 2

    def windows(self, index):  # optional: says that a pattern sees only this part of the object
        return {"transmission": pg.Window(self.corner[index], self.lens.shape)}


# ---- a measurement of it, simulated with a curvature that the reconstruction is not told
def measurement(curvature: float) -> tuple[CurvedProbe, pg.Dataset]:
    rng = np.random.default_rng(1)
    y, x = (np.arange(n) - n // 2 for n in (32, 28))
    lens = 250 * np.exp(-(y[:, None] ** 2 + x**2) / (2 * 5**2))
    image = resize(camera() / 255, OBJECT)
    corner = np.array([(i, j) for i in range(0, 37, 4) for j in range(0, 37, 4)]) + rng.integers(0, 3, (100, 2))
    truth = CurvedProbe(
        jnp.asarray((0.6 + 0.4 * image) * np.exp(1j * image), jnp.complex64),
        jnp.float32(curvature),
        jnp.asarray(lens, jnp.float32),
        jnp.asarray(corner, jnp.int32),
    )
    return truth, pg.make_dataset(pg.simulate(truth, len(corner), seed=1), corner)


def main() -> float:
    truth, data = measurement(curvature=0.030)
    start = CurvedProbe(jnp.ones(OBJECT, jnp.complex64), jnp.float32(0.020), truth.lens, truth.corner)
    steps = {"transmission": 0.02, "curvature": 2e-4}
    result = pg.reconstruct(
        start, data, pg.adam(steps), trainable=("transmission", "curvature"), epochs=60, batch_size=8
    )
    found = float(result.arrays["curvature"])
    print(f"curvature: true 0.0300, start 0.0200, found {found:.4f}; R = {result.history.r_factor[-1]:.4f}")
    assert abs(found - 0.030) < 0.0003, "the curvature should be found to 1 %"
    return found


if __name__ == "__main__":
    main()
