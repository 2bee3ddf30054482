"""What each load generator on this machine can be believed for, tried on workloads whose truth is known.

Three of them: one that answers at once, one that waits 300 us, and one that stops for 200 ms in every second. Each
generator is offered the same load on few connections, so that a generator which waits for its replies sends nothing
while the workload stops, and shows it: with q the share and rho the offered rate by the capacity, the true quantile is

    S - (1 - q) P (1 - rho)        S = 200 ms, P = 1 s

The capacity is measured just before by a closed loop. What follows in words is a pure function of the readings.
"""

from __future__ import annotations

import contextlib
import http.client
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from meshperf.environments.local import LocalSite
from meshperf.errors import MeshperfError
from meshperf.experiment.single import run_single
from meshperf.load.adapters.base import Adapter
from meshperf.load.adapters.finding import find, installed
from meshperf.load.adapters.registry import adapters
from meshperf.load.plan import Protocol, Target
from meshperf.load.targets import requested
from meshperf.spec.experiment import LoadPoint, Workload
from meshperf.spec.experiment_load import GrpcRequest
from meshperf.spec.generators import OWN
from meshperf.spec.records import RunResult
from meshperf.workloads import start_echo

__all__ = ["RATE", "Trial", "Words", "believed", "p99_theory_s", "present", "try_generators"]

