"""Centre, dark and flat field that files state: used as they are meant, unless a person or the data say otherwise."""

import h5py
import numpy as np
import pytest

import ptychograd as pg
from ptychograd.data import ChosenFrames, Preparation, prepare
from ptychograd.data.preparation import guess_preparation

RANDOM = np.random.default_rng(3)
SHAPE, COUNT, TRUE = (24, 30), 8, (9.0, 17.0)  # of the frame, and where the beam is
NEAR = (9.4, 16.7)  # what a file states of it
Y, X = np.indices(SHAPE)
BEAM = 400.0 * np.exp(-((Y - TRUE[0]) ** 2) / 8 - (X - TRUE[1]) ** 2 / 14)
DARK = RANDOM.integers(20, 60, SHAPE).astype(np.float32)
FLAT = RANDOM.uniform(0.8, 1.2, SHAPE).astype(np.float32)
PHOTONS = RANDOM.poisson(BEAM, (COUNT, *SHAPE)).astype(np.float32)
PLACES = RANDOM.uniform(0, 2e-6, (COUNT, 2))
DETECTOR = "entry_1/instrument_1/detector_1"
CXI = {"cxi_version": 160, f"{DETECTOR}/distance": 2.0, "entry_1/instrument_1/source_1/wavelength": 1.5e-10}
SIDES = {f"{DETECTOR}/{axis}_pixel_size": 75e-6 for axis in "yx"}
TRANSLATION = {"entry_1/sample_1/geometry_1/translation": np.column_stack([PLACES[:, ::-1], np.zeros(COUNT)])}
STREAM = pg.data.StreamFromFile(limit=1, block=SHAPE[0] * SHAPE[1] * 4 * 3)


def write(path, arrays, units=None):
    with h5py.File(path, "w") as file:
        for name, value in arrays.items():
            file[name] = value
            if units and name in units:
                file[name].attrs["units"] = units[name]
    return path


def nexus(path, centre=NEAR, unit=None, **more):
    """A file of NeXus with raw counts: photons of which the flat field takes some, on a dark."""
    arrays = {
        "entry_1/definition": "NXcxi_ptycho",
        "entry_1/data/data": PHOTONS * FLAT + DARK,
        "entry_1/data/y": PLACES[:, 0],
        "entry_1/data/x": PLACES[:, 1],
        f"{DETECTOR}/distance": 2.0,
        "entry_1/instrument_1/beam_1/incident_wavelength": 1.5e-10,
        f"{DETECTOR}/beam_center_y": centre[0],
        f"{DETECTOR}/beam_center_x": centre[1],
        f"{DETECTOR}/darkfield": DARK,
        f"{DETECTOR}/flatfield": FLAT,
        **SIDES,
        **{f"{DETECTOR}/{name}": value for name, value in more.items()},
    }
    names = dict.fromkeys((f"{DETECTOR}/beam_center_y", f"{DETECTOR}/beam_center_x"), unit) if unit else {}
    return write(path, arrays, names)


def moved(photons, by=(3, -2)):
    """The photons with the beam's pixel in the middle, (12, 15); what comes in is dark."""
    y, x = by
    whole = np.pad(photons, ((0, 0), (24, 24), (30, 30)))
    return whole[:, 24 - y : 48 - y, 30 - x : 60 - x]


@pytest.mark.parametrize("keep", [None, STREAM], ids=["memory", "file"])
@pytest.mark.parametrize("unit", [None, "mm"])
def test_what_nexus_states_makes_photons_about_the_middle(tmp_path, keep, unit):
    scale = 0.075 if unit else 1.0
    path = nexus(tmp_path / "a.nxs", tuple(scale * place for place in NEAR), unit)
    raw = pg.read(path, keep=keep)
    np.testing.assert_array_equal(raw.frames(np.arange(COUNT))[0], PHOTONS * FLAT + DARK)
    data = prepare(raw, Preparation())
    counts = data.frames(np.arange(COUNT))[0]
    np.testing.assert_allclose(counts, moved(PHOTONS) * np.median(FLAT) * data.mask, atol=1e-4, rtol=1e-5)
    assert np.count_nonzero(data.mask) == 21 * 28
    assert sum("as the file states" in note for note in data.notes) == 3
    assert not data.stated
    assert data.stated.done == ("dark", "flat", "centre")
    assert "centre" not in {name for guess in guess_preparation(data) for name in guess.fields}


