"""Fig. 4 of the paper, made of a tiny experiment: what is written, what is told, what is not done again."""

import csv
import json

import numpy as np
import pytest

from ptychograd.paper import fig4
from ptychograd.paper import monitored_runs as _monitored
from ptychograd.paper.near_field import NearFieldExperiment
from ptychograd.paper.report import Reproduction, write

pytestmark = pytest.mark.slow

TINY = NearFieldExperiment(frame=36, object_size=14, first=6, step=3, width=9.0, speckle=11, distance=0.018)


def make_tiny(patch):
    """An experiment of a second in the place of minutes."""
    patch.setattr(fig4, "QUICK_EXPERIMENT", TINY)
    patch.setattr(fig4, "QUICK_EPOCHS", 6)
    patch.setattr(fig4, "COMPARISONS", 3)


def made(folder):
    """The figure reproduced and written; report, shares that were told, numbers and records."""
    shares = []
    report = fig4.reproduce(Reproduction(folder, True, lambda share, what: shares.append(float(share))))
    write(report, folder, "fig4")
    with open(folder / "fig4.csv", encoding="utf-8", newline="") as file:
        records = list(csv.DictReader(file))
    return report, shares, json.loads((folder / "fig4.json").read_text(encoding="utf-8")), records


@pytest.fixture(scope="module")
def figure(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fig4")
    with pytest.MonkeyPatch.context() as patch:
        make_tiny(patch)
        return folder, made(folder)


def test_figure_4_stands_beside_the_papers_numbers(figure):
    """Errors of section 4.1, and what was left out; all shares together are the whole."""
    folder, (report, shares, numbers, _) = figure
    text = (folder / "fig4.txt").read_text(encoding="utf-8")
    assert text == report.text
    assert (folder / "fig4.png").read_bytes().startswith(b"\x89PNG")
    papers = {name: paper for name, _, paper in report.rows if paper}
    assert papers == {"object, plain": "0.01", "probe, plain": "0.12", "epochs": "10000"}
    assert "mandrill" in text
    assert "--quick: half of all lengths" in text
    assert "36 x 36 pixels, 25 patterns, 6 epochs" in text
    assert sum(shares) == pytest.approx(1)
    assert len(shares) == 6
    assert numbers["experiment"]["frame"] == 36


def test_figure_4_has_its_errors_as_often_as_it_looks(figure):
    """As curves in JSON, as lines in CSV; the table tells the last ones."""
    _, (report, _, numbers, records) = figure
    curve = numbers["curve"]
    assert curve["epoch"] == [2, 4, 6]
    names = {f"{of}_nrmse{kind}" for of in ("object", "probe") for kind in ("", "_ramp_removed", "_scanned")}
    assert set(curve) == {"epoch", "loss", *names}
    for name, values in curve.items():
        assert [float(record[name]) for record in records] == pytest.approx(values)
        assert np.isfinite(values).all()
    assert curve["loss"][-1] < curve["loss"][0]
    ours = {name: value for name, value, _ in report.rows}
    assert ours["object, plain"] == f"{curve['object_nrmse'][-1]:.4f}"
    assert ours["probe, and only where scanned"] == f"{curve['probe_nrmse_scanned'][-1]:.4f}"


def test_figure_4_shows_object_and_probe(figure):
    _, (report, *_) = figure
    shapes = [image.get_array().shape for axis in report.picture.get_axes() for image in axis.get_images()]
    assert shapes == [(14, 14), (14, 14), (36, 36), (36, 36)]
    curves = [len(axis.get_lines()) for axis in report.picture.get_axes() if axis.get_legend()]
    assert curves == [3, 3]


def test_figure_4_is_not_computed_again(figure, monkeypatch):
    folder, (report, _, numbers, records) = figure
    make_tiny(monkeypatch)

    def nothing(*arguments):
        raise RuntimeError("something is computed")

    monkeypatch.setattr(_monitored, "perform", nothing)
    again = made(folder)
    assert again[0].text == report.text
    assert again[2:] == (numbers, records)
    assert sum(again[1]) == pytest.approx(1)
    monkeypatch.setattr(fig4, "QUICK_EPOCHS", 9)
    with pytest.raises(RuntimeError, match="something is computed"):
        made(folder)


def test_an_interrupt_of_figure_4_is_raised_on(tmp_path, monkeypatch):
    """And no half run is taken for a whole one."""

    def interrupted(share, what):
        raise KeyboardInterrupt

    make_tiny(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        fig4.reproduce(Reproduction(tmp_path, True, interrupted))
    assert not list(tmp_path.rglob("*.h5"))
