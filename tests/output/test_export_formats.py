"""Exports read back by what their owners' readers do with them, written here from their specifications."""

import h5py
import matplotlib.image
import mrcfile
import numpy as np
import pytest
import scipy.io

import ptychograd as pg
from ptychograd.data.files.results import foreign_result
from ptychograd.fitting.result import History
from ptychograd.output.exporting import FORMATS, export
from ptychograd.output.exporting.product import Product
from ptychograd.output.ramps import phase_slopes

SHAPE, FRAME, PIXEL = (37, 45), (16, 12), (1e-8, 1.5e-8)
HC, EV = 6.62607015e-34 * 299792458.0, 1.602176634e-19
GEOMETRY = {"wavelength": 1e-10, "distance": 2.0, "pixel_size": [5e-5, 5.5e-5]}
CORNERS = np.array([[3, 4], [3, 9], [8, 5], [9, 25], [14, 13]])


def letter():
    """An F of matter, whose phase is negative, on a transparent ground with a linear phase."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    inside = (
        ((abs(x - 16) < 2) & (abs(y - 17) < 9))
        | ((abs(y - 9) < 2) & (abs(x - 21) < 6))
        | ((y == 17) & (abs(x - 18) < 4))
    )
    return np.where(inside, 0.9 * np.exp(-0.7j), 1) * np.exp(1j * (0.05 * y - 0.03 * x + 0.4))


def a_result(transmission=None, sampling=PIXEL, **arrays):
    rng = np.random.default_rng(0)
    y, x = np.mgrid[: FRAME[0], : FRAME[1]]
    beam = np.exp(-((y - 8) ** 2) / 20 - (x - 5) ** 2 / 12 + 0.2j * x)
    found = {
        "object.transmission": (letter() if transmission is None else transmission).astype(np.complex64),
        "probe.modes": (np.stack([30 * beam, 9j * beam * (x - 5)]) + rng.normal(size=(2, *FRAME))).astype(np.complex64),
        "scan.corner": CORNERS,
        **arrays,
    }
    places = CORNERS * PIXEL + np.array([2e-6, -3e-6])
    plan = {"data": {"paths": ["star.h5"]}}
    settings = {"stopped": "all epochs done", "geometry": GEOMETRY, "plan": plan}
    return pg.Result(found, {}, History.empty(), settings, sampling, places if sampling else CORNERS.astype(float))


RESULT = a_result()
OBJECT, MODES = RESULT.object, RESULT.probe
SQUARE = a_result(sampling=(1e-8, 1e-8), **{"probe.modes": np.pad(MODES, ((0, 0), (0, 0), (2, 2)))})


def test_a_ptychodus_product_places_its_probe_where_it_was(tmp_path):
    """Its middle lies at column (x - center_x)/dx + (W - 1)/2; lengths in metres, the energy in eV."""
    export(RESULT, tmp_path / "r.h5")
    with h5py.File(tmp_path / "r.h5") as file:
        assert file["object"].shape == (1, *SHAPE)
        assert file["probe"].shape == (1, 2, *FRAME)
        np.testing.assert_array_equal(file["object"][0], OBJECT)
        np.testing.assert_array_equal(file["probe"][0], MODES)
        for name in ("object", "probe"):
            assert [file[name].attrs[f"pixel_{side}_m"] for side in ("height", "width")] == list(PIXEL)
        for axis, letters in enumerate("yx"):
            place = file[f"probe_position_{letters}_m"][()]
            np.testing.assert_allclose(place, RESULT.positions[:, axis], atol=1e-14)
            middle = (place - file["object"].attrs[f"center_{letters}_m"]) / PIXEL[axis] + (SHAPE[axis] - 1) / 2
            np.testing.assert_allclose(middle - (FRAME[axis] - 1) / 2, CORNERS[:, axis], atol=1e-6)
        assert HC / EV / file.attrs["photon_energy_eV"] == pytest.approx(1e-10, rel=1e-9)
        assert file.attrs["detector_object_distance_m"] == 2.0
        assert file.attrs["name"] == "star.h5"
        assert file.attrs["far_field"]
        h5 = {name: file[name][()] for name in file}
    export(RESULT, tmp_path / "r.npz")
    with np.load(tmp_path / "r.npz", allow_pickle=False) as file:
        for name, values in h5.items():
            np.testing.assert_array_equal(file[name], values)
        assert file["object_pixel_width_m"] == PIXEL[1]
        assert HC / EV / file["photon_energy_eV"] == pytest.approx(1e-10, rel=1e-9)


def test_cxi_has_positions_as_cdtools_and_ptychodus_read_them(tmp_path):
    """The one takes columns of a basis and -t, the other (x, y) in metres; both place row and column alike."""
    export(RESULT, tmp_path / "r.cxi")
    with h5py.File(tmp_path / "r.cxi") as file:
        assert file["cxi_version"][()] == 160
        detector, source = file["entry_1/instrument_1/detector_1"], file["entry_1/instrument_1/source_1"]
        basis = detector["basis_vectors"][()] / [5e-5, 5.5e-5] * PIXEL  # rows, columns, of an object pixel
        moves = file["entry_1/data_1/translation"][()]
        np.testing.assert_array_equal(moves, detector["translation"])
        corners = (np.linalg.pinv(basis) @ -(moves - moves[0]).T).T
        np.testing.assert_allclose(corners, CORNERS - CORNERS[0], atol=1e-6)
        assert source["energy"][()] == pytest.approx(HC / 1e-10)
        assert source["wavelength"][()] == 1e-10
        assert (detector["y_pixel_size"][()], detector["x_pixel_size"][()]) == (5e-5, 5.5e-5)
        np.testing.assert_array_equal(file["entry_1/image_2/data"][0], OBJECT)
        np.testing.assert_array_equal(source["illumination"][0], MODES)
        width, height, _ = file["entry_1/image_2/image_size"][()]
        assert (height / SHAPE[0], width / SHAPE[1]) == pytest.approx(PIXEL)


def test_nexus_leads_from_its_root_to_the_object_on_its_axes(tmp_path):
    export(RESULT, tmp_path / "r.nxs")
    with h5py.File(tmp_path / "r.nxs") as file:
        entry = file[file.attrs["default"]]
        data = entry[entry.attrs["default"]]
        assert [node.attrs["NX_class"] for node in (file, entry, data)] == ["NXroot", "NXentry", "NXdata"]
        values, axes = data[data.attrs["signal"]], [data[name] for name in data.attrs["axes"]]
        np.testing.assert_array_equal(values, OBJECT)
        assert [(axis[1] - axis[0], axis.attrs["units"]) for axis in axes] == [(PIXEL[0], "m"), (PIXEL[1], "m")]
        assert list(entry["probe"].attrs["axes"]) == [".", "y", "x"]
        np.testing.assert_array_equal(entry["positions/corner"], CORNERS)
        np.testing.assert_array_equal(entry["positions/x"], RESULT.positions[:, 1])
        assert entry["instrument/beam/incident_wavelength"][()] == 1e-10


def test_a_mat_file_has_the_arrays_of_ptychoshelves(tmp_path):
    """First pixel, as ptyrad reads it, is (y, x) + ceil(object/2 - probe/2) - 1."""
    export(RESULT, tmp_path / "r.mat")
    found = scipy.io.loadmat(tmp_path / "r.mat", simplify_cells=True)
    np.testing.assert_array_equal(found["object"], OBJECT)
    np.testing.assert_array_equal(found["probe"], np.moveaxis(MODES, 0, -1))
    x, y = found["outputs"]["probe_positions"].T
    first = np.stack([y, x], axis=1) + np.ceil(np.array(SHAPE) / 2 - np.array(FRAME) / 2) - 1
    np.testing.assert_allclose(first, CORNERS)
    assert (found["p"]["lambda"], found["p"]["z"]) == (1e-10, 2.0)
    np.testing.assert_array_equal(found["p"]["dx_spec"], PIXEL[::-1])


def test_a_result_of_ptylab_has_six_axes_and_an_encoder_about_the_middle(tmp_path):
    """First pixels are encoder / dxp + No // 2 - Np // 2; what PtyLab reads is read here as well."""
    export(SQUARE, tmp_path / "r.hdf5")
    with h5py.File(tmp_path / "r.hdf5") as file:
        assert file["object"].shape == (1, 1, 1, 1, 45, 45)
        assert file["probe"].shape == (1, 1, 2, 1, 16, 16)
        np.testing.assert_array_equal(file["object"][0, 0, 0, 0, :37], OBJECT)
        first = file["encoder_corrected"][:] / file["dxp"][()] + 45 // 2 - 16 // 2
        np.testing.assert_allclose(first, CORNERS, atol=1e-5)
        assert file["zo"][()] == pytest.approx(2)
        assert 0.7 < file["purityProbe"][()] < 1
    again = foreign_result(tmp_path / "r.hdf5")
    np.testing.assert_allclose(again.corner, CORNERS, atol=1e-5)
    np.testing.assert_array_equal(again.probe, SQUARE.probe)
    for result, text in (
        (RESULT, "pixels are square"),
        (a_result(sampling=(1e-8, 1e-8)), r"square, and this one has \(16, 12\)"),
    ):
        with pytest.raises(pg.InputError, match=text):
            export(result, tmp_path / "s.hdf5")
    with pytest.raises(pg.InputError, match="in metres, and this one is in pixels"):
        export(a_result(sampling=None), tmp_path / "s.hdf5")


