"""The panels of the paper's figures."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Complex, Float
from matplotlib import colormaps
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from ptychograd.output.plot.crystal import PHASES, box_around, draw_surface, empty, without_mean_phase
from ptychograd.output.plot.overview import bright_phase
from ptychograd.output.plot.sweep_maps import heat_map
from ptychograd.quality.lattice_strain import SOLID

Curves = Mapping[str, Mapping[str, Sequence[int | float]]]
UNKNOWN = "#bcd4e6"  # where nothing is shown: no grey, so that it is taken for no value
STYLES = ("-", "--", "-")
FAINT = 0.01  # of the density: below it the paper sets the error of the phase to 0


def figure2(
    curves: Curves, object: Complex[np.ndarray, "y x"], probe: Complex[np.ndarray, "probe_y probe_x"], photons: str
) -> Figure:
    """Fig. 2: error metric and NRMSE of the object over the epochs for each method, and Adam's object and probe."""
    figure = empty((12.0, 6.6))
    panels = figure.subplots(2, 3)
    for axis, name, label in ((panels[0, 0], "loss", "g(O, P)"), (panels[1, 0], "object_nrmse", "object NRMSE")):
        for style, (method, curve) in zip(STYLES, curves.items(), strict=False):
            axis.semilogy(curve["epoch"], curve[name], style, label=method)
        axis.set(xlabel="iterations through the data set", ylabel=label)
        axis.legend(fontsize=8)
    panels[0, 0].set_title("(a) error metric", fontsize=10)
    panels[1, 0].set_title("(d) reconstruction error", fontsize=10)
    images = (
        (panels[0, 1], np.abs(object), "(b) object magnitude", "gray"),
        (panels[0, 2], _phase(object), "(c) object phase (rad)", "gray"),
        (panels[1, 1], np.abs(probe), f"(e) probe magnitude ({photons})", "gray"),
        (panels[1, 2], np.angle(probe), "(f) probe phase (rad)", "twilight"),
    )
    for axis, image, title, colours in images:
        _image(figure, axis, image, title, colours)
    return figure


def figure3(
    grids: Mapping[str, Float[np.ndarray, "rows columns"]],
    rows: tuple,
    columns: tuple,
    objects: Mapping[str, Complex[np.ndarray, "y x"]],
    highest: float,
) -> Figure:
    """Fig. 3: NRMSE over the grid of step sizes for each photon count, and the objects at the chosen step sizes."""
    figure = empty((12.0, 11.0))
    panels = figure.subplots(3, len(grids), squeeze=False)
    for column, (name, values) in enumerate(grids.items()):
        axis = panels[0, column]
        capped = np.where(np.isfinite(values), np.minimum(values, highest), np.nan)
        shown = heat_map(axis, capped, rows, columns, highest)
        axis.set(ylabel="object step", xlabel="probe step", title=f"object NRMSE, {name} photons")
        figure.colorbar(shown, ax=axis, shrink=0.8)
        image = objects.get(name)
        parts = ((np.abs, "magnitude"), (_phase, "phase (rad)"))
        for panel, (part, title) in zip(panels[1:, column], parts, strict=True):
            if image is None:
                panel.set_axis_off()
            else:
                _image(figure, panel, part(image), f"object {title}", "gray")
    return figure


