"""`ptychograd prepare`, and the fields of `data.prepare` in the other commands."""

import numpy as np
import pytest

import problems
import ptychograd as pg


@pytest.fixture
def raw(tmp_path):
    """A scan as a detector wrote it: counts of 7 over an offset of 50, and its dark exposures."""
    data = problems.measurement(dtype=np.uint32)
    counts = np.asarray(data.patterns) * 7 + 50
    pg.write(tmp_path / "raw.h5", pg.make_dataset(counts, data.positions, probe=data.probe))
    np.save(tmp_path / "dark.npy", np.stack([np.full((20, 18), 49), np.full((20, 18), 51)]))
    return data


SET = ("data.prepare.dark=dark.npy", "data.prepare.gain=7", "data.prepare.crop=16,14", "data.prepare.frames.every=2")


def fields(*texts):
    return [part for text in texts for part in ("--set", text)]


def test_what_is_written_is_what_the_plan_reads_with_a_note_of_each_step(run, raw, tmp_path):
    status, out, err = run("prepare", "raw.h5", "-o", "ready.h5", *fields(*SET))
    assert status == 0, err
    assert "ready.h5: 28 patterns of 16 x 14 pixels" in out
    ready = pg.read("ready.h5")
    assert np.array_equal(ready.patterns, np.asarray(raw.patterns)[::2, 2:18, 2:16])
    prepare = {"dark": "dark.npy", "gain": 7, "crop": [16, 14], "frames": {"every": 2}}
    assert pg.Plan(data={"paths": "raw.h5", "prepare": prepare}).read().fingerprint == ready.fingerprint
    status, out, _ = run("inspect", "ready.h5")
    told = " ".join(out.split())
    for step in ("28 of 56 patterns", "dark subtracted, 50", "divided by 7 a photon", "cropped to 16 x 14 of 20 x 18"):
        assert step in told
    low = run("prepare", "raw.h5", "-o", "streamed.h5", *fields(*SET, "machine.memory=1kB"))
    assert low[0] == 0, low[2]
    assert pg.read("streamed.h5").fingerprint == ready.fingerprint


def test_other_commands_take_the_same_fields(run, raw):
    status, out, err = run("inspect", "raw.h5", *fields(*SET))
    assert status == 0, err
    assert "28 of 16 x 14 pixels" in " ".join(out.split())
    status, out, err = run("diagnose", "raw.h5", "--no-trial", *fields(*SET))
    assert status == 0, err
    assert "whole numbers" in out


def test_what_is_wrong_is_said_with_file_and_line(run, raw, tmp_path):
    (tmp_path / "run.toml").write_text('[data]\npaths = ["raw.h5"]\n\n[data.prepare]\ngain = 7\ncrop = 99\n')
    status, _, err = run("validate", "run.toml")
    assert status == 2
    assert "run.toml, line 6: `data.prepare.crop` [99, 99] is larger than the frame of [20, 18]" in " ".join(
        err.split()
    )


WRONG = {
    "data.prepare.crop=0": "expected rows and columns above 0",
    "data.prepare.bin=2,2,2": "expected rows and columns above 0, as [128, 96], or one number for both",
    "data.prepare.centre=middle": "is no place: expected pixels [y, x], as [127.5, 128.3], or one of: auto, disc, symm",
    "data.prepare.gain=much": 'expected a number, or "auto"',
    "data.prepare.flip=z": "expected one of",
    "data.prepare.frames.only=[1.5]": "1.5 is no whole number",
    "data.prepare.dark=none.npy": "The dark can't be read from none.npy",
    "data.prepare.hotpixels=true": "did you mean `data.prepare.hot_pixels`?",
}


@pytest.mark.parametrize("text", WRONG)
def test_values_that_fields_cannot_have(run, raw, text):
    status, _, err = run("prepare", "raw.h5", "-o", "ready.h5", "--set", text)
    assert status == 2
    assert WRONG[text] in " ".join(err.split())


def test_no_data_are_written_over(run, raw, tmp_path):
    assert "is the file that is read" in " ".join(run("prepare", "raw.h5", "-o", "raw.h5")[2].split())
    np.savez(tmp_path / "other.npz", a=1)
    (tmp_path / "other.npz").rename(tmp_path / "other.h5")
    assert "it would be lost" in " ".join(run("prepare", "raw.h5", "-o", "other.h5")[2].split())
    assert "expected a name that ends in .h5 or .hdf5 or .cxi" in " ".join(
        run("prepare", "raw.h5", "-o", "ready.npz")[2].split()
    )
