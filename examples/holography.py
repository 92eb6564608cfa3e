"""In-line holography as physics of one's own: one wave seen at several distances, without positions.

The model names its image, so it is drawn, exported and compared with the truth like the package's own models.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

import ptychograd as pg

SHAPE, PIXEL, WAVELENGTH = (41, 36), (2e-7, 2e-7), 5e-10  # metres


# ---- the physics: seven lines
class Holography(pg.AbstractModel):
    wave: Array  # behind the object, √photons a pixel, complex (y, x)
    kernel: Array  # of free space, for each distance

    def __call__(self, index):
        return jnp.abs(jnp.fft.ifft2(jnp.fft.fft2(self.wave) * self.kernel[index])) ** 2

    def roles(self):
        return pg.Roles(image=pg.Image(self.wave, sampling=PIXEL, gauge=("phase", "scale")))


# ---- a measurement of it, whose distances come with the data
def measurement() -> pg.Dataset:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    phase = 0.8 * np.exp(-((y - 17) ** 2 + (x - 21) ** 2) / 60) - 0.5 * ((abs(y - 28) < 4) & (abs(x - 12) < 6))
    image = np.exp(1j * phase - 0.3 * abs(phase))
    distance = pg.data.Variable([0.3, 0.8, 1.6, 2.6], "mm")
    truth = Holography(jnp.asarray(100 * image, jnp.complex64), kernels(distance.values))
    patterns = pg.simulate(truth, 4, seed=1)
    return pg.make_dataset(patterns, variables={"distance": distance}, truth=pg.data.GroundTruth(image))


def kernels(distances: np.ndarray) -> jax.Array:
    each = [pg.physics.fresnel_kernel(SHAPE, PIXEL, WAVELENGTH, z) for z in distances]
    return jnp.asarray(np.stack(each), jnp.complex64)


def main(picture: str | None = None) -> float:
    data = measurement()
    start = Holography(jnp.full(SHAPE, 100, jnp.complex64), kernels(data.variable("distance")))
    result = pg.reconstruct(start, data, pg.adam(1.0), epochs=1000, batch_size=4)
    error = pg.quality.compare_with_truth(result, data)["object_nrmse"]
    print(f"NRMSE of the wave: {error:.3f}; R = {result.history.r_factor[-1]:.4f}")
    if picture is not None:
        pg.plot.save(pg.plot.summary(result), picture)
    assert error < 0.03, "the wave should be found to 3 %"
    return error


if __name__ == "__main__":
    main()
