"""`ptychograd sweep`, and what `reconstruct` does by itself: when it stops, and what it holds out."""

import csv
import json

import numpy as np
import pytest

import problems
import ptychograd as pg

GRID = ("--grid", "batch-size=4,8", "--grid", "seed=0,1")
MADE = {"sweep.csv", "sweep.json", "sweep.txt", "sweep.png", "best.h5", "runs"}


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """A small data file, with a start probe and without the truth."""
    path = tmp_path_factory.mktemp("scan") / "scan.h5"
    pg.write(path, problems.measurement(truth=None))
    return path


def numbers(folder):
    return json.loads((folder / "sweep.json").read_text(encoding="utf-8"))


def times(folder):
    """When each finished run was written."""
    return {path.name: path.stat().st_mtime_ns for path in (folder / "runs").iterdir()}


# Sweeps ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_sweep_leaves_table_map_and_best_result(run, scan, tmp_path):
    """The same figures as JSON, CSV and text, a picture, and the run of the smallest R-factor."""
    status, out, err = run("sweep", scan, *GRID, "--epochs", 2)
    assert status == 0, err
    folder = tmp_path / "scan_sweep"
    assert {path.name for path in folder.iterdir()} == MADE
    rows = numbers(folder)
    assert [(row["fit.batch_size"], row["seed"]) for row in rows] == [(4, 0), (4, 1), (8, 0), (8, 1)]
    assert len({row["r_factor"] for row in rows}) == 4
    with open(folder / "sweep.csv", encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    for name in ("fit.batch_size", "seed", "r_factor", "loss"):
        assert [float(line[name]) for line in lines] == pytest.approx([row[name] for row in rows], rel=1e-4)
    assert [line["verdict"] for line in lines] == [row["verdict"] for row in rows]
    assert {row["verdict"] for row in rows} <= {"at_noise", "near_noise", "not_solved"}
    text = (folder / "sweep.txt").read_text(encoding="utf-8")
    assert text in out
    assert [line.split() for line in text.splitlines()[2:]] == [list(line.values()) for line in lines]
    assert (folder / "sweep.png").read_bytes().startswith(b"\x89PNG")
    best = min(rows, key=lambda row: row["r_factor"])
    assert f"best: fit.batch_size={best['fit.batch_size']} seed={best['seed']}, r_factor {best['r_factor']:.5g}" in out
    result = pg.load(folder / "best.h5")
    assert result.history.r_factor[-1] == best["r_factor"]
    assert (result.settings["batch_size"], result.settings["seed"]) == (best["fit.batch_size"], best["seed"])


@pytest.mark.slow
def test_each_run_of_a_sweep_is_what_reconstruct_makes(run, scan, tmp_path):
    assert run("sweep", scan, "--grid", "seed=0,1", "--batch-size", 8, "--epochs", 2)[0] == 0
    assert run("reconstruct", scan, "-o", "r.h5", "--seed", 1, "--batch-size", 8, "--epochs", 2)[0] == 0
    alone, swept = pg.load("r.h5"), pg.load(tmp_path / "scan_sweep" / "runs" / "seed-1.h5")
    np.testing.assert_allclose(swept.history.loss, alone.history.loss, rtol=1e-3)
    np.testing.assert_allclose(swept.object, alone.object, atol=1e-2)


@pytest.mark.slow
def test_finished_runs_are_not_computed_again(run, scan, tmp_path):
    """The same command touches none of them; a longer axis adds to them; another option replaces them."""
    options = ("--batch-size", 8, "-o", tmp_path / "s")
    assert run("sweep", scan, "--grid", "seed=0,1", "--epochs", 1, *options)[0] == 0
    before, found = times(tmp_path / "s"), numbers(tmp_path / "s")
    assert run("sweep", scan, "--grid", "seed=0,1", "--epochs", 1, *options)[0] == 0
    assert times(tmp_path / "s") == before
    assert numbers(tmp_path / "s") == found
    assert run("sweep", scan, "--grid", "seed=1,2,0", "--epochs", 1, *options)[0] == 0
    longer = times(tmp_path / "s")
    assert longer.keys() == {*before, "seed-2.h5"}
    assert longer.items() > before.items()
    assert [row["seed"] for row in numbers(tmp_path / "s")] == [1, 2, 0]
    assert run("sweep", scan, "--grid", "seed=0,1", "--epochs", 2, *options)[0] == 0
    after = times(tmp_path / "s")
    assert all(after[name] > before[name] for name in before)
    assert all(row["loss"] < old["loss"] for row, old in zip(numbers(tmp_path / "s"), found, strict=True))


@pytest.mark.slow
def test_step_sizes_are_axes_and_divergent_ones_are_told(run, scan, tmp_path):
    """null in JSON, nan in the table, a cross in the map, and never the best; the fixed step is in all runs."""
    steps = (
        "--solver",
        "adam",
        "--set",
        "fit.solver.steps.probe=1",
        "--grid",
        "fit.solver.steps.object=1e30,0.02,0.05",
    )
    status, out, err = run("sweep", scan, *steps, "--epochs", 2, "--batch-size", 8)
    assert status == 0, err
    bad, *good = numbers(tmp_path / "scan_sweep")
    reason = "diverged after 0 epochs; take smaller steps"
    assert bad == {"fit.solver.steps.object": 1e30, "r_factor": None, "loss": None, "reason": reason}
    assert all(np.isfinite([row["r_factor"], row["loss"]]).all() for row in good)
    assert out.splitlines()[2].split() == ["1e+30", "nan", "nan", *reason.split()]
    best = pg.load(tmp_path / "scan_sweep" / "best.h5")
    assert best.history.r_factor[-1] == min(row["r_factor"] for row in good)
    assert "probe 1" in best.settings["solver"]


@pytest.mark.slow
def test_a_sweep_that_diverges_everywhere_says_so(run, scan, tmp_path):
    steps = ("--solver", "adam", "--set", "fit.solver.steps.probe=1", "--grid", "fit.solver.steps.object=1e30,1e31")
    status, _, err = run("sweep", scan, *steps, "--epochs", 2, "--batch-size", 8)
    assert status == 2
    assert "Every run diverged; take smaller steps." in err
    assert {path.name for path in (tmp_path / "scan_sweep").iterdir()} == MADE - {"best.h5"}


@pytest.mark.slow
def test_three_axes_have_no_map(run, scan, tmp_path):
    """But a table and a best result all the same."""
    grid = ("--grid", "epochs=1,2", "--grid", "seed=0,1", "--grid", "batch-size=8,14")
    status, _, err = run("sweep", scan, *grid, "-o", "s")
    assert status == 0, err
    assert {path.name for path in (tmp_path / "s").iterdir()} == MADE - {"sweep.png"}
    assert len(numbers(tmp_path / "s")) == 8


@pytest.mark.slow
def test_where_there_is_a_truth_its_errors_are_in_the_table(run, tmp_path):
    pg.write(tmp_path / "truth.h5", problems.measurement())
    assert run("sweep", "truth.h5", "--grid", "seed=0,1", "--batch-size", 8, "--epochs", 2)[0] == 0
    (tmp_path / "truth_sweep" / "best.h5").rename(tmp_path / "best.h5")
    _, out, _ = run("compare", "best.h5", "truth.h5", "--json")
    rows = numbers(tmp_path / "truth_sweep")
    best = min(rows, key=lambda row: row["r_factor"])
    assert json.loads(out) == pytest.approx({name: best[name] for name in json.loads(out)})


@pytest.mark.slow
def test_best_is_what_fits_the_patterns_held_out(run, scan, tmp_path):
    """Their R-factor is in the table and decides, though longer runs fit the others better."""
    options = ("--hold-out", 0.2, "--seed", 4, "--batch-size", 8)
    status, out, err = run("sweep", scan, "--grid", "epochs=2,4", *options)
    assert status == 0, err
    rows = numbers(tmp_path / "scan_sweep")
    best = min(rows, key=lambda row: row["held_out_r_factor"])
    assert f"best: fit.epochs={best['fit.epochs']}, held_out_r_factor {best['held_out_r_factor']:.5g}" in out
    result = pg.load(tmp_path / "scan_sweep" / "best.h5")
    assert result.history.r_factor[-1] == best["r_factor"]
    _, held = pg.hold_out(pg.read(scan), 0.2, 4)
    assert pg.r_factor(result.onto(pg.far_field(held)), held) == pytest.approx(best["held_out_r_factor"], rel=1e-4)
    assert run("sweep", scan, "--grid", "epochs=2,4", *options)[0] == 0
    again = [row["held_out_r_factor"] for row in numbers(tmp_path / "scan_sweep")]
    assert again == pytest.approx([row["held_out_r_factor"] for row in rows], rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        ("--grid", "modes=1,2"),
        ("--solver", "adam", "--grid", "fit.solver.steps.object=0.02", "--grid", "fit.solver.steps.probe=1,3"),
    ],
    ids=["modes", "steps"],
)
def test_what_is_held_out_is_measured_again_for_finished_runs(run, scan, tmp_path, options):
    """Each with the model of its own point, which need not be that of the other options."""
    command = ("sweep", scan, *options, "--hold-out", 0.2, "--batch-size", 8, "--epochs", 2)
    assert run(*command)[0] == 0
    found = numbers(tmp_path / "scan_sweep")
    status, _, err = run(*command)
    assert status == 0, err
    again = numbers(tmp_path / "scan_sweep")
    assert [row.keys() for row in again] == [row.keys() for row in found]
    for before, after in zip(found, again, strict=True):
        words = {name for name, value in before.items() if isinstance(value, str)}
        assert {name: after[name] for name in words} == {name: before[name] for name in words}
        figures = {name: value for name, value in before.items() if name not in words}
        assert {name: after[name] for name in figures} == pytest.approx(figures, rel=1e-5)


