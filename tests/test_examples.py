"""The examples run and end with the number that they promise."""

import importlib.util
import re
from pathlib import Path

import jax
import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


NUMBERS = ("three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen")


LONG = ("deep_image_prior",)


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=pytest.mark.slow if path.stem in LONG else ()) for path in EXAMPLES],
    ids=lambda path: path.stem,
)
def test_example(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):  # as in most people's processes
        assert example.main() is not None


def test_they_say_truly_how_many_lines_one_writes():
    """Blank ones are not counted; fourteen at most."""
    said = {}
    for path in EXAMPLES:
        parts = re.split(r"^# ---- (.*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
        for title, text in zip(parts[::2], parts[1::2], strict=True):
            if title.endswith(" lines"):
                written = NUMBERS[sum(bool(line.strip()) for line in text.splitlines()) - 3]
                said[f"{path.name}, {title}"] = title.endswith(f": {written} lines")
    assert len(said) >= len(EXAMPLES)
    assert all(said.values()), said
