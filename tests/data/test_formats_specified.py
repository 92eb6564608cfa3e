"""Files written here by the specification of their formats: the letter F in the convention of each, read alike."""

import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

import ptychograd as pg
from ptychograd.data.dataset import positions_in_pixels
from ptychograd.data.files import FORMATS
from ptychograd.data.files.results import RESULTS

sys.path.insert(0, str(Path(__file__).parent / "make"))
import letter

KEV = 12.3984198e-10 / letter.WAVELENGTH
COUNTS, PLACES, BAD = letter.patterns(), letter.positions(), letter.bad_pixels()
Y, X = PLACES.T
STREAM = pg.data.StreamFromFile(limit=100, block=8 * 24 * 32 * 2)


def check(data):
    """The patterns, the positions up to a common shift, and the geometry of the letter."""
    patterns = data.frames(np.arange(data.count))[0]
    np.testing.assert_array_equal(np.where(data.mask, patterns, 0), np.where(data.mask, COUNTS, 0))
    assert data.geometry is None or data.geometry.sampling(letter.FRAME) == pytest.approx(
        tuple(letter.object_pixel()), rel=1e-5
    )
    away = positions_in_pixels(data, None) - letter.corners()
    np.testing.assert_allclose(away, np.broadcast_to(away[0], away.shape), atol=1e-3)


def write(path, arrays, units=None):
    with h5py.File(path, "w") as file:
        for name, value in arrays.items():
            file[name] = value
            if units and name in units:
                file[name].attrs["units"] = units[name]
    return path


def nexus(path, grid=False):
    counts = COUNTS.reshape(5, 6, *letter.FRAME) if grid else COUNTS
    detector = "entry_1/instrument_1/detector_1"
    arrays = {
        "entry_1/definition": "NXcxi_ptycho",
        "entry_1/data/data": counts,
        "entry_1/data/x": (1e3 * X).reshape(counts.shape[:-2]),
        "entry_1/data/y": (1e6 * Y).reshape(counts.shape[:-2]),
        f"{detector}/distance": 1e3 * letter.DISTANCE,
        f"{detector}/x_pixel_size": 1e6 * letter.PIXEL,
        f"{detector}/y_pixel_size": 1e3 * letter.PIXEL,
        f"{detector}/pixel_mask": BAD.astype(np.uint32),
        f"{detector}/beam_center_y": 11.0,
        f"{detector}/beam_center_x": 20.0,
        f"{detector}/darkfield": np.zeros(letter.FRAME),
        "entry_1/instrument_1/beam_1/energy": 1e3 * KEV,
        "entry_1/instrument_1/source_1/energy": 3.0,
    }
    names = {"entry_1/data/x": "mm", "entry_1/data/y": "um", f"{detector}/distance": "mm"}
    names |= {f"{detector}/x_pixel_size": "um", f"{detector}/y_pixel_size": "mm"}
    return write(path, arrays, {**names, "entry_1/instrument_1/beam_1/energy": "eV"})


@pytest.mark.parametrize("keep", [None, STREAM], ids=["memory", "file"])
def test_nexus_in_millimetres_on_a_grid(tmp_path, keep):
    data = pg.read(nexus(tmp_path / "a.nxs", grid=True), keep=keep)
    assert data.is_stored == (keep is not None)
    check(data)
    np.testing.assert_array_equal(~data.mask, BAD)
    notes = " ".join(data.notes)
    assert "5 x 6" in notes
    assert "beam at pixel (11, 20)" in notes
    assert data.stated.centre == (11, 20)
    assert not data.stated.dark.any()


def test_nexus_as_a_list_of_patterns(tmp_path):
    check(pg.read(nexus(tmp_path / "a.nxs")))


def test_axes_of_a_raster_make_its_positions(tmp_path):
    path = nexus(tmp_path / "a.nxs", grid=True)
    with h5py.File(path, "a") as file:
        for name, values in (("x", np.arange(6) * 2.0), ("y", np.arange(5) * 3.0)):
            del file[f"entry_1/data/{name}"]
            file[f"entry_1/data/{name}"] = values
            file[f"entry_1/data/{name}"].attrs["units"] = "um"
    places = pg.read(path).positions
    np.testing.assert_allclose(places[:8] * 1e6, [*((0, 2 * k) for k in range(6)), (3, 0), (3, 2)])


