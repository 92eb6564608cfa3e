"""`ptychograd simulate`: the paper's experiments as data files."""

from collections.abc import Callable
from dataclasses import dataclass
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
    from ptychograd.paper.far_field import FarFieldExperiment
    from ptychograd.paper.near_field import NearFieldExperiment

simulate = App(name="simulate", help="Simulate a measurement, with its ground truth beside it.")


@Parameter(name="*")
@dataclass(frozen=True)
class Imperfections:
    """What a measurement of a thin sample has beside the ideal.

    Args:
        background: Photons a pixel from elsewhere.
        noise: How the photons scatter; gaussian as --noise gaussian of `reconstruct`, with model.detector.readout.
        modes: Incoherent modes of the probe.
        seed: Seed of the noise, of variations, and of speckle in the probe of a near field.
        magnitude: Image for the object's magnitude; scikit-image's astronaut by default.
        phase: Image for the object's phase; scikit-image's camera by default.
        jitter: Root-mean-square error of the positions along each axis, in object pixels.
    """

    background: float = 0.0
    noise: Literal["poisson", "poisson-gaussian", "gaussian", "amplitude"] = "poisson"
    modes: int = 1
    seed: int = 0
    magnitude: Path | None = None
    phase: Path | None = None
    jitter: float = 0.0


@simulate.command(name="far-field")
def far_field(
    out: Path,
    /,
    *,
    photons: float = 1e6,
    beside: Imperfections = Imperfections(),
    options: SimulateOptions = SimulateOptions(),
) -> None:
    """Far-field ptychography as in section 3.3 of Kandel et al. 2019: 484 patterns of 64 x 64 pixels.

    Args:
        out: The HDF5 file to write.
        photons: Photons in the probe.
    """
    from ptychograd.paper.far_field import FarFieldExperiment

    _simulate(out, lambda: FarFieldExperiment(photons=photons), beside, options)


@simulate.command(name="near-field")
def near_field(
    out: Path,
    /,
    *,
    reduced: Annotated[bool, Parameter(negative="")] = False,
    flux: float = 1e4,
    distance: float = 0.047,
    beside: Imperfections = Imperfections(),
    options: SimulateOptions = SimulateOptions(),
) -> None:
    """Near-field ptychography as in section 4.1 of Kandel et al. 2019: 25 patterns of 512 x 512 pixels.

    Args:
        out: The HDF5 file to write.
        reduced: Half of all lengths in pixels, 256 x 256: the same physics, much faster.
        flux: Photons a pixel, on average over the probe.
        distance: From object to detector in metres.
    """
    from ptychograd.paper.near_field import NearFieldExperiment

    experiment = NearFieldExperiment.reduced if reduced else NearFieldExperiment
    _simulate(out, lambda: experiment(flux=flux, distance=distance), beside, options)


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


def _simulate(
    out: Path,
    experiment: "Callable[[], FarFieldExperiment | NearFieldExperiment]",
    beside: Imperfections,
    options: SimulateOptions,
) -> None:
    """Simulate an experiment of the paper with what is asked for beside the ideal."""
    from ptychograd.cli.engine import prepare
    from ptychograd.runs.plan.reading import without_bad_pixels
    from ptychograd.runs.plan.simulated import imperfect, noise_of_simulation

    asked = applied(
        Plan(model={"probe": {"modes": beside.modes}, "detector": {"background": beside.background}}), options
    )
    folder = _check(out)
    prepare()
    change = partial(imperfect, asked.model, beside.seed, beside.jitter)
    scatter = noise_of_simulation(beside.noise, asked.model)
    data = experiment().dataset(beside.seed, beside.magnitude, beside.phase, change=change, noise=scatter)
    _write(out, folder, without_bad_pixels(data, asked.data.mask))


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
