"""Twenty wrong files: each is refused in one sentence that says what it is, and what to do."""

import h5py
import numpy as np
import pytest
import tifffile

FRAMES = np.random.default_rng(2).integers(1, 99, (6, 8, 9)).astype(np.uint16)
PLACES = np.random.default_rng(3).uniform(0, 5, (6, 2))


def tiff(path, **options):
    tifffile.imwrite(path, FRAMES, **options)


def hdf5(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name.replace("__", "/")] = array


def short(path, share):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])


def table(folder, text):
    np.save(folder / "scan.npy", FRAMES)
    (folder / "p.csv").write_text(text)


ROWS = "".join(f"{n},{x},{y}\n" for n, (y, x) in enumerate(PLACES))
WITH_TABLE = ("scan.npy", "--positions", "p.csv")
LENGTHS = ("--set", "geometry.energy=8 keV", "--distance", "2", "--set", "geometry.pixel_size=55 um")


def half_a_tiff(folder):
    tiff(folder / "scan.tif")
    short(folder / "scan.tif", 0.5)


def colours(folder):
    tifffile.imwrite(folder / "scan.tif", np.zeros((8, 9, 3), np.uint8), photometric="rgb")


def odd_raw(folder):
    (folder / "scan.raw").write_bytes(b"\0" * 100_000)


def two_kinds(folder):
    (folder / "scan").mkdir()
    tifffile.imwrite(folder / "scan/1.tif", FRAMES[0])
    np.save(folder / "scan/2.npy", FRAMES[0])


def objects(folder):
    np.save(folder / "scan.npy", np.array([None, {}], object), allow_pickle=True)


def two_stacks(folder):
    hdf5(folder / "scan.h5", a=FRAMES, b=FRAMES, positions=PLACES)


def unit_of_nothing(folder):
    hdf5(folder / "scan.h5", data=FRAMES, x=PLACES[:, 0], y=PLACES[:, 1])


def half_an_hdf5(folder):
    hdf5(folder / "scan.h5", data=np.repeat(FRAMES, 9, axis=0))
    short(folder / "scan.h5", 0.6)


WRONG = {
    "a text": (lambda f: (f / "scan.h5").write_text("It is a text.\n" * 50), ("scan.h5",), "text file"),
    "nothing": (lambda f: (f / "scan.h5").write_bytes(b""), ("scan.h5",), "an empty file"),
    "a picture": (lambda f: (f / "scan.png").write_bytes(b"\x89PNG\r\n" + b"\0" * 99), ("scan.png",), "a PNG image"),
    "half an HDF5": (half_an_hdf5, ("scan.h5",), "damaged or incomplete"),
    "half a TIFF": (half_a_tiff, ("scan.tif", *LENGTHS), "half-written or damaged"),
    "colours": (colours, ("scan.tif",), "it is a colour picture"),
    "odd bytes": (odd_raw, ("scan.raw",), "no multiple of the 66,560 of an EMPAD frame"),
    "objects": (objects, ("scan.npy",), "objects of Python, which can run code"),
    "a folder of two kinds": (two_kinds, ("scan",), "1 .tif and 1 .npy files; say which are the patterns"),
    "a folder of nothing": (lambda f: (f / "scan").mkdir(), ("scan",), "a folder without images"),
    "no such name": (lambda f: None, ("scan_*.tif",), "no file has a name of this form"),
    "two candidates": (two_stacks, ("scan.h5",), 'patterns could be any of "a" (6, 8, 9) uint16, "b"'),
    "no positions": (lambda f: tiff(f / "scan.tif"), ("scan.tif", *LENGTHS), "there are no positions"),
    "a unit of nothing": (
        unit_of_nothing,
        ("scan.h5", "--key", "x=/x:kg", "--key", "y=/y:kg"),
        '"kg" is no unit of "/y"; expected one of m, mm',
    ),
    "no lengths": (lambda f: table(f, "n,x_um,y_um\n" + ROWS), WITH_TABLE, "positions are in metres, but wavelength"),
    "counts that differ": (
        lambda f: table(f, "n,x_um,y_um\n" + ROWS + "6,1,1\n"),
        (*WITH_TABLE, *LENGTHS),
        "there are 6 patterns and 7 positions in p.csv",
    ),
    "no header": (lambda f: table(f, ROWS), (*WITH_TABLE, *LENGTHS), "has no names above its 3 columns"),
    "no x and y": (lambda f: table(f, "n,a,b\n" + ROWS), (*WITH_TABLE, *LENGTHS), "no columns of x and y: it has n, a"),
    "numbers of others": (
        lambda f: table(f, "n,x_um,y_um\n" + "7" + ROWS.replace("\n", "\n7")[:-1]),
        (*WITH_TABLE, *LENGTHS, "--set", "data.join=n"),
        "none of the 6 positions",
    ),
    "points that differ": (
        lambda f: np.save(f / "scan.npy", FRAMES),
        ("scan.npy", *LENGTHS, "--set", "data.scan.shape=[2, 4]", "--set", "data.scan.step=1 um"),
        "has 2 x 4 = 8 points, and there are 6 patterns",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_gets_one_sentence(run, tmp_path, name):
    make, arguments, text = WRONG[name]
    make(tmp_path)
    status, out, err = run("inspect", *arguments)
    told = " ".join(err.split())
    assert status == 2
    assert not out
    assert "Traceback" not in told
    assert text in told, told
    assert len(told) < 900
