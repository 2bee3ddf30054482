"""What the report of a history says of a change."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

from rich.console import Console

from history_sample import BEGIN, entries, levels, template
from meshperf.analysis.history import history
from meshperf.report.history import show_history


def told(*, noise: float, factor: float) -> str:
    results = entries(template(), levels(20, [10], [factor], noise=noise, seed=4))
    printed = StringIO()
    show_history(
        history("h", results, metrics=("p50",), arms=("envoy",)), Console(file=printed, width=200, no_color=True)
    )
    return " ".join(printed.getvalue().split())


def test_a_change_is_told_with_its_size_its_date_and_how_sure_both_are() -> None:
    said = told(noise=0.04, factor=1.12)
    assert "since 2026-01-11 00:00 (the last result before is of 2026-01-10 00:00; the new level began from" in said
    assert "at 95 %)" in said


def test_a_date_that_is_sure_is_told_alone() -> None:
    said = told(noise=0.001, factor=1.5)
    day = (BEGIN + timedelta(days=10)).strftime("%Y-%m-%d %H:%M")
    assert f"since {day} (the last result before is of 2026-01-10 00:00)." in said
