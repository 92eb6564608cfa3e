"""What a person, or a program, is told of a run that has just ended."""

import statistics
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ptychograd.output.captions import VERDICT, final_figures, solver_line
from ptychograd.output.texts.corrections import summary_of_flat_field, summary_of_parameters, summary_of_positions
from ptychograd.output.texts.verdicts import on_rise, verdict_line
from ptychograd.runs.setting_names import HELD_OUT

if TYPE_CHECKING:
    from ptychograd.fitting.result import Result


def run_lines(where: object, result: "Result", count: int, seconds: float, ended: str | None = None) -> Iterator[str]:
    """Where the result is, R and speed, and then what it says of beam, corrections, solver and verdict.

    Args:
        where: the file of the result.
        result: of the run.
        count: patterns that were fitted.
        seconds: that the run took.
        ended: why it ended, in words; by default as the result has it.
    """
    held = result.settings.get(HELD_OUT)
    figure, chi_squared = final_figures(result)
    r_factor = "the start" if figure is None else f"R = {figure:.4f}, χ² = {chi_squared:.3g}"
    r_factor += f" (held-out patterns {held:.4f})" if held is not None else ""
    yield (
        f"{where}: {r_factor} after {result.history.epochs} epochs, {seconds:.1f} s, "
        f"{speed(result, count):,.0f} patterns/s ({ended or result.stopped})."
    )
    yield from summary_of_modes(result)
    yield from (*summary_of_positions(result), *summary_of_flat_field(result), *summary_of_parameters(result))
    yield from filter(None, (solver_line(result), on_rise(result), verdict_line(result)))


def preview_lines(result: "Result") -> Iterator[str]:
    """R and verdict of a preview."""
    yield f"preview: R = {result.r_factor:.4f} after {result.history.epochs} epochs"
    yield verdict_line(result)


def lost_line(where: object, result: "Result") -> str:
    """That the run ended with another process, and how it goes on; nothing where it did not."""
    from ptychograd.fitting.reconstruction import LOST

    why = result.settings.get(LOST)
    return "" if why is None else f"another process ended ({why}); `ptychograd resume {where}` goes on."


def summary_of_modes(result: "Result") -> Iterator[str]:
    """The power of each mode of the illumination, where there are several."""
    import numpy as np

    from ptychograd.physics.probes import orthogonal_modes

    beam = result.roles.illumination
    if beam is not None and np.ndim(beam.array) == 3 and len(beam.array) > 1:
        powers = orthogonal_modes(np.asarray(beam.array))[1]
        shares = ", ".join(f"{100 * share:.3g} %" for share in powers / max(powers.sum(), 1e-30))
        yield f"orthogonal modes of the probe: {shares} of its power"


def speed(result: "Result", count: int) -> float:
    """Patterns a second in an epoch, of which the first one compiles; 0 where none was done."""
    history = result.history
    return count / statistics.median(history.seconds[1:] or history.seconds) if history.epochs else 0.0


def run_figures(result: "Result", count: int = 0, seconds: float = 0.0) -> dict:
    """The same as numbers: of a result, and of the seconds that were just spent on so many patterns."""
    r_factor, chi_squared = final_figures(result)
    return {
        "r_factor": r_factor,
        "chi_squared": chi_squared,
        "verdict": result.settings.get(VERDICT),
        HELD_OUT: result.settings.get(HELD_OUT),
        "epochs": result.history.epochs,
        "stopped": result.stopped,
        "seconds": seconds,
        "patterns_per_second": speed(result, count),
    }
