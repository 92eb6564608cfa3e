"""Pictures: what they show, not how pretty it is."""

import numpy as np
import pytest

import problems
import ptychograd as pg
from ptychograd.output import plot
from ptychograd.output.plot.overview import has_vortices


@pytest.fixture(scope="module")
def result():
    data = problems.measurement()
    return pg.reconstruct(problems.start_model(data, modes=2), data, pg.PIE(alpha=0.2), epochs=20, batch_size=6)


@pytest.mark.slow
def test_summary_draws_amplitude_phase_modes_and_convergence(result, tmp_path):
    figure = plot.summary(result)
    titles = [axis.get_title() for axis in figure.get_axes()]
    for expected in ("object, amplitude", "object, phase", "probe mode 1", "probe mode 2", "after 20 epochs"):
        assert any(expected in title for title in titles)
    (curve,) = figure.get_axes()[-1].get_lines() or figure.get_axes()[-2].get_lines()
    np.testing.assert_allclose(curve.get_ydata(), result.history.r_factor)
    plot.save(figure, tmp_path / "r.png")
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(pg.InputError, match=r"no ending of a picture; expected one of .*\.png"):
        plot.save(figure, tmp_path / "r.picture")


def test_a_result_without_an_object_is_refused():
    bare = pg.Result({"lens": np.ones(3)}, {}, pg.fitting.History.empty(), {"solver": "none", "stopped": "never begun"})
    with pytest.raises(pg.InputError, match=r"no image, as its model names none.*it holds: lens"):
        plot.summary(bare)


def test_row_zero_is_at_the_top(result):
    """The image on the axes is the array, cropped, not flipped."""
    box, illuminated = plot.scanned_area(result)
    shown = plot.summary(result).get_axes()[0].get_images()[0]
    np.testing.assert_array_equal(np.asarray(shown.get_array())[illuminated], np.abs(result.object[box])[illuminated])
    left, right, bottom, top = shown.get_extent()
    assert left < right
    assert top < bottom


@pytest.mark.parametrize(("pixel", "unit", "width"), [(12e-12, "pm", 12.0), (2.5e-10, "nm", 0.25), (3e-8, "µm", 0.03)])
def test_lengths_are_drawn_in_the_unit_that_suits_them(result, pixel, unit, width):
    """An object of some 50 pixels: electrons see picometres, X-rays nanometres to micrometres."""
    box, _ = plot.scanned_area(result)
    axis = plot.summary(result._replace(sampling=(pixel, pixel))).get_axes()[0]
    assert axis.get_xlabel() == f"x ({unit})"
    left, right, _, _ = axis.get_images()[0].get_extent()
    assert right - left == pytest.approx((box[1].stop - box[1].start) * width)


def test_the_probe_is_drawn_with_the_sides_of_its_pixels(result):
    """Pixels of 30 x 50 nm: the 20 x 18 of the window are 0.6 µm high and 0.9 µm wide."""
    drawn = plot.summary(result._replace(sampling=(3e-8, 5e-8)))
    probes = [axis for axis in drawn.get_axes() if axis.get_title().startswith("probe mode")]
    assert len(probes) == 2
    for axis in probes:
        left, right, bottom, top = axis.get_images()[0].get_extent()
        np.testing.assert_allclose((left, right, top, bottom), (0, 0.9, 0, 0.6))
        assert axis.get_aspect() in ("equal", 1)
        assert axis.get_xlabel() == "x (µm)"


def test_the_title_says_of_which_data_and_whether_it_succeeded(result):
    """The solver stands small below the picture."""
    verdict = {"code": "not_solved", "causes": []}
    settings = {**result.settings, "verdict": verdict, "plan": {"data": {"paths": ["scans/star.h5"]}}}
    drawn = plot.summary(result._replace(settings=settings, sampling=(3e-8, 5e-8)))
    assert drawn.get_suptitle().startswith("star.h5 · not solved: do not trust this image\nR = 0.")
    assert drawn.get_suptitle().endswith("after 20 epochs, pixel size 30 nm x 50 nm (y, x)")
    assert "PIE" not in drawn.get_suptitle()
    assert result.settings["solver"] in drawn.get_supxlabel()


def test_the_title_of_a_result_without_file_or_verdict(result):
    assert plot.summary(result).get_suptitle().startswith("reconstruction\nR = ")
    assert plot.summary(result).get_suptitle().endswith("pixel size not known")


def test_the_namespace_shows_what_a_person_draws():
    assert {"summary", "save", "sweep_map"} < set(dir(plot))
    assert not {"overview", "Figure", "MOST_AXES", "has_vortices", "figure2"} & set(dir(plot))


def test_ramp_is_removed_where_lit():
    y, x = np.mgrid[:31, :40]
    illuminated = np.hypot(y - 14, x - 22) < 12
    smooth = 1 + 0.3 * np.sin(y / 4) * np.cos(x / 5)
    flat = plot.without_ramp(smooth * np.exp(1j * (0.21 * y - 0.4 * x + 1.3)), illuminated)
    assert np.abs(np.angle(flat[illuminated])).max() < 1e-9