def test_axes_that_make_no_scan_are_refused_with_both_numbers(tmp_path):
    path = nexus(tmp_path / "a.nxs")
    with h5py.File(path, "a") as file:
        del file["entry_1/data/x"]
        file["entry_1/data/x"] = np.arange(7.0)
    with pytest.raises(pg.InputError, match=r"\(30,\).*\(7,\).*no positions of 30 patterns"):
        pg.read(path)


def ptyd(path, near=False):
    """Three chunks, of which the last is in a part file, each with its weights."""
    weights = np.broadcast_to(~BAD, COUNTS.shape).astype(np.float32)
    for name, chunks in ((path, (0, 1)), (path.with_name(f"{path.name}.part002"), (2,))):
        arrays = {}
        for k in chunks:
            part = slice(10 * k, 10 * k + 10)
            arrays |= {f"chunks/{k}/data": COUNTS[part], f"chunks/{k}/positions": PLACES[part]}
            arrays |= {f"chunks/{k}/weights": weights[part], f"chunks/{k}/indices": np.arange(30)[part]}
        write(name, arrays)
    with h5py.File(path, "a") as file:
        file["chunks/2"] = h5py.ExternalLink(f"{path.name}.part002", "chunks/2")
        file["meta/energy"], file["meta/distance"], file["meta/psize"] = KEV, letter.DISTANCE, [letter.PIXEL] * 2
        file["meta/propagation"] = "nearfield" if near else "farfield"
        file["meta/label"] = "None"
        file["info/recipe"] = b"\x80\x04pickle"
    return path


@pytest.mark.parametrize("keep", [None, STREAM], ids=["memory", "file"])
def test_ptypy_chunks_here_and_in_part_files(tmp_path, keep):
    data = pg.read(ptyd(tmp_path / "a.ptyd"), keep=keep)
    assert data.is_stored == (keep is not None)
    check(data)
    np.testing.assert_array_equal(~data.mask, BAD)


def test_ptypy_says_near_field(tmp_path):
    data = pg.read(ptyd(tmp_path / "a.ptyd", near=True))
    assert isinstance(data.geometry, pg.NearFieldGeometry)
    assert data.geometry.focus_distance == np.inf
    assert pg.read(tmp_path / "a.ptyd", near_field=False).geometry == pg.Geometry(
        data.geometry.wavelength, data.geometry.distance, data.geometry.pixel_size
    )


def test_a_missing_part_file_of_ptypy_is_named(tmp_path):
    path = ptyd(tmp_path / "a.ptyd")
    (tmp_path / "a.ptyd.part002").unlink()
    with pytest.raises(pg.InputError, match=r"chunks/2/data.*part file"):
        pg.read(path)


def eiger(path, units=True):
    """A master with three data files beside it."""
    detector = "entry/instrument/detector"
    arrays = {
        f"{detector}/detector_distance": letter.DISTANCE,
        f"{detector}/x_pixel_size": letter.PIXEL,
        f"{detector}/y_pixel_size": letter.PIXEL,
        f"{detector}/count_time": 0.05,
        f"{detector}/beam_center_x": 16.2,
        f"{detector}/beam_center_y": 12.1,
        f"{detector}/detectorSpecific/pixel_mask": BAD.astype(np.uint32),
        "entry/instrument/beam/incident_wavelength": 1e10 * letter.WAVELENGTH,
    }
    write(path, arrays, {"entry/instrument/beam/incident_wavelength": "angstrom"} if units else None)
    with h5py.File(path, "a") as file:
        for k in range(3):
            part = path.with_name(f"scan_data_{k + 1:06d}.h5")
            write(part, {"entry/data/data": COUNTS[10 * k : 10 * k + 10]})
            file[f"entry/data/data_{k + 1:06d}"] = h5py.ExternalLink(part.name, "entry/data/data")
    return path


@pytest.mark.parametrize("keep", [None, STREAM], ids=["memory", "file"])
def test_eiger_master_reads_all_its_data_files(tmp_path, keep):
    path = eiger(tmp_path / "scan_master.h5", units=keep is None)
    with h5py.File(path, "a") as file:
        file["stage"] = PLACES
    data = pg.read(path, {"positions": "stage:m"}, keep=keep)
    assert data.is_stored == (keep is not None)
    check(data)
    np.testing.assert_array_equal(~data.mask, BAD)
    notes = " ".join(data.notes)
    assert "3 data files with 30 patterns" in notes
    assert "0.05 s" in notes
    assert "beam at" not in notes  # within a pixel of the middle
    assert data.stated.centre == (12.1, 16.2)


