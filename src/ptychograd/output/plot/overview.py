"""Pictures of a result: what is saved is what is shown, row 0 at the top."""

from pathlib import Path

import numpy as np
from jaxtyping import Bool, Complex, Float, Inexact
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import hsv_to_rgb
from matplotlib.figure import Figure
from skimage.restoration import unwrap_phase

from ptychograd.core.errors import InputError
from ptychograd.data.files import replacing, require_same_type
from ptychograd.fitting.result import Result, pixels_with_data
from ptychograd.output.plot.convergence import draw_captions, draw_convergence
from ptychograd.output.plot.crystal import crystal_summary, is_volume
from ptychograd.output.plot.positions import draw_corrections
from ptychograd.output.plot.units import lengths
from ptychograd.output.ramps import phase_slopes, ramp
from ptychograd.physics.probes import orthogonal_modes
from ptychograd.physics.roles import Illumination

MOST_MODES, MOST_LAYERS = 6, 4
EVEN = 1e-4  # of a value: what differs by less is the same everywhere, but for rounding
DARK = 0.05  # of the brightest amplitude: below it there is no phase to speak of
DOTS_PER_INCH = 110
RESULTS = (".h5", ".hdf5")


def summary(result: Result) -> Figure:
    """Draw one result on a page: amplitude and phase of the object, the probe's modes, and R over the epochs.

    Above them stand the data's file, if the result names one, the verdict, R and the size of a pixel. Modes are made
    orthogonal, colours of the probe are those of `complex_colour`. Where positions were refined their corrections are
    drawn too; a crystal is drawn by `crystal_summary`. Of a model of your own it draws what its `roles` name: a complex
    image by amplitude and phase, a real one by its values.

    Args:
        result: of `reconstruct` or `perform`, or read by `load`.

    Returns:
        a figure of matplotlib, for `save`.

    Raises:
        InputError: the model names no image, or one that is neither an image nor a volume.

    Example:
        >>> figure = pg.plot.summary(result)
        >>> pg.plot.save(figure, "result.png")
        >>> figure.axes[0].get_title()
        'object, amplitude'
    """
    if is_volume(result):
        return crystal_summary(result)
    image = result.roles.image
    if result.object.ndim - bool(image is not None and image.layers) != 2:
        raise InputError(f"An image of the shape {result.object.shape} can't be drawn; expected two axes, or three.")
    figure = Figure(figsize=(13, 8.4), layout="constrained")
    FigureCanvasAgg(figure)
    draw_captions(figure, result)
    upper, lower = np.asarray(figure.subfigures(2, 1, height_ratios=(1.5, 1)))
    _draw_object(upper, result)
    modes, powers = _modes(result)
    is_moved = result.corrections is not None
    count = min(len(modes), MOST_MODES)
    widths = (1,) * count + (1.2,) * is_moved + (max(1.4, 0.45 * count),)
    axes = np.ravel(lower.subplots(1, len(widths), width_ratios=widths))
    _draw_modes(axes[:count], result, modes, powers)
    if is_moved:
        draw_corrections(axes[-2], result)
    draw_convergence(axes[-1], result)
    return figure


def _modes(result: Result) -> tuple[Complex[np.ndarray, "modes y x"], Float[np.ndarray, " modes"]]:
    """Orthogonal modes of the illumination and their powers; none where the model names no illumination."""
    beam = result.roles.illumination
    if beam is None or np.ndim(beam.array) not in (2, 3):
        return np.zeros((0, 1, 1), complex), np.zeros(0)
    modes = np.asarray(beam.array)
    return orthogonal_modes(modes if modes.ndim == 3 else modes[None])


def _draw_modes(axes, result: Result, modes: Complex[np.ndarray, "modes y x"], powers) -> None:
    beam = result.roles.illumination
    if beam is None:
        return
    image = result.roles.image
    on_image = image is None or tuple(image.axes[-2:]) == tuple(beam.axes)  # else its pixels are others, as of a pupil
    sampling = beam.sampling or (result.sampling if on_image else None)
    extent, unit = _extent(sampling, tuple(slice(0, n) for n in modes.shape[-2:]))
    y, x = beam.axes
    is_probe = beam.unit == Illumination._field_defaults["unit"]
    illumination = f"illumination ({beam.unit})" if beam.unit else "illumination"
    for number, (axis, mode) in enumerate(zip(axes, modes, strict=False)):
        axis.imshow(complex_colour(mode), extent=extent, interpolation="nearest")
        share = f"{100 * powers[number] / powers.sum():.0f} % of " if len(powers) > 1 else ""
        title = f"probe mode {number + 1}\n{share}{powers.sum():.3g} photons" if is_probe else illumination
        axis.set_title(title, fontsize=9)
        axis.set(xlabel=f"{x} ({unit})", ylabel=f"{y} ({unit})" if number == 0 else "")
        axis.tick_params(labelsize=8)


