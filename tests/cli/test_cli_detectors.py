"""From a detector's files to a result, without a script: folders, tables, grids, two files of one scan."""

import h5py
import numpy as np
import pytest
import tifffile

import problems
import ptychograd as pg

LENGTHS = ("--set", "geometry.energy=8 keV", "--distance", "2 m", "--set", "geometry.pixel_size=55 um")
QUICK = ("--epochs", 1, "-o", "r.h5", "--hold-out", 0)


@pytest.fixture(scope="module")
def scan():
    """A small scan over a grid, in metres."""
    data = problems.measurement()
    geometry = pg.Geometry(1.5498e-10, 2.0, (55e-6, 55e-6))
    return data.patterns[:48], data.positions[:48] * geometry.sampling(data.frame_shape)


def table(positions, header="frame,x_um,y_um", begin=0):
    lines = [f"{n + begin},{x * 1e6:.9g},{y * 1e6:.9g}" for n, (y, x) in enumerate(positions)]
    return "\n".join([header, *lines]) + "\n"


def reconstructed(run, *arguments):
    status, _, err = run("reconstruct", *arguments, *LENGTHS, *QUICK)
    assert status == 0, err
    return pg.load("r.h5")


@pytest.mark.slow
def test_a_folder_of_tiffs_and_a_table(run, tmp_path, scan):
    patterns, positions = scan
    (tmp_path / "frames").mkdir()
    for number, pattern in enumerate(patterns, start=1):
        tifffile.imwrite(tmp_path / "frames" / f"s_{number}.tif", pattern)
    (tmp_path / "scan.csv").write_text(table(positions, begin=1))
    result = reconstructed(run, "frames", "--positions", "scan.csv", "--set", "data.join=frame")
    plan = pg.Plan.of_result(result)
    assert (plan.data.positions, plan.data.join) == ("scan.csv", "frame")
    np.testing.assert_allclose(plan.read().positions, positions, rtol=1e-6)
    other = plan.with_fields({"data.paths": "frames/s_*.tif", "data.join": None})
    assert other.read().fingerprint == plan.read().fingerprint


@pytest.mark.slow
def test_an_array_and_a_raster(run, tmp_path, scan):
    np.save(tmp_path / "scan.npy", scan[0])
    fields = ("shape=[6, 8]", "step=0.2 um", "serpentine=true")
    options = tuple(part for field in fields for part in ("--set", f"data.scan.{field}"))
    result = reconstructed(run, "scan.npy", *options)
    data = pg.Plan.of_result(result).read()
    expected = pg.data.RasterScan(2e-7, (6, 8), serpentine=True).positions()
    np.testing.assert_allclose(data.positions, expected)
    status, out, _ = run("inspect", "scan.npy", *options, *LENGTHS)
    assert status == 0
    assert "48" in out


@pytest.mark.slow
@pytest.mark.variants
@pytest.mark.parametrize("streamed", [False, True])
def test_a_grid_in_a_file(run, tmp_path, scan, streamed):
    with h5py.File(tmp_path / "grid.h5", "w") as file:
        file["entry/data"] = scan[0].reshape(6, 8, *scan[0].shape[1:])
    memory = ("--memory", "10 kB") if streamed else ()
    result = reconstructed(run, "grid.h5", "--set", 'data.scan.step=["0.3 um", "0.2 um"]', *memory)
    positions = pg.Plan.of_result(result).read().positions
    np.testing.assert_allclose(positions[[1, 8]], [[0, 2e-7], [3e-7, 0]], atol=1e-20)


@pytest.mark.slow
def test_two_files_of_one_scan(run, tmp_path, scan):
    patterns, positions = scan
    np.save(tmp_path / "a.npy", patterns[:20])
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["data"] = patterns[20:]
    (tmp_path / "scan.csv").write_text(table(positions))
    result = reconstructed(run, "a.npy", "b.h5", "--positions", "scan.csv")
    np.testing.assert_allclose(pg.Plan.of_result(result).read().positions, positions, rtol=1e-6)


def test_names_in_a_plan_are_those_from_its_folder(tmp_path, monkeypatch, scan):
    folder = tmp_path / "night"
    folder.mkdir()
    np.save(folder / "scan.npy", scan[0])
    (folder / "scan.csv").write_text(table(scan[1]))
    lengths = 'energy = "8 keV"\ndistance = 2\npixel_size = "55 um"\n'
    text = 'version = 1\n[data]\npaths = ["s*.npy"]\npositions = "{}"\n[geometry]\n' + lengths
    monkeypatch.chdir(tmp_path)
    for named in ("scan.csv", "x=scan.csv:x_um,y=scan.csv:y_um", "y=scan.csv:3:um,x=scan.csv:2:um"):
        (folder / "run.toml").write_text(text.format(named))
        plan = pg.Plan.load(folder / "run.toml")
        np.testing.assert_allclose(plan.read().positions, scan[1], rtol=1e-6)
        plan.save(tmp_path / "other.toml")
        np.testing.assert_allclose(pg.Plan.load(tmp_path / "other.toml").read().positions, scan[1], rtol=1e-6)


def test_what_is_missing_is_said_in_options(run, tmp_path, scan):
    np.save(tmp_path / "scan.npy", scan[0])
    (tmp_path / "scan.csv").write_text(table(scan[1][:40]))
    status, _, err = run("reconstruct", "scan.npy", *QUICK)
    assert status == 2
    assert "there are no positions" in " ".join(err.split())
    assert "--positions" in err
    status, _, err = run("reconstruct", "scan.npy", "--positions", "scan.csv", *LENGTHS, *QUICK)
    assert status == 2
    assert "there are 48 patterns and 40 positions in scan.csv" in " ".join(err.split())
    status, _, err = run("reconstruct", "scan.npy", "--set", "data.scan.serpentine=true", *LENGTHS, *QUICK)
    assert "needs `data.scan.step`" in " ".join(err.split())
