"""Units: every length, energy and angle in the unit that a file states, in every format; what a person names wins."""

import h5py
import numpy as np
import pytest

import ptychograd as pg
from ptychograd.data.files import read, write
from ptychograd.data.geometry import ANGLES, ENERGIES, LENGTHS, reciprocal, unit_size

RANDOM = np.random.default_rng(4)
FRAMES = RANDOM.integers(1, 500, (6, 5, 8)).astype(np.uint16)
METRES = RANDOM.uniform(-4e-6, 9e-6, (6, 2))
GEOMETRY = pg.Geometry(1.5e-10, 2.25, (55e-6, 75e-6))
DETECTOR, SOURCE = "entry_1/instrument_1/detector_1", "entry_1/instrument_1/source_1"
TRANSLATION = "entry_1/sample_1/geometry_1/translation"
KEV = 12.39841984332003 / 1.5  # of the wavelength
JOULES = KEV * 1.602176634e-16


def stated(path, arrays, units):
    """A file with these arrays, in these units."""
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            if array is not None:
                file[name] = array
        for name, unit in units.items():
            file[name].attrs["units"] = unit
    return path


def cxi(path, changes=None, units=None):
    arrays = {
        "cxi_version": 160,
        f"{DETECTOR}/data": FRAMES,
        f"{DETECTOR}/distance": 2.25,
        f"{DETECTOR}/x_pixel_size": 75e-6,
        f"{DETECTOR}/y_pixel_size": 55e-6,
        f"{SOURCE}/energy": JOULES,
        TRANSLATION: np.column_stack([METRES[:, 1], METRES[:, 0], np.zeros(6)]),
    }
    return stated(path, arrays | (changes or {}), units or {})


def alike(data, geometry=GEOMETRY):
    assert data.geometry.wavelength == pytest.approx(geometry.wavelength, rel=1e-9)
    assert data.geometry.distance == pytest.approx(geometry.distance, rel=1e-9)
    assert data.geometry.pixel_size == pytest.approx(geometry.pixel_size, rel=1e-9)
    np.testing.assert_allclose(data.positions, METRES, rtol=1e-9)


# Names ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "names"),
    [
        (1.0, "m M meter meters metre Metres"),
        (1e-3, "mm MM millimeter millimetres"),
        (1e-6, "um UM µm μm micrometer Micrometers micrometre micron microns \udcb5m"),
        (1e-9, "nm NM nanometer"),
        (1e-10, "Å Å A\u030a A angstrom Angstrom angstroms ANGSTROM Ångström"),
        (1e-12, "pm picometre"),
    ],
)
def test_lengths_by_any_name(size, names):
    assert {name: unit_size(name, LENGTHS) for name in names.split()} == dict.fromkeys(names.split(), size)
    assert unit_size(f" {names.split()[0]} ", LENGTHS) == size


@pytest.mark.parametrize("name", ["Mm", "s", "furlong", "counts", "1/nm", "", "a.u.", "eV"])
def test_what_is_no_length(name):
    assert unit_size(name, LENGTHS) is None


def test_energies_and_angles_by_any_name():
    for names, size in (("eV ev EV electronvolt", 1e-3), ("keV kev KeV kiloelectronvolts", 1.0), ("MeV", 1e3)):
        assert {unit_size(name, ENERGIES) for name in names.split()} == {size}
    for name in ("J", "joule", "Joules"):
        assert unit_size(name, ENERGIES) * 1.602176634e-16 == pytest.approx(1.0, rel=1e-15)
    assert unit_size("meV", ENERGIES) is None
    for names, degrees in (("deg degree degrees Deg °", 1.0), ("rad radian radians", 180 / np.pi)):
        for name in names.split():
            assert unit_size(name, ANGLES) == pytest.approx(degrees * np.pi / 180)


def test_reciprocals_are_known_as_such():
    names = ("1/nm", "1 / Angstrom", "nm^-1", "nm-1", "nm**-1", "nm⁻¹", "mm")
    assert [reciprocal(name) for name in names] == ["nm", "Angstrom", "nm", "nm", "nm", "nm", None]


# CXI ------------------------------------------------------------------------------------------------------


