"""`ptychograd simulate`: the paper's experiments as data files."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

import ptychograd as pg
from ptychograd.cli import engine
from ptychograd.cli.console import say, warn
from ptychograd.cli.files import placed
from ptychograd.cli.options import SimulateOptions, applied
from ptychograd.output import texts
from ptychograd.runs.plan.imperfections import Imperfections

simulate = App(name="simulate", help="Simulate a measurement, with its ground truth beside it.")
Beside = Annotated[Imperfections, Parameter(name="*")]
Reduced = Annotated[bool, Parameter(negative="")]


@simulate.command(name="far-field")
def far_field(
    out: Path,
    /,
    *,
    photons: float = 1e6,
    beside: Beside = Imperfections(),
    options: SimulateOptions = SimulateOptions(),
) -> None:
    """Far-field ptychography as in section 3.3 of Kandel et al. 2019: 484 patterns of 64 x 64 pixels.

    Args:
        out: The HDF5 file to write.
        photons: Photons in the probe.
    """
    from ptychograd.paper.far_field import FarFieldExperiment
    from ptychograd.paper.simulating import simulated

    experiment = partial(FarFieldExperiment, photons=photons)
    _write(out, partial(simulated, experiment, applied(beside.plan, options), beside))


@simulate.command(name="near-field")
def near_field(
    out: Path,
    /,
    *,
    reduced: Reduced = False,
    flux: float = 1e4,
    distance: float = 0.047,
    beside: Beside = Imperfections(),
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
    from ptychograd.paper.simulating import simulated

    size = NearFieldExperiment.reduced if reduced else NearFieldExperiment
    experiment = partial(size, flux=flux, distance=distance)
    _write(out, partial(simulated, experiment, applied(beside.plan, options), beside))


@simulate.command(name="bragg")
def bragg(
    out: Path,
    /,
    *,
    reduced: Reduced = False,
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
    from ptychograd.paper.bragg import BraggExperiment

    experiment = BraggExperiment.reduced if reduced else BraggExperiment
    asked = partial(experiment, photons=photons, rocking_step=rocking_step, background=background)
    _write(out, lambda: asked().dataset(seed))


def _write(out: Path, simulated: "Callable[[], pg.Dataset]") -> None:
    """Simulate and write, where no measured data are."""
    from ptychograd.data.files import DATASET, require_replaceable

    require_replaceable(out, DATASET, "truth/object")
    engine.prepare()
    data = simulated()
    found = placed(lambda path: pg.write(path, data), out)
    warn(texts.aliased_line(found, data))
    say(texts.simulated_line(found, data))
