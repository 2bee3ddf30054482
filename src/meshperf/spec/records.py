"""What one run measured and what an experiment concluded, as frozen records in SI units.

These are the inside of meshperf: `load`, `telemetry` and `experiment` fill them, `analysis` judges them, `store` and
`report` show them. How they look in a file (SMP messages, milliseconds, dialects) is the business of the other
modules of this package. Unknown is `None`, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from meshperf.histograms import EMPTY, Histogram
from meshperf.spec.kinds import KindOutcome, ObjectiveReading
from meshperf.spec.validity import GuardReading, Validity, ValidityState, Warning, WarningKind

__all__ = [
    "Claim",
    "ComponentUsage",
    "Counts",
    "DatagramCounts",
    "DesignLabels",
    "Fact",
    "Facts",
    "GeneratorHealth",
    "GuardReading",
    "NoiseReading",
    "QuantileBounds",
    "RunResult",
    "RunSeries",
    "SliceRecord",
    "Validity",
    "ValidityState",
    "Warning",
    "WarningKind",
]

FactValue = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One observed property of environment, mesh, load or method: a value, or why there is none.

    `observed` tells a property that was seen at work (a cipher on the wire) from one that was only configured.
    """

    value: FactValue = None
    source: str = ""
    unavailable: str | None = None
    observed: bool = True

    @property
    def known(self) -> bool:
        return self.unavailable is None and self.value is not None


Facts = Mapping[str, Fact]
"""Facts by dotted path: `host.kernel`, `mesh.type`, `mesh.mtls`, `proxy.concurrency`, `load.protocol`, …"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What became of the requests of one phase. offered = ok + errors + timeouts + unanswered + not_sent.

    `offered`: due by the schedule (closed loop: sent). `sent`: written to a socket. `unanswered`: sent, no reply when
    the drain ended. `not_sent`: due, never sent. The last two are censored: only a lower bound of their time is known.
    """

    offered: int = 0
    sent: int = 0
    ok: int = 0
    errors: int = 0
    timeouts: int = 0
    unanswered: int = 0
    not_sent: int = 0
    bytes_out: int = 0
    bytes_in: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in self.__slots__})


