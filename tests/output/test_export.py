"""Volumes and images for other programs, read again by what they are for."""

from xml.etree import ElementTree

import h5py
import numpy as np
import pytest
import tifffile

import ptychograd as pg
from ptychograd.fitting.result import History
from ptychograd.output.exporting import export
from ptychograd.output.exporting.product import Product

SHAPE, SIDES = (4, 6, 5), (20e-9, 20e-9, 30e-9)


def crystal(geometry=True):
    rng = np.random.default_rng(3)
    density = (rng.uniform(0.9, 1, SHAPE) * np.exp(1j * 0.3 * rng.normal(size=SHAPE))).astype(np.complex64)
    known = {
        "wavelength": 1e-10,
        "distance": 1.0,
        "pixel_size": [5e-5, 5e-5],
        "two_theta": 1.0,
        "rocking": [0.0, 0.001],
    }
    arrays = {"object.density": density, "object.support": np.ones(SHAPE, bool)}
    settings = {"solver": "none", "stopped": "all epochs done", "geometry": known if geometry else None}
    return pg.Result(arrays, {}, History.empty(), settings, SIDES)


def image():
    wave = np.random.default_rng(1).normal(size=(2, 5, 7)).astype(np.float32)
    arrays = {"object.transmission": wave[0] + 1j * wave[1]}
    return pg.Result(arrays, {}, History.empty(), {"stopped": "all epochs done"}, (1e-8, 2e-8))


def test_a_tiff_volume_has_its_channels_axes_and_voxels(tmp_path):
    result = crystal()
    assert export(result, tmp_path / "c.tiff") == (tmp_path / "c.tiff",)
    with tifffile.TiffFile(tmp_path / "c.tiff") as file:
        series, facts = file.series[0], file.imagej_metadata
        assert series.axes == "ZCYX"
        assert series.shape == (5, 3, 6, 4)
        assert facts["spacing"] == pytest.approx(0.03)
        assert facts["unit"] == "um"
        assert len(facts["Ranges"]) == 6
        assert facts["Labels"][:3] == ["magnitude", "phase", "strain"]
        across, down = (file.pages[0].tags[name].value for name in ("XResolution", "YResolution"))
        assert across[0] / across[1] == pytest.approx(1 / 0.02)
        assert down[0] / down[1] == pytest.approx(1 / 0.02)
        values = series.asarray()
    np.testing.assert_array_equal(values[:, 0], np.abs(result.object).T)
    np.testing.assert_array_equal(values[:, 1], np.angle(result.object).T)
    np.testing.assert_array_equal(values[:, 2], Product.of(result).channels()["strain"].T)


def test_an_image_is_a_tiff_of_two_channels(tmp_path):
    result = image()
    export(result, tmp_path / "i.tif")
    with tifffile.TiffFile(tmp_path / "i.tif") as file:
        assert file.series[0].axes == "CYX"
        np.testing.assert_array_equal(file.series[0].asarray()[1], np.angle(result.object))
        across, down = (file.pages[0].tags[name].value for name in ("XResolution", "YResolution"))
        assert across[0] / across[1] == pytest.approx(1 / 0.02)
        assert down[0] / down[1] == pytest.approx(1 / 0.01)


def test_xdmf_names_arrays_that_are_there(tmp_path):
    result = crystal()
    paths = export(result, tmp_path / "c.xdmf")
    assert paths == (tmp_path / "c.xdmf", tmp_path / "c.xdmf.h5")
    grid = ElementTree.parse(paths[0]).getroot().find("Domain/Grid")
    assert grid.find("Topology").get("Dimensions") == "5 6 4"
    spacing = [float(side) for side in grid.findall("Geometry/DataItem")[1].text.split()]
    assert spacing == pytest.approx([0.03, 0.02, 0.02])
    found = {}
    with h5py.File(paths[1]) as file:
        for attribute in grid.findall("Attribute"):
            name, place = attribute.find("DataItem").text.split(":")
            assert name == "c.xdmf.h5"
            found[attribute.get("Name")] = file[place][()]
            assert " ".join(map(str, found[attribute.get("Name")].shape)) == attribute.find("DataItem").get(
                "Dimensions"
            )
    np.testing.assert_array_equal(found["magnitude"], np.abs(result.object).T)
    assert set(found) == {"magnitude", "phase", "strain"}
    assert np.isfinite(found["strain"]).any()


