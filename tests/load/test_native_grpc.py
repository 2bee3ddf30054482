"""gRPC calls of every kind against the workload, and against servers that break gRPC's own rules over good HTTP/2."""

from __future__ import annotations

import math
import socket
from collections.abc import Callable

import pytest

from meshperf.load import Arrivals, GrpcCall, GrpcKind, Phase, Target

from .accounts import measure
from .conftest import Script, Workload
from .http2_server import GRPC_OK, Http2, Peer, Request, grpc_message, header, status

pytestmark = pytest.mark.needs_native

Serve = Callable[[Callable[[socket.socket], None]], Script]
Constant = Callable[..., Phase]
Start = Callable[..., Workload]

KINDS = {
    GrpcKind.UNARY: "Unary",
    GrpcKind.CLIENT_STREAM: "ClientStream",
    GrpcKind.SERVER_STREAM: "ServerStream",
    GrpcKind.BIDI: "Bidi",
}


def echo_request(payload: bytes = b"", *, reply_bytes: int = 0, replies: int = 0, code: int = 0) -> bytes:
    """`meshperf.echo.v1.EchoRequest`, encoded by hand."""
    fields = [b"\x0a" + varint(len(payload)) + payload] if payload else []
    fields += [bytes([tag]) + varint(value) for tag, value in ((16, reply_bytes), (24, replies), (32, code)) if value]
    return b"".join(fields)


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def echo(workload: Workload, kind: GrpcKind = GrpcKind.UNARY, *messages: bytes, **changes: object) -> Target:
    path = f"/meshperf.echo.v1.Echo/{KINDS[kind]}"
    call = GrpcCall(kind=kind, messages=messages or (echo_request(b"hello"),))
    return workload.target(
        **{"protocol": "grpc", "path": path, "grpc": call, "connections": 2, "streams": 8, **changes}
    )


@pytest.mark.parametrize("kind", GrpcKind)
@pytest.mark.parametrize("workers", [1, 2])
def test_every_kind_of_call_is_one_request(start_workload: Start, constant: Constant, kind: GrpcKind, workers: int):
    workload = start_workload("--admin", "127.0.0.1:0")
    streams = kind in (GrpcKind.CLIENT_STREAM, GrpcKind.BIDI)
    messages = [echo_request(b"hello", replies=5)] * (3 if streams else 1)
    recorded = measure(echo(workload, kind, *messages), constant(rate=400.0), workers=workers).phases[0]
    assert recorded.counts.ok == recorded.counts.offered == 200
    assert workload.counters()["by_grpc_status"] == {"0": 200}
    assert recorded.errors_by_grpc_status == {}


def test_messages_of_a_stream_are_all_received(start_workload: Start, constant: Constant):
    # 100 replies of 1000 bytes a call, with five bytes before each.
    workload = start_workload()
    target = echo(workload, GrpcKind.SERVER_STREAM, echo_request(reply_bytes=1000, replies=100))
    counts = measure(target, constant(rate=50.0)).phases[0].counts
    assert counts.ok == 25
    assert 25 * 100 * 1005 < counts.bytes_in < 25 * 100 * 1005 * 1.05


@pytest.mark.parametrize("kind", [GrpcKind.UNARY, GrpcKind.BIDI])
def test_messages_beyond_every_window_go_both_ways(start_workload: Start, kind: GrpcKind):
    size = 3 << 20
    number = 3 if kind is GrpcKind.BIDI else 1
    messages = [echo_request(bytes(size))] * number
    target = echo(start_workload(), kind, *messages, connections=1, streams=2)
    phase = Phase(target=0, duration_s=0.3, arrivals=Arrivals.CLOSED, drain_s=8.0)
    counts = measure(target, phase).phases[0].counts
    assert counts.ok == counts.offered >= 2
    assert counts.ok * size * number < counts.bytes_in < counts.ok * size * number * 1.01 + 10_000


@pytest.mark.parametrize("kind", GrpcKind)
def test_a_status_that_the_call_asks_for_is_an_error_of_that_status(start_workload: Start, constant, kind: GrpcKind):
    target = echo(start_workload(), kind, echo_request(b"x", code=9))
    recorded = measure(target, constant()).phases[0]
    assert recorded.counts.errors == 100
    assert recorded.errors_by_grpc_status == {"9": 100}
    assert recorded.errors_by_status == {}


def test_a_share_of_statuses_is_what_was_asked_for(start_workload: Start, constant: Constant):
    workload = start_workload("--grpc-status", "14:0.25", "--admin", "127.0.0.1:0", "--seed", "3")
    recorded = measure(echo(workload), constant(rate=1600.0)).phases[0]
    failed = recorded.counts.errors
    assert recorded.errors_by_grpc_status == {"14": failed}
    assert workload.counters()["by_grpc_status"] == {"0": recorded.counts.ok, "14": failed}
    assert abs(failed - 200) < 5 * math.sqrt(800 * 0.25 * 0.75)


