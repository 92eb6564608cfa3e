"""Models that the package does not know, simulated and fitted by tests; each is written as a person would."""

import jax
import jax.numpy as jnp
import numpy as np

import ptychograd as pg
from ptychograd.data.dataset import GroundTruth

SHAPE, PIXEL = (41, 36), (2e-7, 2e-7)


# ---- the physics: in-line holography at several distances
class Hologram(pg.AbstractModel):
    wave: jax.Array  # behind the object, complex (y, x)
    kernels: jax.Array  # of free space, for each distance

    def __call__(self, index):
        wave = jnp.fft.ifft2(jnp.fft.fft2(self.wave) * self.kernels[index])
        return jnp.abs(wave) ** 2

    def roles(self):
        return pg.Roles(image=pg.Image(self.wave, sampling=PIXEL, gauge=("phase", "scale")))


def kernels(distances=(3e-4, 8e-4, 1.6e-3, 2.6e-3)):
    return jnp.asarray(
        np.stack([pg.physics.fresnel_kernel(SHAPE, PIXEL, 1e-10 * 5, z) for z in distances]), jnp.complex64
    )


def object_wave():
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    phase = 0.8 * np.exp(-((y - 17) ** 2 + (x - 21) ** 2) / 60) - 0.5 * ((abs(y - 28) < 4) & (abs(x - 12) < 6))
    return np.exp(1j * phase - 0.3 * abs(phase))


def holograms():
    """Four distances of one object, with its truth; no positions."""
    image = object_wave()
    patterns = pg.simulate(Hologram(jnp.asarray(100 * image, jnp.complex64), kernels()), 4, seed=1)
    return pg.make_dataset(patterns, truth=GroundTruth(image))


def hologram_start():
    return Hologram(jnp.full(SHAPE, 100, jnp.complex64), kernels())


class FourierPtychography(pg.AbstractModel):
    """Images through a small pupil under tilted light: a window of the object's spectrum for each tilt."""

    spectrum: jax.Array  # of the object, complex (Y, X), zero frequency in the middle
    pupil: jax.Array  # complex (y, x), dark outside of the lens
    lens: np.ndarray  # True inside of it
    corner: np.ndarray  # of the pupil in the spectrum, for each tilt, (index, 2)

    def __call__(self, index):
        seen = jnp.where(self.lens, self.pupil, 0) * pg.extract_window(
            self.spectrum, jnp.asarray(self.corner)[index], self.pupil.shape
        )
        return jnp.abs(jnp.fft.ifft2(jnp.fft.ifftshift(seen), norm="ortho")) ** 2

    def roles(self):
        image = jnp.fft.ifft2(jnp.fft.ifftshift(self.spectrum), norm="ortho")
        illumination = pg.physics.Illumination(self.pupil, ("ky", "kx"), unit="")
        return pg.Roles(pg.Image(image, gauge=("phase", "scale", "shift", "ramp")), illumination)


class InRealSpace(pg.AbstractExitWaveModel):
    """Fourier ptychography of an image: each of its pixels reaches all of the exit wave, so J^H J 1 is no diagonal."""

    image: jax.Array
    pupil: jax.Array
    lens: np.ndarray
    corner: np.ndarray

    def exit_wave(self, index):
        spectrum = jnp.fft.fftshift(jnp.fft.fft2(self.image, norm="ortho"))
        seen = pg.extract_window(spectrum, jnp.asarray(self.corner)[index], self.pupil.shape)
        return jnp.fft.ifft2(jnp.fft.ifftshift(jnp.where(self.lens, self.pupil, 0) * seen), norm="ortho")

    def detect(self, exit_wave, index):
        return jnp.abs(exit_wave) ** 2

    def __call__(self, index):
        return self.detect(self.exit_wave(index), index)

    def roles(self):
        illumination = pg.physics.Illumination(self.pupil, ("ky", "kx"), unit="")
        return pg.Roles(pg.Image(self.image, gauge=("phase", "scale", "shift", "ramp")), illumination)


def in_real_space(start):
    """The start of the image for a start of the spectrum."""
    image = jnp.full(start.spectrum.shape, 25, jnp.complex64)
    return InRealSpace(image, start.pupil, start.lens, start.corner)


