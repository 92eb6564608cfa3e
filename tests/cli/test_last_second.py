"""What a run has found is not lost in its last second: tried before, kept elsewhere, and said whatever is shown."""

import errno
import io
import json
import os
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pytest

import problems
import ptychograd as pg
from ptychograd.cli.console import errors, output, standard_output, tell_json
from ptychograd.core.errors import NotWrittenError
from ptychograd.core.streams import Stream
from ptychograd.data.files import replacing, require_same_type, require_writable
from ptychograd.data.files.writing import atomic as _atomic
from ptychograd.data.files.writing import placing
from ptychograd.paper.far_field import FarFieldExperiment

COMPUTING = ("compiling", "begun", "Simulating", "memory:")  # words of a command that has begun with its work


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A scan and a result of it, made once."""
    folder = tmp_path_factory.mktemp("made")
    data = problems.measurement()
    pg.write(folder / "scan.h5", data)
    run = pg.Run(problems.start_model(data), data, pg.Nesterov(), (pg.Stage(1),), batch_size=16)
    pg.perform(run).save(folder / "result.h5")
    return folder


@pytest.fixture
def second(tmp_path, monkeypatch):
    """The temporary folder, in which nothing is yet."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


WRITING = {  # every command that writes, with the name by which it does
    "reconstruct": ("reconstruct", "SCAN", "-o", "out/r.h5"),
    "reconstruct, by default": ("reconstruct", "SCAN"),
    "simulate": ("simulate", "far-field", "out/s.h5"),
    "simulate a crystal": ("simulate", "bragg", "out/s.h5"),
    "sweep": ("sweep", "SCAN", "--grid", "seed=1,2", "-o", "out"),
    "scan-distance": ("scan-distance", "SCAN", "--from", "1", "--to", "2", "-o", "out"),
    "frc": ("frc", "SCAN", "-o", "out/f.png"),
    "frc of two results": ("frc", "RESULT", "RESULT", "-o", "out/f.png"),
    "diagnose": ("diagnose", "SCAN", "-o", "out/d.png"),
    "plot": ("plot", "RESULT", "-o", "out/p.pdf"),
    "export": ("export", "RESULT", "out/e.tiff"),
    "bench": ("bench", "-o", "out/b.json"),
    "demo": ("demo", "out"),
    "reproduce": ("reproduce", "fig4", "-o", "out"),
}


def call(run, made, text):
    files = {"SCAN": made / "scan.h5", "RESULT": made / "result.h5"}
    return run(*(files.get(text_part, text_part) for text_part in text))


@pytest.mark.parametrize("command", WRITING)
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_every_command_tries_first_what_it_does_last(run, made, tmp_path, monkeypatch, command, step):
    """A folder in which files can be made, but not flushed or not renamed, is refused before any computing."""
    (tmp_path / "out").mkdir()

    def refused(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(_atomic.os, step, refused)
    monkeypatch.setattr(pg.Plan, "read", lambda plan, *_: pg.read(plan.data.paths[0], near_field=False))
    status, out, err = call(run, made, WRITING[command])
    assert status == 2
    assert "can't be written: Operation not permitted" in " ".join(err.split())
    assert not any(text in out + err for text in COMPUTING)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and "cache" not in path.parts]


def test_a_trial_leaves_nothing_and_touches_nothing(tmp_path):
    (tmp_path / "r.h5").write_text("before")
    for name in ("r.h5", "new.h5"):
        require_writable(tmp_path / name)
    assert os.listdir(tmp_path) == ["r.h5"]
    assert (tmp_path / "r.h5").read_text() == "before"


# Links, devices and protected files ---------------------------------------------------------------------------


def test_a_link_is_judged_by_where_it_leads(run, made, tmp_path):
    (tmp_path / "there").mkdir()
    for name, target in (("dangling.h5", "nowhere/r.h5"), ("fine.h5", "there/r.h5")):
        (tmp_path / name).symlink_to(tmp_path / target)
    status, _, err = run("reconstruct", made / "scan.h5", "-o", "dangling.h5")
    assert status == 2
    assert "there is no folder" in " ".join(err.split())
    assert not any(text in err for text in COMPUTING)
    with replacing(tmp_path / "fine.h5") as temporary:
        assert temporary.parent == tmp_path / "there"
        temporary.write_text("new")
    assert (tmp_path / "fine.h5").is_symlink()
    assert (tmp_path / "there" / "r.h5").read_text() == "new"


