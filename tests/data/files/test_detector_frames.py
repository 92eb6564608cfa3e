"""Files of detectors, written by their owners' libraries or by the byte: each is read as it was taken, or refused."""

import struct
from pathlib import Path

import mrcfile
import numpy as np
import pytest
import tifffile

import ptychograd as pg

RANDOM = np.random.default_rng(8)
FRAMES = RANDOM.integers(1, 500, (6, 5, 8)).astype(np.uint16)
LENGTHS = {"energy_kev": 8.0, "distance": 2.0, "pixel_size": 55e-6}
STREAM = pg.data.StreamFromFile(limit=1, block=200)
SCAN = pg.data.RasterScan(1e-7, (2, 3))


def check(path, frames=FRAMES, keys=LENGTHS, scan=SCAN):
    """The frames, in memory and one by one from the file."""
    data, stored = (pg.read(path, keys, scan=scan, keep=keep) for keep in (None, STREAM))
    np.testing.assert_array_equal(data.patterns, frames)
    assert data.patterns.dtype == frames.dtype.newbyteorder("=")
    assert stored.is_stored
    np.testing.assert_array_equal(stored.frames(np.array([4, 1, 2]))[0], frames[[4, 1, 2]])
    assert stored.fingerprint == data.fingerprint
    return data


def refused(path, text, keys=LENGTHS, **options):
    with pytest.raises(pg.InputError) as found:
        pg.read(path, keys, scan=SCAN, **options)
    told = str(found.value)
    assert text in told, told
    assert "\n" not in told
    return told


def shortened(path, share):
    """The file with as much of it as a writer that died had written."""
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    return path


# TIFF -----------------------------------------------------------------------------------------------------

WAYS = {
    "one block": lambda path: tifffile.imwrite(path, FRAMES),
    "big-endian": lambda path: tifffile.imwrite(path, FRAMES, byteorder=">"),
    "of ImageJ": lambda path: tifffile.imwrite(path, FRAMES, imagej=True),
    "OME": lambda path: tifffile.imwrite(path, FRAMES, ome=True, metadata={"axes": "TYX"}),
    "packed": lambda path: tifffile.imwrite(path, FRAMES, compression="zlib"),
    "BigTIFF": lambda path: tifffile.imwrite(path, FRAMES, bigtiff=True),
    "page by page": lambda path: by_pages(path, None),
    "appended": lambda path: by_pages(path, {}),
}


def by_pages(path, metadata):
    with tifffile.TiffWriter(path) as file:
        for frame in FRAMES:
            file.write(frame, contiguous=False, metadata=metadata)


@pytest.mark.parametrize("way", WAYS)
def test_stacks_of_tiff(tmp_path, way):
    path = tmp_path / ("scan.ome.tif" if way == "OME" else "scan.tif")
    WAYS[way](path)
    check(path)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("share", [0.05, 0.4, 0.8])
def test_a_half_written_tiff(tmp_path, way, share):
    """No frame is made up, and none is left out in silence."""
    WAYS[way](tmp_path / "scan.tif")
    refused(shortened(tmp_path / "scan.tif", share), "half-written or damaged")


def test_folders_are_read_in_the_order_of_numbers(tmp_path):
    for number, frame in enumerate(FRAMES, start=8):
        tifffile.imwrite(tmp_path / f"scan2_{number}.tif", frame)
    (tmp_path / "notes.txt").write_text("of the night")
    data = check(tmp_path)
    assert "patterns: 6 files, from scan2_8.tif to scan2_13.tif, in the order of their numbers" in data.notes
    shortened(tmp_path / "scan2_9.tif", 0.5)
    refused(tmp_path, "scan2_9.tif: it is half-written or damaged")
    tifffile.imwrite(tmp_path / "scan2_9.tif", FRAMES[0, :4])
    refused(tmp_path, "so they are no frames of one scan")
    np.save(tmp_path / "dark.npy", FRAMES[0])
    refused(tmp_path, "this folder has 6 .tif and 1 .npy files; say which are the patterns")


def test_folders_and_pictures_that_are_no_scan(tmp_path):
    refused(tmp_path, "this is a folder without images")
    tifffile.imwrite(tmp_path / "picture.tif", np.zeros((5, 8, 3), np.uint8), photometric="rgb")
    refused(tmp_path / "picture.tif", "it is a colour picture, of shape (5, 8, 3)")


# NPY, EMPAD, MRC ------------------------------------------------------------------------------------------


def test_arrays_of_numpy(tmp_path):
    np.save(tmp_path / "scan.npy", FRAMES)
    check(tmp_path / "scan.npy")
    np.save(tmp_path / "grid.npy", FRAMES.reshape(2, 3, 5, 8))
    check(tmp_path / "grid.npy", scan=pg.data.RasterScan(1e-7))
    refused(shortened(tmp_path / "grid.npy", 0.9), "half-written or damaged: its array (2, 3, 5, 8) uint16")
    np.save(tmp_path / "objects.npy", np.array([{}, FRAMES], object), allow_pickle=True)
    refused(tmp_path / "objects.npy", "objects of Python, which can run code and are never opened")
    np.save(tmp_path / "line.npy", np.arange(5))
    refused(tmp_path / "line.npy", "")


