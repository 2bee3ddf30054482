"""`meshperf import`, and what `list` and `show` make of it."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from imported_samples import SAMPLES
from meshperf.cli import main
from meshperf.spec.smp_imported import imported_from_document
from meshperf.store import ImportedRow, Store


@pytest.fixture(autouse=True)
def store_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MESHPERF_STORE", str(tmp_path / "store.sqlite"))
    return tmp_path / "store.sqlite"


def imported(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, object]]:
    """The documents that `import --json` prints."""
    assert main(["import", "--json", *arguments]) == 0
    documents: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return documents


def test_results_are_smp_documents_that_read_back(capsys: pytest.CaptureFixture[str]) -> None:
    (document,) = imported(capsys, str(SAMPLES / "hey.txt"))
    assert document["actual_qps"] == pytest.approx(54) and "smp_version" in document
    record = imported_from_document(document)
    assert (record.source.tool, record.source.file, record.errors) == ("hey", "hey.txt", 12)


def test_the_table_has_bounds_errors_and_grade(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(SAMPLES / "ab.txt"), str(SAMPLES / "ab-percent.csv")]) == 0
    heading, text, percent, *notes = capsys.readouterr().out.splitlines()
    assert heading.split() == ["FILE", "TOOL", "RATE", "P50", "P99", "ERRORS", "GRADE", "NOTES"]
    assert "7 ms [6.5 ms, 7.5 ms]" in text and "30 of 1000" in text and "adequate" in text
    assert "not known" in percent and "bare" in percent and "errors-unknown" in percent
    assert any(line.startswith("note: ab.txt:") for line in notes)


def test_labels_and_the_mesh_go_into_every_document(capsys: pytest.CaptureFixture[str]) -> None:
    names = [str(SAMPLES / name) for name in ("ghz.json", "oha.csv")]
    for document in imported(capsys, *names, "--mesh", "linkerd", "--label", "cluster=lab", "--label", "note=a=b"):
        assert imported_from_document(document).mesh == "LINKERD"
        labels = document["labels"]
        assert isinstance(labels, dict)
        assert (labels["cluster"], labels["note"]) == ("lab", "a=b")
    assert {row.mesh for row in _rows()} == {"LINKERD"} and all(row.labels["cluster"] == "lab" for row in _rows())


def _rows() -> list[ImportedRow]:
    with Store.open() as store:
        return store.imported()


@pytest.mark.parametrize("wrong", [["--mesh", "mush"], ["--label", "x"], ["--label", "=x"], ["--from", "abacus"], []])
def test_what_makes_no_sense_is_a_usage_error(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(SAMPLES / "hey.txt")] if wrong else []
    assert main(["import", *files, *wrong]) == 2
    assert "error[MP1001]" in capsys.readouterr().err


def test_one_broken_file_does_not_keep_the_others_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken, absent = tmp_path / "broken.json", tmp_path / "absent.json"
    broken.write_text("{")
    files = [str(broken), str(SAMPLES / "oha.json"), str(absent), str(SAMPLES / "hey.csv")]
    assert main(["import", "--json", *files]) == 2
    said = capsys.readouterr()
    assert [one["source"]["tool"] for one in json.loads(said.out)] == ["oha", "hey"]
    assert "broken.json" in said.err and "absent.json" in said.err and "2 of 4 files" in said.err
    assert len(_rows()) == 2


def test_nothing_read_is_an_empty_array(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").write_text("")
    assert main(["import", "--json", str(tmp_path / "empty")]) == 2
    assert json.loads(capsys.readouterr().out) == []


def test_a_form_given_is_used_instead_of_the_one_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", "--no-store", "--from", "oha", str(SAMPLES / "vegeta.json")]) == 2
    assert "MP2402" in capsys.readouterr().err


def test_forms_are_listed_with_what_is_known_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", "--list"]) == 0
    text = capsys.readouterr().out
    assert "k6-points  k6 points as JSON lines" in text and "bounds of a quantile:" in text
    assert main(["import", "--list", "--json"]) == 0
    forms = json.loads(capsys.readouterr().out)
    assert {"fortio", "k6-csv", "jmeter", "prometheus"} <= {form["name"] for form in forms}
    assert all(form["latency_unit"] and form["errors"] and form["resolution"] for form in forms)


def test_standard_input_and_packed_files_are_read(tmp_path: Path) -> None:
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress((SAMPLES / "k6-points.ndjson").read_bytes()))
    line = [sys.executable, "-m", "meshperf", "import", "--json", "--no-store", "-", str(packed)]
    content = (SAMPLES / "hey.txt").read_bytes()
    done = subprocess.run(line, input=content, capture_output=True, timeout=25, check=True)
    assert [one["source"]["tool"] for one in json.loads(done.stdout)] == ["hey", "k6"]


def test_a_thousand_small_files_are_one_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = json.loads((SAMPLES / "oha.json").read_text())
    names = []
    for number in range(1000):
        content["summary"]["totalData"] = number
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps(content))
        names.append(str(path))
    begin = time.monotonic()
    assert len(imported(capsys, *names)) == 1000
    assert time.monotonic() - begin < 25
    assert len(_rows()) == 1000


def test_importing_again_replaces_and_keeps_the_id(capsys: pytest.CaptureFixture[str]) -> None:
    first = imported(capsys, str(SAMPLES / "hey.txt"))
    second = imported(capsys, str(SAMPLES / "hey.txt"), "--label", "again=yes")
    assert first[0]["id"] == second[0]["id"]
    (row,) = _rows()
    assert row.labels["again"] == "yes"


def test_without_the_store_nothing_is_kept(store_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    imported(capsys, "--no-store", str(SAMPLES / "hey.txt"))
    assert not store_path.exists()


def test_list_shows_imported_results_with_their_source_and_grade(capsys: pytest.CaptureFixture[str]) -> None:
    imported(capsys, str(SAMPLES / "ab.txt"))
    assert main(["list"]) == 0
    heading, row = capsys.readouterr().out.splitlines()
    assert heading.split()[:3] == ["ID", "SAVED", "(UTC)"] and "GRADE" in heading
    assert "ab 2.3" in row and "30 of 1000" in row and "adequate" in row and row.endswith("ab.txt")
    assert main(["list", "--json"]) == 0
    (document,) = json.loads(capsys.readouterr().out)
    assert (document["tool"], document["tool_version"], document["errors"]) == ("ab", "2.3", 30)
    assert document["completeness"] == "adequate" and "littles-law" in document["notes"]


def test_show_knows_an_imported_result_by_its_id_or_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (document,) = imported(capsys, str(SAMPLES / "ab.txt"))
    assert main(["show", str(document["id"])[:6]]) == 0
    shown = capsys.readouterr().out
    assert "ab 2.3, text" in shown and "7 ms [6.5 ms, 7.5 ms]" in shown and "note:" in shown
    assert main(["show", str(document["id"]), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == document
    (tmp_path / "kept.json").write_text(json.dumps([document]))
    assert main(["show", str(tmp_path / "kept.json")]) == 0
    assert capsys.readouterr().out == shown


def test_an_ambiguous_id_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    imported(capsys, str(SAMPLES / "hey.txt"), str(SAMPLES / "hey.csv"))
    assert main(["show", "hey-"]) == 2
    assert "error[MP1004]" in capsys.readouterr().err


GOB = b"\x0f\xff\x81\x03\x01\x01\x06Result\x01\xff\x80\x00\x01\x0c\x01\x06Attack\x01\x0c\x00\x01\x03Seq\x01\x06\x00"
GOB += b"\x01\x04Code\x01\x06\x00\x01\x09Timestamp\x01\xff\x82\x00\x01\x07Latency\x01\x04\x00"


def _encoder(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A stand-in for vegeta, called as vegeta is: `encode --to json --output OUT IN`."""
    program = folder / "bin" / "vegeta"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)


