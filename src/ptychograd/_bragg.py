"""Multi-angle Bragg projection ptychography: a three-dimensional crystal under a tilted beam (Eqs. 16 to 18)."""

from dataclasses import dataclass

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Int

from ptychograd._detector import Detector
from ptychograd._errors import InputError
from ptychograd._model import AbstractExitWaveModel
from ptychograd._propagators import FarField
from ptychograd._windows import Window, cut


@dataclass(frozen=True)
class BraggGeometry:
    """A rocking curve, in the axes of Fig. 5: the exit beam k_f along y, the sample turned about z.

    The incident beam is k_i = k (sin 2θ, cos 2θ, 0) in (x, y, z); turned by `rocking`, the sample's crystal sees
    both beams turned the other way.

    Args:
        wavelength: in metres.
        two_theta: angle between incident and exit beam, in radians.
        distance: from sample to detector, in metres.
        pixel_size: of the detector along (x, z), in metres.
        rocking: angles of the sample from the Bragg condition, in radians.
    """

    wavelength: float
    two_theta: float
    distance: float
    pixel_size: tuple[float, float]
    rocking: tuple[float, ...]

    def voxel(self, frame_shape: tuple[int, int]) -> float:
        """Side of a voxel in metres: wavelength distance / (n pixel_size), along x and z alike."""
        side, other = (
            self.wavelength * self.distance / (n * p) for n, p in zip(frame_shape, self.pixel_size, strict=True)
        )
        if not np.isclose(side, other, rtol=1e-6, atol=0):
            raise InputError(
                f"Voxels of {side:.4g} m along x and {other:.4g} m along z; expected cubes, so the same number of "
                "pixels times their size along both."
            )
        return side

    def deviation(self, voxel: float) -> Float[np.ndarray, "angle 2"]:
        """Q = q - G along x and y for each angle of the rocking curve, in radians a voxel (Eq. 17)."""
        angle = np.asarray(self.rocking, float)
        whole = self.two_theta + angle
        along_x = np.sin(angle) - np.sin(whole) + np.sin(self.two_theta)
        along_y = np.cos(angle) - np.cos(whole) - 1 + np.cos(self.two_theta)
        return 2 * np.pi / self.wavelength * voxel * np.stack([along_x, along_y], axis=-1)

    def aliased(self, voxel: float) -> str:
        """Which angles turn the phase by more than π from one voxel to the next, in words; nothing if none do.

        Such an angle shows what another, smaller one would: the voxels are too coarse along the beam for it.
        """
        steps = np.abs(self.deviation(voxel)).max(axis=1)
        if steps.max(initial=0) <= np.pi:
            return ""
        outside = np.count_nonzero(steps > np.pi)
        largest = np.degrees(np.abs(np.asarray(self.rocking)[steps <= np.pi])).max(initial=0)
        return (
            f"{outside} of {len(steps)} rocking angles alias in depth: the phase turns by up to {steps.max():.3g} "
            f"radians from one voxel of {voxel:.3g} m to the next; angles up to {largest:.3g} degrees do not"
        )


class TiltedBeam(eqx.Module):
    """A beam that is the same all along its way through the sample, which it crosses at 2θ to the exit beam.

    P(x, y, z) = p(s, z) with s = -x cos 2θ + y sin 2θ from the middle of the window, by linear interpolation.
    """

    modes: Complex[Array, "modes s z"]
    two_theta: float = eqx.field(static=True)
    shape: tuple[int, int] = eqx.field(static=True)  # of the window along (x, y)

    def __call__(self) -> Complex[Array, "modes x y z"]:
        """The beam in the window."""
        x, y = (np.arange(n) - n // 2 for n in self.shape)
        s = -x[:, None] * np.cos(self.two_theta) + y * np.sin(self.two_theta) + self.modes.shape[1] // 2
        below = np.floor(s).astype(int)
        part = jnp.asarray(s - below, self.modes.real.dtype)[..., None]
        padded = jnp.pad(self.modes, ((0, 0), (1, 1), (0, 0)))
        last = self.modes.shape[1] + 1
        lower, upper = (padded[:, np.clip(below + 1 + step, 0, last)] for step in (0, 1))
        return (1 - part) * lower + part * upper


class Crystal(eqx.Module):
    """A crystal's complex density: magnitude of the lattice, phase of its strain; 0 outside of the `support`."""

    density: Complex[Array, "x height width"]
    support: Bool[Array, "x height width"]

    def __call__(self, corner: Int[Array, "2"], shape: tuple[int, int]) -> Complex[Array, "x y z"]:
        """The part in a window."""
        return jnp.where(cut(self.support, corner, shape), cut(self.density, corner, shape), 0)


class BraggPtychography(AbstractExitWaveModel):
    """h = |F R Q_j ∘ (P ∘ S_j O)|² + ν (Eq. 18), with R the sum along y and a pattern for each position and angle.

    Patterns are numbered with the angles of one position after another: index = position · angles + angle. All angles
    of a position see the same window and the same product with the beam; `together` makes them one small matrix
    product along y, which is what such a model costs.

    Args:
        deviation: Q along (x, y) for each angle, radians a voxel.
        corner: (position, 2), first voxel (y, z) of each position's window in the crystal's array.
        window: voxels (y, z) of it.
    """

    object: Crystal
    probe: TiltedBeam
    deviation: Float[Array, "angle 2"]
    corner: Int[Array, "position 2"]
    propagator: FarField
    detector: Detector
    window: tuple[int, int] = eqx.field(static=True)
    frame_shape: tuple[int, int] = eqx.field(static=True)

    @property
    def group(self):
        return self.deviation.shape[0]

    def __call__(self, index):
        position, angle = index // self.group, index % self.group
        return self._patterns(self.exit_wave(position), self.deviation[angle][None])[0]

    def together(self, number):
        return self._patterns(self.exit_wave(number), self.deviation)

    def exit_wave(self, index):
        """The wave in the crystal, before it is projected, at position `index`."""
        return self.probe() * self.object(self.corner[index], self.window)

    def detect(self, exit_wave, index):
        return self._patterns(exit_wave, self.deviation)

    def windows(self, index):
        return {"object.density": Window(self.corner[index], self.window)}

    def _patterns(
        self, wave: Complex[Array, "modes x y z"], deviation: Float[Array, "angle 2"]
    ) -> Float[Array, "angle frame_x frame_z"]:
        x, y = (jnp.arange(n) - n // 2 for n in wave.shape[1:3])
        turn_x, turn_y = (jnp.exp(1j * deviation[:, axis, None] * r) for axis, r in enumerate((x, y)))
        projected = turn_x[None, :, :, None] * jnp.einsum("ay,mxyz->maxz", turn_y, wave)
        spare = self.frame_shape[0] - wave.shape[1]
        middle = self.frame_shape[0] // 2 - wave.shape[1] // 2
        exit_waves = jnp.pad(projected, ((0, 0), (0, 0), (middle, spare - middle), (0, 0)))
        return self.detector(self.propagator(exit_waves, None))