def test_vortices_are_seen():
    y, x = np.mgrid[-8:8, -9:9] + 0.5
    unmasked = np.zeros(x.shape, bool)
    assert has_vortices(np.ma.masked_array(np.arctan2(y, x), unmasked))
    assert not has_vortices(np.ma.masked_array(np.angle(np.exp(0.9j * x)), unmasked))
    assert not has_vortices(np.ma.masked_array(np.arctan2(y, x), np.hypot(y, x) < 3))


def test_colour_says_phase_and_amplitude():
    wave = np.array([[1, 1j], [-0.5, 0]])
    colours = plot.complex_colour(wave)
    assert colours[0, 0] == pytest.approx([1, 0, 0], abs=0.01)
    assert colours[1, 1] == pytest.approx([0, 0, 0])
    assert colours[1, 0] == pytest.approx([0, 0.5, 0.5], abs=0.01)


# Sweeps ---------------------------------------------------------------------------------------------------

OBJECT_STEPS, PROBE_STEPS = (10.0, 0.1, 0.001), (100.0, 1.0)


def tick_texts(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def test_a_map_of_two_axes_shows_every_value_in_its_place(tmp_path):
    """The first axis runs down, the second to the right; a cross stands where the run diverged."""
    values = np.array([[np.nan, 0.5], [0.031, 0.25], [0.4, 0.125]])
    figure = plot.sweep_map(values, {"object": OBJECT_STEPS, "probe": PROBE_STEPS}, "object_nrmse")
    panel = figure.get_axes()[0]
    (image,) = panel.get_images()
    shown = image.get_array()
    np.testing.assert_array_equal(np.ma.getmaskarray(shown), np.isnan(values))
    np.testing.assert_array_equal(shown.filled(np.nan), values)
    texts = {text.get_position(): text.get_text() for text in panel.texts}
    assert texts == {(0, 0): "×", (1, 0): "0.5", (0, 1): "0.031", (1, 1): "0.25", (0, 2): "0.4", (1, 2): "0.12"}
    assert tick_texts(panel.yaxis) == ["10", "0.1", "0.001"]
    assert tick_texts(panel.xaxis) == ["100", "1"]
    assert (panel.get_ylabel(), panel.get_xlabel(), panel.get_title()) == ("object", "probe", "object_nrmse")
    plot.save(figure, tmp_path / "map.png")
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")


def test_numbers_in_a_map_can_be_read_on_their_cells():
    """Black on the bright half of the colours and on the empty cell, white on the dark half."""
    values = np.array([[0.0, 0.2, np.nan], [0.9, 1.0, 0.6]])
    panel = plot.sweep_map(values, {"a": (1, 2), "b": (1, 2, 3)}, "loss").get_axes()[0]
    colours = {text.get_position(): text.get_color() for text in panel.texts}
    assert {at for at, colour in colours.items() if colour == "white"} == {(0, 0), (1, 0)}


@pytest.mark.parametrize(
    "several", [{"seed": (0, 3, 8, 9)}, {"modes": (1,), "seed": (0, 3, 8, 9), "noise": ("poisson",)}]
)
def test_a_map_of_one_axis_is_a_curve(several, tmp_path):
    """An axis of a single value is none; where the run diverged the curve has a gap."""
    values = np.array([0.3, np.nan, 0.1, 0.2]).reshape([len(along) for along in several.values()])
    figure = plot.sweep_map(values, several, "r_factor")
    (panel,) = figure.get_axes()
    (curve,) = panel.get_lines()
    np.testing.assert_array_equal(curve.get_ydata(), [0.3, np.nan, 0.1, 0.2])
    assert tick_texts(panel.xaxis) == ["0", "3", "8", "9"]
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("seed", "r_factor")
    plot.save(figure, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "grid",
    [
        {"a": (1, 2), "b": (1.0, 2.0, 3.0)},
        {"a": (1, 2, 3)},
        {"a": (1,)},
    ],
    ids=["two axes", "one axis", "one point"],
)
def test_a_map_of_nothing_but_divergent_runs_is_drawn(grid, tmp_path):
    values = np.full([len(along) for along in grid.values()], np.nan)
    plot.save(plot.sweep_map(values, grid, "loss"), tmp_path / "map.png")
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")


def test_a_map_of_three_axes_is_refused():
    values = np.zeros((2, 3, 2))
    with pytest.raises(pg.InputError, match=r"one or two axes, and this grid has 3: a, b, c"):
        plot.sweep_map(values, {"a": (1, 2), "b": (1, 2, 3), "c": (1, 2)}, "loss")


@pytest.mark.filterwarnings("error")
def test_a_search_in_which_nothing_failed_has_room_for_its_panels(tmp_path):
    drawn = plot.search_figure(np.array([0.26, 0.27, 0.26]), {"fit.batch_size": [12, 30, 12]}, "r", ["fit.batch_size"])
    plot.save(drawn, tmp_path / "search.png")
    assert all(panel.get_position().width > 0.3 for panel in drawn.axes)


def test_an_amplitude_that_is_the_same_everywhere_is_drawn_even(result):
    even = result._replace(arrays=result.arrays | {"object.transmission": np.exp(1j * np.angle(result.object))})
    shown = plot.summary(even).axes[0].images[0]
    low, high = shown.get_clim()
    assert (low, high) == (pytest.approx(0.9), pytest.approx(1.1))
