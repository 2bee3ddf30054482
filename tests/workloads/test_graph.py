"""From the records of a graph to running services that call one another."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from meshperf.environments.asking import ask
from meshperf.spec.graph import Call, Graph, GraphService, digest_of
from meshperf.spec.graph_packaged import PACKAGED_GRAPHS
from meshperf.spec.graph_reading import packaged_graph
from meshperf.spec.graph_shape import visits
from meshperf.workloads import Endpoint, WorkloadTls, counters, start_service
from meshperf.workloads.graph import arguments

from .conftest import PlainSite, poll


def graph_of(*services: GraphService) -> Graph:
    """A graph whose last service is the entry."""
    entry = services[-1].name
    return Graph(name="made", entry=entry, services=services, digest=digest_of(entry, services))


def start_all(site: PlainSite, graph: Graph) -> Mapping[str, Endpoint]:
    """Every service of a graph, each on an address of its own, dialling its callees directly."""
    up: dict[str, Endpoint] = {}
    for service in graph.services:
        upstreams = {call.to: up[call.to].address for call in service.calls}
        _, up[service.name] = start_service(
            site, graph, service.name, name=service.name, host=service.name, upstreams=upstreams
        )
    return up


def test_every_setting_of_a_service_reaches_the_command_line() -> None:
    graph = graph_of(
        GraphService(name="b", protocol="grpc", response_bytes=99),
        GraphService(name="c"),
        GraphService(
            name="a",
            response_bytes=7,
            service_time="exponential:300us",
            busy=True,
            status={503: 0.01, 404: 1e-5},
            stall=(0.2, 1.0),
            calls=(Call(to="b", times=3, share=0.25, request_bytes=128), Call(to="c", stage=1)),
            retries=2,
            timeout_s=0.25,
        ),
    )
    tls = WorkloadTls(
        certificate=Path("/c"),
        key=Path("/k"),
        client_ca=Path("/a"),
        client_identities=["spiffe://x"],
        cipher="C",
        group="G",
    )
    upstreams = {"b": "127.0.0.1:15001", "c": "127.0.0.1:15002"}
    line = arguments(
        graph,
        "a",
        upstreams=upstreams,
        tls=tls,
        callee_identities={"c": "spiffe://c", "b": "spiffe://b"},
        trusted_peer="127.0.0.9",
    )
    assert " ".join(line) == (
        "--response-bytes 7 --service-time exponential:300us --busy "
        "--status 404:1e-05 --status 503:0.01 --stall 200000000ns/1000000000ns "
        "--call b=127.0.0.1:15001,protocol=grpc,times=3,share=0.25,bytes=128,reply=99 "
        "--call c=127.0.0.1:15002,protocol=http1,stage=1 --call-retries 2 --call-timeout 250000000ns --seed 3904355907 "
        "--identity-header x-forwarded-client-cert --trusted-peer 127.0.0.9 "
        "--tls-cert /c --tls-key /k --tls-min 1.3 --tls-client-ca /a --tls-client-identity spiffe://x "
        "--tls-cipher C --tls-group G "
        "--call-tls-ca /a --call-tls-cert /c --call-tls-key /k "
        "--call-tls-identity b=spiffe://b --call-tls-identity c=spiffe://c"
    )
    assert arguments(graph, "c", upstreams={})[:2] == ["--response-bytes", "1024"]


def test_services_of_a_graph_draw_from_seeds_of_their_own_and_echo_from_the_default() -> None:
    graph = packaged_graph("tree")
    addresses = dict.fromkeys((service.name for service in graph.services), "127.0.0.1:1")
    lines = [arguments(graph, service.name, upstreams=addresses) for service in graph.services]
    assert len({line[line.index("--seed") + 1] for line in lines}) == len(lines)
    alone = graph_of(GraphService(name="app"))
    assert "--seed" not in arguments(alone, "app", upstreams={})


@pytest.mark.needs_native
@pytest.mark.parametrize("name", PACKAGED_GRAPHS)
def test_a_packaged_graph_makes_exactly_the_calls_that_always_happen(site: PlainSite, name: str) -> None:
    graph = packaged_graph(name)
    up = start_all(site, graph)
    asked = 40
    for _ in range(asked):
        assert ask(up[graph.entry].address, "/").status in (200, 502)
    assert poll(lambda: counters(up[graph.entry])["requests"] == asked)
    certain = {service.name: tuple(call for call in service.calls if call.share == 1.0) for service in graph.services}
    possible = {service.name: service.calls for service in graph.services}
    least, mean = visits(graph.entry, certain), visits(graph.entry, possible)
    for service in graph.services:
        seen = counters(up[service.name])
        if least[service.name] == mean[service.name]:
            assert seen["requests"] == asked * least[service.name], service.name
        else:
            assert asked * least[service.name] <= seen["requests"], service.name
        callers = [caller for caller in graph.services if any(call.to == service.name for call in caller.calls)]
        told = [counters(up[caller.name])[f"sent.{service.name}"] for caller in callers]
        assert service.name == graph.entry or seen["requests"] == sum(told), service.name


@pytest.mark.needs_native
def test_a_reply_of_grpc_is_as_large_as_the_graph_says(site: PlainSite) -> None:
    graph = graph_of(
        GraphService(name="b", protocol="grpc", response_bytes=50_000),
        GraphService(name="a", calls=(Call(to="b", request_bytes=20_000),)),
    )
    up = start_all(site, graph)
    assert ask(up["a"].address, "/").status == 200
    assert poll(lambda: counters(up["b"])["bytes_out"] > 50_000), "bytes are counted soon after they moved"
    seen = counters(up["b"])
    assert seen["bytes_out"] < 52_000
    assert 20_000 < seen["bytes_in"] < 22_000


@pytest.mark.needs_native
def test_a_callee_that_always_fails_is_an_error_of_its_caller_and_is_counted(site: PlainSite) -> None:
    graph = graph_of(
        GraphService(name="b", status={503: 1.0}),
        GraphService(name="c"),
        GraphService(name="a", calls=(Call(to="b"), Call(to="c", stage=1)), retries=1),
    )
    up = start_all(site, graph)
    assert ask(up["a"].address, "/").status == 502
    seen = counters(up["a"])
    assert (seen["calls"], seen["call_failures"], seen["call_retries"], seen["failed.b"]) == (1, 1, 1, 1)
    assert (counters(up["b"])["requests"], counters(up["c"])["requests"]) == (2, 0)
