"""What a person wants to know of a result first: of which data it is, whether it succeeded, R, and the pixel size."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ptychograd.runs.origins import origin

if TYPE_CHECKING:
    from ptychograd.fitting.result import Result

VERDICT = "verdict"  # settings: where `perform` puts it
VERDICTS = {
    "at_noise": "at the noise: the patterns are fitted as well as photon counting allows",
    "near_noise": "near the noise: nearly everything is explained, but more than counting noise is left",
    "not_solved": "not solved: do not trust this image",
    "unknown": "unknown: the noise of these data is not known",
}


def verdict_code(result: "Result") -> str:
    """One of the words of `VERDICTS`; nothing without a verdict."""
    verdict = result.settings.get(VERDICT)
    return str(verdict["code"]) if isinstance(verdict, Mapping) and verdict.get("code") in VERDICTS else ""


def final_figures(result: "Result") -> tuple[float | None, float | None]:
    """R and χ² of the state that the result holds: the last, or the best if the loss rose after it."""
    shown = result.epochs_of_state
    return (result.r_factor, result.history.chi_squared[shown - 1]) if shown else (None, None)


def headline(result: "Result") -> str:
    """Of which data a result is, and the verdict on it: `scan.h5 · not solved: do not trust this image`."""
    source, code = origin(result.settings), verdict_code(result)
    name = "reconstruction" if source is None else source.name
    return f"{name} · {VERDICTS[code]}" if code else name


def solver_line(result: "Result") -> str:
    """Which solvers took over, and after which epochs; nothing where the first one did it all."""
    changes = result.settings.get("solver_changes", ())
    names = [(str(change["solver"]).partition(",")[0], change["after_epoch"]) for change in changes]
    return "; ".join(f"{name} took over after epoch {epoch}" for name, epoch in names)


def figures_line(result: "Result") -> str:
    """R, epochs, and the size of a pixel or voxel of the object."""
    r_factor, _ = final_figures(result)
    done = result.epochs_of_state
    of = f" of {result.history.epochs}" if done != result.history.epochs else ""
    what = "voxel" if result.roles.image is not None and len(result.roles.image.axes) == 3 else "pixel"
    fit = "no epoch done" if r_factor is None else f"R = {r_factor:.4g} after {done}{of} epochs"
    return f"{fit}, {what} size {pixel_size(result)}"


def pixel_size(result: "Result") -> str:
    """The sides of a pixel or voxel of the object in words, one number where they are alike."""
    from ptychograd.data.geometry import format_length

    if not result.sampling:
        return "not known"
    sides = [format_length(float(f"{side:.4g}")) for side in result.sampling]
    axes = "y, x" if len(sides) == 2 else "x, y, z"
    return sides[0] if len(set(sides)) == 1 else f"{' x '.join(sides)} ({axes})"
