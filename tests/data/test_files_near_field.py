"""Files of near fields: the focus distance on disk, by key, by name, and who may ask for it."""

import math

import h5py
import numpy as np
import pytest

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import Geometry, NearFieldGeometry, make_dataset, positions_in_pixels
from ptychograd.data.files import read, write

RANDOM = np.random.default_rng(5)
FRAMES = RANDOM.integers(1, 500, (6, 5, 8)).astype(np.uint16)
PLACES = RANDOM.uniform(-4, 9, (6, 2))
METRES = PLACES * 1e-6
LENGTHS = (1.5e-10, 2.25, (55e-6, 75e-6))
KEYS = {"wavelength": "1.5e-10", "distance": 2.25, "pixel_size": "55e-6,75e-6"}
CONE = NearFieldGeometry(*LENGTHS, focus_distance=0.02)
GUESSED_PARALLEL = "focus_distance: none given, so the beam is taken as parallel"


def npz(path, **arrays):
    np.savez(path, **{"intensity": FRAMES, "positions": METRES, **arrays})
    return path


def own(path, geometry=None):
    write(path, make_dataset(FRAMES, METRES, geometry=geometry or Geometry(*LENGTHS)))
    return path


# The package's own format ---------------------------------------------------------------------------------


@pytest.mark.parametrize("focus_distance", [0.02, -7.5, math.inf])
def test_own_format_keeps_the_focus_distance(tmp_path, focus_distance):
    geometry = NearFieldGeometry(*LENGTHS, focus_distance)
    data = read(own(tmp_path / "a.h5", geometry))
    assert type(data.geometry) is NearFieldGeometry
    assert data.geometry == geometry
    np.testing.assert_array_equal(data.positions, METRES)
    assert data.notes == ()
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["geometry/focus_distance"][()] == focus_distance
        assert file["geometry/focus_distance"].attrs["units"] == "m"


def test_a_far_field_has_no_focus_distance_on_disk(tmp_path):
    data = read(own(tmp_path / "a.h5"))
    assert type(data.geometry) is Geometry
    with h5py.File(tmp_path / "a.h5") as file:
        assert "focus_distance" not in file["geometry"]


def test_a_fingerprint_knows_the_focus_distance():
    geometries = (Geometry(*LENGTHS), NearFieldGeometry(*LENGTHS), CONE)
    prints = {make_dataset(FRAMES, METRES, geometry=geometry).fingerprint for geometry in geometries}
    assert len(prints) == 3


# By key and by name ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "expected"), [("0.02", 0.02), (0.02, 0.02), ("inf", math.inf), ("-7.5", -7.5)])
@pytest.mark.parametrize("make", [npz, own], ids=["NPZ", "own format"])
def test_a_key_for_the_focus_distance_makes_it_a_near_field(tmp_path, make, key, expected):
    data = read(make(tmp_path / ("a.npz" if make is npz else "a.h5")), KEYS | {"focus_distance": key})
    assert data.geometry == NearFieldGeometry(*LENGTHS, focus_distance=expected)
    assert not any("focus" in note for note in data.notes)


