"""What a detector does beside counting: functions that put it into a model."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from ptychograd.core.errors import InputError, check_kind
from ptychograd.core.fourier import centred, centring_ramp, exact_fft, exact_ifft, translate, uncentred
from ptychograd.core.strict import meant
from ptychograd.data.dataset import Dataset, check_data
from ptychograd.physics.bragg import BraggPtychography
from ptychograd.physics.detector import Detector, GaussianSpread, KernelSpread
from ptychograd.physics.model import AbstractModel
from ptychograd.physics.objects import AbstractThinObject, SupportedObject, ThinObject
from ptychograd.physics.probes import Probe
from ptychograd.physics.propagators import AbstractPropagator, AngularSpectrum, FarField, Fresnel
from ptychograd.physics.ptychography import Ptychography
from ptychograd.physics.scan import AbstractScan, SubPixelScan, WholePixelScan, make_scan

Model = TypeVar("Model", bound=AbstractModel)
DIMMEST = 0.05  # of the pixels, whose mean is taken for background
START_WIDTH = 0.5  # pixels: at 0 no pattern tells whether a point spread would do good


@meant
def with_background(model: Model, photons: float | Float[np.ndarray, "y x"]) -> Model:
    """Put a background into a model: so many photons a pixel are added to every pattern.

    Refine it by the name "detector.background".

    Args:
        model: a far-field, near-field or Bragg model, or one of your own with a field `detector`, a
            `pg.physics.Detector` that its call goes through.
        photons: a pixel, none below 0: one number for all pixels, or an image (y, x) of the detector.

    Raises:
        InputError: numbers below 0 or not finite, or an image of another size.

    Example:
        >>> brighter = pg.models.with_background(model, 0.5)
        >>> float(brighter.detector.background)
        0.5

        To find it:

            model = pg.models.with_background(pg.far_field(data), pg.models.estimate_background(data))
            names = ("object", "probe", "detector.background")
            pg.reconstruct(model, data, pg.Nesterov(), trainable=names, epochs=60, batch_size=16)
    """
    detector = _detector(model, "A background")
    if not (np.all(np.isfinite(photons)) and np.min(photons) >= 0):
        raise InputError("A background has to be finite photons a pixel, none below 0.")
    _check_frame("background", np.shape(photons), model)
    return _changed(model, background=jnp.asarray(photons, detector.background.dtype))


@meant
def with_background_image(model: Model) -> Model:
    """Give every pixel of the detector a background of its own; at first all have that of the model.

    Refine it by the name "detector.background", which becomes (y, x), in photons a pixel.

    Args:
        model: a far-field, near-field or Bragg model, or one of your own with a field `detector`, a
            `pg.physics.Detector` that its call goes through.

    Example:
        >>> pg.models.with_background_image(model).detector.background.shape
        (20, 18)
    """
    detector = _detector(model, "A background")
    background = detector.background
    return _changed(model, background=jnp.broadcast_to(background, _frame(model)) + jnp.zeros((), background.dtype))


@meant
def with_point_spread(model: Model, spread: float | Float[np.ndarray, "kernel_y kernel_x"] = START_WIDTH) -> Model:
    """Let the photons of each pixel spread over its neighbours on the detector.

    What spreads over an edge is counted at the opposite one.

    Args:
        model: a far-field, near-field or Bragg model, or one of your own with a field `detector`, a
            `pg.physics.Detector` that its call goes through.
        spread: standard deviation of a Gaussian in detector pixels, less than half of the frame, refined by the name
            "detector.point_spread.width"; it starts at 0.5, as at 0 no pattern tells whether a point spread would do
            good. Or an image (y, x) that stays as it is, no larger than the frame, with its middle at pixel (y // 2, x
            // 2); its sum is made 1.

    Raises:
        InputError: a width or an image that does not fit the frame, or an image with numbers below 0.

    Example:
        >>> float(pg.models.with_point_spread(model, 0.75).detector.point_spread.width)
        0.75
    """
    detector = _detector(model, "A point spread")
    if np.ndim(spread) not in (0, 2):
        raise InputError(f"A point spread of shape {np.shape(spread)}; expected one width, or an image (y, x).")
    if np.ndim(spread) == 2:
        kernel = np.asarray(spread, float)
        if any(k > n for k, n in zip(kernel.shape, _frame(model), strict=True)):
            raise InputError(f"A point spread of {kernel.shape} pixels is larger than the frame of {_frame(model)}.")
        return _changed(model, point_spread=KernelSpread(kernel))
    if not 0 <= float(spread) < min(_frame(model)) / 2:
        raise InputError(f"A point spread of {spread:g} pixels; expected 0 or more and less than half of the frame.")
    return _changed(model, point_spread=GaussianSpread(jnp.asarray(spread, detector.background.dtype)))


@meant
def with_flat_field(model: Model, image: Float[np.ndarray, "y x"] | None = None) -> Model:
    """Let the pixels of the detector count unequal shares of their photons.

    Refine them by the name "detector.flat_field".

    Args:
        model: a far-field, near-field or Bragg model, or one of your own with a field `detector`, a
            `pg.physics.Detector` that its call goes through.
        image: (y, x), the share that each pixel counts, none below 0. It is divided by its mean over pixels above 0;
            where it is 0 nothing is counted. By default all are alike.

    Raises:
        InputError: an image of another size, with numbers below 0 or not finite, or 0 everywhere.

    Example:
        >>> pg.models.with_flat_field(model).detector.flat_field.shape
        (20, 18)
    """
    detector = _detector(model, "A flat field")
    image = np.ones(_frame(model)) if image is None else np.asarray(image, float)
    _check_frame("flat field", image.shape, model)
    if not (np.all(np.isfinite(image)) and image.min() >= 0 and image.max() > 0):
        raise InputError("A flat field has to be finite, with no number below 0, and not 0 everywhere.")
    flat = image / image[image > 0].mean()
    return _changed(model, flat_field=jnp.asarray(flat, detector.background.dtype))


def estimate_background(data: Dataset) -> float:
    """Estimate a constant background for `with_background`: the mean of the dimmest 5 % of the mean pattern's pixels.

    Args:
        data: the data set; only its valid pixels are looked at.

    Returns:
        photons a pixel.

    Example:
        >>> counts = np.full((3, 8, 8), 2)
        >>> counts[:, 2:6, 2:6] = 90
        >>> pg.models.estimate_background(pg.make_dataset(counts, [[0, 0], [0, 2], [2, 0]]))
        2.0
    """
    check_data(data)
    _, valid = data.sums
    mean = np.sort(data.mean_pattern[valid > 0])
    return float(mean[: max(1, round(DIMMEST * mean.size))].mean())


@meant
def with_oversampling(model: Model, oversampling: int) -> Model:
    """Put the model on a grid finer than the detector's: each count adds up `oversampling` squared pixels of the wave.

    In the far field the window of the probe grows by that factor on the same object pixels, for probes that do not fit
    the one that the detector's pixels resolve. In a near field object and probe get finer pixels. Put it in before any
    other part.

    Of a model of your own only you know how its wave gets finer. Make its arrays on the finer grid; then its detector
    adds up, and a pattern has `oversampling` times fewer pixels along each side than the wave.

    Args:
        model: a far-field or near-field model, as its recipe made it; a near field needs lengths in metres. Or one of
            your own with a field `detector`, a `pg.physics.Detector` that its call goes through.
        oversampling: pixels of the wave along each side of a detector pixel; 1 changes nothing.

    Raises:
        InputError: a number below 1, or a model that already has other parts; one of your own without a detector, or
            whose wave can't be divided by that number.

    Example:
        >>> finer = pg.models.with_oversampling(model, 2)
        >>> finer.probe.modes.shape, finer.object.transmission.shape
        ((1, 40, 36), (73, 65))
    """
    detector = _detector(model, "Oversampling")
    if not (oversampling >= 1 and oversampling == int(oversampling)):
        raise InputError(f"An oversampling of {oversampling} pixels; expected a whole number, 1 or more.")
    if oversampling == 1:
        return model
    if not isinstance(model, Ptychography):
        return _adding_up(model, detector, int(oversampling))
    return _of_package(model, oversampling)  # pyright: ignore[reportReturnType]


def _adding_up(model: Model, detector: Detector, oversampling: int) -> Model:
    """The model whose detector adds up pixels of a wave that is on the finer grid by now."""
    if isinstance(model, BraggPtychography):
        raise InputError("Oversampling can't go into a BraggPtychography; it is for far and near fields.")
    if detector.oversampling != 1:
        raise InputError(f"An oversampling of {detector.oversampling} is in the model by now; put it in once.")
    frame = _frame(model)
    if any(n % oversampling for n in frame):
        raise InputError(
            f"A wave of {frame} pixels can't be added up {oversampling} x {oversampling} at a time; make the arrays of "
            f"{type(model).__name__} on the finer grid, {oversampling} times the detector's pixels along each side."
        )
    return _changed(model, oversampling=oversampling)


def _of_package(model: Ptychography, oversampling: int) -> Ptychography:
    """A model of the package on the grid that holds the same pattern with finer pixels."""
    thin = isinstance(model.object, ThinObject | SupportedObject) and type(model.probe) is Probe
    if not thin or type(model.scan) not in (WholePixelScan, SubPixelScan) or model.detector.oversampling > 1:
        raise InputError("Oversampling changes the grid of the whole model; put it in once, before any other part.")
    if type(model.propagator) is FarField:
        return _in_larger_window(model, oversampling)
    return _on_finer_pixels(model, oversampling)


def _in_larger_window(model: Ptychography, oversampling: int) -> Ptychography:
    low = [oversampling * n // 2 - n // 2 for n in model.frame_shape]
    margins = [(m, (oversampling - 1) * n - m) for m, n in zip(low, model.frame_shape, strict=True)]
    shape = _times(model.frame_shape, oversampling)
    modes, dtype = np.asarray(model.probe.modes), model.probe.modes.dtype  # pyright: ignore[reportAttributeAccessIssue]
    middle = [
        oversampling * (n // 2) + (oversampling - 1) / 2 for n in model.frame_shape
    ]  # of the detector's middle pixel
    ramp = centring_ramp(shape, (middle[0], middle[1]))
    ramp = ramp.astype(dtype if np.iscomplexobj(ramp) else np.finfo(dtype).dtype)
    propagator = eqx.tree_at(lambda one: one.ramp, FarField(shape, dtype), ramp)

    def larger(array, outside):
        return np.pad(np.asarray(array), margins, **outside)

    edge = {"mode": "edge"} if type(model.object) is ThinObject else {"constant_values": 1}
    object = _mapped(_thin(model), lambda wave: larger(wave, edge), lambda inside: larger(inside, {}))
    probe = Probe(jnp.asarray(np.pad(modes, [(0, 0), *margins])))
    return _on_grid(model, object, probe, model.scan, propagator, shape, oversampling)


def _on_finer_pixels(model: Ptychography, oversampling: int) -> Ptychography:
    is_near = type(model.propagator) in (Fresnel, AngularSpectrum)
    if model.sampling is None or model.wavelength is None or not is_near:
        raise InputError("Oversampling is for a far field, and for a near field whose pixels have a size in metres.")
    shape, modes = _times(model.frame_shape, oversampling), np.asarray(model.probe.modes)  # pyright: ignore
    sampling = model.sampling[0] / oversampling, model.sampling[1] / oversampling
    kind, distance = type(model.propagator), float(model.propagator.distance)  # pyright: ignore
    propagator = kind(shape, sampling, model.wavelength, distance, modes.dtype)  # pyright: ignore[reportCallIssue]
    corners = np.asarray(model.scan.corner, float)
    if isinstance(model.scan, SubPixelScan):
        corners = corners + np.asarray(model.scan.shift)
    scan = make_scan(oversampling * corners, np.finfo(modes.dtype).dtype)
    object = _with_room(_thin(model), oversampling, np.asarray(scan.corner).max(axis=0) + shape)
    probe = Probe(jnp.asarray(_interpolated(modes, oversampling), modes.dtype))
    return replace(_on_grid(model, object, probe, scan, propagator, shape, oversampling), sampling=sampling)


def _on_grid(
    model: Ptychography,
    object: ThinObject | SupportedObject,
    probe: Probe,
    scan: AbstractScan,
    propagator: AbstractPropagator,
    shape: tuple[int, int],
    oversampling: int,
) -> Ptychography:
    detector = replace(model.detector, oversampling=oversampling)
    return replace(
        model, object=object, probe=probe, scan=scan, propagator=propagator, detector=detector, frame_shape=shape
    )


def _interpolated(modes: Complex[np.ndarray, "modes y x"], oversampling: int) -> Complex[np.ndarray, "modes Y X"]:
    """The same waves on finer pixels, band-limited, with their photons; the pixels' middles stay where they are."""
    margins = [
        (oversampling * n // 2 - n // 2, (oversampling - 1) * n - (oversampling * n // 2 - n // 2))
        for n in modes.shape[1:]
    ]
    waves = [exact_ifft(uncentred(np.pad(centred(exact_fft(mode)), margins))) for mode in modes]
    half = jnp.full(2, (oversampling - 1) / 2, np.finfo(modes.dtype).dtype)
    return np.asarray(translate(jnp.asarray(np.stack(waves), modes.dtype), half))


def _thin(model: Ptychography) -> AbstractThinObject:
    if not isinstance(model.object, AbstractThinObject):
        raise InputError("Oversampling is for thin objects; put it in before any other part.")
    return model.object


def _mapped(
    object: AbstractThinObject, wave: Callable[[np.ndarray], np.ndarray], inside: Callable[[np.ndarray], np.ndarray]
) -> ThinObject | SupportedObject:
    """The object with its transmission, and its support if it has one, put on another grid."""
    transmission = jnp.asarray(wave(np.asarray(object.transmission)), object.transmission.dtype)
    if isinstance(object, SupportedObject):
        return SupportedObject(transmission, support=jnp.asarray(inside(np.asarray(object.support))))
    return ThinObject(transmission)


def _with_room(object: AbstractThinObject, oversampling: int, far: np.ndarray) -> ThinObject | SupportedObject:
    """The object on finer pixels, in an array that ends at `far` or beyond: there a position rounds to other pixels."""
    outside = {"mode": "edge"} if type(object) is ThinObject else {"constant_values": 1}

    def finer(image: np.ndarray, outside: dict) -> np.ndarray:
        repeated = np.repeat(np.repeat(image, oversampling, axis=-2), oversampling, axis=-1)
        missing = np.maximum(far - repeated.shape[-2:], 0)
        return np.pad(repeated, [(0, 0)] * (repeated.ndim - 2) + [(0, int(more)) for more in missing], **outside)

    return _mapped(object, lambda wave: finer(wave, outside), lambda inside: finer(inside, {}))


def _times(shape: tuple[int, int], oversampling: int) -> tuple[int, int]:
    return oversampling * shape[0], oversampling * shape[1]


def _detector(model: object, what: str) -> Detector:
    """The detector of a model that has one."""
    check_kind(model, AbstractModel, "model")
    detector = getattr(model, "detector", None)
    if not isinstance(detector, Detector):
        raise InputError(
            f"{what} can't go into a {type(model).__name__}, which has no detector; give it a field `detector`, a "
            "pg.physics.Detector that takes the wave at the detector and gives its photons."
        )
    return detector


def _frame(model: AbstractModel) -> tuple[int, int]:
    """Pixels of the detector."""
    shape = eqx.filter_eval_shape(model, jax.ShapeDtypeStruct((), np.int32)).shape
    return shape[0], shape[1]


def _check_frame(what: str, shape: Sequence[int], model: AbstractModel) -> None:
    if shape and tuple(shape) != _frame(model):
        raise InputError(f"The {what} has {tuple(shape)} pixels, the detector {_frame(model)}; give one of that size.")


def _changed(model: Model, **parts: Array | GaussianSpread | KernelSpread | int) -> Model:
    detector: Detector = replace(_detector(model, "An effect"), **parts)  # pyright: ignore[reportArgumentType]
    return replace(model, detector=detector)  # pyright: ignore[reportCallIssue]
