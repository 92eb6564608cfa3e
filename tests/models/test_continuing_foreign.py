"""Starts from results of other packages: the letter F lies on the pixels where it was, upright and with its sign."""

import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

import problems
import ptychograd as pg
from ptychograd.data.files.results import foreign_result
from ptychograd.fitting.result import History

DATA = Path(__file__).parents[1] / "data"
sys.path.insert(0, str(DATA / "make"))
import letter  # noqa: E402

SQUARE = (24, 24)


def scan():
    """The letter as the package's own data set."""
    geometry = pg.Geometry(letter.WAVELENGTH, letter.DISTANCE, (letter.PIXEL, letter.PIXEL))
    return pg.make_dataset(letter.patterns(), letter.positions(), geometry=geometry)


def check(path):
    """That a start from the file has the letter and the probe where they belong, and predicts the patterns."""
    model = pg.Plan().with_fields({"model.start.result": str(path)}).make_model(scan())
    (y, x), (row, column) = letter.corners()[0], np.asarray(model.scan.corner)[0]
    rows, columns = letter.FRAME
    window = np.asarray(model.object.transmission)[row : row + rows, column : column + columns]
    np.testing.assert_allclose(window, letter.object_wave()[y : y + rows, x : x + columns], atol=2e-2)
    patterns = np.stack([np.asarray(problems.pattern(model, n)) for n in range(0, 30, 7)])
    counts = letter.patterns()[::7]
    assert np.abs(np.sqrt(patterns) - np.sqrt(counts)).sum() / np.sqrt(counts).sum() < 0.2