def figure4(
    object: Complex[np.ndarray, "y x"],
    probe: Complex[np.ndarray, "probe_y probe_x"],
    errors: Mapping[str, Sequence[int | float]],
    curves: Mapping[str, str],
) -> Figure:
    """Fig. 4, object and probe of the near field, and beside them their errors over the epochs.

    `curves` names, for the columns of `errors` that are drawn, what stands in the legend.
    """
    figure = empty((13.0, 7.4))
    panels = figure.subplots(2, 3)
    _image(figure, panels[0, 0], np.abs(object), "(a) object magnitude", "gray")
    _image(figure, panels[0, 1], _phase(object), "(b) object phase (rad)", "gray")
    magnitude = np.abs(probe)
    lowest = max(1.0, float(np.quantile(magnitude, 0.05)))
    logarithmic = LogNorm(lowest, float(magnitude.max()))
    shown = panels[1, 0].imshow(magnitude, cmap="gray", norm=logarithmic, interpolation="nearest")
    panels[1, 0].set_title("(c) probe magnitude (√photons)", fontsize=10)
    panels[1, 0].set_axis_off()
    figure.colorbar(shown, ax=panels[1, 0], shrink=0.8)
    _image(figure, panels[1, 1], np.angle(probe), "(d) probe phase (rad)", "twilight")
    for axis, of in ((panels[0, 2], "object"), (panels[1, 2], "probe")):
        for name, label in curves.items():
            if name.startswith(of):
                axis.semilogy(errors["epoch"], errors[name], label=label)
        axis.set(xlabel="epochs", ylabel=f"NRMSE of the {of}")
        axis.grid(visible=True, which="both", alpha=0.3)
        axis.legend(fontsize=8)
    return figure


def figure6(
    truth: Complex[np.ndarray, "x y z"],
    registered: Complex[np.ndarray, "x y z"],
    beam: Complex[np.ndarray, "window_y window_z"],
    sides: tuple[float, ...],
) -> Figure:
    """Fig. 6: true and recovered crystal, the beam in a section at the middle x, and the error in one at the middle z.

    `registered` is the recovered density, registered with the truth and scaled to it; `sides` are a voxel's.
    """
    figure = empty((13.0, 8.0))
    grid = figure.add_gridspec(2, 3)
    box = box_around(np.abs(truth) > SOLID * np.abs(truth).max())
    registered = registered * np.exp(-1j * np.angle(np.sum(truth)))
    truth = without_mean_phase(truth)
    for row, (density, title) in enumerate(((truth, "(a) true crystal"), (registered, "(d) recovered by default"))):
        axis = figure.add_subplot(grid[row, 0], projection="3d")
        draw_surface(axis, density[box], sides)
        axis.set_title(f"{title}, surface phase", fontsize=10)
    magnitude = (np.abs(registered) - np.abs(truth))[box]
    phase = np.where(np.abs(registered) < FAINT, 0, np.angle(registered * np.conj(truth)))[box]
    middle = magnitude.shape[2] // 2
    dark = np.abs(beam) < FAINT * np.abs(beam).max()
    panels = (
        (0, 1, np.abs(beam), "(b) beam at the middle x, magnitude (y, z)", "inferno", None),
        (1, 1, np.ma.masked_array(np.angle(beam), dark), "(e) beam, phase (rad)", PHASES, np.pi),
        (0, 2, magnitude[..., middle], "(c) error of the magnitude (x, y)", "RdBu_r", 0.5),
        (1, 2, phase[..., middle], "(f) error of the phase (x, y; rad)", "RdBu_r", 0.5),
    )
    for row, column, image, title, colours, largest in panels:
        axis = figure.add_subplot(grid[row, column])
        lowest = None if largest is None else -largest
        shown = axis.imshow(image, cmap=colours, interpolation="nearest", vmin=lowest, vmax=largest)
        axis.set_title(title, fontsize=10)
        axis.set(xlabel="voxels", ylabel="voxels")
        figure.colorbar(shown, ax=axis, shrink=0.8)
    return figure


def _phase(wave: Complex[np.ndarray, "y x"]) -> np.ma.MaskedArray:
    return bright_phase(wave, np.ones(wave.shape, bool))


def _image(figure: Figure, axis, image: Float[np.ndarray, "y x"], title: str, colours: str) -> None:
    shown = axis.imshow(image, cmap=colormaps[colours].with_extremes(bad=UNKNOWN), interpolation="nearest")
    axis.set_title(title, fontsize=10)
    axis.set_axis_off()
    figure.colorbar(shown, ax=axis, shrink=0.8)