def empad(path, count=6, name="scan_x3_y2.raw"):
    """Frames as the detector writes them: the last two rows are no pixels."""
    frames = RANDOM.integers(0, 90, (count, 130, 128)).astype("<f4")
    frames.tofile(path / name)
    return frames[:, :128]


XML = """<root><raw_file filename="{name}"/><pix_x>{columns}</pix_x><pix_y>{rows}</pix_y></root>"""


def test_raw_files_of_the_empad(tmp_path):
    frames = empad(tmp_path)
    data = check(tmp_path / "scan_x3_y2.raw", frames, scan=pg.data.RasterScan(1e-7))
    assert "scan: 2 x 3 points, from the file's name" in data.notes
    (tmp_path / "scan_x3_y2.raw").rename(tmp_path / "a.raw")
    check(tmp_path / "a.raw", frames)
    (tmp_path / "a.xml").write_text(XML.format(name="a.raw", columns=2, rows=3))
    data = check(tmp_path / "a.raw", frames, scan=pg.data.RasterScan(1e-7))
    assert data.positions[2].tolist() == [1e-7, 0]
    refused(tmp_path / "a.raw", "the file has its patterns in a grid of 3 x 2")
    (tmp_path / "a.xml").write_text(XML.format(name="a.raw", columns=9, rows=3))
    refused(tmp_path / "a.raw", "it holds 6 frames, and 3 x 9 = 27 are said to be there")
    refused(shortened(tmp_path / "a.raw", 0.7), "no multiple of the 66,560 of an EMPAD frame")


@pytest.mark.parametrize("kind", [np.int16, np.uint16, np.float32])
def test_stacks_of_mrc(tmp_path, kind):
    with mrcfile.new(tmp_path / "scan.mrc") as file:
        file.set_data(FRAMES.astype(kind))
    check(tmp_path / "scan.mrc", FRAMES.astype(kind))
    refused(shortened(tmp_path / "scan.mrc", 0.9), "half-written or damaged")


# CBF and EDF ----------------------------------------------------------------------------------------------

PILATUS = {
    "_array_data.header_convention": "PILATUS_1.2",
    "_array_data.header_contents": "# Detector: PILATUS\r\n# Pixel_size 172e-6 m x 150e-6 m\r\n"
    "# Wavelength 1.5 A\r\n# Detector_distance 2.10000 m\r\n",
}


def test_cbf_with_the_geometry_of_its_header(tmp_path):
    cbf = pytest.importorskip("fabio.cbfimage")
    for number, frame in enumerate(FRAMES, start=1):
        cbf.CbfImage(frame.astype(np.int32), PILATUS).write(str(tmp_path / f"s_{number:05d}.cbf"))
    data = check(f"{tmp_path}/s_*.cbf", FRAMES.astype(np.int32), None)
    assert data.geometry == pg.Geometry(1.5e-10, 2.1, (150e-6, 172e-6))
    assert any("from the header of the frames" in note for note in data.notes)
    for share in (0.1, 0.5, 0.95):
        refused(shortened(tmp_path / "s_00003.cbf", share), "half-written or damaged")


def test_edf_of_one_frame_and_of_several(tmp_path):
    edf = pytest.importorskip("fabio.edfimage")
    header = {"PSize_1": "5e-05", "PSize_2": "6e-05", "SampleDistance": "3.0", "WaveLength": "1e-10"}
    for number, frame in enumerate(FRAMES):
        edf.EdfImage(frame, header).write(str(tmp_path / f"s_{number}.edf"))
    data = check(tmp_path, keys={})
    assert data.geometry == pg.Geometry(1e-10, 3.0, (6e-5, 5e-5))
    stack = edf.EdfImage(FRAMES[0], header)
    for frame in FRAMES[1:]:
        stack.append_frame(data=frame)
    stack.write(str(tmp_path / "stack.edf"))
    check(tmp_path / "stack.edf")
    refused(shortened(tmp_path / "stack.edf", 0.99), "half-written or damaged")


# Microscopes ----------------------------------------------------------------------------------------------


def mib(path, frames):
    """As a Merlin of Quantum Detectors writes them: a header of 384 bytes before each frame, rows from below."""
    with path.open("wb") as file:
        for number, frame in enumerate(frames, start=1):
            rows, columns = frame.shape
            head = f"MQ1,{number:06d},00384,01,{columns:04d},{rows:04d},U16,   1x1,01,"
            head += "2024-05-01 10:00:00.000000,0.001,0,0,0,MQ1A,2024-05-01T10:00:00.000000000Z,1000000ns,12,"
            file.write(head.ljust(384).encode() + frame[::-1].astype(">u2").tobytes())


def test_medipix(tmp_path):
    pytest.importorskip("rsciio")
    mib(tmp_path / "scan.mib", FRAMES)
    check(tmp_path / "scan.mib")
    refused(shortened(tmp_path / "scan.mib", 0.9), "half-written or damaged")


