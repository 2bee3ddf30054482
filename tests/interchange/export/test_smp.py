"""SMP documents in every dialect, read again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import run_sample
from imported_samples import one
from meshperf.errors import DocumentError
from meshperf.interchange.export.outgoing import of_imported, of_run
from meshperf.interchange.export.registry import writers
from meshperf.spec.smp import read_results
from meshperf.spec.smp_document import Dialect
from meshperf.spec.smp_imported import imported_from_document
from meshperf.spec.smp_reading import parse_smp

WRITERS = {writer.form.name: writer for writer in writers()}
RUN = run_sample.single()


def test_every_dialect_is_a_format() -> None:
    assert {dialect.value for dialect in Dialect} <= set(WRITERS)


def test_the_extended_dialect_is_the_run_itself(tmp_path: Path) -> None:
    path = tmp_path / "runs.json"
    path.write_bytes(WRITERS["extended"].write([of_run(RUN), of_run(RUN)]))
    assert read_results(path) == (RUN, RUN)
    path.write_bytes(WRITERS["extended"].write([of_run(RUN)]))
    assert read_results(path) == (RUN,)


def test_an_imported_result_keeps_all_of_it() -> None:
    record = one("fortio-http.json")
    document = json.loads(WRITERS["extended"].write([of_imported(record)]))
    assert imported_from_document(document) == record


@pytest.mark.parametrize("dialect", ["strict", "protobuf", "protobuf-delimited"])
def test_the_complete_dialects_lose_nothing(dialect: str) -> None:
    writer = WRITERS[dialect]
    assert writer.lost([of_run(RUN)]) == ()
    (back,) = parse_smp(writer.write([of_run(RUN)]))
    (whole,) = parse_smp(WRITERS["extended"].write([of_run(RUN)]))
    assert back.data == whole.data


@pytest.mark.parametrize("dialect", ["smp-go", "protojson"])
def test_a_plain_dialect_refuses_to_lose_and_says_what_it_would(dialect: str) -> None:
    writer = WRITERS[dialect]
    with pytest.raises(DocumentError, match="latency_distribution") as caught:
        writer.write([of_run(RUN)])
    assert caught.value.code == "MP2203"
    assert "/latency_distribution" in writer.lost([of_run(RUN)])
    (back,) = parse_smp(writer.write([of_run(RUN)], lossy=True))
    assert back.data["latencies_ms"]["p99"] == pytest.approx(float(RUN.response.quantile(0.99)) * 1e3)
