"""Variables and data without positions, in files: our own, CXI, other HDF5 and NPZ."""

import h5py
import numpy as np
import pytest

import ptychograd as pg
from ptychograd.core.errors import InputError
from ptychograd.data.dataset import StoredPatterns

COUNTS = np.random.default_rng(8).poisson(50, (7, 4, 6)).astype(np.uint16)
ANGLE = np.linspace(-0.4, 2.9, 7)
PLACES = np.random.default_rng(9).uniform(0, 30, (7, 2))
STREAMED = pg.data.StreamFromFile(limit=100, block=150)


def measured(**items) -> pg.Dataset:
    variables = {
        "wavelength": pg.data.Variable(np.linspace(1e-10, 1.1e-10, 7), "m"),
        "angle": pg.data.Variable(ANGLE, "rad"),
        "energy": pg.data.Variable(np.linspace(7.1, 7.2, 7), "keV"),
        "dose": pg.data.Variable(np.arange(21).reshape(7, 3), "1"),
    }
    return pg.make_dataset(**{"patterns": COUNTS, "variables": variables, **items})


def assert_same(data, other):
    assert other.fingerprint == data.fingerprint
    assert set(other.variables) == set(data.variables)
    for name, variable in data.variables.items():
        assert other.variables[name].unit == variable.unit
        assert np.array_equal(other.variable(name), variable.values)
    assert (other.positions is None) == (data.positions is None)
    assert data.positions is None or np.array_equal(data.positions, other.positions)
    assert np.array_equal(data.frames(slice(None))[0], other.frames(slice(None))[0])


def h5(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, (array, unit) in arrays.items():
            file[name.replace("__", "/")] = array
            if unit:
                file[name.replace("__", "/")].attrs["units"] = unit
    return path


# The package's own format -----------------------------------------------------------------------------------


@pytest.mark.parametrize("positions", [None, PLACES])
@pytest.mark.parametrize("keep", [None, STREAMED])
def test_own_files_hold_them_bit_for_bit(tmp_path, positions, keep):
    data = measured(positions=positions)
    pg.write(tmp_path / "a.h5", data)
    again = pg.read(tmp_path / "a.h5", keep=keep)
    assert isinstance(again.patterns, StoredPatterns) == (keep is not None)
    assert_same(data, again)
    with h5py.File(tmp_path / "a.h5") as file:
        units = {name: item.attrs["units"] for name, item in file["variables"].items()}
    assert units == {"wavelength": "m", "angle": "rad", "energy": "J", "dose": "1"}


def test_data_with_neither_positions_nor_variables(tmp_path):
    data = pg.make_dataset(COUNTS, source="projections")
    pg.write(tmp_path / "a.h5", data)
    again = pg.read(tmp_path / "a.h5")
    assert_same(data, again)
    assert (again.source, again.notes) == ("projections", ())


@pytest.mark.parametrize("positions", [None, PLACES])
def test_a_part_is_the_same_before_and_after_it_is_written(tmp_path, positions):
    data = measured(positions=positions)
    chosen = np.array([5, 0, 3])
    pg.write(tmp_path / "whole.h5", data)
    pg.write(tmp_path / "part.h5", pg.data.subset(data, chosen))
    for keep in (None, STREAMED):
        assert_same(pg.data.subset(pg.read(tmp_path / "whole.h5", keep=keep), chosen), pg.read(tmp_path / "part.h5"))


def test_held_out_patterns_of_a_file_keep_theirs(tmp_path):
    pg.write(tmp_path / "a.h5", measured())
    stored = pg.read(tmp_path / "a.h5", keep=STREAMED)
    for part in pg.hold_out(stored, 0.3):
        assert isinstance(part.patterns, StoredPatterns)
        assert np.array_equal(part.variable("angle"), ANGLE)


def test_every_host_has_all_values_though_it_reads_its_share_of_the_patterns(tmp_path):
    pg.write(tmp_path / "a.h5", measured())
    for share in range(2):
        stored = pg.read(tmp_path / "a.h5", keep=pg.data.StreamFromFile(10**6, 150, share=share, shares=2))
        assert 0 < np.count_nonzero(stored.photons) < 7
        assert np.array_equal(stored.variable("angle"), ANGLE)


def test_a_unit_that_someone_wrote_into_an_own_file_is_honoured(tmp_path):
    pg.write(tmp_path / "a.h5", measured())
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["variables/angle"].attrs["units"] = "deg"
    np.testing.assert_allclose(pg.read(tmp_path / "a.h5").variable("angle"), np.deg2rad(ANGLE), rtol=1e-15)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda file: file["variables/angle"].attrs.update(units="parsec"), 'angle, from .* "parsec" .* unknown'),
        (lambda file: file["variables/angle"].attrs.pop("units"), r'"variables/angle" .* states no unit; say it in'),
        (lambda file: file["variables/angle"].write_direct(np.full(7, np.nan)), "angle, .*7 values .* not finite"),
        (lambda file: file.move("variables/angle", "variables/a b"), "'a b' can't name a variable"),
        (lambda file: file.move("variables/angle", "variables/deep/angle"), "'deep/angle' can't name a variable"),
        (lambda file: file.move("variables/angle", "variables/mask"), 'can\'t be called "mask"'),
        (
            lambda file: file.create_dataset("variables/few", data=np.ones(3)).attrs.update(units="s"),
            '3 values of "few"',
        ),
    ],
)
def test_what_is_wrong_with_an_own_file_is_one_sentence(tmp_path, change, text):
    pg.write(tmp_path / "a.h5", measured())
    with h5py.File(tmp_path / "a.h5", "a") as file:
        change(file)
    with pytest.raises(InputError, match=text):
        pg.read(tmp_path / "a.h5")