def test_every_length_and_energy_of_cxi_is_in_its_unit(tmp_path):
    changes = {
        f"{DETECTOR}/distance": 2250.0,
        f"{DETECTOR}/x_pixel_size": 75.0,
        f"{DETECTOR}/y_pixel_size": 0.055,
        f"{SOURCE}/energy": KEV * 1e3,
        TRANSLATION: np.column_stack([METRES[:, 1], METRES[:, 0], np.zeros(6)]) * 1e6,
    }
    units = {
        f"{DETECTOR}/distance": "mm",
        f"{DETECTOR}/x_pixel_size": np.array(["um"], object),
        f"{DETECTOR}/y_pixel_size": np.bytes_(b"millimeter"),
        f"{SOURCE}/energy": "eV",
        TRANSLATION: np.array([b"microns"]),
    }
    alike(read(cxi(tmp_path / "a.cxi", changes, units)))
    alike(read(cxi(tmp_path / "b.cxi")))  # and in SI where none is stated
    alike(read(cxi(tmp_path / "c.cxi", {f"{SOURCE}/wavelength": 1.5}, {f"{SOURCE}/wavelength": "Angstrom"})))


def test_a_basis_of_cxi_is_in_its_unit(tmp_path):
    basis = np.array([[0, -75.0], [-55.0, 0], [0, 0]])
    none = dict.fromkeys((f"{DETECTOR}/x_pixel_size", f"{DETECTOR}/y_pixel_size"))
    alike(
        read(cxi(tmp_path / "a.cxi", {f"{DETECTOR}/basis_vectors": basis} | none, {f"{DETECTOR}/basis_vectors": "um"}))
    )


@pytest.mark.parametrize(
    ("place", "unit", "text"),
    [
        (f"{DETECTOR}/distance", "furlong", 'in "furlong"; expected one of m, mm'),
        (TRANSLATION, "steps", 'in "steps"; expected one of m, mm'),
        (f"{SOURCE}/energy", "erg", 'in "erg"; expected one of m, .*keV'),
        (f"{SOURCE}/energy", "1/nm", 'in "1/nm", one over a length, .*2π'),
        (f"{SOURCE}/energy", "GeV", "and no X-ray has that; if it is that of electrons in a ring"),
    ],
)
def test_units_of_cxi_that_cannot_be(tmp_path, place, unit, text):
    changes = {f"{SOURCE}/energy": 3.0} if unit == "GeV" else {}
    file = cxi(tmp_path / "a.cxi", changes, {place: unit})
    with pytest.raises(pg.InputError, match=text):
        read(file)
    given = {"wavelength": "1.5e-10", "distance": "2.25"}
    if place != TRANSLATION:
        alike(read(file, given))


# What a person names --------------------------------------------------------------------------------------


@pytest.mark.variants
@pytest.mark.parametrize("energy", [4.8e-10, 8265.6, np.nan, -1.0, "none", np.zeros(3)])
def test_what_is_given_by_hand_is_all_that_is_looked_at(tmp_path, energy):
    """As the energy of a ring, or one in electronvolts, where CXI has that of the photons in joules."""
    file = cxi(tmp_path / "a.cxi", {f"{SOURCE}/energy": energy, "mono": KEV * 1e3}, {"mono": "eV"})
    for keys in ({"energy_kev": str(KEV)}, {"wavelength": "1.5e-10"}, {"energy_kev": "mono"}):
        alike(read(file, keys))
    with pytest.raises(pg.InputError, match="energy"):
        read(file)


def test_items_of_cxi_that_are_given_by_hand_are_not_looked_at(tmp_path):
    changes = {f"{DETECTOR}/distance": "far", f"{DETECTOR}/x_pixel_size": [1.0, 2.0], f"{DETECTOR}/mask": "no mask"}
    changes |= {f"{DETECTOR}/basis_vectors": np.ones((3, 2)), TRANSLATION: np.zeros((6, 7)), "stage": METRES}
    keys = {"distance": 2.25, "pixel_size": "55e-6,75e-6", "positions": "stage", "mask": "good"}
    alike(read(cxi(tmp_path / "a.cxi", changes | {"good": np.ones((5, 8))}), keys))


def test_an_energy_of_cxi_named_by_its_own_path_is_in_joules(tmp_path):
    alike(read(cxi(tmp_path / "a.cxi"), {"energy_kev": f"{SOURCE}/energy"}))
    with pytest.raises(pg.InputError, match=r"energy.*8265.6 J or .* keV, and no X-ray .*say the unit, as energy="):
        read(cxi(tmp_path / "b.cxi", {f"{SOURCE}/energy": 8265.6}))


def test_a_wavelength_is_given_once(tmp_path):
    with pytest.raises(pg.InputError, match="wavelength and energy_kev are both given"):
        read(cxi(tmp_path / "a.cxi"), {"energy_kev": "8.2", "wavelength": "1.5e-10"})


