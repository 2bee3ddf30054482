"""A document to a `Graph`: checked against model and rules, services in an order in which callees come first.

Whatever means the same gives the same graph and digest: `0.3ms` is `300us`, `1%` is 0.01, a default that is written out
is a default, and the order of services does not matter. The order of calls within a stage is kept: it is the order in
which they are sent.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from meshperf.spec.document import Document, raise_all
from meshperf.spec.experiment_model import SERVICE_TIME
from meshperf.spec.graph import Call, Graph, GraphService, digest_of
from meshperf.spec.graph_model import GraphModel, ServiceModel
from meshperf.spec.graph_packaged import packaged_path
from meshperf.spec.graph_rules import graph_problems
from meshperf.spec.graph_shape import callees_first
from meshperf.spec.problems import problems_of
from meshperf.spec.reader import read_document
from meshperf.units import parse_duration

__all__ = ["graph_from_document", "is_graph", "packaged_graph", "read_graph"]

_UNITS = (("s", 10**9), ("ms", 10**6), ("us", 10**3), ("ns", 1))


def is_graph(data: Any) -> bool:
    """Whether a document is a workload graph: it has services, and is no experiment."""
    return (
        isinstance(data, dict)
        and "experiment" not in data
        and "services" in data
        and ("graph" in data or "entry" in data)
    )


def read_graph(path: Path) -> Graph:
    """Read a graph from a file.

    Raises:
        DocumentError: every problem of the file; the first is the error itself, the rest are its `others`.
    """
    return graph_from_document(read_document(path))


@lru_cache(maxsize=8)
def packaged_graph(name: str) -> Graph:
    """One of `PACKAGED_GRAPHS`."""
    return read_graph(packaged_path(name))


def graph_from_document(document: Document) -> Graph:
    """The graph that a document describes.

    Raises:
        DocumentError: every problem of the document at once.
    """
    if not isinstance(document.data, dict):
        hint = "a workload graph begins with `graph: <name>`, `entry: <service>` and `services:`"
        raise document.error("MP2104", "the document must be a mapping of keys to values", hint=hint)
    problems = graph_problems(document)
    try:
        model = GraphModel.model_validate(document.data)
    except ValidationError as error:
        raise_all([*problems_of(error, document, GraphModel), *problems])
        raise
    raise_all(problems)
    order = callees_first({name: [call.to for call in one.calls] for name, one in model.services.items()})
    services = tuple(_service(name, model.services[name]) for name in order)
    return Graph(name=model.graph, entry=model.entry, services=services, digest=digest_of(model.entry, services))


def _service(name: str, model: ServiceModel) -> GraphService:
    calls = (
        Call(to=one.to, times=one.times, share=one.share, stage=one.stage, request_bytes=one.request_bytes)
        for one in model.calls
    )
    return GraphService(
        name=name,
        protocol=model.protocol,
        response_bytes=model.response_bytes,
        service_time=None if model.service_time is None else _normal(model.service_time),
        busy=model.busy,
        status=dict(model.status),
        stall=None if model.stall is None else (model.stall.stop, model.stall.every),
        calls=tuple(sorted(calls, key=lambda call: call.stage)),
        retries=model.retries,
        timeout_s=model.timeout,
    )


def _normal(service_time: str) -> str:
    """A service time with its duration as a whole number of the largest unit: `0.3ms` as `300us`."""
    match = SERVICE_TIME.fullmatch(service_time)
    if match is None:
        raise ValueError(f"not a service time: {service_time!r}")
    written = match[1] or match[2]
    nanoseconds = round(parse_duration(written) * 1e9)
    name, size = next(unit for unit in _UNITS if nanoseconds % unit[1] == 0)
    return re.sub(re.escape(written), f"{nanoseconds // size}{name}", service_time, count=1)
