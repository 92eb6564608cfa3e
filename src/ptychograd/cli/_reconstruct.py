"""`ptychograd reconstruct`: from a data file to a result file."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from ptychograd.cli._options import Json, Keys, Precision


def reconstruct(
    data: Path,
    /,
    *,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    solver: Literal["nesterov", "rpie", "epie", "ad-epie", "adam"] = "nesterov",
    epochs: int = 60,
    batch_size: int | None = None,
    step: Annotated[list[str] | None, Parameter(negative="")] = None,
    noise: Literal["amplitude", "poisson"] = "amplitude",
    modes: int = 1,
    start: Literal["flat", "random"] | None = None,
    aperture: float | None = None,
    pinhole: float | None = None,
    focal_spot: float | None = None,
    defocus: float = 0.0,
    hold_probe: int | None = None,
    seed: int = 0,
    precision: Precision = "single",
    key: Keys = None,
    json: Json = False,
) -> None:
    """Reconstruct object and probe of a far-field scan.

    Args:
        data: CXI, HDF5 or NPZ; `ptychograd inspect` shows how it is understood.
        output: The result file; DATA_result.h5 in the working folder by default.
        solver: nesterov (the default) and rpie find their step sizes; epie and ad-epie follow Algorithm 1 of the paper;
            adam takes --step.
        epochs: How often all patterns are used.
        batch_size: Patterns a step; by default 32 for nesterov and rpie, 1 for epie and ad-epie, 100 for adam.
        step: For adam: PATH=SIZE, as object=0.01; repeat for several.
        noise: Misfit to minimise; poisson takes over for the last third of the epochs.
        modes: Incoherent modes of the probe.
        start: Start object; random where the data come with a known surround, else flat.
        aperture: Start probe from a square opening of this width in metres.
        pinhole: Start probe from a round opening of this diameter in metres.
        focal_spot: Start probe from a Gaussian focus of this full width at half maximum in metres.
        defocus: Distance in metres from the opening, or the focus estimated from the mean pattern, to the object.
        hold_probe: First epochs in which the probe stays as it is; 0 for nesterov, 1 for the others by default.
        seed: Of the order of patterns and of a random start.
        precision: Of all arithmetic.
    """
    from ptychograd.cli._job import Job, Opening, run

    start_probe = Opening(aperture, pinhole, focal_spot, defocus)
    what = (data, output, solver, epochs, batch_size, step, noise, modes, start, start_probe)
    run(Job(*what, hold_probe=hold_probe, seed=seed, precision=precision, key=key), json)