def test_a_message_that_is_none_is_answered_with_a_status_and_the_connection_goes_on(start_workload: Start, constant):
    # A length that the message does not have.
    recording = measure(echo(start_workload(), GrpcKind.UNARY, b"\x0a\x7fshort"), constant())
    recorded = recording.phases[0]
    assert recorded.counts.errors == recorded.counts.offered == 100
    assert sum(recorded.errors_by_grpc_status.values()) == 100
    assert recording.connections[0].reopened == 0


@pytest.mark.parametrize(
    ("path", "expected"), [("/meshperf.echo.v1.Echo/Nothing", {"12": 100}), ("/grpc.health.v1.Health/Check", {})]
)
def test_other_methods_are_unimplemented_and_health_is_known(start_workload: Start, constant, path, expected):
    recorded = measure(echo(start_workload(), GrpcKind.UNARY, b"", path=path), constant()).phases[0]
    assert recorded.errors_by_grpc_status == expected
    assert recorded.counts.ok == 100 - sum(expected.values())


def test_metadata_goes_with_every_call(serve: Serve, constant: Constant):
    server = Http2(handle=_ok)
    target = _raw(serve(server), headers=(("x-tenant", "a"), ("x-tenant", "b")))
    assert measure(target, constant()).phases[0].counts.ok == 100
    for wanted in (b"x-tenant", b"application/grpc", b"trailers", b"/a.B/C"):
        assert all(wanted in request.head for request in server.requests)
    assert all(request.body == 5 + 3 for request in server.requests)


def _raw(script: Script, kind: GrpcKind = GrpcKind.UNARY, **changes: object) -> Target:
    call = GrpcCall(kind=kind, messages=(b"abc",))
    return script.target(**{"protocol": "grpc", "path": "/a.B/C", "grpc": call, "streams": 8, **changes})


def _ok(peer: Peer, request: Request, number: int) -> None:
    peer.reply(request, GRPC_OK, grpc_message(b"fine"), header("grpc-status", "0"))


STATUS_0 = header("grpc-status", "0")
ONE = grpc_message(b"x")

BREACHES: dict[str, tuple[tuple[bytes, bytes, bytes], dict[str, dict[str, int]]]] = {
    # (head, body, trailers): what each of the hundred calls counts as
    "only trailers": ((GRPC_OK + header("grpc-status", "5"), b"", b""), {"errors_by_grpc_status": {"5": 100}}),
    "no status at all": ((GRPC_OK, ONE, b""), {"errors_by_grpc_status": {"2": 100}}),
    "a status that is none": (
        (GRPC_OK, ONE, header("grpc-status", "fine")),
        {"errors_by_grpc_status": {"2": 100}},
    ),
    "success without a message": ((GRPC_OK, b"", STATUS_0), {"errors_by_reason": {"malformed": 100}}),
    "success with two messages": ((GRPC_OK, ONE + ONE, STATUS_0), {"errors_by_reason": {"malformed": 100}}),
    "half a message": ((GRPC_OK, ONE[:-1], STATUS_0), {"errors_by_reason": {"malformed": 100}}),
    "half a prefix": ((GRPC_OK, ONE + b"\0\0", STATUS_0), {"errors_by_reason": {"malformed": 100}}),
    "a compressed message": ((GRPC_OK, b"\1" + ONE[1:], STATUS_0), {"errors_by_reason": {"malformed": 100}}),
    "an error of a gateway": ((status(503), b"no upstream", b""), None),
    "an error of a gateway, empty": ((status(404), b"", b""), {"errors_by_status": {"404": 100}}),
}


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_of_grpc_costs_its_call_and_no_other(serve: Serve, constant: Constant, name: str):
    (head, body, trailers), expected = BREACHES[name]
    recording = measure(
        _raw(serve(Http2(handle=lambda peer, request, number: peer.reply(request, head, body, trailers)))), constant()
    )
    recorded = recording.phases[0]
    assert recorded.counts.ok == 0
    assert recording.connections[0].reopened == 0
    told = {
        name: dict(getattr(recorded, name))
        for name in ("errors_by_reason", "errors_by_status", "errors_by_grpc_status")
        if getattr(recorded, name)
    }
    if expected is None:
        # What comes with an error of HTTP is no message; the status says more than that.
        assert told == {"errors_by_status": {"503": 100}}
    else:
        assert told == expected


def test_a_server_that_streams_may_send_no_message(serve: Serve, constant: Constant):
    server = Http2(handle=lambda peer, request, number: peer.reply(request, GRPC_OK, b"", STATUS_0))
    for kind in (GrpcKind.SERVER_STREAM, GrpcKind.BIDI):
        assert measure(_raw(serve(server), kind), constant(rate=50.0)).phases[0].counts.ok == 25


def test_a_call_that_times_out_is_cancelled(serve: Serve, constant: Constant):
    def every_other(peer: Peer, request: Request, number: int) -> None:
        if number % 2 == 0:
            _ok(peer, request, number)

    server = Http2(handle=every_other)
    recorded = measure(_raw(serve(server), timeout_s=0.05), constant(rate=40.0)).phases[0]
    assert recorded.counts.ok == recorded.counts.timeouts == 10