def test_every_command_does_it(tmp_path):
    plan = pg.Plan(data={"paths": str(nexus(tmp_path / "a.nxs")), "mask": {"allow_most": True}})
    np.testing.assert_allclose(plan.read().patterns[3], moved(PHOTONS)[3] * np.median(FLAT), atol=1e-3)


def test_what_a_person_says_wins(tmp_path):
    raw = pg.read(nexus(tmp_path / "a.nxs"))
    data = prepare(raw, Preparation(dark=0.0, centre=(12.0, 15.0), flat=np.ones(SHAPE)))
    np.testing.assert_allclose(data.patterns, PHOTONS * FLAT + DARK, rtol=1e-6)
    left = prepare(raw, Preparation(stated=False))
    np.testing.assert_array_equal(left.patterns, raw.patterns)
    assert not left.stated
    assert left.stated.done == ()
    darkened = prepare(raw, Preparation(dark=0.0, flat=np.ones(SHAPE), frames=ChosenFrames(first=2)))
    assert darkened.stated.done == ("centre",)


@pytest.mark.parametrize("centre", [(18.0, 5.0), (500.0, 400.0), (-3.0, 9.0)])
def test_a_centre_away_from_the_light_is_told_and_not_used(tmp_path, centre):
    data = prepare(pg.read(nexus(tmp_path / "a.nxs", centre)), Preparation())
    np.testing.assert_allclose(data.patterns, PHOTONS * np.median(FLAT), atol=1e-4, rtol=1e-5)
    note = next(note for note in data.notes if "centre of the beam that the file states is not used" in note)
    assert "(9.0, 17.0)" in note
    assert "`data.prepare.centre`" in note


def test_a_dark_that_was_subtracted_before_is_told_and_not_used(tmp_path):
    path = nexus(tmp_path / "a.nxs")
    with h5py.File(path, "a") as file:
        file["entry_1/data/data"][...] = PHOTONS * FLAT
    data = prepare(pg.read(path), Preparation())
    assert any("dark that the file states is not used: it is brighter" in note for note in data.notes)
    np.testing.assert_allclose(data.patterns, moved(PHOTONS) * np.median(FLAT), atol=1e-4, rtol=1e-5)


def test_a_flat_field_that_the_detector_applied_is_not_stated(tmp_path):
    assert pg.read(nexus(tmp_path / "a.nxs", flatfield_applied=1)).stated.flat is None


def test_a_dark_of_other_frames_is_a_note(tmp_path):
    path = nexus(tmp_path / "a.nxs")
    with h5py.File(path, "a") as file:
        del file[f"{DETECTOR}/darkfield"]
        file[f"{DETECTOR}/darkfield"] = np.ones((5, 6))
    data = pg.read(path)
    assert data.stated.dark is None
    assert any("(5, 6)" in note and "does not fit" in note for note in data.notes)


def test_dark_exposures_of_cdtools_are_subtracted(tmp_path):
    exposures = RANDOM.poisson(DARK, (40, *SHAPE))
    arrays = {**CXI, **SIDES, **TRANSLATION, f"{DETECTOR}/data": PHOTONS + DARK, f"{DETECTOR}/data_dark": exposures}
    data = prepare(pg.read(write(tmp_path / "a.cxi", arrays)), Preparation())
    expected = np.maximum(PHOTONS + DARK - exposures.mean(axis=0), 0)
    np.testing.assert_allclose(data.patterns, expected, atol=1e-3)


