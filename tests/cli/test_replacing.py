"""Commands put files in the place of files of their own kind alone."""

from dataclasses import replace

import pytest

import problems
import ptychograd as pg

DATA = problems.measurement
LOST = {
    "other data as the result": ("o.h5", DATA, ("reconstruct", "SCAN", "-o", "o.h5"), "ptychograd result"),
    "text as the result": ("o.h5", None, ("reconstruct", "SCAN", "-o", "o.h5"), "ptychograd result"),
    "data as a half": ("p_half_2.h5", DATA, ("frc", "SCAN", "-o", "p.png"), "ptychograd result"),
    "measured data as simulated": (
        "o.h5",
        lambda: replace(DATA(), truth=None),
        ("simulate", "far-field", "o.h5"),
        "ptychograd dataset with truth/object",
    ),
}


@pytest.fixture
def scan(tmp_path_factory):
    path = tmp_path_factory.mktemp("scan") / "scan.h5"
    pg.write(path, DATA())
    return path


@pytest.mark.parametrize("case", LOST)
def test_only_what_is_of_its_own_kind_is_replaced(run, scan, tmp_path, case):
    name, data, text, kind = LOST[case]
    if data is None:
        (tmp_path / name).write_text("notes of the night")
    else:
        pg.write(tmp_path / name, data())
    before = (tmp_path / name).read_bytes()
    status, _, err = run(*(scan if text_part == "SCAN" else text_part for text_part in text))
    assert status == 2
    assert f"{name} is there and is no readable {kind}: it would be lost" in " ".join(err.split())
    assert (tmp_path / name).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [name]


@pytest.mark.slow
def test_a_result_that_is_replaced_is_named(run, scan, tmp_path):
    text = ("reconstruct", scan, "-o", "r.h5", "--epochs", 1)
    told = [run(*text)[2] for _ in range(2)]
    assert ["r.h5 will be replaced" in err for err in told] == [False, True]
    assert "replaced" not in run("resume", "r.h5", "--epochs", 2)[2]
    assert "replaced" not in run("resume", "r.h5", "--epochs", 3, "-o", "s.h5")[2]
    assert "s.h5 will be replaced" in run("resume", "r.h5", "--epochs", 4, "-o", "s.h5")[2]
