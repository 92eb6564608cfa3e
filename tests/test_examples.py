"""The examples run and end with the number that they promise."""

import importlib.util
from pathlib import Path

import jax
import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


SLOW = ("own_physics",)


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=[pytest.mark.slow] * (path.stem in SLOW), id=path.stem) for path in EXAMPLES],
)
def test_example(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):  # as in most people's processes
        assert example.main() is not None


def test_examples_are_there():
    assert EXAMPLES
