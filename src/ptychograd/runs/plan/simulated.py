"""The true model of a simulation and its noise, as the model section of a plan has them."""

from ptychograd.core.errors import InputError
from ptychograd.models import effects
from ptychograd.models.effects import truths, with_background, with_jitter, with_modes
from ptychograd.models.effects.common import checked
from ptychograd.physics.model import AbstractModel
from ptychograd.physics.noise import AbstractNoise, Amplitude, Gaussian, Poisson
from ptychograd.physics.ptychography import Ptychography
from ptychograd.runs.plan.effects.detector import on_finer_grid, with_detector
from ptychograd.runs.plan.effects.wave import aberrations, pupil, slice_distance, with_lines, with_magnitude
from ptychograd.runs.plan.noises import censored, with_readout
from ptychograd.runs.plan.requirements import check_simulated
from ptychograd.runs.plan.sections.model import DetectorSection, ModelSection


def imperfect(asked: ModelSection, seed: int, jitter: float, ideal: Ptychography) -> Ptychography:
    """The true model of a simulation with all that is asked for; what is by chance depends on `seed`.

    Args:
        asked: modes, background, and what else the model has beside the ideal.
        seed: of variations and of errors of positions.
        jitter: root-mean-square error of the positions along each axis, in object pixels.
        ideal: the model without all that.
    """
    modes, background = asked.probe.modes, asked.detector.background
    model = ideal if modes == 1 else with_modes(ideal, modes)
    model = with_background(model, background) if background else model
    model = _with_true_wave(on_finer_grid(model, asked.detector), asked, seed)
    if not 0 <= jitter < float("inf"):
        raise InputError(f"A jitter of {jitter:g} pixels; expected 0 or more.")
    model = with_jitter(checked(model, "A jitter of the positions"), jitter, seed) if jitter else model
    return checked(with_detector(model, asked.detector), "A simulated piece")


def _with_true_wave(model: AbstractModel, asked: ModelSection, seed: int) -> AbstractModel:
    """Slices that differ, variations by chance."""
    probe = asked.probe
    if asked.object.slices != 1 or asked.object.slice_distance is not None:
        model = truths.truly_sliced(model, asked.object.slices, slice_distance(asked.object))
    if asked.object.states != 1:
        model = truths.truly_mixed(model, asked.object.states)
    model = with_magnitude(model, asked.object)
    if probe.aberrations:
        model = effects.with_aberrations(model, 0.0, aberrations(probe), pupil(model, probe))
    if probe.variations:
        model = truths.truly_varying(model, probe.variations, seed)
    if probe.varying_intensity:
        model = truths.truly_unsteady(model, seed)
    return with_lines(model, asked.spectrum)


def noise_of_simulation(name: str, asked: ModelSection) -> AbstractNoise:
    """The noise of a simulated measurement; of `gaussian`, the same for every pixel."""
    check_simulated(name, asked)
    detector: DetectorSection = asked.detector
    names = {
        "amplitude": Amplitude,
        "poisson": Poisson,
        "gaussian": lambda: Gaussian((detector.readout or 0.0) ** 2, 1.0),
        "poisson-gaussian": lambda: with_readout(detector),
    }
    return censored(names[name](), detector)
