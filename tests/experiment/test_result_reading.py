"""`meshperf.read_results`: one table of whatever lies under a path."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

import kept_sample
import meshperf
import run_sample
from imported_samples import SAMPLES, one
from meshperf.errors import DocumentError
from meshperf.interchange.export.columns import row_of
from meshperf.interchange.export.outgoing import of_imported, of_run
from meshperf.interchange.export.registry import writers
from meshperf.spec.smp import write_result
from meshperf.spec.smp_imported import imported_to_document
from meshperf.spec.smp_write import result_to_document


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kept_sample.bundle(tmp_path_factory.mktemp("read"))


def test_a_bundle_gives_its_runs_without_the_excluded_ones(bundle: Path) -> None:
    rows = meshperf.read_results(bundle).to_dicts()
    assert [(row["round"], row["arm"], row["twin"]) for row in rows] == [
        (number, arm, twin) for number in range(3) for arm, twin in kept_sample.RESIDENTS
    ]
    assert {row["experiment"] for row in rows} == {"sample"}


def test_a_packed_bundle_gives_the_same(bundle: Path, tmp_path: Path) -> None:
    packed = tmp_path / "bundle.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(bundle.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(bundle))
    assert meshperf.read_results(packed).to_dicts() == meshperf.read_results(bundle).to_dicts()


def test_a_result_document_and_a_list_of_both_kinds(tmp_path: Path) -> None:
    run, foreign = run_sample.single(), one("fortio-http.json")
    write_result(run, tmp_path / "one.json")
    (row,) = meshperf.read_results(tmp_path / "one.json")
    assert (row["run_id"], row["p50_response_time_s"]) == ("load-0", float(run.response.quantile(0.5)))
    both = [imported_to_document(foreign), result_to_document(run)]
    (tmp_path / "both.json").write_text(json.dumps(both), encoding="utf-8")
    assert [row["tool"] for row in meshperf.read_results(tmp_path / "both.json")] == ["fortio", "meshperf"]


@pytest.mark.parametrize("dialect", ["extended", "strict", "protobuf", "protobuf-delimited"])
def test_every_dialect_that_loses_nothing_gives_the_same_row(tmp_path: Path, dialect: str) -> None:
    writer = next(each for each in writers() if each.form.name == dialect)
    foreign = one("fortio-http.json")
    foreign = replace(foreign, source=replace(foreign.source, file="run.json", digest="ab" * 32))
    for result in (of_run(run_sample.single()), of_imported(foreign)):
        path = tmp_path / "result"
        path.write_bytes(writer.write([result]))
        assert meshperf.read_results(path).to_dicts() == [row_of(result)]


def test_files_of_other_tools_are_read_by_their_content() -> None:
    frame = meshperf.read_results(SAMPLES / "fortio-http.json", SAMPLES / "wrk2.txt")
    assert [row["tool"] for row in frame] == ["fortio", "wrk2"]
    fortio = frame.to_dicts()[0]
    assert fortio["p50_response_time_s"] is None and isinstance(fortio["p50_service_time_s"], float)


def test_a_folder_gives_all_in_it_and_names_what_is_no_result(bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(bundle, tmp_path / "b" / "bundle")
    shutil.copy(SAMPLES / "wrk2.txt", tmp_path / "a.txt")
    (tmp_path / "notes.md").write_text("# what we did\n", encoding="utf-8")
    (tmp_path / ".hidden").write_text("never looked at", encoding="utf-8")
    frame = meshperf.read_results(tmp_path)
    assert [row["tool"] for row in frame] == ["wrk2", *["meshperf"] * 9]
    assert [path.name for path, _ in frame.passed_over] == ["notes.md"]


def test_a_broken_result_in_a_folder_is_an_error(tmp_path: Path) -> None:
    shutil.copy(SAMPLES / "wrk2.txt", tmp_path / "a.txt")
    whole = (SAMPLES / "fortio-http.json").read_bytes()
    (tmp_path / "b.json").write_bytes(whole[: len(whole) * 3 // 4])
    with pytest.raises(DocumentError) as caught:
        meshperf.read_results(tmp_path)
    assert caught.value.code == "MP2402"


def test_a_broken_document_of_a_list_is_named_with_its_place(tmp_path: Path) -> None:
    documents = [result_to_document(run_sample.single()), result_to_document(run_sample.single())]
    documents[1]["requests"]["ok"] = "many"
    path = tmp_path / "runs.json"
    path.write_text(json.dumps(documents, indent=1), encoding="utf-8")
    with pytest.raises(DocumentError) as caught:
        meshperf.read_results(path)
    assert caught.value.location.pointer == "/1/requests/ok"
    assert caught.value.location.line is not None


@pytest.mark.parametrize("name", ["nothing-here.json", "empty"])
def test_a_path_without_a_result_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DocumentError) as caught:
        meshperf.read_results(tmp_path / name)
    assert caught.value.code == "MP2001"


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, meshperf; print([n for n in ('numpy', 'pydantic', 'scipy', 'sqlalchemy') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout.strip() == "[]"
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = meshperf.nonsense
