"""The parts of a result that not every format has a place for, so that what gets lost is said and not just missing."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum

from meshperf.interchange.export.outgoing import Outgoing
from meshperf.spec.imported import LatencyOrigin, LoopModel

__all__ = ["Part", "left_out", "parts_of"]


class Part(StrEnum):
    """A part of a result, in the words in which its loss is told."""

    DISTRIBUTION = "the distribution behind the percentiles"
    FULL_RESOLUTION = "the full resolution of the distribution"
    BOUNDS = "the bounds of each percentile"
    ORIGIN = "where the clock of a request starts"
    LOOP = "whether the loop is open or closed"
    KINDS_OF_FAILURE = "failures by status and reason"
    CENSORED = "requests that were never answered or never sent, as such"
    SERVICE_TIMES = "service times beside the response times"
    OTHER_TIMES = "times of failures, connections and handshakes"
    OVER_TIME = "slices and figures over time"
    USAGE = "CPU and memory of the components"
    FACTS = "facts of the environment and the method"
    GENERATOR = "what the generator says of itself"
    VALIDITY = "whether the run is valid"
    GUARDS = "guards and claims"
    NOTES = "warnings and notes"
    KIND = "the answer of the test kind"
    MESH = "the mesh"
    FOREIGN_KEYS = "keys of the source that meshperf does not know"


def parts_of(result: Outgoing) -> frozenset[Part]:
    """The parts that a result has at all."""
    record, run = result.record, result.run
    has = {
        Part.DISTRIBUTION: record.response.total > 0 or bool(record.buckets),
        Part.FULL_RESOLUTION: record.response.total > 0,
        Part.BOUNDS: bool(record.quantiles),
        Part.ORIGIN: record.latency_origin is not LatencyOrigin.UNKNOWN,
        Part.LOOP: record.loop is not LoopModel.UNKNOWN,
        Part.KINDS_OF_FAILURE: bool(record.errors_by_status or record.errors_by_reason or record.errors_by_grpc_status),
        Part.NOTES: bool(record.notes),
        Part.OTHER_TIMES: result.whole is not record,
        Part.MESH: record.mesh is not None,
        Part.FOREIGN_KEYS: bool(record.extra),
    }
    if run is not None:
        others = (run.failed, run.censored, run.connect, run.handshake)
        has |= {
            Part.CENSORED: run.counts.unanswered + run.counts.not_sent > 0,
            Part.SERVICE_TIMES: run.service.total > 0,
            Part.OTHER_TIMES: any(one.total for one in others),
            Part.OVER_TIME: bool(run.slices or run.series),
            Part.USAGE: bool(run.resources),
            Part.FACTS: bool(run.facts),
            Part.GENERATOR: True,
            Part.VALIDITY: True,
            Part.GUARDS: bool(run.guards or run.claims),
            Part.NOTES: bool(run.warnings),
            Part.KIND: run.kind is not None,
        }
    return frozenset(part for part, there in has.items() if there)


def left_out(results: Iterable[Outgoing], carries: Collection[Part]) -> tuple[Part, ...]:
    """What at least one of the results has and the format has no place for, in the order of `Part`."""
    there: set[Part] = set()
    for result in results:
        there |= parts_of(result)
    return tuple(part for part in Part if part in there and part not in carries)
