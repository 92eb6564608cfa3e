"""A plan that is proposed for data: what their files say stays there, what they lack is said where it is given."""

import h5py
import numpy as np
import pytest

import ptychograd as pg
from ptychograd.core.errors import InputError
from ptychograd.runs.plan.plan import Plan

LENGTHS = {"distance": 0.31, "wavelength": 1.5e-10, "pixel_size": 55e-6}


@pytest.fixture
def scan(tmp_path):
    """A file of another program: arrays that no convention names, without a geometry."""
    generator = np.random.default_rng(3)
    path = tmp_path / "foreign.h5"
    with h5py.File(path, "w") as file:
        file["run7/eiger"] = generator.poisson(20.0, (12, 16, 18)).astype(np.uint16)
        file["run7/stage"] = np.indices((3, 4)).reshape(2, -1).T * 2.1e-6
        file["run7/current"] = np.ones(12)
    return path


def test_arrays_that_no_convention_names_are_guessed_by_shape_and_said_to_be(scan):
    found = pg.automatic.propose(Plan(data={"paths": str(scan)}))
    guessed = " ".join(line for line in found.notes["data.keys"] if line.startswith("GUESSED"))
    assert "run7/eiger" in guessed
    assert "run7/stage" in guessed
    for name in ("energy", "distance", "pixel_size"):
        assert any(line.startswith("MISSING") for line in found.notes[f"geometry.{name}"])


def test_the_proposal_reads_the_same_data(scan):
    asked = Plan(data={"paths": str(scan)}, geometry=LENGTHS)
    found = pg.automatic.propose(asked)
    assert found.plan.read().fingerprint == found.data.fingerprint
    assert not any(line.startswith("MISSING") for lines in found.notes.values() for line in lines)


def test_where_nothing_can_be_guessed_the_arrays_are_listed(tmp_path):
    with h5py.File(tmp_path / "odd.h5", "w") as file:
        file["a/table"] = np.ones((5, 7))
    found = pg.automatic.propose(Plan(data={"paths": str(tmp_path / "odd.h5")}))
    assert found.data is None
    assert any("a/table  (5, 7)" in line for line in found.notes["data.keys"])
    with pytest.raises(InputError, match="there is no such file"):
        pg.automatic.propose(Plan(data={"paths": "none.h5"}))


def test_numbers_are_found_by_their_names(tmp_path):
    """With the unit that is stated, or else the likeliest; what can't be such a number is left."""
    path = tmp_path / "beamline.h5"
    generator = np.random.default_rng(3)
    with h5py.File(path, "w") as file:
        file["run7/eiger"] = generator.poisson(20.0, (12, 16, 18)).astype(np.uint16)
        for axis, values in zip("yx", np.indices((3, 4)).reshape(2, -1), strict=True):
            file[f"run7/piezo_{axis}"] = values * 2.1
            file[f"run7/piezo_{axis}"].attrs["units"] = "um"
        file["run7/mono_energy"] = 8.2
        file["run7/mono_energy"].attrs["units"] = "keV"
        file["run7/ring/energy"] = 6.0
        file["run7/ring/energy"].attrs["units"] = "GeV"
        file["run7/camera_distance"] = 1210.0
        file["run7/x_pixel_size"] = 75.0
        file["run7/y_pixel_size"] = 75.0
        file["run7/focus_distance"] = 0.1
    found = pg.automatic.propose(Plan(data={"paths": str(path)}))
    assert dict(found.plan.data.keys) == {
        "positions": "run7/piezo_y,run7/piezo_x",
        "energy": "run7/mono_energy",
        "distance": "run7/camera_distance:mm",
        "pixel_size": "run7/x_pixel_size:µm",
    }
    assert sum(line.startswith("GUESSED") for line in found.notes["data.keys"]) >= 4
    geometry = found.data.geometry
    assert geometry.wavelength == pytest.approx(12.398419843e-10 / 8.2, rel=1e-9)
    assert geometry.distance == pytest.approx(1.21)
    assert geometry.pixel_size == pytest.approx((75e-6, 75e-6))
    assert np.ptp(found.data.positions, axis=0) == pytest.approx([4.2e-6, 6.3e-6])


def test_what_the_file_says_is_shown_and_left_to_it(tmp_path):
    path = tmp_path / "known.h5"
    geometry = pg.Geometry(**{**LENGTHS, "pixel_size": (55e-6, 55e-6)})
    generator = np.random.default_rng(3)
    patterns = generator.poisson(20.0, (12, 16, 18)).astype(np.uint16)
    positions = np.indices((3, 4)).reshape(2, -1).T * 2.1e-7
    pg.write(path, pg.make_dataset(patterns, positions, geometry=geometry))
    found = pg.automatic.propose(Plan(data={"paths": str(path)}))
    assert found.plan.geometry == Plan().geometry
    assert {name: found.found[f"geometry.{name}"] for name in LENGTHS} == LENGTHS


def test_of_several_stacks_the_largest_is_taken_for_the_patterns(scan):
    with h5py.File(scan, "a") as file:
        file["run7/fluorescence"] = np.ones((12, 3, 4))
    found = pg.automatic.propose(Plan(data={"paths": str(scan)}))
    assert found.data.frame_shape == (16, 18)


def test_lengths_of_a_file_are_shown_as_one_writes_them(tmp_path):
    """55.0 in "um" is 55.0 * 1e-6, which is not 55e-6."""
    data = pg.make_dataset(
        np.ones((4, 6, 8)),
        np.indices((2, 2)).reshape(2, -1).T * 1e-6,
        geometry=pg.Geometry(1e-10, 1.0, (55.0 * 1e-6,) * 2),
    )
    pg.write(tmp_path / "scan.h5", data)
    found = pg.automatic.propose(Plan(data={"paths": str(tmp_path / "scan.h5")}))
    assert found.found["geometry.pixel_size"] == 55e-6
