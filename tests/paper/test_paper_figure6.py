"""Fig. 6 of the paper, made of a tiny crystal: what is written, what is told, what is not done again."""

import csv
import json

import numpy as np
import pytest

from ptychograd.paper import fig6
from ptychograd.paper import monitored_runs as _monitored
from ptychograd.paper.bragg import BraggExperiment
from ptychograd.paper.report import Reproduction, write

pytestmark = pytest.mark.slow

SMALL = {"frame": 16, "crystal": (6, 10, 8), "variable": (8, 14, 12), "scan": (6, 6), "depth": 20}
TINY = BraggExperiment(distance=0.375, angles=5, width=2.5, speckle=8, step=3, **SMALL)


def make_tiny(patch):
    """An experiment of seconds in the place of minutes."""
    patch.setattr(fig6, "QUICK_EXPERIMENT", TINY)
    patch.setattr(fig6, "EPOCHS", 10)
    patch.setattr(fig6, "ADAM_EPOCHS", 10)
    patch.setattr(fig6, "EVERY", 2)


def made(folder):
    """The figure reproduced and written; report, shares that were told, numbers and records."""
    shares = []
    report = fig6.reproduce(Reproduction(folder, True, lambda share, what: shares.append(float(share))))
    write(report, folder, "fig6")
    with open(folder / "fig6.csv", encoding="utf-8", newline="") as file:
        records = list(csv.DictReader(file))
    return report, shares, json.loads((folder / "fig6.json").read_text(encoding="utf-8")), records


@pytest.fixture(scope="module")
def figure(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fig6")
    with pytest.MonkeyPatch.context() as patch:
        make_tiny(patch)
        return folder, made(folder)


def test_figure_6_stands_beside_the_papers_number(figure):
    """0.09 of section 4.2, and what was left out; all shares together are the whole."""
    folder, (report, shares, numbers, _) = figure
    assert (folder / "fig6.txt").read_text(encoding="utf-8") == report.text
    assert (folder / "fig6.png").read_bytes().startswith(b"\x89PNG")
    papers = {name: paper for name, _, paper in report.rows if paper}
    assert set(papers.values()) == {"0.09"}
    assert len(papers) == 3
    assert "180 patterns of 16 x 16 pixels" in report.text
    assert "alias in depth" in report.text or "As in the paper, ." in report.text
    assert "--quick: a smaller crystal" in report.text
    assert sum(shares) == pytest.approx(1)
    assert numbers["experiment"]["frame"] == 16


def test_figure_6_has_its_errors_and_what_was_done(figure):
    """As curves in JSON, as lines in CSV; the table tells the last ones."""
    _, (report, _, numbers, records) = figure
    ours = {name: value for name, value, _ in report.rows}
    for method, curve in numbers["curves"].items():
        lines = [record for record in records if record["method"] == method]
        assert [float(record["object_nrmse"]) for record in lines] == pytest.approx(curve["object_nrmse"])
        assert np.isfinite(curve["object_nrmse"]).all()
        assert curve["loss"][-1] < curve["loss"][0]
        assert ours[f"NRMSE, {method}"] == f"{curve['object_nrmse'][-1]:.4f}"
    plain, *others = numbers["changes"].values()
    assert plain == []
    for changes in others:
        assert [change["after_epoch"] for change in changes] == [2, 3, 4, 5, 5, 6, 7, 8, 9]
        assert "moved along the beam by" in changes[3]["change"]


def test_figure_6_shows_two_crystals_a_beam_and_errors(figure):
    _, (report, *_) = figure
    images = [image.get_array().shape for axis in report.picture.get_axes() for image in axis.get_images()]
    assert images[:2] == [(20, 16)] * 2  # depth of the window, and pixels along z
    assert len(images) == 4
    surfaces = [axis for axis in report.picture.get_axes() if axis.name == "3d"]
    assert len(surfaces) == 2
    assert all(axis.collections for axis in surfaces)


def test_figure_6_is_not_computed_again(figure, monkeypatch):
    folder, (report, _, numbers, records) = figure
    make_tiny(monkeypatch)

    def nothing(*arguments):
        raise RuntimeError("something is computed")

    monkeypatch.setattr(_monitored, "perform", nothing)
    again = made(folder)
    assert again[0].text == report.text
    assert again[2:] == (numbers, records)
    assert sum(again[1]) == pytest.approx(1)
    monkeypatch.setattr(fig6, "EPOCHS", 12)
    with pytest.raises(RuntimeError, match="something is computed"):
        made(folder)