PLACES = {
    "a protected file": lambda path: (path.write_text("x"), path.chmod(0o444)),
    "a pipe": lambda path: os.mkfifo(path),
    "a folder": lambda path: path.mkdir(),
    "a link to a protected file": lambda path: (
        (path.parent / "target").write_text("x"),
        (path.parent / "target").chmod(0o444),
        path.symlink_to(path.parent / "target"),
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_what_is_not_ours_to_replace_is_refused(tmp_path, place):
    """Also to the administrator, to whom every file is open; in the trial, and when it comes to it."""
    path = tmp_path / "r.h5"
    PLACES[place](path)
    before = path.lstat()
    with pytest.raises(NotWrittenError, match=r"protected against writing|no file but|it is a folder"):
        require_writable(path)
    with pytest.raises(NotWrittenError), replacing(path) as temporary:
        temporary.write_text("new")
    assert path.lstat() == before


@pytest.mark.parametrize("command", ["reconstruct", "simulate", "frc", "plot", "export", "bench", "diagnose"])
def test_no_command_replaces_a_protected_file(run, made, tmp_path, command):
    (tmp_path / "out").mkdir()
    text = WRITING[command]
    path = tmp_path / next(text_part for text_part in text if str(text_part).startswith("out/"))
    shutil.copy(made / "result.h5", path)
    path.chmod(0o444)
    status, out, err = call(run, made, text)
    assert status == 2
    assert "is protected against writing" in " ".join(err.split())
    assert not any(text in out + err for text in COMPUTING)
    assert path.read_bytes() == (made / "result.h5").read_bytes()


def test_names_that_no_folder_takes(tmp_path):
    for name in ("n" * 300 + ".h5", "n" * 250 + ".h5"):
        with pytest.raises(NotWrittenError, match="File name too long"):
            require_writable(tmp_path / name)


# After the run ------------------------------------------------------------------------------------------------


def removed(folder):
    shutil.rmtree(folder / "out")


def protected(folder):
    shutil.rmtree(folder / "out")
    (folder / "out").write_text("something else is mounted here")


@pytest.fixture
def at_the_end(monkeypatch, tmp_path):
    """Do something to the folder when a run has done all its epochs, before anything of it is saved."""
    perform = pg.runs.PlannedRun.perform

    def set_up(happening):
        def performed(self, *arguments):
            result = perform(self, *arguments)
            happening(tmp_path)
            return result

        monkeypatch.setattr(pg.runs.PlannedRun, "perform", performed)

    return set_up


@pytest.mark.slow
@pytest.mark.parametrize("happening", [removed, protected])
@pytest.mark.parametrize("output", ["out/r.h5", None])
def test_a_result_whose_folder_is_no_more_is_kept_elsewhere(
    run, made, tmp_path, monkeypatch, second, at_the_end, happening, output
):
    """With a name of its own, or in a working folder that is gone; the last line is the JSON line still."""
    (tmp_path / "out").mkdir()
    if output is None:
        monkeypatch.chdir(tmp_path / "out")
    at_the_end(happening)
    options = ("--epochs", 1, "--hold-out", 0.1, "--json")
    status, out, err = run("reconstruct", made / "scan.h5", *options, *(("-o", output) if output else ()))
    assert status == 2
    (found,) = second.rglob("*.h5")
    assert err.count(f"It is kept as {found}.") == 1  # whose place it keeps when held-out patterns have been looked at
    assert f"{found}: R = " in out
    assert json.loads(out.splitlines()[-1])["epochs"] == 1
    result = pg.load(found)
    assert result.settings["held_out_r_factor"] > 0
    assert result.settings["folder"] == str(tmp_path / "out" if output is None else tmp_path)


def test_where_nothing_can_be_written_the_numbers_are_said(run, made, tmp_path, monkeypatch, at_the_end):
    (tmp_path / "out").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    at_the_end(removed)
    status, out, err = run("reconstruct", made / "scan.h5", "--epochs", 1, "-o", "out/r.h5", "--json")
    assert status == 2
    assert "can't be kept elsewhere either" in err
    assert "there is no folder" in err.splitlines()[-1]
    assert "not saved: R = " in out
    assert json.loads(out.splitlines()[-1])["epochs"] == 1


@pytest.mark.slow
def test_halves_and_their_picture_are_kept_elsewhere(run, made, tmp_path, second, at_the_end):
    (tmp_path / "out").mkdir()
    at_the_end(lambda folder: shutil.rmtree(folder / "out", ignore_errors=True))
    status, out, err = run("frc", made / "scan.h5", "--epochs", 1, "-o", "out/f.png", "--json")
    assert status == 2, err
    assert sorted(path.name for path in second.rglob("f*")) == ["f.png", "f_half_1.h5", "f_half_2.h5"]
    assert "resolution_half_bit" in json.loads(out.splitlines()[-1])


@pytest.mark.slow
def test_a_sweep_goes_on_without_its_folder(run, made, tmp_path, monkeypatch, second):
    """A run that can't be kept is still one of the sweep, and what it finds is kept elsewhere."""
    replace = os.replace

    def full():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def gone():
        shutil.rmtree("out")
        Path("out").write_text("")
        raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))

    for failing in (full, gone):

        def replaced(source, target, failing=failing):
            if target.parent.name == "runs" and ".part" not in target.suffixes:
                failing()
            replace(source, target)

        monkeypatch.setattr(os, "replace", replaced)
        status, out, err = run("sweep", made / "scan.h5", "--grid", "seed=1", "--epochs", 1, "-o", "out")
        assert "This run is not kept for later: " in err
        assert "best: seed=1" in out
        assert status == (0 if failing is full else 2)
    assert {path.name for path in second.glob("*/out/*")} == {
        "best.h5",
        "sweep.csv",
        "sweep.json",
        "sweep.txt",
        "sweep.png",
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plot", "export", "diagnose", "simulate"])
def test_other_commands_keep_what_they_made_elsewhere(run, made, tmp_path, monkeypatch, second, name):
    """The folder goes away between the trial and the writing."""
    (tmp_path / "out").mkdir()
    placed = placing.placed

    def later(write, path, folder):
        shutil.rmtree(folder / "out")
        return placed(write, path, folder)

    monkeypatch.setattr(placing, "placed", later)
    few = partial(FarFieldExperiment, box=90, object_size=64, frame=48)  # 64 patterns
    monkeypatch.setattr("ptychograd.paper.far_field.FarFieldExperiment", few)
    text = (*WRITING[name], "--no-trial") if name == "diagnose" else WRITING[name]
    status, out, err = call(run, made, text)
    assert status == 2, err
    (found,) = [path for path in second.rglob("*") if path.is_file()]
    assert f"It is kept as {found}." in err
    assert str(found) in out


# Files of another kind ----------------------------------------------------------------------------------------


KINDS = {
    "plot": ("out/p.pdf", b"\x89PNG\r\n\x1a\n"),
    "diagnose": ("out/d.png", b"data: 1\n"),
    "frc": ("out/f.png", b"II*\0 measured frames"),
    "export": ("out/e.tiff", b"II*\0 measured frames"),
    "sweep": ("out/best.h5", b"\x89HDF\r\n\x1a\n"),
    "sweep, its map": ("out/sweep.png", b"%PDF"),
    "sweep, its table": ("out/sweep.csv", b"1,2\n"),
    "reproduce": ("out/fig4.json", b"{}"),
    "bench": ("out/b.json", b'{"energy": 9}'),
    "demo": ("out/result.png", b"GIF89a"),
}


@pytest.mark.parametrize("case", KINDS)
def test_commands_replace_files_of_their_own_type_alone(run, made, tmp_path, case):
    path, content = tmp_path / KINDS[case][0], KINDS[case][1]
    path.parent.mkdir()
    path.write_bytes(content)
    status, out, err = call(run, made, WRITING[case.partition(",")[0]])
    assert status == 2
    assert " ".join(err.split()).count(f"out/{path.name} is there and ") == 1
    assert not any(text in out + err for text in COMPUTING)
    assert [found for found in path.parent.rglob("*") if found.is_file()] == [path]
    assert path.read_bytes() == content


@pytest.mark.slow
def test_their_own_files_are_replaced(run, made, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "e.tiff").touch()  # of nothing nothing is lost
    for name in ("plot", "export"):
        for _ in range(2):
            status, _, err = call(run, made, WRITING[name])
            assert status == 0, err


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.svg", b'<?xml version="1.0"?>\n<!DOCTYPE svg>\n<svg width="3">'),
        ("a.JPG", b"\xff\xd8\xff\xe0"),
        ("a.eps", b"%!PS-Adobe-3.0 EPSF-3.0"),
        ("a.tif", b"MM\0*\0\0"),
        ("a.xdmf", b'<?xml version="1.0"?>\n<Xdmf Version="3.0">'),
    ],
)
def test_types_are_known_by_their_beginning(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    require_same_type(tmp_path / name)
    for other in (b"<html>", b"\0" * 20, content[1:]):
        (tmp_path / name).write_bytes(other)
        if content[1:] in other and name.endswith(("svg", "xdmf")):
            continue
        with pytest.raises(pg.InputError, match="it would be lost"):
            require_same_type(tmp_path / name)


def test_arrays_beside_a_volume_are_replaced_only_if_they_were_exported(tmp_path):
    from ptychograd.output.exporting import require_exportable

    with h5py.File(tmp_path / "c.xdmf.h5", "w") as file:
        file["measured"] = np.ones(3)
    with pytest.raises(pg.InputError, match=r"c\.xdmf\.h5 is there"):
        require_exportable(tmp_path / "c.xdmf")


# What can't be shown ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii", "utf-8"])
def test_words_are_said_in_whatever_a_terminal_can_show(monkeypatch, encoding):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    output.print("scan\udcff.h5: χ² = 1.2 µm", soft_wrap=True)
    said = raw.getvalue().decode(encoding)
    assert ("χ²" in said) == (encoding == "utf-8")
    assert ("µm" in said) == (encoding != "ascii")
    assert "\\udcff.h5" in said


def test_the_json_line_is_plain_and_whole(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    figures = {
        "χ": float("nan"),
        "file": "[red]ä:smile:\udcff\t\n" + "x" * 300,
        "list": (1.5, float("inf"), None, True),
    }
    tell_json(figures)
    (line,) = raw.getvalue().decode("ascii").splitlines()
    assert json.loads(line) == figures | {"χ": None, "list": [1.5, None, None, True]}


class Broken(io.TextIOWrapper):
    """A stream that can't be written to."""

    def __init__(self, problem):
        super().__init__(io.BytesIO(), encoding="utf-8")
        self.problem = problem

    def write(self, _):
        raise self.problem


PROBLEMS = {
    "nobody reads": (BrokenPipeError(errno.EPIPE, "Broken pipe"), 0),
    "a full disk": (OSError(errno.ENOSPC, "No space left on device"), 2),
    "a terminal that is gone": (OSError(errno.EIO, "Input/output error"), 2),
    "closed": (ValueError("I/O operation on closed file"), 2),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", PROBLEMS)
def test_a_run_does_not_end_with_its_reader(run, made, monkeypatch, capsys, case):
    """Neither with that of standard error, in the middle, nor with that of standard output, at the end."""
    problem, status = PROBLEMS[case]
    monkeypatch.setattr(standard_output, "problem", None)
    for stream, expected in (("stderr", 0), ("stdout", status)):
        with monkeypatch.context() as patch:
            patch.setattr(sys, stream, Broken(problem))
            found, _, err = run("reconstruct", made / "scan.h5", "--epochs", 1, "-o", f"{stream}.h5", "--json")
        assert found == expected, err
        assert pg.load(f"{stream}.h5").history.epochs == 1
    assert ("Not all could be written to standard output" in err) == (status == 2)


def test_streams_that_are_not_there(monkeypatch):
    """As in a process without standard output."""
    monkeypatch.setattr(sys, "stdout", None)
    stream = Stream("stdout")
    assert stream.write("words") == 5
    stream.flush()
    assert not stream.isatty()
    assert stream.problem is None
    with pytest.raises(OSError, match="no stdout"):
        stream.fileno()


def test_consoles_change_no_word(capsys):
    for console in (output, errors):
        console.print(":smile: [bold]x[/bold] 3.5", soft_wrap=True)
    said = capsys.readouterr()
    assert said.out == said.err == ":smile: [bold]x[/bold] 3.5\n"


def test_a_working_folder_that_is_gone_is_one_sentence(run, made, tmp_path, monkeypatch):
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    for text in (("reconstruct", made / "scan.h5"), ("plot", made / "result.h5", "-o", "p.png")):
        status, _, err = run(*text)
        assert (status, len(err.splitlines())) == (2, 1)
        assert "working folder is gone" in err
    os.chdir(tmp_path)
    assert Path.cwd() == tmp_path
