"""A workload graph as frozen records: the services of an application and who calls whom.

The same graph runs on every mesh. Reading one from YAML, and the graphs that come with the package, are the business of
`graph_reading`; the digest says that two results measured the same application.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

__all__ = ["CLIENT", "Call", "Graph", "GraphService", "digest_of"]

CLIENT = "client"
"""The pod from which load comes. No service may have this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a service asks of another one for each request that it answers."""

    to: str
    """Name of the service that is called."""
    times: int = 1
    """Calls for each request, at least 1."""
    share: float = 1.0
    """Share of the requests for which it is made at all, in (0, 1]."""
    stage: int = 0
    """Calls of one stage are made at the same time, stages one after another; from 0."""
    request_bytes: int = 0
    """Size of the body that is sent along."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphService:
    """One service: a process of its own, in a pod of its own, with a sidecar where the mesh has them."""

    name: str
    protocol: str = "http1"
    """Spoken to this service: http1, http2 or grpc."""
    response_bytes: int = 1024
    service_time: str | None = None
    """Its own work beside its calls, in the workload executable's grammar."""
    busy: bool = False
    status: Mapping[int, float] = field(default_factory=dict)
    """Share of replies, in (0, 1], by HTTP status; the rest is 200."""
    stall: tuple[float, float] | None = None
    """(S, P): it stops for S seconds of every P seconds."""
    calls: tuple[Call, ...] = ()
    retries: int = 0
    """How often the service itself repeats a call that failed: client library, not mesh."""
    timeout_s: float | None = None
    """After how long the service itself gives a call up; None: never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Services in an order in which every callee comes before its callers, so that they can be started like that."""

    name: str
    entry: str
    """The service that load is sent to."""
    services: tuple[GraphService, ...]
    digest: str
    """SHA-256 of its normal form, hexadecimal: equal graphs are equal, however they were written."""

    def service(self, name: str) -> GraphService:
        """One service by name; an unknown one is a KeyError."""
        return {service.name: service for service in self.services}[name]

    def edges(self) -> Iterator[tuple[str, str]]:
        """Who dials whom, the client's own edge to the entry first; each pair once."""
        yield CLIENT, self.entry
        for service in self.services:
            for callee in dict.fromkeys(call.to for call in service.calls):
                yield service.name, callee


def digest_of(entry: str, services: Sequence[GraphService]) -> str:
    """Digest of the normal form: services by name with every setting, defaults written out."""
    normal = {"entry": entry, "services": [asdict(service) for service in sorted(services, key=lambda one: one.name)]}
    return hashlib.sha256(json.dumps(normal, sort_keys=True).encode()).hexdigest()
