"""What a beam does: it is partly coherent, varies from pattern to pattern, and is not where it was thought to be."""

from collections.abc import Iterator

import equinox as eqx
import jax.numpy as jnp
import numpy as np

import ptychograd as pg
from benchmarks.effects._case import Case, measured, usual
from ptychograd.models.effects import with_aberrations, with_modes, with_varying_intensity, with_varying_probe
from ptychograd.paper.far_field import FarFieldExperiment
from ptychograd.physics.probes import Probe, VaryingProbe, orthogonal_modes

POWERS = (0.7, 0.2, 0.1)  # of three modes
FLUCTUATION = 0.1  # of the intensity, root-mean-square
VARIATION = 0.1  # of the probe's amplitude in each of two variations, root-mean-square
DEFOCUS_ERROR = -0.03  # metres, of 0.15
SOURCE = 0.5  # detector pixels: sigma of the source's image


def modes() -> Iterator[Case]:
    """Three incoherent modes of given powers; refined powers against these."""
    ideal, data = FarFieldExperiment().dataset(), FarFieldExperiment().dataset(change=three_modes)
    yield measured("ideal", usual(pg.far_field(ideal), ideal), ideal)[0]
    yield measured("ignored", usual(pg.far_field(data), data), data)[0]
    start = pg.far_field(data, modes=3)
    case, result = measured("modelled", usual(start, data), data)
    yield _with(case, _powers(result.probe))
    yield measured("from truth", usual(_at_truth(start, data), data), data)[0]


def three_modes(model: pg.Ptychography) -> pg.Ptychography:
    """With three orthogonal modes of known powers and the photons of the probe."""
    made, powers = orthogonal_modes(np.asarray(with_modes(model, 3).probe.modes))
    photons = np.sum(np.abs(np.asarray(model.probe.modes)) ** 2)
    made = made * np.sqrt(photons * np.array(POWERS) / powers)[:, None, None]
    return eqx.tree_at(lambda model: model.probe, model, Probe(jnp.asarray(made, np.complex64)))


def varying_probe() -> Iterator[Case]:
    """Two variations of the probe with weights by chance: the rank and the product, known up to a mixture."""

    def two(model: pg.Ptychography) -> pg.Ptychography:
        probe = with_varying_probe(model, 2).probe
        wave = np.asarray(probe.modes[0])
        rolled = np.stack([np.roll(wave, 3, axis=0) - wave, 1j * np.roll(wave, -4, axis=1)])
        rolled *= VARIATION * np.linalg.norm(wave) / np.linalg.norm(rolled, axis=(1, 2), keepdims=True)
        weights = np.random.default_rng(5).normal(size=probe.weights.shape)
        made = VaryingProbe(probe.modes, jnp.asarray(rolled, np.complex64), jnp.asarray(weights, np.float32))
        return eqx.tree_at(lambda model: model.probe, model, made)

    ideal, data = FarFieldExperiment().dataset(), FarFieldExperiment().dataset(change=two)
    yield measured("ideal", usual(pg.far_field(ideal), ideal), ideal)[0]
    yield measured("ignored", usual(pg.far_field(data), data), data)[0]
    model = with_varying_probe(pg.far_field(data), 2)
    case, result = measured("modelled", usual(model, data), data)
    found = np.tensordot(result.arrays["probe.weights"], result.arrays["probe.variations"], axes=1)
    truth = data.truth.parameters
    true = np.tensordot(truth["probe.weights"], truth["probe.variations"], axes=1)
    true, found = (change.reshape(data.count, -1) - change.reshape(data.count, -1).mean(0) for change in (true, found))
    explained = np.abs(np.vdot(found, true)) / (np.linalg.norm(found) * np.linalg.norm(true))
    basis, _ = np.linalg.qr(np.asarray(truth["probe.weights"] - truth["probe.weights"].mean(0)))
    weights = result.arrays["probe.weights"] - result.arrays["probe.weights"].mean(0)
    left = weights - basis @ (basis.T @ weights)
    figures = {"variation correlation": float(explained), "weights nrmse": float(np.sqrt(np.mean(left**2)))}
    yield _with(case, figures)