def test_emd_has_vectors_for_its_axes(tmp_path):
    export(RESULT, tmp_path / "r.emd")
    with h5py.File(tmp_path / "r.emd") as file:
        assert (file.attrs["emd_group_type"], file.attrs["version_major"]) == ("file", 1)
        array = file["ptychograd/object"]
        assert array.attrs["emd_group_type"] == "array"
        np.testing.assert_array_equal(array["data"], OBJECT)
        assert [array[f"dim{k}"].attrs["name"] for k in range(2)] == ["y", "x"]
        np.testing.assert_allclose(array["dim1"], [0, 1.5e-8])
        np.testing.assert_array_equal(file["ptychograd/probe/data"], MODES)
        np.testing.assert_array_equal(file["ptychograd/corners/data"], CORNERS)


def test_mrc_has_phase_and_magnitude_with_pixels_in_angstrom(tmp_path):
    paths = export(RESULT, tmp_path / "r.mrc")
    assert [path.name for path in paths] == ["r_magnitude.mrc", "r.mrc"]
    for path, values in zip(paths, (np.abs(OBJECT), np.angle(OBJECT)), strict=True):
        with mrcfile.open(path) as file:
            np.testing.assert_array_equal(file.data, values)
            assert (file.voxel_size.y, file.voxel_size.x) == pytest.approx((100, 150))
    slices = a_result(np.stack([OBJECT, 1 / OBJECT]), **{"object.distance": np.float32(2e-8)})
    export(slices, tmp_path / "s.mrc")
    with mrcfile.open(tmp_path / "s.mrc") as file:
        np.testing.assert_allclose(file.data, np.angle(slices.object))
        assert file.voxel_size.z == pytest.approx(200)