def test_a_measurement_beside_the_volume_stays(tmp_path):
    """Whoever calls both by one name loses nothing."""
    (tmp_path / "scan.h5").write_bytes(b"patterns")
    export(crystal(), tmp_path / "scan.xdmf")
    assert (tmp_path / "scan.h5").read_bytes() == b"patterns"


def test_without_a_geometry_there_is_no_strain():
    assert set(Product.of(crystal(geometry=False)).channels()) == {"magnitude", "phase"}


@pytest.mark.parametrize(
    ("result", "name", "text"),
    [
        (image(), "i.xdmf", "is for volumes"),
        (crystal()._replace(sampling=SIDES[:2]), "c.tiff", "is no image or crystal"),
        (crystal(), "c.vtk", "no known ending; expected one of .cxi"),
    ],
)
def test_what_cannot_be_exported_is_said(tmp_path, result, name, text):
    with pytest.raises(pg.InputError, match=text):
        export(result, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_slices_are_a_stack_of_images_as_far_apart_as_they_are(tmp_path):
    slices = np.random.default_rng(2).normal(size=(3, 5, 7, 2)).astype(np.float32).view(np.complex64)[..., 0]
    arrays = {"object.transmission": slices, "object.distance": np.float32(2e-6)}
    result = pg.Result(arrays, {}, History.empty(), {"stopped": "all epochs done"}, (1e-8, 2e-8))
    export(result, tmp_path / "s.tiff")
    with tifffile.TiffFile(tmp_path / "s.tiff") as file:
        assert file.series[0].axes == "ZCYX"
        assert file.imagej_metadata["spacing"] == pytest.approx(2)
        across, down = (file.pages[0].tags[name].value for name in ("XResolution", "YResolution"))
        assert across[0] / across[1] == pytest.approx(1 / 0.02)
        assert down[0] / down[1] == pytest.approx(1 / 0.01)
        values = file.series[0].asarray()
    np.testing.assert_array_equal(values[:, 0], np.abs(slices))
    with pytest.raises(pg.InputError, match="made of images"):
        export(result, tmp_path / "s.xdmf")


def test_what_surrounds_slices_and_states(tmp_path):
    """Slices transmit 1 there, of the states the first one does; viewers get orthogonal modes and their powers."""
    import h5py

    support = np.zeros((5, 7), bool)
    support[1:3, 2:5] = True
    both = np.full((2, 5, 7), 3, np.complex64)
    modes = np.stack([np.ones((5, 7)), np.ones((5, 7))]).astype(np.complex64)
    arrays = {"object.transmission": both, "object.support": support, "probe.modes": modes}
    settings = {"stopped": "all epochs done"}
    states = pg.Result(arrays, {}, History.empty(), settings)
    sliced = pg.Result(arrays | {"object.distance": np.float32(1)}, {}, History.empty(), settings)
    np.testing.assert_array_equal(states.object[:, 0, 0], [1, 0])
    np.testing.assert_array_equal(sliced.object[:, 0, 0], [1, 1])
    np.testing.assert_array_equal(states.object[:, 1, 2], [3, 3])
    states.save(tmp_path / "r.h5")
    np.testing.assert_array_equal(pg.load(tmp_path / "r.h5").probe, modes)
    with h5py.File(tmp_path / "r.h5") as file:
        np.testing.assert_allclose(file["entry/probe/powers"][()], [70, 0], atol=1e-5)
        np.testing.assert_allclose(np.abs(file["entry/probe/data"][()][0]), np.sqrt(2), rtol=1e-6)
