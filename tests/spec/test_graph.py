"""Documents of workload graphs: what they become, and every way one can be wrong, with its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from meshperf.errors import DocumentError
from meshperf.spec.graph import CLIENT, Call, Graph
from meshperf.spec.graph_packaged import PACKAGED_GRAPHS
from meshperf.spec.graph_reading import packaged_graph, read_graph
from meshperf.spec.graph_shape import calls_per_request, depth, visits

SHOP = """\
graph: shop
entry: page
services:
  page:
    response_bytes: 4KiB
    service_time: 0.3ms
    calls:
      - {to: price, stage: 1, times: 2}
      - {to: stock, share: 50%, request_bytes: 16}
    retries: 1
    timeout: 250ms
  price: {protocol: grpc, status: {503: 1%}}
  stock:
    service_time: exponential:1000us
    busy: true
    stall: {stop: 200ms, every: 1s}
    calls: [{to: price}]
"""

Problems = Callable[[str], list[DocumentError]]


def read(folder: Path, text: str) -> Graph:
    path = folder / "graph.yaml"
    path.write_text(text, encoding="utf-8")
    return read_graph(path)


@pytest.fixture
def wrong(tmp_path: Path) -> Problems:
    """All problems that reading a text as a graph finds."""

    def find(text: str) -> list[DocumentError]:
        with pytest.raises(DocumentError) as caught:
            read(tmp_path, text)
        return [caught.value, *caught.value.others]

    return find


def places(problems: list[DocumentError]) -> list[tuple[str, int | None, int | None]]:
    return [(one.code, one.location.line, one.location.column) for one in problems]


def test_a_document_becomes_records_in_si_units_callees_first(tmp_path: Path) -> None:
    graph = read(tmp_path, SHOP)
    assert (graph.name, graph.entry) == ("shop", "page")
    assert [service.name for service in graph.services] == ["price", "stock", "page"]
    page, stock = graph.service("page"), graph.service("stock")
    assert (page.response_bytes, page.service_time, page.retries, page.timeout_s) == (4096, "300us", 1, 0.25)
    assert page.calls == (Call(to="stock", share=0.5, request_bytes=16), Call(to="price", times=2, stage=1))
    assert (stock.service_time, stock.busy, stock.stall) == ("exponential:1ms", True, (0.2, 1.0))
    assert graph.service("price").status == {503: 0.01}
    assert list(graph.edges()) == [(CLIENT, "page"), ("stock", "price"), ("page", "stock"), ("page", "price")]


def test_what_means_the_same_has_the_same_digest_and_what_does_not_has_another(tmp_path: Path) -> None:
    digest = read(tmp_path, SHOP).digest
    head, services = SHOP.split("services:\n")
    page, price, stock = services.partition("  price:")[0], "  price: {protocol: grpc, status: {503: 0.01}}\n", ""
    stock = "  stock:" + services.partition("  stock:")[2]
    same = (
        head + "services:\n" + stock + price + page,
        SHOP.replace("0.3ms", "300us"),
        SHOP.replace("4KiB", "4096"),
        SHOP.replace("{to: price}", "{to: price, times: 1, share: 100%, stage: 0, request_bytes: 0}"),
        SHOP.replace("graph: shop", "graph: store"),
    )
    assert [read(tmp_path, text).digest for text in same] == [digest] * len(same)
    other = (
        SHOP.replace("0.3ms", "0.4ms"),
        SHOP.replace("times: 2", "times: 3"),
        SHOP.replace("protocol: grpc", "protocol: http2"),
        SHOP.replace("retries: 1", "retries: 2"),
        SHOP.replace("503: 1%", "500: 1%"),
    )
    assert len({digest, *(read(tmp_path, text).digest for text in other)}) == len(other) + 1


def test_how_often_each_service_is_asked_follows_from_all_ways_to_it(tmp_path: Path) -> None:
    graph = read(tmp_path, SHOP)
    calls = {service.name: service.calls for service in graph.services}
    assert visits(graph.entry, calls) == {"page": 1.0, "stock": 0.5, "price": 2.5}
    assert (calls_per_request(graph), depth(graph)) == (3.0, 3)


@pytest.mark.parametrize(
    ("name", "services", "deep", "calls"),
    [("chain", 3, 3, 2.0), ("tree", 7, 3, 6.0), ("bookinfo", 4, 3, 2 + 2 / 3), ("emojivoto", 3, 2, 2.5),
     ("boutique", 10, 3, 10.75)],
)  # fmt: skip
def test_the_graphs_of_the_package_are_what_their_pages_say(name: str, services: int, deep: int, calls: float) -> None:
    graph = packaged_graph(name)
    assert (graph.name, len(graph.services), depth(graph)) == (name, services, deep)
    assert calls_per_request(graph) == pytest.approx(calls)
    assert graph.service(graph.entry).protocol == "http1"


def test_the_graphs_of_the_package_have_digests_of_their_own() -> None:
    assert len({packaged_graph(name).digest for name in PACKAGED_GRAPHS}) == len(PACKAGED_GRAPHS) == 5


def test_services_behind_the_pages_of_emojivoto_and_boutique_speak_grpc() -> None:
    for name in ("emojivoto", "boutique"):
        graph = packaged_graph(name)
        behind = {service.protocol for service in graph.services if service.name != graph.entry}
        assert behind == {"grpc"}


def test_an_unknown_callee_and_an_unknown_entry_are_told_where_they_stand(wrong: Problems) -> None:
    found = wrong(SHOP.replace("{to: price}", "{to: prices}").replace("entry: page", "entry: pages"))
    assert places(found) == [("MP2109", 2, 8), ("MP2109", 17, 18)]
    assert "did you mean `page`?" in str(found[0].hint)
    assert found[1].message == "`stock` calls `prices`, which is none of the services"
    assert "did you mean `price`?" in str(found[1].hint)


def test_a_circle_is_told_with_its_path(wrong: Problems) -> None:
    (found,) = wrong(SHOP.replace("status: {503: 1%}", "calls: [{to: stock}]"))
    assert found.code == "MP2109"
    assert found.message == "services call one another in a circle: price → stock → price"
    assert (found.location.line, found.location.pointer) == (12, "/services/price/calls/0/to")


def test_a_service_that_calls_itself_is_the_smallest_circle(wrong: Problems) -> None:
    (found,) = wrong("graph: g\nentry: a\nservices:\n  a: {calls: [{to: a}]}\n")
    assert found.message.endswith("a → a")


def test_services_that_nobody_reaches_are_named(wrong: Problems) -> None:
    (found,) = wrong(SHOP + "  lonely: {}\n")
    assert (found.code, found.location.line, found.location.column) == ("MP2109", 18, 3)
    assert found.message == "`lonely` is never called: no way leads to it from the entry `page`"


@pytest.mark.parametrize("name", ["client", "generator", "control-plane", "ca", "stranger", "page-sidecar"])
def test_names_that_results_need_for_others_are_refused(wrong: Problems, name: str) -> None:
    found = wrong(f"graph: g\nentry: {name}\nservices:\n  {name}: {{}}\n")
    assert [(one.code, one.location.line, one.location.column) for one in found] == [("MP2109", 4, 3)]


@pytest.mark.parametrize("name", ["Page", "1a", "a_b", "a-", "a.b", "x" * 64])
def test_names_that_are_no_label_of_dns_are_refused(wrong: Problems, name: str) -> None:
    found = wrong(f"graph: g\nentry: page\nservices:\n  page: {{}}\n  {name}: {{}}\n")
    assert any(one.code == "MP2104" and "not a service's name" in one.message for one in found)


def test_more_calls_than_a_load_test_of_its_own_are_refused_and_counted(wrong: Problems) -> None:
    services = "  a: {calls: [{to: b, times: 40}]}\n  b: {calls: [{to: c, times: 40}]}\n  c: {}\n"
    (found,) = wrong(f"graph: g\nentry: a\nservices:\n{services}")
    assert (found.code, "1640 calls on average, more than 1000" in found.message) == ("MP2109", True)


def test_there_are_at_most_64_services(wrong: Problems) -> None:
    calls = "".join(f"    - {{to: s{n}}}\n" for n in range(63))
    services = "".join(f"  s{n}: {{}}\n" for n in range(64))
    found = wrong(f"graph: g\nentry: e\nservices:\n  e:\n    calls:\n{calls}{services}")
    assert any(one.code == "MP2103" and "at most 64" in one.message for one in found)


def test_many_slips_are_told_at_once_in_the_order_of_the_file(wrong: Problems) -> None:
    found = wrong(
        "graph: my shop\nentry: page\nservices:\n  page:\n    protocol: http3\n    busy: true\n    retries: 2\n"
        "    calls: []\n    colour: red\n  price: {status: {503: 60%, 500: 60%}, response_bytes: -1}\n"
    )
    assert [one.location.line for one in found] == sorted(one.location.line or 0 for one in found)
    assert {(one.code, one.location.pointer) for one in found} == {
        ("MP2104", "/graph"),
        ("MP2104", "/services/page/protocol"),
        ("MP2107", "/services/page/busy"),
        ("MP2107", "/services/page/retries"),
        ("MP2101", "/services/page/colour"),
        ("MP2107", "/services/price/status"),
        ("MP2103", "/services/price/response_bytes"),
        ("MP2109", "/services/price"),
    }


def test_bodies_that_no_message_of_grpc_holds_are_refused(wrong: Problems) -> None:
    found = wrong(
        "graph: g\nentry: a\nservices:\n  a: {calls: [{to: b, request_bytes: 5MiB}], response_bytes: 5MiB}\n"
        "  b: {protocol: grpc, response_bytes: 4MiB}\n"
    )
    assert {one.location.pointer for one in found} == {
        "/services/a/calls/0/request_bytes",
        "/services/b/response_bytes",
    }
    assert {one.code for one in found} == {"MP2103"}


@pytest.mark.parametrize(
    "text",
    ["[]\n", "graph: g\n", "graph: g\nentry: a\nservices: {}\n", "graph: g\nentry: a\nservices: {a: 5}\n",
     "graph: g\nentry: [a]\nservices: {a: {calls: {to: a}}}\n",
     "graph: g\nentry: a\nservices: {a: {calls: [7, {to: 7}]}}\n",
     "graph: g\nentry: a\nservices: {a: {calls: [{to: b, times: 0, share: 7}]}, b: {}}\n"],
)  # fmt: skip
def test_whatever_has_the_wrong_form_is_a_document_error(wrong: Problems, text: str) -> None:
    assert {one.code for one in wrong(text)} <= {"MP2102", "MP2103", "MP2104", "MP2109"}
