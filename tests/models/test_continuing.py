"""Starts that continue from an earlier result, on the pixels and over the extent of other data."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import bragg_problems
import near_problems
import problems
import ptychograd as pg
from problems import complex_array
from ptychograd.core.resampling import NewPixels, about_middle, continued_beyond, dark_beyond
from ptychograd.models import EarlierResult, continued

WAVELENGTH, DISTANCE = 1e-10, 1.0
FRAME = (21, 18)
PIXEL = (50e-6, 60e-6)


def geometry(fine: int = 1) -> pg.Geometry:
    """The same window at any fineness, as detectors of so many more pixels resolve it."""
    return pg.Geometry(WAVELENGTH, DISTANCE, PIXEL)


def transmission(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """A band-limited object of metres (y, x): waves of 5 coarse pixels and more; phases beyond π."""
    wide = np.array(geometry().sampling(FRAME))
    y, x = y[:, None] / wide[0], x / wide[1]
    return 0.6 + 0.3 * np.exp(2j * np.pi * (y / 6.1 + x / 9.3)) + 0.2 * np.exp(-2j * np.pi * (x / 5.2 - y / 17) + 1j)


def wave(shape: tuple[int, int], pixel: np.ndarray, modes: int = 1) -> np.ndarray:
    """Curved Gaussians off the middle, a function of metres from the middle pixel, with √photons a pixel."""
    wide = np.array(geometry().sampling(FRAME))
    y, x = ((np.arange(n) - n // 2) * p / w for n, p, w in zip(shape, pixel, wide, strict=True))
    y, x = y[:, None] - 0.7, x + 1.1
    found = np.stack([np.exp(-(y**2) / 9 - x**2 / (7 + k) + 0.05j * (y**2 - x) + 0.3j * k * y) for k in range(modes)])
    return 1e3 * found * np.sqrt(np.prod(pixel) / np.prod(wide))


def scan(origin: tuple[float, float] = (0.0, 0.0), count: int = 9) -> np.ndarray:
    """Positions in metres, in steps that are no whole pixels; the first has the smallest y and x."""
    wide = np.array(geometry().sampling(FRAME))
    steps = np.random.default_rng(2).uniform(0, 15, (count, 2))
    steps[0] = 0
    return (steps + origin) * wide


def dataset(frame=FRAME, positions=None, photons=None, **options) -> pg.Dataset:
    """Patterns with as many photons as the model that is made of it expects, or another number."""
    places = scan() if positions is None else positions
    data = pg.make_dataset(np.ones((len(places), *frame)), places, geometry=geometry(), **options)
    model = analytic(data)
    patterns = np.stack([np.asarray(model(k)) for k in range(len(places))])
    return pg.make_dataset(patterns * (photons or 1), places, geometry=geometry(), **options)


def analytic(data: pg.Dataset, modes: int = 1) -> pg.Ptychography:
    """The model with the analytic object and probe on its own pixels."""
    model = pg.far_field(data, probe=complex_array(modes, *data.frame_shape))
    pixel = np.array(model.sampling)
    first = data.positions.min(axis=0) - np.array(data.frame_shape) // 2 * pixel
    y, x = (f + np.arange(n) * p for f, n, p in zip(first, model.object.transmission.shape, pixel, strict=True))
    parts = transmission(y, x), wave(data.frame_shape, pixel, modes)
    return eqx.tree_at(
        lambda model: (model.object.transmission, model.probe.modes),
        model,
        tuple(jnp.asarray(part, np.complex64) for part in parts),
    )


def earlier_of(model: pg.AbstractModel, data: pg.Dataset) -> EarlierResult:
    return EarlierResult(model.roles(), data.positions)


def worst(found, expected, border: float = 0.0) -> float:
    """Largest error over the largest magnitude, without a border of that share of each side, where mirrors differ."""
    rows, columns = (slice(round(border * n), n - round(border * n)) for n in np.shape(expected)[-2:])
    found, expected = np.asarray(found)[..., rows, columns], np.asarray(expected)[..., rows, columns]
    return float(np.abs(found - expected).max() / np.abs(expected).max())


# The same data --------------------------------------------------------------------------------------------


@pytest.mark.variants
@pytest.mark.parametrize("modes", [1, 3])
def test_the_same_data_give_back_what_was(modes):
    data = dataset()
    before = analytic(data, modes)
    data = pg.make_dataset(np.stack([np.asarray(before(k)) for k in range(9)]), data.positions, geometry=geometry())
    found, notes = continued(pg.far_field(data, modes=modes), data, earlier_of(before, data))
    np.testing.assert_array_equal(found.object.transmission, before.object.transmission)
    np.testing.assert_array_equal(found.probe.modes, before.probe.modes)
    assert "as before" in notes[0]
    assert "as before" in notes[1]


@pytest.mark.slow
def test_patterns_without_lengths_are_continued_in_pixels():
    data = problems.measurement()
    result = pg.reconstruct(problems.start_model(data), data, pg.Nesterov(), epochs=1, batch_size=16)
    found, _ = continued(pg.far_field(data), data, EarlierResult(result.roles, result.positions))
    np.testing.assert_array_equal(found.object.transmission, result.object)
    ratio = np.asarray(found.probe.modes) / result.probe
    np.testing.assert_allclose(ratio, ratio[0, 0, 0], rtol=1e-5)  # which one epoch does not bring to all photons


def test_a_near_field_gives_back_what_was():
    data = near_problems.measurement()
    model = pg.near_field(data, object=pg.models.random_object(3))
    other = eqx.tree_at(lambda m: m.probe.modes, model, jnp.asarray(near_problems.probe_wave()[None], np.complex64))
    start = pg.near_field(data, probe=complex_array(*near_problems.FRAME))
    found, _ = continued(start, data, earlier_of(other, data))
    inside = near_problems.inside()
    np.testing.assert_array_equal(
        np.asarray(found.object.transmission)[inside], np.asarray(other.object.transmission)[inside]
    )
    scale = np.asarray(found.probe.modes)[0, 5, 6] / np.asarray(other.probe.modes)[0, 5, 6]
    np.testing.assert_allclose(found.probe.modes, other.probe.modes * scale, rtol=1e-5, atol=1e-3)


def test_a_crystal_gives_back_what_was_and_no_other_voxels():
    data = bragg_problems.measurement()
    before = pg.bragg(data, object=pg.models.random_object(1))
    found, _ = continued(pg.bragg(data), data, earlier_of(before, data))
    np.testing.assert_array_equal(found.object.density, np.where(before.object.support, before.object.density, 0))
    roles = before.roles()
    fewer = roles._replace(image=roles.image._replace(array=roles.image.array[1:], support=roles.image.support[1:]))
    with pytest.raises(pg.InputError, match="continued on the same voxels"):
        continued(pg.bragg(data), data, EarlierResult(fewer, data.positions))


# Other pixels and another extent --------------------------------------------------------------------------


@pytest.mark.variants
@pytest.mark.parametrize("frame", [(42, 36), (41, 35), (63, 45), (30, 27)])
def test_finer_pixels_hold_the_analytic_object_and_probe(frame):
    """Whole and broken ratios, odd and even sizes; the detector is larger and the window the same."""
    old = dataset()
    new = dataset(frame)
    before, expected = analytic(old), analytic(new)
    found, _ = continued(pg.far_field(new), new, earlier_of(before, old))
    assert worst(found.object.transmission, expected.object.transmission, border=1 / 3) < 1e-3
    assert worst(found.probe.modes, expected.probe.modes) < 1e-3


@pytest.mark.variants
@pytest.mark.parametrize("frame", [(15, 14), (18, 15)])
def test_larger_pixels_hold_what_they_can(frame):
    """Waves of 5 earlier pixels are 3.6 of these, which hold them."""
    old, new = dataset(), dataset(frame)
    before, expected = analytic(old), analytic(new)
    found, _ = continued(pg.far_field(new), new, earlier_of(before, old))
    assert worst(found.object.transmission, expected.object.transmission, border=1 / 3) < 1e-2


def test_what_larger_pixels_can_not_hold_is_left_out_and_not_folded_back():
    image = 1 + np.exp(2j * np.pi * 0.4 * np.arange(200))[:, None] * np.ones(150)
    found = continued_beyond(image, NewPixels(66, 40.0, 1.8), NewPixels(60, 20.0, 1.8))
    np.testing.assert_allclose(found, 1, atol=1e-3)


@pytest.mark.variants
@pytest.mark.parametrize("origin", [(3.0, -2.0), (-2.4, 4.7), (0.25, 0.5)])
def test_a_scan_elsewhere_finds_the_object_in_its_place(origin):
    old, new = dataset(), dataset(positions=scan(origin))
    before, expected = analytic(old), analytic(new)
    found, _ = continued(pg.far_field(new), new, earlier_of(before, old))
    inside = (slice(14, -14), slice(14, -14))
    assert worst(found.object.transmission[inside], expected.object.transmission[inside]) < 5e-3


def test_beyond_the_earlier_object_it_stays_as_it_starts():
    old, new = dataset(), dataset(positions=np.concatenate([scan(), scan((0.0, 40.0))]))
    before = analytic(old)
    model = pg.far_field(new)
    found, notes = continued(model, new, earlier_of(before, old))
    width = before.object.transmission.shape[1]
    np.testing.assert_array_equal(found.object.transmission[:, width:], model.object.transmission[:, width:])
    np.testing.assert_array_equal(found.object.transmission[:, : width - 9], before.object.transmission[:, : width - 9])
    steps = np.abs(np.diff(np.asarray(found.object.transmission)[:, width - 10 : width + 2], axis=1))
    assert steps.max() < 0.7
    assert "stay as they start" in notes[0]


def test_scans_apart_are_refused_with_both_places():
    old, new = dataset(), dataset(positions=scan((0.0, 400.0)))
    with pytest.raises(pg.InputError, match="do not overlap"):
        continued(pg.far_field(new), new, earlier_of(analytic(old), old))


def test_a_wave_keeps_its_power_on_other_pixels():
    coarse = wave((40, 36), np.array([1.0, 1.0]) * geometry().sampling(FRAME))
    for step, shape in ((0.5, (80, 72)), (0.7, (57, 51)), (1.3, (31, 29))):
        axes = (about_middle(n, m, step) for n, m in zip(shape, coarse.shape[1:], strict=True))
        found = dark_beyond(coarse, *axes)
        assert np.sum(np.abs(found) ** 2) == pytest.approx(np.sum(np.abs(coarse) ** 2), rel=1e-3)


# Photons and modes ----------------------------------------------------------------------------------------


def test_the_probe_has_the_photons_of_the_new_patterns():
    old, new = dataset(), dataset((42, 36), photons=7.0)
    found, notes = continued(pg.far_field(new), new, earlier_of(analytic(old), old))
    expected = sum(float(np.asarray(found(k)).sum()) for k in range(9))
    assert expected == pytest.approx(new.total, rel=1e-3)
    assert "times the photons" in notes[1]


def test_modes_are_added_or_the_strongest_kept():
    data = dataset()
    before = analytic(data, 2)
    mixed = before.probe.modes * jnp.asarray([1.0, 0.3], jnp.complex64)[:, None, None]
    before = eqx.tree_at(lambda m: m.probe.modes, before, mixed)
    more, notes = continued(pg.far_field(data, modes=4), data, earlier_of(before, data))
    assert more.probe.modes.shape == (4, *FRAME)
    assert "2 more modes than the 2 before" in notes[1]
    one, notes = continued(pg.far_field(data), data, earlier_of(before, data))
    strongest = pg.physics.orthogonal_modes(np.asarray(mixed))[0][0]
    one = np.asarray(one.probe.modes[0])
    overlap = np.abs(np.vdot(one, strongest)) / np.linalg.norm(one) / np.linalg.norm(strongest)
    assert overlap == pytest.approx(1, abs=1e-5)
    assert "the strongest 1 of 2" in notes[1]


def test_a_near_fields_probe_is_left_where_the_window_is_wider():
    data = near_problems.measurement()
    before = pg.near_field(data)
    frame = (48, 40)
    wide = pg.make_dataset(np.full((49, *frame), 100.0), data.positions, geometry=near_problems.GEOMETRY)
    model = pg.near_field(wide)
    found, notes = continued(model, wide, earlier_of(before, data))
    scale = np.asarray(found.probe.modes)[0, 3, 4] / np.asarray(model.probe.modes)[0, 3, 4]
    np.testing.assert_allclose(found.probe.modes, model.probe.modes * scale, rtol=1e-5)
    assert "as it starts" in notes[1]


# Layers ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_slices_are_kept_multiplied_or_divided():
    data = dataset()
    before = analytic(data)
    thick = pg.models.with_slices(before, 3, 1e-6)
    same, _ = continued(pg.models.with_slices(pg.far_field(data), 3, 1e-6), data, earlier_of(thick, data))
    np.testing.assert_array_equal(same.object.transmission, thick.object.transmission)
    thin, notes = continued(pg.far_field(data), data, earlier_of(thick, data))
    np.testing.assert_allclose(thin.object.transmission, before.object.transmission, atol=1e-5)
    assert "the product of 3 slices" in notes[0]
    divided, _ = continued(pg.models.with_slices(pg.far_field(data), 3, 1e-6), data, earlier_of(before, data))
    np.testing.assert_allclose(divided.object.transmission, thick.object.transmission, atol=1e-5)
    with pytest.raises(pg.InputError, match="3 slices and the new one 2 slices"):
        continued(pg.models.with_slices(pg.far_field(data), 2, 1e-6), data, earlier_of(thick, data))


def test_states_are_kept_or_the_strongest_taken():
    data = dataset()
    before = analytic(data)
    states = pg.models.with_object_modes(before, 2)
    same, _ = continued(pg.models.with_object_modes(pg.far_field(data), 2), data, earlier_of(states, data))
    np.testing.assert_array_equal(same.object.transmission, states.object.transmission)
    thin, notes = continued(pg.far_field(data), data, earlier_of(states, data))
    assert thin.object.transmission.shape == before.object.transmission.shape
    assert "the strongest of 2 states" in notes[0]
    with pytest.raises(pg.InputError, match="one transmission and the new one 2 states"):
        continued(pg.models.with_object_modes(pg.far_field(data), 2), data, earlier_of(before, data))


# Positions ------------------------------------------------------------------------------------------------


def moved(data: pg.Dataset, reach: int = 4) -> pg.Ptychography:
    model = pg.models.with_refinable_positions(analytic(data), reach)
    rng = np.random.default_rng(7)
    values = {
        "offset": rng.uniform(-1, 1, (len(data.positions), 2)),
        "affine": np.array([[0.01, 0.02], [-0.015, 0.005]]),
        "drift": rng.uniform(-0.3, 0.3, (3, 2)),
    }
    return eqx.tree_at(lambda m: m.scan, model, model.scan.with_corrections(**values))


@pytest.mark.variants
@pytest.mark.parametrize("frame", [FRAME, (42, 36), (30, 40)])
@pytest.mark.parametrize("refinable", [True, False])
def test_corrections_are_those_of_before_in_metres(frame, refinable):
    old = dataset()
    before = moved(old)
    new = dataset(frame)
    model = pg.far_field(new)
    model = pg.models.with_refinable_positions(model, 12) if refinable else model
    found, notes = continued(model, new, earlier_of(before, old))
    metres = [np.asarray(one.scan.corrections()) * one.sampling for one in (before, found)]
    np.testing.assert_allclose(metres[1], metres[0], atol=1e-4 * before.sampling[0])
    assert "corrected as before" in notes[2]
    if frame == FRAME:
        np.testing.assert_allclose(found.scan.affine, before.scan.affine, atol=1e-6)


@pytest.mark.slow
def test_with_corrections_the_same_data_expect_the_same_patterns():
    old = dataset()
    before = moved(old)
    patterns = np.stack([np.asarray(before(k)) for k in range(9)])
    data = pg.make_dataset(patterns, old.positions, geometry=geometry())
    found, _ = continued(pg.far_field(data), data, earlier_of(before, old))
    assert found.scan.reach < before.scan.reach
    for k in range(9):
        np.testing.assert_allclose(np.asarray(found(k)), patterns[k], atol=1e-4 * patterns.max())


@pytest.mark.parametrize(
    ("change", "text"),
    [(lambda p: p[:-1], "there were 9 positions and now there are 8"), (lambda p: p + 1e-9 * (p > 0), "differ")],
)
def test_corrections_of_other_positions_are_left_out_and_it_is_said(change, text):
    old = dataset()
    new = dataset(positions=change(old.positions))
    found, notes = continued(pg.far_field(new), new, earlier_of(moved(old), old))
    assert not hasattr(found.scan, "offset")
    assert text in notes[2]


# What can't be done ---------------------------------------------------------------------------------------


def test_what_can_not_be_continued_is_refused_in_a_sentence():
    data = dataset()
    model = pg.far_field(data)
    known = earlier_of(model, data)
    roles = known.roles
    in_pixels = problems.measurement()
    cases = (
        (model, data, known._replace(positions=None), "has no positions of its data"),
        (model, data, known._replace(roles=roles._replace(image=None)), "has no image"),
        (model, data, known._replace(roles=roles._replace(illumination=None)), "has no illumination"),
        (model, data, known._replace(roles=roles._replace(positions=None)), "has no positions"),
        (pg.far_field(in_pixels), in_pixels, known, "and the data in pixels only"),
        (model, data, earlier_of(pg.far_field(in_pixels), in_pixels), "and the earlier result in pixels only"),
        (pg.models.with_varying_probe(model, 1), data, known, "A VaryingProbe can't continue"),
    )
    for start, new, earlier, text in cases:
        with pytest.raises(pg.InputError, match=text):
            continued(start, new, earlier)


def test_a_known_magnitude_stays_known():
    data = dataset()
    model = pg.models.with_magnitude(pg.far_field(data), pg.physics.UnitMagnitude())
    found, _ = continued(model, data, earlier_of(analytic(data), data))
    np.testing.assert_allclose(np.abs(found.object.transmission), 1, atol=1e-6)
    assert dataclasses.is_dataclass(found.object)
