"""`meshperf capture` as a person and as a script use it."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from meshperf.cli.capture import command
from meshperf.errors import StorageError


def test_json_holds_every_fact_with_its_value_or_reason() -> None:
    result = CliRunner().invoke(command, ["--json"], catch_exceptions=False)
    document = json.loads(result.stdout)
    assert document["kind"] == "capture"
    assert document["facts"]["host.kernel"]["value"] == os.uname().release
    for fact in document["facts"].values():
        assert (fact["value"] is None) == bool(fact.get("unavailable"))
        assert fact["source"]


def test_the_table_names_facts_and_reasons() -> None:
    result = CliRunner().invoke(command, [], catch_exceptions=False, env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert result.exit_code == 0
    assert os.uname().release in result.stdout
    assert "processors" in result.stdout and "network" in result.stdout
    assert "\x1b[" not in result.stdout


def test_neither_form_holds_the_host_name_or_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHPERF_CANARY", "canary-7f3a")
    for arguments in ([], ["--json"]):
        assert "canary-7f3a" not in CliRunner().invoke(command, arguments, catch_exceptions=False).stdout


def test_out_writes_the_same_document_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    out = tmp_path / "host.json"
    out.write_text("old")
    result = CliRunner().invoke(command, ["--out", str(out)], catch_exceptions=False)
    assert result.stdout == ""
    assert "wrote" in result.stderr
    assert json.loads(out.read_text())["facts"]["host.cores"]["value"] >= 1
    assert list(tmp_path.iterdir()) == [out]


def test_a_folder_that_is_not_there_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        CliRunner().invoke(command, ["--out", str(tmp_path / "no" / "host.json")], catch_exceptions=False)
    assert caught.value.code == "MP5401"


def test_writing_to_a_device_leaves_the_device_a_device(tmp_path: Path) -> None:
    link = tmp_path / "null"
    link.symlink_to("/dev/null")
    CliRunner().invoke(command, ["--out", str(link)], catch_exceptions=False)
    assert link.is_symlink()
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
