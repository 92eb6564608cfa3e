"""Crystals: their surface coloured by phase, and sections through them."""

import numpy as np
from jaxtyping import Bool, Complex, Float
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from mpl_toolkits.mplot3d.art3d import Poly3DCollection
from skimage.measure import marching_cubes

from ptychograd.core.errors import InputError
from ptychograd.fitting.result import Result
from ptychograd.output.plot.convergence import draw_captions, draw_convergence
from ptychograd.output.plot.units import suited
from ptychograd.quality.lattice_strain import SOLID, solid

PHASES = "twilight_shifted"
LIGHT = np.array([0.3, -0.8, 0.52])  # where it comes from, of length 1
AMBIENT = 0.55  # brightness of a face that the light does not reach
MARGIN = 3  # voxels shown around a crystal
ELEVATION, AZIMUTH = 22, -55


def crystal_summary(result: Result) -> Figure:
    """Draw a crystal: its surface coloured by phase, sections through its middle, and R over the epochs.

    `summary` calls this for a crystal.

    Args:
        result: one whose object is a density (x, y, z).

    Returns:
        a figure of matplotlib, for `save`.

    Raises:
        InputError: the result has no object, or it is no crystal.

    Example:
        crystal = pg.load("bragg_result.h5")
        pg.plot.save(pg.plot.crystal_summary(crystal), "crystal.png")
    """
    if result.object.ndim != 3 or "object.density" not in result.arrays:
        raise InputError(f"This result holds no crystal; it holds: {', '.join(result.arrays)}.")
    figure = empty((13.0, 8.6))
    draw_captions(figure, result)
    grid = figure.add_gridspec(2, 4, width_ratios=(1.5, 1, 1, 1))
    box = box_around(solid(result.object))
    density = without_mean_phase(result.object[box])
    sides, unit = suited(result, float(max(density.shape)))
    surface = figure.add_subplot(grid[0, 0], projection="3d")
    draw_surface(surface, density, sides, tuple(part.start for part in box))
    surface.set_title("surface at half of the magnitude", fontsize=9)
    draw_convergence(figure.add_subplot(grid[1, 0]), result)
    for column, normal in enumerate("xyz", start=1):
        places = grid[0, column], grid[1, column]
        _draw_section(figure, places, density, normal, (sides, [part.start for part in box]), unit)
    return figure


def draw_surface(
    axis, density: Complex[np.ndarray, "x y z"], sides: tuple[float, ...], first: tuple[int, ...] = (0, 0, 0)
) -> None:
    """The surface at half of the magnitude, shaded, coloured by the phase just inside of it; `first` voxel is where."""
    magnitude = np.pad(np.abs(density), 1)
    inside = solid(density)
    if not inside.any():
        axis.set_axis_off()
        return
    level = SOLID * float(np.quantile(np.abs(density)[inside], 0.9))
    corners, faces, _, _ = marching_cubes(magnitude, level)
    triangles = corners[faces]
    colours = colormaps[PHASES](Normalize(-np.pi, np.pi)(_phase_at(density, triangles.mean(axis=1) - 1)))
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    colours[:, :3] *= (AMBIENT + (1 - AMBIENT) * np.abs(normals @ LIGHT))[:, None]
    axis.add_collection3d(
        Poly3DCollection((triangles - 1 + first) * sides, facecolors=colours, linewidths=0, antialiaseds=False)
    )
    extents = np.array(density.shape) * sides
    for name, start, extent in zip("xyz", np.array(first) * sides, extents, strict=True):
        getattr(axis, f"set_{name}lim")(start, start + extent)
        getattr(axis, f"set_{name}label")(name, labelpad=-8)
        getattr(axis, f"{name}axis").set_major_locator(MaxNLocator(3))
    axis.tick_params(labelsize=6, pad=-3)
    axis.set_box_aspect(extents)
    axis.view_init(elev=ELEVATION, azim=AZIMUTH)
    axis.figure.colorbar(ScalarMappable(Normalize(-np.pi, np.pi), PHASES), ax=axis, shrink=0.6, label="rad")


def _draw_section(
    figure: Figure, places, density: Complex[np.ndarray, "x y z"], normal: str, scale: tuple, unit: str
) -> None:
    """Magnitude and phase in the middle of one axis, at two places; `scale` has a voxel's sides and the first one."""
    section = np.take(density, density.shape["xyz".index(normal)] // 2, axis="xyz".index(normal))
    row, column = (name for name in "xyz" if name != normal)
    sides, first = scale
    (top, bottom), (left, right) = (
        [sides["xyz".index(name)] * (first["xyz".index(name)] + edge) for edge in (0, n)]
        for name, n in zip((row, column), section.shape, strict=True)
    )
    faint = np.abs(section) < SOLID * np.abs(density).max() / 2
    kinds = (
        (np.abs(section), "magnitude", "gray", None),
        (np.ma.masked_array(np.angle(section), faint), "phase (rad)", PHASES, np.pi),
    )
    for place, (values, title, colours, largest) in zip(places, kinds, strict=True):
        panel = figure.add_subplot(place)
        lowest = None if largest is None else -largest
        edges = (left, right, bottom, top)
        shown = panel.imshow(values, cmap=colours, extent=edges, vmin=lowest, vmax=largest, interpolation="nearest")
        panel.set(title=f"{title}, middle {normal}", xlabel=f"{column} ({unit})", ylabel=f"{row} ({unit})")
        figure.colorbar(shown, ax=panel, shrink=0.8)


def without_mean_phase(density: Complex[np.ndarray, "x y z"]) -> Complex[np.ndarray, "x y z"]:
    """The density times the number of modulus 1 that makes its mean real: no data tell a constant phase."""
    return density * np.exp(-1j * np.angle(np.sum(density)))


def box_around(inside: Bool[np.ndarray, "x y z"]) -> tuple[slice, ...]:
    """The part of the array that holds all of `inside`, and a margin."""
    if not inside.any():
        return (slice(None),) * inside.ndim
    places = np.argwhere(inside)
    low, high = np.maximum(places.min(axis=0) - MARGIN, 0), places.max(axis=0) + 1 + MARGIN
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))


def _phase_at(density: Complex[np.ndarray, "x y z"], places: Float[np.ndarray, "face 3"]) -> Float[np.ndarray, " face"]:
    """Phase of the mean density of the voxels around each place, of which the bright ones count most."""
    total = np.zeros(len(places), complex)
    last = np.array(density.shape) - 1
    for offset in np.ndindex(2, 2, 2):
        voxel = np.clip(np.floor(places).astype(int) + offset, 0, last)
        values = density[tuple(voxel.T)]
        total += values * np.abs(values)
    return np.angle(total)


def empty(size: tuple[float, float]) -> Figure:
    """A figure without a window."""
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure
