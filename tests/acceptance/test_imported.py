"""Acceptance tests 4 and 7 of judgement: results of other tools that look finer, or say more, than they are."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import imported_samples
from imported_samples import SHARED, records
from meshperf.analysis import Terms, Verdict, judge_unpaired
from meshperf.analysis.cross_imported import run_of_imported
from meshperf.analysis.records import MetricComparison
from meshperf.cli import main
from meshperf.spec.imported import Imported, NoteKind, Quantile

EDGES_S = (1e-3, 2e-3, 3e-3, 4e-3, 5e-3, 7.5e-3, 10e-3, 20e-3, 30e-3)
"""Buckets of fortio with `-r 0.000001`: a microsecond is where they begin, not how wide they are at 7.5 ms."""
TERMS = Terms(arm="after", against="before", grade="B", margins={}, metrics=("p50",), family=("p50",))
RUNS = 6


def fortio(seconds: np.ndarray) -> bytes:
    """What fortio writes of these requests: buckets, and percentiles that lie on a straight line through them."""
    counts, _ = np.histogram(seconds, EDGES_S)
    below = np.cumsum(counts)
    shown = np.nonzero(counts)[0]
    middle = int(np.searchsorted(below, seconds.size / 2))
    low, high = EDGES_S[middle], EDGES_S[middle + 1]
    p50 = low + (high - low) * (seconds.size / 2 - (below[middle] - counts[middle])) / counts[middle]

    def change(data: Any) -> None:
        data["Resolution"] = 1e-6
        data["RetCodes"] = {"200": seconds.size}
        data["ActualDuration"] = int(seconds.size / 100 * 1e9)
        data["DurationHistogram"] = {
            "Count": seconds.size, "Min": float(seconds.min()), "Max": float(seconds.max()),
            "Sum": float(seconds.sum()), "Avg": float(seconds.mean()), "StdDev": float(seconds.std()),
            "Data": [
                {
                    "Start": max(EDGES_S[place], float(seconds.min())),
                    "End": min(EDGES_S[place + 1], float(seconds.max())),
                    "Percent": 100.0 * below[place] / seconds.size,
                    "Count": int(counts[place]),
                }
                for place in shown
            ],
            "Percentiles": [{"Percentile": 50, "Value": float(p50)}],
        }  # fmt: skip

    return imported_samples.changed("fortio-http.json", change)


def session(median_s: float, seed: int) -> list[Imported]:
    """Six runs of fortio against a service with this median, each with a little luck of its own."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(RUNS):
        luck = math.exp(rng.normal() * 0.002)
        found += records(fortio(np.clip(median_s * luck * np.exp(rng.normal(size=4000) * 0.05), 1.01e-3, 29e-3)))
    return found


def claim(before: Sequence[Imported], after: Sequence[Imported]) -> MetricComparison:
    """p50 of two sets of runs, as if all else that matters were equal and known."""
    sides = [
        [run_of_imported(one, arm=arm, number=number) for number, one in enumerate(side)]
        for arm, side in (("before", before), ("after", after))
    ]
    return next(judge_unpaired(sides[0], sides[1], TERMS)).comparison


def p50(of: Imported) -> Quantile:
    return next(one for one in of.quantiles if one.q == 0.5)


def exact(of: Imported) -> Imported:
    """The same figure as if it had been read to its last digit."""
    found = p50(of)
    return replace(of, quantiles=(replace(found, low_s=found.value_s, high_s=found.value_s),))


def test_percentiles_of_fine_fortio_files_come_with_the_brackets_of_their_buckets() -> None:
    (found,) = records(fortio(np.linspace(6e-3, 9e-3, 3000)))
    assert (p50(found).low_s, p50(found).high_s) == pytest.approx((5e-3, 7.5e-3), rel=0.25)
    assert p50(found).low_s < p50(found).value_s <= p50(found).high_s
    assert p50(found).high_s - p50(found).low_s > 0.15 * p50(found).value_s
    assert NoteKind.COARSE in imported_samples.kinds(found)


def test_a_five_percent_claim_at_seven_and_a_half_milliseconds_is_refused_for_resolution() -> None:
    before, after = session(7.3e-3, 1), session(7.3e-3 * 1.05, 2)
    found, sharp = claim(before, after), claim([exact(one) for one in before], [exact(one) for one in after])
    assert sharp.verdict is Verdict.WORSE
    assert found.verdict is Verdict.INCONCLUSIVE and "(resolution)" in found.reason
    assert found.rounds_needed is None and "buckets" in found.ratio.method
    assert found.ratio.low < 1 < found.ratio.high


def test_a_claim_that_is_wider_than_the_buckets_stands() -> None:
    assert claim(session(3.5e-3, 3), session(8.5e-3, 4)).verdict is Verdict.WORSE


def test_compare_shows_the_brackets_and_claims_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(5)
    for name, median in (("before", 7.3e-3), ("after", 7.3e-3 * 1.05)):
        (tmp_path / f"{name}.json").write_bytes(fortio(median * np.exp(rng.normal(size=4000) * 0.05)))
    assert main(["compare", str(tmp_path / "before.json"), str(tmp_path / "after.json"), "--json"]) == 4
    (found,) = json.loads(capsys.readouterr().out)["comparisons"]
    assert {one["verdict"] for one in found["metrics"]} == {"not comparable"}
    assert main(["import", str(tmp_path / "before.json"), "--no-store"]) == 0
    assert "7.5 ms]" in capsys.readouterr().out


@pytest.mark.needs_shared
def test_a_real_fine_fortio_file_has_brackets_and_supports_no_five_percent_claim() -> None:
    (found,) = records((SHARED / "generators" / "fortio" / "http-r1us.json").read_bytes())
    assert all(one.low_s < one.value_s < one.high_s for one in found.quantiles)
    middle = p50(found)
    assert (middle.low_s, middle.high_s) == pytest.approx((160e-6, 180e-6))
    dearer = replace(found, quantiles=(replace(middle, value_s=middle.value_s * 1.05),))
    lucks = (0.999, 1.0, 1.001, 0.9995, 1.0005, 1.0002)

    def runs(of: Imported, *, sharp: bool) -> list[Imported]:
        figure = p50(exact(of) if sharp else of)
        return [replace(of, quantiles=(replace(figure, value_s=figure.value_s * luck),)) for luck in lucks]

    assert claim(runs(found, sharp=True), runs(dearer, sharp=True)).verdict is Verdict.WORSE
    refused = claim(runs(found, sharp=False), runs(dearer, sharp=False))
    assert refused.verdict is Verdict.INCONCLUSIVE and "(resolution)" in refused.reason


TABLE = (
    # mesh, connections, requests per second, p50 in ms
    ("none", 32, 157.0, 202.0),
    ("none", 64, 160.0, 397.0),
    ("linkerd", 32, 147.0, 216.0),
    ("linkerd", 64, 149.0, 426.0),
    ("istio", 32, 120.0, 264.5),
    ("istio", 64, 121.0, 525.0),
)
"""A published kind of table: a closed loop at full speed, so that its column of latencies follows from the others."""


def wrk(connections: int, rate: float, p50_ms: float) -> str:
    """What wrk prints of such a cell."""
    requests = round(rate * 100)
    return (
        "Running 2m test @ http://10.0.0.1:8080/productpage\n"
        f"  2 threads and {connections} connections\n"
        "  Thread Stats   Avg      Stdev     Max   +/- Stdev\n"
        f"    Latency   {p50_ms:.2f}ms    9.11ms {p50_ms * 1.4:.2f}ms   90.10%\n"
        f"    Req/Sec    {rate / 2:.2f}     11.00    {rate:.2f}     71.00%\n"
        "  Latency Distribution\n"
        f"     50%  {p50_ms:.2f}ms\n     75%  {p50_ms * 1.05:.2f}ms\n"
        f"     90%  {p50_ms * 1.1:.2f}ms\n     99%  {p50_ms * 1.3:.2f}ms\n"
        f"  {requests} requests in 100.00s, 11.44MB read\n"
        f"Requests/sec:  {rate:.2f}\nTransfer/sec:      1.14MB\n"
    )


@pytest.mark.parametrize(("mesh", "connections", "rate", "p50_ms"), TABLE)
def test_every_cell_of_a_closed_loop_table_is_noted_as_implied_by_its_throughput(
    mesh: str, connections: int, rate: float, p50_ms: float
) -> None:
    (found,) = records(wrk(connections, rate, p50_ms))
    (note,) = [note for note in found.notes if note.kind is NoteKind.LITTLES_LAW]
    assert "connections / rate" in note.text and "implied by the throughput" in note.text, mesh
    assert note.figures["connections_by_rate"] == pytest.approx(connections / rate)


def test_a_latency_that_the_throughput_does_not_imply_is_not_noted() -> None:
    (found,) = records(wrk(32, 157.0, 90.0))
    assert NoteKind.LITTLES_LAW not in imported_samples.kinds(found)


def test_the_note_reaches_the_reader_of_an_import(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = []
    for mesh, connections, rate, p50_ms in TABLE:
        path = tmp_path / f"{mesh}-{connections}.txt"
        path.write_text(wrk(connections, rate, p50_ms))
        files.append(str(path))
    assert main(["import", *files, "--no-store"]) == 0
    said = capsys.readouterr()
    told = " ".join((said.out + said.err).split())
    assert told.count("latency is implied by the throughput") == len(TABLE)


@pytest.mark.needs_shared
@pytest.mark.parametrize(("tool", "name"), [("wrk", "latency.txt"), ("h2load", "h1.txt")])
def test_real_closed_loops_at_full_speed_are_noted(tool: str, name: str) -> None:
    (found,) = records((SHARED / "generators" / tool / name).read_bytes())
    assert NoteKind.LITTLES_LAW in imported_samples.kinds(found)
