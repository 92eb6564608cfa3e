"""What the detector does: background, point spread, binning, flat field, saturation, beam stop, dead pixels."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import equinox as eqx
import numpy as np

import ptychograd as pg
from benchmarks.effects._case import Case, measured, usual
from ptychograd.paper.far_field import FarFieldExperiment

COUNTING = pg.Poisson()
Change = Callable[[pg.Ptychography], pg.Ptychography]
BACKGROUND, WIDTH = 2.0, 1.0  # photons, pixels


def counted(model: pg.Ptychography, data: pg.Dataset, *refine: str, noise: pg.noise.AbstractNoise = COUNTING) -> pg.Run:
    """The usual run, with counted photons in its last third."""
    run = usual(model, data, *refine)
    first = run.stages[:-1]
    done = sum(stage.epochs for stage in first)
    last = run.stages[-1]
    stages = (*first, last._replace(epochs=40 - done), last._replace(epochs=20, noise=noise))
    return run._replace(stages=stages)


def far_field(data: pg.Dataset) -> pg.Ptychography:
    return pg.far_field(data, object=pg.models.random_object(0))


def three(true: Change, start: Change, *refine: str) -> Iterator[Case]:
    """Without the effect, with it ignored, and with it in the model."""
    experiment = FarFieldExperiment()
    ideal, data = experiment.dataset(), experiment.dataset(change=true)
    yield measured("ideal", counted(far_field(ideal), ideal), ideal)[0]
    yield measured("ignored", counted(far_field(data), data), data)[0]
    case, result = measured("modelled", counted(start(far_field(data)), data, *refine), data)
    found = {path: float(np.mean(result.arrays[path])) for path in refine}
    yield Case(case.what, {**case.figures, **found})


def background() -> Iterator[Case]:
    """A constant background, which starts from the dimmest pixels."""
    data = FarFieldExperiment().dataset(change=lambda model: pg.models.with_background(model, BACKGROUND))
    start = pg.models.estimate_background(data)
    yield from three(
        lambda model: pg.models.with_background(model, BACKGROUND),
        lambda model: pg.models.with_background(model, start),
        "detector.background",
    )


def smooth_background() -> Iterator[Case]:
    """A background that differs from pixel to pixel, refined as an image, with and without a prior on it."""
    y, x = np.indices((64, 64)) / 64
    image = BACKGROUND * (1 + 0.5 * np.sin(5 * y) * np.cos(4 * x + 1))
    experiment = FarFieldExperiment()
    data = experiment.dataset(change=lambda model: pg.models.with_background(model, image))
    yield measured("ignored", counted(far_field(data), data), data)[0]
    start = pg.models.with_background_image(
        pg.models.with_background(far_field(data), pg.models.estimate_background(data))
    )
    for weight in (0.0, 100.0, 1000.0):
        run = counted(start, data, "detector.background")
        priors = (pg.priors.Tikhonov(weight, "detector.background"),) if weight else ()
        run = run._replace(stages=tuple(stage._replace(priors=priors) for stage in run.stages))
        case, result = measured(f"prior {weight:g}", run, data)
        off = result.arrays["detector.background"] / image - 1
        figures = {"relative rms": float(np.sqrt(np.mean(off**2))), "relative median": float(np.median(np.abs(off)))}
        yield Case(case.what, {**case.figures, **figures})


def point_spread() -> Iterator[Case]:
    """A Gaussian point spread, which starts at half of its width."""
    yield from three(
        lambda model: pg.models.with_point_spread(model, WIDTH),
        pg.models.with_point_spread,
        "detector.point_spread.width",
    )


def flat_field() -> Iterator[Case]:
    """A flat field of 5 % rms: known, and calibrated from an even one; and a calibration where there is nothing to."""
    flat = 1 + 0.05 * np.random.default_rng(1).normal(size=(64, 64))
    true = lambda model: pg.models.with_flat_field(model, flat)  # noqa: E731
    yield from three(true, true)
    data = FarFieldExperiment().dataset(change=true)
    run = counted(pg.models.with_flat_field(far_field(data)), data, "detector.flat_field")
    run = run._replace(stages=pg.runs.with_flat_field_calibration(run.stages, data, run.model))
    case, result = measured("refined", run, data)
    error = result.arrays["detector.flat_field"] / (flat / flat.mean()) - 1
    yield Case(case.what, {**case.figures, "relative median": float(np.median(np.abs(error)))})
    even = FarFieldExperiment().dataset()
    run = counted(pg.models.with_flat_field(far_field(even)), even, "detector.flat_field")
    run = run._replace(stages=pg.runs.with_flat_field_calibration(run.stages, even, run.model))
    case, result = measured("even", run, even)
    yield Case(case.what, {**case.figures, "rms": float(np.std(result.arrays["detector.flat_field"]))})


def oversampling() -> Iterator[Case]:
    """A detector of 32 x 32 pixels, which resolve half of the window that the probe needs."""
    data = _on_large_pixels(FarFieldExperiment().dataset(change=_with_large_pixels))
    middle = slice(16, 48), slice(16, 48)
    narrow = replace(data, truth=pg.data.GroundTruth(data.truth.object[16:-16, 16:-16], data.truth.probe[:, *middle]))
    yield measured("ignored", counted(far_field(narrow), narrow), narrow)[0]
    yield measured("modelled", counted(pg.models.with_oversampling(far_field(data), 2), data), data)[0]


def _with_large_pixels(model: pg.Ptychography) -> pg.Ptychography:
    """Pixels twice as large, whose middles are half a pixel of the model's off its zero frequency."""
    half = np.exp(1j * np.pi / 64 * np.add.outer(np.arange(64), np.arange(64)))
    ramp = (np.asarray(model.propagator.ramp) * half).astype(np.complex64)
    propagator = eqx.tree_at(lambda one: one.ramp, model.propagator, ramp)
    return replace(model, propagator=propagator, detector=pg.physics.Detector(oversampling=2))


