"""gRPC calls to the workload, by an independent client: grpcio, with messages from the checked-in descriptors."""

from __future__ import annotations

import importlib.util
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from meshperf.workloads import counters

from .conftest import Running, Start, poll

pytestmark = pytest.mark.needs_native

ROOT = Path(__file__).resolve().parents[2]
DESCRIPTORS = ROOT / "crates" / "workload" / "descriptors"
ECHO = "meshperf.echo.v1.Echo"
HEALTH = "grpc.health.v1.Health"
KINDS = {
    (False, False): "unary_unary",
    (True, False): "stream_unary",
    (False, True): "unary_stream",
    (True, True): "stream_stream",
}
WITHIN_S = 10.0


def pool_of(files: Sequence[bytes]) -> DescriptorPool:
    pool = DescriptorPool()
    for file in files:
        pool.AddSerializedFile(file)
    return pool


POOL = pool_of([path.read_bytes() for path in sorted(DESCRIPTORS.glob("*.binpb"))])


def message(name: str, **fields: object) -> Any:
    return GetMessageClass(POOL.FindMessageTypeByName(name))(**fields)


def request(payload: bytes = b"", **fields: int) -> Any:
    return message("meshperf.echo.v1.EchoRequest", payload=payload, **fields)


def method(channel: grpc.Channel, service: str, name: str, pool: DescriptorPool = POOL) -> Any:
    """A callable for one method, made of its descriptor as generated code would be."""
    described = pool.FindServiceByName(service).methods_by_name[name]
    kind = KINDS[bool(described.client_streaming), bool(described.server_streaming)]
    answer = GetMessageClass(described.output_type)
    return getattr(channel, kind)(
        f"/{service}/{name}",
        request_serializer=lambda asked: asked.SerializeToString(),
        response_deserializer=answer.FromString,
    )


Connect = Callable[[Running], grpc.Channel]


@pytest.fixture
def connect() -> Iterator[Connect]:
    channels: list[grpc.Channel] = []

    def connector(running: Running) -> grpc.Channel:
        # Without sharing, each test counts its own connection.
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", 8 << 20)]
        channels.append(grpc.insecure_channel(running.endpoint.address, options=options))
        return channels[-1]

    yield connector
    for channel in channels:
        channel.close()


def refused(call: Callable[[], object]) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as failure:
        call()
    return failure.value


