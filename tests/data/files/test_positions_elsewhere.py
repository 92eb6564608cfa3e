"""Positions beside the patterns: tables, other files, two arrays, joined by order or by number."""

import h5py
import numpy as np
import pytest
import tifffile

import ptychograd as pg

RANDOM = np.random.default_rng(3)
FRAMES = RANDOM.integers(1, 500, (6, 5, 8)).astype(np.uint16)
Y, X = RANDOM.uniform(-4, 9, (2, 6)).round(3)
PLACES = np.stack([Y, X], axis=1)
LENGTHS = {"energy_kev": 8.0, "distance": 2.0, "pixel_size": 55e-6}
STREAM = pg.data.StreamFromFile(limit=1, block=200)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder in which the patterns are, as frames.npy, and as TIFFs with numbers from 8 on."""
    monkeypatch.chdir(tmp_path)
    np.save("frames.npy", FRAMES)
    (tmp_path / "tiffs").mkdir()
    for number, frame in enumerate(FRAMES, start=8):
        tifffile.imwrite(f"tiffs/scan2_{number}.tif", frame)
    return tmp_path


def read(positions, path="frames.npy", **options):
    return pg.read(path, LENGTHS, positions=positions, **options)


def table(header, rows, mark=",", name="p.csv"):
    text = "\n".join([*header, *(mark.join(map(str, row)) for row in rows)])
    with open(name, "w") as file:
        file.write(text + "\n")
    return name


# Tables ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "mark"),
    [
        (["x_um,y_um"], ","),
        (["# x (um), y (um)"], ","),
        (["# taken at night", "X [µm];Y [µm]"], ";"),
        (["x/um y/um"], " "),
        (["#L samx_um samy_um"], "  "),
        (["pos_x (microns)\tpos_y (microns)"], "\t"),
    ],
)
def test_columns_are_known_by_their_names_and_units(here, header, mark):
    data = read(table(header, zip(X, Y, strict=True), mark))
    np.testing.assert_allclose(data.positions, PLACES * 1e-6)
    np.testing.assert_array_equal(data.patterns, FRAMES)
    assert any(note.startswith("positions: y and x are ") for note in data.notes)


def test_a_unit_that_the_table_does_not_say_follows_its_name(here):
    name = table(["n,x,y"], [(n, x, y) for n, (x, y) in enumerate(zip(X, Y, strict=True))])
    np.testing.assert_allclose(read(f"{name}:nm").positions, PLACES * 1e-9)
    np.testing.assert_allclose(read(f"x={name}:x:nm,y={name}:y:nm").positions, PLACES * 1e-9)
    np.testing.assert_allclose(read(f"y={name}:3:nm, x={name}:2:nm").positions, PLACES * 1e-9)


def test_decimal_commas_and_another_order_of_columns(here):
    rows = [(f"{y}".replace(".", ","), f"{x}".replace(".", ",")) for x, y in zip(X, Y, strict=True)]
    np.testing.assert_allclose(read(table(["y_mm;x_mm"], rows, ";")).positions, PLACES * 1e-3)


def test_pixels(here):
    data = pg.read("frames.npy", positions=table(["x_px,y_px"], zip(X, Y, strict=True)))
    assert data.geometry is None
    np.testing.assert_allclose(data.positions, PLACES)


# Other files ----------------------------------------------------------------------------------------------


def test_positions_in_files_of_arrays(here):
    with h5py.File("p.h5", "w") as file:
        file["motors/positions"] = PLACES
        file["motors/positions"].attrs["units"] = "um"
        file["other/x"], file["other/y"] = X, Y
    np.save("p.npy", PLACES)
    np.savez("p.npz", x=X, y=Y)
    for named in ("p.h5", "p.h5:/motors/positions", "x=p.h5:other/x:um,y=p.h5:other/y:um", "p.npy:um", "p.npz:um"):
        np.testing.assert_allclose(read(named).positions, PLACES * 1e-6, err_msg=named)


def test_two_arrays_of_the_patterns_file(here):
    with h5py.File("scan.h5", "w") as file:
        file["data"], file["entry/sx"], file["entry/sy"] = FRAMES, X, Y
        file["entry/sx"].attrs["units"] = "mm"
    expected = np.stack([Y * 1e-6, X * 1e-3], axis=1)
    data = pg.read("scan.h5", {**LENGTHS, "x": "/entry/sx", "y": "entry/sy:um"})
    np.testing.assert_allclose(data.positions, expected)
    np.testing.assert_allclose(read("x=/entry/sx,y=/entry/sy:um", "scan.h5").positions, expected)


# Grids ----------------------------------------------------------------------------------------------------


def test_a_grid_of_patterns(here):
    grid = FRAMES.reshape(2, 3, 5, 8)
    with h5py.File("grid.h5", "w") as file:
        file["entry/data"] = grid
        file["x"], file["y"] = [0.0, 1.0, 2.0], [0.0, 5.0]
    np.save("grid.npy", grid)
    scan = pg.data.RasterScan((5e-6, 1e-6))
    whole = pg.read("grid.h5", LENGTHS, scan=scan)
    np.testing.assert_array_equal(whole.patterns, FRAMES)
    np.testing.assert_allclose(whole.positions, [(5e-6 * y, 1e-6 * x) for y in range(2) for x in range(3)])
    assert pg.read("grid.npy", LENGTHS, scan=scan).fingerprint == whole.fingerprint
    stored = pg.read("grid.h5", LENGTHS, scan=scan, keep=STREAM)
    assert stored.is_stored
    np.testing.assert_array_equal(stored.frames(np.array([1, 2, 3, 5]))[0], FRAMES[[1, 2, 3, 5]])
    assert stored.fingerprint == whole.fingerprint
    np.testing.assert_allclose(read("x=/x:um,y=/y:um", "grid.h5").positions, whole.positions)


# Joined ---------------------------------------------------------------------------------------------------


def test_joined_by_the_number_of_a_frame(here):
    """In whatever order; what has no partner is left out, and counted."""
    rows = [(n + 8, x, y) for n, (x, y) in enumerate(zip(X, Y, strict=True)) if n != 2]
    name = table(["frame,x_um,y_um"], [*rows[::-1], (77, 0, 0)])
    for options in ({}, {"keep": STREAM}):
        data = read(name, "tiffs", join="frame", **options)
        left = [0, 1, 3, 4, 5]
        np.testing.assert_allclose(data.positions, PLACES[left] * 1e-6)
        np.testing.assert_array_equal(data.frames(slice(None))[0], FRAMES[left])
        assert any("1 patterns and 1 positions have no partner" in note for note in data.notes)


def test_joined_by_the_name_of_a_file(here):
    rows = [(f"/raw/scan2_{n + 8}.tif", x, y) for n, (x, y) in enumerate(zip(X, Y, strict=True))]
    data = read(table(["file,x_um,y_um"], rows[::-1]), "tiffs/*.tif", join="file")
    np.testing.assert_allclose(data.positions, PLACES * 1e-6)


def test_joined_by_places_in_one_file_counted_from_1_or_0(here):
    for begin in (0, 1):
        rows = [(n + begin, x, y) for n, (x, y) in enumerate(zip(X, Y, strict=True))]
        data = read(table(["n,x_um,y_um"], rows[::-1]), join="n")
        np.testing.assert_allclose(data.positions, PLACES * 1e-6)
        assert any("counted from 1" in note for note in data.notes) == bool(begin)


def test_joined_by_an_array_that_both_files_have(here):
    with h5py.File("scan.h5", "w") as file:
        file["data"], file["trigger"] = FRAMES, [5, 4, 3, 2, 1, 0]
    rows = [(n, x, y) for n, (x, y) in enumerate(zip(X, Y, strict=True))]
    data = read(table(["trigger,x_um,y_um"], rows), "scan.h5", join="trigger")
    np.testing.assert_allclose(data.positions, PLACES[::-1] * 1e-6)


def test_several_files_are_one_scan(here):
    np.save("a.npy", FRAMES[:2])
    with h5py.File("b.h5", "w") as file:
        file["data"] = FRAMES[2:]
    name = table(["x_um,y_um"], zip(X, Y, strict=True))
    whole, parts = read(name), read(name, ["a.npy", "b.h5"])
    assert parts.fingerprint == whole.fingerprint
    assert read(name, "tiffs/*.tif").fingerprint == whole.fingerprint
    assert read(name, ["tiffs/scan2_*.tif"], keep=STREAM).fingerprint == whole.fingerprint


# What is refused ------------------------------------------------------------------------------------------


def wrong(text, positions, path="frames.npy", **options):
    with pytest.raises(pg.InputError) as found:
        read(positions, path, **options)
    told = str(found.value)
    assert text in told
    assert "\n" not in told


ROWS = list(zip(X, Y, strict=True))


def test_counts_that_differ_are_told_with_both_numbers(here):
    wrong("there are 6 patterns and 5 positions in p.csv", table(["x_um,y_um"], ROWS[:5]))
    wrong("has 2 x 4 = 8 points, and there are 6 patterns", None, scan=pg.data.RasterScan(1e-7, (2, 4)))


def test_tables_that_leave_a_question(here):
    wrong("has no names above its 2 columns", table([], ROWS))
    wrong("has no columns of x and y: it has a, b", table(["a,b"], ROWS))
    wrong("several columns of x and y", table(["x_set,y_set,x_read,y_read"], [(*row, *row) for row in ROWS]))
    wrong('is in "furlong"', table(["x (furlong),y (furlong)"], ROWS))
    wrong("expected lengths, or pixels, for both", table(["x_um,y_px"], ROWS))
    wrong("line 4: 1 fields, and 2 in line 2", table(["x_um,y_um"], [*ROWS[:2], (1,), *ROWS[3:]]))
    wrong("holds texts; expected numbers", table(["x_um,y_um"], [*ROWS[:5], ("lost", 3)]))
    wrong("1 positions are not finite", table(["x_um,y_um"], [*ROWS[:5], ("nan", 3)]))
    wrong("has no line with a number", table(["x_um,y_um"], []))


def test_names_of_nothing(here):
    wrong('there is no file "q.csv"', "q.csv")
    wrong('"there" is no unit', table(["x,y"], ROWS) + ":there")
    wrong('has no columns "z"', "x=p.csv:z,y=p.csv:y")
    wrong("`data.join` needs `data.positions`", None, join="n")
    wrong('has no columns "n"; it has x, y', "p.csv", join="n")
    wrong("are both given", "p.csv", scan=pg.data.RasterScan(1e-7))
    wrong("several positions have the number 1", table(["n,x,y"], [(1, *row) for row in ROWS]), join="n")
    wrong(
        "none of the 6 positions", table(["n,x,y"], [(n + 90, *row) for n, row in enumerate(ROWS)]), "tiffs", join="n"
    )
    with pytest.raises(pg.InputError, match="the key x is given alone"):
        pg.read("frames.npy", {**LENGTHS, "x": "/x"})
    with pytest.raises(pg.InputError, match=r"q\*\.tif: no file has a name of this form"):
        pg.read("q*.tif")


def test_patterns_without_anything_else(here):
    said = r"there are no positions: .*`data.positions=FILE`.*`data.scan.step=LENGTH`"
    with pytest.raises(pg.InputError, match=said):
        pg.read("frames.npy")
    with pytest.raises(pg.InputError, match=r"`geometry.energy` or .*`geometry.distance`, `geometry.pixel_size`"):
        pg.read("frames.npy", positions=table(["x_um,y_um"], ROWS))