def _on_large_pixels(data: pg.Dataset) -> pg.Dataset:
    """The data with the geometry of the large pixels, and windows of 32 in the middle of those of 64."""
    sampling = np.array(data.geometry.sampling((64, 64)))
    geometry = replace(data.geometry, pixel_size=tuple(2 * size for size in data.geometry.pixel_size))
    truth = replace(data.truth, object=np.pad(data.truth.object, 16, constant_values=1))
    start = data.probe[:, 16:48, 16:48]
    return replace(data, geometry=geometry, positions=data.positions + 16 * sampling, truth=truth, probe=start)


def saturation() -> Iterator[Case]:
    """Pixels full at 1000 photons, of up to 30000: taken for counts, masked, and taken for what they are."""
    level = 1000.0
    experiment = FarFieldExperiment()
    ideal = experiment.dataset()
    data = experiment.dataset(noise=pg.noise.Censored(pg.Poisson(), level))
    share = float(np.mean(data.patterns >= level))
    yield measured("ideal", counted(far_field(ideal), ideal), ideal, full=share)[0]
    yield measured("ignored", counted(far_field(data), data), data)[0]
    masked = pg.data.mask_pixels(data, pg.data.unsaturated_mask(data, level))
    yield measured("masked", counted(far_field(data), masked), data)[0]
    full = pg.noise.Censored(pg.Amplitude(), level)
    run = counted(far_field(data), data, noise=pg.noise.Censored(pg.Poisson(), level))
    stages = (*(stage._replace(noise=full) for stage in run.stages[:-1]), run.stages[-1])
    yield measured("censored", run._replace(stages=stages), data)[0]


def beam_stop() -> Iterator[Case]:
    """A beam stop of 2 pixels radius, which holds back the bright middle: taken for counts, and masked."""
    ideal = FarFieldExperiment().dataset()
    stop = pg.data.beam_stop((64, 64), 2.0)
    data = replace(ideal, patterns=np.where(stop, ideal.patterns, 0).astype(ideal.patterns.dtype))
    yield measured("ideal", counted(far_field(ideal), ideal), ideal)[0]
    yield measured("ignored", counted(far_field(data), data), data)[0]
    yield measured("masked", counted(far_field(data), pg.data.mask_pixels(data, stop)), data)[0]


def dead_pixels() -> Iterator[Case]:
    """One pixel in a hundred dead: taken for counts, and masked."""
    ideal = FarFieldExperiment().dataset()
    good = np.random.default_rng(2).uniform(size=(64, 64)) > 0.01
    data = replace(ideal, patterns=np.where(good, ideal.patterns, 0).astype(ideal.patterns.dtype))
    yield measured("ideal", counted(far_field(ideal), ideal), ideal)[0]
    yield measured("ignored", counted(far_field(data), data), data)[0]
    yield measured("masked", counted(far_field(data), pg.data.mask_pixels(data, good)), data)[0]


EFFECTS = {
    "background": background,
    "smooth-background": smooth_background,
    "point-spread": point_spread,
    "flat-field": flat_field,
    "binning": oversampling,
    "saturation": saturation,
    "beam-stop": beam_stop,
    "dead-pixels": dead_pixels,
}
