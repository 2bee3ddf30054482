"""A run for people: rates, percentile bars, what failed, connections, and what the generator says of itself."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from meshperf.histograms import Histogram
from meshperf.spec.records import FactValue, RunResult
from meshperf.units import Unit, format_quantity

__all__ = ["summarise"]

_BAR = 30
_QUANTILES = (0.5, 0.75, 0.9, 0.99, 0.999)
_GRPC_STATUSES = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip


def summarise(run: RunResult, console: Console) -> None:
    """Print a run. Every line is whole, so that it can be searched for."""
    health = run.generator
    for line in (*_rates(run), *_failures(run)):
        console.print(line, markup=False, soft_wrap=True)
    if run.response.total:
        due = _fact(run, "load.latency_origin") == "intended send" if health.resolution else run.offered_rps is not None
        origin = "from when it was due" if due else "from its send"
        console.print(f"response time, {origin}", markup=False, soft_wrap=True)
        console.print(_percentiles(run.response))
    for line in (*_datagrams(run), *_connections(run), *_generator(run)):
        console.print(line, markup=False, soft_wrap=True)
    for warning in run.warnings:
        console.print(f"warning[{warning.kind.value}]: {warning.text}", markup=False, soft_wrap=True)
    reasons = f": {'; '.join(run.validity.reasons)}" if run.validity.reasons else ""
    console.print(f"verdict on the run: {run.validity.state.value}{reasons}", markup=False, soft_wrap=True)


def _rates(run: RunResult) -> Iterator[str]:
    offered = "closed loop" if run.offered_rps is None else f"{run.offered_rps:,.6g}/s offered"
    yield f"{run.achieved_rps:,.1f} replies/s ({offered}), {run.counts.ok:,} ok in {run.measured_s:.2f} s"
    yield _model(run)


def _model(run: RunResult) -> str:
    """How requests arrived, and over what: `open loop, constant arrivals; http1, 16 connections, pooled, …`."""
    arrivals, think = _fact(run, "load.arrivals"), _fact(run, "load.think_s")
    if arrivals == "closed":
        loop = f"closed loop, {_fact(run, 'load.in_flight')} under way"
        if isinstance(think, int | float) and think > 0:
            loop += f", thinking {format_quantity(float(think), Unit.SECONDS)}"
    else:
        loop = f"open loop, {arrivals} arrivals"
        stages = _fact(run, "load.stages")
        loop += f" ({stages})" if stages else ""
    connections, streams = _fact(run, "load.connections"), _fact(run, "load.streams")
    over = f"{_fact(run, 'load.protocol')}, {connections} connection{'' if connections == 1 else 's'}"
    if isinstance(streams, int) and streams > 1:
        over += f" x {streams} streams"
    mix = _fact(run, "load.mix")
    return f"{loop}; {over}, {_fact(run, 'load.connection_model')}" + (f"; {mix}" if mix else "")


def _fact(run: RunResult, path: str) -> FactValue:
    fact = run.facts.get(path)
    return fact.value if fact is not None and fact.known else None


def _failures(run: RunResult) -> Iterator[str]:
    counts = run.counts
    failed = {
        "errors": counts.errors,
        "timeouts": counts.timeouts,
        "unanswered at the end": counts.unanswered,
        "due but never sent": counts.not_sent,
    }
    told = [f"{count:,} {name}" for name, count in failed.items() if count]
    if not told:
        return
    classes = {
        **run.errors_by_reason,
        **{f"status {code}": count for code, count in run.errors_by_status.items()},
        **{f"gRPC {_grpc_status(code)}": count for code, count in run.errors_by_grpc_status.items()},
    }
    listed = ", ".join(f"{name}: {count:,}" for name, count in classes.items())
    yield f"failed: {', '.join(told)}" + (f" ({listed})" if listed else "")


def _grpc_status(code: str) -> str:
    known = code.isdecimal() and int(code) < len(_GRPC_STATUSES)
    return f"{code} {_GRPC_STATUSES[int(code)]}" if known else code


def _percentiles(response: Histogram) -> Table:
    """Quantiles that at least ten replies lie above, with bars on a common scale."""
    table = Table(box=None, show_header=False)
    values = response.quantile(list(_QUANTILES))
    shown = [
        (quantile, float(value))
        for quantile, value in zip(_QUANTILES, values, strict=True)
        if response.total * (1 - quantile) >= 10
    ]
    longest = max((value for _, value in shown), default=0.0)
    for quantile, value in shown:
        bar = "▇" * max(1, round(_BAR * value / longest)) if longest > 0 else ""
        table.add_row(f"p{quantile * 100:g}", format_quantity(value, Unit.SECONDS), bar)
    table.add_row("mean", format_quantity(response.mean(), Unit.SECONDS), "")
    table.add_row("max", format_quantity(response.maximum(), Unit.SECONDS), "")
    return table


def _datagrams(run: RunResult) -> Iterator[str]:
    seen = run.datagrams
    if seen is not None and seen.sent:
        yield (
            f"datagrams: {seen.sent:,} sent, {seen.lost:,} lost ({seen.lost / seen.sent:.3%}), "
            f"{seen.duplicates:,} duplicates, {seen.reordered:,} reordered, {seen.late:,} late"
        )


def _connections(run: RunResult) -> Iterator[str]:
    counts = run.connections
    if counts.get("opened"):
        line = f"connections: {counts['opened']:,} opened"
        line += f" ({counts['grown']:,} for due requests)" if counts.get("grown") else ""
        if counts.get("reopened"):
            line += f", {counts['reopened']:,} opened anew"
            line += f" ({counts['retired']:,} because the plan says so)" if counts.get("retired") else ""
        line += f", {counts['failed']:,} failed" if counts.get("failed") else ""
        yield line + _p50_p99(", connect", run.connect)
    handshakes = run.connections.get("tls_handshakes")
    if handshakes:
        agreed = [_fact(run, f"security.tls_{what}") for what in ("version", "cipher", "group", "alpn")]
        words = ", ".join(str(word) for word in agreed if word)
        resumed = run.connections.get("tls_resumed", 0)
        yield f"TLS: {handshakes:,} handshakes, {resumed:,} resumed ({words})" + _p50_p99(", handshake", run.handshake)


def _p50_p99(what: str, times: Histogram) -> str:
    if not times.total:
        return ""
    p50, p99 = times.quantile([0.5, 0.99])
    return f"{what} p50 {format_quantity(float(p50), Unit.SECONDS)}, p99 {format_quantity(float(p99), Unit.SECONDS)}"


def _generator(run: RunResult) -> Iterator[str]:
    health = run.generator
    if health.pacing_error.total:
        pacing = format_quantity(float(health.pacing_error.quantile(0.99)), Unit.SECONDS)
        own = format_quantity(float(health.client_delay.quantile(0.99)), Unit.SECONDS)
        yield f"pacing error p99 {pacing}, of it the generator's own {own}"
    if health.late_read.total:
        late = format_quantity(float(health.late_read.quantile(0.99)), Unit.SECONDS)
        yield f"replies waited {late} at p99 until they were read; {health.receive_clock} receive times"
    if health.dispersion_1ms is not None and run.offered_rps is not None:
        yield f"dispersion of what was sent, in 1 ms: {health.dispersion_1ms:.3g} (a Poisson process has 1)"
    if health.busy_share is not None:
        yield f"generator busy {health.busy_share:.0%} of its cores, wait: {health.wait}"
