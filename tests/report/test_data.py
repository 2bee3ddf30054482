"""The data beside a report: complete, strict, and the source of what is shown."""

import csv
import io
import json

import pytest
import sample

from meshperf.report.assembly import assemble


def files(which=sample.clean, facts=sample.FACTS) -> dict[str, bytes]:
    comparison, runs = which()
    return assemble(
        [comparison], runs, experiment_text="experiment: x\n", command="meshperf run x", facts=facts, charts=False
    )


def strict(text: bytes) -> dict:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_json_holds_every_metric_run_and_fact():
    data, (comparison, runs) = strict(files()["data.json"]), sample.clean()
    assert data["format"] == "meshperf.report.data/1"
    assert data["command"] == "meshperf run x"
    assert data["facts"]["host.turbo"]["unavailable"] == "no MSR access"
    assert len(data["runs"]) == len(runs)
    metrics = data["comparisons"][0]["metrics"]
    assert len(metrics) == len(comparison.metrics)
    assert metrics[0]["ratio"]["value"] == comparison.metrics[0].ratio.value
    assert metrics[0]["verdict"] == "worse"


def test_what_is_not_a_number_is_null_in_json():
    data = strict(files(sample.ugly, sample.UGLY_FACTS)["data.json"])
    assert data["comparisons"][0]["metrics"][0]["ratio"]["value"] is None
    assert data["facts"]["host.nan"]["value"] is None


def test_csv_holds_every_round_of_every_metric():
    rows = list(csv.DictReader(io.StringIO(files()["data.csv"].decode())))
    comparison = sample.clean()[0]
    assert len(rows) == sum(len(m.rounds) for m in comparison.metrics)
    row = next(r for r in rows if r["arm"] == "envoy" and r["metric"] == "p90" and r["round"] == "3")
    assert float(row["ratio"]) == pytest.approx(float(row["candidate"]) / float(row["baseline"]))
    assert row["unit"] == "s"


def test_an_excluded_round_keeps_its_reason_and_empty_fields_in_csv():
    row = next(iter(csv.DictReader(io.StringIO(files(sample.ugly)["data.csv"].decode()))))
    assert row["excluded"] == sample.HOSTILE
    assert row["candidate"] == "" and row["ratio"] == ""


def test_equal_input_gives_equal_bytes():
    assert files() == files()
