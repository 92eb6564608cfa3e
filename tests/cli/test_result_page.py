"""`ptychograd inspect` of a result: what it is, and what to do next."""

import numpy as np
import pytest

import ptychograd as pg
from ptychograd.output.texts.verdicts import REMEDIES

PROGRESS = {"ends": [30, 60], "ended": 2, "reason": "", "goal": None}
VERDICT = {"code": "not_solved", "causes": [{"code": "modes", "found": "the beam may have more modes"}]}


def result(**settings):
    """A result of twenty epochs, of which no run was made."""
    arrays = {"object.transmission": np.ones((30, 40), complex), "probe.modes": np.ones((2, 12, 16), complex)}
    columns = [(0.5,) * 20 for _ in pg.fitting.History._fields[:-1]]
    history = pg.fitting.History(*columns)
    said = {
        "stopped": "interrupted",
        "trainable": ["object", "scan.offset"],
        "plan": {"data": {"paths": ["scan.h5"]}},
        "folder": "/beamtime",
    }
    return pg.Result(arrays, {}, history, said | settings, (3e-8, 5e-8))


@pytest.mark.parametrize(("ended", "expected"), [(1, "resume r.h5: finish"), (2, "resume r.h5 --epochs 40: go on")])
def test_a_result_says_what_it_is_and_what_to_do_next(run, tmp_path, ended, expected):
    result(run_progress=PROGRESS | {"ended": ended}, verdict=VERDICT).save(tmp_path / "r.h5")
    status, out, err = run("inspect", "r.h5")
    text = " ".join(out.split())
    assert status == 0, err
    for part in (
        "data /beamtime/scan.h5",
        "far field, object 30 x 40, probe 12 x 16, 2 modes",
        "pixel size 30 nm x 50 nm (y, x)",
        "refined object, scan.offset",
        "epochs 20 of 60 (interrupted)",
        "R = 0.5, χ² = 0.5",
        "verdict not solved: do not trust this image; the beam may have more modes -> more modes (--modes)",
        "ptychograd plot r.h5",
        expected,
    ):
        assert part in text


def test_a_result_of_ones_own_physics_is_told_by_its_arrays(run, tmp_path):
    """There is no run to go on with, and no object to export."""
    result()._replace(arrays={"lens": np.ones(3)}).save(tmp_path / "r.h5")
    status, out, err = run("inspect", "r.h5")
    assert status == 0, err
    assert "arrays lens" in out
    assert "verdict     none" in out
    assert "export" not in out
    assert "resume" not in out


def test_of_a_run_that_no_command_made_no_option_is_named(run, tmp_path):
    """Whatever is wrong with it: a script, and a model of one's own, have no options."""
    codes = list(REMEDIES)
    for few in (codes[k : k + 3] for k in range(0, len(codes), 3)):
        causes = [{"code": code, "found": f"because of {code}"} for code in few]
        there = result(verdict={"code": "not_solved", "causes": causes})
        settings = {name: value for name, value in there.settings.items() if name != "plan"}
        there._replace(settings=settings).save(tmp_path / "r.h5")
        _, out, _ = run("inspect", "r.h5")
        said = " ".join(out.split()).partition("verdict")[2].partition("do next")[0]
        assert all(f"because of {code} -> " in said for code in few)
        assert "--" not in said
        assert "ptychograd" not in said


def test_a_run_at_the_noise_needs_no_more_epochs(run, tmp_path):
    result(run_progress=PROGRESS, verdict={"code": "at_noise", "causes": []}).save(tmp_path / "r.h5")
    assert "resume" not in run("inspect", "r.h5")[1]


def test_a_plan_is_for_data(run, tmp_path):
    result().save(tmp_path / "r.h5")
    status, _, err = run("inspect", "r.h5", "--memory-plan")
    assert status == 2
    assert "r.h5 is a result; --memory-plan is for data." in err
