"""The search of a start: on scans of a lens out of focus that NumPy simulates, turned and mirrored."""

import dataclasses

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import ptychograd as pg
from lens_scans import DISTANCE, PIXEL, WAVELENGTH, lens_scan
from ptychograd.automatic.beginning import beginning_of, other_beginning
from ptychograd.automatic.conventions import expected_sign, matter_sign
from ptychograd.automatic.start import Placing, find_start, refined_fit, shadow_fits, shadows_of, trial_data, try_starts
from ptychograd.automatic.start.families import Optics, opening_diameter, openings, pupils
from ptychograd.automatic.start.shadow_distance import _lowest, as_near_field
from ptychograd.data.orientation import ALL, turn_of
from ptychograd.fitting.result import History, Result


@pytest.fixture(scope="module")
def scan():
    return lens_scan()


def turned(data, code, angle=0.0):
    """The data whose file states positions that have to be turned so to be right."""
    c, s = np.cos(angle), np.sin(angle)
    matrix = np.array([[c, -s], [s, c]]) @ turn_of(code)
    return dataclasses.replace(data, positions=data.positions @ np.linalg.inv(matrix).T)


@pytest.mark.parametrize("code", ALL)
@pytest.mark.parametrize("angle", [0.0, 0.3])
def test_placing_names_every_matrix(code, angle):
    c, s = np.cos(angle), np.sin(angle)
    found = Placing.of(np.array([[c, -s], [s, c]]) @ turn_of(code))
    assert found.orientation == code
    assert found.rotation == pytest.approx(-angle, abs=1e-9)
    assert Placing.of(-np.array([[c, -s], [s, c]]) @ turn_of(code)) == pytest.approx(tuple(found.twin))


def test_applied_placing_turns_positions_back(scan):
    data = scan[0]
    again = Placing(5, -0.2).applied(turned(data, 5, 0.2))
    away = again.positions - data.positions
    np.testing.assert_allclose(away, np.broadcast_to(away[0], away.shape), atol=1e-12 * PIXEL)


@pytest.mark.variants
@pytest.mark.parametrize(("code", "angle"), [(0, 0.0), (1, 0.0), (6, 0.0), (4, 0.25)])
def test_shadows_tell_orientation_and_defocus(scan, code, angle):
    data, _, spread = scan
    shadows = shadows_of(turned(data, code, angle))
    best = refined_fit(shadows, shadow_fits(shadows)[0])
    pixel = np.sqrt(np.prod(data.geometry.sampling(data.frame_shape)))
    found = {Placing.of(fit.turn).orientation: fit for fit in (best, best.twin)}
    assert code in found
    assert Placing.of(found[code].turn).rotation == pytest.approx(-angle, abs=0.09)
    assert found[code].spread * pixel**2 == pytest.approx(spread, rel=0.25)


def test_no_shadow_moves_where_the_sample_is_flat():
    flat, rng = np.full((60, 32, 32), 0.0), np.random.default_rng(1)
    flat[:, 10:22, 10:22] = 200
    data = pg.make_dataset(rng.poisson(flat), rng.uniform(0, 40, (60, 2)))
    found = shadow_fits(shadows_of(data))
    assert abs(np.nanmean(found[0].each)) < 0.1


def test_pupil_out_of_focus_is_the_lens(scan):
    data, wave, spread = scan
    optics = Optics(data)
    found = optics.pupil_wave(spread)
    assert abs(np.vdot(found, wave)) > 0.8 * np.linalg.norm(found) * np.linalg.norm(wave)
    assert optics.width_of(optics.spread_of(7.0)) == pytest.approx(7.0)


def test_diameter_of_a_pinhole_from_the_mean_pattern():
    y, x = np.mgrid[:64, :60] - np.array([32, 30])[:, None, None]
    disc = np.hypot(y, x) < 9
    airy = np.abs(np.fft.fftshift(np.fft.fft2(disc))) ** 2
    data = pg.make_dataset(np.stack([airy, airy]), [[0, 0], [3.0, 1]])
    assert opening_diameter(data) == pytest.approx(18, abs=2.5)
    assert all(one.family == "opening" for one in openings(data, [Placing()]))


@pytest.mark.slow
def test_trials_prefer_the_true_defocus(scan):
    data, _, spread = scan
    parts = trial_data(data)
    trials = try_starts(parts, list(pupils(parts.fitted, [Placing()], [0.0, spread, -spread])), 4)
    assert trials[0].candidate.width > 0
    assert trials[0].r_factor < 0.7 * trials[1].r_factor


