"""Files that the code of their own packages wrote: the same letter F, in the convention of each, read alike.

How they were made is in tests/data/make, where each came from in tests/data/foreign/README.md.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import ptychograd as pg
from ptychograd.data.dataset import positions_in_pixels
from ptychograd.data.files import completes

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "make"))
import letter  # noqa: E402

FOREIGN = HERE / "foreign"


def check(data, frame=letter.FRAME):
    """The patterns and positions of the letter, and the geometry with which its pixels are right."""
    np.testing.assert_array_equal(np.where(data.mask, data.patterns, 0), np.where(data.mask, letter.patterns(frame), 0))
    assert data.geometry is not None
    assert data.geometry.sampling(data.frame_shape) == pytest.approx(tuple(letter.object_pixel(frame)), rel=1e-5)
    assert data.geometry.wavelength == pytest.approx(letter.WAVELENGTH, rel=1e-5)
    away = positions_in_pixels(data, None) - letter.corners(frame)
    np.testing.assert_allclose(away, np.broadcast_to(away[0], away.shape), atol=2e-3)


def test_ptychodus_hdf5_and_its_product_are_joined_by_number():
    path = FOREIGN / "ptychodus_diffraction.h5"
    data = pg.read(path, beside=[FOREIGN / "ptychodus_product.h5"])
    check(data)
    np.testing.assert_array_equal(~data.mask, letter.bad_pixels())
    assert data.probe is not None
    assert any("joined by frame number" in note for note in data.notes)


def test_a_product_beside_its_patterns_is_found(tmp_path):
    shutil.copy(FOREIGN / "ptychodus_diffraction.h5", tmp_path / "diffraction.h5")
    shutil.copy(FOREIGN / "ptychodus_product.h5", tmp_path / "product.h5")
    check(pg.read(tmp_path / "diffraction.h5"))
    assert completes(tmp_path / "product.h5")
    assert not completes(tmp_path / "diffraction.h5")


@pytest.mark.parametrize("first", [0, 1])
def test_patterns_and_product_are_named_one_after_another(first):
    paths = [str(FOREIGN / f"ptychodus_{name}.h5") for name in ("diffraction", "product")]
    data = pg.Plan().with_fields({"data.paths": paths[first:] + paths[:first]}).read()
    check(data)


def test_ptychodus_npz():
    path = FOREIGN / "ptychodus_diffraction.npz"
    data = pg.read(path, {"pixel_size": letter.PIXEL}, beside=[FOREIGN / "ptychodus_product.npz"])
    check(data)
    np.testing.assert_array_equal(~data.mask, letter.bad_pixels())


def test_ptychodus_cxi():
    path, product = FOREIGN / "ptychodus_diffraction.cxi", FOREIGN / "ptychodus_product.cxi"
    with pytest.raises(pg.InputError, match="no positions"):
        pg.read(path)
    assert completes(product)
    with pytest.raises(pg.InputError, match="no patterns"):
        pg.read(product)


def test_cdtools_cxi():
    data = pg.read(FOREIGN / "cdtools.cxi")
    check(data)
    np.testing.assert_array_equal(~data.mask, letter.bad_pixels())


def test_ptylab_turns_its_patterns_as_it_does():
    data = pg.read(FOREIGN / "ptylab.hdf5")
    check(data, (24, 24))
    assert any("orientation 5" in note for note in data.notes)
    assert any("entrancePupilDiameter" in note for note in data.notes)
    assert data.probe.shape == (1, 24, 24)
    disc = np.abs(data.probe[0]) / np.abs(data.probe[0]).max()
    assert disc.sum() == pytest.approx(np.pi * 25, rel=0.03)  # 10 pixels wide


def test_ptylab_from_its_file_is_turned_as_it_is_read():
    keep = pg.data.StreamFromFile(limit=100, block=4000)
    whole, stored = (pg.read(FOREIGN / "ptylab.hdf5", keep=way) for way in (None, keep))
    assert stored.is_stored
    np.testing.assert_array_equal(stored.frames(np.arange(3, 9))[0], whole.patterns[3:9])
    assert stored.fingerprint == whole.fingerprint


def test_fold_slice_patterns_with_positions_beside(tmp_path):
    import h5py

    shutil.copy(FOREIGN / "fold_slice_roi0_dp.hdf5", tmp_path / "data_roi0_dp.hdf5")
    places = letter.positions()
    with h5py.File(tmp_path / "data_roi0_para.hdf5", "w") as file:
        file["ppX"], file["ppY"], file["lambda"] = places[:, 1], places[:, 0], letter.WAVELENGTH
    keys = {"pixel_size": letter.PIXEL, "distance": letter.DISTANCE}
    check(pg.read(tmp_path / "data_roi0_dp.hdf5", keys))
