"""Every protocol by its flags, against the workload: what was asked for is what was sent, counted on both sides."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from meshperf.cli import main
from meshperf.spec.records import RunResult
from meshperf.spec.smp import result_from_document
from tests.load.conftest import Workload, start_workload, workload  # noqa: F401  (fixtures)

pytestmark = pytest.mark.needs_native

ECHO = Path(__file__).parents[2] / "proto" / "meshperf" / "echo" / "v1" / "echo.proto"
SHORT = ["--rate", "100", "--warmup", "0s", "--duration", "200ms", "--connections", "2"]
Start = Callable[..., Workload]
Load = Callable[..., RunResult]


@pytest.fixture
def load(capsys: pytest.CaptureFixture[str]) -> Load:
    """Run `meshperf load` with these arguments, and read its result back."""

    def run(*arguments: str) -> RunResult:
        main(["load", *arguments, "--json"])
        told = capsys.readouterr()
        assert told.out, told.err
        document: dict[str, Any] = json.loads(told.out)
        return result_from_document(document)

    return run


def served(workload: Workload) -> Mapping[str, Any]:  # noqa: F811
    return workload.counters()


@pytest.mark.parametrize(
    ("arguments", "version"),
    [(("--protocol", "http1.0"), "1.0"), ((), "1.1"), (("--protocol", "http2", "--streams", "4"), "2")],
)
def test_http_is_spoken_in_the_version_that_was_asked_for(
    start_workload: Start,  # noqa: F811
    load: Load,
    arguments: tuple[str, ...],
    version: str,
) -> None:
    target = start_workload("--admin", "127.0.0.1:0")
    run = load(f"http://{target.address}/", *SHORT, *arguments)
    assert (run.counts.ok, run.counts.errors) == (20, 0)
    assert run.facts["load.http_version"].value == version
    assert served(target)["requests"] == 20


def test_grpc_asks_for_health_unless_told_otherwise(start_workload: Start, load: Load) -> None:  # noqa: F811
    target = start_workload()
    run = load(f"grpc://{target.address}", *SHORT, "--streams", "2")
    assert (run.counts.ok, run.counts.errors) == (20, 0)
    assert run.facts["load.path"].value == "/grpc.health.v1.Health/Check"


def test_grpc_statuses_are_counted_by_their_number(start_workload: Start, load: Load) -> None:  # noqa: F811
    target = start_workload("--grpc-status", "14:1")
    run = load(f"grpc://{target.address}/meshperf.echo.v1.Echo/Unary", *SHORT, "--proto", str(ECHO))
    assert run.errors_by_grpc_status == {"14": 20}
    assert run.facts["load.path"].value == "/meshperf.echo.v1.Echo/Unary"


def test_a_method_that_the_server_lacks_is_counted(
    start_workload: Start,  # noqa: F811
    load: Load,
    tmp_path: Path,
) -> None:
    proto = tmp_path / "shop.proto"
    proto.write_text(
        'syntax = "proto3"; package shop; message Item { string name = 1; }\n'
        "service Cart { rpc Add(Item) returns (Item); }\n"
    )
    target = start_workload()
    asked = ("--call", "shop.Cart/Add", "--proto", str(proto), "--message", '{"name": "a"}')
    assert load(f"grpc://{target.address}", *SHORT, *asked).errors_by_grpc_status == {"12": 20}


def test_bytes_are_sent_and_answered_in_the_lengths_that_were_asked_for(
    start_workload: Start,  # noqa: F811
    load: Load,
) -> None:
    echo = start_workload("--tcp", "127.0.0.1:0").ready["tcp"]
    run = load(f"tcp://{echo}", *SHORT, "--message-bytes", "100")
    assert (run.counts.ok, run.counts.bytes_out, run.counts.bytes_in) == (20, 2000, 2000)
    fixed = start_workload("--tcp", "127.0.0.1:0", "--tcp-mode", "fixed:100:300").ready["tcp"]
    run = load(f"tcp://{fixed}", *SHORT, "--message-bytes", "100", "--reply-bytes", "300")
    assert (run.counts.ok, run.counts.bytes_out, run.counts.bytes_in) == (20, 2000, 6000)


def test_lost_datagrams_are_told(start_workload: Start, load: Load) -> None:  # noqa: F811
    target = start_workload("--udp", "127.0.0.1:0", "--udp-drop", "10").ready["udp"]
    run = load(f"udp://{target}", *SHORT, "--timeout", "50ms", "--connections", "1")
    assert run.datagrams is not None
    assert (run.datagrams.sent, run.datagrams.lost, run.counts.ok) == (20, 2, 18)


def test_a_trace_is_sent_as_it_was_written(
    workload: Workload,  # noqa: F811
    load: Load,
    tmp_path: Path,
) -> None:
    trace = tmp_path / "trace.txt"
    trace.write_text("# burst\n0.05\n0.05\n0.05\n0.1\n")
    run = load(f"http://{workload.address}/", "--trace", str(trace), "--warmup", "0s")
    assert run.counts.offered == run.counts.ok == 4
    assert run.facts["load.arrivals"].value == "trace"


def test_the_request_arrives_as_it_was_put_together(start_workload: Start, load: Load) -> None:  # noqa: F811
    target = start_workload("--admin", "127.0.0.1:0")
    body = ("--body", "x" * 1000, "--header", "x-a: 1", "--cookie", "a=b", "--content-type", "text/plain")
    run = load(f"http://{target.address}/", *SHORT, *body)
    assert run.counts.ok == 20
    assert served(target)["bytes_in"] > 20 * 1000


def test_a_connection_for_each_request(start_workload: Start, load: Load) -> None:  # noqa: F811
    target = start_workload("--admin", "127.0.0.1:0")
    run = load(f"http://{target.address}/", *SHORT, "--no-keepalive")
    assert run.counts.ok == 20
    assert run.connections["opened"] + run.connections["reopened"] >= 20
    assert served(target)["connections"] >= 20
