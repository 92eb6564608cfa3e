"""Rocking curves in files: the package's own bit for bit, and those of others by key."""

import h5py
import numpy as np
import pytest

import bragg_problems
import ptychograd as pg

LENGTHS = {"wavelength": "1.5e-10", "distance": 0.4, "pixel_size": "55e-6,66e-6"}
ANGLES = {"two_theta": bragg_problems.TWO_THETA, "rocking": ",".join(map(repr, bragg_problems.ROCKING))}


@pytest.fixture(scope="module")
def data():
    return bragg_problems.measurement()


def npz(path, data, **arrays):
    np.savez(path, **{"patterns": data.patterns, "positions": data.positions, **arrays})
    return path


# The package's own format ---------------------------------------------------------------------------------


def test_own_format_keeps_everything_bit_for_bit(data, tmp_path):
    pg.write(tmp_path / "a.h5", data)
    read = pg.read(tmp_path / "a.h5")
    assert type(read.geometry) is pg.BraggGeometry
    assert read.geometry == data.geometry
    assert read.fingerprint == data.fingerprint
    pairs = [
        (getattr(read, name), getattr(data, name)) for name in ("patterns", "positions", "mask", "probe", "support")
    ]
    for found, expected in (*pairs, (read.truth.object, data.truth.object), (read.truth.probe, data.truth.probe)):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    assert read.support.shape == read.truth.object.shape == bragg_problems.BOX
    assert read.notes == data.notes


def test_own_format_states_its_units(data, tmp_path):
    pg.write(tmp_path / "a.h5", data)
    with h5py.File(tmp_path / "a.h5") as file:
        units = {name: file["geometry"][name].attrs["units"] for name in file["geometry"]}
        np.testing.assert_array_equal(file["geometry/rocking"], bragg_problems.ROCKING)
        assert file["geometry/two_theta"][()] == bragg_problems.TWO_THETA
    metres = dict.fromkeys(("wavelength", "distance", "pixel_size"), "m")
    assert units == metres | {"two_theta": "rad", "rocking": "rad"}


def test_what_a_person_says_comes_before_what_the_file_says(data, tmp_path):
    pg.write(tmp_path / "a.h5", data)
    read = pg.read(tmp_path / "a.h5", {"two_theta": 1.0, "rocking": "-0.002,-0.001,0,0.001,0.002"})
    assert read.geometry.two_theta == 1.0
    assert read.geometry.rocking == (-0.002, -0.001, 0.0, 0.001, 0.002)


def test_another_number_of_angles_than_the_patterns_have_is_refused(data, tmp_path):
    pg.write(tmp_path / "a.h5", data)
    with pytest.raises(pg.InputError, match="100 patterns and 3 angles, so some rocking curves are not whole"):
        pg.read(tmp_path / "a.h5", {"rocking": "-0.001,0,0.001"})


@pytest.mark.parametrize("keys", [{}, {"focus_distance": "0.1"}], ids=["by regime", "by key"])
def test_rocking_curves_are_no_near_field(data, tmp_path, keys):
    pg.write(tmp_path / "a.h5", data)
    with pytest.raises(pg.InputError, match=r"is no near field; leave out `model\.kind=near-field`"):
        pg.read(tmp_path / "a.h5", keys, near_field=None if keys else True)


# Of others ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [ANGLES, {"two_theta": "tth", "rocking": "angles"}], ids=["numbers", "arrays"])
def test_angles_by_key_make_it_a_bragg_geometry(data, tmp_path, keys):
    arrays = {"tth": np.float64(bragg_problems.TWO_THETA), "angles": np.array(bragg_problems.ROCKING)}
    read = pg.read(npz(tmp_path / "a.npz", data, **arrays), LENGTHS | keys)
    assert read.geometry == bragg_problems.GEOMETRY
    np.testing.assert_array_equal(read.positions, data.positions)


@pytest.mark.parametrize(
    ("units", "per_radian"),
    [("deg", 180 / np.pi), ("degree", 180 / np.pi), ("mrad", 1e3), ("rad", 1.0), (None, 1.0)],
)
def test_angles_are_read_in_the_unit_that_the_file_states(data, tmp_path, units, per_radian):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["patterns"], file["positions"] = data.patterns, data.positions
        file["tth"] = bragg_problems.TWO_THETA * per_radian
        file["scan/omega"] = np.array(bragg_problems.ROCKING) * per_radian
        for name in ("tth", "scan/omega"):
            if units:
                file[name].attrs["units"] = units
    geometry = pg.read(tmp_path / "a.h5", LENGTHS | {"two_theta": "tth", "rocking": "scan/omega"}).geometry
    assert geometry.two_theta == pytest.approx(bragg_problems.TWO_THETA, rel=1e-12)
    assert geometry.rocking == pytest.approx(bragg_problems.ROCKING, rel=1e-12)


def test_an_angle_in_metres_is_refused(data, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["patterns"], file["positions"], file["tth"] = data.patterns, data.positions, 0.9
        file["tth"].attrs["units"] = "mm"
    with pytest.raises(pg.InputError, match=r'"tth".* is in "mm"; expected one of rad, .*deg'):
        pg.read(tmp_path / "a.h5", LENGTHS | ANGLES | {"two_theta": "tth"})


def test_positions_in_pixels_are_those_of_the_voxel(data, tmp_path):
    """Along y as along x, along z by the other side of the frame."""
    places = np.repeat(bragg_problems.CORNERS, len(bragg_problems.ROCKING), axis=0)
    np.savez(tmp_path / "a.npz", patterns=data.patterns, position_px=places)
    read = pg.read(tmp_path / "a.npz", LENGTHS | ANGLES)
    np.testing.assert_allclose(read.positions, places * bragg_problems.VOXEL)
    assert "positions: object pixels of the Bragg geometry, converted to metres" in read.notes


MISTAKES = {
    "no rocking": ({"two_theta": 0.9}, "a Bragg reflection needs rocking too; give it as a key, in radians"),
    "no two_theta": ({"rocking": "0,0.001"}, "a Bragg reflection needs two_theta too"),
    "with a focus": (ANGLES | {"focus_distance": 0.1}, "which is no near field"),
    "degrees": (ANGLES | {"two_theta": 51.6}, "is this degrees"),
    "no such array": (ANGLES | {"rocking": "omega"}, 'rocking: there is no array "omega"'),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_told(data, tmp_path, mistake):
    keys, text = MISTAKES[mistake]
    with pytest.raises(pg.InputError, match=text):
        pg.read(npz(tmp_path / "a.npz", data), LENGTHS | keys)


def test_angles_without_lengths_make_no_geometry(data, tmp_path):
    with pytest.raises(
        pg.InputError, match="a rocking curve needs its geometry, but wavelength, pixel_size is missing"
    ):
        pg.read(npz(tmp_path / "a.npz", data), {"distance": 0.4} | ANGLES)