@pytest.mark.slow
@pytest.mark.parametrize("code", [0, 6])
def test_start_is_found_for_a_scan_in_any_orientation(scan, code):
    data, _, spread = scan
    found = find_start(turned(data, code))
    one = found.best.candidate
    assert found.is_certain
    assert not found.is_poor
    assert one.placing.orientation in (code, Placing(code).twin.orientation)
    defocus = one.fields["model.start.defocus"] * (1 if one.placing.orientation == code else -1)
    assert defocus * WAVELENGTH == pytest.approx(spread, rel=0.3)


def image_result(image):
    """A result with an image that every position of a scan lit."""
    corners = np.stack(np.meshgrid(*[np.arange(0, 49, 8)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    arrays = {
        "object.transmission": image,
        "probe.modes": np.ones((1, 16, 16), complex),
        "scan.corner": corners.astype(float),
    }
    return Result(arrays, {}, History.empty(), {})


@pytest.mark.slow
@pytest.mark.parametrize("code", [0, 6])
def test_probe_of_a_file_is_taken_where_it_explains_the_patterns(scan, code):
    data, wave, _ = scan
    given = dataclasses.replace(turned(data, code), probe=wave[None])
    found = find_start(given)
    assert found.best.candidate.family == "file"
    assert found.best.candidate.placing == Placing(code)
    assert {one.candidate.family for one in found.trials} == {"file"}
    beginning = beginning_of(pg.Plan(), given, ())
    assert beginning.fields == ({"data.orientation": code} if code else {})


@pytest.mark.slow
def test_in_place_of_a_files_probe_another_start_is_found(scan):
    data, wave, _ = scan
    guess = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(np.abs(np.fft.fft2(wave))))).astype(complex)  # in focus
    given = dataclasses.replace(data, probe=guess[None])
    begin = beginning_of(pg.Plan(), given, ())
    assert (begin.fields, begin.is_poor) == ({}, True)
    begin = other_beginning(pg.Plan(), given, ())
    assert {"model.start.defocus", "model.start.probe"} & begin.fields.keys()


@pytest.mark.parametrize("sign", [1, -1])
def test_sign_of_matter_by_absorption_and_by_what_stands_out(sign):
    rng = np.random.default_rng(2)
    thick = np.maximum(gaussian_filter(rng.normal(size=(64, 64)), 2), 0.02) * 8
    y, x = np.mgrid[:64, :64]
    ramp = np.exp(1j * (0.07 * y - 0.05 * x + 2))
    found = matter_sign(image_result(np.exp((1j * sign - 0.2) * thick) * ramp))
    assert found.sign == sign
    assert matter_sign(image_result(np.exp(1j * sign * thick) * ramp)).sign == sign


def test_noise_tells_no_sign():
    rng = np.random.default_rng(3)
    noise = np.exp(0.1j * gaussian_filter(rng.normal(size=(64, 64)), 1))
    assert matter_sign(image_result(noise)).sign == 0


def test_field_tells_the_sign():
    assert expected_sign(1.5e-10) == -1
    assert expected_sign(2e-12) == expected_sign(5e-7) == 1
    assert expected_sign(None) == 0


def test_the_lowest_of_trials_lies_between_them():
    along = np.array([0.9, 1.0, 1.1, 1.2])
    assert _lowest(along, (along - 1.04) ** 2 + 3) == pytest.approx(1.04)
    assert _lowest(along, along) == 0.9
    assert _lowest(along, np.array([3.0, 1.0, np.inf, 2.0])) == 1.0


def test_patterns_of_a_far_field_become_shadows(scan):
    near = as_near_field(scan[0], 0.01)
    assert isinstance(near.geometry, pg.NearFieldGeometry)
    assert near.geometry.magnification == pytest.approx((0.01 + DISTANCE) / 0.01)
    with pytest.raises(pg.InputError, match="no lengths"):
        as_near_field(dataclasses.replace(scan[0], geometry=None), 0.01)


@pytest.mark.slow
def test_the_distance_of_measured_shadows_that_no_file_states(shared_data):
    path = shared_data / "petra_p25" / "PETRAIII_P25_Near_Field_Ptycho.cxi"
    data = pg.read(path)
    found = beginning_of(pg.Plan(), data, ())
    assert found.fields["model.kind"] == "near-field"
    assert found.fields["geometry.focus_distance"] == pytest.approx(3.65e-3, rel=0.02)
    assert "data.orientation" not in found.fields