def test_a_key_may_name_an_array_with_its_unit(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["dp"], file["positions"], file["z1"] = FRAMES, METRES, 20.0
        file["z1"].attrs["units"] = "mm"
    assert read(tmp_path / "a.h5", KEYS | {"focus_distance": "z1"}).geometry.focus_distance == pytest.approx(0.02)


@pytest.mark.parametrize(("key", "text"), [("near", 'no array "near"'), ("0", "expected the distance from focus")])
def test_a_focus_distance_that_is_none_is_refused(tmp_path, key, text):
    with pytest.raises(InputError, match=text):
        read(npz(tmp_path / "a.npz"), KEYS | {"focus_distance": key})


def test_without_a_word_a_file_of_others_is_a_far_field(tmp_path):
    """A focus distance in the file may be the distance of a defocused probe: only a near field asks for it."""
    data = read(npz(tmp_path / "a.npz", focus_distance=0.02), KEYS)
    assert data.geometry == Geometry(*LENGTHS)
    (note,) = (note for note in data.notes if note.startswith("focus_distance"))
    assert "not used in a far field; if these are shadows, say `model.kind=near-field`" in note


@pytest.mark.parametrize("name", ["focus_distance", "focus_object_distance_m"])
def test_a_near_field_asks_for_the_well_known_name(tmp_path, name):
    data = read(npz(tmp_path / "a.npz", **{name: np.float64(0.02)}), KEYS, near_field=True)
    assert data.geometry == CONE
    assert f'focus_distance: guessed "{name}" () float64' in data.notes


def test_a_near_field_without_any_focus_distance_is_of_a_parallel_beam(tmp_path):
    """And says so; what is named so but is no number is none."""
    for arrays in ({}, {"focus_distance": np.ones(6)}):
        data = read(npz(tmp_path / "a.npz", **arrays), KEYS, near_field=True)
        assert data.geometry == NearFieldGeometry(*LENGTHS)
        assert GUESSED_PARALLEL in data.notes


@pytest.mark.slow
def test_what_a_person_says_comes_before_what_the_file_says(tmp_path):
    file = own(tmp_path / "near.h5", CONE)
    assert read(file).geometry == read(file, near_field=True).geometry == CONE
    assert read(file, near_field=True).notes == ()
    assert read(file, {"focus_distance": "inf"}).geometry == NearFieldGeometry(*LENGTHS)
    assert type(read(file, near_field=False).geometry) is Geometry
    assert read(file, near_field=False).geometry == Geometry(*LENGTHS)
    far = own(tmp_path / "far.h5")
    assert read(far, near_field=False).geometry == read(far).geometry == Geometry(*LENGTHS)
    assert read(far, near_field=True).geometry == NearFieldGeometry(*LENGTHS)


def test_positions_in_pixels_are_those_of_the_near_field(tmp_path):
    """A detector pixel over the magnification, of rows and of columns."""
    np.savez(tmp_path / "a.npz", intensity=FRAMES, position_px=PLACES)
    data = read(tmp_path / "a.npz", KEYS | {"focus_distance": "0.02"})
    np.testing.assert_allclose(data.positions, PLACES * np.array([55e-6, 75e-6]) * 0.02 / 2.27)
    np.testing.assert_allclose(positions_in_pixels(data, None), PLACES)


def test_a_focus_distance_alone_makes_no_geometry(tmp_path):
    with pytest.raises(InputError, match="near field needs its geometry, but wavelength, pixel_size is missing"):
        read(npz(tmp_path / "a.npz"), {"focus_distance": "0.02", "distance": 1.0})


# Measured -------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.data
def test_measured_near_field_of_petra_becomes_one_by_its_focus_distance(shared_data):
    """CXI says nothing of a focus: without a word it is a far field."""
    file = shared_data / "petra_p25" / "PETRAIII_P25_Near_Field_Ptycho.cxi"
    data = read(file, {"focus_distance": "3.65e-3"})
    assert isinstance(data.geometry, NearFieldGeometry)
    assert data.geometry.magnification == pytest.approx(307.849, abs=1e-3)
    assert data.geometry.sampling(data.frame_shape) == pytest.approx((178.659e-9, 178.659e-9), rel=1e-5)
    assert data.geometry.effective_distance == pytest.approx(3.63814e-3, rel=1e-5)
    with h5py.File(file) as opened:
        x, y, _ = np.ptp(opened["entry_1/sample_1/geometry_1/translation"][()], axis=0) / 178.659e-9
    np.testing.assert_allclose(np.ptp(positions_in_pixels(data, None), axis=0), [y, x], rtol=1e-5)
    assert data.notes == ()
    assert type(read(file).geometry) is Geometry
    parallel = read(file, near_field=True)
    assert parallel.geometry.focus_distance == math.inf
    assert parallel.notes == (GUESSED_PARALLEL,)