@pytest.mark.slow
def test_runs_of_other_data_are_not_taken_for_finished(run, tmp_path):
    """Though the file has the same name, and all options are the same."""
    command = ("sweep", "scan.h5", "--grid", "seed=0,1", "--batch-size", 8, "--epochs", 1)
    losses = []
    for photons in (1e5, 1e3):
        pg.write(tmp_path / "scan.h5", problems.measurement(photons, truth=None))
        assert run(*command)[0] == 0
        losses.append([row["loss"] for row in numbers(tmp_path / "scan_sweep")])
    assert max(losses[1]) < 0.1 * min(losses[0])


@pytest.mark.slow
def test_a_single_point_is_a_grid_too(run, scan, tmp_path):
    """However many axes say so."""
    grid = ("--grid", "seed=0", "--grid", "batch-size=8", "--grid", "modes=1")
    status, out, err = run("sweep", scan, *grid, "--epochs", 1)
    assert status == 0, err
    assert "best: seed=0 fit.batch_size=8 model.probe.modes=1" in out
    assert pg.load(tmp_path / "scan_sweep" / "best.h5").history.epochs == 1


@pytest.mark.slow
def test_the_data_may_be_those_of_the_plan(run, scan, tmp_path):
    (tmp_path / "run.toml").write_text(f"[data]\npaths = '{scan}'\n[fit]\nepochs = 1\n")
    assert run("sweep", "--plan", "run.toml", "--grid", "seed=3")[0] == 0
    assert pg.load(tmp_path / "scan_sweep" / "best.h5").settings["seed"] == 3
    for command in (("sweep", "--grid", "seed=3"), ("scan-distance", "--from", "1", "--to", "2"), ("frc",)):
        status, _, err = run(*command)
        assert (status, "No data: name a file" in err) == (2, True), err


