"""How complete a result of another tool is: whether what a comparison needs is there at all.

Why a grade and not a filter: a bare result is still worth keeping and showing, only nobody may think that it says more
than it does.
"""

from __future__ import annotations

from meshperf.spec.imported import Completeness, Imported, LatencyOrigin, LoopModel

__all__ = ["completeness", "lacking"]


def completeness(imported: Imported) -> Completeness:
    """The grade of a record, as `Completeness` defines the grades."""
    if not lacking(imported, Completeness.FULL):
        return Completeness.FULL
    return Completeness.BARE if lacking(imported, Completeness.ADEQUATE) else Completeness.ADEQUATE


def lacking(imported: Imported, grade: Completeness) -> tuple[str, ...]:
    """What a record lacks for a grade, in words of the record's fields; empty where it has all."""
    has_histogram = imported.response.total > 0 or bool(imported.buckets)
    nothing_answered = imported.ok == 0 and imported.requests is not None
    needed = {
        "requests": imported.requests is not None,
        "errors": imported.errors is not None,
        "achieved_rps": imported.achieved_rps is not None,
        "quantiles": bool(imported.quantiles) or has_histogram or nothing_answered,
    }
    if grade is Completeness.FULL:
        needed |= {
            "histogram": has_histogram or nothing_answered,
            "loop": imported.loop is not LoopModel.UNKNOWN,
            "latency_origin": imported.latency_origin is not LatencyOrigin.UNKNOWN,
            # a closed loop offers no rate: it sends as fast as it is answered
            "offered_rps": imported.offered_rps is not None or imported.loop is LoopModel.CLOSED,
            "connections": imported.connections is not None,
            "duration_s": imported.duration_s is not None,
            "tool_version": imported.source.tool_version is not None,
        }
    if grade is Completeness.BARE:
        return ()
    return tuple(name for name, there in needed.items() if not there)
