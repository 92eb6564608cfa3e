"""Slow distortions of all positions, which the object has followed."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Int
from numpy.polynomial import legendre
from scipy.ndimage import map_coordinates

from ptychograd.core.errors import InputError
from ptychograd.core.parameters import named_parameters, replace_parameter, replace_parameters
from ptychograd.core.strict import lifted, meant
from ptychograd.data.dataset import Dataset
from ptychograd.data.patterns import blocks, illuminated_positions, measured
from ptychograd.fitting.epoch import called, of_each
from ptychograd.physics.checks import check_count
from ptychograd.physics.model import AbstractModel, Group, roles_of
from ptychograd.physics.noise import AbstractNoise, Amplitude
from ptychograd.physics.noise.base import amplitude
from ptychograd.physics.roles import path_of, recorded
from ptychograd.refinement.positions.beams import beam_of
from ptychograd.refinement.positions.single_pattern import corrected_by
from ptychograd.refinement.stage_actions import AbstractStageAction, Changed

PATTERNS_EACH = 2  # patterns at least for every number to be found
DAMPING = 1e-3  # of the curvature along each number
SPLINE = 5  # order, of the resampling


class Polynomials(NamedTuple):
    """Products of Legendre polynomials of y and x, of a total degree from 1 to `degree`, over a rectangle."""

    degree: int
    middle: Float[np.ndarray, "2"]
    half: Float[np.ndarray, "2"]

    def __call__(self, points: Float[np.ndarray, "point 2"]) -> Float[np.ndarray, "point term"]:
        """Value of each at points (y, x); beyond the rectangle that at its edge."""
        y, x = self._along(points)
        return np.stack([y[:, i] * x[:, j] for i, j in self._terms()], axis=1)

    def slopes(self, points: Float[np.ndarray, "point 2"]) -> Float[np.ndarray, "point term 2"]:
        """Derivative of each along y and x."""
        y, x = self._along(points)
        unit = np.eye(self.degree + 1)
        down = np.stack([np.pad(legendre.legder(one), (0, 1))[: self.degree + 1] for one in unit], axis=1)
        dy, dx = y @ down / self.half[0], x @ down / self.half[1]
        return np.stack([np.stack([dy[:, i] * x[:, j], y[:, i] * dx[:, j]], axis=1) for i, j in self._terms()], axis=1)

    def _along(self, points: Float[np.ndarray, "point 2"]) -> list[Float[np.ndarray, "point degree"]]:
        inside = np.clip((points - self.middle) / self.half, -1, 1)
        return [legendre.legvander(inside[:, axis], self.degree) for axis in (0, 1)]

    def _terms(self) -> list[tuple[int, int]]:
        return [(i, total - i) for total in range(1, self.degree + 1) for i in range(total + 1)]


class Strains(NamedTuple):
    """What each pattern says of ∂D_a/∂b at its probe, (a, b) = (y, y), (y, x), (x, y), (x, x): normal equations."""

    place: Int[np.ndarray, " pattern"]
    curvature: Float[np.ndarray, "pattern 4 4"]
    slope: Float[np.ndarray, "pattern 4"]


class PatternAtProbe(NamedTuple):
    """A pattern, those of its pixels that count, and the middle of its probe on the object (y, x)."""

    place: Int[Array, ""]
    measured: Float[Array, "*detector"]
    valid: Bool[Array, "*detector"]
    middle: Float[Array, "2"]


class DistortionCorrection(AbstractStageAction):
    """Before a stage, take a slow distortion D of all positions, which the object has followed, out of both.

    Where positions and object are distorted alike neighbouring patterns agree, and descent hardly moves them. What
    gives the distortion away is the probe, which is not distorted: within it the object is stretched, sheared and
    turned by ∂D. A Gauss-Newton step of every pattern towards its own ∂D, of all together through polynomials of the
    position, gives D; all positions are moved by it, and the object is resampled.

    The polynomials have as high a degree as probes fit side by side, so that ∂D hardly varies within one, and at most
    `highest`: in a full-field beam what is taken out is an affine change. Positions of a crystal
    stay as they are, and those of a model whose `roles` name no flat image among its arrays, or no illumination of its
    axes: what a pupil in Fourier space sees does not stretch with the image.

    `with_position_search` puts it into the stages of a run.

    Args:
        data: the patterns that tell the distortion.
        highest: degree of the polynomials, 1 or more; the extent of the scan and the number of patterns may allow less.
        noise: the noise model, which says what a pixel shows; `Amplitude()` by default.

    Raises:
        InputError: when a run begins: the model's positions can't be refined (see `with_refinable_positions`), it has
            another number of patterns than the data, or the degree is below 1.

    Example:
        >>> correction = pg.refinement.DistortionCorrection(data, highest=3)
        >>> stage = pg.Stage(20, ("object", "probe", "scan.offset"), first=(correction,))
    """

    data: Dataset
    highest: int = 10
    noise: AbstractNoise = Amplitude()

    def check(self, model):
        corrected_by(model)
        check_count(model, self.data.count)
        if self.highest < 1:
            raise InputError(f"Polynomials of degree {self.highest} at most; expected 1 or more.")

    @meant
    def __call__(self, model, start, fit):
        image, wave, places = _image(model), beam_of(model, 0), roles_of(model).positions
        if not image or wave is None or places is None:
            return Changed(model, f"positions of a {type(model).__name__} are not looked at for distortions")
        middles, width = _illuminated(np.asarray(wave), np.asarray(places.corner, np.float64))
        basis = _basis(middles, width, self.highest)
        coefficients = _fitted(strains(model, self.data, middles, self.noise), basis.slopes(middles))
        moves = basis(middles) @ coefficients
        moves -= moves.mean(axis=0)
        arrays, offset = named_parameters(model), corrected_by(model)["offset"]
        moved = arrays[offset] + jnp.asarray(moves, arrays[offset].dtype)
        changes = {image: _resampled(arrays[image], basis, coefficients), offset: moved}
        changed = replace_parameters(model, changes)
        size = float(np.sqrt(np.mean(moves**2)))
        text = f"a slow distortion of {size:.2g} pixels rms taken out of positions and object"
        return Changed(changed, f"{text}, degree {basis.degree}")


@meant
def strains(
    model: AbstractModel, data: Dataset, middles: Float[np.ndarray, "index 2"], noise: AbstractNoise | None = None
) -> Strains:
    """What each pattern of the data says of the strain of object and positions about the middle of its probe.

    In a window u about the middle, positions moved by D and the object resampled by it differ from what they were by
    -∂O/∂a · ∂D_a/∂b · u_b.
    """
    placed, image, dtype = called(model), _image(model), named_parameters(model)[corrected_by(model)["offset"]].dtype
    object = named_parameters(placed)[image]
    slopes = [(jnp.roll(object, -1, axis) - jnp.roll(object, 1, axis)) / 2 for axis in (-2, -1)]
    origin = (np.array(object.shape[-2:]) - 1) / 2  # so that numbers stay small
    y, x = (np.arange(n) - middle for n, middle in zip(object.shape[-2:], origin, strict=True))
    along = [lifted(c, object) for c in (y[:, None], x)]
    scaled = [slope * jnp.asarray(c, slope.dtype) for slope in slopes for c in along]
    places, found = illuminated_positions(data), []
    for block in blocks(places, data):
        some = places[block]
        counts, valid = measured(data, some, dtype)
        middle = jnp.asarray(middles[some] - origin, dtype)
        found.append(
            of_each(
                _normal_equations,
                (placed, noise or Amplitude(), {image: (slopes, scaled)}),
                PatternAtProbe(jnp.asarray(some), counts, valid, middle),
            )
        )
    curvature, slope = (
        np.concatenate([np.asarray(part, np.float64) for part in parts]) for parts in zip(*found, strict=True)
    )
    return Strains(places, curvature, slope)


def _normal_equations(shared: tuple, seen: PatternAtProbe) -> tuple[Float[Array, "4 4"], Float[Array, "4"]]:
    """JᵀJ and Jᵀ(√y - √h), with the derivatives J of √h along the four strains."""
    model, noise, ((image, (slopes, scaled)),) = *shared[:2], shared[2].items()

    def modulus(transmission: Complex[Array, "*lead Y X"]) -> Float[Array, "*detector"]:
        changed = replace_parameter(model, image, transmission)
        return jnp.where(seen.valid, amplitude(noise.shown(changed.together(Group(seen.place)))), 0)

    root, along = jax.linearize(modulus, named_parameters(model)[image])
    fixed, growing = [along(slope) for slope in slopes], [along(slope) for slope in scaled]
    strains = [seen.middle[b] * fixed[a] - growing[2 * a + b] for a in (0, 1) for b in (0, 1)]
    rows = jnp.stack([strain.ravel() for strain in strains])
    rest = jnp.where(seen.valid, amplitude(seen.measured), 0) - root
    return rows @ rows.T, rows @ rest.ravel()


def _image(model: AbstractModel) -> str:
    """The path of an image that can be resampled; empty where it is computed, or of a volume."""
    roles = roles_of(model)
    flat = roles.image is not None and len(roles.image.axes) == 2
    return path_of(recorded(roles, model), "image") if flat else ""


def _illuminated(
    wave: Complex[np.ndarray, "*modes y x"], corners: Float[np.ndarray, "index 2"]
) -> tuple[Float[np.ndarray, "index 2"], float]:
    """Middle of the probe on the object for every pattern, and the probe's width: root of (ΣI)² / ΣI²."""
    modes = wave.reshape(-1, *wave.shape[-2:]).astype(np.complex128)
    power = np.sum(np.abs(modes) ** 2, axis=0)
    y, x = (np.arange(n) for n in power.shape)
    middle = np.array([power.sum(axis=1) @ y, power.sum(axis=0) @ x]) / power.sum()
    return corners + middle, float(np.sqrt(power.sum() ** 2 / np.sum(power**2)))


