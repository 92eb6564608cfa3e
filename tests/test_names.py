"""The field's words, in names of the source, options, parameter paths and keys of files; prose is free.

The source is read as text. A word that has a standard term stands in `WORDS` with that term; what may be called so
all the same stands in `FREE`, with the reason.
"""

import io
import re
import tokenize
from pathlib import Path

import h5py
import pytest

import problems
import ptychograd as pg

SOURCE = Path(pg.__file__).parent
WORDS = {  # a part of a name, and what it is called
    "regauged": "gauge_fixed",
    "pace": "momentum schedule",
    "sight": "local view",
    "coarse": "surrogate",
    "pieces": "effects",
    "escape": "stage action",
    "course": "run progress, epoch steps",
    "unbent": "corrected",
    "lit": "illuminated",
    "told": "estimated",
    "thing": "object",
    "words": "summary, text",
    "kept": "archived, retained",
    "dim_photons": "estimate_background",
}
WHOLE = {  # a whole name
    "below": "unsaturated_mask",
    "masked": "mask_pixels",
    "oriented": "apply_orientation",
    "searched": "with_position_search",
    "judged": "with_position_validation",
    "calibrated": "with_flat_field_calibration",
    "cut": "extract_window",
    "look": "extracted",
    "watch": "monitor",
    "settled": "converged",
    "binning": "oversampling",
    "with_binning": "with_oversampling",
    "PositionsSearched": "PositionSearch",
    "PositionsUnbent": "DistortionCorrection",
    "PositionsJudged": "PositionValidation",
    "Settled": "Converged",
    "Watch": "HeldOutMonitor",
    "Still": "EvaluateOnly",
    "InFile": "StreamFromFile",
    "Truth": "GroundTruth",
    "Trial": "OrientationTrial",
    "FreeScale": "ScaleAmbiguity",
    "EmbeddedObject": "SupportedObject",
    "AlikeSlices": "SliceSimilarity",
}
FREE = {
    "escape": "`re.escape` of Python",
}


def wrong(names) -> list[str]:
    """Names that have a standard term, with that term."""
    found = []
    for name in sorted(set(names) - FREE.keys()):
        parts = f"_{name.lower()}_"
        found += [f"{name}: {term}" for word, term in WORDS.items() if f"_{word}_" in parts]
        found += [f"{name}: {WHOLE[name.lstrip('_')]}"] if name.lstrip("_") in WHOLE else []
    return found


def identifiers(text: str) -> set[str]:
    return {
        token.string for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type == tokenize.NAME
    }


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_identifiers_are_the_fields_words(path):
    assert not wrong(identifiers(path.read_text(encoding="utf-8")))


def test_options_and_fields_of_a_plan_are_the_fields_words():
    from ptychograd.cli.option_table import OPTIONS
    from ptychograd.runs.plan.listing import fields

    assert not wrong(option.attribute for option in OPTIONS)
    assert not wrong(name for path in fields() for name in path.split("."))


def test_paths_and_keys_in_files_are_the_fields_words(tmp_path):
    data = problems.measurement()
    model = pg.models.with_background(pg.models.with_refinable_positions(pg.far_field(data), 2), 0.1)
    result = pg.perform(pg.Run(model, data, pg.Nesterov(), (pg.Stage(1),), 14))
    result.save(tmp_path / "result.h5")
    keys = set(result.settings) | set(re.findall(r'"(\w+)":', repr(result.settings)))
    with h5py.File(tmp_path / "result.h5") as file:
        file.visit(lambda name: keys.update(re.split(r"[/.]", name)))
    for path in result.arrays:
        keys |= set(path.split("."))
    assert not wrong(keys)


def test_a_word_that_has_a_term_is_found():
    assert wrong(["with_coarse", "PositionsJudged", "_look", "lit"])
    assert not wrong(["split", "recalled", "lookup", "space", "sightless"])