# Positions and slices ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_refined_positions_and_given_ones_are_judged_by_the_same_patterns(run, scan, tmp_path):
    """One grid holds both; the best result carries the plan of its point, and says what was held out."""
    grid = ("--grid", 'fit.refine=[],["scan.offset"]')
    for _ in range(2):
        status, _, err = run("sweep", scan, *grid, "--batch-size", 14, "--epochs", 2)
        assert status == 0, err
    assert "of the patterns are held out of every run" in err
    rows = numbers(tmp_path / "scan_sweep")
    assert [row["fit.refine"] for row in rows] == [[], ["scan.offset"]]
    assert all(0 < row["held_out_r_factor"] < 1 for row in rows)
    names = sorted(times(tmp_path / "scan_sweep"))
    assert len(names) == 2
    assert names[0].startswith("fit.refine-___")
    assert names[1].startswith("fit.refine-__scan.offset___")
    best = pg.load(tmp_path / "scan_sweep" / "best.h5")
    assert list(pg.Plan.of_result(best).fit.refine) == best.settings["point"]["fit.refine"]
    assert best.settings["held_out_r_factor"] == pytest.approx(min(row["held_out_r_factor"] for row in rows), rel=1e-4)


@pytest.mark.slow
def test_the_number_of_slices_is_an_axis(run, scan, tmp_path):
    """From one, a thin object, for which the distance between slices means nothing."""
    grid = ("--grid", "model.object.slices=1,2", "--set", "model.object.slice_distance=1 um")
    optics = ("--set", "geometry.wavelength=1 nm", "--set", "geometry.pixel_size=50 um", "--distance", "1 m")
    status, _, err = run("sweep", scan, *grid, *optics, "--batch-size", 14, "--epochs", 1)
    assert status == 0, err
    assert [row["model.object.slices"] for row in numbers(tmp_path / "scan_sweep")] == [1, 2]
    shapes = [pg.load(path).object.ndim for path in sorted((tmp_path / "scan_sweep" / "runs").iterdir())]
    assert shapes == [2, 3]


