"""What the load generator says of itself, so that nobody takes its own slowness for the target's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from meshperf.histograms import Histogram, merge
from meshperf.report import wording
from meshperf.report.tables import Column, Table, cells
from meshperf.spec.records import RunResult
from meshperf.units import Unit

__all__ = ["connections", "health"]

_NONE = "none recorded"


def health(of: Sequence[RunResult]) -> Table:
    """How truthful the generator was, an arm a column: quantiles over all of its runs, shares and indexes at worst."""
    arms = _by_arm(of)
    rows: list[tuple[str, Callable[[Sequence[RunResult]], str]]] = [
        ("receive times taken by", lambda runs: wording.listing(sorted({_clock(run) for run in runs}))),
        ("pacing error p99", lambda runs: _p99(run.generator.pacing_error for run in runs)),
        ("of it the generator's own p99", lambda runs: _p99(run.generator.client_delay for run in runs)),
        ("replies read late p99", lambda runs: _p99(run.generator.late_read for run in runs)),
        ("busy, worst run", lambda runs: _worst_share([run.generator.busy_share for run in runs])),
        ("waited for a core, worst run", lambda runs: _worst_share([run.generator.run_queue_share for run in runs])),
        ("steal of the node, worst reading", lambda runs: _worst_share([n.steal_share for r in runs for n in r.noise])),
        ("dispersion of sends at 1 ms", lambda runs: _worst([run.generator.dispersion_1ms for run in runs])),
        ("dispersion of sends at 10 ms", lambda runs: _worst([run.generator.dispersion_10ms for run in runs])),
        ("end never seen", lambda runs: _censored(runs)),
    ]
    return Table(
        caption="The load generator on itself",
        columns=(Column(title="figure"), *(Column(title=wording.clean(arm), figures=True) for arm in arms)),
        rows=tuple(cells(name, *(figure(runs) for runs in arms.values())) for name, figure in rows) if arms else (),
        note="Dispersion is variance by mean of what was sent in a window: 0 is even, 1 a Poisson process. "
        "Requests whose end was never seen are counted with the least time they can have taken.",
    )


def connections(of: Sequence[RunResult]) -> Table:
    """What became of the connections, and how long connecting took, an arm a row."""
    rows = []
    for arm, runs in _by_arm(of).items():
        if not any(run.connections for run in runs):
            continue
        count = {name: sum(run.connections.get(name, 0) for run in runs) for name in _COUNTED}
        connect, handshake = (merge(getattr(run, name) for run in runs) for name in ("connect", "handshake"))
        rows.append(
            cells(
                wording.clean(arm),
                *(wording.count(count[name]) for name in _COUNTED),
                _two(connect),
                _two(handshake),
            )
        )
    columns = (
        Column(title="arm"),
        *(Column(title=title, figures=True) for title in _COUNTED.values()),
        Column(title="connecting, p50 and p99", figures=True),
        Column(title="TLS handshake, p50 and p99", figures=True),
    )
    return Table(caption="Connections", columns=columns, rows=tuple(rows))


_COUNTED = {
    "opened": "opened",
    "reopened": "opened anew",
    "failed": "failed",
    "retired": "closed by plan",
    "grown": "opened on demand",
    "tls_resumed": "TLS resumed",
}


def _clock(run: RunResult) -> str:
    known = {"kernel": "the kernel", "user": "the worker"}
    return known.get(run.generator.receive_clock, wording.clean(run.generator.receive_clock))


def _by_arm(of: Sequence[RunResult]) -> dict[str, list[RunResult]]:
    arms: dict[str, list[RunResult]] = {}
    for run in of:
        if run.twin == 0:
            arms.setdefault(run.arm, []).append(run)
    return arms


def _p99(histograms: Iterable[Histogram]) -> str:
    merged = merge(histograms)
    return wording.quantity(float(merged.quantile(0.99)), Unit.SECONDS) if merged.total else _NONE


def _two(times: Histogram) -> str:
    if not times.total:
        return "none"
    p50, p99 = (wording.quantity(float(value), Unit.SECONDS) for value in times.quantile([0.5, 0.99]))
    return f"{p50}, {p99}"


def _worst_share(shares: Sequence[float | None]) -> str:
    known = [share for share in shares if share is not None]
    return wording.share(max(known)) if known else _NONE


def _worst(figures: Sequence[float | None]) -> str:
    known = [figure for figure in figures if figure is not None]
    return f"{max(known):.2f}" if known else _NONE


def _censored(runs: Sequence[RunResult]) -> str:
    unseen = sum(run.counts.unanswered + run.counts.not_sent for run in runs)
    longest = merge(run.censored for run in runs).maximum()
    least = f", up to {wording.quantity(longest, Unit.SECONDS)} and more" if unseen and longest > 0 else ""
    return f"{wording.count(unseen)} of {wording.count(sum(run.counts.offered for run in runs))}{least}"
