"""Every writer takes every result: the samples of all tools, and the recorded files beside the project."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from imported_samples import SAMPLES, SHARED
from meshperf.errors import DocumentError
from meshperf.interchange.export.form import Writer
from meshperf.interchange.export.outgoing import Outgoing, of_imported
from meshperf.interchange.export.registry import writers
from meshperf.interchange.reading import read_file
from open_metrics_grammar import parsed

WRITERS = [writer for writer in writers() if writer.form.name != "parquet"]


def results(files: Iterable[Path]) -> list[Outgoing]:
    found: list[Outgoing] = []
    for path in sorted(files):
        try:
            found += [of_imported(record) for record in read_file(path)]
        except DocumentError as error:
            assert error.code == "MP2401", path
    return found


def written(writer: Writer, of: list[Outgoing]) -> bytes:
    kept = [result for result in of if writer.lacks(result) is None]
    assert kept
    if writer.form.name == "protobuf":
        return b"".join(writer.write([result]) for result in kept)
    return writer.write(kept, lossy=True)


def test_the_forms_have_names_and_suffixes_of_their_own() -> None:
    forms = [writer.form for writer in writers()]
    assert len({form.name for form in forms}) == len(forms)
    assert all(form.suffix.startswith(".") and form.title for form in forms)


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.form.name)
def test_results_of_every_tool_can_be_written(writer: Writer) -> None:
    of = results(SAMPLES.iterdir())
    assert len({result.record.source.tool for result in of}) > 10
    content = written(writer, of)
    assert content and b"NaN" not in content
    assert content == written(writer, of), "the same results are the same bytes"


@pytest.mark.needs_shared
@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.form.name)
def test_the_recorded_results_can_be_written(writer: Writer) -> None:
    of = results(path for path in (SHARED / "generators").rglob("*") if path.is_file() and path.suffix != ".md")
    content = written(writer, of)
    if writer.form.name == "openmetrics":
        assert len(parsed(content.decode())["meshperf_result"].samples) == len(of)


@pytest.mark.needs_shared
def test_the_times_of_records_that_only_failed_are_no_latencies() -> None:
    of = results([SHARED / "smp" / "meshery-records.json"])
    failed = [result for result in of if result.record.ok == 0]
    assert failed
    assert all(result.record.quantiles == () and result.record.mean_s is None for result in failed)
