"""Small workload graphs as records, for tests that need more than one service."""

from __future__ import annotations

from meshperf.spec.graph import Call, Graph, GraphService, digest_of

_LEAF = GraphService(name="leaf", protocol="grpc")
_MIDDLE = GraphService(name="middle", protocol="http2", calls=(Call(to="leaf"),))
_FRONT = GraphService(name="front", calls=(Call(to="middle"), Call(to="leaf")))


def graph(*services: GraphService, entry: str) -> Graph:
    """A graph of these services, callees first."""
    return Graph(name="test", entry=entry, services=services, digest=digest_of(entry, services))


ECHO = graph(GraphService(name="app"), entry="app")
TRIANGLE = graph(_LEAF, _MIDDLE, _FRONT, entry="front")
"""client → front → middle → leaf, and front → leaf; spoken to with http1, http2 and grpc."""
