"""Start probes of lenses and openings, against theory and against sums that are written out."""

import numpy as np
import pytest
from scipy.special import j1

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import Geometry, make_dataset
from ptychograd.models.starts import (
    electron_probe,
    focal_spot,
    mean_pattern,
    pinhole,
    propagated,
    round_wave,
    zone_plate,
)
from ptychograd.models.starts.electrons import COEFFICIENTS

WAVELENGTH, SHAPE = 1e-10, (48, 40)


def scan(sampling, shape=SHAPE, wavelength=WAVELENGTH, pattern=None):
    """A far-field scan with these object pixels (y, x) in metres."""
    distance = 2.0 if wavelength < 1e-9 else 0.1
    pixels = [wavelength * distance / (n * pixel) for n, pixel in zip(shape, sampling, strict=True)]
    patterns = np.ones((2, *shape)) if pattern is None else np.stack([pattern, pattern])
    geometry = Geometry(wavelength, distance, (pixels[0], pixels[1]))
    return make_dataset(patterns, [[0, 0], [0, sampling[1]]], geometry=geometry)


def wave_of(start, sampling, shape=SHAPE, wavelength=WAVELENGTH, pattern=None):
    return start(scan(sampling, shape, wavelength, pattern), sampling)


def places(shape, sampling):
    y, x = (pixel * (np.arange(n) - n // 2) for n, pixel in zip(shape, sampling, strict=True))
    return y[:, None], x


def power(wave):
    return float(np.sum(np.abs(wave) ** 2))


def width(wave, along):
    """Root mean square of places over the intensity."""
    intensity = np.abs(wave) ** 2
    return np.sqrt(np.sum(intensity * along**2) / np.sum(intensity))


def far_field(wave):
    return np.abs(np.fft.fftshift(np.fft.fft2(wave, norm="ortho"))) ** 2


# Zone plates ----------------------------------------------------------------------------------------------


def test_the_focus_of_a_zone_plate_is_an_airy_disc_that_is_dark_at_its_theoretical_radius():
    """First zero at 1.22 outermost widths, whatever the diameter; amplitude 2 J1(v)/v with v = πr/Δr."""
    outermost, sampling, shape = 60e-9, (10e-9, 10e-9), (80, 96)
    wave = wave_of(zone_plate(200e-6, outermost), sampling, shape)
    y, x = places(shape, sampling)
    v = np.pi * np.hypot(y, x) / outermost
    airy = np.where(v == 0, 1, 2 * j1(v) / np.where(v == 0, 1, v))
    np.testing.assert_allclose(wave / wave[40, 48], airy, atol=3e-3)
    assert sampling[1] * np.interp(0, -np.real(wave[40, 48:57]), np.arange(9)) == pytest.approx(
        1.22 * outermost, rel=0.01
    )


def test_a_central_stop_makes_an_annulus_and_an_order_sorting_aperture_cuts_it():
    sampling, outermost = (20e-9, 25e-9), 100e-9
    y, x = places(SHAPE, [1 / (n * pixel) for n, pixel in zip(SHAPE, sampling, strict=True)])
    radius = np.hypot(y, x) * 2 * outermost  # 1 at the cone's edge
    lens = {"diameter": 150e-6, "outermost_width": outermost, "central_stop": 60e-6}
    lit = far_field(wave_of(zone_plate(**lens), sampling))
    assert lit[radius > 1.35].max() < 0.05 * lit.max()
    assert lit[radius < 0.1].max() < 0.1 * lit.max()
    assert np.sum(lit[(radius > 0.3) & (radius < 1.1)]) > 0.97 * np.sum(lit)
    cone = 5e-3 * WAVELENGTH / outermost  # diameter of the cone 5 mm before the focus
    cut = zone_plate(**lens, order_sorting_aperture=0.7 * cone, order_sorting_distance=5e-3)
    smaller = zone_plate(150e-6, outermost / 0.7, central_stop=60e-6 / 0.7)
    np.testing.assert_allclose(wave_of(cut, sampling), wave_of(smaller, sampling), atol=1e-12)
    whole = zone_plate(**lens, order_sorting_aperture=2 * cone, order_sorting_distance=5e-3)
    np.testing.assert_allclose(wave_of(whole, sampling), wave_of(zone_plate(**lens), sampling))


def test_a_zone_plate_far_out_of_focus_is_not_refused_as_its_cone_fills_a_third_of_the_detector():
    """Its beam is a cone: as wide as λz/Δr, at three times the distance that free space is sampled on all pixels."""
    sampling, shape = (10e-9, 10e-9), (64, 72)
    limit = 64 * 10e-9**2 / WAVELENGTH
    wave = wave_of(zone_plate(150e-6, 30e-9, defocus=2.7 * limit), sampling, shape)
    y, x = places(shape, sampling)
    edge = WAVELENGTH * 2.7 * limit / (2 * 30e-9)
    inside = np.abs(wave) ** 2 * (np.hypot(y, x) < 1.1 * edge)
    assert np.sum(inside) > 0.95 * power(wave)
    assert width(wave, np.hypot(y, x)) == pytest.approx(edge / np.sqrt(2), rel=0.05)
    step = wave[:, 1:] * wave[:, :-1].conj()  # in a diverging wave the phase grows outwards, by 2πx/(λz)
    between = x[:-1] + sampling[1] / 2
    slope = np.sum(np.abs(step) * np.angle(step) * between) / np.sum(np.abs(step) * between**2) / sampling[1]
    assert slope == pytest.approx(2 * np.pi / (WAVELENGTH * 2.7 * limit), rel=0.1)


@pytest.mark.parametrize(
    ("lens", "text"),
    [
        ({"outermost_width": 5e-9}, "a cone of ±10 mrad; the detector has pixels of .* and ends at ±2.5 mrad"),
        ({"outermost_width": 1e-6, "diameter": 2e-6}, "expected a zone that is much narrower"),
        ({"central_stop": 3e-4}, "A central stop of 0.0003 m in a zone plate of 0.00015 m"),
        ({"order_sorting_aperture": 1e-5}, "both"),
        ({"central_stop": 1e-4, "order_sorting_aperture": 1e-6, "order_sorting_distance": 5e-3}, "no light"),
        ({"defocus": 1.0}, "is 0.001 m wide, and the window 9.6e-07 m: give a smaller defocus"),
    ],
)
def test_what_is_no_zone_plate_is_refused_with_numbers(lens, text):
    with pytest.raises(InputError, match=text):
        wave_of(zone_plate(**{"diameter": 150e-6, "outermost_width": 1e-7, **lens}), (20e-9, 20e-9))


# Gaussian focus -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("distances", [(2e-4, -3e-4), (-2e-3, 1e-3), (4e-3, 4e-3), (0.0, 3e-3)])
def test_a_mirror_pair_spreads_as_gaussian_beams_do_along_each_axis(distances):
    widths, sampling, shape = (3e-7, 2.5e-7), (5e-8, 4e-8), (96, 90)
    wave = wave_of(focal_spot(widths, distances), sampling, shape)
    for along, fwhm, z in zip(places(shape, sampling), widths, distances, strict=True):
        waist = fwhm / np.sqrt(2 * np.log(2))
        spread = waist / 2 * np.hypot(1, WAVELENGTH * z / (np.pi * waist**2))
        assert width(wave, along) == pytest.approx(spread, rel=1e-3)


@pytest.mark.parametrize("distance", [1.2e-3, -5e-3, 3e-2, -4e-2, (2e-3, 3.3e-2)])
def test_free_space_on_pixels_agrees_with_the_gaussian_beam_at_any_distance(distance):
    """Near and far, both ways, and where one axis is near and the other far."""
    sampling, shape, fwhm = (1e-7, 8e-8), (80, 91), 6e-7
    focus = wave_of(focal_spot(fwhm), sampling, shape)
    expected = wave_of(focal_spot(fwhm, distance), sampling, shape)
    found = propagated(focus, sampling, WAVELENGTH, distance)
    np.testing.assert_allclose(found, expected, atol=2e-3 * np.abs(expected).max())


# Openings -------------------------------------------------------------------------------------------------


def rayleigh_sommerfeld(diameter, wavelength, distance, points, fine=400):
    """The wave behind a round opening at (y, x), by the first integral of Rayleigh and Sommerfeld, summed directly."""
    side = (np.arange(fine) + 0.5) / fine * diameter - diameter / 2
    y, x = np.meshgrid(side, side, indexing="ij")
    inside = np.hypot(y, x) < diameter / 2
    y, x = y[inside], x[inside]
    k = 2 * np.pi / wavelength
    found = []
    for py, px in points:
        r = np.sqrt((py - y) ** 2 + (px - x) ** 2 + distance**2)
        found.append(np.sum(np.exp(1j * k * (r - distance)) * distance / r**2 * (1 / r - 1j * k)) / (2 * np.pi))
    return np.array(found) * (diameter / fine) ** 2


@pytest.mark.filterwarnings("ignore:.*light falls beyond")
@pytest.mark.parametrize("distance", [6e-5, 2.5e-4, 1.2e-3])
def test_a_pinhole_is_that_of_rayleigh_and_sommerfeld_near_and_far(distance):
    """Visible light behind 10 µm, by the angular spectrum, and farther away by Fresnel's integral."""
    wavelength, diameter, sampling, shape = 6.3e-7, 1e-5, (5e-7, 6e-7), (90, 81)
    wave = wave_of(pinhole(diameter, distance), sampling, shape, wavelength)
    pixels = [(45, 40), (45, 47), (52, 40), (39, 44), (50, 31), (45, 20)]
    points = [((r - 45) * sampling[0], (c - 40) * sampling[1]) for r, c in pixels]
    expected = rayleigh_sommerfeld(diameter, wavelength, distance, points)
    found = np.array([wave[pixel] for pixel in pixels])
    np.testing.assert_allclose(found, expected, atol=0.02 * np.abs(expected).max())


def test_both_ways_through_free_space_meet():
    """The angular spectrum's last distance and the integral's first."""
    sampling, shape = (1e-7, 1e-7), (64, 64)
    wave = round_wave(shape, sampling, 2e-6)
    meeting = 2 * 64 * 1e-7**2 / WAVELENGTH
    near, far = (propagated(wave, sampling, WAVELENGTH, meeting * share) for share in (1 - 1e-9, 1 + 1e-9))
    assert power(near - far) < 1e-3 * power(near)
    assert power(near) == pytest.approx(power(wave), rel=0.02)


def test_light_that_leaves_the_window_is_told():
    with pytest.warns(UserWarning, match=r"9\d% of the start probe's light falls beyond the window of 4.8e-06 x 4e-06"):
        wave_of(pinhole(2e-6, 1.0), (1e-7, 1e-7))


def test_the_mean_pattern_may_have_two_foci():
    sampling = (1e-7, 1.2e-7)
    fy, fx = places(SHAPE, [1 / (n * pixel) for n, pixel in zip(SHAPE, sampling, strict=True)])
    pattern = 100 * np.exp(-((fy / 1e6) ** 2) - (fx / 7e5) ** 2)
    wave = wave_of(mean_pattern((2e-3, -3e-3)), sampling, pattern=pattern)
    spectrum = np.sqrt(pattern) * np.exp(-1j * np.pi * WAVELENGTH * (2e-3 * fy**2 - 3e-3 * fx**2))
    expected = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(spectrum), norm="ortho"))
    np.testing.assert_allclose(wave, expected, atol=2e-3 * np.abs(expected).max())


