"""CSV, Parquet and data frames: one result a row, the same columns in all of them."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import kept_sample
import run_sample
from meshperf.errors import PrerequisiteError
from meshperf.histograms import Histogram
from meshperf.interchange.export import csv_table, frame, parquet
from meshperf.interchange.export.columns import COLUMNS, row_of
from meshperf.interchange.export.frame import ResultFrame
from meshperf.interchange.export.outgoing import Outgoing, of_imported, of_run
from meshperf.spec.imported import Imported, ImportNote, LatencyOrigin, NoteKind, Quantile, Source

FORTIO = Imported(
    source=Source(tool="fortio", form="json", tool_version="1.68.2", file="run.json", place="#2"),
    name="=cmd|'/c calc'!A1",
    ok=90,
    errors=10,
    requests=100,
    errors_by_status={"503": 10},
    latency_origin=LatencyOrigin.ACTUAL,
    quantiles=(Quantile(q=0.99, value_s=0.0041, low_s=0.004, high_s=0.005),),
    start_time=datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
    notes=(ImportNote(kind=NoteKind.OMISSION, text="as told"),),
)
WRITER = csv_table.WRITERS[0]


def results() -> list[Outgoing]:
    return [of_run(kept_sample.run("envoy", 1, 0, experiment_id="x")), of_imported(FORTIO)]


def rows() -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(WRITER.write(results()).decode())))


def test_every_row_has_every_column_in_one_order() -> None:
    names = [column.name for column in COLUMNS]
    assert len(set(names)) == len(names)
    assert all(list(row_of(result)) == names for result in results())
    assert list(rows()[0]) == names


def test_times_stand_in_the_columns_of_their_origin_only() -> None:
    ours, fortio = rows()
    run = kept_sample.run("envoy", 1, 0, experiment_id="x")
    assert float(ours["p50_response_time_s"]) == float(run.response.quantile(0.5))
    assert float(ours["p50_service_time_s"]) == float(run.service.quantile(0.5))
    assert (fortio["p99_response_time_s"], fortio["p99_unclassified_time_s"]) == ("", "")
    named = ("p99_service_time_s", "p99_service_time_low_s", "p99_service_time_high_s")
    assert [fortio[name] for name in named] == ["0.0041", "0.004", "0.005"]
    unknown = row_of(of_imported(replace(FORTIO, latency_origin=LatencyOrigin.UNKNOWN)))
    assert (unknown["p99_unclassified_time_s"], unknown["p99_service_time_s"]) == (0.0041, None)


def test_unknown_is_empty_and_zero_is_zero() -> None:
    ours, fortio = rows()
    assert (fortio["timeouts"], fortio["unanswered"], fortio["offered_rps"]) == ("", "", "")
    assert (ours["unanswered"], ours["round"], ours["twin"]) == ("0", "0", "1")


def test_a_row_says_where_a_result_is_from_and_what_to_know_of_it() -> None:
    ours, fortio = rows()
    assert (fortio["tool"], fortio["tool_version"], fortio["source_file"], fortio["source_place"]) == (
        "fortio", "1.68.2", "run.json", "#2",
    )  # fmt: skip
    assert fortio["notes"] == "coordinated-omission: as told"
    assert json.loads(fortio["errors_by_status"]) == {"503": 10}
    assert fortio["start_time"] == "2026-01-02T03:04:05.000006Z"
    assert (ours["experiment"], ours["arm"], ours["validity"]) == ("sample", "envoy", "valid")


def test_a_text_that_a_spreadsheet_would_run_is_no_formula_any_more() -> None:
    assert rows()[1]["name"] == "'=cmd|'/c calc'!A1"


def test_a_frame_is_a_list_of_the_same_rows() -> None:
    found = ResultFrame(results=tuple(results()))
    assert (len(found), found.columns) == (2, tuple(column.name for column in COLUMNS))
    assert found.to_dicts() == [row_of(result) for result in results()]
    assert isinstance(found.to_dicts()[0]["start_time"], datetime)


@pytest.mark.parametrize("name", ["pandas", "polars"])
def test_a_frame_of_a_library_that_is_not_there_names_it(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def absent(module: str) -> object:
        raise ModuleNotFoundError(name=module)

    monkeypatch.setattr(frame, "import_module", absent)
    with pytest.raises(PrerequisiteError, match=name) as caught:
        getattr(ResultFrame(results=tuple(results())), f"to_{name}")()
    assert caught.value.code == "MP3004"
    assert f"pip install {name}" in str(caught.value)


def test_parquet_without_its_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(module: str) -> object:
        raise ModuleNotFoundError(name=module)

    monkeypatch.setattr(parquet, "import_module", absent)
    with pytest.raises(PrerequisiteError, match="pyarrow") as caught:
        parquet.WRITERS[0].write(results())
    assert (caught.value.code, caught.value.hint) == ("MP3004", "pip install 'meshperf[export]'")


@pytest.mark.skipif(importlib.util.find_spec("pyarrow") is None, reason="pyarrow is not installed")
def test_parquet_gives_back_the_rows(tmp_path: Path) -> None:
    import pyarrow.parquet

    path = tmp_path / "results.parquet"
    path.write_bytes(parquet.WRITERS[0].write(results()))
    assert pyarrow.parquet.read_table(path).to_pylist() == [row_of(result) for result in results()]


@pytest.mark.skipif(importlib.util.find_spec("pandas") is None, reason="pandas is not installed")
def test_a_pandas_frame_has_types_that_know_a_missing_value() -> None:
    table = ResultFrame(results=tuple(results())).to_pandas()
    assert [str(table[name].dtype) for name in ("ok", "arm", "start_time")] == [
        "Int64",
        "string",
        "datetime64[us, UTC]",
    ]
    assert table["p99_response_time_s"].isna().tolist() == [False, True]


@pytest.mark.skipif(importlib.util.find_spec("polars") is None, reason="polars is not installed")
def test_a_polars_frame_has_the_rows() -> None:
    table = ResultFrame(results=tuple(results())).to_polars()
    assert table.shape == (2, len(COLUMNS))
    assert table.to_dicts() == ResultFrame(results=tuple(results())).to_dicts()


def test_a_run_without_replies_is_a_row_without_times() -> None:
    row = row_of(of_run(run_sample.single(response=Histogram.from_values([]))))
    assert [row[name] for name in row if "response_time" in name] == [None] * 22
