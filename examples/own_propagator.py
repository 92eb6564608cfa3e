"""A propagator of one's own: a cylinder lens between sample and detector, by its forward direction alone.

ePIE in closed form goes back from the detector to the sample; the way back follows from the forward direction.
"""

import jax.numpy as jnp
import numpy as np
from skimage.data import camera
from skimage.transform import resize

import ptychograd as pg

SHAPE = (32, 27)


# ---- the propagator: six lines
class CylinderLens(pg.physics.AbstractPropagator):
    strength: float  # of the lens, radians a squared pixel along y

    def __call__(self, exit_wave, shift):
        y = jnp.arange(exit_wave.shape[-2]) - exit_wave.shape[-2] // 2
        lens = jnp.exp(1j * self.strength * y[:, None] ** 2).astype(exit_wave.dtype)
        return jnp.fft.fftshift(jnp.fft.fft2(exit_wave * lens, norm="ortho"), axes=(-2, -1))


# ---- a measurement behind such a lens, simulated
def measurement(lens: CylinderLens) -> pg.Dataset:
    rng = np.random.default_rng(1)
    y, x = (np.arange(n) - n // 2 for n in SHAPE)
    probe = 60 * np.exp(-(y[:, None] ** 2 + x**2) / (2 * 5**2) + 0.02j * x**2)
    image = resize(camera() / 255, (66, 61))
    corner = np.array([(i, j) for i in range(0, 34, 4) for j in range(0, 34, 4)]) + rng.integers(0, 2, (81, 2))
    truth = pg.Ptychography(
        pg.physics.ThinObject(jnp.asarray((0.6 + 0.4 * image) * np.exp(1j * image), jnp.complex64)),
        pg.physics.Probe(jnp.asarray(probe[None], jnp.complex64)),
        pg.physics.make_scan(corner.astype(float)),
        lens,
        pg.physics.Detector(),
        SHAPE,
    )
    return pg.make_dataset(pg.simulate(truth, len(corner), seed=1), corner, probe=probe)


def main() -> float:
    lens = CylinderLens(0.08)
    data = measurement(lens)
    rng = np.random.default_rng(0)
    one, other = (jnp.asarray(rng.normal(size=(1, *SHAPE, 2)) @ [1, 1j], jnp.complex64) for _ in range(2))
    there, back = np.vdot(other, lens(one, None)), np.vdot(lens.adjoint(other, None), one)
    assert abs(there - back) < 1e-5 * abs(there), "<w, A ψ> and <A^H w, ψ> should be one number"
    plain = pg.far_field(data)
    own = pg.Ptychography(plain.object, plain.probe, plain.scan, lens, plain.detector, plain.frame_shape)
    r_factors = [  # with the probe known, which else would take up the lens
        pg.reconstruct(model, data, pg.PIE(), epochs=8, trainable=("object",)).history.r_factor[-1]
        for model in (plain, own)
    ]
    print("R with a plain far field {:.4f}, with the lens {:.4f}".format(*r_factors))
    assert r_factors[1] < 0.5 * r_factors[0], "the lens should explain the patterns"
    return r_factors[1]


if __name__ == "__main__":
    main()
