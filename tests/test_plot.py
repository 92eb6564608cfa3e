"""Pictures: what they show, not how pretty it is."""

import numpy as np
import pytest

import problems
import ptychograd as pg
from ptychograd import plot


@pytest.fixture(scope="module")
def result():
    data = problems.measurement()
    return pg.reconstruct(problems.start_model(data, modes=2), data, pg.PIE(alpha=0.2), epochs=20, batch_size=6)


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
    bare = pg.Result({"lens": np.ones(3)}, {}, pg.History.empty(), {"solver": "none", "stopped": "never begun"})
    with pytest.raises(pg.InputError, match=r"no object\.transmission.*it holds: lens"):
        plot.summary(bare)


def test_row_zero_is_at_the_top(result):
    """The image on the axes is the array, cropped, not flipped."""
    box, lit = plot.scanned_area(result)
    shown = plot.summary(result).get_axes()[0].get_images()[0]
    np.testing.assert_array_equal(np.asarray(shown.get_array())[lit], np.abs(result.object[box])[lit])
    left, right, bottom, top = shown.get_extent()
    assert left < right
    assert top < bottom


def test_ramp_is_removed_where_lit():
    y, x = np.mgrid[:31, :40]
    lit = np.hypot(y - 14, x - 22) < 12
    smooth = 1 + 0.3 * np.sin(y / 4) * np.cos(x / 5)
    flat = plot.without_ramp(smooth * np.exp(1j * (0.21 * y - 0.4 * x + 1.3)), lit)
    assert np.abs(np.angle(flat[lit])).max() < 1e-9


def test_orthogonal_modes_keep_the_intensity():
    rng = np.random.default_rng(0)
    modes = rng.normal(size=(3, 7, 8)) + 1j * rng.normal(size=(3, 7, 8))
    modes[2] = modes[0] * 0.5 + modes[1]
    found = plot.orthogonal_modes(modes)
    np.testing.assert_allclose(np.sum(np.abs(found) ** 2, axis=0), np.sum(np.abs(modes) ** 2, axis=0))
    overlaps = np.einsum("iyx,jyx->ij", found, found.conj())
    powers = np.diag(overlaps).real
    assert np.abs(overlaps - np.diag(powers)).max() < 1e-9 * powers[0]
    assert powers[0] > powers[1] > powers[2] - 1e-9


def test_vortices_are_seen():
    y, x = np.mgrid[-8:8, -9:9] + 0.5
    unmasked = np.zeros(x.shape, bool)
    assert plot.has_vortices(np.ma.masked_array(np.arctan2(y, x), unmasked))
    assert not plot.has_vortices(np.ma.masked_array(np.angle(np.exp(0.9j * x)), unmasked))
    assert not plot.has_vortices(np.ma.masked_array(np.arctan2(y, x), np.hypot(y, x) < 3))


def test_colour_says_phase_and_amplitude():
    wave = np.array([[1, 1j], [-0.5, 0]])
    colours = plot.complex_colour(wave)
    assert colours[0, 0] == pytest.approx([1, 0, 0], abs=0.01)
    assert colours[1, 1] == pytest.approx([0, 0, 0])
    assert colours[1, 0] == pytest.approx([0, 0.5, 0.5], abs=0.01)
