"""Comparisons and runs to draw reports of, simulated from a seed: a clean one and an ugly one.

The figures follow from the simulated rounds by plain arithmetic here, so a report can be checked against them.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np

from meshperf.analysis.records import (
    ArmSummary,
    Comparability,
    Comparison,
    ComponentCost,
    Estimate,
    MetricComparison,
    NoiseFloor,
    ObjectiveOutcome,
    RoundFigure,
    Verdict,
    Violation,
)
from meshperf.histograms import Histogram
from meshperf.spec.records import (
    Claim,
    Counts,
    DesignLabels,
    Fact,
    GeneratorHealth,
    GuardReading,
    RunResult,
    Validity,
    ValidityState,
    Warning,
    WarningKind,
)
from meshperf.units import Unit

HOSTILE = "<script>alert(1)</script>"
HOSTILE_ARM = f"{HOSTILE}|`x`[red]\x1b[31m\u202e"
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MEDIAN_S = {"baseline": 128e-6, "client-library": 151e-6, "envoy": 740e-6}
CPU_S = {
    "baseline": {"echo": 21e-6, "generator": 24e-6},
    "client-library": {"echo": 27e-6, "generator": 30e-6},
    "envoy": {"echo": 22e-6, "client-sidecar": 118e-6, "server-sidecar": 109e-6, "generator": 25e-6},
}
MEMORY_B = {
    "echo": 3.1 * 2**20,
    "generator": 11.4 * 2**20,
    "client-sidecar": 24.6 * 2**20,
    "server-sidecar": 23.9 * 2**20,
}
UNITS = {
    "p50": Unit.SECONDS,
    "p90": Unit.SECONDS,
    "p99": Unit.SECONDS,
    "mean": Unit.SECONDS,
    "cpu_per_request": Unit.CPU_SECONDS_PER_REQUEST,
    "memory": Unit.BYTES,
}
MARGINS = {"p50": 0.05, "p90": 0.1, "p99": 0.1, "mean": 0.05, "cpu_per_request": 0.05, "memory": 0.05}
FACTS = {
    "host.kernel": Fact(value="6.12.41", source="/proc/version"),
    "host.cpu.model": Fact(value="AMD EPYC 7B13", source="/proc/cpuinfo"),
    "host.cpu.count": Fact(value=2, source="sched_getaffinity"),
    "host.cpu.governor": Fact(unavailable="no cpufreq here: a virtual machine"),
    "host.memory_bytes": Fact(value=8_320_000_000, source="/proc/meminfo"),
    "host.turbo": Fact(unavailable="no MSR access"),
    "host.thp": Fact(value="madvise", source="/sys", observed=False),
}
EXPERIMENT = "experiment: what-does-a-sidecar-cost\nsubject: [mesh, client_library]\nrounds: 6\nseed: 1\n"
COMMAND = "meshperf run examples/quickstart.yaml --out out"


def estimate(values: list[float], unit: Unit, *, log: bool, method: str = "t interval over rounds") -> Estimate:
    """Mean with a t interval (two-sided 95 %), on logarithms when `log`."""
    data = np.log(values) if log else np.asarray(values)
    n, mean = len(values), float(np.mean(data))
    t = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571}.get(n, math.nan)
    half = t * float(np.std(data, ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    low, high = mean - half, mean + half
    if log:
        mean, low, high = math.exp(mean), math.exp(low), math.exp(high)
    return Estimate(value=mean, low=low, high=high, confidence=0.95, n=n, unit=unit, method=method)


def run(
    arm: str,
    number: int,
    *,
    median_s: float,
    rng: np.random.Generator,
    requests: int = 4000,
    twin: int = 0,
    **changes: object,
) -> RunResult:
    """One run: log-normal response times around `median_s` with a longer slow end."""
    body = rng.lognormal(math.log(median_s), 0.16, requests)
    slow = rng.random(requests) < 0.012
    response = Histogram.from_values(np.where(slow, body * rng.uniform(2, 9, requests), body))
    pacing = Histogram.from_values(rng.exponential(9e-6, requests))
    fields: dict[str, object] = {
        "run_id": f"{arm}-{twin}-{number}",
        "experiment_id": "0198a1b2",
        "experiment": "what-does-a-sidecar-cost",
        "arm": arm,
        "twin": twin,
        "round": number,
        "start_time": START + timedelta(minutes=number),
        "end_time": START + timedelta(minutes=number, seconds=30),
        "measured_s": requests / 500,
        "offered_rps": 500.0,
        "counts": Counts(offered=requests, sent=requests, ok=requests - 1, unanswered=1),
        "response": response,
        "design": DesignLabels(
            design="interleaved",
            slice_s=0.1,
            lead_in_s=0.01,
            guard_s=0.005,
            blocks=80,
            residents=("baseline", "baseline#2", "client-library", "envoy", "envoy#2"),
            seed=1,
            slice_chosen_by="pilot",
            co_resident_processes=9,
        ),
        "generator": GeneratorHealth(version="0.1.0", wait="hybrid", pacing_error=pacing, busy_share=0.21),
        "claims": (
            (
                Claim(
                    claim="mtls: strict",
                    held=True,
                    evidence="plaintext and a wrong identity were refused",
                    when="begin",
                ),
            )
            if arm == "envoy"
            else ()
        ),
        "guards": (
            GuardReading(
                guard="steal", value=0.002 + 0.001 * number, unit="1", warn_above=0.01, invalid_above=0.05, outcome="ok"
            ),
            GuardReading(
                guard="pacing error p99", value=44e-6, unit="s", warn_above=1e-4, invalid_above=1e-3, outcome="ok"
            ),
        ),
        "facts": {
            "load.protocol": Fact(value="http1"),
            "load.connections": Fact(value=16),
            "load.arrivals": Fact(value="poisson"),
        },
    }
    return RunResult(**{**fields, **changes})


def clean_runs(rounds: int = 6) -> list[RunResult]:
    rng = np.random.default_rng(7)
    made = []
    for number in range(rounds):
        weather = math.exp(rng.normal(0, 0.05))
        for arm, median in MEDIAN_S.items():
            for twin in (0, 1) if arm != "client-library" else (0,):
                made.append(
                    run(arm, number, median_s=median * weather * math.exp(rng.normal(0, 0.02)), rng=rng, twin=twin)
                )
    return made


def _value(of: RunResult, metric: str, rng: np.random.Generator) -> float:
    if metric == "cpu_per_request":
        return sum(v for k, v in CPU_S[of.arm].items() if k != "generator") * math.exp(rng.normal(0, 0.01))
    if metric == "memory":
        return sum(MEMORY_B[k] for k in CPU_S[of.arm] if k != "generator") * math.exp(rng.normal(0, 0.002))
    return of.response.mean() if metric == "mean" else float(of.response.quantile(float(metric[1:]) / 100))


@cache
def clean() -> tuple[Comparison, tuple[RunResult, ...]]:
    """Six rounds of baseline, client library and Envoy; class A, with twins of baseline and Envoy."""
    runs, rng = clean_runs(), np.random.default_rng(11)
    values = {(r.resident, r.round, m): _value(r, m, rng) for r in runs for m in UNITS}
    metrics = [_metric(arm, "baseline", metric, values) for arm in ("client-library", "envoy") for metric in UNITS]
    floors = [
        _floor(arm, metric, values) for arm in ("baseline", "envoy") for metric in ("p50", "p90", "cpu_per_request")
    ]
    comparison = Comparison(
        experiment="what-does-a-sidecar-cost",
        experiment_id="0198a1b2",
        load_point=0,
        baseline="baseline",
        subject=("mesh", "client_library"),
        comparability=Comparability(
            grade="A",
            subject=("mesh", "client_library"),
            subject_differences=(
                Violation(path="mesh.type", a="none", b="envoy", severity="EQ", why="mesh", fix=""),
                Violation(path="mesh.mtls", a=False, b=True, severity="EQ", why="mesh", fix=""),
            ),
            equal=("host.kernel", "host.cpu.model", "load.protocol", "load.connections", "workload.graph"),
            rules="meshperf-default 1 sha256:3f1c9a52",
        ),
        arms=tuple(_arm(resident, runs, values) for resident in dict.fromkeys(r.resident for r in runs)),
        metrics=tuple(metrics),
        noise_floors=tuple(floors),
        objectives=(
            ObjectiveOutcome(
                arm="envoy", objective="p90 <= 50ms", value=0.95e-3, threshold=0.05, unit=Unit.SECONDS, outcome="held"
            ),
            ObjectiveOutcome(
                arm="envoy", objective="errors <= 0.1%", value=0.00025, threshold=0.001, unit=Unit.RATIO, outcome="held"
            ),
        ),
        warnings=(
            Warning(kind=WarningKind.CORES_SHARED, text="Generator, proxies and workload share 2 cores"),
            Warning(kind=WarningKind.POOLED_TAIL, text="A round holds 4 000 requests per arm, p99 needs 10 000"),
        ),
        rounds=6,
    )
    return comparison, tuple(runs)


def _metric(arm: str, against: str, metric: str, values: dict) -> MetricComparison:
    rounds = sorted({n for _, n, _ in values})
    base = [values[against, n, metric] for n in rounds]
    mine = [values[arm, n, metric] for n in rounds]
    ratio = estimate([c / b for c, b in zip(mine, base, strict=True)], Unit.RATIO, log=True)
    margin = MARGINS[metric]
    pooled = metric == "p99"
    verdict = (
        Verdict.INCONCLUSIVE
        if pooled
        else Verdict.WORSE
        if ratio.low > 1
        else Verdict.EQUIVALENT
        if ratio.low > 1 / (1 + margin) and ratio.high < 1 + margin
        else Verdict.INCONCLUSIVE
    )
    return MetricComparison(
        arm=arm,
        against=against,
        metric=metric,
        unit=UNITS[metric],
        ratio=ratio,
        added=estimate([c - b for c, b in zip(mine, base, strict=True)], UNITS[metric], log=False),
        companion=ratio,
        within=estimate(
            [c / b for c, b in zip(mine, base, strict=True)], Unit.RATIO, log=True, method="centred ratio, jackknife"
        ),
        margin=margin,
        verdict=verdict,
        primary=metric in ("p50", "p90", "cpu_per_request"),
        pooled=pooled,
        p_adjusted=0.00004,
        rounds=tuple(
            RoundFigure(
                round=n, baseline=b, candidate=c, ratio=c / b, within_low=c / b * 0.98, within_high=c / b * 1.02
            )
            for n, b, c in zip(rounds, base, mine, strict=True)
        ),
        between_sd=0.021,
        within_sd=0.012,
    )


def _floor(arm: str, metric: str, values: dict) -> NoiseFloor:
    rounds = sorted({n for _, n, _ in values})
    ratio = estimate([values[f"{arm}#2", n, metric] / values[arm, n, metric] for n in rounds], Unit.RATIO, log=True)
    return NoiseFloor(
        arm=arm,
        metric=metric,
        ratio=ratio,
        floor=max(math.log(ratio.high / ratio.low) / 2, abs(math.log(ratio.value))),
        holds=ratio.low <= 1 <= ratio.high,
    )


def _arm(resident: str, runs: list[RunResult], values: dict) -> ArmSummary:
    own = [r for r in runs if r.resident == resident]
    arm = own[0].arm
    roles = {"echo": "app", "generator": "generator"}
    return ArmSummary(
        arm=arm,
        resident=resident,
        rounds=len(own),
        requests=sum(r.counts.offered for r in own),
        offered_rps=500.0,
        achieved_rps=float(np.mean([r.achieved_rps for r in own])),
        error_share=0.00025,
        figures={m: estimate([values[resident, r.round, m] for r in own], u, log=True) for m, u in UNITS.items()},
        pooled_quantiles_s={"p99": float(np.mean([r.response.quantile(0.99) for r in own]))},
        brings={"mesh.mtls": "TLS 1.3, SPIFFE identities pinned", "mesh.access_log": False} if arm == "envoy" else {},
        components=tuple(
            ComponentCost(
                component=name,
                role=roles.get(name, "sidecar"),
                cpu_s_per_request=estimate([cpu * 0.99, cpu, cpu * 1.01], Unit.CPU_SECONDS_PER_REQUEST, log=True),
                private_bytes=estimate([MEMORY_B[name] * 0.999, MEMORY_B[name]], Unit.BYTES, log=True),
                pss_bytes=MEMORY_B[name] * 1.1,
            )
            for name, cpu in CPU_S[arm].items()
        ),
    )


@cache
def ugly() -> tuple[Comparison, tuple[RunResult, ...]]:
    """Class X, one round, no valid candidate run, hostile names everywhere, NaN wherever a number may be missing."""
    rng, nan = np.random.default_rng(3), math.nan
    nothing = Estimate(value=nan, low=nan, high=nan, confidence=0.95, n=0, unit=Unit.RATIO)
    runs = [
        run(
            "baseline",
            0,
            median_s=1e-4,
            rng=rng,
            requests=50,
            offered_rps=None,
            facts={},
            guards=(),
            experiment=HOSTILE,
        ),
        run(
            HOSTILE_ARM,
            0,
            median_s=1e-3,
            rng=rng,
            requests=5,
            facts={},
            guards=(
                GuardReading(
                    guard=HOSTILE,
                    value=None,
                    unit="1",
                    warn_above=None,
                    invalid_above=0.1,
                    outcome="invalid",
                    unavailable="no /proc",
                ),
            ),
            claims=(Claim(claim=HOSTILE, held=False, evidence=HOSTILE, when="end"),),
            generator=GeneratorHealth(),
            validity=Validity(state=ValidityState.INVALID, reasons=(HOSTILE, "steal 31 %")),
            measured_s=0.0,
        ),
    ]
    component = ComponentCost(
        component=HOSTILE,
        role="sidecar",
        cpu_s_per_request=Estimate(
            value=nan, low=nan, high=nan, confidence=0.95, n=0, unit=Unit.CPU_SECONDS_PER_REQUEST
        ),
        private_bytes=Estimate(value=2.0**20, low=nan, high=nan, confidence=0.95, n=1, unit=Unit.BYTES),
    )
    comparison = Comparison(
        experiment=HOSTILE,
        experiment_id=HOSTILE,
        load_point=0,
        baseline="baseline",
        subject=(),
        comparability=Comparability(
            grade="X",
            subject=(),
            violations=(
                Violation(
                    path="host.kernel", a="6.1", b=HOSTILE, severity="EQ", why="kernels differ", fix="use one kernel"
                ),
            ),
            unknowns=(
                Violation(
                    path="mesh.mtls", a=None, b=True, severity="unknown-block", why="never seen", fix="observe it"
                ),
            ),
        ),
        arms=(
            ArmSummary(
                arm=HOSTILE_ARM,
                resident=HOSTILE_ARM,
                rounds=0,
                requests=0,
                offered_rps=None,
                achieved_rps=nan,
                error_share=nan,
                figures={"p50": Estimate(value=nan, low=nan, high=nan, confidence=0.95, n=0, unit=Unit.SECONDS)},
                brings={HOSTILE: HOSTILE, "nothing": None},
                components=(component,),
                invalid=(HOSTILE,),
            ),
        ),
        metrics=(
            MetricComparison(
                arm=HOSTILE_ARM,
                against="baseline",
                metric="p50",
                unit=Unit.SECONDS,
                ratio=nothing,
                added=Estimate(value=nan, low=nan, high=nan, confidence=0.95, n=0, unit=Unit.SECONDS),
                verdict=Verdict.NOT_COMPARABLE,
                reason=HOSTILE,
                rounds=(RoundFigure(round=0, baseline=1e-4, candidate=nan, ratio=nan, excluded=HOSTILE),),
            ),
        ),
        noise_floors=(NoiseFloor(arm=HOSTILE_ARM, metric="p50", ratio=nothing, floor=nan, holds=False),),
        objectives=(
            ObjectiveOutcome(
                arm=HOSTILE_ARM, objective=HOSTILE, value=None, threshold=0.05, unit=Unit.SECONDS, outcome="unknown"
            ),
        ),
        warnings=(Warning(kind=WarningKind.FEW_ROUNDS, text=HOSTILE),),
        rounds=1,
        rounds_excluded=(HOSTILE,),
        pilot=True,
    )
    return comparison, tuple(runs)


UGLY_FACTS = {HOSTILE: Fact(value=HOSTILE, source=HOSTILE), "host.x": Fact(), "host.nan": Fact(value=math.nan)}