def test_eiger_master_whose_data_files_are_missing(tmp_path):
    path = eiger(tmp_path / "scan_master.h5")
    (tmp_path / "scan_data_000003.h5").unlink()
    with h5py.File(path, "a") as file:
        file["stage"] = PLACES[:20]
    data = pg.read(path, {"positions": "stage:m"})
    assert data.count == 20
    assert any("1 data files from entry/data/data_000003 on are not there" in note for note in data.notes)
    (tmp_path / "scan_data_000001.h5").unlink()
    with pytest.raises(pg.InputError, match=r"data_000001.*not there"):
        pg.read(path)


def test_lambda_in_micrometres(tmp_path):
    detector = "entry/instrument/detector"
    arrays = {
        f"{detector}/data": COUNTS,
        f"{detector}/x_pixel_size": 1e6 * letter.PIXEL,
        f"{detector}/y_pixel_size": 1e6 * letter.PIXEL,
        f"{detector}/distance": letter.DISTANCE,
        f"{detector}/pixel_mask": BAD.astype(np.uint32),
        f"{detector}/count_time": 0.1,
        "stage": PLACES,
    }
    data = pg.read(write(tmp_path / "a.nxs", arrays), {"positions": "stage:m", "wavelength": letter.WAVELENGTH})
    check(data)


def test_nanomax_positions_are_of_the_sample(tmp_path):
    arrays = {
        "entry/measurement/eiger1m/frames": COUNTS,
        "entry/measurement/pseudo/x": -1e6 * X,
        "entry/measurement/pseudo/y": -1e6 * Y,
        "entry/measurement/alba/1": np.ones(30),
        "entry/snapshot/energy": [1e3 * KEV],
    }
    path = write(tmp_path / "000123.h5", arrays)
    check(pg.read(path, {"distance": letter.DISTANCE, "pixel_size": letter.PIXEL}))


def test_csaxs_in_its_units(tmp_path):
    arrays = {
        "entry/data/data": COUNTS,
        "entry/instrument/monochromator/distance": -1e3 * letter.DISTANCE,
        "entry/instrument/monochromator/energy": KEV,
        "entry/instrument/eiger_4/x_pixel_size": 1e6 * letter.PIXEL,
        "entry/instrument/eiger_4/y_pixel_size": 1e6 * letter.PIXEL,
        "stage": PLACES,
    }
    check(pg.read(write(tmp_path / "a.h5", arrays), {"positions": "stage:m"}))


def test_slac_with_the_patterns_last(tmp_path):
    corners = letter.corners()
    guess = {"probeGuess": letter.probe_wave(), "objectGuess": letter.object_wave()}
    counts = np.transpose(COUNTS, (1, 2, 0))
    np.savez(tmp_path / "a.npz", diffraction=counts, xcoords_start=corners[:, 1], ycoords_start=corners[:, 0], **guess)
    data = pg.read(tmp_path / "a.npz")
    check(data)
    assert data.probe.shape == (1, *letter.FRAME)


def test_tike_with_the_zero_frequency_in_the_corner(tmp_path):
    scan = letter.corners().astype(np.float32)
    counts = np.fft.ifftshift(COUNTS, (-2, -1))
    probe = letter.probe_wave()[None, None, None, None].astype(np.complex64)
    np.savez(tmp_path / "a.npz", data=counts[None], scan=scan[None] - scan.mean(axis=0), probe=probe)
    data = pg.read(tmp_path / "a.npz")
    check(data)
    np.testing.assert_allclose(np.abs(data.probe[0]), np.abs(letter.probe_wave()), rtol=0.3, atol=2)


def test_fold_slice_has_its_distance_from_the_pixel_of_the_object(tmp_path):
    frame = (24, 24)
    write(tmp_path / "a_dp.hdf5", {"dp": letter.patterns(frame)})
    y, x = letter.positions(frame).T
    pixel = letter.object_pixel(frame)[0]
    write(tmp_path / "a_para.hdf5", {"ppX": x, "ppY": y, "lambda": letter.WAVELENGTH, "dx": pixel})
    data = pg.read(tmp_path / "a_dp.hdf5")
    assert data.geometry.sampling(frame) == pytest.approx((pixel, pixel))
    away = positions_in_pixels(data, None) - letter.corners(frame)
    np.testing.assert_allclose(away, np.broadcast_to(away[0], away.shape), atol=1e-6)
    assert any("75 µm guessed" in note for note in data.notes)