# Electrons ------------------------------------------------------------------------------------------------

ELECTRONS, ATOMS = 1.97e-12, (2e-11, 2.2e-11)  # 300 keV; object pixels
TERMS = {"C10": -8e-9, "C12": 3e-9, "phi12": 0.4, "C21": 60e-9, "phi21": -1.0, "C23": 80e-9, "phi23": 0.7, "C30": 4e-6}


def written_out(terms, semi_angle, shape, sampling):
    """The probe as a sum over the pupil's waves, with χ term by term as in Krivanek's Table 1."""
    get = {name: terms.get(name, 0.0) for name in (*COEFFICIENTS, "phi12", "phi21", "phi23")}
    side = np.linspace(-semi_angle, semi_angle, 161)
    ay, ax = np.meshgrid(side, side, indexing="ij")
    alpha, phi = np.hypot(ay, ax), np.arctan2(ay, ax)
    chi = (get["C10"] + get["C12"] * np.cos(2 * (phi - get["phi12"]))) * alpha**2 / 2
    chi += (get["C21"] * np.cos(phi - get["phi21"]) + get["C23"] * np.cos(3 * (phi - get["phi23"]))) * alpha**3 / 3
    chi += get["C30"] * alpha**4 / 4
    waves = (alpha < semi_angle) * np.exp(-2j * np.pi / ELECTRONS * chi)
    y, x = places(shape, sampling)
    to_y, to_x = (np.exp(2j * np.pi / ELECTRONS * np.outer(place.ravel(), side)) for place in (y, x))
    return to_y @ waves @ to_x.T