def test_binary_results_go_through_the_encoder_of_vegeta(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = f'[ "$1 $2 $3 $4" = "encode --to json --output" ] && cp {SAMPLES / "vegeta-results.ndjson"} "$5"'
    _encoder(tmp_path, monkeypatch, script)
    (tmp_path / "results.bin").write_bytes(GOB)
    (document,) = imported(capsys, str(tmp_path / "results.bin"))
    record = imported_from_document(document)
    assert (record.requests, record.errors, record.source.file) == (4, 2, "results.bin")
    assert record.source.digest == hashlib.sha256(GOB).hexdigest()


def _vegeta() -> str | None:
    beside = Path(__file__).parents[2] / ".venv" / "tools" / "vegeta"
    return str(beside) if beside.is_file() else shutil.which("vegeta")


@pytest.mark.skipif(_vegeta() is None, reason="vegeta is not installed: sh benchmarks/tools.sh")
def test_vegetas_own_binary_results_say_what_its_report_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    vegeta = str(_vegeta())
    monkeypatch.setenv("VEGETA_BIN", vegeta)
    binary = tmp_path / "results.bin"
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        attack = [vegeta, "attack", "-rate", "50", "-duration", "1s", "-timeout", "5s", "-output", str(binary)]
        target = f"GET http://127.0.0.1:{server.server_port}/\nGET http://127.0.0.1:{server.server_port}/broken\n"
        subprocess.run(attack, input=target.encode(), check=True, capture_output=True, timeout=20)
        server.shutdown()
    report = subprocess.run([vegeta, "report", "-type", "json", str(binary)], check=True, capture_output=True)
    told = json.loads(report.stdout)
    record = imported_from_document(imported(capsys, str(binary))[0])
    assert record.source.digest == hashlib.sha256(binary.read_bytes()).hexdigest()
    codes = told["status_codes"]  # a busy machine may refuse a connection: code 0
    assert told["requests"] == record.requests == sum(codes.values()) == 50
    assert (record.ok, record.errors) == (codes["200"], 50 - codes["200"])
    assert record.errors_by_status == {code: count for code, count in codes.items() if code not in ("0", "200")}
    assert record.errors_by_status["503"] > 10 and record.ok is not None and record.ok > 10
    # 50 requests have 49 gaps between them; vegeta's own figure divides 50 by their time
    assert record.offered_rps == pytest.approx(told["rate"] * 49 / 50)
    assert record.response.total == record.ok
    assert record.max_s is not None and round(record.max_s * 1e9) <= told["latencies"]["max"]


class _Answers(BaseHTTPRequestHandler):
    """200, and 503 under `/broken`."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(503 if self.path == "/broken" else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the output is the test's."""


def test_what_the_encoder_refuses_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _encoder(tmp_path, monkeypatch, "echo gob: broken >&2; exit 1")
    (tmp_path / "results.bin").write_bytes(GOB)
    assert main(["import", str(tmp_path / "results.bin")]) == 2
    assert "gob: broken" in capsys.readouterr().err


def test_without_vegeta_the_next_step_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "results.bin").write_bytes(GOB)
    assert main(["import", str(tmp_path / "results.bin")]) == 2
    assert "vegeta encode --to json results.bin" in capsys.readouterr().err
