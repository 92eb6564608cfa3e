"""Finished runs in a folder: the same one is found again, and no other."""

import numpy as np
import pytest

import problems
import ptychograd as pg
from ptychograd.runs.archive import archived, keep

WHAT = {"solver": "adam", "photons": 1e6, "size": (3, 2), "step": None}


@pytest.fixture(scope="module")
def result():
    data = problems.measurement()
    return pg.reconstruct(problems.start_model(data), data, pg.adam(0.01), epochs=2, batch_size=8)


def test_the_same_run_is_found_again(result, tmp_path):
    """Its arrays, history and settings, without the solver's state, which is larger than all else."""
    keep(tmp_path, "a run, 1e+06 photons", result, WHAT)
    found = archived(tmp_path, "a run, 1e+06 photons", WHAT)
    assert found.arrays.keys() == result.arrays.keys()
    for name, array in result.arrays.items():
        assert found.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(found.arrays[name], array)
    assert found.history == result.history
    assert found.stopped == result.stopped
    assert found.settings["solver"] == result.settings["solver"]
    assert result.state
    assert not found.state


@pytest.mark.parametrize(
    "other",
    [WHAT | {"photons": 1e3}, WHAT | {"size": (2, 3)}, WHAT | {"more": 1}, {"solver": "adam"}, {}],
    ids=["value", "order", "more", "less", "nothing"],
)
def test_another_run_of_that_name_is_not_taken_for_it(result, tmp_path, other):
    keep(tmp_path, "run", result, WHAT)
    assert archived(tmp_path, "run", other) is None
    assert archived(tmp_path, "run", WHAT) is not None


def test_a_newer_run_takes_the_place_of_the_older(result, tmp_path):
    keep(tmp_path, "run", result, WHAT)
    keep(tmp_path, "run", result, WHAT | {"photons": 1e3})
    assert archived(tmp_path, "run", WHAT) is None
    assert archived(tmp_path, "run", WHAT | {"photons": 1e3}) is not None


def test_a_run_of_another_name_is_not_found(result, tmp_path):
    keep(tmp_path, "run", result, WHAT)
    assert archived(tmp_path, "another", WHAT) is None
    assert archived(tmp_path / "elsewhere", "run", WHAT) is None


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut_short_is_no_run(result, tmp_path, share):
    keep(tmp_path, "run", result, WHAT)
    (path,) = tmp_path.rglob("*.h5")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert archived(tmp_path, "run", WHAT) is None


def test_a_result_that_nobody_kept_is_no_run(result, tmp_path):
    """One that `reconstruct` wrote tells nothing of what was asked for."""
    (tmp_path / "runs").mkdir()
    result.save(tmp_path / "runs" / "run.h5")
    assert archived(tmp_path, "run", WHAT) is None
