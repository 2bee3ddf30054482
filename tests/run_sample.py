"""Single runs to draw reports of: one over time with all a generator can say, one over UDP, one that went wrong.

Test modules put this folder on `sys.path` to import it.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from meshperf.histograms import Histogram
from meshperf.spec.kinds import (
    CapacityOutcome,
    Kind,
    KindOutcome,
    ObjectiveReading,
    StepOutcome,
    StepState,
)
from meshperf.spec.records import (
    Counts,
    DatagramCounts,
    DesignLabels,
    Fact,
    GeneratorHealth,
    GuardReading,
    RunResult,
    RunSeries,
    Validity,
    ValidityState,
    Warning,
    WarningKind,
)

SECONDS = 20
HOSTILE = "<script>alert(1)</script>"
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def series(seconds: int = SECONDS, *, step_s: float = 1.0, begin_s: float = 0.0) -> tuple[RunSeries, ...]:
    """500 requests a second, with a stall in the middle: failures, a slow second, then none answered at all."""
    middle = seconds // 2
    ok = [0.0 if n == middle else 420.0 if n == middle - 1 else 500.0 for n in range(seconds)]
    times = [None if n == middle else 0.4 if n == middle - 1 else 0.002 + 1e-5 * n for n in range(seconds)]
    figures: dict[str, tuple[str, list[float | None]]] = {
        "offered": ("1", [500.0] * seconds),
        "ok": ("1", list(ok)),
        "failed": ("1", [500.0 - each for each in ok]),
        "p50": ("s", list(times)),
        "p90": ("s", [None if t is None else t * 1.5 for t in times]),
        "p99": ("s", [None if t is None else t * 3 for t in times]),
    }
    return tuple(
        RunSeries(metric=name, unit=unit, step_s=step_s, begin_s=begin_s, values=tuple(values))
        for name, (unit, values) in figures.items()
    )


def single(**changes: object) -> RunResult:
    """A run of `meshperf load` over HTTP/2 with everything in it."""
    rng = np.random.default_rng(5)
    counts = Counts(offered=10_000, sent=9_960, ok=9_420, errors=500, unanswered=40, not_sent=40)
    base = RunResult(
        run_id="load-0",
        experiment_id="0198a1b2",
        experiment="load",
        arm="load",
        start_time=START,
        end_time=START + timedelta(seconds=SECONDS),
        offered_rps=500.0,
        counts=counts,
        response=Histogram.from_values(rng.lognormal(math.log(0.002), 0.2, 9_420)),
        guards=(GuardReading(guard="steal", value=0.002, unit="1", warn_above=0.01, invalid_above=0.05, outcome="ok"),),
        measured_s=float(SECONDS),
        design=DesignLabels(design="single", seed=1),
        facts={
            "load.protocol": Fact(value="http2", source="plan"),
            "load.http_version": Fact(value="2", source="plan"),
            "load.arrivals": Fact(value="constant", source="plan"),
            "load.connections": Fact(value=4, source="plan"),
            "load.streams": Fact(value=10, source="plan"),
            "load.connection_model": Fact(value="pooled, last in first out, growing to 8", source="plan"),
            "load.receive_clock": Fact(value="kernel", source="generator"),
            "host.kernel": Fact(value="6.12.41", source="kernel"),
            "host.governor": Fact(unavailable="a virtual machine"),
        },
        generator=GeneratorHealth(
            version="0.1.0",
            pacing_error=Histogram.from_values(rng.exponential(4e-5, 9_960)),
            client_delay=Histogram.from_values(rng.exponential(9e-6, 9_960)),
            late_read=Histogram.from_values(rng.exponential(2e-5, 9_420)),
            receive_clock="kernel",
            busy_share=0.34,
            run_queue_share=0.031,
            dispersion_1ms=0.52,
            dispersion_10ms=0.08,
        ),
        errors_by_status={"503": 480},
        errors_by_reason={"reset": 20},
        errors_by_grpc_status={"UNAVAILABLE": 12},
        censored=Histogram.from_values([0.9] * 40 + [2.1] * 40),
        connections={"opened": 4, "reopened": 1, "failed": 0, "retired": 3, "grown": 2, "tls_resumed": 0},
        connect=Histogram.from_values([0.0002] * 4 + [0.0011]),
        series=series(),
        validity=Validity(state=ValidityState.NOT_SUSTAINED, reasons=("only 94.2% of the requests were answered",)),
        warnings=(
            Warning(kind=WarningKind.CENSORED, text="0.80% of the due requests were never answered or never sent"),
        ),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def sample_round() -> RunResult:
    """A run of one arm in one round of an experiment: it stands beside others and not by itself."""
    return single(arm="envoy", design=DesignLabels(design="interleaved", slice_s=0.1))


def udp() -> RunResult:
    return single(
        facts={"load.protocol": Fact(value="udp", source="plan")},
        datagrams=DatagramCounts(sent=9_960, lost=540, duplicates=7, reordered=31, late=2),
        validity=Validity(),
        warnings=(),
        errors_by_status={},
        errors_by_reason={},
        errors_by_grpc_status={},
    )


def step(label: str, rate: float, state: StepState, *, held: bool = True, reason: str = "") -> StepOutcome:
    reading = ObjectiveReading(
        objective="p99 <= 50ms", value=0.004 if held else 0.2, threshold=0.05, unit="s", held=held
    )
    return StepOutcome(
        label=label, state=state, offered_rps=rate, achieved_rps=rate if held else rate * 0.9, begin_s=0.0,
        duration_s=2.0, requests=int(rate * 2), failed=0 if held else 40, p50_s=0.001, p90_s=0.002,
        p99_s=reading.value, objectives=(reading,), busy={"workload": 0.61 if held else 0.99}, reason=reason,
    )  # fmt: skip


def capacity() -> RunResult:
    """A capacity search that found 990 to 1 010 requests a second."""
    outcome = KindOutcome(
        kind=Kind.CAPACITY,
        counted="the five confirming steps below the boundary",
        steps=(
            step("search", 500, StepState.HELD),
            step("search", 1_500, StepState.FAILED, held=False),
            step("search", 1_000, StepState.CLIENT_LIMITED, reason="the generator sent 3 ms late"),
        ),
        capacity=CapacityOutcome(
            low_rps=990.0, high_rps=1_010.0, estimate_rps=999.95, answer="interval", limiting="workload",
            limiting_busy=0.99, confirmed_below=5, asked_below=5, confirmed_above=5, asked_above=5, strays=1,
            broken_objectives=("p99 <= 50ms",), confirmed=True, rule="Five of five steps held below and failed above.",
        ),
    )  # fmt: skip
    return single(kind=outcome, validity=Validity(), warnings=())


def hostile() -> RunResult:
    """Nothing measured, and names that would like to be markup."""
    return single(
        arm=f"{HOSTILE}|`x`[red]\x1b[31m\u202e",
        experiment=HOSTILE,
        response=Histogram.from_values([]),
        service=Histogram.from_values([]),
        censored=Histogram.from_values([]),
        counts=Counts(),
        measured_s=0.0,
        offered_rps=None,
        facts={HOSTILE: Fact(value=HOSTILE, source=HOSTILE), "load.mix": Fact(value=HOSTILE)},
        generator=GeneratorHealth(),
        connections={},
        series=(RunSeries(metric="p50", unit="s", step_s=1.0, values=(None, None)),),
        errors_by_reason={HOSTILE: 3},
        validity=Validity(state=ValidityState.INVALID, reasons=(HOSTILE,)),
        warnings=(Warning(kind=WarningKind.ERRORS, text=HOSTILE),),
    )
