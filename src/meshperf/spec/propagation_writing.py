"""A control plane study as documents: one record for each deployment, and SMP's ServiceMeshConfig for each case.

The standard has a place for what a study finds: `mesh_control_plane` with its counts, CPU, memory and two latencies in
whole milliseconds. A change of a route goes to `lds_latency_ms` and one of an endpoint to `cds_latency_ms`, both as the
time until 99 % of the proxies had it; the extension `propagation` holds the rest unrounded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from meshperf.spec.propagation import ENDPOINT, ROUTE, PropagationRun
from meshperf.spec.records import Facts
from meshperf.spec.smp_write import SMP_VERSION, known, mesh_type_name

__all__ = ["FORMAT", "SmpPlane", "mesh_document", "run_document"]

FORMAT = "meshperf.propagation/1"
_FIELDS = {ROUTE: "lds_latency_ms", ENDPOINT: "cds_latency_ms"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SmpPlane:
    """What one arm with a number of proxies and services came to, as far as SMP has words for it."""

    study: str
    arm: str
    proxies: int
    services: int
    planes: int
    """Processes of the control plane."""
    cores: float | None
    """CPU of all of them while changes were made."""
    private_bytes: float | None
    reached_s: Mapping[str, Mapping[float, tuple[float, float]]]
    """By kind of change and share of the proxies in per cent: (lower, upper bound) of the time [s]."""
    facts: Facts


def run_document(run: PropagationRun) -> dict[str, Any]:
    """One deployment with every arrival, in SI units."""
    return {"format": FORMAT, **asdict(run), "facts": {path: asdict(fact) for path, fact in run.facts.items()}}


def mesh_document(plane: SmpPlane) -> dict[str, Any]:
    """ServiceMeshConfig in the extended dialect."""
    counts: dict[str, Any] = {
        "count": plane.planes,
        "services": plane.services,
        "endpoints": plane.services,
        "sidecars": plane.proxies,
        "cpu_mcores": None if plane.cores is None else round(plane.cores * 1000),
        "mem_mb": None if plane.private_bytes is None else round(plane.private_bytes / 1e6),
    }
    for kind, field in _FIELDS.items():
        reached = plane.reached_s.get(kind, {}).get(99.0)
        if reached is not None and math.isfinite(reached[1]):
            counts[field] = round(reached[1] * 1e3)
    return {
        "smp_version": SMP_VERSION,
        "id": f"{plane.study}/{plane.arm}/proxies-{plane.proxies}/services-{plane.services}",
        "mesh_type": _without_none(
            {
                "type": mesh_type_name(known(plane.facts, "mesh.type")),
                "version": known(plane.facts, "mesh.version"),
            }
        ),
        "mesh_control_plane": _without_none(counts),
        "propagation": [_propagation(kind, reached) for kind, reached in plane.reached_s.items()],
    }


def _propagation(kind: str, reached: Mapping[float, tuple[float, float]]) -> dict[str, Any]:
    percentiles: Sequence[dict[str, float]] = [
        {"p": share, "value_s": high, "low_s": low, "high_s": high}
        for share, (low, high) in reached.items()
        if math.isfinite(low) and math.isfinite(high)
    ]
    return {"kind": kind, "percentiles": list(percentiles)}


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
