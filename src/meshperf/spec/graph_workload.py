"""The graph that an experiment's `workload` names: by a name of the package, or by a file beside the experiment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from meshperf.errors import DocumentError
from meshperf.spec.document import Document
from meshperf.spec.experiment import Workload
from meshperf.spec.graph import Graph
from meshperf.spec.graph_packaged import ECHO, PACKAGED_GRAPHS, is_graph_file
from meshperf.spec.graph_reading import packaged_graph, read_graph

__all__ = ["graph_workload", "with_graph", "workload_graph_problems"]

_HEALTH = "grpc.health.v1.Health/Check"
_AT_ONCE = ("grpc.health.", "grpc.reflection.")
_OF_ECHO = ("response_bytes", "service_time", "busy", "status", "stall")


def graph_workload(given: str, folder: Path, *, files_beside: bool) -> Workload:
    """The workload of a graph that is not `echo`; without its services where its file need not be there.

    Args:
        given: as written under `workload.graph`.
        folder: of the experiment file.

    Raises:
        DocumentError: the graph's file cannot be read, or is wrong.
    """
    if not is_graph_file(given):
        return with_graph(Workload(graph=given), packaged_graph(given))
    empty = Workload(graph=Path(given).stem, graph_file=folder / given)
    return with_graph(empty, read_graph(folder / given)) if files_beside else empty


def with_graph(workload: Workload, graph: Graph) -> Workload:
    """The workload with this graph in place of its own; its settings are those of the entry."""
    entry = graph.service(graph.entry)
    return Workload(
        graph=graph.name,
        services=graph,
        graph_file=workload.graph_file,
        response_bytes=entry.response_bytes,
        service_time=entry.service_time,
        busy=entry.busy,
        status=entry.status,
        stall=entry.stall,
    )


def workload_graph_problems(
    document: Document,
    workload: Mapping[str, Any],
    points: Iterable[tuple[str, Mapping[str, Any]]],
    *,
    files_beside: bool,
) -> Iterator[DocumentError]:
    """What contradicts a graph that is not `echo`: settings of echo alone, a file that is wrong, another protocol."""
    given = workload.get("graph", ECHO)
    named = isinstance(given, str) and (given in PACKAGED_GRAPHS or is_graph_file(given))
    if not named or "\x00" in given:
        return
    for key in _OF_ECHO:
        if workload.get(key) is not None:
            message = f"`{key}` is a setting of the echo service; the services of `{given}` have their own"
            hint = "leave it out, or copy the graph's document and change it there"
            yield document.error("MP2107", message, f"/workload/{key}", hint=hint, key=True)
    if is_graph_file(given) and (document.path is None or not files_beside):
        return
    folder = document.path.parent if document.path is not None else Path()
    try:
        graph = graph_workload(given, folder, files_beside=True).services
    except DocumentError as error:
        yield _unusable(document, given, error)
        return
    if graph is not None:
        yield from _entry_problems(document, graph, points)


def _unusable(document: Document, given: str, error: DocumentError) -> DocumentError:
    """One problem here for all that the graph's own file has; `validate` tells those with their places."""
    if error.code == "MP2001":
        return document.error("MP2001", f"there is no file {given} that can be read, seen from the folder of this file",
                              "/workload/graph", hint=error.message)  # fmt: skip
    place = error.location
    where = f" (line {place.line}, column {place.column})" if place.line is not None else ""
    more = f"; {len(error.others)} more" if error.others else ""
    message = f"the workload graph {given} cannot be used: {error.message}{where}{more}"
    return document.error(error.code, message, "/workload/graph", hint=f"see `meshperf validate {given}`")


def _entry_problems(
    document: Document, graph: Graph, points: Iterable[tuple[str, Mapping[str, Any]]]
) -> Iterator[DocumentError]:
    spoken = graph.service(graph.entry).protocol
    for pointer, point in points:
        asked = point.get("protocol", "http1")
        if isinstance(asked, str) and asked != spoken:
            message = f"the entry `{graph.entry}` of the graph `{graph.name}` speaks {spoken}, and this load {asked}"
            place = f"{pointer}/protocol" if "protocol" in point else pointer
            yield document.error("MP2107", message, place, hint=f"write `protocol: {spoken}`")
        elif spoken == "grpc" and _calls_nobody(point.get("grpc")):
            message = "the health service is answered at once: the entry would call nobody for it"
            hint = "name a call that is work, such as `grpc: {call: meshperf.echo.v1.Echo/Unary, proto: echo.proto}`"
            place = f"{pointer}/grpc" if "grpc" in point else f"{pointer}/protocol"
            yield document.error("MP2107", message, place, hint=hint)


def _calls_nobody(grpc: Any) -> bool:
    """Whether a load point's gRPC request is one that the workload answers without service time and calls."""
    call = grpc.get("call", _HEALTH) if isinstance(grpc, dict) else _HEALTH
    return isinstance(call, str) and call.startswith(_AT_ONCE)
