"""The live line: of the last second, not of all time."""

from __future__ import annotations

import io

from rich.console import Console

from meshperf.cli.load_progress import LoadProgress, describe, since
from meshperf.histograms import Histogram
from meshperf.load.recording import Progress


def look(elapsed_s: float, ok: int, failed: int, times: list[float]) -> Progress:
    response = Histogram.from_values(times)
    return Progress(phase=0, phases=1, elapsed_s=elapsed_s, sent=ok + failed, ok=ok, failed=failed, response=response)


def test_the_percentiles_are_of_what_came_since_the_last_look() -> None:
    fast = [1e-3] * 1000
    first, second = look(1.0, 1000, 0, fast), look(2.0, 1100, 3, fast + [0.2] * 100)
    assert describe("measuring", first, None, total_s=60) == (
        "measuring · 1 s of 60 s · 1000.0 replies/s · p50 1 ms · p99 1 ms"
    )
    assert (
        describe("measuring", second, first) == "measuring · 2 s · 100.0 replies/s · p50 200 ms · p99 200 ms · 3 failed"
    )


def test_a_stall_shows_no_percentiles() -> None:
    first, second = look(1.0, 10, 0, [1e-3] * 10), look(2.0, 10, 0, [1e-3] * 10)
    assert describe("measuring", second, first) == "measuring · 2 s · 0.0 replies/s"


def test_what_was_added_is_exact() -> None:
    before, added = Histogram.from_values([1e-3, 2e-3, 2e-3]), Histogram.from_values([2e-3, 5e-3])
    assert since(before + added, before) == added
    assert since(before, before).total == 0


def test_nothing_is_drawn_where_there_is_no_terminal() -> None:
    written = io.StringIO()
    with LoadProgress(Console(file=written, force_terminal=False)) as progress:
        progress.show("measuring", look(5.0, 10, 0, [1e-3] * 10))
    assert written.getvalue() == ""


def test_on_a_terminal_a_line_is_drawn() -> None:
    written = io.StringIO()
    with LoadProgress(Console(file=written, force_terminal=True, width=120)) as progress:
        progress.show("measuring", look(5.0, 10, 0, [1e-3] * 10))
    assert "2.0 replies/s" in written.getvalue()
