"""The raster grid artefact: object and probe that carry the lattice of their own scan, as few photons make them do.

All positions of a scan that repeats see a modulation f(r) of its period at the same phase. An object O f and a probe
P f change all patterns alike, by little where counts are noisy, and the noise of small batches makes f grow. No misfit
tells; the lattice itself does:

- the probe's intensity has a wave exp(iK·u) of the scan's reciprocal lattice,
- the object's transmission has it too, as a sharp peak far above what is beside it,
- and both have it at the same phase.

A specimen that is periodic itself has it in the object alone. Where its very period is that of the scan, no pattern
tells O f and P from O and P f; if a fit has moved part of f into the probe, both have it again, and rightly the image
is not trusted. It takes a lattice: where the structure factor of the positions is below 0.9, none was seen to grow, and
nothing is looked for.

The limits were chosen on the scans that first showed this and on drawn ones, and judged on others: docs/verdicts.md.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float
from scipy.ndimage import gaussian_filter

from ptychograd.core.errors import check_kind
from ptychograd.core.illumination import brightness
from ptychograd.core.strict import meant
from ptychograd.data.reciprocal_lattice import ReciprocalLattice, reciprocal_lattice
from ptychograd.fitting.result import Result

STRENGTH, PROMINENCE, IN_PHASE = 0.02, 200.0, 0.8  # above all of which there is an artefact
AWAY, BEGINS = (-6, -4, -2, 0, 2, 4, 6), 4  # from a peak, in resolved frequencies; where its background begins
NYQUIST = 0.95 * np.pi  # radians a pixel
PERIODS = 2.0  # of each wave that the object has, at least
NARROWEST = 1 / 4  # of the frame: half of the area that is looked at is no narrower
MOST_OF_A_PIXEL = 1.5  # that positions and corners differ by, where they are the same in the same unit


class RasterArtefact(NamedTuple):
    """How much of the scan's own lattice an object and a probe carry (see `raster_artefact`).

    Args:
        object: relative amplitude of the object's part at the first orders K of the scan's reciprocal lattice: rms of
            that modulation of its magnitude, under a Hann window over the scan.
        probe: rms over these K of |Σ |P|² exp(-iK·u)| / Σ |P|².
        in_phase: of those of object and probe, from 1 (bright in the same places) to -1 (in the other ones).
        prominence: power of the object's peaks over the median power around each.
        periods: wavelengths of the scan's first orders, in pixels of the object.

    Example:
        >>> found = pg.fitting.RasterArtefact(0.14, 0.11, 1.0, 38000.0, (5.0, 5.0))
        >>> found.strength, found.is_there
        (0.11, True)
    """

    object: float
    probe: float
    in_phase: float
    prominence: float
    periods: tuple[float, ...]

    @property
    def strength(self) -> float:
        """What both have of it: the smaller of `object` and `probe`."""
        return min(self.object, self.probe)

    @property
    def is_there(self) -> bool:
        """Whether both have more of it than by chance, and in the same places."""
        return self.strength > STRENGTH and self.prominence > PROMINENCE and self.in_phase > IN_PHASE


@meant
def raster_artefact(result: Result) -> RasterArtefact | None:
    """How much of the scan's own lattice the object and the probe of a result carry: the raster grid artefact.

    Where photons are few and batches small, a lattice of the scan's period can grow in object and probe until nothing
    else is left, and neither R nor χ² tells. `assess` looks for it in every result. A jittered raster, a spiral, and
    any other scan without a lattice of its own can't have it.

    Args:
        result: of a model whose roles name a flat image, an illumination and positions.

    Returns:
        the figures, `is_there` among them; None where there is no such role, or the scan has no lattice that the
        object's pixels resolve.

    Raises:
        InputError: `result` is no result.

    Example:
        >>> pg.fitting.raster_artefact(result) is None  # positions off the raster by up to a quarter of a step
        True
    """
    check_kind(result, Result, "result")
    image, beam, scan = result.roles
    if image is None or beam is None or scan is None or len(image.axes) != 2 or tuple(beam.axes) != tuple(image.axes):
        return None
    places = _places(result)
    lattice = _resolved(reciprocal_lattice(places))
    if not len(lattice.waves):
        return None
    intensity, transmission = brightness(np.asarray(beam.array)), _transmission(result.object, image.layers)
    window, box = _window(transmission.shape, places + (np.array(intensity.shape) - 1) / 2, intensity.shape, lattice)
    mean, periods = float((window * transmission[box]).sum()), np.abs(lattice.waves) @ window.shape / (2 * np.pi)
    if not (mean > 0 and intensity.sum() > 0 and periods.min() > PERIODS):
        return None
    modulation = window * (transmission[box] / mean - 1)
    in_object, background = _peaks(modulation, lattice.waves, box)
    in_object *= np.conj(lattice.structure_factor) / np.abs(lattice.structure_factor)  # as a window sees it
    in_probe = _spectrum(intensity / intensity.sum(), lattice.waves[:, None], (0, 0))[:, 0, 0]
    overlap = np.sum(in_object * in_probe.conj()).real
    overlap /= max(np.linalg.norm(in_object) * np.linalg.norm(in_probe), 1e-30)
    return RasterArtefact(
        object=float(np.linalg.norm(in_object) / np.sqrt(2)),  # K and -K, each with half of what the square of O has
        probe=float(np.linalg.norm(in_probe) / np.sqrt(len(in_probe))),
        in_phase=float(overlap),
        prominence=float(np.sum(np.abs(in_object) ** 2) / max(background.sum(), 1e-30)),
        periods=tuple(float(2 * np.pi / np.linalg.norm(wave)) for wave in lattice.waves),
    )


def _places(result: Result) -> Float[np.ndarray, "index 2"]:
    """Where the windows begin, in pixels of the object and parts of them."""
    corner, known = np.asarray(result.corners, np.float64), result.positions_refined
    known = result.positions if known is None else known
    if known is None or len(known) % len(corner):
        return corner
    part = known[:: len(known) // len(corner)] / (result.sampling[-2:] if result.sampling else 1) - corner
    part -= np.median(part, axis=0)
    return corner + part if np.abs(part).max() <= MOST_OF_A_PIXEL else corner


def _resolved(lattice: ReciprocalLattice) -> ReciprocalLattice:
    """The waves that the object's pixels resolve."""
    there = (np.abs(lattice.waves) < NYQUIST).all(axis=1)
    return ReciprocalLattice(*(field[there] for field in lattice))