@pytest.mark.parametrize("name", ["ptychodus_product.h5", "cdtools_result.h5"])
def test_a_result_is_a_start_on_its_pixels(name):
    check(DATA / "foreign" / name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ptychodus_product.npz", "ptychodus_product.cxi"])
def test_other_files_of_the_same_result(name):
    check(DATA / "foreign" / name)


@pytest.mark.parametrize("name", ["h5", "npz", "cxi"])
def test_all_products_of_ptychodus_hold_the_same(name):
    one, other = (foreign_result(DATA / "foreign" / f"ptychodus_product.{kind}") for kind in ("h5", name))
    for field in ("object", "probe", "pixel", "corner", "positions"):
        np.testing.assert_allclose(getattr(one, field), getattr(other, field))
    np.testing.assert_allclose(one.object, letter.object_wave(), atol=1e-6)


def test_ptylab():
    found = foreign_result(DATA / "foreign" / "ptylab_result.hdf5")
    first = np.round(found.corner).astype(int)
    for n in (0, 17):
        y, x = letter.corners(SQUARE)[n]
        window = found.object[first[n, 0] : first[n, 0] + 24, first[n, 1] : first[n, 1] + 24]
        np.testing.assert_allclose(window, letter.object_wave()[y : y + 24, x : x + 24], atol=1e-6)
    np.testing.assert_allclose(found.probe[0], letter.probe_wave(SQUARE), atol=1e-4)


def ptyr(path):
    """By the specification of ptypy's storages; the window's middle is its pixel n // 2."""
    frame, pixel = np.array(letter.FRAME), letter.object_pixel()
    places = letter.positions()
    middle = letter.corners() + frame // 2
    with h5py.File(path, "w") as file:
        content = file.create_group("content")
        content["obj/Sscan00G00/data"] = letter.object_wave()[None].astype(np.complex64)
        content["obj/Sscan00G00/_psize"] = pixel
        content["obj/Sscan00G00/_origin"] = places[0] - middle[0] * pixel
        content["probe/Sscan00G00/data"] = letter.probe_wave()[None].astype(np.complex64)
        content["probe/Sscan00G00/_psize"] = pixel
        content["positions/Sscan00G00"] = places
        file["header/kind"] = "minimal"
    return path


def test_ptypy(tmp_path):
    found = foreign_result(ptyr(tmp_path / "a.ptyr"))
    np.testing.assert_allclose(found.corner, letter.corners(), atol=1e-6)
    np.testing.assert_allclose(found.object, letter.object_wave(), atol=1e-6)


@pytest.mark.parametrize("version", [5, 7.3])
def test_ptychoshelves(tmp_path, version):
    """Object and probe as MATLAB has them, positions (x, y) about the middle."""
    places = letter.corners() - np.ceil(np.array(letter.OBJECT) / 2 - np.array(letter.FRAME) / 2) + 1
    object, probe = letter.object_wave(), np.stack([letter.probe_wave(), 0.1 * letter.probe_wave()], axis=-1)
    dy, dx = letter.object_pixel()
    if version == 5:
        fields = {"object": object, "probe": probe, "outputs": {"probe_positions": places[:, ::-1]}}
        scipy.io.savemat(tmp_path / "a.mat", {**fields, "p": {"dx_spec": np.array([dx, dy]), "lambda": 1e-10}})
    else:
        pair = np.dtype([("real", float), ("imag", float)])
        with h5py.File(tmp_path / "a.mat", "w", userblock_size=512) as file:
            for name, value in (("object", object), ("probe", probe)):
                file[name] = np.ascontiguousarray(value.T).view(pair)
            file["outputs/probe_positions"], file["p/dx_spec"] = places[:, ::-1].T, np.array([[dx], [dy]])
            for name in ("object", "probe", "outputs/probe_positions", "p/dx_spec"):
                file[name].attrs["MATLAB_class"] = np.bytes_("double")
    found = foreign_result(tmp_path / "a.mat")
    np.testing.assert_allclose(found.corner, letter.corners(), atol=1e-9)
    np.testing.assert_allclose(found.object, object)
    np.testing.assert_allclose(found.probe, np.moveaxis(probe, -1, 0))
    assert found.pixel == pytest.approx((dy, dx))


def test_what_is_no_result_is_left_to_others(tmp_path):
    assert foreign_result(DATA / "foreign" / "ptychodus_diffraction.h5") is None
    with pytest.raises(pg.InputError, match="no such file"):
        foreign_result(tmp_path / "away.h5")


# Its probe alone -------------------------------------------------------------------------------------------


def start_probe(path, data=None, **more):
    """The modes that a plan starts with, and that nothing else of the file is taken."""
    start = {"model.start.probe": str(path), **more}
    model = pg.Plan().with_fields(start).make_model(scan() if data is None else data)
    assert np.ptp(np.abs(np.asarray(model.object.transmission))) == 0
    return np.asarray(model.probe.modes)


def likeness(wave, other):
    """|<a, b>| of two waves over their norms."""
    return abs(np.vdot(wave, other)) / (np.linalg.norm(wave) * np.linalg.norm(other))


def test_the_probe_of_a_result_is_a_start(tmp_path):
    files = [DATA / "foreign" / name for name in ("ptychodus_product.h5", "ptychodus_product.npz", "cdtools_result.h5")]
    for path in (*files, ptyr(tmp_path / "a.ptyr")):
        modes = start_probe(path)
        assert likeness(modes[0], letter.probe_wave()) > 0.999
        assert np.sum(np.abs(modes) ** 2) == pytest.approx(scan().photons.max(), rel=1e-5)


def test_it_is_brought_to_the_pixels_of_the_data(tmp_path):
    """PtyLab's window of 24 x 24 pixels is as wide as 24 x 32 of the detector, of whose object pixels x are smaller."""
    modes = start_probe(DATA / "foreign" / "ptylab_result.hdf5")
    wave, (dy, dx) = letter.probe_wave(SQUARE), letter.object_pixel(SQUARE) / letter.object_pixel()
    assert (dy, dx) == pytest.approx((1, 4 / 3))
    columns = np.arange(24) * 4 / 3 - 12 * 4 / 3 + 16
    sampled = np.array([np.interp(columns, np.arange(32), row) for row in modes[0]])
    assert likeness(sampled, wave) > 0.98
    np.save(tmp_path / "wave.npy", letter.probe_wave())
    there = [
        start_probe(path, **{"model.start.defocus": 5e-3})
        for path in (ptyr(tmp_path / "a.ptyr"), tmp_path / "wave.npy")
    ]
    assert likeness(*there) > 0.9999
    assert likeness(there[0], letter.probe_wave()) < 0.99


def test_the_probe_of_an_own_result_and_of_tike(tmp_path):
    problem, path = problems.measurement(), tmp_path / "result.h5"
    model, probe = pg.far_field(problem), problems.probe_wave()[None].astype(np.complex64)
    arrays = {"object.transmission": np.asarray(model.object.transmission), "probe.modes": probe}
    arrays["scan.corner"] = np.asarray(model.scan.corner)
    result = pg.Result(arrays, {}, History.empty(), {"stopped": "all epochs done"}, None, problem.positions)
    result.save(path)
    modes = start_probe(path, problem)
    assert likeness(modes[0], np.asarray(result.probe).reshape(-1, *problem.frame_shape)[0]) > 0.999
    probe = np.stack([letter.probe_wave(), 0.1 * letter.probe_wave()[::-1]]).astype(np.complex64)
    np.savez(
        tmp_path / "tike.npz", psi=letter.object_wave()[None], probe=probe[None, None, None], scan=np.ones((1, 30, 2))
    )
    modes = start_probe(tmp_path / "tike.npz", **{"model.probe.modes": 2})
    assert likeness(modes[0], letter.probe_wave()) > 0.999
