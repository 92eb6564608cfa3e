"""`ptychograd simulate`: the paper's experiments as data files."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from ptychograd.cli.console import errors, output
from ptychograd.cli.options import SimulateOptions, applied
from ptychograd.cli.placed import leave_unless_there, placed, working_folder
from ptychograd.runs.plan.plan import Plan

if TYPE_CHECKING:
    from ptychograd.data.dataset import Dataset
    from ptychograd.physics.ptychography import Ptychography

Noise = Literal["poisson", "poisson-gaussian", "gaussian", "amplitude"]
simulate = App(name="simulate", help="Simulate a measurement, with its ground truth beside it.")


@simulate.command(name="far-field")
def far_field(
    out: Path,
    /,
    *,
    photons: float = 1e6,
    background: float = 0.0,
    noise: Noise = "poisson",
    modes: int = 1,
    seed: int = 0,
    magnitude: Path | None = None,
    phase: Path | None = None,
    jitter: float = 0.0,
    options: SimulateOptions = SimulateOptions(),
) -> None:
    """Far-field ptychography as in section 3.3 of Kandel et al. 2019: 484 patterns of 64 x 64 pixels.

    Args:
        out: The HDF5 file to write.
        photons: Photons in the probe.
        background: Photons a pixel from elsewhere.
        noise: How the photons scatter; gaussian as --noise gaussian of `reconstruct`, with model.detector.readout.
        modes: Incoherent modes of the probe.
        seed: Seed of the noise.
        magnitude: Image for the object's magnitude; scikit-image's astronaut by default.
        phase: Image for the object's phase; scikit-image's camera by default.
        jitter: Root-mean-square error of the positions along each axis, in object pixels.
    """
    from ptychograd.cli.engine import prepare
    from ptychograd.paper.far_field import FarFieldExperiment
    from ptychograd.runs.plan.reading import without_bad_pixels
    from ptychograd.runs.plan.simulated import noise_of_simulation

    asked = _asked(options, background, modes)
    folder = _check(out)
    prepare()
    change, scatter = partial(_imperfect, asked, seed, jitter), noise_of_simulation(noise, asked.model)
    data = FarFieldExperiment(photons=photons).dataset(seed, magnitude, phase, change=change, noise=scatter)
    _write(out, folder, without_bad_pixels(data, asked.data.mask))


@simulate.command(name="near-field")
def near_field(
    out: Path,
    /,
    *,
    reduced: Annotated[bool, Parameter(negative="")] = False,
    flux: float = 1e4,
    distance: float = 0.047,
    background: float = 0.0,
    noise: Noise = "poisson",
    modes: int = 1,
    seed: int = 0,
    magnitude: Path | None = None,
    phase: Path | None = None,
    jitter: float = 0.0,
    options: SimulateOptions = SimulateOptions(),
) -> None:
    """Near-field ptychography as in section 4.1 of Kandel et al. 2019: 25 patterns of 512 x 512 pixels.

    Args:
        out: The HDF5 file to write.
        reduced: Half of all lengths in pixels, 256 x 256: the same physics, much faster.
        flux: Photons a pixel, on average over the probe.
        distance: From object to detector in metres.
        background: Photons a pixel from elsewhere.
        noise: How the photons scatter; gaussian as --noise gaussian of `reconstruct`, with model.detector.readout.
        modes: Incoherent modes of the probe.
        seed: Seed of the speckle in the probe and of the noise.
        magnitude: Image for the object's magnitude; scikit-image's astronaut by default.
        phase: Image for the object's phase; scikit-image's camera by default.
        jitter: Root-mean-square error of the positions along each axis, in object pixels.
    """
    from ptychograd.cli.engine import prepare
    from ptychograd.paper.near_field import NearFieldExperiment
    from ptychograd.runs.plan.reading import without_bad_pixels
    from ptychograd.runs.plan.simulated import noise_of_simulation

    asked = _asked(options, background, modes)
    folder = _check(out)
    prepare()
    experiment = NearFieldExperiment.reduced if reduced else NearFieldExperiment
    change, scatter = partial(_imperfect, asked, seed, jitter), noise_of_simulation(noise, asked.model)
    data = experiment(flux=flux, distance=distance).dataset(seed, magnitude, phase, change=change, noise=scatter)
    _write(out, folder, without_bad_pixels(data, asked.data.mask))


@simulate.command(name="bragg")
def bragg(
    out: Path,
    /,
    *,
    reduced: Annotated[bool, Parameter(negative="")] = False,
    photons: float = 1e4,
    rocking_step: float = 0.02,
    background: float = 0.0,
    seed: int = 0,
) -> None:
    """Bragg ptychography of a strained crystal as in section 4.2 of Kandel et al. 2019: 15 angles, 984 positions.

    Args:
        out: The HDF5 file to write.
        reduced: A smaller crystal: 252 positions, patterns of 32 x 32 for 64 x 64 pixels.
        photons: Photons in the probe.
        rocking_step: Step from one angle to the next, in degrees; the paper's aliases in depth, 0.01 does not.
        background: Photons a pixel from elsewhere.
        seed: Seed of crystal, speckle and photon noise.
    """
    from ptychograd.cli.engine import prepare
    from ptychograd.paper.bragg import BraggExperiment

    folder = _check(out)
    prepare()
    experiment = BraggExperiment.reduced if reduced else BraggExperiment
    _write(out, folder, experiment(photons=photons, rocking_step=rocking_step, background=background).dataset(seed))


def _asked(options: SimulateOptions, background: float, modes: int) -> Plan:
    """What is asked for beside the ideal, as a plan has it."""
    return applied(Plan(model={"probe": {"modes": modes}, "detector": {"background": background}}), options)


def _imperfect(asked: Plan, seed: int, jitter: float, model: "Ptychography") -> "Ptychography":
    """The true model with all that is asked for."""
    from ptychograd.models.effects import with_background, with_modes
    from ptychograd.models.effects.common import checked
    from ptychograd.runs.plan.simulated import imperfect

    modes, background = asked.model.probe.modes, asked.model.detector.background
    model = model if modes == 1 else with_modes(model, modes)
    model = with_background(model, background) if background else model
    return checked(imperfect(asked.model, seed, jitter, model), "A simulated piece")


def _check(out: Path) -> Path:
    """Refuse before the computing what would be the end of measured data; returns the working folder."""
    from ptychograd.data.files import DATASET, require_replaceable

    folder = working_folder()
    require_replaceable(out, DATASET, "truth/object")
    return folder


def _write(out: Path, folder: Path, data: "Dataset") -> None:
    from ptychograd.data.files import write

    found = placed(lambda path: write(path, data), out, folder)
    if data.geometry is not None and (warning := data.geometry.aliased(data.frame_shape)):
        errors.print(f"{found}: {warning}.", style="yellow", soft_wrap=True)
    output.print(
        f"{found}: {data.count} patterns of {data.frame_shape[0]} x {data.frame_shape[1]} pixels, "
        f"{data.photons.mean():.4g} photons each on average, with ground truth.",
        soft_wrap=True,
    )
    leave_unless_there(found)