def _transmission(object: np.ndarray, layers: str) -> Float[np.ndarray, "y x"]:
    """|O|²: of slices that of their product, of states and other images their sum."""
    if object.ndim > 2 and layers == "slices":
        object = np.prod(object, axis=0)
    return brightness(object)


def _window(
    shape: tuple[int, ...], centres: Float[np.ndarray, "index 2"], frame: tuple[int, ...], lattice: ReciprocalLattice
) -> tuple[Float[np.ndarray, "y x"], tuple[slice, slice]]:
    """A Hann window over the scan times the density of its positions, of sum 1, and the part of the object it is on."""
    half = np.maximum(np.ptp(centres, axis=0) / 2, NARROWEST * np.array(frame))
    middle = centres.min(axis=0) + np.ptp(centres, axis=0) / 2
    first = np.clip(np.ceil(middle - half).astype(int), 0, np.array(shape) - 1)
    after = np.clip(np.floor(middle + half).astype(int) + 1, first + 1, shape)
    box = slice(int(first[0]), int(after[0])), slice(int(first[1]), int(after[1]))
    density = np.zeros(after - first)
    pixels = np.clip(np.round(centres).astype(int) - first, 0, after - first - 1)
    np.add.at(density, tuple(pixels.T), 1)
    step = 2 * np.pi / np.linalg.norm(lattice.waves, axis=1).min()
    window = gaussian_filter(density, step, mode="constant")  # a blur by a step leaves nothing of the lattice itself
    for axis, n in enumerate(window.shape):
        away = (np.arange(first[axis], first[axis] + n) - middle[axis]) / half[axis]
        hann = np.cos(np.pi / 2 * np.clip(away, -1, 1)) ** 2
        window *= hann[:, None] if axis == 0 else hann
    return window / max(window.sum(), 1e-30), box


def _peaks(
    modulation: Float[np.ndarray, "y x"], waves: Float[np.ndarray, "wave 2"], box: tuple[slice, slice]
) -> tuple[Complex[np.ndarray, " wave"], Float[np.ndarray, " wave"]]:
    """The spectrum at the waves, and the median power around each of them."""
    apart = 2 * np.pi / np.array(modulation.shape) * np.array(AWAY)[:, None]
    around = _spectrum(modulation, waves[:, None] + apart, (box[0].start, box[1].start))
    is_far = np.abs(np.array(AWAY)) >= BEGINS
    outside = is_far[:, None] | is_far
    here = AWAY.index(0)
    return around[:, here, here].copy(), np.median(np.abs(around[:, outside]) ** 2, axis=1)


def _spectrum(
    image: Float[np.ndarray, "y x"], waves: Float[np.ndarray, "wave k 2"], first: tuple[int, int]
) -> Complex[np.ndarray, "wave k k"]:
    """Σ image exp(-iK·r) for all pairs of the k components along y and x of each wave; `first` is r of pixel 0."""
    rows, columns = (
        np.exp(-1j * waves[..., axis, None] * (np.arange(n) + first[axis])) for axis, n in enumerate(image.shape)
    )
    return np.einsum("wkx,wlx->wkl", rows @ image, columns)
