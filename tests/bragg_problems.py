"""A small crystal under a tilted beam that many tests share: odd sizes, frames and voxels that are not square."""

import numpy as np
from scipy.ndimage import map_coordinates

import ptychograd as pg

FRAME = (13, 12)  # pixels of the detector along (x, z)
BOX, DEPTH = (7, 26, 21), 14  # voxels of the crystal's array (x, y, z), and of a window along y
TWO_THETA = 0.9
ROCKING = (-0.0008, -0.0004, 0.0, 0.0003, 0.0007)
GEOMETRY = pg.BraggGeometry(1.5e-10, 0.4, (55e-6, 66e-6), TWO_THETA, ROCKING)
VOXEL = (1.5e-10 * 0.4 / (13 * 55e-6), 1.5e-10 * 0.4 / (12 * 66e-6))  # metres along x and y, and along z
CORNERS = np.array([(y, z) for y in range(0, 13, 3) for z in range(0, 10, 3)], float)
COUNT = len(CORNERS) * len(ROCKING)


def probe_wave(photons: float = 3e4) -> np.ndarray:
    """A curved, lopsided Gaussian across the beam, (s, z), off the middle."""
    s, z = np.mgrid[: FRAME[0], : FRAME[1]]
    wave = np.exp(-((s - 6.4) ** 2) / 9 - (z - 5.7) ** 2 / 8) * np.exp(1j * (0.05 * (s - 4) ** 2 + 0.3 * z))
    return wave * np.sqrt(photons / np.sum(np.abs(wave) ** 2))


def solid() -> np.ndarray:
    """A lopsided ellipsoid within the array."""
    x, y, z = np.mgrid[: BOX[0], : BOX[1], : BOX[2]]
    return ((x - 2.8) / 2.6) ** 2 + ((y - 12.7 + 0.6 * x) / 6.3) ** 2 + ((z - 10.2) / 6.1) ** 2 < 1


def density() -> np.ndarray:
    """The strained crystal."""
    x, y, z = np.mgrid[: BOX[0], : BOX[1], : BOX[2]]
    return 0.4 * solid() * np.exp(1j * (0.9 * np.sin(y / 4 + 0.3 * x) + 0.6 * np.cos(z / 3.1 - 0.2 * y)))


def support() -> np.ndarray:
    """A box around the crystal, smaller than the array."""
    inside = np.zeros(BOX, bool)
    inside[:, 4:22, 2:19] = True
    return inside


def beam(modes: np.ndarray, shape: tuple[int, int], shift=(0.0, 0.0), two_theta: float = TWO_THETA) -> np.ndarray:
    """A beam as a block that is the same all along its way, turned by SciPy into (x, y); moved by a Fourier ramp."""
    rows, columns = (np.fft.fftfreq(n) for n in modes.shape[1:])
    ramp = np.exp(-2j * np.pi * (rows[:, None] * shift[0] * np.sin(two_theta) + columns * shift[1]))
    modes, length = np.fft.ifft2(np.fft.fft2(modes) * ramp), 101
    x, y = np.meshgrid(*(np.arange(n) - n // 2 for n in shape), indexing="ij")
    across = -x * np.cos(two_theta) + y * np.sin(two_theta) + modes.shape[1] // 2
    along = x * np.sin(two_theta) + y * np.cos(two_theta) + length // 2
    turned = np.zeros((len(modes), *shape, modes.shape[2]), complex)
    for m, z in np.ndindex(len(modes), modes.shape[2]):
        block = np.repeat(modes[m, :, z, None], length, axis=1)
        turned[m, ..., z] = map_coordinates(block, [across, along], order=1, mode="grid-constant")
    return turned


def detuning(angle: float) -> np.ndarray:
    """How far a crystal turned by `angle` is from its reflection, in its own axes: G less the q that it sees; rad/m."""
    k = 2 * np.pi / GEOMETRY.wavelength
    scattering = k * np.array([0.0, 1.0]) - k * np.array([np.sin(TWO_THETA), np.cos(TWO_THETA)])
    turned = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])  # from y towards x
    return scattering - turned.T @ scattering


def rocking_curve(crystal: np.ndarray, modes: np.ndarray, corner) -> np.ndarray:
    """Expected photons of all angles at one position, whose window begins near `corner`, in plain NumPy."""
    whole = np.round(corner).astype(int)
    window = crystal[:, whole[0] : whole[0] + DEPTH, whole[1] : whole[1] + FRAME[1]]
    wave = window * beam(modes, (BOX[0], DEPTH), np.asarray(corner) - whole)
    x, y = np.arange(BOX[0]) - BOX[0] // 2, np.arange(DEPTH) - DEPTH // 2
    first = FRAME[0] // 2 - BOX[0] // 2
    patterns = []
    for angle in ROCKING:
        q = detuning(angle) * VOXEL[0]
        exit_waves = np.zeros((len(modes), *FRAME), complex)
        turn = np.exp(1j * (q[0] * x[:, None] + q[1] * y))
        exit_waves[:, first : first + BOX[0]] = np.sum(wave * turn[..., None], axis=2)
        waves = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(exit_waves, (1, 2)), norm="ortho"), (1, 2))
        patterns.append(np.sum(np.abs(waves) ** 2, axis=0))
    return np.array(patterns)


def measurement(photons: float = 3e4, noise: bool = True, corners=CORNERS, **changes) -> pg.Dataset:
    """Rocking curves computed here, position by position; positions in metres, support and truth beside them."""
    probe, rng = probe_wave(photons)[None], np.random.default_rng(0)
    expected = np.concatenate([rocking_curve(density(), probe, corner) for corner in corners])
    items = {"geometry": GEOMETRY, "probe": probe, "support": support(), "truth": pg.data.GroundTruth(density(), probe)}
    patterns = rng.poisson(expected).astype(np.uint32) if noise else expected
    return pg.make_dataset(patterns, np.repeat(corners * VOXEL, len(ROCKING), axis=0), **(items | changes))