def dm4(path, frames, voltage=200e3):
    """Digital Micrograph 4 by its tags, as the notes of Robin Harmening and Chris Boothroyd describe them."""

    def number(value, code, form):
        return b"%%%%" + struct.pack(">QQ", 1, code) + struct.pack(form, value)

    def tag(name, data):
        body = data
        return b"\x15" + struct.pack(">H", len(name)) + name.encode() + struct.pack(">Q", len(body)) + body

    def group(name, *parts):
        body = struct.pack(">BBQ", 1, 0, len(parts)) + b"".join(parts)
        return b"\x14" + struct.pack(">H", len(name)) + name.encode() + struct.pack(">Q", len(body)) + body

    def text(value):
        codes = value.encode("utf-16-le")
        return b"%%%%" + struct.pack(">QQQQ", 3, 20, 4, len(value)) + codes

    def axis(scale, unit):
        parts = tag("Origin", number(0.0, 6, "<f")), tag("Scale", number(scale, 6, "<f")), tag("Units", text(unit))
        return group("", *parts)

    slow, fast, rows, columns = frames.shape
    sizes = [tag("", number(n, 5, "<I")) for n in (columns, rows, fast, slow)]
    axes = [axis(0.1, "1/nm"), axis(0.1, "1/nm"), axis(2.0, "nm"), axis(3.0, "nm")]
    counts = b"%%%%" + struct.pack(">QQQQ", 3, 20, 4, frames.size) + frames.astype("<u2").tobytes()
    image = group(
        "ImageData",
        group("Calibrations", group("Dimension", *axes)),
        tag("Data", counts),
        tag("DataType", number(10, 5, "<I")),
        group("Dimensions", *sizes),
        tag("PixelDepth", number(2, 5, "<I")),
    )
    scope = group("Microscope Info", tag("Voltage", number(voltage, 6, "<f")))
    item = group("", image, group("ImageTags", scope))
    body = struct.pack(">BBQ", 1, 0, 1) + group("ImageList", item)
    path.write_bytes(struct.pack(">IQI", 4, len(body), 1) + body + b"\0" * 8)


def test_digital_micrograph_with_its_steps_and_angles(tmp_path):
    pytest.importorskip("rsciio")
    dm4(tmp_path / "scan.dm4", FRAMES.reshape(2, 3, 5, 8))
    data = check(tmp_path / "scan.dm4", keys={}, scan=None)
    np.testing.assert_allclose(data.positions, [(3e-9 * y, 2e-9 * x) for y in range(2) for x in range(3)], rtol=1e-6)
    assert data.geometry.electron_kev == pytest.approx(200)
    expected = (1 / (5 * 0.1e9), 1 / (8 * 0.1e9))  # an object pixel is one over the width of the pattern
    np.testing.assert_allclose(data.geometry.sampling((5, 8)), expected, rtol=1e-6)
    refused(shortened(tmp_path / "scan.dm4", 0.5), "half-written or damaged")


def test_py4dstem_with_its_steps_and_angles():
    """Written by py4DSTEM (tests/data/make/with_py4dstem.py), which doesn't keep the wavelength."""
    path = Path(__file__).parents[1] / "foreign" / "py4dstem.h5"
    row, column, y, x = np.indices((3, 4, 6, 5))
    frames = (1000 * row + 100 * column + 10 * y + x).reshape(12, 6, 5).astype(np.uint16)
    data = check(path, frames, {"wavelength": 1.97e-12}, None)
    np.testing.assert_allclose(data.positions, [(2.5e-10 * y, 2.5e-10 * x) for y in range(3) for x in range(4)])
    np.testing.assert_allclose(data.geometry.sampling((6, 5)), (1e-10 / (6 * 0.02), 1e-10 / (5 * 0.02)))
    with pytest.raises(pg.InputError, match=r"positions are in metres, but wavelength.*`geometry.wavelength`"):
        pg.read(path)


@pytest.mark.parametrize(
    ("name", "start", "module", "extra"),
    [
        ("scan.mib", b"MQ1,000001,00384,01,0008,0005,U16,", "rsciio", "microscopes"),
        ("scan.dm4", b"\0\0\0\x04" + b"\0" * 400, "rsciio", "microscopes"),
        ("scan.cbf", b"###CBF: VERSION 1.5", "fabio", "detectors"),
        ("scan.edf", b"{\nHeaderID = EH:000001 ;\n}", "fabio", "detectors"),
    ],
)
def test_a_missing_package_is_named_with_the_line_that_installs_it(tmp_path, monkeypatch, name, start, module, extra):
    (tmp_path / name).write_bytes(start)
    for part in ("", ".quantumdetector", ".digitalmicrograph", ".cbfimage", ".edfimage"):
        monkeypatch.setitem(__import__("sys").modules, module + part, None)
    told = refused(tmp_path / name, f"need the package {module}, which is not installed")
    assert f"pip install 'ptychograd[{extra}]'" in told
