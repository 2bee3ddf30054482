"""The benchmark of judging rows: what it stores is what is judged, and a small one is quick."""

from __future__ import annotations

from pathlib import Path

from benchmarks import judging


def test_all_runs_that_are_stored_are_judged_in_a_process_of_its_own(tmp_path: Path) -> None:
    store = tmp_path / "store.sqlite"
    identity, runs = judging.keep(store, load_points=2, rounds=6, seed=3)
    assert runs == 2 * 6 * 14  # nine candidates in five groups, each with the baseline
    found = judging.call(store, identity)
    assert found.runs == runs
    # Each candidate against its baseline and against the one beside it, four metrics, two load points.
    assert sum(found.verdicts.values()) == 2 * (9 + 4) * 4
    assert found.verdicts["worse"] > 0 and found.verdicts["equivalent"] > 0
    assert found.peak_bytes < judging.LIMIT_BYTES
