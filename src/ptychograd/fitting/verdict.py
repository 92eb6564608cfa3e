"""Whether a run got there: how near to the noise of its data it ended, and whether its object is told from that noise.

No threshold of R or χ² alone does. Two figures beside χ² do not depend on the number of photons:

- the share of what can be explained that is left, (χ² - 1) / (χ₀² - 1), with χ₀² that of patterns which are all alike:
  the mean pattern, as bright as each one. A scan in a wrong orientation leaves most of it, a good run next to nothing.
- what each parameter explains, (S₀ - S) / (k c), with S = Σ(√h - √y)², k real parameters and c = E[(√y - √h)²] of a
  photon's pixel: where nothing but noise is fitted about 1 or less, and much more for an object, however near to 1 χ²
  is. In the far field as large a share of a thin object's numbers counts as of the detector is lit by the beam: a
  frequency is told by the pixels that are lit both with and without a shift by it, and those of many are fitted first.

Where patterns were held out, they tell an object from noise in place of the second figure: what is learned from other
patterns expects them better than the mean pattern does. The limits were chosen on the "tune" seeds of
`benchmarks/verdicts.py`.

None of these figures sees the lattice of the scan in object and probe: `raster_grid` looks for that itself.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ptychograd.core.errors import InputError, check_kind
from ptychograd.core.parameters import matches
from ptychograd.core.strict import meant
from ptychograd.data.checks import is_counted
from ptychograd.data.dataset import Dataset, check_data
from ptychograd.fitting.mean_pattern import explained_by_held, fit_of_mean
from ptychograd.fitting.raster_grid import RasterArtefact, raster_artefact
from ptychograd.fitting.result import Result, pixels_with_data

VERDICT = "verdict"  # settings: the words of a verdict
LATTICE = "lattice"  # a cause: object and probe carry that of their scan
UNTOLD = "object_not_told_from_noise"  # the code of a cause
AT_NOISE, NEAR_NOISE, NOT_SOLVED, UNKNOWN = "at_noise", "near_noise", "not_solved", "unknown"
AT = 1.1  # χ² up to which a run is at the noise
LEFT = 1 / 3  # of what can be explained: more is left by no run that is near the noise
# χ² up to which a run is near the noise, if no more than that is left
NEAR = ((1.6, LEFT), (10.0, 0.1), (15.0, 0.08), (25.0, 0.06), (50.0, 0.04), (100.0, 0.03))
NEAR_FIELD = ((1.6, LEFT), (20.0, 0.2), (100.0, 0.05))  # there failed runs leave 0.21 and more, measured data 0.19
# Times what noise alone would explain: fits of noise came to 1.27 at most, weak objects to 1.67 at least.
EXPLAINED = 1.45
EXPLAINED_NEAR_FIELD = 2.5  # the same there: 1.84 at most, 9.7 at least
SURE = 2.0  # standard errors by which held-out patterns are to be explained better than by the mean pattern
AVERAGED = 0.6  # χ² below which patterns scatter less than counts do
FALLING = 0.15  # of the loss in the last tenth of the epochs
DIM = 0.05  # of the probe's largest magnitude: pixels below count as no parameter


class Cause(NamedTuple):
    """Something that may be wrong with a reconstruction.

    Args:
        code: a short name for programs, as "too_few_epochs".
        found: what was found, in words.

    Example:
        >>> [cause.code for cause in pg.assess(result, data).causes][:2]
        ['object_not_told_from_noise', 'too_few_epochs']
    """

    code: str
    found: str


class Verdict(NamedTuple):
    """Whether a reconstruction succeeded, why not, and the figures behind that.

    Args:
        code: "at_noise" (χ² is at most 1.1 times what a right model leaves, and the object is more than fitted noise),
            "near_noise" (the object is more than fitted noise, and little is left), "not_solved", or "unknown": most is
            explained, but the patterns are no counts of photons, whose noise would be known. Where object and probe
            carry the scan's own lattice (see `raster_artefact`) it is "not_solved", however well they fit.
        causes: what may be wrong, the likeliest first; none for "at_noise".
        chi_squared: reduced χ² of the epoch whose state the result is (see `History`).
        left: the share that is left of what can be explained, (χ² - 1) / (χ₀² - 1), with χ₀² that of patterns which are
            all alike: the mean pattern, as bright as each one. Most of it with a wrong orientation, next to nothing
            after a good run.
        explained: what each refined number explains over what it would by fitting noise, (S₀ - S) / (k c), with S₀ that
            of the mean pattern, S = Σ(√h - √y)², k real parameters and c the noise of a photon's pixel: about 1 or less
            where only noise is fitted.
        held_explained: by how many standard errors the model expects held-out patterns better than the mean pattern
            does; None where fewer than two were given.

    Example:
        >>> pg.assess(result, data).code
        'not_solved'
    """

    code: str
    causes: tuple[Cause, ...]
    chi_squared: float
    left: float
    explained: float
    held_explained: float | None = None

    @property
    def summary(self) -> dict:
        """What goes into a result's settings and into JSON; no number in it is NaN or infinite."""
        figures = {
            name: _finite(getattr(self, name)) for name in ("chi_squared", "left", "explained", "held_explained")
        }
        return {"code": self.code, "causes": [cause._asdict() for cause in self.causes], **figures}


