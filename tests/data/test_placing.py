"""What was computed is not lost where it can't be written: it is kept in the temporary folder, and that is said."""

import tempfile

import pytest

from ptychograd.core.errors import NotWrittenError
from ptychograd.data.files.writing.placing import placed


def write(path):
    """Refuses a folder that is not there."""
    try:
        path.write_text("numbers")
    except OSError as problem:
        raise NotWrittenError(f"{path} can't be written: {problem.strerror}.") from None


@pytest.fixture(autouse=True)
def second(tmp_path, monkeypatch):
    """The temporary folder."""
    folder = tmp_path / "second"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_file_is_where_it_was_to_go(tmp_path):
    where = placed(write, tmp_path / "a.txt", tmp_path)
    assert where.is_there
    assert where.found == tmp_path / "a.txt"


def test_without_its_folder_it_is_kept_elsewhere(tmp_path, second):
    where = placed(write, tmp_path / "gone" / "a.txt", tmp_path)
    assert not where.is_there
    assert str(where) == str(where.found)
    assert where.found.read_text() == "numbers"
    assert where.found.parent.parent == second
    assert where.problems[0].endswith(f"It is kept as {where.found}.")


def test_where_nothing_can_be_written_both_reasons_are_told(tmp_path, second):
    second.rmdir()
    where = placed(write, tmp_path / "gone" / "a.txt", tmp_path)
    assert (where.is_there, where.found, str(where)) == (False, None, "not saved")
    assert len(where.problems) == 2
