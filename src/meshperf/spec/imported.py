"""A result of another tool, or an SMP document of another writer: what it says, and what it does not say.

Every importer fills this record and nothing else; `smp_imported` makes an SMP document of it, the store keeps it, and
the judgement reads it. SI units throughout. What the tool did not say is None, never 0: a run without any word of
errors is not a run without errors. Every quantile carries the bounds between which the truth lies as far as the tool
resolved it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from meshperf.histograms import EMPTY, Histogram

__all__ = [
    "Bucket",
    "Completeness",
    "ImportNote",
    "Imported",
    "LatencyOf",
    "LatencyOrigin",
    "LoopModel",
    "NoteKind",
    "Quantile",
    "Source",
]


class LatencyOrigin(StrEnum):
    """Where the clock of a latency starts."""

    INTENDED = "intended"
    ACTUAL = "actual"
    UNKNOWN = "unknown"


class LoopModel(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    SCHEDULED_CLOSED = "scheduled-closed"
    """A closed loop that tries to keep a rate, as fortio and wrk do: it cannot send while it waits."""
    UNKNOWN = "unknown"


class LatencyOf(StrEnum):
    """Which requests the latencies are of."""

    SUCCESSES = "successes"
    ALL = "all"
    """Failures in the same histogram."""
    UNKNOWN = "unknown"


class Completeness(StrEnum):
    """Grade of a record: whether what a comparison needs is there at all."""

    FULL = "full"
    """Histogram, counts, errors, loop, origin, offered and achieved rate, connections, duration, tool and version."""
    ADEQUATE = "adequate"
    """Quantiles with a resolution, request count, errors known, achieved rate."""
    BARE = "bare"


class NoteKind(StrEnum):
    """What a reader of an imported result must know."""

    UNIT_DETECTED = "unit-detected"
    UNIT_SUSPECT = "unit-suspect"
    UNIT_CONVERTED = "unit-converted"
    ERRORS_UNKNOWN = "errors-unknown"
    ALL_FAILED = "all-failed"
    LITTLES_LAW = "littles-law"
    """Closed loop whose median is connections / rate: the latency is implied by the throughput."""
    OMISSION = "coordinated-omission"
    COARSE = "coarse-buckets"
    FAILURES_IN_LATENCY = "failures-in-latency"
    SAMPLED = "sampled"
    INCONSISTENT = "inconsistent"
    PLACEHOLDER = "placeholder"
    LINK_ABSENT = "link-absent"
    UNKNOWN_KEYS = "unknown-keys"
    TRUNCATED = "truncated"
    VERSION_UNKNOWN = "version-unknown"
    OLDER_GENERATION = "older-generation"
    """Names of an earlier age of the standard, read under those of today."""
    DROPPED = "dropped"
    SINCE_START = "since-start"
    """Counters that grow since the process began: not the figures of one run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportNote:
    kind: NoteKind
    text: str
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a result came from."""

    tool: str
    """fortio, wrk2, k6, meshery, smp, …"""
    form: str
    """The form it was written in: `json`, `text`, `summary-json`, `points-ndjson`, …"""
    tool_version: str | None = None
    file: str | None = None
    """Name of the file, without its folder."""
    digest: str | None = None
    """SHA-256 of what was read, hexadecimal."""
    place: str | None = None
    """Which part of a file with several results: `#3`, or the tool's own name of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantile:
    """A latency quantile [s], `q` in (0, 1); the true one lies in [low_s, high_s] as far as the tool resolved it."""

    q: float
    value_s: float
    low_s: float
    high_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Requests whose latency [s] lay in (low_s, high_s]; `high_s` is infinite for an open last bucket."""

    low_s: float
    high_s: float
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What one result says of one run."""

    source: Source
    name: str | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    duration_s: float | None = None
    """As measured."""
    planned_duration_s: float | None = None
    protocol: str | None = None
    """A word of `load.plan.Protocol`."""
    http_version: str | None = None
    method: str | None = None
    url: str | None = None
    """Without query and credentials."""
    mesh: str | None = None
    """A name of SMP's enum of meshes; None where the result does not say."""
    mesh_version: str | None = None
    connections: int | None = None
    threads: int | None = None
    streams: int | None = None
    loop: LoopModel = LoopModel.UNKNOWN
    arrivals: str | None = None
    """`closed`, `constant`, `poisson` or `trace` where the result says so."""
    offered_rps: float | None = None
    """None: as fast as possible, or not said; `loop` and the notes tell which."""
    achieved_rps: float | None = None
    """Successful replies per second where successes are known, else what the tool calls its rate."""
    requests: int | None = None
    ok: int | None = None
    errors: int | None = None
    """None: the tool did not say whether any failed."""
    timeouts: int | None = None
    errors_by_status: Mapping[str, int] = field(default_factory=dict)
    errors_by_reason: Mapping[str, int] = field(default_factory=dict)
    errors_by_grpc_status: Mapping[str, int] = field(default_factory=dict)
    bytes_in: int | None = None
    bytes_out: int | None = None
    latency_origin: LatencyOrigin = LatencyOrigin.UNKNOWN
    latency_of: LatencyOf = LatencyOf.UNKNOWN
    latency_unit: str = ""
    """Unit of the latencies in the file, as the importer took it: `s`, `ms`, `us`, `ns`."""
    latency_count: int | None = None
    """Requests behind the latencies."""
    mean_s: float | None = None
    stddev_s: float | None = None
    min_s: float | None = None
    max_s: float | None = None
    quantiles: tuple[Quantile, ...] = ()
    """In rising order of `q`."""
    buckets: tuple[Bucket, ...] = ()
    """Explicit buckets where the tool gave them."""
    response: Histogram = EMPTY
    """An exact histogram where the tool gave one, or every single latency."""
    notes: tuple[ImportNote, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Keys of the source that no field takes, kept as plain JSON values and written out again."""
