"""Multi-angle Bragg projection ptychography: a three-dimensional crystal under a tilted beam (Eqs. 16 to 18)."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Int

from ptychograd.core.fourier import translate
from ptychograd.core.illumination import brightness
from ptychograd.core.rows import Number, checked_index, row_window
from ptychograd.core.strict import as_complex, meant
from ptychograd.core.windows import Window, extract_window
from ptychograd.physics.detector import Detector
from ptychograd.physics.margins import with_margin
from ptychograd.physics.model import AbstractExitWaveModel, ScaleAmbiguity, group_number
from ptychograd.physics.propagators import FarField
from ptychograd.physics.roles import Illumination, Image, Roles
from ptychograd.physics.scan import AbstractScan

ILLUMINATED = 1e-4  # of a beam's largest power along s: what is darker does not count


class TiltedBeam(eqx.Module):
    """A beam that is the same all along its way through the sample, which it crosses at 2θ to the exit beam.

    P(x, y, z) = p(s, z) with s = -x cos 2θ + y sin 2θ from the middle of the window, by linear interpolation. The call
    gives the beam (modes, x, y, z) in the window.

    Args:
        modes: the beam across its direction, (modes, s, z), in sqrt(photons) a pixel.
        two_theta: 2θ, angle between incident and exit beam, in radians.
        shape: size of the window along (x, y), in voxels.

    Example:
        >>> import jax.numpy as jnp
        >>> beam = pg.physics.TiltedBeam(jnp.ones((1, 9, 7), complex), two_theta=0.6, shape=(5, 12))
        >>> beam.shape
        (5, 12)
    """

    modes: Complex[Array, "modes s z"]
    two_theta: float = eqx.field(static=True)
    shape: tuple[int, int] = eqx.field(static=True)

    @meant
    def __call__(self, shift: Float[Array, "2"] | None = None) -> Complex[Array, "modes x y z"]:
        """The beam in the window, shifted along (y, z) by less than a voxel."""
        x, y = (np.arange(n) - n // 2 for n in self.shape)
        s = -x[:, None] * np.cos(self.two_theta) + y * np.sin(self.two_theta) + self.modes.shape[1] // 2
        floor = np.floor(s).astype(int)
        part = as_complex(jnp.asarray(s - floor, self.modes.real.dtype))[None, ..., None]
        across = None if shift is None else shift * jnp.asarray([np.sin(self.two_theta), 1], shift.dtype)
        padded = jnp.pad(translate(self.modes, across), ((0, 0), (1, 1), (0, 0)))
        last = self.modes.shape[1] + 1
        places = (np.clip(floor + 1 + step, 0, last) for step in (0, 1))
        # plane by plane, as the derivative adds at places, which accelerators do with real numbers alone
        lower, upper = (jax.lax.complex(padded.real[:, place], padded.imag[:, place]) for place in places)
        return (1 - part) * lower + part * upper


def window_depth(modes: Complex[np.ndarray, "modes s z"], two_theta: float, layers: int) -> int:
    """Voxels along y in which a beam of these modes crosses so many layers along x."""
    power = brightness(modes).sum(axis=1)
    illuminated = np.flatnonzero(power > ILLUMINATED * power.max()) - modes.shape[1] // 2
    reach = max(-illuminated.min(), illuminated.max()) + 1  # of the beam to either side
    return 2 * int(np.ceil((reach + layers / 2 * abs(np.cos(two_theta))) / np.sin(two_theta)))


class Crystal(eqx.Module):
    """A crystal's complex density: magnitude of the lattice, phase of its strain.

    Args:
        density: (x, height, width), in voxels along (x, y, z).
        support: True where the density is unknown, of the same shape; outside of it the density counts as 0.

    Example:
        >>> import jax.numpy as jnp
        >>> inside = np.ones((5, 16, 10), bool)
        >>> pg.physics.Crystal(jnp.asarray(inside.astype(complex)), jnp.asarray(inside)).density.shape
        (5, 16, 10)
    """

    density: Complex[Array, "x height width"]
    support: Bool[Array, "x height width"]

    def __call__(self, corner: Int[Array, "2"], shape: tuple[int, int]) -> Complex[Array, "x y z"]:
        """The part in a window."""
        return jnp.where(extract_window(self.support, corner, shape), extract_window(self.density, corner, shape), 0)

    def with_margin(self, margin: int) -> "Crystal":
        """The crystal with so many more voxels on every side along y and z, into which positions may move."""
        return with_margin(self, margin)


class BraggPtychography(AbstractExitWaveModel):
    """Multi-angle Bragg ptychography: a crystal in three dimensions under a tilted beam, at several rocking angles.

    h = |F R Q_j ∘ (P ∘ S_j O)|² + ν (Eq. 18), with R the sum along y, and a pattern for each position and angle. You
    get one from `pg.bragg`.

    Patterns are numbered with the angles of one position after another: index = position · angles + angle. All angles
    of a position see the same window and the same product with the beam; `together` makes them one small matrix
    product along y, which is what such a model costs.

    Args:
        object: the crystal O.
        probe: the beam P.
        deviation: G - q along (x, y) of the crystal for each angle, radians a voxel (`BraggGeometry.deviation`).
        scan: corners of the windows along (y, z), in voxels, one for each position.
        propagator: F, from the projected wave to the detector; a far field of `frame_shape`.
        detector: from that wave to expected photons, with the background ν.
        window: voxels (y, z) of each window.
        frame_shape: pixels of the detector along (x, z).
        sampling: voxel (dx, dy, dz) in metres; None if only voxels are known.

    Example:
        >>> import jax.numpy as jnp
        >>> bragg = pg.physics.BraggPtychography(
        ...     pg.physics.Crystal(jnp.ones((5, 16, 10), complex), jnp.ones((5, 16, 10), bool)),
        ...     pg.physics.TiltedBeam(jnp.ones((1, 9, 7), complex), two_theta=0.6, shape=(5, 12)),
        ...     deviation=jnp.zeros((3, 2)),
        ...     scan=pg.physics.make_scan(np.array([[0.0, 0.0], [4.0, 3.0]])),
        ...     propagator=pg.physics.FarField((8, 7)),
        ...     detector=pg.physics.Detector(),
        ...     window=(12, 7),
        ...     frame_shape=(8, 7),
        ... )
        >>> bragg.group  # patterns at each position
        3
    """

    object: Crystal
    probe: TiltedBeam
    deviation: Float[Array, "angle 2"]
    scan: AbstractScan
    propagator: FarField
    detector: Detector
    window: tuple[int, int] = eqx.field(static=True)
    frame_shape: tuple[int, int] = eqx.field(static=True)
    sampling: tuple[float, float, float] | None = eqx.field(static=True, default=None)

    @property
    def has_diagonal(self):
        return True

    @property
    def group(self):
        return self.deviation.shape[0]

    @meant
    def __call__(self, index):
        return self.detect(self.exit_wave(index), index)

    @meant
    def together(self, group):
        number = group_number(group)
        patterns = self._patterns(self._wave(number), self.deviation)
        patterns = patterns + self.scan.nan_outside(number, patterns.dtype)
        return patterns if self.group > 1 else patterns[0]

    @meant
    def exit_wave(self, index):
        """The wave in the crystal, before it is projected, which all angles of a position share."""
        return self._wave(self._position(index)[0])

    @meant
    def detect(self, exit_wave, index):
        position, angle = self._position(index)
        pattern = self._patterns(exit_wave, self.deviation[angle][None])[0]
        return pattern + self.scan.nan_outside(position, pattern.dtype)

    def roles(self):
        across = None if self.sampling is None else (self.sampling[0], self.sampling[2])
        crystal = Image(
            self.object.density, ("x", "y", "z"), self.sampling, support=self.object.support, gauge=("scale", "phase")
        )
        return Roles(crystal, Illumination(self.probe.modes, ("s", "z"), across), self.scan.places())

    @property
    def refined(self):
        return ("object", "probe")

    @property
    def free_scale(self):
        return ScaleAmbiguity("object.density", ("probe.modes",))

    def surrogate(self):
        """The model without sub-pixel shifts, each of which takes two Fourier transforms."""
        return eqx.tree_at(lambda model: model.scan, self, self.scan.surrogate())

    def windows(self, index):
        position, _ = self._position(index)
        rows = {path: row_window(position, columns) for path, columns in self.per_pattern.items()}
        return {"object.density": Window(self.scan.place(position)[0], self.window)} | rows

    @property
    def per_pattern(self):
        return {f"scan.{name}": columns for name, columns in self.scan.per_pattern.items()}

    def _position(self, index: Number) -> tuple[Int[Array, ""], Int[Array, ""]]:
        """The position and the angle of a pattern."""
        index = checked_index(index, len(self.scan.corner) * self.group)
        return index // self.group, index % self.group

    def _wave(self, position: Int[Array, ""]) -> Complex[Array, "modes x y z"]:
        corner, shift = self.scan.place(position)
        return self.probe(shift) * self.object(corner, self.window)[None]

    def _patterns(
        self, wave: Complex[Array, "modes x y z"], deviation: Float[Array, "angle 2"]
    ) -> Float[Array, "angle frame_x frame_z"]:
        x, y = (jnp.arange(n) - n // 2 for n in wave.shape[1:3])
        turn = as_complex(deviation)
        turn_x, turn_y = (
            jnp.exp(1j * turn[:, axis, None] * r.astype(turn.dtype)[None]) for axis, r in enumerate((x, y))
        )
        modes, across, depth, along = wave.shape
        rows = jnp.swapaxes(wave, 1, 2).reshape(modes, depth, -1)  # one matrix, whose derivative XLA finds fastest so
        projected = turn_x[None, :, :, None] * (turn_y @ rows).reshape(modes, -1, across, along)
        spare = self.frame_shape[0] - wave.shape[1]
        middle = self.frame_shape[0] // 2 - wave.shape[1] // 2
        exit_waves = jnp.pad(projected, ((0, 0), (0, 0), (middle, spare - middle), (0, 0)))
        return self.detector(self.propagator(exit_waves, None))
