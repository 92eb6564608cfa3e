"""A stage action and a callback of one's own: the magnitude is cut to one between two stages, which is watched."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from skimage.data import camera
from skimage.transform import resize

import ptychograd as pg

SHAPE = (32, 27)


# ---- the stage action: seven lines
class CutGain(pg.refinement.AbstractStageAction):
    def __call__(self, model, start, fit):
        object = model.object.transmission
        magnitude = jnp.abs(object)
        cut = jnp.where(magnitude > 1, object / magnitude, object)
        summary = f"{int(jnp.sum(magnitude > 1))} pixels cut to a magnitude of one"
        return pg.refinement.Changed(eqx.tree_at(lambda m: m.object.transmission, model, cut), summary)


# ---- the callback: five lines
class Brightest(pg.fitting.AbstractCallback):
    def __init__(self):
        self.magnitudes = []

    def __call__(self, progress):
        self.magnitudes.append(float(np.abs(progress.so_far().object[8:-8, 8:-8]).max()))


# ---- a measurement with few photons, simulated
def measurement() -> pg.Dataset:
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
    return pg.make_dataset(pg.simulate(truth, len(corner), seed=1), corner, probe=probe)


def main() -> float:
    data, watch = measurement(), Brightest()
    stages = (pg.Stage(8, ("object",)), pg.Stage(1, ("object",), first=(CutGain(),)))
    result = pg.perform(pg.Run(pg.far_field(data), data, pg.Nesterov(), stages, batch_size=27), on_epoch=watch)
    print(result.settings["changes"][0]["change"])
    print("largest magnitude after each epoch: " + ", ".join(f"{one:.2f}" for one in watch.magnitudes))
    assert watch.magnitudes[-1] < watch.magnitudes[-2], "the cut should be seen in the epoch after it"
    return watch.magnitudes[-1]


if __name__ == "__main__":
    main()
