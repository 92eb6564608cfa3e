"""Patterns that stay in their file: the same patterns, the same result, and little memory."""

import h5py
import jax
import numpy as np
import pytest
from jax.sharding import Mesh

import problems
import ptychograd as pg
from ptychograd.core.parameters import join
from ptychograd.data.dataset import StoredPatterns, StreamFromFile
from ptychograd.data.files import read, write
from ptychograd.fitting.epoch import AXES, Asked, Resident, one_epoch
from ptychograd.fitting.epoch.streamed import Streamed
from ptychograd.fitting.reconstruction import Task, prepared

NOTHING = 0  # bytes that may be in memory


@pytest.fixture
def scan(tmp_path, data):
    path = tmp_path / "scan.h5"
    write(path, data)
    return path


def keeping(frames, data, **more):
    return StreamFromFile(NOTHING, frames * data.patterns[0].nbytes, **more)


def test_patterns_in_the_file_are_the_patterns_in_memory(scan, data):
    stored = read(scan, keep=keeping(9, data))
    assert isinstance(stored.patterns, StoredPatterns)
    whole = read(scan)
    for which in (slice(None), slice(3, 11), np.array([5, 6, 7, 2, 55, 54])):
        assert all(
            np.array_equal(one, other) for one, other in zip(stored.frames(which), whole.frames(which), strict=True)
        )
    assert np.array_equal(stored.photons, whole.photons)
    assert np.allclose(stored.mean_pattern, whole.mean_pattern, rtol=1e-12)
    assert stored.largest == whole.largest


@pytest.mark.variants
@pytest.mark.parametrize(
    "solver",
    [pg.Nesterov(), pytest.param(pg.PIE(), marks=pytest.mark.slow), pg.adam({"object": 0.01, "probe": 1.0})],
)
def test_the_same_order_gives_the_same_result(scan, data, solver):
    """Block by block out of the file, and all patterns in memory with the same batches one after another."""
    stored = read(scan, keep=keeping(20, data))
    stored.patterns.run = 5
    model, epochs, batch_size, seed = problems.start_model(data), 3, 6, 4
    streamed = pg.reconstruct(model, stored, solver, epochs=epochs, batch_size=batch_size, seed=seed)
    work, standing = prepared(Task(model, data, solver, epochs, batch_size, ("object", "probe"), pg.Amplitude(), seed))
    feed, member = Streamed(stored, stored.patterns, work.asked), standing.member
    patterns = Resident(data, work.asked).patterns
    losses = []
    for done in range(epochs):
        parts = list(feed.epoch(seed, done, epochs))
        assert len(parts) == 3
        used = [plan.number[plan.weight > 0] for _, plan in parts]
        assert sorted(np.concatenate(used)) == list(range(data.count))
        losses.append(0.0)
        for _, plan in parts:
            after = one_epoch(member, patterns, plan._replace(place=plan.number))
            member = member._replace(variables=after.variables, state=after.state)
            losses[-1] += float(after.value.loss)
    assert np.allclose(streamed.history.loss, losses, rtol=1e-6)
    planes = member.variables.object.transmission
    object = np.asarray(join(planes))
    assert np.abs(object - streamed.object).max() < 1e-5


def test_runs_are_shuffled_and_each_epoch_differs(scan, data):
    stored = read(scan, keep=keeping(20, data))
    stored.patterns.run = 5
    feed = Streamed(stored, stored.patterns, Asked(1, 6, None, np.dtype(np.float32)))
    first, again, second = (feed.blocks(1, done, 56) for done in (0, 0, 1))
    assert all(np.array_equal(a.numbers[0], b.numbers[0]) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0].numbers[0], second[0].numbers[0])
    sizes = [len(block.orders[0]) for block in first]
    assert max(sizes) - min(sizes) <= 1
    read_together = sum(int(np.sum(np.diff(block.numbers[0]) == 1)) for block in first)
    assert read_together >= 56 - 28 - 3 * len(first)  # 28 runs of 2, some of them cut where a block ends


def test_bad_pixels_are_masked_as_in_memory(tmp_path, data):
    """A NaN, a negative count and a gap, some of them in one pattern only."""
    for everywhere in (True, False):
        patterns = np.array(data.patterns, np.float32)
        patterns[:, 3, 4] = np.nan
        if not everywhere:
            patterns[7, 5, 6], patterns[9, 1, 1] = -2, np.inf
        path = tmp_path / f"bad-{everywhere}.h5"
        with h5py.File(path, "w") as file:
            file["patterns"], file["positions_px"] = patterns, data.positions
        whole, stored = read(path), read(path, keep=keeping(10, data))
        assert [note for note in stored.notes if "bad" in note] == [note for note in whole.notes if "bad" in note]
        for which in (slice(0, 5), np.array([9, 7, 8])):
            patterns, mask = stored.frames(which)
            expected, valid = whole.frames(which)
            assert np.array_equal(patterns, expected)
            assert np.array_equal(np.broadcast_to(mask, patterns.shape), np.broadcast_to(valid, patterns.shape))
        assert np.array_equal(stored.photons, whole.photons)


def test_held_out_patterns_stay_in_the_file_too(scan, data):
    stored = read(scan, keep=keeping(20, data))
    results = []
    for one in (stored, read(scan)):
        fitted, held = pg.hold_out(one, 0.2, seed=1)
        assert fitted.photons.sum() + held.photons.sum() == one.photons.sum()
        results.append(pg.r_factor(problems.start_model(one), held))
    assert results[0] == pytest.approx(results[1], rel=1e-5)


