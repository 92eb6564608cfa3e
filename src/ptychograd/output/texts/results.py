"""What a result file is, in a few lines: data, model, epochs, verdict, and what to do next."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ptychograd.output.captions import final_figures, pixel_size, solver_line, verdict_code
from ptychograd.output.texts.verdicts import in_python, is_of_package, on_rise, verdict_line
from ptychograd.runs.origins import origin
from ptychograd.runs.setting_names import HELD_OUT, PLAN

if TYPE_CHECKING:
    from ptychograd.fitting.result import Result

Line = tuple[str, str]

NO_VERDICT = "none: the run did not come to its end, or was a call of reconstruct (pg.assess gives one)"


def result_lines(path: Path) -> list[Line]:
    """Labels and texts for a result file."""
    from ptychograd.fitting.result import load

    result = load(path)
    source = origin(result.settings)
    text = verdict_line(result, None if PLAN in result.settings else in_python).removeprefix("verdict: ")
    return [
        ("result", "of ptychograd; the data are in another file"),
        ("data", "not named" if source is None else str(source)),
        ("model", _model(result)),
        ("pixel size", pixel_size(result)),
        ("refined", ", ".join(result.settings.get("trainable", ()))),
        ("epochs", _epochs(result)),
        ("misfit", _misfit(result)),
        ("verdict", text or NO_VERDICT),
        *(("do next" if first == 0 else "", advice) for first, advice in enumerate(_next(path, result))),
    ]


def _model(result: "Result") -> str:
    """The kind of experiment, and the sizes of image and illumination, as far as the model names them."""
    geometry = result.settings.get("geometry") or {}
    kind = "near field" if "focus_distance" in geometry else "far field"
    kind = "crystal (rocking curves)" if "rocking" in geometry else kind
    parts = [kind] if geometry or is_of_package(result) else ["of one's own"]
    image, beam, _ = result.roles
    if image is not None:
        parts.append(f"object {_size(image.array.shape)}")
    modes = None if beam is None else beam.array
    if modes is not None and modes.ndim == 3:
        count = "1 mode" if len(modes) == 1 else f"{len(modes)} modes"
        parts.append(f"probe {_size(modes.shape[1:])}, {count}")
    return ", ".join(parts) if len(parts) > 1 else f"arrays {', '.join(result.arrays)}"


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _epochs(result: "Result") -> str:
    planned = _planned(result.settings)
    of = f" of {planned}" if planned is not None and planned != result.history.epochs else ""
    return "; ".join(filter(None, (f"{result.history.epochs}{of} ({result.stopped})", solver_line(result))))


def _planned(settings: Mapping) -> int | None:
    """The epochs of the whole run; None where the settings of a result do not say."""
    from ptychograd.runs.progress import RUN_PROGRESS, RunProgress

    return RunProgress.of(settings).total if RUN_PROGRESS in settings else None


def resumed_line(path: Path, plan: Path) -> str:
    """How a result that went on to other epochs is made again, which its plan alone does not say; nothing of others.

    Args:
        path: of the result.
        plan: the file in which its plan will be.
    """
    from ptychograd.fitting.result import load_settings
    from ptychograd.runs.progress import RUN_PROGRESS, RunProgress

    settings = load_settings(path)
    resumed = RunProgress.of(settings).resumed if RUN_PROGRESS in settings else ()
    if not resumed:
        return ""
    commands = [
        f"ptychograd run {plan} -o {path}",
        *(f"ptychograd resume {path} --epochs {goal}" for _, goal in resumed),
    ]
    stops = [*(f" --stop-after {done}" if done else "" for done, _ in resumed), ""]
    steps = ", then ".join(f"`{command}{stop}`" for command, stop in zip(commands, stops, strict=True))
    return (
        f"{path} was resumed to {resumed[-1][1]} epochs, which goes on from a state that no plan holds: it is made "
        f"again by {steps}."
    )


def _misfit(result: "Result") -> str:
    r_factor, chi_squared = final_figures(result)
    if r_factor is None:
        return "none: no epoch was done"
    held = result.settings.get(HELD_OUT)
    texts = [f"R = {r_factor:.4g}, χ² = {chi_squared:.3g}"]
    texts += [f"R of held-out patterns {held:.4g}"] if isinstance(held, float) else []
    return "; ".join([*texts, *filter(None, [on_rise(result)])])


def _next(path: Path, result: "Result") -> Iterator[str]:
    """Commands that take this result, the likeliest first."""
    from ptychograd.runs.progress import RUN_PROGRESS, RunProgress

    resumable = PLAN in result.settings and RUN_PROGRESS in result.settings
    if resumable and not RunProgress.of(result.settings).is_over:
        yield f"ptychograd resume {path}: finish the run"
    yield f"ptychograd plot {path}: object, probe and R over the epochs, as a picture"
    if (image := result.roles.image) is not None:
        name = "crystal.xdmf" if len(image.axes) == 3 else "object.tiff"
        yield f"ptychograd export {path} {name}: the object for other programs"
    if resumable and RunProgress.of(result.settings).is_over and verdict_code(result) != "at_noise":
        yield f"ptychograd resume {path} --epochs {2 * result.history.epochs}: go on for more epochs"
