"""What a detector does beside counting: functions that put it into a model."""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ptychograd.core.errors import InputError, check_kind
from ptychograd.core.overriding import is_own
from ptychograd.core.strict import meant
from ptychograd.data.dataset import Dataset, check_data
from ptychograd.models.effects.common import Model, checked, lengths
from ptychograd.physics.detector import Detector, GaussianSpread, KernelSpread
from ptychograd.physics.margins import GRID, ONCE
from ptychograd.physics.model import AbstractModel, parts_of
from ptychograd.physics.objects import AbstractObject
from ptychograd.physics.ptychography import Ptychography

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
    if is_own(model) and not isinstance(model, Ptychography):
        return _adding_up(model, detector, int(oversampling))
    return _on_finer_grid(checked(model, "Oversampling"), int(oversampling))  # pyright: ignore[reportReturnType]


def _adding_up(model: Model, detector: Detector, oversampling: int) -> Model:
    """The model whose detector adds up pixels of a wave that is on the finer grid by now."""
    if detector.oversampling != 1:
        raise InputError(f"An oversampling of {detector.oversampling} is in the model by now; put it in once.")
    frame = _frame(model)
    if any(n % oversampling for n in frame):
        raise InputError(
            f"A wave of {frame} pixels can't be added up {oversampling} x {oversampling} at a time; make the arrays of "
            f"{type(model).__name__} on the finer grid, {oversampling} times the detector's pixels along each side."
        )
    return _changed(model, oversampling=oversampling)


def _on_finer_grid(model: Ptychography, oversampling: int) -> Ptychography:
    """A model of the package on the grid that holds the same pattern with finer pixels."""
    if model.scan.places().offset is not None or model.detector.oversampling > 1:
        raise InputError(f"{GRID}; {ONCE}.")
    model = replace(model, detector=replace(model.detector, oversampling=oversampling))
    return (_on_finer_pixels if model.is_local else _in_larger_window)(model, oversampling)


def _in_larger_window(model: Ptychography, oversampling: int) -> Ptychography:
    low = [oversampling * n // 2 - n // 2 for n in model.frame_shape]
    rows, columns = ((m, (oversampling - 1) * n - m) for m, n in zip(low, model.frame_shape, strict=True))
    return replace(
        model,
        object=model.object.in_larger_array((rows, columns)),
        probe=model.probe.in_larger_array((rows, columns)),
        propagator=model.propagator.in_larger_window(oversampling, model.frame_shape),
        frame_shape=_times(model.frame_shape, oversampling),
    )


def _on_finer_pixels(model: Ptychography, oversampling: int) -> Ptychography:
    (rows, columns), wavelength = lengths(model, "Oversampling of a near field")
    shape, sampling = _times(model.frame_shape, oversampling), (rows / oversampling, columns / oversampling)
    propagator = model.propagator.on_finer_pixels(shape, sampling, wavelength)
    scan = model.scan.on_finer_pixels(oversampling, np.finfo(propagator.complex_dtype).dtype)
    return replace(
        model,
        object=_with_room(model.object.on_finer_pixels(oversampling), np.asarray(scan.corner).max(axis=0) + shape),
        probe=model.probe.on_finer_pixels(oversampling),
        scan=scan,
        propagator=propagator,
        frame_shape=shape,
        sampling=sampling,
    )


def _with_room(object: AbstractObject, far: np.ndarray) -> AbstractObject:
    """The object in an array that ends at `far` or beyond: on finer pixels a position rounds to other ones."""
    image = object.image(None)
    missing = np.maximum(far - (far if image is None else np.shape(image.array)[-2:]), 0)
    return object.in_larger_array(((0, int(missing[0])), (0, int(missing[1]))))


def _times(shape: tuple[int, int], oversampling: int) -> tuple[int, int]:
    return oversampling * shape[0], oversampling * shape[1]


def _detector(model: object, what: str) -> Detector:
    """The detector of a model that has one."""
    check_kind(model, AbstractModel, "model")
    detector = parts_of(cast("AbstractModel", model)).get("detector")
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
