"""Room in a file is no pattern yet, and a file that is cut short is no dark one."""

import shutil

import h5py
import numpy as np
import pytest

import problems
import ptychograd as pg
from ptychograd.cli.job import followed
from ptychograd.data.dataset import Counter, StoredPatterns, StreamFromFile
from ptychograd.data.files import read
from ptychograd.data.files.formats.arrival import Written
from ptychograd.fitting.epoch import Asked
from ptychograd.fitting.epoch.feed import frames
from ptychograd.runs.job import Job

EACH = 18 * 20 * 2  # bytes of a pattern
GROWS = StreamFromFile(0, 20 * EACH, grows=True)
STAYS = StreamFromFile(0, 20 * EACH)
DARK = 20


@pytest.fixture(scope="module")
def data():
    clean = problems.measurement()
    patterns = clean.patterns.copy()
    patterns[DARK] = 0
    return pg.make_dataset(patterns, clean.positions)


def room_at_once(file, shape, dtype, chunk):
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk(chunk)
    plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    space, kind = h5py.h5s.create_simple(shape), h5py.h5t.py_create(np.dtype(dtype))
    h5py.h5d.create(file.id, b"patterns", kind, space, plist)


LAYOUTS = {
    "a chunk each": lambda file, shape, frame: file.create_dataset("patterns", shape, "u2", chunks=(1, *frame)),
    "packed": lambda file, shape, frame: file.create_dataset(
        "patterns", shape, "u2", chunks=(1, *frame), compression="gzip", fillvalue=7
    ),
    "five a chunk": lambda file, shape, frame: file.create_dataset("patterns", shape, "u2", chunks=(5, *frame)),
    "room at once": lambda file, shape, frame: room_at_once(file, shape, "u2", (1, *frame)),
    "no chunks": lambda file, shape, frame: file.create_dataset("patterns", shape, "u2"),
    "NaN": lambda file, shape, frame: file.create_dataset(
        "patterns", shape, "f4", chunks=(5, *frame), fillvalue=np.nan
    ),
}


class Writer:
    """A file with room for all patterns, which is written while it is read."""

    def __init__(self, path, data, layout):
        self.path, self.data = path, data
        self.file = h5py.File(path, "w", libver="latest")
        self.file["positions_px"] = data.positions
        LAYOUTS[layout](self.file, data.patterns.shape, data.frame_shape)
        self.file.create_dataset("count", (), "i4")
        self.file.create_dataset("flags", (data.count,), "u1")
        self.file.create_dataset("ids", (0,), "i8", maxshape=(None,), chunks=(8,))
        self.file.swmr_mode = True

    def write(self, *which):
        for number in which:
            self.file["patterns"][number] = self.data.patterns[number]
            self.file["flags"][number] = 1
        self.file["count"][()] = max(which) + 1
        self.file["ids"].resize((max(which) + 1,))
        self.file["ids"][:] = np.arange(max(which) + 1)
        for name in ("patterns", "count", "flags", "ids"):
            self.file[name].flush()


@pytest.fixture
def writer(tmp_path, data, request):
    made = Writer(tmp_path / "scan.h5", data, getattr(request, "param", "a chunk each"))
    yield made
    made.file.close()


@pytest.mark.parametrize("writer", LAYOUTS, indirect=True)
def test_what_was_not_written_has_not_come(writer, data):
    """Though the file has room for all from the start; a dark pattern in the midst does not end it."""
    writer.write(0, 1, 2)
    live = read(writer.path, {"patterns": "patterns"}, keep=GROWS)
    assert live.total == data.photons[:3].sum()
    for last in (3, 4, 11, DARK, DARK + 2, 40, data.count):
        writer.write(*range(last))
        assert live.patterns.arrived() == last
    counts, mask = live.frames(slice(None))
    assert np.array_equal(counts, data.patterns)
    assert mask.all(axis=(1, 2))[np.arange(data.count) != DARK].all()
    assert live.total == data.photons[:3].sum()


