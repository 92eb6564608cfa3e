"""Saturation is found wherever in the scan it is, and the finding says how many patterns were looked at."""

import numpy as np
import pytest

import ptychograd as pg
from ptychograd.data.checks import Evidence, detector
from ptychograd.data.checks.detector import saturation
from ptychograd.data.dataset import StreamFromFile
from ptychograd.data.files import read, write


def measured(count, full=()):
    """Poisson patterns of 100 photons a pixel, with six pixels full at 500 in the patterns that are named."""
    patterns = np.random.default_rng(3).poisson(100, (count, 9, 11)).astype(np.uint16)
    for number in full:
        patterns[number, 2:4, 3:6] = 500
    return pg.make_dataset(patterns, np.random.default_rng(4).uniform(0, 40, (count, 2)))


def test_one_full_pattern_of_many_is_found():
    found = saturation(Evidence.of(measured(200, full=[3])))
    assert found is not None
    assert found.verdict == "bad"
    assert found.figures["pixels_at_largest"] == 6
    assert found.figures["patterns"] == 200
    assert "6 pixels of 200 patterns at exactly 500" in found.found


def test_counts_of_photons_have_no_plateau_however_many_are_looked_at():
    """Of whole counts below 33 the nearest one is farther off than 3 %: it counts as just below."""
    rates = np.random.default_rng(5).uniform(0, 12, (9, 11))
    for seed in range(20):
        patterns = np.random.default_rng(seed).poisson(rates, (2000, 9, 11)).astype(np.uint16)
        found = saturation(Evidence.of(pg.make_dataset(patterns, np.zeros((2000, 2)))))
        assert found is not None
        assert found.verdict == "good"


@pytest.mark.parametrize(("limit", "examined"), [(10**9, 60), (8000, 40)])
def test_of_a_large_file_a_part_is_read_and_the_words_say_so(tmp_path, monkeypatch, limit, examined):
    write(tmp_path / "d.h5", measured(60, full=range(0, 60, 2)))  # in every one they would be the mark of a gap
    data = read(tmp_path / "d.h5", keep=StreamFromFile(0, 2000))
    monkeypatch.setattr(detector, "BLOCK", 2000)
    monkeypatch.setattr(detector, "EXAMINED", limit)
    found = saturation(Evidence.of(data))
    assert found is not None
    assert found.verdict == "bad"
    assert found.figures["patterns"] == examined
    assert ("40 of 60 patterns that were looked at" in found.found) == (examined == 40)
