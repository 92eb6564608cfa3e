"""Any HDF5 or NPZ: keys, guesses and their notes, and what is said where a guess would be a gamble."""

import h5py
import hdf5plugin
import numpy as np
import pytest

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import Geometry, check_extent, positions_in_pixels
from ptychograd.data.description import describe
from ptychograd.data.files import read

RANDOM = np.random.default_rng(5)
FRAMES = RANDOM.integers(1, 500, (6, 5, 8)).astype(np.uint16)
PLACES = RANDOM.uniform(-4, 9, (6, 2))
PROBE = (RANDOM.normal(size=(2, 5, 8)) + 1j * RANDOM.normal(size=(2, 5, 8))).astype(np.complex64)
LITERALS = {"wavelength": "1.5e-10", "distance": 2.25, "pixel_size": "55e-6,75e-6"}
GEOMETRY = Geometry(1.5e-10, 2.25, (55e-6, 75e-6))


def npz(path, **arrays):
    np.savez(path, **{"intensity": FRAMES, "position_px": PLACES, **arrays})
    return path


def hdf5(path, arrays, units=None):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array
        for name, unit in (units or {}).items():
            file[name].attrs["units"] = unit
    return path


# Real files and layouts of others -------------------------------------------------------------------------


def test_measured_far_field_data_from_the_velociprobe(siemens_star):
    data = read(siemens_star)
    assert (data.patterns.shape, data.patterns.dtype) == ((60, 64, 64), np.uint16)
    assert data.patterns.max() == 835
    assert np.median(data.photons) == pytest.approx(4.44e5, rel=0.01)
    assert data.geometry is None
    with np.load(siemens_star) as arrays:
        np.testing.assert_array_equal(data.positions, arrays["position_px"])
    assert data.notes == (
        'patterns: guessed "intensity" (60, 64, 64) uint16',
        'positions: guessed "position_px" (60, 2) float32',
        'probe: guessed "probe_guess" (64, 64) complex64',
        "geometry: wavelength, distance, pixel_size missing, so positions are taken as object pixels",
        "probe: scaled to the 4.695e+05 photons of the brightest pattern",
    )
    probed = read(siemens_star, keys={"probe": "probe_guess"})
    assert probed.probe.shape == (1, 64, 64)
    assert probed.photons.max() == pytest.approx(np.sum(np.abs(probed.probe) ** 2), rel=1e-5)


def test_measured_positions_in_a_wrong_unit_are_caught(siemens_star, tmp_path):
    keys = {"wavelength": "1.4e-10", "distance": "1.9", "pixel_size": "75e-6"}
    sampling = 1.4e-10 * 1.9 / (64 * 75e-6)
    with np.load(siemens_star) as arrays:
        places = arrays["position_px"] * sampling
        np.savez(tmp_path / "a.npz", intensity=arrays["intensity"], positions=places * 1e6, right=places)
    facts = dict(describe(read(tmp_path / "a.npz", keys)))
    assert "probably not in metres but in µm (times 1e-06)" in facts["problem"]
    assert "problem" not in dict(describe(read(tmp_path / "a.npz", keys | {"positions": "right"})))


def test_layout_of_ptylab(tmp_path):
    arrays = {
        "ptychogram": FRAMES.astype(np.float32),
        "encoder": PLACES * 1e-6,
        "wavelength": np.array([[6.328e-7]]),
        "dxd": np.array([5.5e-6]),
        "zo": 0.0468,
        "entrancePupilDiameter": 3e-4,
        "orientation": 3,
    }
    data = read(hdf5(tmp_path / "lens.hdf5", arrays))
    assert data.geometry == Geometry(6.328e-7, 0.0468, (5.5e-6, 5.5e-6))
    np.testing.assert_array_equal(data.positions, PLACES * 1e-6)
    assert data.patterns.dtype == np.float32
    np.testing.assert_array_equal(data.patterns, FRAMES[:, ::-1, ::-1])
    assert "patterns: turned by the file's orientation 3" in data.notes
    del arrays["zo"]
    found = read(hdf5(tmp_path / "unlike.hdf5", arrays), {"distance": 0.0468})
    np.testing.assert_array_equal(found.patterns, FRAMES)
    assert "patterns: the file's orientation 3 is not applied" in found.notes


