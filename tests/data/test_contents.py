"""Files of beamlines: keys with units, positions in two arrays, and what a file holds that no format knows."""

import h5py
import numpy as np
import pytest

from ptychograd.core.errors import InputError
from ptychograd.data.contents import contents
from ptychograd.data.files import read

FRAMES = np.random.default_rng(5).integers(1, 500, (6, 5, 8)).astype(np.uint16)
PLACES = np.random.default_rng(6).uniform(-4, 9, (6, 2))
KEV_TO_METRES = 12.398419843320026e-10
LENGTHS = {"patterns": "frames", "distance": "2.25", "pixel_size": "55:um"}


@pytest.fixture
def file(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["frames"] = FRAMES
        file["motors/y"], file["motors/x"] = PLACES.T * 1e3
        for axis in "yx":
            file[f"motors/{axis}"].attrs["units"] = "nm"
        file["mono"] = 8200.0
        file["stated"] = 8200.0
        file["stated"].attrs["units"] = "eV"
    return tmp_path / "a.h5"


@pytest.mark.parametrize(
    "key", ["8.2:keV", "8.2 keV", "8200:eV", "1.3137848366e-15", "stated", "mono:eV", "1.3137848366e-15:J"]
)
def test_an_energy_is_in_joules_or_in_the_unit_that_is_stated_or_named(file, key):
    data = read(file, {**LENGTHS, "positions": "motors/y,motors/x", "energy": key})
    assert data.geometry.wavelength == pytest.approx(KEV_TO_METRES / 8.2, rel=1e-6)
    assert data.geometry.pixel_size == pytest.approx((55e-6, 55e-6))


def test_positions_in_two_arrays_are_y_and_x(file):
    data = read(file, {**LENGTHS, "positions": "motors/y,motors/x", "energy": "8:keV"})
    np.testing.assert_allclose(data.positions, PLACES * 1e-6)
    data = read(file, {**LENGTHS, "positions": "motors/y:um,motors/x:um", "energy": "8:keV"})
    np.testing.assert_allclose(data.positions, PLACES * 1e-3)


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"energy": "8"}, "no X-ray has that; say the unit, as energy=8:keV"),
        ({"energy": "mono"}, "no X-ray has that; say the unit, as energy=mono:keV"),
        ({"energy": "8:keV", "wavelength": "1e-10"}, "wavelength and energy are both given"),
        ({"positions": "motors/y:um,motors/x"}, 'is in "um" and .* in "nm"; expected one unit'),
        ({"positions": "motors/y,motors/z"}, 'there is no array "motors/y,motors/z"'),
    ],
)
def test_what_can_not_be_meant_is_refused(file, keys, text):
    with pytest.raises(InputError, match=text):
        read(file, {**LENGTHS, "positions": "motors/y,motors/x", **keys})


def test_the_contents_of_a_file_and_the_keys_that_it_needs(file):
    found = contents(file)
    assert {one.cells for one in found.arrays} >= {
        ("frames", "(6, 5, 8)", "uint16", "", ""),
        ("motors/y", "(6,)", "float64", "", "nm"),
        ("stated", "()", "float64", "8200", "eV"),
    }
    assert [(name, key) for name, key, _ in found.needed()] == [
        ("positions", "motors/y,motors/x"),
        ("energy", "8:keV"),
        ("distance", "1:m"),
        ("pixel_size", "55:um"),
    ]
    assert contents(file, {"energy": "8:keV", "positions": "none"}).missing == ("distance", "pixel_size")


@pytest.mark.parametrize(
    ("name", "value", "unit", "key"),
    [
        ("MonoEnergy", 8.2, "", "MonoEnergy:keV"),
        ("beam/energy_eV", 12400.0, "", "beam/energy_eV:eV"),
        ("beam/photon_energy_keV", 0.31, "", "beam/photon_energy_keV:keV"),
        ("beam/energy_keV", 8000.0, "", "beam/energy_keV:eV"),
        ("ring/energy", 6.0, "GeV", None),
        ("energy_offset_mm", 3.0, "mm", None),
        ("wavelength_of_light", 1.2, "angstrom", "wavelength_of_light"),
        ("wavelength_of_light", 0.12, "", "wavelength_of_light:nm"),
    ],
)
def test_an_energy_is_known_by_its_name_and_by_what_it_can_be(tmp_path, name, value, unit, key):
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["frames"], file[name] = FRAMES, value
        if unit:
            file[name].attrs["units"] = unit
    guesses = contents(tmp_path / "b.h5").guesses
    found = guesses.get("energy") or guesses.get("wavelength")
    assert (found and found.key) == key


def test_a_unit_with_which_a_name_ends_is_that_of_its_numbers(tmp_path):
    """50 could be metres of a long beamline, were it not for the name; a unit that the file states comes first."""
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["frames"], file["distance_mm"], file["pixel (um)"] = FRAMES, 50.0, 75.0
        file["stage/y_mm"], file["stage/x_mm"] = PLACES.T
    guesses = contents(tmp_path / "c.h5", {"energy": "8:keV"}).guesses
    assert {name: guess.key for name, guess in guesses.items() if name != "patterns"} == {
        "positions": "stage/y_mm:mm,stage/x_mm:mm",
        "distance": "distance_mm:mm",
        "pixel_size": "pixel (um):um",
    }
    keys = {name: guess.key for name, guess in guesses.items()}
    np.testing.assert_allclose(read(tmp_path / "c.h5", {"energy": "8:keV", **keys}).positions, PLACES * 1e-3)
    with h5py.File(tmp_path / "c.h5", "a") as file:
        file["stage/y_mm"].attrs["units"] = file["stage/x_mm"].attrs["units"] = "nm"
    assert contents(tmp_path / "c.h5", {"energy": "8:keV"}).guesses["positions"].key == "stage/y_mm,stage/x_mm"
