"""Files that may be sound and can't be read are not called damaged: what keeps them from being read is said."""

import errno
import gzip
import os
import traceback
from pathlib import Path

import h5py
import numpy as np
import pytest

import problems
import ptychograd as pg
from ptychograd.data.files import opened

TEXTS = {
    errno.EACCES: "you may not read it",
    errno.EPERM: "you may not read it",
    errno.ESTALE: "the disk or the network that it is on does not answer",
    errno.ETIMEDOUT: "the disk or the network that it is on does not answer",
    errno.EIO: "the disk or the network that it is on does not answer",
    errno.EAGAIN: "another program has locked it",
    errno.EMFILE: "too many files are open",
}


@pytest.fixture
def scan(tmp_path):
    path = tmp_path / "scan.h5"
    pg.write(path, problems.measurement())
    return path


@pytest.mark.parametrize("read", [pg.read, pg.load])
@pytest.mark.parametrize("number", TEXTS)
def test_what_the_system_refuses_is_said(scan, monkeypatch, number, read):
    """Instead of changing permissions, which an administrator does not feel."""

    def refuse(self, *arguments, **options):
        raise OSError(number, os.strerror(number), str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(pg.InputError, match=TEXTS[number]) as found:
        read(scan)
    assert str(scan) in str(found.value)
    assert not any(text_part in str(found.value) for text_part in ("damaged", "cut short", "incomplete"))


def test_an_array_that_fails_to_be_read_for_want_of_its_disk(scan, monkeypatch):
    import h5py

    def refuse(self, *arguments, **options):
        raise OSError(errno.EIO, "Input/output error")

    with opened(scan) as catalogue:
        entry = next(entry for entry in catalogue.walk() if entry.name.endswith("patterns"))
        monkeypatch.setattr(h5py.Dataset, "__getitem__", refuse)
        monkeypatch.setattr(h5py.Dataset, "read_direct", refuse)
        with pytest.raises(pg.InputError, match="does not answer"):
            entry.array()


@pytest.mark.parametrize("read", [pg.read, pg.load])
def test_what_is_no_file_is_named(tmp_path, read):
    (tmp_path / "nothing.h5").symlink_to(tmp_path / "away.h5")
    (tmp_path / "circle.h5").symlink_to(tmp_path / "circle.h5")
    (tmp_path / "folder.h5").mkdir()
    os.mkfifo(tmp_path / "pipe.h5")
    np.savez(tmp_path / "file.npz", a=1)
    cases = {
        "none.h5": "there is no such file",
        "nothing.h5": f"a link to {tmp_path / 'away.h5'}, which is not there",
        "circle.h5": "a link that leads back to itself",
        "folder.h5": "this is a folder",
        "pipe.h5": "a device or a pipe",
        "file.npz/inside.h5": "it is not there",
    }
    for name, text in cases.items():
        with pytest.raises(pg.InputError, match=text) as found:
            read(tmp_path / name)
        assert "damaged" not in str(found.value)


def test_what_is_damaged_is_still_called_so(scan):
    scan.write_bytes(scan.read_bytes()[:3000])
    with pytest.raises(pg.InputError, match="damaged"):
        pg.read(scan)
    with pytest.raises(pg.InputError, match="no readable result"):
        pg.load(scan)


def test_a_traceback_has_the_sentence_once(tmp_path):
    (tmp_path / "scan.h5").write_text("no data")
    with pytest.raises(pg.InputError) as found:
        pg.read(tmp_path / "scan.h5")
    text = "".join(traceback.format_exception(found.value))
    assert text.count(str(found.value)) == 1
    assert "direct cause" not in text


def test_a_link_to_a_file_that_is_gone_is_told(tmp_path):
    with h5py.File(tmp_path / "master.h5", "w") as file:
        file["positions"] = np.zeros((20, 2))
        file["patterns"] = h5py.ExternalLink("scan_000001.h5", "/entry/data")
    with pytest.raises(pg.InputError, match=r"no patterns.*and links to scan_000001\.h5, which can't be found"):
        pg.read(tmp_path / "master.h5")


def test_a_packed_file_is_to_be_unpacked(tmp_path):
    (tmp_path / "scan.h5.gz").write_bytes(gzip.compress(b"x" * 2000))
    with pytest.raises(pg.InputError, match=r'packed with gzip, to be unpacked first, with the ending "\.gz"'):
        pg.read(tmp_path / "scan.h5.gz")