@pytest.mark.parametrize("terms", [{}, {"C10": 1.5e-8}, {"C30": 2e-5}, TERMS], ids=["none", "C10", "C30", "all"])
def test_aberrations_are_those_of_krivanek_summed_term_by_term(terms):
    wave = wave_of(electron_probe(0.02, terms), ATOMS, wavelength=ELECTRONS)
    expected = written_out(terms, 0.02, SHAPE, ATOMS)
    overlap = abs(np.vdot(wave, expected)) / np.sqrt(power(wave) * power(expected))
    assert overlap > 0.999
    assert abs(np.angle(np.vdot(wave, expected))) < 0.02


def test_a_positive_c10_is_a_sample_behind_the_focus_as_a_defocus():
    beams = [electron_probe(0.02, {"C10": 1e-8}), electron_probe(0.02, defocus=1e-8)]
    first, second = (wave_of(beam, ATOMS, wavelength=ELECTRONS) for beam in beams)
    np.testing.assert_array_equal(first, second)
    focus = wave_of(electron_probe(0.02), ATOMS, wavelength=ELECTRONS)
    behind = propagated(focus, ATOMS, ELECTRONS, 1e-8)
    assert abs(np.vdot(first, behind)) / np.sqrt(power(first) * power(behind)) > 0.99