def test_what_is_held_out_knows_its_photons_without_another_look(scan, data, monkeypatch):
    """Also what is held out of that; another mask is looked at anew."""
    stored, whole = read(scan, keep=keeping(20, data)), read(scan)
    seen, plain = [], h5py.Dataset.read_direct

    def counted(dataset, out, part):
        seen.append(part.stop - part.start)
        plain(dataset, out, part)

    monkeypatch.setattr(h5py.Dataset, "read_direct", counted)
    fitted, held = pg.hold_out(stored, 0.3, seed=1)
    parts = (fitted, held, *pg.hold_out(fitted, 0.2, seed=2))
    expected = pg.hold_out(whole, 0.3, seed=1)
    for part, other in zip(parts, (*expected, *pg.hold_out(expected[0], 0.2, seed=2)), strict=True):
        np.testing.assert_array_equal(part.photons, other.photons)
    pg.far_field(fitted)
    assert not seen
    valid = np.ones(data.frame_shape, bool)
    valid[::2] = False
    np.testing.assert_array_equal(
        pg.data.mask_pixels(fitted, valid).photons, pg.data.mask_pixels(expected[0], valid).photons
    )
    assert sum(seen) == data.count


def test_a_file_that_is_cut_short_while_it_is_read(scan, data, monkeypatch):
    stored, model = read(scan, keep=keeping(10, data)), problems.start_model(data)

    def cut_short(*_):
        raise OSError("file read failed: read_size = 0")

    monkeypatch.setattr(h5py.Dataset, "read_direct", cut_short)
    with pytest.raises(pg.InputError, match=r"scan\.h5: patterns \d+ to \d+ of .* can't be read"):
        pg.reconstruct(model, stored, pg.Nesterov(), epochs=1, batch_size=8)


def test_detectors_compression_and_links(tmp_path, data):
    """Bitshuffle-LZ4 in a file beside, as an Eiger writes them, read through a link of the master file."""
    import hdf5plugin

    with h5py.File(tmp_path / "scan_data_000001.h5", "w") as file:
        chunks = (1, *data.frame_shape)
        file.create_dataset("entry/data", data=data.patterns, chunks=chunks, **hdf5plugin.Bitshuffle(cname="lz4"))
    with h5py.File(tmp_path / "scan_master.h5", "w") as file:
        file["patterns"] = h5py.ExternalLink("scan_data_000001.h5", "/entry/data")
        file["positions_px"] = data.positions
    keys = {"patterns": "patterns"}
    stored = read(tmp_path / "scan_master.h5", keys, keep=keeping(20, data))
    assert isinstance(stored.patterns, StoredPatterns)
    assert np.array_equal(stored.frames(slice(None))[0], data.patterns)


def test_virtual_datasets_stay_in_their_files(tmp_path, data):
    """A master file that is put together from others, as newer Eiger detectors write it."""
    half = data.count // 2
    for name, part in (("a.h5", data.patterns[:half]), ("b.h5", data.patterns[half:])):
        with h5py.File(tmp_path / name, "w") as file:
            file["data"] = part
    layout = h5py.VirtualLayout(data.patterns.shape, data.patterns.dtype)
    layout[:half] = h5py.VirtualSource("a.h5", "data", (half, *data.frame_shape))
    layout[half:] = h5py.VirtualSource("b.h5", "data", (data.count - half, *data.frame_shape))
    with h5py.File(tmp_path / "master.h5", "w") as file:
        file.create_virtual_dataset("patterns", layout)
        file["positions_px"] = data.positions
    stored = read(tmp_path / "master.h5", keep=keeping(10, data))
    assert isinstance(stored.patterns, StoredPatterns)
    assert np.array_equal(stored.frames(np.arange(20, 40))[0], data.patterns[20:40])


@pytest.mark.parametrize("count", [13, 25, 56])
def test_shares_have_as_many_blocks_as_one_another(tmp_path, data, count):
    """Whatever the number of patterns and their division."""
    write(tmp_path / "part.h5", pg.data.subset(data, np.arange(count)))
    mesh = Mesh(np.array(jax.devices()[:2]).reshape(2, 1), AXES)
    for frames in (1, 2, 3, 5):
        stored = read(tmp_path / "part.h5", keep=keeping(frames, data))
        feed = Streamed(stored, stored.patterns, Asked(1, 2, mesh, np.dtype(np.float32)))
        blocks = feed.blocks(0, 0, count)
        used = [block.numbers[share][block.orders[share]] for block in blocks for share in (0, 1)]
        assert sorted(np.concatenate(used)) == list(range(count))


def test_held_out_patterns_are_not_seen_by_the_start(scan, data):
    stored, whole = (pg.hold_out(one, 0.2, seed=1)[0] for one in (read(scan, keep=keeping(20, data)), read(scan)))
    assert np.allclose(stored.mean_pattern, whole.mean_pattern, rtol=1e-12)
    assert stored.fingerprint == whole.fingerprint


def test_what_stays_in_a_file_is_written_to_another_block_by_block(scan, data, tmp_path):
    stored = read(scan, keep=keeping(10, data))
    write(tmp_path / "copy.h5", stored)
    assert read(tmp_path / "copy.h5").fingerprint == data.fingerprint
    with pytest.raises(pg.InputError, match="stay in their file and can't be written, as some of them are left out"):
        write(tmp_path / "part.h5", pg.hold_out(stored, 0.2)[0])
