"""Files in which tools list every reply, and wrk's list without the replies that wrk made up."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshperf.histograms import Histogram
from meshperf.load.adapters import h2load, oha, wrk


def corrected(latencies: list[int], interval: int) -> dict[int, int]:
    """What wrk keeps: for each reply above two intervals, some more, each an interval shorter."""
    seen = np.zeros(max(latencies) + 1, dtype=np.int64)
    for value in latencies:
        seen[value] += 1
    for value in range(2 * interval, seen.size):
        shorter = value - interval
        while seen[value] and shorter > interval:
            seen[shorter] += seen[value]
            shorter -= interval
    return {int(value): int(seen[value]) for value in np.flatnonzero(seen)}


@settings(max_examples=60)
@given(
    st.lists(st.one_of(st.integers(1, 60), st.integers(1, 5_000)), min_size=1, max_size=60),
    st.integers(1, 8),
    st.integers(1, 50_000),
)
def test_what_wrk_added_is_taken_out_again(
    tmp_path_factory: pytest.TempPathFactory, latencies: list[int], connections: int, duration: int
) -> None:
    each = len(latencies) // connections
    interval = duration // each if each else 0
    kept = corrected(latencies, interval) if interval else {v: latencies.count(v) for v in set(latencies)}
    path = tmp_path_factory.mktemp("wrk") / "latencies"
    lines = [
        f"{duration} {len(latencies)} {connections}",
        *(f"{value} {count}" for value, count in kept.items()),
        "end",
    ]
    path.write_text("\n".join(lines) + "\n")
    assert wrk.read_samples(path) == Histogram.from_values(np.array(latencies) * 1e-6)


@pytest.mark.parametrize("text", ["", "1 2\n", "100 1 1\n5 1\n", "100 1 1\nx y\nend\n", "a\nend\n"])
def test_a_list_that_breaks_off_is_not_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "latencies"
    path.write_text(text)
    with pytest.raises(ValueError, match=r".+"):
        wrk.read_samples(path)


def test_h2loads_log_counts_successes_only(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("1795388429514902\t200\t62\n1795388429514912\t503\t86\n1795388429514913\t204\t100\n")
    assert h2load.read_samples(path) == Histogram.from_values([62e-6, 100e-6])
    path.write_text("")
    assert h2load.read_samples(path).total == 0
    path.write_text("no log\n")
    with pytest.raises(ValueError, match=r".+"):
        h2load.read_samples(path)


def test_ohas_database_counts_successes_only_and_garbage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "replies.db"
    with sqlite3.connect(path) as made:
        made.execute("CREATE TABLE oha (duration REAL NOT NULL, status INTEGER NOT NULL)")
        made.executemany("INSERT INTO oha VALUES (?, ?)", [(0.001, 200), (0.5, 500), (0.002, 201)])
    made.close()
    assert oha.read_samples(path) == Histogram.from_values([0.001, 0.002])
    path.write_bytes(b"garbage" * 100)
    with pytest.raises(ValueError, match="database"):
        oha.read_samples(path)
