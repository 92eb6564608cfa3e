"""`ptychograd residuals`: which patterns and which detector pixels a result does not explain."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ptychograd.cli.console import output as console
from ptychograd.cli.console import tell_json
from ptychograd.cli.options import Json, MachineOptions, TrustModel, applied
from ptychograd.cli.pictures import drawn, require_picture
from ptychograd.cli.placed import leave_unless_there, working_folder
from ptychograd.core.errors import InputError
from ptychograd.runs.setting_names import FINGERPRINT

if TYPE_CHECKING:
    import numpy as np

    from ptychograd.data.dataset import Dataset
    from ptychograd.output.plot.overview import Figure
    from ptychograd.quality.residual_maps import Residuals

OUTSTANDING = 3.0  # times the median deviation, scaled to a standard deviation, above the median


def residuals(
    result: Path,
    data: list[Path] | None = None,
    /,
    *,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    trust_model: TrustModel = False,
    options: MachineOptions = MachineOptions(),
    json: Json = False,
) -> None:
    """Show what a result leaves of every pattern and of every detector pixel.

    Args:
        result: What `reconstruct` wrote.
        data: The data file, if it is elsewhere now.
        output: The picture; RESULT_residuals.png beside the result by default.
    """
    from ptychograd.cli.machine import start
    from ptychograd.cli.resume import stored_plan
    from ptychograd.fitting.result import load
    from ptychograd.quality.residual_maps import residuals
    from ptychograd.runs.machine import in_file
    from ptychograd.runs.origins import found_data

    found = load(result)
    plan = stored_plan(result, found, trust_model)
    files = data or found_data(result, found.settings)
    fresh = {"machine": {"precision": plan.machine.precision}, "data.paths": [str(path) for path in files]}
    plan = applied(plan.with_fields(fresh), options)
    start(plan.machine)
    picture, folder = output or result.with_name(f"{result.stem}_residuals.png"), working_folder()
    require_picture(picture)
    measured = plan.read(in_file(plan.machine))
    if measured.fingerprint != found.settings[FINGERPRINT]:
        raise InputError(
            f"{', '.join(map(str, files))} holds other data than {result} was made from; name the right file."
        )
    run = plan.make_run(measured)
    left = residuals(found.onto(run.model), measured, run.stages[-1].noise)
    _tell(left, measured)
    where = drawn(_figure(left, measured), picture, folder)
    if json:
        tell_json(_figures(left))
    leave_unless_there(where)


def _figure(left: "Residuals", data: "Dataset") -> "Figure":
    import numpy as np

    from ptychograd.data.dataset import positions_of
    from ptychograd.data.geometry import UNITS, length_unit
    from ptychograd.output.plot import residual_figure

    places = positions_of(data)
    unit = "pixels" if data.geometry is None else length_unit(float(np.ptp(places, axis=0).max()))
    places = places / UNITS.get(unit, 1.0)
    return residual_figure(left.r_of_pixel, left.chi_squared_of_pixel, left.r_of_pattern, places, data.group, unit)


def _tell(left: "Residuals", data: "Dataset") -> None:
    import numpy as np

    console.print(f"R of all patterns {left.r_factor:.4f}, median {np.nanmedian(left.r_of_pattern):.4f}")
    worst = left.worst(5)
    listed = ", ".join(f"{number} ({left.r_of_pattern[number]:.4f})" for number in worst)
    console.print(f"worst patterns by R: {listed}", soft_wrap=True)
    out = _worse(left)
    if len(out):
        some = ", ".join(map(str, out[:12])) + (" ..." if len(out) > 12 else "")
        console.print(f"far above the others: {len(out)} of {data.count}, number {some}", soft_wrap=True)
    high = left.chi_squared_of_pixel
    counted = left.r_of_pixel[np.isfinite(left.r_of_pixel)]
    if counted.size:
        place = np.unravel_index(int(np.nanargmax(high)), high.shape)
        console.print(
            f"worst detector pixel by χ²: (y, x) = ({place[0]}, {place[1]}), χ² {high[place]:.3g}; "
            f"median over the pixels {np.nanmedian(high):.3g}"
        )


def _worse(left: "Residuals") -> "np.ndarray":
    """Numbers of the patterns far above the others in R, and in χ² as well: where few photons fell R alone is high."""
    import numpy as np

    high = outstanding(left.r_of_pattern)
    return high[np.isin(high, outstanding(left.chi_squared_of_pattern))]


def outstanding(values: "np.ndarray") -> "np.ndarray":
    """Numbers of the values far above the others."""
    import numpy as np

    middle = np.nanmedian(values)
    deviation = 1.4826 * np.nanmedian(np.abs(values - middle))
    which = np.flatnonzero(values > middle + OUTSTANDING * max(deviation, 1e-9))
    return which[np.argsort(-values[which], kind="stable")]


def _figures(left: "Residuals") -> dict:
    """What `--json` tells; NaN, of patterns without a photon, becomes null."""
    return {
        "r_factor": left.r_factor,
        "r_of_pattern": left.r_of_pattern.tolist(),
        "worst": left.worst(8).tolist(),
        "outstanding": _worse(left).tolist(),
    }