@dataclass(frozen=True, slots=True, kw_only=True)
class DatagramCounts:
    """What became of the counted datagrams of a run over UDP. Loss is a result of the path, not a fault of the run."""

    sent: int = 0
    lost: int = 0
    """Not answered within the timeout, or not before the drain ended."""
    duplicates: int = 0
    """Answers to a datagram that was answered before."""
    reordered: int = 0
    """Answers that came after the answer to a later datagram of the same socket."""
    late: int = 0
    """Answers that came after their timeout; their datagrams are among the lost ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSeries:
    """One figure of a run over time.

    `values[i]` is of the requests due in [begin_s + i * step_s, begin_s + (i + 1) * step_s). The last interval
    ends where the counted window does, so a count in it may be of less time.
    """

    metric: str
    """offered, ok, failed (requests due in the interval), p50, p90 or p99 (response time, buckets 6 % wide)."""
    unit: str
    """`1` for counts, `s` for times."""
    step_s: float
    begin_s: float = 0.0
    """Since the start of the run's first counted window."""
    values: tuple[float | None, ...] = ()
    """None where an interval has too few replies for the figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceRecord:
    """A short stretch of one arm's load inside a round. Times are monotonic seconds since the round's origin.

    The counted window is [begin_s, end_s): requests whose intended start lies in it are counted, whenever answered.
    `cpu_s` holds CPU seconds per component from `begin_s` to `drained_s`, all threads.
    """

    position: int
    block: int
    begin_s: float
    end_s: float
    drained_s: float
    counts: Counts
    response: Histogram
    lead_in: Histogram = EMPTY
    cpu_s: Mapping[str, float] = field(default_factory=dict)
    drained: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Something an arm says of itself, tried out: `mtls: strict` means plaintext was refused. `when`: begin or end."""

    claim: str
    held: bool
    evidence: str
    when: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentUsage:
    """What one process used over the run. CPU over the counted windows only; memory at the end of the round."""

    component: str
    role: str
    """One of app, sidecar, generator, control-plane, node."""
    pid: int | None = None
    cpu_s: float | None = None
    requests: int | None = None
    """Counted requests that `cpu_s` was spent on."""
    pss_bytes: int | None = None
    private_bytes: int | None = None
    rss_bytes: int | None = None
    threads: int | None = None
    context_switches_voluntary: int | None = None
    """Context switches and bytes are of the whole measured stretch, lead-ins and the guards between slices included."""
    context_switches_involuntary: int | None = None
    bytes_in: int | None = None
    bytes_out: int | None = None
    unavailable: Mapping[str, str] = field(default_factory=dict)
    """Why a figure is missing, by field name."""
    served: int | None = None
    """Of a service: requests that reached it, over the stretch of the bytes; and for each one that the entry had."""
    served_per_entry: float | None = None
    calls: int | None = None
    """Calls that the service made to others, each once however often it was repeated."""
    calls_failed: int | None = None
    """Of these, those that failed with their last attempt."""
    interface_bytes_in: int | None = None
    """Of a service in a pod: whole frames on the pod's interface, its sidecar's too, over the stretch of the bytes."""
    interface_bytes_out: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantileBounds:
    """A quantile of the response times as another tool gave it [s], and the bounds between which the true one lies."""

    q: float
    value_s: float
    low_s: float
    high_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorHealth:
    """How truthful the load generator was. Shares are of wall time times workers, in [0, 1]; times in seconds."""

    name: str = "meshperf"
    version: str = ""
    build: str = "release"
    workers: int = 1
    wait: str = "hybrid"
    pacing_error: Histogram = EMPTY
    client_delay: Histogram = EMPTY
    """The generator's own part of the pacing error: sent minus the moment a connection and the due time allowed it."""
    busy_share: float | None = None
    spin_share: float | None = None
    run_queue_wait_s: float | None = None
    """Seconds that the workers were ready to run and waited for a core, over the whole measured stretch."""
    run_queue_share: float | None = None
    """The same as a share of the stretch times workers."""
    receive_clock: str = "user"
    """`kernel` or `user`: whether a reply counts as received when the kernel or when the worker had its last byte."""
    late_read: Histogram = EMPTY
    """From the kernel's receiving the last byte of a reply to the worker's reading it; empty without kernel times."""
    dispersion_1ms: float | None = None
    """Index of dispersion (variance by mean) of the requests sent in windows of 1 ms: 1 for a Poisson process."""
    dispersion_10ms: float | None = None
    loop: str = ""
    """`open`, `closed` or `scheduled-closed`, of another load generator; empty for our own, whose facts say it."""
    resolution: str = ""
    """How another load generator's response times came about; empty for our own, which are exact."""
    bounds: tuple[QuantileBounds, ...] = ()
    """Of another load generator that resolves less than the histogram: where its quantiles really lie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseReading:
    """What the machine did during one interval. Shares in [0, 1] of all CPU time; `None` where not to be had."""

    begin: datetime
    duration_s: float
    cpu_by_mode: Mapping[str, float] = field(default_factory=dict)
    steal_share: float | None = None
    cpu_pressure_share: float | None = None
    foreign_cpu_share: float | None = None
    load_average: float | None = None
    clock_step_s: float | None = None
    unavailable: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignLabels:
    """How the run was ordered among others; every result carries it."""

    design: str
    """interleaved, continuous or single."""
    slice_s: float | None = None
    lead_in_s: float | None = None
    guard_s: float | None = None
    blocks: int | None = None
    residents: tuple[str, ...] = ()
    seed: int | None = None
    slice_chosen_by: str = "given"
    pilot: bool = False
    order: tuple[str, ...] = ()
    """In which order the residents were started in this round."""
    co_resident_processes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """All that one arm did at one load point in one round: one SMP result document."""

    run_id: str
    experiment_id: str
    experiment: str
    arm: str
    twin: int = 0
    """0 for the arm itself, 1 for its A/A twin."""
    round: int = 0
    group: int = 0
    load_point: int = 0
    attempt: int = 0
    start_time: datetime
    end_time: datetime
    measured_s: float
    """Counted time: lead-in, guards and drains excluded."""
    offered_rps: float | None
    """None in a closed loop."""
    counts: Counts
    response: Histogram
    service: Histogram = EMPTY
    lead_in: Histogram = EMPTY
    failed: Histogram = EMPTY
    errors_by_reason: Mapping[str, int] = field(default_factory=dict)
    errors_by_status: Mapping[str, int] = field(default_factory=dict)
    slices: tuple[SliceRecord, ...] = ()
    resources: tuple[ComponentUsage, ...] = ()
    generator: GeneratorHealth = field(default_factory=GeneratorHealth)
    noise: tuple[NoiseReading, ...] = ()
    claims: tuple[Claim, ...] = ()
    facts: Facts = field(default_factory=dict)
    """Facts of arm, mesh, load, method and host; unknown facts are present with their reason."""
    design: DesignLabels
    guards: tuple[GuardReading, ...] = ()
    validity: Validity = field(default_factory=Validity)
    warnings: tuple[Warning, ...] = ()
    connections: Mapping[str, int] = field(default_factory=dict)
    """opened, reopened, failed, retired, grown, tls_handshakes, tls_resumed."""
    control: Mapping[str, float] = field(default_factory=dict)
    """Continuous control stretch where one was made: p50_s, p90_s, requests, duration_s; energy_j of the machine's
    counters over energy_s, where it has any."""
    censored: Histogram = EMPTY
    """Requests unanswered or never sent, from the intended start to the end of the drain: lower bounds."""
    errors_by_grpc_status: Mapping[str, int] = field(default_factory=dict)
    datagrams: DatagramCounts | None = None
    """Of a run over UDP."""
    series: tuple[RunSeries, ...] = ()
    """Figures over time; none where the run consists of slices, which tell the same."""
    connect: Histogram = EMPTY
    """From the attempt to connect to the established TCP connection, since the session was opened."""
    handshake: Histogram = EMPTY
    """TLS handshakes since the session was opened."""
    kind: KindOutcome | None = None
    """The answer of the test kind that this run was made by; None for a plain run."""
    objectives: tuple[ObjectiveReading, ...] = ()
    """Bounds that were declared before, held against the whole run; a test kind has them at its stages instead."""

    @property
    def resident(self) -> str:
        """Arm and twin in one word: `envoy`, or `envoy#2` for its A/A twin."""
        return self.arm if self.twin == 0 else f"{self.arm}#{self.twin + 1}"

    @property
    def achieved_rps(self) -> float:
        """Successful replies to counted requests per second of counted time."""
        return self.counts.ok / self.measured_s if self.measured_s > 0 else float("nan")
