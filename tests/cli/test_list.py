"""`meshperf list`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import kept_sample as sample
from meshperf.cli import main
from meshperf.store import Store


@pytest.fixture
def store_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MESHPERF_STORE", str(tmp_path / "store.sqlite"))
    return tmp_path / "store.sqlite"


def keep(folder: Path, *identities: str) -> None:
    of = sample.experiment(folder)
    with Store.open() as store:
        for identity in identities:
            store.save(folder / f"bundle-{identity}", of, sample.round_of(0, experiment_id=identity), [])


def test_an_empty_store_says_so_on_stderr_only(store_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    said = capsys.readouterr()
    assert said.out == "" and "nothing is stored yet" in said.err


def test_an_empty_store_is_an_empty_array(store_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_the_table_has_one_whole_line_an_experiment(
    store_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(tmp_path, "aaaa", "bbbb")
    assert main(["list"]) == 0
    said = capsys.readouterr()
    heading, first, second = said.out.splitlines()
    assert heading.split()[0] == "ID" and said.err == ""
    assert first.startswith("bbbb") and second.startswith("aaaa")
    assert "baseline, envoy" in first and first.endswith(str(tmp_path / "bundle-bbbb"))


def test_limit_keeps_the_last_saved(store_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(tmp_path, "aaaa", "bbbb", "cccc")
    assert main(["list", "--limit", "2", "--json"]) == 0
    documents = json.loads(capsys.readouterr().out)
    assert [document["experiment_id"] for document in documents] == ["cccc", "bbbb"]
    assert documents[0]["arms"] == ["baseline", "envoy"] and documents[0]["rounds"] == 1
    assert documents[0]["start_time"].endswith("+00:00") and documents[0]["command"] is None


def test_a_limit_of_nothing_is_a_usage_error(store_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--limit", "0"]) == 2
    assert "MP1001" in capsys.readouterr().err


def test_a_store_that_cannot_be_opened_exits_5(store_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store_path.write_bytes(b"not a database, not even nearly" * 100)
    assert main(["list"]) == 5
    said = capsys.readouterr()
    assert said.out == "" and "error[MP5404]" in said.err


def test_a_name_cannot_write_to_the_terminal(
    store_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from dataclasses import replace

    of = replace(sample.experiment(tmp_path), name="red\x1b[31m")
    with Store.open() as store:
        store.save(tmp_path, of, sample.round_of(0), [])
    assert main(["list"]) == 0
    assert "\x1b" not in capsys.readouterr().out