def test_frames_compressed_as_an_eiger_does(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("entry/data/data", data=FRAMES, chunks=(1, 5, 8), **hdf5plugin.Bitshuffle())
        file["entry/positions"] = PLACES
    np.testing.assert_array_equal(read(tmp_path / "a.h5").patterns, FRAMES)


# Keys -----------------------------------------------------------------------------------------------------


def test_keys_name_arrays_and_numbers(tmp_path):
    arrays = {
        "a/frames": FRAMES,
        "a/other": FRAMES,
        "b/xy": PLACES * 1e-6,
        "good": FRAMES[0] > 20,
        "p": PROBE,
    }
    arrays |= {"unknown": np.eye(20, 30) > 0, "keV": 12.398419843320026}
    keys = {"patterns": "a/frames", "positions": "/b/xy", "mask": "good", "probe": "p", "support": "unknown"}
    data = read(hdf5(tmp_path / "a.h5", arrays), keys | LITERALS)
    np.testing.assert_array_equal(data.mask, FRAMES[0] > 20)
    scale = np.sqrt(data.photons.max() / np.sum(np.abs(PROBE) ** 2))  # its unit is unknown
    np.testing.assert_allclose(data.probe, PROBE * scale, rtol=1e-5)
    np.testing.assert_array_equal(data.support, np.eye(20, 30) > 0)
    np.testing.assert_array_equal(data.positions, PLACES * 1e-6)
    assert data.geometry == GEOMETRY
    assert not any("guessed" in note for note in data.notes)
    energy = {"energy_kev": "keV", "distance": "2.25", "pixel_size": "1e-5"}
    data = read(tmp_path / "a.h5", keys | energy)
    assert data.geometry.wavelength == pytest.approx(1e-10)
    assert data.geometry.pixel_size == (1e-5, 1e-5)


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e25])
def test_a_start_probe_of_any_unit_is_scaled_to_the_photons(tmp_path, size):
    data = read(npz(tmp_path / "a.npz", probe=(PROBE * size).astype(np.complex64)))
    assert np.sum(np.abs(data.probe) ** 2) == pytest.approx(data.photons.max(), rel=1e-5)
    assert data.probe.dtype == np.complex64


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"pattern": "intensity"}, 'no item "pattern"; .* patterns, positions, mask'),
        (
            {"patterns": "frames"},
            r'no array "frames"; .*"intensity" \(6, 5, 8\) uint16, .*"position_px" \(6, 2\)',
        ),
        ({"positions": "1e-6"}, 'no array "1e-6"'),
        ({"distance": "far"}, 'no array "far"'),
        ({"distance": "1,2"}, "is not one number"),
        ({"wavelength": "12.4"}, "wavelength = 12.4 m is not plausible"),
        ({"positions": "intensity"}, r"uint16 can't be the positions"),
        ({"patterns": "position_px"}, "float64 can't be the patterns"),
        ({"probe": "intensity"}, "can't be a probe"),
        ({"mask": "names"}, "<U1 holds no numbers"),
        ({"energy_kev": "0"}, "0 keV is impossible"),
        ({"energy_kev": "8700"}, "if it is in eV, give 8.7 keV"),
    ],
)
def test_a_key_that_does_not_fit_says_what_is_there(tmp_path, keys, text):
    file = npz(tmp_path / "a.npz", names=np.array(["a", "b"]))
    with pytest.raises(InputError, match=text):
        read(file, {"distance": 1.0, "pixel_size": 1e-5} | keys)


def test_pickled_objects_are_listed_but_never_loaded(tmp_path):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("unpickled",))

    file = npz(tmp_path / "a.npz", mask=np.array([Trap()] * 6, object))
    assert read(file).mask.all()
    with pytest.raises(InputError, match=r'"mask" \(6,\) object holds no numbers'):
        read(file, {"mask": "mask"})


def test_a_type_unknown_to_numpy_does_not_hide_the_rest(tmp_path):
    file = hdf5(tmp_path / "a.h5", {"dp": FRAMES, "scan": PLACES})
    with h5py.File(file, "a") as opened:
        h5py.h5d.create(opened.id, b"clock", h5py.h5t.UNIX_D32LE, h5py.h5s.create_simple((6, 2)))
    np.testing.assert_array_equal(read(file).positions, PLACES)


# Guesses --------------------------------------------------------------------------------------------------


def test_positions_in_pixels_become_metres_once_the_geometry_is_known(tmp_path):
    data = read(npz(tmp_path / "a.npz"), LITERALS)
    np.testing.assert_allclose(positions_in_pixels(data, None), PLACES, rtol=1e-12)
    assert "positions: object pixels of the far field, converted to metres" in data.notes