def test_frames_of_fold_slice_out_of_matlab_are_transposed_and_not_mirrored(tmp_path):
    """As `utils_electron` of fold_slice simulates them: windows of object(v, h), ppX = h, ppY = v, by MATLAB."""
    frame = (24, 24)
    write(tmp_path / "a_dp.hdf5", {"dp": letter.patterns(frame).swapaxes(-1, -2)})  # MATLAB's (y, x, index) in the file
    v, h = letter.positions(frame).T
    pixel = letter.object_pixel(frame)[0]
    write(tmp_path / "a_para.hdf5", {"ppX": h, "ppY": v, "lambda": letter.WAVELENGTH, "dx": pixel})
    raw = pg.read(tmp_path / "a_dp.hdf5")
    data = pg.data.prepare(raw, pg.data.Preparation(transpose=True))
    np.testing.assert_array_equal(data.patterns, letter.patterns(frame))
    away = positions_in_pixels(data, None) - letter.corners(frame)
    np.testing.assert_allclose(away, np.broadcast_to(away[0], away.shape), atol=1e-6)
    assert any("`data.prepare.transpose=true`" in note for note in raw.notes)


def test_fourier_ptychography_is_described_and_not_reconstructed(tmp_path):
    lamps = np.random.default_rng(1).normal(size=(30, 2))
    arrays = {"ptychogram": COUNTS, "encoder": lamps, "wavelength": 5e-7, "dxd": 5e-6, "zled": 0.08}
    data = pg.read(write(tmp_path / "a.hdf5", {**arrays, "magnification": 4.0, "NA": 0.1}))
    np.testing.assert_allclose(data.variable("lamp"), lamps)
    with pytest.raises(pg.InputError, match="Fourier ptychography"):
        pg.far_field(data)


@pytest.mark.parametrize("packed", [True, False])
def test_matlab_of_version_5_is_read_with_its_structures(tmp_path, packed):
    fields = {"patterns": COUNTS, "geometry": {"positions": letter.corners(), "more": {"distance": 2.0}}}
    scipy.io.savemat(tmp_path / "a.mat", fields, do_compression=packed)
    keys = {"patterns": "patterns", "positions": "geometry/positions"}
    data = pg.read(tmp_path / "a.mat", keys)
    check(data)
    assert any("geometry/more/distance" in note for note in data.notes)


def test_matlab_that_is_cut_short_is_said(tmp_path):
    scipy.io.savemat(tmp_path / "a.mat", {"patterns": COUNTS}, do_compression=True)
    whole = (tmp_path / "a.mat").read_bytes()
    (tmp_path / "a.mat").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(pg.InputError, match=r"cut short|damaged"):
        pg.read(tmp_path / "a.mat")


def test_a_dataset_named_probe_wins(tmp_path):
    probe = letter.probe_wave()
    arrays = {"patterns": COUNTS, "positions": letter.corners(), "probe": probe, "truth_probe": 2 * probe}
    data = pg.read(write(tmp_path / "a.h5", arrays))
    assert any('probe: guessed "probe"' in note for note in data.notes)


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.h5", b"some text of a log\n", "a text file"),
        ("a.pkl", b"\x80\x04\x95abc\0", "a pickle of Python"),
        ("a.h5", b"<!DOCTYPE html>", "a web page"),
        ("a.h5.gz", b"\x1f\x8b\x08\0\0\0", "packed with gzip"),
        ("a.h5", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        ("a.npz", b"", "an empty file"),
        ("data", b"\0\1\2\3" * 9, "no known kind, without an ending"),
    ],
)
def test_what_can_not_be_read_is_called_what_it_is(tmp_path, name, content, text):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(pg.InputError, match=text):
        pg.read(tmp_path / name)


def test_the_page_of_formats_names_all_of_them():
    page = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")
    rows = {line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| ")}
    for format in (*FORMATS, *RESULTS):
        if format.name == "frames of a detector":  # each kind of file has a row: see tests/data/files
            continue
        assert any(row.startswith(format.name) for row in rows), format.name