RATE = 1000.0
CONNECTIONS = 4
DELAY_S = 300e-6
STALL_S, PERIOD_S = 0.2, 1.0
PLAIN_S, STALLED_S = 2.0, 4.0
KEPT = 0.99
"""Share of the offered rate from which on it is kept."""
MEDIAN_S = 0.2e-3
"""A median may lie so far above the delay: the way there and back, and a timer."""
TAIL = 0.10
"""A p99 may lie so far from the theory, by its value."""
_WORKLOADS = {
    "plain": Workload(response_bytes=16),
    "delay": Workload(response_bytes=16, service_time="300us"),
    "stall": Workload(response_bytes=16, stall=(STALL_S, PERIOD_S)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What one generator said of the three workloads. None: it could not be asked, or has no such figure."""

    generator: str
    version: str | None = None
    paced: bool = True
    """It was offered a rate; otherwise it ran a closed loop."""
    kept: float | None = None
    """Achieved by offered rate on the plain workload."""
    plain_rps: float | None = None
    p50_error_s: float | None = None
    """Its median of the workload that waits, less the wait [s]."""
    stall_p99_s: float | None = None
    stall_theory_s: float | None = None
    stall_kept: float | None = None
    origin: str = ""
    failure: str = ""
    """Why it could not be tried to the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What follows from a trial."""

    believe: tuple[str, ...]
    doubt: tuple[str, ...]
    omits: bool | None
    """Whether requests that a stall held back are missing from its latencies; None: not known."""


def believed(trial: Trial) -> Words:
    """What a generator can be believed for, by its readings."""
    believe: list[str] = []
    doubt: list[str] = []
    if trial.paced and trial.kept is not None:
        (believe if trial.kept >= KEPT else doubt).append("the rate" if trial.kept >= KEPT else _rate_missed(trial))
    elif not trial.paced and trial.plain_rps:
        believe.append("throughput of a closed loop")
    if trial.p50_error_s is not None:
        if abs(trial.p50_error_s) <= MEDIAN_S:
            believe.append("medians")
        else:
            doubt.append(f"medians below {abs(trial.p50_error_s) * 1e4:.0f} ms")
    omits = _omits(trial)
    if omits is not None:
        (doubt if omits else believe).append("tails")
    return Words(believe=tuple(believe), doubt=tuple(doubt), omits=omits)


def _rate_missed(trial: Trial) -> str:
    return f"the rate ({trial.kept:.1%} of it)"


def _omits(trial: Trial) -> bool | None:
    if not trial.paced:
        return True  # a closed loop sends nothing that could wait
    if trial.stall_p99_s is None or trial.stall_theory_s is None:
        return None
    off = abs(trial.stall_p99_s / trial.stall_theory_s - 1)
    return off > TAIL or (trial.stall_kept is not None and trial.stall_kept < KEPT)


def p99_theory_s(rate: float, capacity: float) -> float:
    """The true p99 under the stall [s], for a server that answers `capacity` requests per second when it does."""
    return max(0.0, STALL_S - 0.01 * PERIOD_S * (1 - rate / capacity))


def present() -> tuple[Sequence[Adapter], Mapping[str, str]]:
    """Adapters whose tool is on this machine; and of the others, how to get them.

    Raises:
        PrerequisiteError: MP3006, a variable names something that cannot be run.
    """
    found = [adapter for adapter in adapters() if find(adapter) is not None]
    missing = {adapter.name: adapter.install for adapter in adapters() if adapter not in found}
    return found, missing


def try_generators(
    names: Sequence[str], *, state_dir: Path, rate: float = RATE, note: Callable[[str], None] = lambda text: None
) -> tuple[Trial, ...]:
    """Try generators one after the other, about ten seconds each.

    Raises:
        DeploymentError, PrerequisiteError: the workload could not be started.
    """
    with LocalSite.open("generators", None, state_dir) as site:
        addresses = {}
        for name, workload in _WORKLOADS.items():
            _, endpoint = start_echo(site, workload, name=name, host=name)
            addresses[name] = endpoint.address
        note("capacity of the workload, by a closed loop")
        capacity = _run(OWN, addresses["plain"], None, 1.0).achieved_rps
        theory_s = p99_theory_s(rate, capacity) if capacity > rate else None
        trials = []
        for name in names:
            note(f"trying {name}")
            trials.append(_tried(name, addresses, rate, theory_s))
        return tuple(trials)


def _tried(name: str, addresses: Mapping[str, str], rate: float, theory_s: float | None) -> Trial:
    adapter = next((one for one in adapters() if one.name == name), None)
    paced = adapter is None or adapter.abilities.paced
    least_s = 0.0 if adapter is None else adapter.abilities.least_s
    version: str | None = None
    runs: dict[str, RunResult] = {}
    failure = ""
    try:
        if adapter is not None:
            version = installed(adapter).version
        for what, seconds in (("plain", PLAIN_S), ("delay", PLAIN_S), ("stall", STALLED_S)):
            if what == "stall":
                await_stall(addresses[what])
            runs[what] = _run(name, addresses[what], rate if paced else None, max(seconds, math.ceil(least_s)))
    except MeshperfError as failed:
        failure = failed.message
    plain, delay, stall = (runs.get(what) for what in ("plain", "delay", "stall"))
    origin = plain.facts["load.latency_origin"].value if plain is not None else ""
    grpc = name != OWN and Protocol.HTTP1 not in _protocols(name)
    return Trial(
        generator=name,
        version=version if adapter is not None else (plain.generator.version if plain is not None else None),
        paced=paced,
        kept=_kept(plain) if paced else None,
        plain_rps=plain.achieved_rps if plain is not None else None,
        # The workload answers gRPC calls without the wait.
        p50_error_s=None if grpc else _less(_quantile(delay, 0.5), DELAY_S),
        stall_p99_s=_quantile(stall, 0.99),
        stall_theory_s=theory_s if paced else None,
        stall_kept=_kept(stall) if paced else None,
        origin=str(origin or ""),
        failure=failure,
    )


def _run(name: str, address: str, rate: float | None, seconds: float) -> RunResult:
    grpc = name != OWN and Protocol.HTTP1 not in _protocols(name)
    point = LoadPoint(
        generator=name,
        protocol="grpc" if grpc else "http1",
        grpc=GrpcRequest() if grpc else None,
        arrivals="closed" if rate is None else "constant",
        rate=rate,
        connections=CONNECTIONS,
        warmup_s=0.0,
        duration_s=seconds,
    )
    target = requested(Target(name=name, address=address, host=address), point, name=name)
    run, interrupted = run_single(target, point, name=name, host_facts={})
    if interrupted:
        raise KeyboardInterrupt
    return run


def await_stall(address: str) -> None:
    """Return just after the workload stopped and went on, so that a run of whole periods ends while it answers."""
    host, _, port = address.rpartition(":")
    deadline = time.monotonic() + 3 * PERIOD_S
    connection = http.client.HTTPConnection(host, int(port), timeout=5.0)
    with contextlib.closing(connection):
        while time.monotonic() < deadline:
            asked = time.monotonic()
            connection.request("GET", "/")
            connection.getresponse().read()
            if time.monotonic() - asked > STALL_S / 4:
                return
            time.sleep(0.002)


def _protocols(name: str) -> frozenset[Protocol]:
    return next(one.abilities.protocols for one in adapters() if one.name == name)


def _kept(run: RunResult | None) -> float | None:
    """Replies by what was due."""
    return run.counts.ok / run.counts.offered if run is not None and run.counts.offered else None


def _quantile(run: RunResult | None, q: float) -> float | None:
    return float(run.response.quantile(q)) if run is not None and run.response.total else None


def _less(value: float | None, other: float) -> float | None:
    return None if value is None else value - other
