"""A run for every file, previews, and plans in files: what `reconstruct` and `run` do with them."""

import pytest

import problems
import ptychograd as pg
from ptychograd.cli.reconstruct import perform_each


class Failing:
    """A run that fails for one file."""

    def __init__(self, end):
        self.end, self.paths = end, []

    def __call__(self, plan):
        self.paths += plan.data.paths
        assert not plan.data.each
        if plan.data.paths == ("b.h5",):
            raise self.end
        return pg.Result({}, {}, pg.fitting.History.empty(), {"stopped": "all epochs done"})


PLAN = pg.Plan(data={"paths": ["a.h5", "b.h5", "c.h5"], "each": True})


@pytest.mark.parametrize(
    ("end", "reason"), [(pg.InputError("There is no\nscan."), "There is no scan."), (SystemExit(2), "failed")]
)
def test_a_run_that_fails_harms_no_other_and_stands_in_the_table(capsys, end, reason):
    run = Failing(end)
    with pytest.raises(SystemExit) as left:
        perform_each(PLAN, run)
    assert left.value.code == 2
    assert run.paths == ["a.h5", "b.h5", "c.h5"]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[-3:]] == ["a.h5", "b.h5", "c.h5"]
    assert lines[-2].endswith(reason)


def test_an_interrupt_ends_all_and_the_table_has_what_was_done(capsys):
    run = Failing(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        perform_each(PLAN, run)
    assert run.paths == ["a.h5", "b.h5"]
    assert capsys.readouterr().out.splitlines()[-1].startswith("a.h5")


def test_one_result_for_several_scans_is_refused(run):
    status, _, err = run("reconstruct", "a.h5", "b.h5", "--each", "-o", "r.h5")
    assert status == 2
    assert "--output r.h5 is one file, and every scan has a result of its own with --each; name a folder." in " ".join(
        err.split()
    )


def test_results_go_into_the_folder_that_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    places = []

    def run(plan):
        places.append((plan.data.paths, plan.output.result))
        return pg.Result({}, {}, pg.fitting.History.empty(), {"stopped": "all epochs done"})

    perform_each(pg.Plan(data={"paths": ["in/a.h5", "b.cxi"], "each": True}, output={"result": "out/night"}), run)
    assert places == [(("in/a.h5",), "out/night/a_result.h5"), (("b.cxi",), "out/night/b_result.h5")]
    assert (tmp_path / "out" / "night").is_dir()


def test_results_of_earlier_runs_are_no_data(run, tmp_path):
    for name in ("a_result.h5", "b_result.h5"):
        pg.Result({}, {}, pg.fitting.History.empty(), {}).save(tmp_path / name)
    status, out, err = run("reconstruct", "a.h5", "a_result.h5", "b_result.h5", "c.h5", "--each")
    assert "a_result.h5 and 1 more are left out: results of runs, no data" in err
    assert [line.split()[0] for line in out.splitlines()[-2:]] == ["a.h5", "c.h5"]  # which are not there
    status, _, err = run("reconstruct", "a_result.h5", "b_result.h5", "--each")
    assert status == 2
    assert "a_result.h5, b_result.h5 are results, and no data; name the files of scans." in " ".join(err.split())


@pytest.mark.slow
def test_every_file_has_its_result_and_a_missing_one_is_told(run, tmp_path):
    for number, name in enumerate(("a.h5", "b.h5")):
        pg.write(tmp_path / name, problems.measurement(seed=number))
    status, out, err = run("reconstruct", "a.h5", "none.h5", "b.h5", "--each", "--epochs", 1)
    assert status == 2
    assert "none.h5: there is no such file" in err
    assert [line.split()[0] for line in out.splitlines()[-3:]] == ["a.h5", "none.h5", "b.h5"]
    assert (tmp_path / "a_result.h5").exists()
    assert (tmp_path / "b_result.h5").exists()


@pytest.mark.slow
def test_a_plan_in_a_file_is_run_with_fields_changed(run, tmp_path):
    pg.write(tmp_path / "a.h5", problems.measurement())
    (tmp_path / "run.toml").write_text('[data]\npaths = "a.h5"\n[fit]\nepochs = 9\nbatch_size = 8\n')
    assert run("run", "run.toml", "--set", "fit.epochs=2", "-o", "r.h5")[0] == 0
    assert run("reconstruct", "a.h5", "--epochs", 2, "--batch-size", 8, "-o", "s.h5")[0] == 0
    assert pg.load("r.h5").history.loss == pg.load("s.h5").history.loss


@pytest.mark.slow
def test_a_preview_is_a_picture_and_nothing_else(run, tmp_path):
    pg.write(tmp_path / "a.h5", problems.measurement())
    status, out, err = run("reconstruct", "a.h5", "--preview", "--refine", "scan.offset")
    assert status == 0, err
    assert "preview: R = " in out
    assert (tmp_path / "a_preview.png").read_bytes().startswith(b"\x89PNG")
    assert not list(tmp_path.glob("*result*"))


def test_results_of_one_name_are_refused_before_the_first_run(run, tmp_path):
    status, _, err = run("reconstruct", "one/a.h5", "two/a.h5", "--each")
    assert status == 2
    assert "one/a.h5 and two/a.h5 would both end in a_result.h5" in err
    assert not list(tmp_path.glob("*.h5"))