@meant
def assess(
    result: Result,
    data: Dataset,
    counts: bool | None = None,
    held: tuple[Dataset, Float[np.ndarray, " lit"]] | None = None,
) -> Verdict:
    """The verdict on a result: whether it got down to the noise, and whether its object is more than fitted noise.

    `perform` gives it to every run that comes to its end, as `settings["verdict"]`. No threshold of R or χ² alone tells
    this; see `Verdict` for the figures that do.

    Args:
        result: of one epoch or more.
        data: the patterns to which it was fitted.
        counts: whether the patterns are counts, one for each photon; by default that is found from the data.
        held: patterns that were held out, and what the model leaves of each one that has photons, Σ(√h - √y)², as
            `residual` of `held_out_misfits` holds it. They then judge whether the object is more than fitted noise.

    Returns:
        the verdict, whose `code` is "at_noise", "near_noise", "not_solved" or "unknown".

    Raises:
        InputError: no epoch was done.

    Example:
        >>> found = pg.assess(result, data)  # of two epochs
        >>> found.code, found.causes[1].code
        ('not_solved', 'too_few_epochs')
    """
    check_kind(result, Result, "result")
    check_data(data)
    if not result.history.epochs:
        raise InputError("A result without an epoch has no verdict; reconstruct first.")
    counts = is_counted(data) if counts is None else counts
    epoch = result.settings.get("loss_rose", {}).get("after_epoch", result.history.epochs) - 1
    chi_squared, r_factor = result.history.chi_squared[epoch], result.history.r_factor[epoch]
    alike = fit_of_mean(data, "Amplitude" in result.settings.get("noise", ""))
    residual = r_factor**2 * alike.photons
    chi_alike = alike.left / max(residual / chi_squared, 1e-30) if chi_squared > 0 else float("nan")
    left = (chi_squared - alike.least) / (chi_alike - alike.least) if chi_alike > alike.least else float("inf")
    is_near = data.near_field is not None  # where every pixel of the detector tells all frequencies
    count = _parameters(result, 1.0 if is_near else alike.illuminated)
    noise = count * alike.each * alike.photons / max(data.total, 1e-30)
    explained = (alike.left - residual) / max(noise, 1e-30)
    held_explained = None if held is None else explained_by_held(*held, alike)
    is_certain = (
        explained > (EXPLAINED_NEAR_FIELD if is_near else EXPLAINED)
        if held_explained is None
        else held_explained > SURE
    )
    if not counts or chi_squared < AVERAGED:
        code = UNKNOWN if residual < LEFT * alike.left else NOT_SOLVED
    else:
        code = _code(chi_squared / alike.least, left, is_certain, NEAR_FIELD if is_near else NEAR)
    verdict = Verdict(code, (), chi_squared, left, explained, held_explained)
    causes = () if code == AT_NOISE else tuple(_causes(result, data, verdict, is_certain, counts))
    artefact = raster_artefact(result)
    if artefact is not None and artefact.is_there:
        code, causes = NOT_SOLVED, (_lattice(artefact), *causes)
    return verdict._replace(code=code, causes=causes)


def causes_of(result: Result) -> tuple[str, ...]:
    """Codes of what the verdict on a result says may be wrong; none without a verdict."""
    return tuple(cause["code"] for cause in result.settings.get(VERDICT, {}).get("causes", ()))


def _code(chi_squared: float, left: float, is_certain: bool, limits: Iterable[tuple[float, float]]) -> str:
    if not is_certain:
        return NOT_SOLVED
    if chi_squared <= AT:
        return AT_NOISE
    return NEAR_NOISE if any(chi_squared <= most and left <= share for most, share in limits) else NOT_SOLVED


