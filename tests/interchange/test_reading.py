"""Files, standard input, forms by name and by content, and where a result says it came from."""

from __future__ import annotations

import hashlib
import io
import sys
from pathlib import Path

import pytest

from imported_samples import SAMPLES, incoming, records, sample
from meshperf.errors import DocumentError, UsageError
from meshperf.interchange.detection import detect
from meshperf.interchange.reading import read_file, read_files
from meshperf.interchange.registry import form, forms, readers

ROOT = Path(__file__).resolve().parent.parent.parent
EXPECTED = {
    "fortio-http.json": "fortio",
    "fortio-grpc.json": "fortio",
    "fortio-udp.json": "fortio",
    "h2load.txt": "h2load",
    "hdr.hlog": "hdr-log",
    "meshery-new.json": "meshery",
    "meshery-old.json": "meshery",
    "nighthawk-fortio.json": "nighthawk-fortio",
    "nighthawk.json": "nighthawk",
    "nighthawk.yaml": "nighthawk",
    "smp-first.yaml": "smp",
    "smp-go.json": "smp",
    "smp-meshery-export.json": "smp",
    "smp-protojson.json": "smp",
    "wrk.txt": "wrk",
    "wrk2.txt": "wrk2",
}


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_the_form_is_found_by_content(name: str) -> None:
    assert detect(incoming(sample(name))).form.name == EXPECTED[name]
    claims = [one.form.name for one in readers() if one.looks_like(incoming(sample(name))) >= 0.5]
    assert claims == [EXPECTED[name]]


def test_a_result_names_its_file_and_digest(tmp_path: Path) -> None:
    path = tmp_path / "of-any-name.xyz"
    path.write_bytes(sample("wrk.txt"))
    (record,) = read_file(path)
    assert record.source.file == "of-any-name.xyz"
    assert record.source.digest == hashlib.sha256(sample("wrk.txt")).hexdigest()


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(sample("wrk2.txt"))))
    (record,) = read_file("-")
    assert (record.source.tool, record.source.file) == ("wrk2", None)


def test_a_named_form_overrides_detection() -> None:
    (record,) = records(sample("wrk.txt"), form="wrk")
    assert record.source.tool == "wrk"
    with pytest.raises(DocumentError) as caught:
        records(sample("wrk.txt"), form="fortio")
    assert caught.value.code == "MP2402"


def test_a_form_that_there_is_not_is_a_usage_error() -> None:
    with pytest.raises(UsageError) as caught:
        form("nosuch")
    assert caught.value.code == "MP1001"
    assert "fortio" in (caught.value.hint or "")


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(DocumentError) as caught:
            list(read_file(path))
        assert caught.value.code == "MP2001"


def test_files_come_in_their_order() -> None:
    found = read_files([SAMPLES / "wrk.txt", SAMPLES / "meshery-old.json", SAMPLES / "h2load.txt"])
    assert [record.source.tool for record in found] == ["wrk", "meshery", "meshery", "h2load"]


def test_every_form_has_one_name_and_says_everything_about_itself() -> None:
    names = [one.name for one in forms()]
    assert len(names) == len(set(names))
    for one in forms():
        assert form(one.name) is one
        assert all((one.tool, one.title, one.latency_unit, one.latency_origin, one.loop, one.errors, one.resolution))


def test_the_reference_has_a_row_for_every_form_with_its_own_words() -> None:
    page = (ROOT / "docs" / "reference" / "importers.md").read_text(encoding="utf-8")
    found = [line for line in page.partition("## Bounds")[0].splitlines() if line.startswith("| `")]
    expected = [
        f"| `{one.name}` | {one.tool} | {one.title} | {one.latency_unit} | {one.latency_origin} | {one.loop} "
        f"| {one.errors} | {one.resolution} |"
        for one in forms()
    ]
    assert sorted(found) == sorted(expected), "rows to have:\n" + "\n".join(sorted(set(expected) - set(found)))
