"""The chart of a history: each change with its place, the band of its places, and its size with interval."""

import re

from history_sample import entries, levels, template
from meshperf.analysis.history import History, history
from meshperf.report.charts.levels import level_charts
from meshperf.report.history import series_name


def two_changes() -> History:
    return history("steps", entries(template(), levels(24, [9, 17], [1.25, 0.9], noise=0.02, seed=6)), seed=1)


def test_every_change_is_marked_with_its_size_and_its_interval_and_quiet_series_with_none():
    found = two_changes()
    drawings = level_charts(found.series, [series_name(each) for each in found.series])
    assert len(drawings) == len(found.series)
    marked = 0
    for series, drawing in zip(found.series, drawings, strict=True):
        words = re.findall(r">([+−][\d.]+\s%[^<]*)<", drawing.svg)
        assert len(words) == len(series.changes)
        for change, text in zip(series.changes, words, strict=True):
            low, value, high = change.ratio.low, change.ratio.value, change.ratio.high
            told = [float(each) / 100 + 1 for each in re.findall(r"[+-][\d.]+", text.replace("−", "-"))]
            assert [round(each, 2) for each in told] == [round(each, 2) for each in (value, low, high)]
            marked += 1
    assert marked == 2


def test_the_band_of_a_change_reaches_from_its_earliest_to_its_latest_place():
    (series,) = [each for each in two_changes().series if each.changes]
    (drawing,) = level_charts([series], ["x"])
    bands = drawing.document["layer"][0]
    assert bands["mark"]["type"] == "rect"
    rows = drawing.document["datasets"][bands["data"]["name"]] if "name" in bands["data"] else bands["data"]["values"]
    assert [(row["earliest"], row["latest"]) for row in rows] == [
        (each.earliest.isoformat(), each.latest.isoformat()) for each in series.changes
    ]
