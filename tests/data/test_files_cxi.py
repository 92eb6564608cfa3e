"""CXI: where its items are, which way its positions point, and what its mask means."""

import h5py
import numpy as np
import pytest

from ptychograd.core.errors import InputError
from ptychograd.data.dataset import Geometry
from ptychograd.data.files import read

RANDOM = np.random.default_rng(5)
FRAMES = RANDOM.integers(1, 500, (6, 5, 8)).astype(np.uint16)
METRES = RANDOM.uniform(-4e-6, 9e-6, (6, 2))
GEOMETRY = Geometry(1.5e-10, 2.25, (55e-6, 75e-6))
DETECTOR, SOURCE = "entry_1/instrument_1/detector_1", "entry_1/instrument_1/source_1"
TRANSLATION = "entry_1/sample_1/geometry_1/translation"


def cxi(path, changes=None):
    arrays = {
        "cxi_version": 160,
        f"{DETECTOR}/data": FRAMES,
        f"{DETECTOR}/distance": 2.25,
        f"{DETECTOR}/x_pixel_size": 75e-6,
        f"{DETECTOR}/y_pixel_size": 55e-6,
        f"{SOURCE}/wavelength": 1.5e-10,
        TRANSLATION: np.column_stack([METRES[:, 1], METRES[:, 0], np.zeros(6)]),
    }
    with h5py.File(path, "w") as file:
        for name, array in (arrays | (changes or {})).items():
            if array is not None:
                file[name] = array
    return path


@pytest.mark.slow
@pytest.mark.data
def test_measured_near_field_data_from_petra(shared_data):
    data = read(shared_data / "petra_p25" / "PETRAIII_P25_Near_Field_Ptycho.cxi")
    assert (data.patterns.shape, data.patterns.dtype) == ((200, 100, 100), np.int32)
    assert data.mask.shape == (100, 100)
    assert np.count_nonzero(~data.mask) == 5
    assert data.geometry is not None
    assert data.geometry.distance == pytest.approx(1.12)
    assert data.geometry.pixel_size == pytest.approx((55e-6, 55e-6))
    assert data.geometry.wavelength == pytest.approx(9.794912e-11, rel=1e-6)
    assert data.geometry.energy_kev == pytest.approx(12.658, rel=1e-4)
    np.testing.assert_allclose(data.positions[0], [-38.399612e-6, -53.400032e-6], rtol=1e-6)
    assert np.median(data.photons) == pytest.approx(9.67e6, rel=0.01)
    assert data.notes == ()
    assert data.source == "PETRAIII_P25_Near_Field_Ptycho.cxi"


def test_cxi_gives_positions_as_rows_and_columns(tmp_path):
    data = read(cxi(tmp_path / "a.cxi"))
    np.testing.assert_array_equal(data.positions, METRES)
    np.testing.assert_array_equal(data.patterns, FRAMES)
    assert data.geometry == GEOMETRY
    assert data.notes == ()


@pytest.mark.parametrize("turned", [False, True], ids=["(3, 2)", "(2, 3)"])
def test_cxi_default_basis_changes_nothing(tmp_path, turned):
    basis = np.array([[0, -75e-6], [-55e-6, 0], [0, 0]], np.float32)
    changes = {f"{DETECTOR}/basis_vectors": basis.T if turned else basis, f"{DETECTOR}/x_pixel_size": None}
    data = read(cxi(tmp_path / "a.cxi", changes))
    np.testing.assert_array_equal(data.positions, METRES)
    assert data.geometry.pixel_size == pytest.approx((55e-6, 75e-6))
    assert data.notes == ()


def test_cxi_other_basis_turns_the_positions(tmp_path):
    angle, lengths = np.deg2rad(30), np.array([55e-6, 75e-6])
    cosine, sine = np.cos(angle), np.sin(angle)
    basis = np.array([[sine, -cosine], [-cosine, -sine], [0, 0]]) * lengths  # the default, turned by 30 degrees
    data = read(cxi(tmp_path / "a.cxi", {f"{DETECTOR}/basis_vectors": basis}))
    y, x = METRES.T
    np.testing.assert_allclose(data.positions, np.column_stack([cosine * y - sine * x, sine * y + cosine * x]))
    assert "basis" in data.notes[0]


def test_cxi_mask_knows_the_bit_of_a_signal(tmp_path):
    flags = np.zeros((5, 8), np.uint32)
    flags[0, 1], flags[2, 3], flags[4, 4] = 1, 0x1000, 0x1001
    data = read(cxi(tmp_path / "a.cxi", {f"{DETECTOR}/mask": flags}))
    assert np.argwhere(~data.mask).tolist() == [[0, 1], [4, 4]]
    assert "1 pixels marked 0x1000" in data.notes[0]


def test_cxi_energy_in_joules_gives_the_wavelength(tmp_path):
    changes = {f"{SOURCE}/wavelength": None, f"{SOURCE}/energy": np.array([[2.0280385e-15]])}
    assert read(cxi(tmp_path / "a.cxi", changes)).geometry.wavelength == pytest.approx(9.794912e-11, rel=1e-6)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({TRANSLATION: None}, f"no positions: looked for {TRANSLATION} and .* holds .*uint16"),
        ({f"{DETECTOR}/data": None}, "no patterns: looked for entry_1/data_1/data and "),
        ({f"{DETECTOR}/data": FRAMES[0]}, r"\(5, 8\) uint16 can't be the patterns"),
        ({f"{DETECTOR}/data": FRAMES.astype("S")}, "can't be the patterns"),
        ({TRANSLATION: METRES}, r"\(6, 2\) float64 can't be the translation"),
        ({f"{DETECTOR}/basis_vectors": np.ones((3, 2))}, "can't be a basis"),
        ({f"{DETECTOR}/distance": None}, "in metres, but distance is missing"),
        ({f"{DETECTOR}/distance": 2250.0}, "distance = 2250 m is not plausible"),
        ({f"{DETECTOR}/distance": [1.0, 2.0]}, "is not one number"),
        ({f"{DETECTOR}/distance": "far"}, "holds no numbers"),
    ],
)
def test_cxi_that_cannot_be_used_says_why(tmp_path, changes, text):
    with pytest.raises(InputError, match=f"a.cxi: .*{text}"):
        read(cxi(tmp_path / "a.cxi", changes))


def test_cxi_without_translation_takes_positions_by_key(tmp_path):
    file = cxi(tmp_path / "a.cxi", {TRANSLATION: None, "stage": METRES})
    np.testing.assert_array_equal(read(file, keys={"positions": "stage"}).positions, METRES)