def test_units_of_the_file_are_heeded(tmp_path):
    arrays = {
        "intensity": FRAMES,
        "positions": PLACES,
        "wavelength": 1.5,
        "distance": 2250.0,
        "pixel_size": [55, 75],
    }
    units = {"positions": "um", "wavelength": "angstrom", "distance": "mm", "pixel_size": "µm"}
    data = read(hdf5(tmp_path / "a.h5", arrays, units))
    np.testing.assert_allclose(data.positions, PLACES * 1e-6)
    assert data.geometry.wavelength == pytest.approx(1.5e-10)
    assert data.geometry.distance == pytest.approx(2.25)
    assert data.geometry.pixel_size == pytest.approx((55e-6, 75e-6))
    with pytest.raises(InputError, match='in "furlong"; expected one of m, mm'):
        read(hdf5(tmp_path / "b.h5", arrays, units | {"distance": "furlong"}))
    del arrays["distance"], units["distance"]
    with pytest.raises(InputError, match="in metres, but distance is missing"):
        read(hdf5(tmp_path / "c.h5", arrays, units))


@pytest.mark.parametrize(
    ("stored", "note"),
    [
        (np.column_stack([PLACES[:, ::-1], np.zeros(6)]), 'first two columns of "scan" taken as x, y'),
        (PLACES.T, 'two rows of "scan" taken as y, x'),
        (PLACES, 'guessed "scan"'),
    ],
)
def test_other_shapes_of_positions_are_taken_with_a_note(tmp_path, stored, note):
    data = read(hdf5(tmp_path / "a.h5", {"dp": FRAMES, "scan": stored}))
    np.testing.assert_array_equal(data.positions, PLACES)
    assert any(note in line for line in data.notes)


def test_arrays_of_unknown_names_are_found_by_shape(tmp_path):
    data = read(hdf5(tmp_path / "a.h5", {"s": FRAMES[:, :2], "big": FRAMES, "where": PLACES, "p": PROBE}))
    np.testing.assert_array_equal(data.patterns, FRAMES)
    np.testing.assert_array_equal(data.positions, PLACES)
    assert {'patterns: guessed "big" (6, 5, 8) uint16', 'positions: guessed "where" (6, 2) float64'} < {*data.notes}


def test_a_guess_that_would_be_a_gamble_is_left_to_the_person(tmp_path):
    with pytest.raises(InputError, match=r'patterns could be any of "a" \(6, 5, 8\) uint16, "b".*patterns=\.\.\.'):
        read(hdf5(tmp_path / "a.h5", {"a": FRAMES, "b": FRAMES, "positions": PLACES}))
    with pytest.raises(InputError, match=r'positions could be any of "u" .*"v"'):
        read(hdf5(tmp_path / "b.h5", {"dp": FRAMES, "u": PLACES, "v": PLACES}))
    with pytest.raises(InputError, match='distance could be any of "x/distance"'):
        read(hdf5(tmp_path / "c.h5", {"dp": FRAMES, "scan": PLACES, "x/distance": 1.0, "y/distance": 2.0}))
    with pytest.raises(InputError, match="no positions: looked for an array named position_px"):
        read(hdf5(tmp_path / "d.h5", {"intensity": FRAMES}))
    with pytest.raises(InputError, match=r"no patterns: .* holds no array at all"):
        read(hdf5(tmp_path / "e.h5", {}))


def test_amplitudes_and_bad_pixels_mean_what_their_names_say(tmp_path):
    roots = np.sqrt(FRAMES).astype(np.float32)
    data = read(hdf5(tmp_path / "a.h5", {"diffamp": roots, "pos": PLACES, "bad_pixels": FRAMES[0] < 20}))
    np.testing.assert_allclose(data.patterns, FRAMES, rtol=1e-6)
    np.testing.assert_array_equal(data.mask, FRAMES[0] >= 20)
    assert any("squared" in note for note in data.notes)
    assert any("non-zero = bad" in note for note in data.notes)


def test_positions_of_the_wrong_unit_are_told_before_a_reconstruction(tmp_path):
    data = read(hdf5(tmp_path / "a.h5", {"dp": FRAMES, "positions": PLACES}), LITERALS)
    pixels = positions_in_pixels(data, None)
    with pytest.raises(InputError, match="probably not in metres but in µm"):
        check_extent(pixels, data.frame_shape, (1.2e-6, 1.2e-6))
    assert "problem" in dict(describe(data))