def varying_intensity() -> Iterator[Case]:
    """An intensity that fluctuates by 10 % from exposure to exposure."""

    def unsteady(model: pg.Ptychography) -> pg.Ptychography:
        changed = with_varying_intensity(model)
        chance = 1 + FLUCTUATION * np.random.default_rng(6).normal(size=changed.probe.intensity.shape)
        intensity = jnp.asarray(chance / chance.mean(), np.float32)
        return eqx.tree_at(lambda model: model.probe.intensity, changed, intensity)

    ideal, data = FarFieldExperiment().dataset(), FarFieldExperiment().dataset(change=unsteady)
    yield measured("ideal", usual(pg.far_field(ideal), ideal), ideal)[0]
    yield measured("ignored", usual(pg.far_field(data), data), data)[0]
    model = with_varying_intensity(pg.far_field(data))
    for epochs in (60, 150):
        case = measured("modelled", usual(model, data, epochs=epochs), data)[0]
        yield _with(case, {"epochs": epochs})


def defocus() -> Iterator[Case]:
    """A known aperture at a distance that is 20 % wrong."""
    experiment = FarFieldExperiment()
    data = experiment.dataset()
    held, wrong = ("object",), experiment.defocus + DEFOCUS_ERROR
    start = {
        name: pg.models.aperture(experiment.aperture, at)
        for name, at in (("right", experiment.defocus), ("wrong", wrong))
    }
    run = usual(pg.far_field(data, probe=start["right"]), data)
    yield measured("ideal", _holding(run, held), data)[0]
    yield measured("ignored", _holding(usual(pg.far_field(data, probe=start["wrong"]), data), held), data)[0]
    model = with_aberrations(pg.far_field(data, probe=start["wrong"]), wrong)
    run = _holding(usual(model, data, "probe.defocus"), held)
    result = pg.perform(run)
    found = float(result.arrays["probe.defocus"])
    object_error = pg.metrics.compare_arrays(data.truth.object, result.object).nrmse
    figures = {"object": object_error, "defocus": found, "relative error": abs(found / experiment.defocus - 1)}
    yield Case("modelled", figures | {"R": result.history.r_factor[-1], "seconds": sum(result.history.seconds)})


def coherence() -> Iterator[Case]:
    """An extended source: every pattern is blurred by the source's image; powers of the modes against the theory's."""
    experiment = FarFieldExperiment()

    def extended(model: pg.Ptychography) -> pg.Ptychography:
        places, shares = np.polynomial.hermite_e.hermegauss(5)
        shares = shares / shares.sum()
        wave, n = np.asarray(model.probe.modes[0]), experiment.frame
        r = np.arange(n) - n // 2
        tilts = [np.exp(2j * np.pi * SOURCE * place * r / n) for place in places]
        points = [
            np.sqrt(one * other) * wave * y[:, None] * x
            for one, y in zip(shares, tilts, strict=True)
            for other, x in zip(shares, tilts, strict=True)
        ]
        return eqx.tree_at(lambda model: model.probe, model, Probe(jnp.asarray(np.stack(points), np.complex64)))

    ideal, data = experiment.dataset(), experiment.dataset(change=extended)
    yield measured("ideal", usual(pg.far_field(ideal), ideal), ideal)[0]
    yield measured("ignored", usual(pg.far_field(data), data), data)[0]
    true = _powers(data.truth.probe)
    yield Case("truth", {name: true[name] for name in list(true)[:4]})
    for count in (4, 6):
        case, result = measured("modelled", usual(pg.far_field(data, modes=count), data), data)
        yield _with(case, _powers(result.probe))


def _powers(waves: np.ndarray) -> dict[str, float]:
    powers = orthogonal_modes(waves)[1]
    return {f"power {number + 1}": float(share) for number, share in enumerate(powers / powers.sum())}


def _at_truth(model: pg.Ptychography, data: pg.Dataset) -> pg.Ptychography:
    """Started from the truth: where noise alone is left, as no run could be better."""
    true = jnp.asarray(data.truth.object, np.complex64), jnp.asarray(data.truth.probe, np.complex64)
    return eqx.tree_at(lambda model: (model.object.transmission, model.probe.modes), model, true)


def _holding(run: pg.Run, held: tuple[str, ...]) -> pg.Run:
    """The run with the modes held: the object, and what is not of the probe's modes, is refined."""
    stages = (
        stage._replace(trainable=(*held, *(name for name in stage.trainable if "." in name))) for stage in run.stages
    )
    return run._replace(stages=tuple(stages))


def _with(case: Case, figures: dict[str, float]) -> Case:
    return Case(case.what, case.figures | figures)


EFFECTS = {
    "modes": modes,
    "varying-probe": varying_probe,
    "varying-intensity": varying_intensity,
    "defocus": defocus,
    "coherence": coherence,
}
