"""Tomography as physics of one's own: data without positions, whose angles are a variable, refined with the slice.

The patterns are drawn from the analytic projections of Gaussian blobs, not from the model that is fitted.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

import ptychograd as pg

SIDE, COUNT = 32, 60


# ---- the physics: ten lines
class Tomography(pg.AbstractModel):
    image: Array  # square root of the photons that each pixel of the slice emits, (SIDE, SIDE)
    angle: Array  # of each projection, in radians

    def __call__(self, index):
        y, x = (axis - SIDE // 2 for axis in np.ogrid[:SIDE, :SIDE])
        cosine, sine = jnp.cos(self.angle[index]), jnp.sin(self.angle[index])
        places = [cosine * y - sine * x + SIDE // 2, sine * y + cosine * x + SIDE // 2]
        return 1 + jax.scipy.ndimage.map_coordinates(self.image**2, places, order=1).sum(axis=0)[None, :]

    def roles(self):
        return pg.Roles(image=pg.Image(self.image**2, unit="photons", gauge=()))


# ---- a measurement of it, on a stage that is 3 degrees off where it says
def measurement() -> tuple[np.ndarray, pg.Dataset]:
    rng = np.random.default_rng(1)
    true = np.linspace(0, np.pi, COUNT, endpoint=False)
    y, x = rng.uniform(-9, 9, (2, 12, 1, 1))
    middle = np.cos(true)[:, None] * x - np.sin(true)[:, None] * y
    lines = 100 * np.exp(-((np.arange(SIDE) - SIDE // 2 - middle) ** 2) / (2 * 1.2**2))
    said = np.rad2deg(true + rng.normal(0, np.deg2rad(3), COUNT))
    counts = rng.poisson(1 + lines.sum(axis=0))[:, None, :].astype(np.uint16)
    return true, pg.make_dataset(counts, variables={"angle": pg.data.Variable(said, "deg")})


def error(angle: np.ndarray, true: np.ndarray) -> float:
    """Degrees rms; slice and angles turned together are the same patterns."""
    return float(np.rad2deg(np.std(angle - true)))


def main() -> float:
    true, data = measurement()
    start = Tomography(jnp.full((SIDE, SIDE), 2, jnp.float32), jnp.asarray(data.variable("angle"), jnp.float32))
    steps, free = {"image": 0.3, "angle": 0.005}, ("image", "angle")
    result = pg.reconstruct(start, data, pg.adam(steps), trainable=free, noise=pg.Poisson(), epochs=100, batch_size=20)
    said, found = error(data.variable("angle"), true), error(result.arrays["angle"], true)
    r_factor = result.history.r_factor[-1]
    print(f"angles: {said:.2f} degrees off as the stage says, {found:.2f} as found; R = {r_factor:.4f}")
    assert found < 0.4 * said, "the angles should be found far better than the stage says"
    return found


if __name__ == "__main__":
    main()