# Searches -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_search_leaves_what_a_grid_leaves_and_goes_on(run, scan, tmp_path):
    """Table, picture, best result and trials; called again it computes nothing, with more trials some more."""
    space = ("--search", "batch-size=8:28:log", "--search", "fit.solver.momentum=0.5|0.9")
    command = ("sweep", scan, *space, "--epochs", 1, "--method", "random")
    status, out, err = run(*command, "--trials", 2)
    assert status == 0, err
    assert "0.05 of the patterns are held out of every run" in err
    folder = tmp_path / "scan_sweep"
    assert {path.name for path in folder.iterdir()} == MADE | {"search.sqlite3"}
    rows, before = numbers(folder), times(folder)
    assert [8 <= row["fit.batch_size"] <= 28 and row["fit.solver.momentum"] in (0.5, 0.9) for row in rows] == [True] * 2
    best = min(rows, key=lambda row: row["held_out_r_factor"])
    assert f"held_out_r_factor {best['held_out_r_factor']:.5g}" in out
    plan = pg.Plan.of_result(pg.load(folder / "best.h5"))
    assert (plan.fit.batch_size, plan.validation.hold_out) == (best["fit.batch_size"], 0.05)
    status, _, err = run(*command, "--trials", 3)
    assert status == 0, err
    assert numbers(folder)[:2] == rows
    assert len(numbers(folder)) == 3
    assert times(folder).items() >= before.items()
    status, _, err = run(*command, "--trials", 3, "--modes", 2)
    assert status == 2
    assert "of a search of another plan; give another folder" in err


