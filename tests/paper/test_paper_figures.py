"""The paper's figures, made of tiny experiments: what is written, what is told, what is not done again."""

import csv
import json
from functools import partial

import numpy as np
import pytest

from ptychograd.paper import fig2, fig3
from ptychograd.paper import monitored_runs as _monitored
from ptychograd.paper.far_field import FarFieldExperiment
from ptychograd.paper.report import Reproduction, write
from ptychograd.runs import sweeps as _sweep
from ptychograd.runs.benchmark import Timing

TINY = partial(FarFieldExperiment, frame=16, object_size=20, box=33, step=8)  # 9 patterns
SECONDS = {"forward model": 0.001, "ePIE": 0.002, "AD-ePIE": 0.003, "Adam": 0.004}
STEPS = {"object": (0.01, 1e30), "probe": (1.0, 0.1, 0.5)}  # of which the second object step diverges


def times(model, data, batch_size, rounds, solvers):
    """In the place of the benchmark, which takes longer than all else."""
    assert solvers.keys() == SECONDS.keys()
    return {}, {name: Timing(SECONDS[name], 1.0, 1.0, 1.0, 1) for name in solvers}


def errors(result, data):
    """In the place of the comparison with the truth, whose registration takes long: no object is shifted here."""
    pairs = {"object": (result.object, data.truth.object), "probe": (result.probe[0], data.truth.probe[0])}
    return {
        f"{name}_nrmse": float(np.linalg.norm(np.abs(found) - np.abs(truth)) / np.linalg.norm(truth))
        for name, (found, truth) in pairs.items()
    }


def nothing(*arguments, **options):
    raise RuntimeError("something is computed")


def only_nothing(runs, at_once=None, check=None):
    """`try_all` for no runs."""
    return nothing() if runs else iter(())


def make_tiny(patch):
    """Experiments of seconds in the place of those of half an hour."""
    patch.setattr(fig2, "EXPERIMENT", TINY())
    patch.setattr(fig2, "QUICK_EPOCHS", 3)
    patch.setattr(fig2, "time_solvers", times)
    patch.setattr(fig3, "FarFieldExperiment", TINY)
    for module in (_monitored, fig3):
        patch.setattr(module, "compare_with_truth", errors)
    for name, value in {
        "COUNTS": (1e6,),
        "BATCH": 5,
        "QUARTER": 3,
        "QUICK_OBJECT_STEPS": STEPS["object"],
        "QUICK_PROBE_STEPS": STEPS["probe"],
        "QUICK_EPOCHS": 3,
        "EPIE_EPOCHS": 2,
    }.items():
        patch.setattr(fig3, name, value)


class Made:
    """A figure reproduced and written into a folder, with the shares that were told."""

    def __init__(self, figure, name, folder):
        self.folder, self.name, self.shares = folder, name, []
        self.report = figure.reproduce(Reproduction(folder, True, lambda share, what: self.shares.append(float(share))))
        write(self.report, folder, name)
        self.numbers = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        with open(folder / f"{name}.csv", encoding="utf-8", newline="") as file:
            self.records = list(csv.DictReader(file))

    def is_whole(self):
        """Everything that a person looks at afterwards is there."""
        assert (self.folder / f"{self.name}.png").read_bytes().startswith(b"\x89PNG")
        text = (self.folder / f"{self.name}.txt").read_text(encoding="utf-8")
        assert text == self.report.text
        assert sum(self.shares) == pytest.approx(1)
        assert len(self.shares) > 3
        return text


