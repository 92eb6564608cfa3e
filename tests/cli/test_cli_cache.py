"""Programs kept between runs: without a place for them, or with damaged ones, a run only begins later."""

import errno
import os
import warnings
from pathlib import Path

import jax
import pytest

from ptychograd.cli import engine as _engine
from ptychograd.runs import machine as _machine

KEPT = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The folder of a process that keeps programs, from its beginning; JAX forgets what it compiled before."""
    from jax.experimental.compilation_cache import compilation_cache

    before = {name: getattr(jax.config, name) for name in KEPT}
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def begun():
        jax.clear_caches()
        compilation_cache.reset_cache()
        monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
        _engine.keep_programs()
        return Path(jax.config.jax_compilation_cache_dir)

    with warnings.catch_warnings():
        yield begun
    jax.clear_caches()
    compilation_cache.reset_cache()
    for name, value in before.items():
        jax.config.update(name, value)


def entries(folder):
    return sorted(folder.glob("jit_triple-*-cache"))


def triple(size):
    """A program of its own for each size."""

    def triple(x):
        return 3 * x

    return jax.jit(triple)(jax.numpy.ones(size))


DAMAGES = {
    "cut in the midst of a write": lambda whole: whole[: len(whole) // 2],
    "empty": lambda whole: b"",
    "of another kind": lambda whole: b"no program at all",
    "a bit that flipped": lambda whole: whole[:200] + bytes([whole[200] ^ 16]) + whole[201:],
}


@pytest.mark.variants
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_program_is_compiled_and_kept_anew(cache, capsys, damage):
    """It is said once, in this run alone; the next one finds everything whole."""
    triple(7)
    folder = cache()
    for size in (3, 4):
        triple(size)
    first = entries(folder)
    whole = {path: path.read_bytes() for path in first}
    for path in first:
        path.write_bytes(DAMAGES[damage](whole[path]))
    cache()
    capsys.readouterr()
    for size in (3, 4):
        assert triple(size).tolist() == [3.0] * size
    said = capsys.readouterr().err
    assert said.count("could not be read and is compiled anew") == 1
    assert "Warning" not in said
    assert [path.stat().st_size for path in entries(folder)] == pytest.approx([len(whole[p]) for p in first], rel=0.1)
    cache()
    triple(3), triple(4)
    assert capsys.readouterr().err == ""


def test_a_cache_that_can_not_be_written_is_said_once(cache, capsys, monkeypatch):
    """A full disk leaves half a program, which is removed; what is there already is used."""
    folder = cache()
    triple(3)
    (retained,) = entries(folder)
    cache()

    def full(self, data):
        with self.open("wb") as file:
            file.write(data[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    for size in (3, 5, 6):
        assert triple(size).tolist() == [3.0] * size
    said = capsys.readouterr().err
    assert said.count("Compiled programs are not kept") == 1
    assert "No space left on device" in said
    assert entries(folder) == [retained]


def test_other_warnings_are_shown_as_ever(cache, recwarn):
    cache()
    warnings.warn("a beam of odd shape", UserWarning, stacklevel=1)
    assert str(recwarn.pop(UserWarning).message) == "a beam of odd shape"


# Without a place for them -------------------------------------------------------------------------------------


def nobody(*_):
    raise KeyError("getpwuid(): uid not found: 1234")


@pytest.fixture
def homeless(monkeypatch, tmp_path):
    """A user without HOME and without an entry in the password file."""
    for name in [name for name in os.environ if name == "HOME" or name.startswith("XDG_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("path", [None, "~/.cache/ptychograd"])
def test_a_user_without_a_home_computes_without_a_cache(homeless, monkeypatch, capsys, tmp_path, path):
    """With the directories of today, which raise, and those of yesterday, which gave a folder called "~"."""
    if path is not None:
        monkeypatch.setattr("platformdirs.user_cache_path", lambda _: Path(path))
    before = jax.config.jax_compilation_cache_dir
    _engine.keep_programs()
    assert jax.config.jax_compilation_cache_dir == before
    assert "Compiled programs are not kept" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", ["/dev/null", "a file"])
def test_a_cache_that_can_not_be_made_only_warns(monkeypatch, capsys, tmp_path, place):
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / place))
    _engine.keep_programs()
    assert "Compiled programs are not kept" in capsys.readouterr().err


# Devices ------------------------------------------------------------------------------------------------------


MISSING = {
    "no plugin": (AssertionError(), "nothing is installed for what was asked"),
    "no driver": (
        RuntimeError("Unable to initialize backend 'cuda': FAILED_PRECONDITION: No visible GPU\n devices."),
        "No visible GPU devices",
    ),
    "no such kind": (RuntimeError("Unable to initialize backend 'cdua': not in the list"), "not in the list"),
}


@pytest.mark.parametrize("case", MISSING)
def test_a_device_that_is_not_there_is_one_sentence(run, monkeypatch, case):
    """In commands that set the process up, and in those that don't."""
    problem, text = MISSING[case]

    def devices(*_):
        raise problem

    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    monkeypatch.setattr(jax, "devices", devices)
    monkeypatch.setattr("ptychograd.cli.engine.start", lambda *_: _machine.require_devices())
    monkeypatch.setattr("ptychograd.cli.engine.prepare", lambda *_: _machine.require_devices())
    commands = [("reconstruct", "s.h5"), ("inspect", "s.h5"), ("bench",), ("simulate", "far-field", "o.h5"), ("demo",)]
    for command in commands:
        status, _, err = run(*command)
        assert (status, len(err.splitlines())) == (2, 1), err
        assert text in err
        assert "unset JAX_PLATFORMS, which is 'cuda'" in err


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (RuntimeError("Unable to initialize backend 'tpu': it is gone"), "There is no device to compute on"),
        (RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 9 bytes."), "Take smaller batches"),
        (MemoryError("Unable to allocate 3 TiB"), "Unable to allocate 3 TiB"),
        (MemoryError(), "not enough memory"),
    ],
)
def test_what_the_computer_lacks_in_the_middle_is_one_sentence(run, monkeypatch, problem, text):
    def failing(*_):
        raise problem

    monkeypatch.setattr("ptychograd.load", failing)
    status, _, err = run("plot", "r.h5")
    assert (status, len(err.splitlines())) == (2, 1)
    assert text in err


def test_other_errors_are_not_hidden(run, monkeypatch):
    def failing(*_):
        raise RuntimeError("something that nobody thought of")

    monkeypatch.setattr("ptychograd.load", failing)
    with pytest.raises(RuntimeError, match="nobody thought of"):
        run("plot", "r.h5")