def test_the_descriptors_are_those_of_the_protos(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("describe", ROOT / "proto" / "describe.py")
    assert spec is not None and spec.loader is not None
    describe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(describe)
    describe.describe(tmp_path)
    made = {path.name: FileDescriptorProto.FromString(path.read_bytes()) for path in tmp_path.iterdir()}
    kept = {path.name: FileDescriptorProto.FromString(path.read_bytes()) for path in DESCRIPTORS.iterdir()}
    assert made == kept, "run python proto/describe.py"


def test_a_unary_call_echoes_or_answers_the_size_asked_for(start: Start, connect: Connect) -> None:
    running = start()
    unary = method(connect(running), ECHO, "Unary")
    reply = unary(request(b"hello"), timeout=WITHIN_S)
    assert (reply.payload, reply.received) == (b"hello", 1)
    for size in (1, 16_384, 70_000, 4 << 20):
        assert len(unary(request(b"x", reply_bytes=size), timeout=WITHIN_S).payload) == size
    large = bytes(range(256)) * 12_000
    assert unary(request(large), timeout=WITHIN_S).payload == large
    found = counters(running.endpoint)
    assert (found["requests"], found["status.200"], found["grpc_status.0"]) == (6, 6, 6)
    assert (found["http2_connections"], found["connections"]) == (1, 1)


def test_a_client_stream_is_answered_by_its_last_request(start: Start, connect: Connect) -> None:
    stream = method(connect(start()), ECHO, "ClientStream")
    reply = stream(iter([request(b"a" * 3_000_000), request(b"bb"), request(b"last")]), timeout=WITHIN_S)
    assert (reply.payload, reply.received) == (b"last", 3)
    reply = stream(iter([]), timeout=WITHIN_S)
    assert (reply.payload, reply.received) == (b"", 0)


def test_a_server_stream_has_as_many_replies_as_asked_for(start: Start, connect: Connect) -> None:
    stream = method(connect(start()), ECHO, "ServerStream")
    replies = list(stream(request(reply_bytes=5_000, replies=300), timeout=WITHIN_S))
    assert len(replies) == 300 and {len(reply.payload) for reply in replies} == {5_000}
    assert len({reply.payload for reply in replies}) == 1
    assert len(list(stream(request(b"x"), timeout=WITHIN_S))) == 1


@pytest.mark.parametrize("service_time", ["0us", "lognormal:500us:2"])
def test_a_bidirectional_stream_answers_each_request_in_order(
    start: Start, connect: Connect, service_time: str
) -> None:
    stream = method(connect(start("--service-time", service_time)), ECHO, "Bidi")
    payloads = [bytes([n]) * n for n in range(1, 200)]
    replies = list(stream((request(payload) for payload in payloads), timeout=WITHIN_S))
    assert [reply.payload for reply in replies] == payloads
    assert [reply.received for reply in replies] == list(range(1, 200))
    assert list(stream(iter([]), timeout=WITHIN_S)) == []


def test_a_reply_comes_before_the_next_request_of_its_stream(start: Start, connect: Connect) -> None:
    stream = method(connect(start()), ECHO, "Bidi")
    answered = threading.Semaphore(1)

    def ask() -> Iterator[Any]:
        for n in range(20):
            # The next request waits for the reply to the one before it.
            assert answered.acquire(timeout=WITHIN_S)
            yield request(bytes([n]))

    seen = []
    for reply in stream(ask(), timeout=WITHIN_S):
        seen.append(reply.payload)
        answered.release()
    assert seen == [bytes([n]) for n in range(20)]


def test_replies_much_larger_than_their_requests_all_arrive(start: Start, connect: Connect) -> None:
    stream = method(connect(start()), ECHO, "Bidi")
    replies = stream((request(reply_bytes=1 << 20) for _ in range(30)), timeout=WITHIN_S)
    assert [len(reply.payload) for reply in replies] == [1 << 20] * 30


def test_a_status_that_was_asked_for_ends_the_call(start: Start, connect: Connect) -> None:
    running = start()
    channel = connect(running)
    failure = refused(lambda: method(channel, ECHO, "Unary")(request(status=7), timeout=WITHIN_S))
    assert failure.code() is grpc.StatusCode.PERMISSION_DENIED
    replies = method(channel, ECHO, "Bidi")(iter([request(b"a"), request(status=5), request(b"b")]), timeout=WITHIN_S)
    assert next(replies).payload == b"a"
    assert refused(lambda: next(replies)).code() is grpc.StatusCode.NOT_FOUND
    for wrong in ({"status": 17}, {"reply_bytes": -1}, {"replies": -1}):
        failure = refused(lambda wrong=wrong: method(channel, ECHO, "Unary")(request(**wrong), timeout=WITHIN_S))
        assert failure.code() is grpc.StatusCode.INVALID_ARGUMENT
    found = counters(running.endpoint)
    assert (found["grpc_status.7"], found["grpc_status.5"], found["grpc_status.3"]) == (1, 1, 3)


def test_what_is_not_there_is_unimplemented(start: Start, connect: Connect) -> None:
    channel = connect(start())
    for path in ("/meshperf.echo.v1.Echo/Other", "/x"):
        call = channel.unary_unary(path)
        assert refused(lambda call=call: call(b"", timeout=WITHIN_S)).code() is grpc.StatusCode.UNIMPLEMENTED
    # A stream whose client never ends its side is refused all the same.
    endless = channel.stream_stream("/x/Y")(iter(lambda: time.sleep(0.01) or b"m", None), timeout=WITHIN_S)
    assert refused(lambda: next(endless)).code() is grpc.StatusCode.UNIMPLEMENTED


def test_compressed_malformed_and_too_long_messages_are_refused(start: Start, connect: Connect) -> None:
    channel = connect(start())
    unary = method(channel, ECHO, "Unary")
    failure = refused(lambda: unary(request(b"x" * 1000), timeout=WITHIN_S, compression=grpc.Compression.Gzip))
    assert failure.code() is grpc.StatusCode.UNIMPLEMENTED
    failure = refused(lambda: unary(request(b"x" * ((4 << 20) + 1)), timeout=WITHIN_S))
    assert failure.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    raw = channel.unary_unary(f"/{ECHO}/Unary")
    assert refused(lambda: raw(b"\x0a\x7f", timeout=WITHIN_S)).code() is grpc.StatusCode.INTERNAL
    assert unary(request(b"fine"), timeout=WITHIN_S).payload == b"fine"


def test_statuses_are_drawn_for_calls_too(start: Start, connect: Connect) -> None:
    def failures(*options: str) -> list[grpc.StatusCode]:
        unary = method(connect(start(*options)), ECHO, "Unary")
        pending = [unary.future(request(b"x"), timeout=WITHIN_S) for _ in range(400)]
        return [call.code() for call in pending if call.code() is not grpc.StatusCode.OK]

    of_http = failures("--status", "503:0.25")
    assert set(of_http) == {grpc.StatusCode.INTERNAL} and 60 < len(of_http) < 140
    own = failures("--status", "503:1", "--grpc-status", "14:0.25", "--grpc-status", "4:0.25")
    assert set(own) == {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED} and 150 < len(own) < 250


def test_service_time_delays_calls_that_do_not_wait_for_each_other(start: Start, connect: Connect) -> None:
    unary = method(connect(start("--service-time", "200ms")), ECHO, "Unary")
    begin = time.monotonic()
    pending = [unary.future(request(b"x"), timeout=WITHIN_S) for _ in range(50)]
    assert {call.result().payload for call in pending} == {b"x"}
    assert 0.2 <= time.monotonic() - begin < 2.0


def test_the_health_service_answers_at_once_and_watch_stays_open(start: Start, connect: Connect) -> None:
    running = start("--service-time", "30s", "--status", "503:1")
    channel = connect(running)
    check, watch = method(channel, HEALTH, "Check"), method(channel, HEALTH, "Watch")
    asked = "grpc.health.v1.HealthCheckRequest"
    for service in ("", ECHO):
        assert check(message(asked, service=service), timeout=WITHIN_S).status == 1
    failure = refused(lambda: check(message(asked, service="other"), timeout=WITHIN_S))
    assert failure.code() is grpc.StatusCode.NOT_FOUND
    watching = watch(message(asked), timeout=WITHIN_S)
    assert next(watching).status == 1
    assert watching.is_active()
    watching.cancel()
    unknown = watch(message(asked, service="other"), timeout=WITHIN_S)
    assert next(unknown).status == 3
    unknown.cancel()
    assert check(message(asked), timeout=WITHIN_S).status == 1


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_tells_all_that_a_client_needs_to_call(start: Start, connect: Connect, version: str) -> None:
    channel = connect(start())
    package = f"grpc.reflection.{version}"
    ask = method(channel, f"{package}.ServerReflection", "ServerReflectionInfo")

    def question(**fields: str) -> Any:
        return message(f"{package}.ServerReflectionRequest", host="h", **fields)

    asked = [
        question(list_services=""),
        question(file_containing_symbol=ECHO),
        question(file_by_filename="grpc/health/v1/health.proto"),
        question(file_containing_symbol="no.Such"),
        question(all_extension_numbers_of_type="x"),
    ]
    listed, echo, health, missing, extensions = ask(iter(asked), timeout=WITHIN_S)
    assert {service.name for service in listed.list_services_response.service} == {
        ECHO,
        HEALTH,
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    }
    assert echo.original_request == asked[1] and echo.valid_host == "h"
    assert missing.error_response.error_code == extensions.error_response.error_code == 5
    files = [
        *echo.file_descriptor_response.file_descriptor_proto,
        *health.file_descriptor_response.file_descriptor_proto,
    ]
    learnt = pool_of(files)
    unary = method(channel, ECHO, "Unary", learnt)
    asked_for = GetMessageClass(learnt.FindMessageTypeByName("meshperf.echo.v1.EchoRequest"))
    assert unary(asked_for(payload=b"learnt"), timeout=WITHIN_S).payload == b"learnt"


def test_a_call_that_is_cancelled_leaves_the_connection_as_it_was(start: Start, connect: Connect) -> None:
    running = start("--service-time", "300ms")
    unary = method(connect(running), ECHO, "Unary")
    cancelled = unary.future(request(b"x"), timeout=WITHIN_S)
    assert poll(lambda: counters(running.endpoint)["requests"] == 1)
    cancelled.cancel()
    assert unary(request(b"y"), timeout=WITHIN_S).payload == b"y"
    found = counters(running.endpoint)
    assert (found["requests"], found["status.200"], found["connections"]) == (2, 1, 1)


def test_a_stall_stops_calls_for_as_long_as_it_says(start: Start, connect: Connect) -> None:
    running = start("--stall", "300ms/600ms")
    unary = method(connect(running), ECHO, "Unary")
    origin = counters(running.endpoint)["started_monotonic_ns"]
    took: list[tuple[float, float]] = []
    end = time.monotonic() + 1.3
    while time.monotonic() < end:
        begin = time.monotonic_ns()
        unary(request(b"x"), timeout=WITHIN_S)
        took.append((((begin - origin) % 600_000_000) / 1e9, (time.monotonic_ns() - begin) / 1e9))
    # A call is stopped until the period ends if it begins in the stall, or reaches it.
    stopped = [(phase, duration) for phase, duration in took if duration > 0.15]
    assert 1 <= len(stopped) <= 3
    for phase, duration in stopped:
        assert phase > 0.2 and 0.59 < phase + duration < 0.75