def require_picture(path: Path) -> None:
    """Raise `InputError` for a name whose ending is not that of a picture."""
    known = FigureCanvasAgg.get_supported_filetypes()
    if path.suffix.lstrip(".").lower() not in known:
        raise InputError(f'"{path.name}" has no ending of a picture; expected one of .{", .".join(sorted(known))}.')


def require_place(path: Path, data: Path | None = None) -> None:
    """Raise `InputError` unless a picture can be written there that replaces nothing, or a picture of its type.

    Args:
        path: of the picture.
        data: a file that it would be made of.
    """
    if data is not None and path.exists() and data.exists() and path.samefile(data):
        raise InputError(f"{data} would be replaced by a picture; give another name with --output.")
    if path.suffix in RESULTS:
        raise InputError(f"{path} is to be a picture; expected a name such as {path.stem}.png.")
    require_picture(path)
    require_same_type(path)


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure, whole or not at all, in the format that the name's ending says.

    Args:
        figure: of matplotlib, as `summary` makes one.
        path: of the file, ending in .png, .pdf or another format of matplotlib; a file that is there is replaced.

    Raises:
        InputError: the name has no ending of a picture, or there is no such folder.

    Example:
        >>> pg.plot.save(pg.plot.summary(result), "result.pdf")
    """
    path = Path(path)
    require_picture(path)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=DOTS_PER_INCH)


def complex_colour(wave: Complex[np.ndarray, "y x"]) -> Float[np.ndarray, "y x 3"]:
    """Show a wave in colours: brightness is the amplitude, hue the phase, and red is a phase of 0.

    Args:
        wave: complex (y, x), in any unit, as `result.probe[0]`.

    Returns:
        red, green and blue of each pixel (y, x, 3), from 0 to 1, for `imshow`; 1 where it is brightest.

    Example:
        >>> pg.plot.complex_colour(np.array([[1, -1 + 0j]])).round().tolist()  # red, and its complement
        [[[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]]
    """
    amplitude = np.abs(wave)
    hue = (np.angle(wave) / (2 * np.pi)) % 1
    value = amplitude / max(float(np.quantile(amplitude, 0.9995)), np.finfo(float).tiny)
    return hsv_to_rgb(np.stack([hue, np.ones_like(hue), np.clip(value, 0, 1)], axis=-1))


def scanned_area(result: Result) -> tuple[tuple[slice, slice], Bool[np.ndarray, "y x"]]:
    """Find the part of the object that the scan lit.

    Args:
        result: one whose model names an image (see `Roles`).

    Returns:
        the box around it, as two slices (y, x) for `result.object[box]`, and which pixels (y, x) of the box were lit;
        of an object with a known surround only those that were free.

    Raises:
        InputError: the model names no image.

    Example:
        >>> box, illuminated = pg.plot.scanned_area(result)
        >>> result.object[box].shape == illuminated.shape
        True
    """
    illuminated = pixels_with_data(result.roles)
    rows, columns = np.flatnonzero(illuminated.any(axis=1)), np.flatnonzero(illuminated.any(axis=0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    return box, illuminated[box]


def without_ramp(image: Complex[np.ndarray, "y x"], illuminated: Bool[np.ndarray, "y x"]) -> Complex[np.ndarray, "y x"]:
    """Take the linear ramp and the constant out of an image's phase.

    The ramp is the mean phase step from a pixel to the next, weighted with the amplitude; it is an
    ambiguity of far-field ptychography, no property of the object.

    Args:
        image: complex (y, x), as `result.object[box]`.
        illuminated: True (y, x) for the pixels that count; elsewhere the image comes back as 0.

    Returns:
        the image (y, x), with the amplitude that it had where it is lit.

    Example:
        >>> ramp = np.exp(1j * (0.3 * np.arange(20) + 1)) * np.ones((16, 1))
        >>> flat = pg.plot.without_ramp(ramp, np.ones((16, 20), bool))
        >>> bool(np.allclose(flat, 1))
        True
    """
    slopes = phase_slopes(image, illuminated)
    flattened = np.where(illuminated, image, 0) * ramp(image.shape, slopes).conj()
    return flattened * np.exp(-1j * np.angle(np.sum(flattened)))


def bright_phase(wave: Complex[np.ndarray, "y x"], illuminated: Bool[np.ndarray, "y x"]) -> np.ma.MaskedArray:
    """The phase where there is a wave: that of nearly nothing is noise."""
    magnitude = np.abs(wave)
    return np.ma.masked_array(
        np.angle(wave), ~illuminated | (magnitude < DARK * np.quantile(magnitude[illuminated], 0.99))
    )


def has_vortices(phase: np.ma.MaskedArray) -> bool:
    """Whether the phase turns by 2π around some pixel corner; then no unwrapped phase exists."""
    angle = np.where(np.ma.getmaskarray(phase), 0, phase.filled(0))
    corners = [angle[:-1, :-1], angle[:-1, 1:], angle[1:, 1:], angle[1:, :-1]]
    steps = [np.angle(np.exp(1j * (b - a))) for a, b in zip(corners, corners[1:] + corners[:1], strict=True)]
    valid = ~np.ma.getmaskarray(phase)
    inside = valid[:-1, :-1] & valid[:-1, 1:] & valid[1:, 1:] & valid[1:, :-1]
    return bool(np.any(np.abs(np.sum(steps, axis=0))[inside] > np.pi))


def _draw_object(figure, result: Result) -> None:
    """Amplitude beside phase, of a real image its values; of slices or states the amplitudes above the phases."""
    box, illuminated = scanned_area(result)
    extent, unit = _extent(result.sampling, box)
    images, names = _layers(result)
    panels = [_panels(image[box], name, illuminated, result) for image, name in zip(images, names, strict=True)]
    many, kinds = len(images) > 1, len(panels[0])
    shape = (kinds, len(images)) if many else (1, kinds)
    axes = np.reshape(figure.subplots(*shape), (kinds, len(images)))
    y, x = result.roles.image.axes if result.roles.image is not None else ("y", "x")
    for column, parts in zip(axes.T, panels, strict=True):
        for axis, (values, title, label) in zip(column, parts, strict=True):
            low, high = _limits(np.ma.compressed(values))
            shown = axis.imshow(values, cmap="gray", vmin=low, vmax=high, extent=extent, interpolation="nearest")
            axis.set(title=title, xlabel=f"{x} ({unit})", ylabel=f"{y} ({unit})")
            figure.colorbar(shown, ax=axis, label=label, shrink=0.9)


def _limits(values: Float[np.ndarray, " pixels"]) -> tuple[float, float]:
    """Black and white, the outermost pixels left out; about a value that is the same everywhere, a tenth of it."""
    low, high = np.quantile(values, (0.002, 0.998)) if values.size else (0.0, 1.0)
    middle = (low + high) / 2
    if high - low > EVEN * abs(middle):
        return float(low), float(high)
    return float(middle - 0.1 * abs(middle)), float(middle + 0.1 * abs(middle))


def _panels(image, name: str, illuminated: Bool[np.ndarray, "y x"], result: Result) -> list[tuple]:
    """Values, title and unit of each panel of one image."""
    role = result.roles.image
    unit, gauge = ("", ()) if role is None else (role.unit, role.gauge)
    if not np.iscomplexobj(image):
        return [(np.ma.masked_array(image, ~illuminated), name, unit)]
    flattened = without_ramp(image, illuminated) if "ramp" in gauge else image
    phase = bright_phase(flattened, illuminated)
    if not has_vortices(phase):
        phase = unwrap_phase(phase)
    amplitude = np.ma.masked_array(np.abs(image), ~illuminated)
    return [(amplitude, f"{name}, amplitude", unit), (phase, f"{name}, phase", "rad")]


def _layers(result: Result) -> tuple[Inexact[np.ndarray, "layers y x"], list[str]]:
    """The image, or some of its slices or states from first to last, with their names."""
    role = result.roles.image
    if role is None or not role.layers:
        return result.object[None], ["object"]
    is_complex = np.iscomplexobj(result.object)
    images = orthogonal_modes(result.object)[0] if role.layers == "states" and is_complex else result.object
    shown = np.unique(np.linspace(0, len(images) - 1, min(len(images), MOST_LAYERS)).round().astype(int))
    return images[shown], [f"{role.layers.removesuffix('s')} {number + 1}" for number in shown]


def _extent(
    sampling: tuple[float, ...] | None, box: tuple[slice, ...]
) -> tuple[tuple[float, float, float, float], str]:
    """Edges of the shown box for matplotlib, rows counted downwards, and their unit."""
    rows, columns = box
    sides, unit = lengths(sampling, float(max(rows.stop - rows.start, columns.stop - columns.start)))
    dy, dx = sides[-2:]
    return (columns.start * dx, columns.stop * dx, rows.stop * dy, rows.start * dy), unit