def tilted(rows=60, columns=54, small=(25, 22)):
    """The truth of a Fourier-ptychography scan of 7 x 7 tilts: its model and the object."""
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:rows, :columns]
    f2 = np.fft.fftfreq(rows)[:, None] ** 2 + np.fft.fftfreq(columns) ** 2
    cloud = np.fft.ifft2(np.fft.fft2(rng.normal(size=(rows, columns))) * np.exp(-60 * f2)).real
    image = 30 * (0.7 + 0.3 * ((y // 9 + x // 7) % 2)) * np.exp(1j * cloud / cloud.std() / 2)
    v, u = (np.arange(n) - n // 2 for n in small)
    inside = (v[:, None] / 9) ** 2 + (u / 8) ** 2 < 1
    pupil = inside * np.exp(0.6j * ((v[:, None] / 9) ** 2 - (u / 8) ** 2))
    middle = np.array([rows // 2 - small[0] // 2, columns // 2 - small[1] // 2])
    corner = middle + 4 * (np.stack(np.mgrid[:7, :7], axis=-1).reshape(-1, 2) - 3) + rng.integers(-1, 2, (49, 2))
    corner = corner[:-1]  # an even number, for two processes
    seen = np.zeros(image.shape, bool)  # of the spectrum
    for i, j in corner:
        seen[i : i + small[0], j : j + small[1]] |= inside
    spectrum = np.where(seen, np.fft.fftshift(np.fft.fft2(image, norm="ortho")), 0)
    image = np.fft.ifft2(np.fft.ifftshift(spectrum), norm="ortho")
    model = FourierPtychography(jnp.asarray(spectrum, jnp.complex64), jnp.asarray(pupil, jnp.complex64), inside, corner)
    return model, image


class Tomography(pg.AbstractModel):
    """Projections of a slice under angles that come with the data; the image is its square, never negative."""

    root: jax.Array  # of the photons that each pixel emits, (side, side)
    angle: np.ndarray  # of each projection, in radians

    def __call__(self, index):
        side = self.root.shape[0]
        y, x = (jnp.asarray(axis - side // 2, jnp.float32) for axis in np.ogrid[:side, :side])
        angle = jnp.asarray(self.angle, jnp.float32)[index]
        cosine, sine = jnp.cos(angle), jnp.sin(angle)
        places = [cosine * y - sine * x + side // 2, sine * y + cosine * x + side // 2]
        return 1 + jax.scipy.ndimage.map_coordinates(self.root**2, places, order=1).sum(axis=0)[None, :]

    def roles(self):
        return pg.Roles(image=pg.Image(self.root**2, sampling=(1e-6, 1e-6), unit="photons", gauge=()))


def fourier_ptychography():
    """Start, data with their truth, solver, epochs and batch size."""
    truth, image = tilted()
    data = pg.make_dataset(pg.simulate(truth, len(truth.corner), seed=1), truth=GroundTruth(image))
    begun = jnp.zeros_like(truth.spectrum).at[30, 27].set(25 * np.sqrt(image.size) + 0j)
    start = FourierPtychography(begun, jnp.asarray(jnp.abs(truth.pupil), jnp.complex64), truth.lens, truth.corner)
    return start, data, pg.Nesterov(steps={"spectrum": 3.0, "pupil": 0.01}), 60, 7


def tomography(side=16, count=24):
    """The same of a slice of three blobs; angles are a variable of each pattern."""
    angle = pg.data.Variable(np.linspace(0, 180, count, endpoint=False), "deg")
    y, x = np.mgrid[:side, :side] - side // 2
    blobs = ((2, -3, 2700), (-3, 1, 1800), (1, 3, 1200))  # photons at their middles
    image = sum(peak * np.exp(-((y - i) ** 2 + (x - j) ** 2) / 4) for i, j, peak in blobs)
    truth = Tomography(jnp.asarray(np.sqrt(image), jnp.float32), angle.values)
    patterns = pg.simulate(truth, count, seed=2)
    data = pg.make_dataset(patterns, variables={"angle": angle}, truth=GroundTruth(image))
    start = Tomography(jnp.full((side, side), 11.0, jnp.float32), data.variable("angle"))
    return start, data, pg.adam(0.55), 400, 24


def holography():
    """The same of holograms at four distances."""
    return hologram_start(), holograms(), pg.adam(1.0), 1000, 4


MODELS = {"holography": holography, "Fourier ptychography": fourier_ptychography, "tomography": tomography}