@pytest.mark.parametrize("writer", LAYOUTS, indirect=True)
def test_holes_hold_no_photons_and_pull_nothing(writer, data):
    """A writer that leaves some for later: what it left is masked until it comes."""
    numbers = [number for number in range(30) if number not in (5, 6)]
    writer.write(*numbers)
    live = read(writer.path, {"patterns": "patterns"}, keep=GROWS)
    assert live.patterns.arrived() == 30
    _, mask = live.frames(slice(None))
    assert not mask[5:7].any()
    assert live.total == data.photons[numbers].sum()
    writer.write(5, 6, 29)
    assert live.frames(slice(None))[1][5:7].all()


def test_a_dark_pattern_that_was_written_is_one(writer, data):
    """Where the file makes room for each pattern only when it is written."""
    writer.write(*range(DARK + 1))
    live = read(writer.path, {"patterns": "patterns"}, keep=GROWS)
    assert live.patterns.arrived() == DARK + 1
    assert live.frames(slice(None))[1][DARK].all()


@pytest.mark.parametrize("writer", ["room at once", "no chunks"], indirect=True)
@pytest.mark.parametrize("counter", ["count", "flags", "ids"])
def test_a_counter_tells_what_has_come(writer, data, tmp_path, counter):
    """Also that the dark pattern has, which looks as if it was not written."""
    writer.write(*range(10))
    live = read(writer.path, {"patterns": "patterns", "arrived": counter}, keep=GROWS)
    for last in (10, DARK + 1, 30):
        writer.write(*range(last))
        assert live.patterns.arrived() == last
    assert live.frames(slice(None))[1].all()
    writer.file.close()
    shutil.copy(writer.path, tmp_path / "ended.h5")
    whole = read(tmp_path / "ended.h5", {"patterns": "patterns", "arrived": counter})
    assert whole.count == 30
    assert np.array_equal(whole.patterns, data.patterns[:30])
    assert "only the first 30 of 56 were written" in " ".join(whole.notes)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (np.array(3), [0, 1, 2]),
        (np.array([2]), [0, 1]),
        (np.array([0.0]), []),
        (np.array([1, 1, 0, 1], bool), [0, 1, 3]),
        (np.array([0, 1, 2, 0, 0]), [0, 1, 2]),
        (np.array([7, 8, 0, 10, -1]), [0, 1, 3]),
        (np.array([np.nan, 4.0]), [1]),
        (np.array([900]), [0]),
        (np.zeros(5), []),
        (np.zeros(0), []),
        (np.arange(1, 9), [0, 1, 2, 3, 4]),
    ],
)
def test_kinds_of_counters(told, expected):
    counter = Counter(lambda: told, 5)
    assert np.flatnonzero(counter.flags()).tolist() == expected
    assert counter.count() == (expected[-1] + 1 if expected else 0)


def test_counters_of_another_shape_are_refused():
    for told in (np.zeros((2, 3)), np.array(["a"])):
        with pytest.raises(pg.InputError, match="expected one number, or one for each"):
            Counter(lambda told=told: told, 5).count()


@pytest.mark.parametrize("written", [0, 1, 700, 4999, 5000])
def test_a_look_for_new_patterns_costs_little(tmp_path, monkeypatch, written):
    """However much room there is: so many patterns as have to be doubled to reach it, twice."""
    with h5py.File(tmp_path / "scan.h5", "w", libver="latest") as file:
        file["positions_px"] = np.random.default_rng(0).uniform(0, 9, (5000, 2))
        file.create_dataset("patterns", (5000, 3, 4), "u2")[:written] = 5
        file.swmr_mode = True
        with h5py.File(tmp_path / "scan.h5", "r", libver="latest", swmr=True) as live:
            arrival, examined = Written(live["patterns"]), []  # that has not yet looked
            plain = h5py.Dataset.read_direct
            monkeypatch.setattr(h5py.Dataset, "read_direct", lambda *some: examined.append(1) or plain(*some))
            assert arrival.count() == written
        assert 1 <= len(examined) <= 2 * 13 + 2


def test_counts_that_come_later_do_not_wrap(tmp_path, data):
    """Of 64 bits, small at first and larger than 32 bits later."""
    with h5py.File(tmp_path / "scan.h5", "w", libver="latest") as file:
        file["positions_px"] = data.positions
        patterns = file.create_dataset("patterns", data.patterns.shape, "i8", chunks=(1, *data.frame_shape))
        patterns[:10] = data.patterns[:10]
        file.swmr_mode = True
        live = read(tmp_path / "scan.h5", keep=GROWS)
        patterns[10:20] = data.patterns[10:20].astype(np.int64) * 10**9
        patterns.flush()
        counts = frames(live, np.arange(20), Asked(1, 4, None, np.dtype(np.float32))).counts
        assert counts.dtype.itemsize == 4
        np.testing.assert_allclose(counts[10:].astype(float), data.patterns[10:20] * 1e9, rtol=1e-6)