def _parameters(result: Result, beam: float) -> float:
    """Real numbers that were refined and that the patterns can tell of: of the object those that the scan lit.

    `beam` is the share of the detector's pixels in which the light is.
    """
    free = [name for name in result.arrays if any(matches(name, path) for path in result.settings["trainable"])]
    total = 0.0
    for name in free:
        array = result.arrays[name]
        parts = 2 if np.iscomplexobj(array) else 1
        total += parts * _estimated_pixels(result, name, array, beam)
    return max(total, 1.0)


def _estimated_pixels(result: Result, name: str, array: np.ndarray, beam: float) -> float:
    known, roles = result.recorded_roles, result.roles
    is_image = roles.image is not None and roles.image.array is array
    if is_image and roles.image is not None and len(roles.image.axes) == 3:
        return float(np.count_nonzero(array if roles.image.support is None else roles.image.support))
    if is_image and (known is not None or (roles.positions is not None and roles.illumination is not None)):
        layers = len(array) if roles.image is not None and roles.image.layers else 1
        return beam * float(np.count_nonzero(pixels_with_data(roles))) * layers
    magnitude = np.abs(array)
    return float(np.count_nonzero(magnitude > DIM * magnitude.max(initial=0)))


def _causes(result: Result, data: Dataset, verdict: Verdict, is_certain: bool, counts: bool) -> Iterator[Cause]:
    """What may be wrong, the likeliest first."""
    if not counts:
        yield Cause("not_counts", "the patterns are no whole numbers of photons, so their noise is not known")
    elif verdict.code == UNKNOWN:
        yield Cause("not_counts", "the patterns scatter less than counts of photons do, as averaged ones")
    elif not is_certain:
        found = f"each parameter explains {verdict.explained:.2g} times what it would if the object were noise"
        if verdict.explained <= 0:
            found = "the model fits worse than the mean pattern does"
        if verdict.held_explained is not None:
            found = f"the model expects held-out patterns {_better(verdict.held_explained)} than the mean pattern does"
        yield Cause(UNTOLD, found)
    if "loss_rose" in result.settings:
        rose = result.settings["loss_rose"]
        yield Cause("loss_rose", f"the loss rose from {rose['loss']:.4g} after epoch {rose['after_epoch']}")
    if _still_falls(result):
        yield Cause("too_few_epochs", "the loss was still falling fast when the last epoch ended")
    if data.positions is None:  # the others are of a beam that scans
        return
    if verdict.code != NOT_SOLVED:
        yield _modes(result)
        return
    if data.probe is None:
        yield Cause("start_probe", "the data hold no probe, and the one that the run began with may be far from it")
    explains_most = is_certain and verdict.left < LEFT  # as a model that is right but for a part
    if explains_most:
        yield _modes(result)
    yield Cause("orientation", "the axes of the positions may be exchanged or negated against those of the detector")
    yield Cause("positions", "positions may be wrong, or in another order or unit")
    yield Cause("defocus", "the distance from focus to sample may be wrong, or have the other sign")
    if not explains_most:
        yield _modes(result)


def _lattice(artefact: RasterArtefact) -> Cause:
    shares = f"{artefact.object:.2g} of the object's magnitude and {artefact.probe:.2g} of the probe's intensity"
    return Cause(LATTICE, f"object and probe carry the scan's own lattice, {shares}")


def _modes(result: Result) -> Cause:
    beam = result.roles.illumination
    count = 1 if beam is None or np.ndim(beam.array) < 3 else len(beam.array)
    there = "one mode leaves" if count == 1 else f"{count} modes leave"
    return Cause("modes", f"the beam may have incoherent parts that {there} out")


def _still_falls(result: Result) -> bool:
    """Whether it does at the end; steps that get smaller there make it fall once more after a rule ended a stage."""
    loss = np.array(result.history.loss)
    last = max(1, len(loss) // 10)
    if result.settings.get("run_progress", {}).get("reason"):
        return False
    return len(loss) <= last or bool(loss[-1] < (1 - FALLING) * loss[-1 - last])


def _better(errors: float) -> str:
    return f"better by only {errors:.2g} standard errors" if errors > 0 else "no better"


def _finite(number: float | None) -> float | None:
    return float(number) if number is not None and np.isfinite(number) else None