# Other files ------------------------------------------------------------------------------------------------


def test_a_key_names_a_variable_of_any_hdf5_file(tmp_path):
    path = h5(tmp_path / "a.h5", scan__frames=(COUNTS, None), scan__theta=(np.rad2deg(ANGLE), "degree"))
    data = pg.read(path, {"variable.angle": "scan/theta"})
    assert (data.positions, data.variables["angle"].unit) == (None, "rad")
    np.testing.assert_allclose(data.variable("angle"), ANGLE, rtol=1e-14)
    milli = pg.read(path, {"variable.angle.mrad": "/scan/theta"})
    np.testing.assert_allclose(milli.variable("angle"), np.rad2deg(ANGLE) / 1000, rtol=1e-14)


def test_an_array_that_is_a_variable_is_not_guessed_to_be_the_positions(tmp_path):
    path = h5(tmp_path / "a.h5", frames=(COUNTS, None), tilts=(PLACES, "mrad"))
    with pytest.raises(InputError, match=r'"tilts" .* is in "mrad"; expected one of m'):
        pg.read(path)
    data = pg.read(path, {"variable.tilt": "tilts"})
    assert data.positions is None
    np.testing.assert_allclose(data.variable("tilt"), PLACES / 1000, rtol=1e-14)
    assert pg.read(path, {"positions": "none"}).positions is None


def test_a_cxi_file_has_positions_and_variables(tmp_path):
    detector = "entry_1__instrument_1__detector_1__"
    arrays = {
        **{f"{detector}{name}": (value, None) for name, value in (("data", COUNTS), ("distance", 2.0))},
        **{f"{detector}{axis}_pixel_size": (5e-5, None) for axis in "xy"},
        "entry_1__instrument_1__source_1__wavelength": (1e-10, None),
        "entry_1__sample_1__geometry_1__translation": (np.pad(PLACES * 1e-6, ((0, 0), (0, 1))), None),
        "entry_1__sample_1__temperature": (np.linspace(80, 90, 7), "K"),
    }
    path = h5(tmp_path / "a.cxi", **arrays)
    data = pg.read(path, {"variable.temperature": "entry_1/sample_1/temperature"})
    np.testing.assert_allclose(data.positions, PLACES[:, ::-1] * 1e-6, rtol=1e-15)
    assert data.variable("temperature").tolist() == np.linspace(80, 90, 7).tolist()
    pg.write(tmp_path / "own.h5", data)
    assert_same(data, pg.read(tmp_path / "own.h5"))
    del arrays["entry_1__sample_1__geometry_1__translation"]
    without = pg.read(h5(tmp_path / "b.cxi", **arrays), {"positions": "none"})
    assert (without.positions, without.geometry) == (None, data.geometry)