def test_a_dark_that_was_not_subtracted_goes_into_a_cxi_file(tmp_path):
    raw = pg.read(nexus(tmp_path / "a.nxs"))
    pg.write(tmp_path / "raw.cxi", raw)
    again = pg.read(tmp_path / "raw.cxi")
    np.testing.assert_array_equal(again.stated.dark, DARK)
    for words in ("flat field", "beam centre"):
        assert any(f"left out of the CXI file, as it has no place for it: the {words}" in note for note in again.notes)
    ready = prepare(raw, Preparation())
    pg.write(tmp_path / "ready.cxi", ready)
    assert not pg.read(tmp_path / "ready.cxi").stated


def eiger(path, **more):
    detector = "entry/instrument/detector"
    arrays = {
        "entry/data/data": PHOTONS.astype(np.uint32),
        "stage": PLACES,
        f"{detector}/detector_distance": 2.0,
        f"{detector}/x_pixel_size": 75e-6,
        f"{detector}/y_pixel_size": 75e-6,
        f"{detector}/beam_center_x": NEAR[1],
        f"{detector}/beam_center_y": NEAR[0],
        "entry/instrument/beam/incident_wavelength": 1.5,
        **{f"{detector}/{name}": value for name, value in more.items()},
    }
    return pg.read(write(path, arrays), {"positions": "stage:m"})


def test_the_beam_of_an_eiger_comes_to_the_middle(tmp_path):
    data = prepare(eiger(tmp_path / "a.h5"), Preparation())
    np.testing.assert_array_equal(data.patterns, moved(PHOTONS) * data.mask)
    unset = eiger(tmp_path / "b.h5", beam_center_x=0.0, beam_center_y=0.0)
    assert not unset.stated


def test_factors_that_an_eiger_did_not_apply_are_told(tmp_path):
    more = {"detectorSpecific/flatfield": FLAT, "flatfield_correction_applied": 0}
    assert any("flatfield_correction_applied is 0" in note for note in eiger(tmp_path / "a.h5", **more).notes)
    more["flatfield_correction_applied"] = 1
    assert not any("flatfield" in note for note in eiger(tmp_path / "b.h5", **more).notes)


LENGTHS = {"energy_kev": 8.0, "distance": 2.0, "pixel_size": 75e-6}
RASTER = pg.data.RasterScan(1e-7, (2, 4))


def test_the_beam_in_headers_of_cbf_and_edf(tmp_path):
    cbf, edf = pytest.importorskip("fabio.cbfimage"), pytest.importorskip("fabio.edfimage")
    pilatus = {"_array_data.header_contents": f"# Beam_xy ({NEAR[1]}, {NEAR[0]}) pixels"}
    for number, frame in enumerate(PHOTONS.astype(np.int32)):
        cbf.CbfImage(frame, pilatus).write(str(tmp_path / f"s_{number}.cbf"))
        header = {"Center_1": str(NEAR[1]), "Center_2": str(NEAR[0])}
        edf.EdfImage(frame, header).write(str(tmp_path / f"s_{number}.edf"))
    for kind in ("cbf", "edf"):
        data = pg.read(f"{tmp_path}/s_*.{kind}", LENGTHS, scan=RASTER)
        assert data.stated.centre == NEAR
        prepared = prepare(data, Preparation())
        np.testing.assert_array_equal(prepared.patterns, moved(PHOTONS) * prepared.mask)


def test_it_stays_with_the_data_in_files_of_ptychograd_and_in_joined_scans(tmp_path):
    raw = pg.read(nexus(tmp_path / "a.nxs"))
    pg.write(tmp_path / "raw.h5", raw)
    again = pg.read(tmp_path / "raw.h5")
    assert again.stated.centre == raw.stated.centre
    np.testing.assert_array_equal(again.stated.dark, DARK)
    np.testing.assert_array_equal(again.stated.flat, FLAT)
    other = pg.read(nexus(tmp_path / "b.nxs", (9.0, 16.0)))
    both = pg.data.joined([raw, other])
    assert both.stated.centre is None
    np.testing.assert_array_equal(both.stated.dark, DARK)