def _basis(middles: Float[np.ndarray, "index 2"], width: float, highest: int) -> Polynomials:
    """Polynomials over the scan, of a degree that its extent, its probe and its number of patterns allow."""
    low, high = middles.min(axis=0), middles.max(axis=0)
    degree = int(np.clip(min(high - low) / width, 1, highest))
    while degree > 1 and (degree + 1) * (degree + 2) * PATTERNS_EACH > len(middles):
        degree -= 1
    return Polynomials(degree, (low + high) / 2, np.maximum((high - low) / 2, 1))


def _fitted(strains: Strains, slopes: Float[np.ndarray, "index term 2"]) -> Float[np.ndarray, "term 2"]:
    """Coefficients of D along y and x whose strains fit what all patterns say together."""
    terms, change = slopes.shape[1], slopes[strains.place]
    own = np.einsum("nabcd,nld->nbacl", strains.curvature.reshape(-1, 2, 2, 2, 2), change)
    curvature = np.tensordot(change, own, ((0, 2), (0, 1))).transpose(1, 0, 2, 3)
    slope = np.einsum("nkb,nab->ak", change, strains.slope.reshape(-1, 2, 2))
    flat = curvature.reshape(2 * terms, 2 * terms)
    size = np.sqrt(np.maximum(np.diag(flat), np.finfo(float).tiny))
    damped = flat / np.outer(size, size) + DAMPING * np.eye(len(flat))
    return (np.linalg.solve(damped, slope.ravel() / size) / size).reshape(2, terms).T


def _resampled(
    object: Complex[Array, "*lead Y X"], basis: Polynomials, coefficients: Float[np.ndarray, "term 2"]
) -> Complex[Array, "*lead Y X"]:
    """The object moved by D, to first order of its variation: at r what was at r - D(r - D(r))."""
    image = np.asarray(object)
    height, width = image.shape[-2:]
    places = np.empty((2, height, width))
    for row in range(height):  # every term at every point of the object would not fit into memory
        points = np.stack([np.full(width, float(row)), np.arange(width, dtype=float)], axis=1)
        before = points - basis(points) @ coefficients
        places[:, row] = (points - basis(before) @ coefficients).T
    layers = image.reshape(-1, *image.shape[-2:])
    moved = [map_coordinates(layer, places, order=SPLINE, mode="nearest") for layer in layers]
    return jnp.asarray(np.stack(moved).reshape(image.shape), object.dtype)