def test_npz_states_no_unit_so_the_key_does(tmp_path):
    np.savez(tmp_path / "a.npz", frames=COUNTS, theta=ANGLE, dose=np.arange(7))
    data = pg.read(tmp_path / "a.npz", {"variable.angle.rad": "theta", "variable.dose.1": "dose"})
    assert np.array_equal(data.variable("angle"), ANGLE)
    assert data.variable("dose").tolist() == list(range(7))


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({}, r"no positions: looked for .*positions=.*or say that there are none \(positions=none\)"),
        ({"variable.angle": "theta"}, r'"theta" .* states no unit; say it in the key, as variable.angle.deg=theta'),
        ({"variable.angle.deg": "thetta"}, 'variable.angle.deg: there is no array "thetta"; the file holds .*theta'),
        ({"variable.angle.foot": "theta"}, 'angle, from "theta": The unit "foot" of a variable is unknown'),
        ({"variable.": "theta"}, "'' can't name a variable"),
        ({"variable.mask.deg": "theta"}, 'can\'t be called "mask"'),
        ({"angle": "theta"}, r'no item "angle"; the items of a file are .*, and variable\.NAME'),
        ({"variabel.angle": "theta"}, 'no item "variabel.angle"'),
        ({"variable.angle.deg": "waves"}, "complex numbers; expected real ones"),
        ({"variable.angle.deg": "short"}, '7 patterns but 3 values of "angle"'),
        ({"patterns": "frames", "variable.angle.deg": "frames"}, r'angle, from "frames": .*\(7, 4, 6\); expected'),
    ],
)
def test_keys_that_can_not_be_meant_are_refused(tmp_path, keys, text):
    np.savez(tmp_path / "a.npz", frames=COUNTS, theta=ANGLE, waves=ANGLE * 1j, short=np.ones((3, 1)))
    with pytest.raises(InputError, match=text):
        pg.read(tmp_path / "a.npz", keys)


def test_only_values_of_patterns_that_were_written_count(tmp_path):
    """Room for 7 frames, 5 written: what the file has for the other two is NaN, and no one asks for it."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        frames = file.create_dataset("frames", (7, 4, 6), np.uint16, chunks=(1, 4, 6))
        frames[:5] = COUNTS[:5]
        file["theta"] = np.where(np.arange(7) < 5, ANGLE, np.nan)
        file["theta"].attrs["units"] = "rad"
    data = pg.read(tmp_path / "a.h5", {"variable.angle": "theta"})
    assert np.array_equal(data.variable("angle"), ANGLE[:5])
    assert data.count == 5


def test_a_scan_that_grows_has_as_many_patterns_as_values(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w", libver="latest") as file:
        frames = file.create_dataset("frames", (4, 4, 6), np.uint16, maxshape=(None, 4, 6), chunks=(1, 4, 6))
        frames[:] = COUNTS[:4]
        file["theta"] = np.rad2deg(ANGLE)
        file["theta"].attrs["units"] = "deg"
        file.swmr_mode = True
    data = pg.read(tmp_path / "a.h5", {"variable.angle": "theta"}, keep=pg.data.StreamFromFile(0, 500, grows=True))
    assert (data.count, data.patterns.arrived(), len(data.variable("angle"))) == (7, 4, 7)
    assert np.count_nonzero(data.photons) == 4


def test_commands_show_them_and_say_what_is_missing(run, tmp_path):
    np.savez(tmp_path / "a.npz", frames=COUNTS, theta=ANGLE)
    code, out, _ = run("inspect", "a.npz", "--key", "variable.angle.rad=theta")
    assert code == 0
    assert "angle of each" in out
    assert "from -0.4 to 2.9 rad" in out
    code, _, err = run("reconstruct", "a.npz", "--key", "variable.angle.rad=theta")
    assert code != 0
    assert "has no positions, which ptychography needs" in " ".join(err.split())
    assert "Traceback" not in err
