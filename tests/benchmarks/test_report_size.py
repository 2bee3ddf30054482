"""A report of 20 arms keeps to its limit, and the benchmark counts the bytes that are there."""

from __future__ import annotations

import base64
import gzip
import json
import re

import pytest

from benchmarks.report_size import BASELINE, LIMIT_MB, Shape, names, pages, where
from meshperf.report.charts.drawing import Drawing


@pytest.fixture(autouse=True)
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same drawings as PNG lie beside the page and take half of the time."""
    monkeypatch.setattr(Drawing, "png", lambda self: b"")


@pytest.mark.timeout(120)
def test_twenty_arms_in_six_rounds_stay_below_three_megabytes_with_all_of_their_data() -> None:
    files = pages(Shape(), seed=3)
    page = files["report.html"].decode()
    assert len(files["report.html"]) < LIMIT_MB * 1e6
    packed = re.search(r'download="data.json.gz" href="data:application/gzip;base64,([^"]+)"', page)
    assert packed is not None
    carried = gzip.decompress(base64.b64decode(packed[1]))
    assert carried + b"\n" == files["data.json"]
    assert {run["arm"] for run in json.loads(carried)["runs"]} == set(names(20))
    for name in names(20):
        assert name in page
    assert {"percentiles", "ratios", "rounds", "time", "cpu", "memory"} <= set(
        re.findall(r'data-chart="([\w-]+)"', page)
    )


def test_the_bytes_of_a_page_add_up() -> None:
    files = pages(Shape(arms=3, rounds=3), seed=3)
    page = files["report.html"].decode()
    shares = where(page)
    assert sum(shares.values()) == len(files["report.html"])
    assert shares["data, compressed"] > 1000 and shares["chart: rounds"] > 1000
    assert shares["table: verdicts of an arm"] > 1000


def test_names_are_distinct_and_begin_with_the_baseline() -> None:
    assert names(20)[0] == BASELINE and len(set(names(20))) == 20