MISTAKES = {
    "no grid": ((), "give one of them, as --grid"),
    "axis that is none": (("--grid", "lens=1,2"), "`lens` is unknown"),
    "axis with a typo": (("--grid", "fit.batchsize=1,2"), "did you mean"),
    "axis without values": (("--grid", "seed="), "expected NAME=VALUE"),
    "axis of commas": (("--grid", "seed=,"), "seed"),
    "axis without a name": (("--grid", "1,2"), "expected NAME=VALUE"),
    "number that is none": (("--grid", "batch-size=4,many"), '"many"'),
    "number that is not whole": (("--grid", "batch-size=4.5"), "no whole number"),
    "number of epochs that is none": (("--grid", "epochs=some"), '"some"'),
    "step that is no number": (("--grid", "fit.solver.steps.object=0.1,big"), '"big" is no number'),
    "step below zero": (
        ("--solver", "adam", "--set", "fit.solver.steps.probe=1", "--grid", "fit.solver.steps.object=-1"),
        "above zero",
    ),
    "step for a solver that takes none": (
        ("--grid", "fit.solver.steps.object=0.1"),
        "`fit.solver.steps` is for adam; nesterov takes none",
    ),
    "start that is none": (("--grid", "start=flat,round"), "expected one of: 'flat' or 'random'"),
    "solver that is none": (("--grid", "solver=magic"), '"magic"'),
    "batch of too many": (("--grid", "batch-size=57"), "give 1 to 56"),
    "no modes": (
        ("--grid", "modes=0,-1"),
        "--modes 0: expected 1 or more",
    ),
    "precision": (("--grid", "precision=single,double"), "one process has one precision"),
    "value twice": (("--grid", "distance=1 mm,0.001"), "has a value twice"),
    "both": (("--grid", "seed=0,1", "--search", "batch-size=4:8"), "both are given; leave one out"),
    "trials of a grid": (("--grid", "seed=0,1", "--trials", "3"), "--trials and --method are for --search"),
    "search of one value": (("--search", "batch-size=4"), "expected fit.batch_size=LOW:HIGH"),
    "search with a wrong end": (("--search", "batch-size=4:8:lin"), "expected fit.batch_size=LOW:HIGH"),
    "search of words": (("--search", "noise=poisson:amplitude"), "no numbers to search between"),
    "search of the judge": (("--search", "hold-out=0.1:0.2"), "can't be searched"),
    "search of a field twice": (("--search", "batch-size=4:8", "--search", "fit.batch_size=4:9"), "twice"),
    "no trials": (("--search", "batch-size=4:8", "--trials", "0"), "0 trials"),
    "share of everything": (("--grid", "seed=0", "--hold-out", "1"), "expected 0 to 0.5"),
    "folder that is a file": (("--grid", "seed=0", "-o", "file"), "can't be made"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_ends_in_one_sentence_and_status_2(run, scan, mistake, tmp_path):
    arguments, expected = MISTAKES[mistake]
    (tmp_path / "file").write_text("no folder")
    status, out, err = run("sweep", scan, "--epochs", 1, *arguments)
    assert status == 2
    assert expected in err
    assert "Traceback" not in err
    *_, sentence = err.strip().splitlines()
    assert sentence.startswith("ptychograd: ")
    assert not out.strip()
    assert not list(tmp_path.rglob("*.h5"))


# By itself ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_auto_stops_at_the_noise_before_all_epochs(run, scan):
    """An easy problem is at the noise of its photons; what was left to cool is done, and no more."""
    status, out, err = run("reconstruct", scan, "-o", "r.h5", "--epochs", "auto", "--json")
    assert status == 0, err
    figures = json.loads(out.splitlines()[-1])
    assert figures["stopped"].startswith("at the noise of counting photons after ")
    assert figures["stopped"] in out.splitlines()[0]
    settled = int(figures["stopped"].split()[-2])
    assert settled < figures["epochs"] < 300
    assert 0.8 < figures["chi_squared"] <= 1.02
    history = pg.load("r.h5").history
    assert max(history.chi_squared[settled - 5 : settled]) <= 1.02 < history.chi_squared[settled - 6]


@pytest.mark.slow
def test_auto_stops_where_nothing_is_gained(run, tmp_path):
    """Patterns without an object that explains them fall to a level above their noise and stay there."""
    data = problems.measurement(truth=None)
    order = np.random.default_rng(0).permutation(data.count)
    pg.write(tmp_path / "mixed.h5", pg.make_dataset(data.patterns[order], data.positions, probe=data.probe))
    status, out, err = run("reconstruct", "mixed.h5", "--epochs", "auto", "--json")
    assert status == 0, err
    figures = json.loads(out.splitlines()[-1])
    assert figures["stopped"].startswith("no longer falling after ")
    assert figures["epochs"] < 300
    assert figures["chi_squared"] > 10


@pytest.mark.slow
def test_a_number_of_epochs_is_done(run, scan):
    """However settled they are: only `auto` ends a run early."""
    _, out, _ = run("reconstruct", scan, "-o", "r.h5", "--epochs", 200, "--json")
    figures = json.loads(out.splitlines()[-1])
    assert (figures["epochs"], figures["stopped"]) == (200, "all epochs done")


@pytest.mark.slow
def test_no_epochs_are_the_start(run, scan):
    """And fewer than none are refused."""
    status, out, err = run("reconstruct", scan, "-o", "r.h5", "--epochs", 0, "--json")
    assert status == 0, err
    assert json.loads(out.splitlines()[-1])["epochs"] == pg.load("r.h5").history.epochs == 0
    status, _, err = run("reconstruct", scan, "-o", "less.h5", "--epochs", -5)
    assert status == 2
    assert "--epochs -5: expected 0 or more" in err


@pytest.mark.slow
def test_patterns_held_out_are_told_apart(run, scan):
    """Their R-factor is that of the result for patterns which it did not see, on screen, in JSON and in the file."""
    options = ("--hold-out", 0.1, "--seed", 3, "--epochs", 2, "--batch-size", 8)
    status, out, err = run("reconstruct", scan, "-o", "r.h5", *options, "--json")
    assert status == 0, err
    held_r = json.loads(out.splitlines()[-1])["held_out_r_factor"]
    assert f"(held-out patterns {held_r:.4f})" in out
    result = pg.load("r.h5")
    assert result.settings["held_out_r_factor"] == held_r
    fitted, held = pg.hold_out(pg.read(scan), 0.1, 3)
    model = result.onto(pg.far_field(held))
    assert pg.r_factor(model, held) == pytest.approx(held_r, rel=1e-4)
    assert abs(pg.r_factor(model, fitted) / held_r - 1) > 0.01
    expected = pg.reconstruct(pg.far_field(fitted), fitted, pg.Nesterov(), epochs=2, batch_size=8, seed=3)
    np.testing.assert_allclose(result.object, expected.object, atol=1e-2)


@pytest.mark.slow
def test_without_a_share_nothing_is_held_out(run, scan):
    _, out, _ = run("reconstruct", scan, "-o", "r.h5", "--epochs", 2, "--batch-size", 8, "--json")
    assert json.loads(out.splitlines()[-1])["held_out_r_factor"] is None
    assert "held-out" not in out.splitlines()[0]
    assert "held_out_r_factor" not in pg.load("r.h5").settings
