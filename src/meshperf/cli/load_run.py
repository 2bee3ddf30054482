"""The phases of `meshperf load`: options to a target and a load point, one run, one summary."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rich.console import Console
from rich.table import Table

from meshperf.cli.output import consoles
from meshperf.cli.progress import ExperimentProgress
from meshperf.environments import HostReader
from meshperf.errors import ExitCode, TargetError, UsageError
from meshperf.experiment.events import Event, figures
from meshperf.experiment.single import run_single
from meshperf.load.plan import TlsSettings, WaitMode
from meshperf.load.recording import Progress
from meshperf.load.url import target_from_url
from meshperf.spec.experiment import LoadPoint
from meshperf.spec.records import RunResult
from meshperf.spec.smp import result_to_document
from meshperf.units import Seconds, Unit, format_quantity, parse_duration

__all__ = ["LoadOptions", "run_load", "summarise"]

_BAR = 30
_QUANTILES = (0.5, 0.75, 0.9, 0.99, 0.999)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """The options of the verb, as click hands them over."""

    rate: float | None
    arrivals: str | None
    connections: int
    duration: str
    warmup: str
    protocol: str
    method: str
    headers: tuple[str, ...]
    body: BinaryIO | None
    timeout: str
    ca: Path | None
    cert: Path | None
    key: Path | None
    server_name: str | None
    server_identity: str | None
    insecure: bool
    workers: int
    wait: str
    seed: int
    allowed: tuple[str, ...]
    as_json: bool


def run_load(url: str, options: LoadOptions) -> int:
    """Run one load test and print it. Returns the exit code: 0 valid, 4 not valid, 130 broken off."""
    point = _load_point(options)
    target = target_from_url(
        url,
        connections=options.connections,
        timeout_s=point.timeout_s,
        method=options.method,
        headers=point.headers,
        body=point.body,
        tls=_tls(options),
        allowed=options.allowed,
    )
    to_show, to_tell = consoles()
    total = point.warmup_s + point.duration_s
    with ExperimentProgress(to_tell) as progress:

        def show(stage: str, seen: Progress) -> None:
            left = max(0.0, total - seen.elapsed_s)
            progress.show(
                Event(
                    stage=stage,
                    round=1,
                    rounds=1,
                    elapsed_s=seen.elapsed_s,
                    left_s=left,
                    **figures(seen, seen.elapsed_s),
                )
            )

        run, interrupted = run_single(
            target,
            point,
            name="load",
            host_facts=HostReader().facts(),
            workers=options.workers,
            wait=WaitMode(options.wait),
            seed=options.seed,
            on_progress=show,
        )
    if options.as_json:
        sys.stdout.write(json.dumps(result_to_document(run), indent=2) + "\n")
    else:
        summarise(run, to_show)
    if interrupted:
        return ExitCode.INTERRUPTED
    if not run.response.total and run.counts.errors:
        reasons = ", ".join(f"{name} {count}" for name, count in run.errors_by_reason.items())
        raise TargetError("MP5302", f"not one reply was a success: {reasons or run.errors_by_status}", hint="see above")
    return ExitCode.OK if run.validity.ok else ExitCode.NOT_COMPARABLE


def _load_point(options: LoadOptions) -> LoadPoint:
    arrivals = options.arrivals or ("closed" if options.rate is None else "constant")
    if arrivals == "closed" and options.rate is not None:
        raise UsageError("MP1002", "a closed loop has no offered rate", hint="leave --rate out, or --arrivals constant")
    if arrivals != "closed":
        if options.rate is None:
            raise UsageError("MP1002", f"{arrivals} arrivals need --rate", hint="add --rate, requests per second")
        if not 0 < options.rate < float("inf"):
            raise UsageError(
                "MP1001",
                f"--rate must be a number greater than 0, found {options.rate}",
                hint="for as many requests as possible write --arrivals closed and leave --rate out",
            )
    return LoadPoint(
        protocol=options.protocol,
        rate=options.rate,
        connections=options.connections,
        arrivals=arrivals,
        warmup_s=_duration("--warmup", options.warmup, zero=True),
        duration_s=_duration("--duration", options.duration),
        timeout_s=_duration("--timeout", options.timeout),
        method=options.method,
        headers=tuple(_header(text, number) for number, text in enumerate(options.headers, start=1)),
        body=options.body.read() if options.body is not None else b"",
    )


def _duration(name: str, text: str, *, zero: bool = False) -> Seconds:
    try:
        value = parse_duration(text)
    except ValueError as problem:
        raise UsageError("MP1001", f"{name}: {problem}") from problem
    if value < 0 or (value == 0.0 and not zero):
        raise UsageError("MP1001", f"{name} must be longer than 0")
    return value


def _header(text: str, number: int) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or any(c in text for c in "\r\n\0"):
        # The text is not repeated: it may be a credential.
        raise UsageError("MP1001", f"--header number {number} is not a header", hint="write --header 'name: value'")
    return name.strip(), value.strip()


def _tls(options: LoadOptions) -> TlsSettings | None:
    if (options.cert is None) != (options.key is None):
        raise UsageError("MP1002", "--cert and --key go together")
    return TlsSettings(
        ca_pem=_pem(options.ca) or "",
        server_name=options.server_name,
        server_identity=options.server_identity,
        certificate_pem=_pem(options.cert),
        key_pem=_pem(options.key),
        verify=not options.insecure,
        minimum_version="1.2",
    )


def _pem(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError("MP1001", f"{path} cannot be read as PEM: {problem}") from problem


def summarise(run: RunResult, console: Console) -> None:
    """The run for people: rates, percentile bars, what failed, and what the generator says of itself."""
    counts = run.counts
    offered = "closed loop" if run.offered_rps is None else f"{run.offered_rps:g}/s offered"
    console.print(
        f"{run.achieved_rps:,.1f} replies/s ({offered}), {counts.ok:,} ok in {run.measured_s:.2f} s", markup=False
    )
    failed = {
        "errors": counts.errors,
        "timeouts": counts.timeouts,
        "unanswered at the end": counts.unanswered,
        "due but never sent": counts.not_sent,
    }
    told = [f"{count} {name}" for name, count in failed.items() if count]
    reasons = {**run.errors_by_reason, **{f"status {code}": count for code, count in run.errors_by_status.items()}}
    if told:
        listed = ", ".join(f"{name}: {count}" for name, count in reasons.items())
        console.print(f"failed: {', '.join(told)}" + (f" ({listed})" if listed else ""), markup=False)
    if run.response.total:
        origin = "from when it was due" if run.offered_rps is not None else "from its send"
        table = Table(title=f"response time, {origin}", box=None, show_header=False, title_justify="left")
        values = run.response.quantile(list(_QUANTILES))
        for quantile, value in zip(_QUANTILES, values, strict=True):
            if run.response.total * (1 - quantile) < 10:
                continue
            bar = "▇" * max(1, round(_BAR * float(value) / float(values[-1])))
            table.add_row(f"p{quantile * 100:g}", format_quantity(float(value), Unit.SECONDS), bar)
        table.add_row("mean", format_quantity(run.response.mean(), Unit.SECONDS), "")
        table.add_row("max", format_quantity(run.response.maximum(), Unit.SECONDS), "")
        console.print(table)
    if run.generator.pacing_error.total:
        pacing = format_quantity(float(run.generator.pacing_error.quantile(0.99)), Unit.SECONDS)
        own = format_quantity(float(run.generator.client_delay.quantile(0.99)), Unit.SECONDS)
        console.print(f"pacing error p99 {pacing}, of it the generator's own {own}", markup=False)
    if run.generator.busy_share is not None:
        console.print(
            f"generator busy {run.generator.busy_share:.0%} of its cores, wait: {run.generator.wait}", markup=False
        )
    for warning in run.warnings:
        console.print(f"warning[{warning.kind.value}]: {warning.text}", markup=False)
    reasons_text = f": {'; '.join(run.validity.reasons)}" if run.validity.reasons else ""
    console.print(f"verdict on the run: {run.validity.state.value}{reasons_text}", markup=False)