def test_png_is_dark_where_the_phase_is_low(tmp_path):
    paths = export(RESULT, tmp_path / "r.png", remove_ramp=True, crop="illuminated")
    assert [path.name for path in paths] == ["r_magnitude.png", "r.png"]
    grey = matplotlib.image.imread(tmp_path / "r.png")[..., 0]
    phase = Product.of(RESULT).without_ramp().cropped().channels()["phase"]
    assert grey.shape == phase.shape
    assert np.corrcoef(grey.ravel(), np.clip(phase, *np.percentile(phase, (2, 98))).ravel())[0, 1] > 0.9


def windows_of(file):
    """First pixels of the windows in a product's object, by its own lengths."""
    shape = file["object"].shape[-2:]
    found = []
    for axis, letters in enumerate("yx"):
        middle = (file[f"probe_position_{letters}_m"] - file[f"object_center_{letters}_m"]) / PIXEL[axis]
        found.append(middle + (shape[axis] - 1) / 2 - (FRAME[axis] - 1) / 2)
    return np.round(np.stack(found, axis=1)).astype(int)


def patterns_of(path):
    """What the arrays of a product expect, of the first mode."""
    with np.load(path) as file:
        image, wave = file["object"][0], file["probe"][0, 0]
        places = windows_of(file)
    windows = [image[row : row + FRAME[0], column : column + FRAME[1]] for row, column in places]
    return np.array([np.abs(np.fft.fft2(window * wave)) ** 2 for window in windows])


def test_an_object_without_its_ramp_still_explains_the_patterns(tmp_path):
    """The probe has it now."""
    export(RESULT, tmp_path / "whole.npz")
    export(RESULT, tmp_path / "flat.npz", remove_ramp=True)
    expected = patterns_of(tmp_path / "whole.npz")
    np.testing.assert_allclose(patterns_of(tmp_path / "flat.npz"), expected, atol=1e-4 * expected.max())
    illuminated = Product.of(RESULT).illuminated
    with np.load(tmp_path / "flat.npz") as file:
        image = file["object"][0]
    assert np.abs(phase_slopes(image, illuminated)).max() < 1e-4
    assert abs(np.angle(np.sum(image[illuminated]))) < 1e-4