def followed_to_the_end(path, tmp_path, patience=0.5):
    plan = pg.Plan(
        data={"paths": str(path), "keys": {"patterns": "patterns"}, "follow": True, "patience": patience},
        fit={"batch_size": 8},
        output={"result": str(tmp_path / "r.h5")},
        machine={"devices": 1},
    )
    job = Job.of(plan, plan.machine, tmp_path)
    return followed(job)[0]


@pytest.mark.slow
def test_a_scan_that_is_followed_is_complete_only_when_all_is_written(writer, data, tmp_path, capsys):
    writer.write(*range(30))
    part = followed_to_the_end(writer.path, tmp_path)
    assert part.patterns.arrived() == 30
    assert "no new pattern for 0.5 s, 30 of 56 are there" in " ".join(capsys.readouterr().err.split())
    writer.write(*range(30, data.count))
    whole = followed_to_the_end(writer.path, tmp_path)
    assert "all 56 patterns came" in " ".join(capsys.readouterr().err.split())
    assert np.array_equal(whole.patterns, data.patterns)
    assert np.array_equal(whole.mask, data.mask)
    assert whole.fingerprint == data.fingerprint


@pytest.mark.slow
def test_positions_that_are_not_written_yet_are_waited_for(tmp_path, data):
    with h5py.File(tmp_path / "scan.h5", "w", libver="latest") as file:
        file.create_dataset("positions_px", data.positions.shape, "f8")[:30] = data.positions[:30] + 1
        file.create_dataset("patterns", data=data.patterns, chunks=(1, *data.frame_shape))
        file.swmr_mode = True
        with pytest.raises(pg.InputError, match="positions from number 30 on are all 0"):
            followed_to_the_end(tmp_path / "scan.h5", tmp_path, 0.1)


def test_a_virtual_dataset_is_not_followed(tmp_path, data):
    virtual(tmp_path, data)
    with pytest.raises(pg.InputError, match="put together from other files; only one file can be read as it is"):
        read(tmp_path / "scan.h5", keep=GROWS)


# Read when nobody writes any more -------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [None, STAYS])
@pytest.mark.parametrize("chunk", [1, 5])
def test_a_scan_that_ended_early_is_as_long_as_what_was_written(tmp_path, data, keep, chunk):
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["positions_px"] = data.positions
        room = file.create_dataset("patterns", data.patterns.shape, "u2", chunks=(chunk, *data.frame_shape))
        room[:30] = data.patterns[:30]
    found = read(tmp_path / "scan.h5", keep=keep)
    assert found.count == len(found.patterns) == len(found.photons) == 30
    assert np.array_equal(found.positions, data.positions[:30])
    assert np.array_equal(found.frames(slice(None))[0], data.patterns[:30])
    assert "patterns: only the first 30 of 56 were written; the rest is left out" in found.notes


@pytest.mark.parametrize("keep", [None, STAYS])
@pytest.mark.parametrize("layout", ["a chunk each", "packed"])
def test_holes_in_a_scan_that_ended_are_no_dark_patterns(tmp_path, data, keep, layout):
    came = np.r_[0:10, 19:30]  # with the dark one, which was written
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["positions_px"] = data.positions
        room = LAYOUTS[layout](file, data.patterns.shape, data.frame_shape)
        room[:10], room[19:30] = data.patterns[:10], data.patterns[19:30]
    found = read(tmp_path / "scan.h5", keep=keep)
    assert "patterns: 21 of 56 were written; the rest is left out" in found.notes
    assert found.total == data.photons[came].sum()
    if keep is None:
        assert np.array_equal(found.patterns, data.patterns[came])
        assert np.array_equal(found.positions, data.positions[came])
    else:
        _, mask = found.frames(slice(None))
        assert np.array_equal(np.flatnonzero(mask.any(axis=(1, 2))), came)