def test_the_semi_angle_is_that_of_the_bright_disc_also_on_pixels_that_are_not_square():
    slopes = [ELECTRONS / (n * pixel) for n, pixel in zip(SHAPE, ATOMS, strict=True)]
    y, x = places(SHAPE, slopes)
    pattern = np.where(np.hypot(y, x) < 0.02, 90.0, 4.0)  # electrons; scattered ones around the disc
    found = wave_of(electron_probe(), ATOMS, wavelength=ELECTRONS, pattern=pattern)
    known = wave_of(electron_probe(0.02), ATOMS, wavelength=ELECTRONS)
    assert abs(np.vdot(found, known)) / np.sqrt(power(found) * power(known)) > 0.995


@pytest.mark.parametrize(
    ("terms", "text"),
    [
        ({"C11": 1e-9}, 'An aberration "C11"; expected a coefficient, as C10, C12, C21'),
        ({"defocus": 1e-9}, 'An aberration "defocus"'),
        ({"phi12": 0.1}, "phi12 is the direction of C12, which is not given"),
    ],
)
def test_names_that_are_no_aberrations_are_refused(terms, text):
    with pytest.raises(InputError, match=text):
        electron_probe(0.02, terms)


def test_a_semi_angle_in_degrees_or_milliradians_is_refused():
    with pytest.raises(InputError, match="The electron probe has a cone of ±2e\\+04 mrad; the detector has pixels of"):
        wave_of(electron_probe(20.0), ATOMS, wavelength=ELECTRONS)
    with pytest.raises(InputError, match="give one of the two"):
        electron_probe(0.02, {"C10": 1e-9}, defocus=1e-9)