def test_a_cropped_object_lies_where_it_was(tmp_path):
    export(RESULT, tmp_path / "part.npz", crop="illuminated")
    illuminated = Product.of(RESULT).illuminated
    rows, columns = (np.flatnonzero(illuminated.any(axis=axis)) for axis in (1, 0))
    with np.load(tmp_path / "part.npz") as file:
        image, places = file["object"][0], windows_of(file)
        np.testing.assert_allclose(file["probe_position_x_m"], RESULT.positions[:, 1], atol=1e-14)
    np.testing.assert_array_equal(image, OBJECT[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    np.testing.assert_array_equal(places + np.array([rows[0], columns[0]]), CORNERS)


@pytest.mark.parametrize("ending", [ending for ending in FORMATS if ending != ".xdmf"])
def test_an_export_replaces_an_export_and_nothing_else(tmp_path, ending):
    path, result = tmp_path / f"r{ending}", SQUARE if ending == ".hdf5" else RESULT
    export(result, path)
    export(result, path)
    before = path.read_bytes()
    foreign = {
        ".mat": lambda: scipy.io.savemat(path, {"dp": np.ones(3)}),
        ".npz": lambda: np.savez(path, dp=np.ones(3)),
        ".mrc": lambda: mrcfile.write(path, np.ones((3, 4), np.float32), overwrite=True),
    }
    if ending in (".cxi", ".h5", ".hdf5", ".emd", ".nxs"):
        with h5py.File(path, "w") as file:
            file["entry_1/data"] = np.ones(3)
    else:
        foreign.get(ending, lambda: path.write_bytes(before[:8] + b"another picture"))()
    left = path.read_bytes()
    with pytest.raises(pg.InputError, match="would be lost"):
        export(result, path)
    assert path.read_bytes() == left


@pytest.mark.parametrize("ending", [".cxi", ".h5", ".hdf5", ".npz", ".png"])
def test_a_volume_goes_where_there_is_room_for_one(tmp_path, ending):
    density = np.ones((4, 6, 5), np.complex64)
    arrays = {"object.density": density, "object.support": np.ones(density.shape, bool)}
    crystal = pg.Result(arrays, {}, History.empty(), {"stopped": "all epochs done"}, (2e-8, 2e-8, 3e-8))
    with pytest.raises(pg.InputError, match="this object is a volume; give a name with"):
        export(crystal, tmp_path / f"c{ending}")
    export(crystal, tmp_path / "c.nxs")
    with h5py.File(tmp_path / "c.nxs") as file:
        assert list(file["entry/object"].attrs["axes"]) == ["x", "y", "z"]
        assert file["entry/object/z"][1] == pytest.approx(3e-8)
    export(crystal, tmp_path / "c.mrc")
    with mrcfile.open(tmp_path / "c.mrc") as file:
        assert file.data.shape == (5, 6, 4)
        assert file.voxel_size.z == pytest.approx(300)


def test_what_a_format_cant_hold_is_said(tmp_path, caplog):
    states = a_result(np.stack([OBJECT, OBJECT / 9]))
    with caplog.at_level("WARNING", "ptychograd"):
        export(states, tmp_path / "s.h5")
    assert "holds no states of an object; the first is written" in caplog.text
    with h5py.File(tmp_path / "s.h5") as file:
        np.testing.assert_array_equal(file["object"], OBJECT[None])
    pixels = a_result(sampling=None)
    for ending in (".cxi", ".h5", ".npz"):
        with pytest.raises(pg.InputError, match="lengths in metres, and this result's are in pixels"):
            export(pixels, tmp_path / f"p{ending}")
    export(pixels, tmp_path / "p.nxs")
    with h5py.File(tmp_path / "p.nxs") as file:
        assert file["entry/object/x"].attrs["units"] == "pixels"
    with pytest.raises(pg.InputError, match='crop="all": expected "illuminated"'):
        export(RESULT, tmp_path / "r.nxs", crop="all")


def test_a_real_image_of_ones_own_model_is_exported_by_its_role(tmp_path, caplog):
    """It has neither probe nor positions, and no gauge that a ramp would be."""
    image = np.abs(letter()).astype(np.float32)
    arrays, roles = {"density": image}, {"image": {"array": image, "axes": ("y", "x"), "gauge": ()}}
    result = pg.Result(arrays, {}, History.empty(), {"stopped": "all epochs done"}, PIXEL, recorded_roles=roles)
    with caplog.at_level("WARNING", "ptychograd"):
        export(result, tmp_path / "r.nxs", remove_ramp=True)
    assert "a real image keeps its linear phase" in caplog.text
    with h5py.File(tmp_path / "r.nxs") as file:
        np.testing.assert_array_equal(file["entry/object/data"], image)
        assert "probe" not in file["entry"]
    assert [path.name for path in export(result, tmp_path / "r.mrc")] == ["r.mrc"]
    with pytest.raises(pg.InputError, match="names none; give a name with"):
        export(result, tmp_path / "r.cxi")