def test_an_energy_that_is_hardly_that_of_photons_is_told(tmp_path):
    data = read(cxi(tmp_path / "a.cxi", {f"{SOURCE}/energy": 500.0}, {f"{SOURCE}/energy": "keV"}))
    assert any("read as the photons' energy, 500 keV" in note for note in data.notes)


@pytest.mark.parametrize("place", ["wavelength", "distance", "pixel_size"])
def test_items_of_the_own_format_that_are_given_by_hand_are_not_looked_at(tmp_path, place):
    write(tmp_path / "a.h5", pg.make_dataset(FRAMES, METRES, geometry=GEOMETRY))
    with h5py.File(tmp_path / "a.h5", "a") as file:
        del file[f"geometry/{place}"]
        file[f"geometry/{place}"] = "nothing"
    given = {"wavelength": "1.5e-10", "distance": "2.25", "pixel_size": "55e-6,75e-6"}
    alike(read(tmp_path / "a.h5", {place: given[place]}))
    with pytest.raises(pg.InputError, match=place):
        read(tmp_path / "a.h5")


@pytest.mark.parametrize(
    "item", ["wavelength", "energy_kev", "distance", "pixel_size", "two_theta", "rocking", "positions"]
)
def test_complex_numbers_are_no_lengths_and_no_angles(tmp_path, item):
    arrays = {"patterns": FRAMES, "odd": np.ones((6, 2) if item == "positions" else 2) * 1j}
    given = {"positions": "odd"} if item == "positions" else {"positions": "where", item: "odd"}
    with pytest.raises(pg.InputError, match=r'"odd"'):
        read(stated(tmp_path / "a.h5", arrays | {"where": METRES}, {}), given)
    write(tmp_path / "b.h5", pg.make_dataset(FRAMES, METRES, geometry=GEOMETRY))
    place = "data/positions" if item == "positions" else f"geometry/{item}"
    with h5py.File(tmp_path / "b.h5", "a") as file:
        if place in file:
            del file[place]
        file[place] = arrays["odd"]
    if item != "energy_kev":  # which that format doesn't have
        with pytest.raises(pg.InputError, match=item):
            read(tmp_path / "b.h5")


# Other files ----------------------------------------------------------------------------------------------


def test_units_that_someone_wrote_into_the_own_format(tmp_path):
    write(tmp_path / "a.h5", pg.make_dataset(FRAMES, METRES, geometry=GEOMETRY))
    scales = {"wavelength": (1e10, "Å"), "distance": (1e3, "mm"), "pixel_size": (1e6, "um")}
    with h5py.File(tmp_path / "a.h5", "a") as file:
        for name, (scale, unit) in scales.items():
            file[f"geometry/{name}"][...] *= scale
            file[f"geometry/{name}"].attrs["units"] = unit
        file["data/positions"][...] *= 1e9
        file["data/positions"].attrs["units"] = "nm"
    alike(read(tmp_path / "a.h5"))


@pytest.mark.parametrize("name", ["units", "unit", "Units"])
@pytest.mark.parametrize(
    ("item", "scale", "unit"),
    [
        ("wavelength", 1e10, "Angstrom"),
        ("energy_kev", 1e3, "eV"),
        ("energy_kev", JOULES / KEV, "J"),
        ("distance", 100.0, "cm"),
        ("pixel_size", 1e6, np.array(["micrometer"], object)),
        ("positions", 1e6, "MICRONS"),
    ],
)
def test_units_of_any_hdf5(tmp_path, name, item, scale, unit):
    values = {"distance": 2.25, "pixel_size": np.array([55e-6, 75e-6]), "positions": METRES}
    values |= {"energy_kev": KEV} if item == "energy_kev" else {"wavelength": 1.5e-10}
    values[item] = values[item] * scale
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for key, value in ({"patterns": FRAMES} | values).items():
            file[key] = value
        file[item].attrs[name] = unit
    alike(read(tmp_path / "a.h5"))


def test_a_wavelength_stated_as_an_energy(tmp_path):
    arrays = {
        "patterns": FRAMES,
        "positions": METRES,
        "distance": 2.25,
        "pixel_size": [55e-6, 75e-6],
        "wavelength": KEV,
    }
    alike(read(stated(tmp_path / "a.h5", arrays, {"wavelength": "keV"})))
    with pytest.raises(pg.InputError, match=r'"wavelength" .* is in "1/Angstrom", one over a length'):
        read(stated(tmp_path / "b.h5", arrays, {"wavelength": "1/Angstrom"}))
