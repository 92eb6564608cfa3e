"""A solver of one's own: plain gradient descent, whose steps shrink as the run cools down."""

import jax
import jax.numpy as jnp
import numpy as np
from skimage.data import camera
from skimage.transform import resize

import ptychograd as pg

SHAPE = (32, 27)


# ---- the solver: seven lines
class GradientDescent(pg.solvers.AbstractSolver):
    step_size: float  # of an object whose probe has an intensity of one at most

    def step(self, objective, variables, batch, state):
        value, gradient = pg.solvers.value_and_gradient(objective, variables, batch)
        step = self.step_size * (1 - 0.9 * batch.cooling)
        moved = jax.tree.map(lambda leaf, slope: leaf - step * slope, variables, gradient)
        return moved, state, value


# ---- a measurement, simulated
def measurement() -> pg.Dataset:
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
    return pg.make_dataset(pg.simulate(truth, len(corner), seed=1), corner, probe=probe)


def main() -> float:
    data = measurement()
    brightest = float(np.max(np.abs(data.probe) ** 2))
    solver = GradientDescent(0.5 / brightest)  # nine windows of a batch overlap
    result = pg.reconstruct(pg.far_field(data), data, solver, epochs=60, batch_size=9, trainable=("object",))
    print(f"{result.settings['solver']}: R from {result.history.r_factor[0]:.3f} to {result.history.r_factor[-1]:.3f}")
    assert result.history.r_factor[-1] < 0.2 * result.history.r_factor[0], "the misfit should fall"
    return result.history.r_factor[-1]


if __name__ == "__main__":
    main()
