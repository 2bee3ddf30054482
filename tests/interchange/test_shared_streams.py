"""What is read from the recorded output of k6, hey, ab, vegeta, ghz and oha, figure by figure."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest

from imported_samples import milliseconds
from meshperf.errors import DocumentError
from meshperf.interchange.reading import read_file
from meshperf.spec.imported import Imported

pytestmark = pytest.mark.needs_shared

_Bounds = tuple[float, float, float]
READ: dict[str, tuple[str, float | None, int | None, int | None, _Bounds | None, _Bounds | None]] = {
    # form, rate, requests, errors, p50 and p99 [ms] as low, value, high
    "k6/summary.json": ("summary-json", 198.284444, 595, 0, (0.259751,) * 3, (38.7339,) * 3),
    "k6/points.ndjson": ("points-ndjson", 205.926, 28, 0, None, None),
    "k6/points.csv": ("points-csv", None, 22, 0, None, None),
    "hey/summary.txt": ("text", 391.2454, 1176, 0, (0.15, 0.2, 0.25), (43.75, 43.8, 43.85)),
    "ab/summary.txt": ("text", 91470.39, 2000, 0, (0, 0, 0.5), (0, 0, 0.5)),
    "ab/percent.csv": ("percent-csv", None, None, None, (0.0745, 0.075, 0.0755), (0.3945, 0.395, 0.3955)),
    "ab/gnuplot.tsv": ("gnuplot-tsv", None, 149, None, (0, 0, 0.5), (0, 0, 0.5)),
    "vegeta/report.json": ("report-json", 300.280646, 900, 0, (0.110294, 0.239337, 0.360239), (3.12, 41.0474, 49.008)),
    "vegeta/hdrplot.txt": ("hdrplot", None, 900, None, (0.224611, 0.239337, 0.246586), None),
    "vegeta/results.ndjson": ("results-ndjson", 301.01, 200, 0, None, None),
    "ghz/report.json": ("json", 199.252287, 600, 1, None, None),
    "oha/lc.json": ("json", 499.668594, 1500, 0, (0.076985,) * 3, (41.3113,) * 3),
    "oha/requests.csv": ("csv", 37672.5, 300, None, None, None),
}


def read(shared: Path, name: str) -> Imported:
    (record,) = read_file(shared / "generators" / name)
    return record


@pytest.mark.parametrize("name", READ)
def test_a_recorded_file_is_read_as_it_stands(name: str, shared_data: Path) -> None:
    form, rate, requests, errors, p50, p99 = READ[name]
    found = read(shared_data, name)
    assert (found.source.form, found.requests, found.errors) == (form, requests, errors)
    assert found.achieved_rps == (None if rate is None else pytest.approx(rate, rel=1e-4))
    for q, expected in ((0.5, p50), (0.99, p99)):
        if expected is not None:
            assert milliseconds(found, q) == pytest.approx(expected, rel=1e-4)


def test_single_latencies_are_those_in_the_file(shared_data: Path) -> None:
    """Read a second time, by the simplest code there is."""
    folder = shared_data / "generators"
    points = [json.loads(line) for line in (folder / "k6/points.ndjson").read_text().splitlines()]
    timed = [point for point in points if (point["type"], point["metric"]) == ("Point", "http_req_duration")]
    of_k6 = [point["data"]["value"] / 1e3 for point in timed]
    results = [json.loads(line) for line in (folder / "vegeta/results.ndjson").read_text().splitlines()]
    of_vegeta = [result["latency"] / 1e9 for result in results]
    details = json.loads((folder / "ghz/report.json").read_text())["details"]
    of_ghz = [one["latency"] / 1e9 for one in details if one["status"] == "OK"]
    with (folder / "oha/requests.csv").open() as file:
        of_oha = [float(row["request-duration"]) for row in csv.DictReader(file)]
    names = ("k6/points.ndjson", "vegeta/results.ndjson", "ghz/report.json", "oha/requests.csv")
    for name, values in zip(names, (of_k6, of_vegeta, of_ghz, of_oha), strict=True):
        found = read(shared_data, name)
        assert (found.latency_count, found.response.total) == (len(values), len(values))
        assert (found.min_s, found.max_s) == pytest.approx((min(values), max(values)))
        assert found.mean_s == pytest.approx(sum(values) / len(values))
        ranked = sorted(values)
        for one in found.quantiles:
            rank = one.q * (len(ranked) - 1)
            below, above = ranked[math.floor(rank)], ranked[math.ceil(rank)]
            assert one.low_s <= below * (1 + 1e-9) and above <= one.high_s * (1 + 1e-9) + 1e-9


def test_the_binary_results_name_the_next_step(shared_data: Path) -> None:
    with pytest.raises(DocumentError) as refused:
        read(shared_data, "vegeta/results.bin")
    assert refused.value.code == "MP2401" and "vegeta encode --to json results.bin" in str(refused.value.hint)