@pytest.fixture(scope="module")
def figure2(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        make_tiny(patch)
        return Made(fig2, "fig2", tmp_path_factory.mktemp("fig2"))


@pytest.fixture(scope="module")
def figure3(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        make_tiny(patch)
        return Made(fig3, "fig3", tmp_path_factory.mktemp("fig3"))


# Fig. 2 ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_figure_2_stands_beside_the_papers_numbers(figure2):
    """Errors of sections 3.3 and 3.4 and milliseconds of an update, by method; and what was left out."""
    text = figure2.is_whole()
    rows = {row[0]: row[1:] for row in figure2.report.rows}
    papers = {name: row[1] for name, row in rows.items()}
    assert papers == {
        "ePIE": "0.06, 0.04",
        "AD-ePIE": "as ePIE",
        "Adam": "0.03, 0.02",
        "forward model, time of an update": "1 ms (1.0:1)",
        "ePIE, time of an update": "1.2 ms (1.2:1)",
        "AD-ePIE, time of an update": "4 ms (4.0:1)",
        "Adam, time of an update": "5.8 ms (5.8:1)",
    }
    assert rows["Adam, time of an update"][0] == "4.0000 ms (4.0:1)"
    assert "3 iterations in place of 150" in text
    assert "mandrill" in text


@pytest.mark.slow
def test_figure_2_has_every_epoch_of_every_method(figure2):
    """In JSON as curves, in CSV as a line for each; the table tells the last."""
    curves = figure2.numbers["curves"]
    assert list(curves) == ["ePIE", "AD-ePIE", "Adam"]
    assert len(figure2.records) == 9
    for method, curve in curves.items():
        assert curve["epoch"] == [1, 2, 3]
        lines = [line for line in figure2.records if line["method"] == method]
        for name in ("epoch", "loss", "object_nrmse", "probe_nrmse"):
            assert [float(line[name]) for line in lines] == curve[name]
            assert np.isfinite(curve[name]).all()
        (ours,) = [row[1] for row in figure2.report.rows if row[0] == method]
        assert ours == f"{curve['object_nrmse'][-1]:.4f}, {curve['probe_nrmse'][-1]:.4f}"
    assert figure2.numbers["seconds_per_update"] == SECONDS
    assert figure2.numbers["experiment"]["photons"] == 1e6


@pytest.mark.slow
def test_figure_2_holds_the_probe_in_the_first_epoch(figure2):
    """So all methods have the start probe's error then, and another one later."""
    first, second = ([curve["probe_nrmse"][k] for curve in figure2.numbers["curves"].values()] for k in (0, 1))
    assert first == pytest.approx([first[0]] * 3)
    assert all(abs(one - first[0]) > 1e-5 for one in second)


@pytest.mark.slow
def test_ad_epie_is_epie_in_figure_2(figure2):
    """Section 3.3: the derivatives are the same, and so is the order of the patterns."""
    curves = figure2.numbers["curves"]
    assert curves["AD-ePIE"]["object_nrmse"] == pytest.approx(curves["ePIE"]["object_nrmse"], rel=1e-3)
    assert curves["AD-ePIE"]["loss"] == pytest.approx(curves["ePIE"]["loss"], rel=1e-3)


@pytest.mark.slow
def test_figure_2_is_not_computed_again(figure2, monkeypatch):
    make_tiny(monkeypatch)
    monkeypatch.setattr(_monitored, "perform", nothing)
    again = Made(fig2, "fig2", figure2.folder)
    assert again.numbers == figure2.numbers
    assert again.records == figure2.records
    assert again.is_whole() == figure2.report.text
    with pytest.raises(RuntimeError, match="something is computed"):
        fig2.reproduce(Reproduction(figure2.folder, False, lambda share, what: None))  # 150 epochs are something else


@pytest.mark.slow
def test_an_interrupt_of_figure_2_keeps_what_is_done(tmp_path, monkeypatch):
    """It is raised on, and no half method is taken for a whole one."""

    def interrupted(share, what):
        if what.startswith("ePIE"):
            raise KeyboardInterrupt

    make_tiny(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        fig2.reproduce(Reproduction(tmp_path, True, interrupted))
    assert not list(tmp_path.rglob("*.h5"))


# Fig. 3 ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_figure_3_stands_beside_the_papers_numbers(figure3):
    """Section 3.4 at the chosen step sizes, and ePIE's; and what was left out."""
    text = figure3.is_whole()
    assert [(name, paper) for name, _, paper in figure3.report.rows] == [
        ("Adam (0.01, 1.0), 1e6", "0.03, 0.02"),
        ("  4 updates an iteration, 1e6", "0.03, 0.02"),
        ("ePIE, 1e6", "0.06, 0.04"),
    ]
    assert "2 x 3 step sizes and 3 iterations" in text
    assert "5 x 5 and 1500" in text
    assert "mandrill" in text


@pytest.mark.slow
def test_figure_3_has_every_cell(figure3):
    """In JSON and in CSV; those of steps that are too large are null and nan; the table tells the chosen one."""
    axes = ("object", "probe", "batch", "ePIE")
    cells = {tuple(cell.get(axis) for axis in axes): cell for cell in figure3.numbers["cells"]}
    grid = [(step, probe, None, None) for step in STEPS["object"] for probe in STEPS["probe"]]
    others = [(None, None, 3, None), (None, None, None, 2)]
    assert list(cells) == grid + others
    assert len(figure3.records) == len(cells)
    for (step, *_), cell, line in zip(cells, cells.values(), figure3.records, strict=True):
        assert cell["photons"] == float(line["photons"]) == 1e6
        for name in ("object_nrmse", "probe_nrmse", "r_factor", "loss"):
            if step == 1e30:
                assert cell[name] is None
                assert line[name] == "nan"
            else:
                assert cell[name] == float(line[name]) > 0
    shown = [cells[0.01, 1.0, None, None], *(cells[other] for other in others)]
    expected = [f"{cell['object_nrmse']:.4f}, {cell['probe_nrmse']:.4f}" for cell in shown]
    assert [ours for _, ours, _ in figure3.report.rows] == expected
    assert len(set(expected)) == 3


@pytest.mark.slow
def test_figure_3_shows_the_grid_and_the_chosen_object(figure3):
    """A cross for what diverged, and magnitude and phase of the object inside its support."""
    grid, magnitude, phase = figure3.report.picture.get_axes()[:3]
    texts = {text.get_position(): text.get_text() for text in grid.texts}
    assert {at for at, text in texts.items() if text == "×"} == {(0, 1), (1, 1), (2, 1)}
    assert "1e6 photons" in grid.get_title()
    for panel in (magnitude, phase):
        (image,) = panel.get_images()
        assert image.get_array().shape == (20, 20)


@pytest.mark.slow
def test_figure_3_is_not_computed_again(figure3, monkeypatch):
    make_tiny(monkeypatch)
    monkeypatch.setattr(_sweep, "try_all", only_nothing)
    again = Made(fig3, "fig3", figure3.folder)
    assert again.numbers == figure3.numbers
    assert again.records == figure3.records
    assert again.is_whole() == figure3.report.text


@pytest.mark.slow
def test_figure_3_goes_on_from_what_is_done(figure3, monkeypatch):
    """With one run of the grid missing, that one is computed again and comes out the same."""
    make_tiny(monkeypatch)
    asked, try_all = [], _sweep.try_all

    def monitored(runs, at_once=None, check=None):
        asked.extend(runs)
        return try_all(runs, at_once, check)

    monkeypatch.setattr(_sweep, "try_all", monitored)
    (lost,) = (figure3.folder / "runs").glob("*object=0.01 probe=0.5.h5")
    lost.unlink()
    again = Made(fig3, "fig3", figure3.folder)
    assert len(asked) == 1
    assert lost.exists()
    assert sum(again.shares) == pytest.approx(1)
    assert again.records == figure3.records
