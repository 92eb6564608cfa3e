"""The detector that a plan asks for, put into a model."""

from collections.abc import Iterator, Sequence
from typing import Any

from ptychograd.core.parameters import matches
from ptychograd.data.dataset import Dataset
from ptychograd.models.effects import detectors
from ptychograd.physics import paths
from ptychograd.physics.model import AbstractModel
from ptychograd.runs.plan.images import image, number_or_image
from ptychograd.runs.plan.problems import about_field
from ptychograd.runs.plan.sections.model import DetectorSection

STILL_BEAM = (
    "A near field hardly tells the structure of a still beam from the detector's flat field; if the object gets worse "
    f"with {paths.FLAT_FIELD} refined, give a measured `model.detector.flat_field` instead."
)


def on_finer_grid(model: AbstractModel, asked: DetectorSection) -> AbstractModel:
    """The model on the finer grid that is asked for, before it has any other part."""
    if asked.oversampling == 1:
        return model
    with about_field("model.detector.oversampling"):
        return detectors.with_oversampling(model, asked.oversampling)


def with_detector(
    model: Any, asked: DetectorSection, refine: Sequence[str] = (), data: Dataset | None = None
) -> AbstractModel:
    """The model with the detector that is asked for; a background that is refined starts from the data."""
    named = {path for path in refine if path.startswith("detector")}
    if paths.BACKGROUND in named and data is not None and not model.detector.background > 0:
        model = detectors.with_background(model, detectors.estimate_background(data))
    if asked.background_image:
        with about_field("model.detector.background_image"):
            model = detectors.with_background_image(model)
    if asked.point_spread is not None:
        with about_field("model.detector.point_spread"):
            model = detectors.with_point_spread(model, number_or_image(asked.point_spread, "point spread"))
    elif any(matches(paths.POINT_SPREAD_WIDTH, path) for path in named if path != "detector"):
        model = detectors.with_point_spread(model)
    if asked.flat_field is not None or refines_flat_field(refine, asked):
        with about_field("model.detector.flat_field"):
            flat = None if asked.flat_field is None else image(asked.flat_field, "flat field")
            model = detectors.with_flat_field(model, flat)
    return model


def refines_flat_field(names: Sequence[str], asked: DetectorSection) -> bool:
    """Whether the flat field is to be calibrated, which counted photons do: by its name, or a given one with all."""
    return paths.FLAT_FIELD in names or ("detector" in names and asked.flat_field is not None)


def doubts(data: Dataset, names: Sequence[str], asked: DetectorSection) -> Iterator[str]:
    """What a person is to know before the flat field is refined with the parameters of these names."""
    if data.near_field and refines_flat_field(names, asked):
        yield STILL_BEAM


def is_zero(point_spread: object) -> bool:
    """Whether a point spread is given as a width of 0."""
    try:
        return point_spread is not None and float(point_spread) == 0  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
