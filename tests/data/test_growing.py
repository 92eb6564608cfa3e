"""A scan that is still being written: HDF5's single writer, and a reconstruction that reads along."""

import contextlib

import h5py
import jax
import numpy as np
import pytest

import problems
import ptychograd as pg
from detector_writer import Writer
from ptychograd.data.dataset import StreamFromFile
from ptychograd.data.files import read

LOWERED = "/jax/core/compile/jaxpr_to_mlir_module_duration"  # what JAX tells of each program that it compiles


@contextlib.contextmanager
def compilations():
    """The names of the functions that JAX compiles meanwhile."""
    names = []

    def listen(event, _, **facts):
        if event == LOWERED:
            names.append(facts["fun_name"])

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield names
    jax.monitoring.unregister_event_duration_listener(listen)


@pytest.fixture(scope="module")
def data():
    return problems.measurement()


def growing(block):
    return StreamFromFile(0, block, grows=True)


@pytest.mark.slow
def test_new_patterns_join_at_the_next_epoch(tmp_path, data):
    """Half of the scan at first, a few more after each epoch; in the end the result of all. One program for all."""
    writer = Writer(tmp_path, data, 30)
    live = read(tmp_path / "scan.h5", keep=growing(16 * data.patterns[0].nbytes))
    assert live.count == data.count
    assert live.photons[30:].sum() == 0
    seen = []

    def on_epoch(progress):
        seen.append(round(progress.patterns_per_second * progress.seconds))
        writer.write(9)

    model = problems.start_model(live, probe=lambda *_: data.probe[0])
    with compilations() as compiled:
        result = pg.reconstruct(model, live, pg.Nesterov(), epochs=30, batch_size=8, on_epoch=on_epoch)
    assert len([name for name in compiled if "one_epoch" in name]) == 1
    assert seen[:5] == [30, 39, 48, 56, 56]
    whole = pg.reconstruct(problems.start_model(data), data, pg.Nesterov(), epochs=30, batch_size=8)
    writer.close()
    assert result.history.r_factor[-1] < 1.1 * whole.history.r_factor[-1]


def test_patterns_that_have_not_come_pull_nothing(tmp_path, data):
    """With 20 patterns there, the object stays as it was where only later ones look."""
    writer = Writer(tmp_path, data, 20)
    live = read(tmp_path / "scan.h5", keep=growing(16 * data.patterns[0].nbytes))
    model = problems.start_model(live)
    result = pg.reconstruct(model, live, pg.PIE(0.1), epochs=2, batch_size=4)
    writer.close()
    corners = np.asarray(model.scan.corner)
    unseen = np.ones(result.object.shape, bool)
    for y, x in corners[:20]:
        unseen[y : y + data.frame_shape[0], x : x + data.frame_shape[1]] = False
    assert unseen.sum() > 100
    assert np.array_equal(result.object[unseen], np.asarray(model.object.transmission)[unseen])


def test_bad_pixels_of_later_patterns_are_masked(tmp_path, data):
    """One that the first patterns have, and one that comes later: each is masked where it is bad, and only there."""
    patterns = data.patterns.copy()
    patterns[3, 1, 1] = patterns[40, 2, 2] = np.iinfo(np.uint16).max
    writer = Writer(tmp_path, data, 0, patterns)
    writer.write(30)
    live = read(tmp_path / "scan.h5", keep=growing(16 * data.patterns[0].nbytes))
    writer.write(26)
    _, mask = live.frames(slice(None))
    writer.close()
    assert np.argwhere(~mask).tolist() == [[3, 1, 1], [40, 2, 2]]


PREPARATION = pg.data.Preparation(dark=3.0, crop=(18, 16), bin=(2, 2))


def test_patterns_are_prepared_as_they_come(tmp_path, data):
    """Those that have come are as those of the whole scan."""
    raw = np.asarray(data.patterns) + np.uint16(3)
    writer = Writer(tmp_path, data, 30, raw)
    live = read(tmp_path / "scan.h5", keep=growing(16 * data.patterns[0].nbytes))
    prepared = pg.data.prepare(live, PREPARATION)
    whole = pg.data.prepare(pg.make_dataset(raw, data.positions), PREPARATION)
    assert prepared.grows
    for count, numbers in ((30, np.array([3, 4, 28, 29])), (50, np.array([3, 30, 41]))):
        assert prepared.arrived == count
        frames, mask = prepared.frames(numbers)
        np.testing.assert_array_equal(frames, whole.patterns[numbers])
        assert mask.all()
        writer.write(20)
    assert prepared.arrived == 56
    writer.close()
    with pytest.raises(pg.InputError, match="still being written"):
        pg.data.prepare(live, pg.data.Preparation(frames=pg.data.ChosenFrames(every=2)))


def test_those_that_have_not_come_are_masked_after_a_preparation_too(tmp_path, data):
    """Though the file has room for them, and a dark was subtracted from what is there."""
    came = np.arange(56) < 30
    came[7] = False
    with h5py.File(tmp_path / "scan.h5", "w", libver="latest") as file:
        file["patterns"] = np.where(came[:, None, None], data.patterns + np.uint16(3), 0)
        file["positions_px"], file["came"] = data.positions, came.astype(np.uint8)
    live = read(tmp_path / "scan.h5", {"arrived": "came"}, keep=growing(16 * data.patterns[0].nbytes))
    _, mask = pg.data.prepare(live, PREPARATION).frames(np.array([3, 7, 29, 30]))
    assert mask.any(axis=(1, 2)).tolist() == [True, False, True, False]
