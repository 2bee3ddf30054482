"""Files that are whole or not there."""

import errno
import os
from pathlib import Path

import pytest
import sample

from meshperf.errors import StorageError
from meshperf.report import write
from meshperf.report.files import place


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "charts" / "a.svg"
    place(path, b"one")
    assert place(path, b"two").read_bytes() == b"two"
    assert [p.name for p in path.parent.iterdir()] == ["a.svg"]


def test_a_full_disk_keeps_the_old_file_and_says_so(tmp_path, monkeypatch):
    path = place(tmp_path / "a", b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError) as caught:
        place(path, b"new")
    assert caught.value.code == "MP5402"
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(StorageError) as caught:
        place(tmp_path / "out" / "report.html", b"")
    assert caught.value.code == "MP5401"
    assert caught.value.hint


def test_write_puts_every_file_of_a_report_in_its_place(tmp_path):
    comparison, runs = sample.clean()
    paths = write(
        [comparison], runs, out=tmp_path / "out", experiment_text="", command="meshperf run x", facts={}, charts=False
    )
    assert [p.relative_to(tmp_path / "out") for p in paths] == [
        Path("report.html"),
        Path("report.md"),
        Path("data.json"),
        Path("data.csv"),
    ]
    assert all(p.stat().st_size for p in paths)


def test_a_report_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one comparison"):
        write([], [], out=tmp_path, experiment_text="", command="", facts={})
