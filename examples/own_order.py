"""A sampler and a schedule of one's own: batches of neighbours, and steps that shrink from the start on.

Batches of patterns from all over the object converge faster: the second number says how much.
"""

import jax.numpy as jnp
import numpy as np
from skimage.data import camera
from skimage.transform import resize

import ptychograd as pg

SHAPE = (32, 27)


# ---- the sampler: five lines
class Neighbours(pg.fitting.AbstractSampler):
    batch_size: int

    def order(self, numbers, draw):
        batches = np.array_split(numbers, -(-len(numbers) // self.batch_size))
        return np.concatenate([batches[k] for k in draw.random.permutation(len(batches))])


# ---- the schedule: three lines
class FromTheStart(pg.fitting.AbstractSchedule):
    def cooling(self, done, last):
        return done / last


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
    found = []
    for sampler in (Neighbours(9), pg.fitting.Shuffled()):
        run = pg.Run(
            pg.far_field(data), data, pg.Nesterov(), (pg.Stage(10),), 9, sampler=sampler, schedule=FromTheStart()
        )
        result = pg.perform(run)
        found.append(result.history.r_factor[-1])
        print(f"{result.settings['sampler']}, {result.settings['schedule']}: R = {found[-1]:.4f}")
    assert found[1] < found[0] < 0.1, "neighbours should do, and patterns from everywhere better"
    return found[0]


if __name__ == "__main__":
    main()