@pytest.mark.parametrize("keep", [None, STAYS])
@pytest.mark.parametrize(
    ("fill", "chunk", "count"), [(0, 5, 33), (7, 5, 33), (7, 5, 54), (7, None, 33), (65535, 4, 55), (7, 56, 3)]
)
def test_the_rest_of_a_chunk_is_as_empty_as_it_was(tmp_path, data, keep, fill, chunk, count):
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["positions_px"] = data.positions
        chunks = None if chunk is None else (chunk, *data.frame_shape)
        room = file.create_dataset("patterns", data.patterns.shape, "u2", chunks=chunks, fillvalue=fill)
        room[:count] = data.patterns[:count]
    found = read(tmp_path / "scan.h5", keep=keep)
    assert found.count == count
    assert found.total == data.photons[:count].sum()


def test_a_counter_with_holes_leaves_them_out(tmp_path, data):
    came = np.arange(data.count) % 3 < 2
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["positions_px"], file["patterns"], file["done"] = data.positions, data.patterns, came.astype("u1")
    found = read(tmp_path / "scan.h5", {"arrived": "done"})
    assert np.array_equal(found.patterns, data.patterns[came])
    assert np.array_equal(found.positions, data.positions[came])


def test_a_file_in_which_nothing_was_written_is_refused(tmp_path, data):
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["positions_px"] = data.positions
        file.create_dataset("patterns", data.patterns.shape, "u2", chunks=(1, *data.frame_shape))
    with pytest.raises(pg.InputError, match="none of the 56 patterns"):
        read(tmp_path / "scan.h5")


def in_one_file(folder, data):
    with h5py.File(folder / "scan.h5", "w") as file:
        file["positions_px"], file["patterns"] = data.positions, data.patterns
    return folder / "scan.h5"


def virtual(folder, data):
    with h5py.File(folder / "part.h5", "w") as file:
        file["data"] = data.patterns
    layout = h5py.VirtualLayout(data.patterns.shape, data.patterns.dtype)
    layout[:] = h5py.VirtualSource("part.h5", "data", data.patterns.shape)
    with h5py.File(folder / "scan.h5", "w") as file:
        file["positions_px"] = data.positions
        file.create_virtual_dataset("patterns", layout)
    return folder / "part.h5"


def external(folder, data):
    with h5py.File(folder / "scan.h5", "w") as file:
        file["positions_px"] = data.positions
        stored = [(folder / "scan.raw", 0, h5py.h5f.UNLIMITED)]
        file.create_dataset("patterns", data=data.patterns, external=stored)
    return folder / "scan.raw"


def cut_short(path):
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


@pytest.mark.parametrize("make", [in_one_file, virtual])
@pytest.mark.parametrize("spoil", [cut_short, lambda path: path.unlink()])
def test_a_source_that_is_cut_short_or_gone_while_it_is_streamed_ends_the_run(tmp_path, data, make, spoil):
    """HDF5 makes zeros of what is missing."""
    part = make(tmp_path, data)
    stored = read(tmp_path / "scan.h5", keep=STAYS)
    assert isinstance(stored.patterns, StoredPatterns)
    stored.frames(slice(0, 4))
    spoil(part)
    with pytest.raises(pg.InputError, match="cut short, or its disk taken away"):
        stored.frames(slice(None))


@pytest.mark.parametrize("make", [in_one_file, virtual, external])
def test_a_source_that_is_cut_short_while_it_is_read_whole(tmp_path, data, monkeypatch, make):
    part, plain = make(tmp_path, data), h5py.Dataset.read_direct

    def spoilt(item, *arguments):
        if item.shape == data.patterns.shape:
            cut_short(part)
        return plain(item, *arguments)

    monkeypatch.setattr(h5py.Dataset, "read_direct", spoilt)
    with pytest.raises(pg.InputError, match=r"cut short|damaged"):
        read(tmp_path / "scan.h5")


def test_external_storage_shorter_than_its_patterns_is_refused(tmp_path, data):
    part = external(tmp_path, data)
    assert np.array_equal(read(tmp_path / "scan.h5").patterns, data.patterns)
    cut_short(part)
    with pytest.raises(pg.InputError, match=r"holds 20,160 bytes; expected 40,320"):
        read(tmp_path / "scan.h5")
