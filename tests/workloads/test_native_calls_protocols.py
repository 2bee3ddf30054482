"""Calls between services over HTTP/2 and gRPC, and what is passed on with them."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time

import grpc
import pytest

from meshperf.workloads import executable

from .conftest import Pki, Running, Start, poll
from .test_native_calls import client, get, same_bytes, timed, to, told

pytestmark = pytest.mark.needs_native

WITHIN_S = 10.0
UNARY = "/meshperf.echo.v1.Echo/Unary"
BIDI = "/meshperf.echo.v1.Echo/Bidi"
TRACE = {"x-request-id": "r-1", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "b3": "0"}

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed: apt install curl")
needs_h2load = pytest.mark.skipif(
    shutil.which("h2load") is None, reason="h2load is not installed: apt install nghttp2-client"
)


def raw(data: bytes) -> bytes:
    return data


def unary(running: Running, message: bytes = b"") -> bytes:
    """Call a service's unary method with a message as bytes, over a connection of its own."""
    with grpc.insecure_channel(running.endpoint.address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        method = channel.unary_unary(UNARY, request_serializer=raw, response_deserializer=raw)
        reply = method(message, timeout=WITHIN_S)
        assert isinstance(reply, bytes)
        return reply


@pytest.mark.parametrize("protocol", ["http1", "http2", "grpc"])
@pytest.mark.parametrize("keys", [[], ["bytes=100"], ["bytes=1000000", "reply=500000"]])
def test_every_protocol_carries_calls_of_every_size(start: Start, protocol: str, keys: list[str]) -> None:
    leaf = start()
    entry = start(*to("leaf", leaf, *keys, f"protocol={protocol}", "times=3"))
    with client(entry) as connection:
        timed(connection, 10)
    found, below = told(entry), told(leaf)
    assert found["by_call"]["leaf"] == {"sent": 30, "ok": 30, "failed": 0}
    assert below["requests"] == 30
    assert below["by_grpc_status"] == ({"0": 30} if protocol == "grpc" else {})
    assert below["connections"] == (3 if protocol == "http1" else 1)
    assert below["http2_connections"] == (0 if protocol == "http1" else 1)
    if keys:
        least = 30 * int(keys[0].partition("=")[2])
        assert found["call_bytes_out"] > least
    if len(keys) == 2:
        assert 30 * 500_000 < found["call_bytes_in"] < 30 * 502_000
    assert poll(lambda: same_bytes(entry, leaf))


def test_streams_of_a_connection_run_side_by_side(start: Start) -> None:
    leaf = start("--service-time", "20ms")
    entry = start(*to("leaf", leaf, "protocol=http2", "times=50"))
    with client(entry) as connection:
        times = timed(connection, 5)
    assert min(times) >= 0.020 and sum(times) / 5 < 0.5, "one after the other they would take a second"
    assert told(entry)["call_connections"] == 1


def test_streams_that_a_callee_refuses_go_elsewhere(start: Start) -> None:
    leaf = start("--service-time", "2ms", "--max-streams", "5")
    entry = start("--call-connections", "4", *to("leaf", leaf, "protocol=http2", "times=60"))
    with client(entry) as connection:
        timed(connection, 10)
    found = told(entry)
    assert found["by_call"]["leaf"] == {"sent": 600, "ok": 600, "failed": 0}
    assert found["call_retries"] == 0
    assert 2 <= told(leaf)["connections"] <= 4


@pytest.mark.parametrize(
    ("protocol", "status"), [("http2", "--status=503:1"), ("grpc", "--grpc-status=7:1"), ("grpc", "--status=500:1")]
)
def test_a_callee_that_fails_over_http2_gives_502(start: Start, protocol: str, status: str) -> None:
    leaf = start(*status.split("="))
    entry = start("--call-retries", "1", *to("leaf", leaf, f"protocol={protocol}"))
    with client(entry) as connection:
        assert [get(connection)[0] for _ in range(5)] == [502] * 5
    found = told(entry)
    assert (found["calls"], found["call_retries"], found["call_failures"]) == (5, 5, 5)
    assert found["call_connections"] == 1


@pytest.mark.parametrize("protocol", ["http2", "grpc"])
def test_a_stream_that_takes_too_long_is_reset_and_its_connection_kept(start: Start, protocol: str) -> None:
    slow = start("--service-time", "30s")
    entry = start("--call-timeout", "30ms", "--call-retries", "1", *to("slow", slow, f"protocol={protocol}"))
    with client(entry) as connection:
        assert [get(connection)[0] for _ in range(3)] == [502] * 3
    found = told(entry)
    assert (found["call_timeouts"], found["call_connections"]) == (6, 1)
    assert told(slow)["connections_open"] == 1


@pytest.mark.parametrize("protocol", ["http2", "grpc"])
def test_a_killed_callee_is_found_out_over_http2(start: Start, protocol: str) -> None:
    leaf = start()
    entry = start(*to("leaf", leaf, f"protocol={protocol}", "times=5"))
    with client(entry) as connection:
        timed(connection, 5)
        leaf.process.kill()
        leaf.process.wait(WITHIN_S)
        assert get(connection)[0] == 502
        address = leaf.endpoint.address
        again = subprocess.Popen([str(executable()), "--listen", address], stdout=subprocess.PIPE)
        try:
            assert again.stdout is not None and again.stdout.readline()
            assert get(connection)[0] == 200
        finally:
            again.kill()
            again.communicate()


def test_a_callee_that_speaks_another_protocol_is_a_failure(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"

        def answer() -> None:
            listener.settimeout(WITHIN_S)
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

        server = threading.Thread(target=answer, daemon=True)
        server.start()
        entry = start("--call", f"b={address},protocol=http2")
        with client(entry) as connection:
            assert get(connection)[0] == 502
        server.join(WITHIN_S)


@needs_curl
@pytest.mark.parametrize("protocol", ["http1", "http2", "grpc"])
@pytest.mark.parametrize("version", ["--http1.1", "--http2-prior-knowledge"])
def test_traces_are_passed_on_through_the_chain(start: Start, protocol: str, version: str) -> None:
    """The last hop is read off the wire by a service of our own, or off an HTTP/1.1 hop behind it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        seen: list[bytes] = []

        def answer() -> None:
            listener.settimeout(WITHIN_S)
            connection, _ = listener.accept()
            with connection:
                seen.append(connection.recv(65_536))
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

        server = threading.Thread(target=answer, daemon=True)
        server.start()
        middle = start("--call", f"wire.mesh=127.0.0.1:{listener.getsockname()[1]}")
        entry = start(*to("middle", middle, f"protocol={protocol}"))
        headers = [part for name, value in TRACE.items() for part in ("--header", f"{name}: {value}")]
        url = f"http://{entry.endpoint.address}/"
        done = subprocess.run(
            ["curl", "--silent", "--fail", version, *headers, "--header", "authorization: secret", url],
            capture_output=True,
            timeout=WITHIN_S,
            check=False,
        )
        assert done.returncode == 0
        server.join(WITHIN_S)
    lines = seen[0].decode().split("\r\n")
    assert lines[0] == "GET / HTTP/1.1"
    assert dict(line.split(": ", 1) for line in lines[1:-2]) == {"host": "wire.mesh", **TRACE}


@needs_h2load
def test_requests_of_http2_make_their_calls_stream_by_stream(start: Start) -> None:
    leaf = start("--service-time", "10ms")
    entry = start("--service-time", "10ms", *to("leaf", leaf, "times=2"))
    begin = time.monotonic()
    done = subprocess.run(
        ["h2load", "-n", "200", "-c", "2", "-m", "20", f"http://{entry.endpoint.address}/"],
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert "200 succeeded, 0 failed" in done.stdout
    assert 5 * 0.020 <= time.monotonic() - begin < 2.0
    assert told(entry)["by_call"]["leaf"] == {"sent": 400, "ok": 400, "failed": 0}
    assert told(leaf)["requests"] == 400


@needs_curl
def test_a_failed_call_is_a_502_over_http2_too(start: Start) -> None:
    entry = start(*to("bad", start("--status", "500:1")))
    url = f"http://{entry.endpoint.address}/"
    asked = ["curl", "--silent", "--http2-prior-knowledge", "--write-out", " %{http_version} %{http_code}", url]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=WITHIN_S, check=True)
    assert done.stdout == "a call to another service failed\n 2 502"
    assert told(entry)["by_status"] == {"502": 1}


def test_a_grpc_chain_answers_and_fails_as_grpc_does(start: Start) -> None:
    leaf = start("--service-time", "5ms")
    middle = start("--service-time", "5ms", *to("leaf", leaf, "protocol=grpc", "bytes=100"))
    entry = start("--service-time", "5ms", *to("middle", middle, "protocol=grpc"))
    begin = time.monotonic()
    # A payload of three bytes comes back, with the number of the request.
    assert unary(entry, b"\x0a\x03abc") == b"\x0a\x03abc\x10\x01"
    assert time.monotonic() - begin >= 0.015
    assert [told(service)["by_grpc_status"] for service in (entry, middle, leaf)] == [{"0": 1}] * 3
    leaf.process.kill()
    leaf.process.wait(WITHIN_S)
    with pytest.raises(grpc.RpcError) as failure:
        unary(entry)
    assert failure.value.code() is grpc.StatusCode.UNAVAILABLE
    assert failure.value.details() == "a call to another service failed"
    assert told(middle)["by_grpc_status"] == {"0": 1, "14": 1} == told(entry)["by_grpc_status"]


def test_every_request_of_a_stream_makes_its_calls(start: Start) -> None:
    leaf = start()
    entry = start(*to("leaf", leaf, "times=2"))
    with grpc.insecure_channel(entry.endpoint.address) as channel:
        bidi = channel.stream_stream(BIDI, request_serializer=raw, response_deserializer=raw)
        replies = list(bidi(iter([b"\x0a\x01a", b"\x0a\x01b", b"\x0a\x01c"]), timeout=WITHIN_S))
    assert replies == [b"\x0a\x01a\x10\x01", b"\x0a\x01b\x10\x02", b"\x0a\x01c\x10\x03"]
    assert told(leaf)["requests"] == 6


@needs_curl
@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_a_service_that_serves_tls_calls_others_all_the_same(start: Start, pki: Pki, version: str) -> None:
    certificate, key = pki.issue("server", "spiffe://mesh/server")
    leaf = start()
    entry = start("--tls-cert", str(certificate), "--tls-key", str(key), *to("leaf", leaf, "times=2"))
    url = f"https://{entry.endpoint.address}/?bytes=100000"
    once = ["--output", "/dev/null", "--write-out", "%{http_version} %{http_code} %{size_download}\n", url]
    asked = ["curl", "--silent", "--insecure", version, *once, "--output", "/dev/null", url]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=WITHIN_S, check=True)
    spoken = {"--http1.1": "1.1", "--http2": "2"}[version]
    assert done.stdout == f"{spoken} 200 100000\n" * 2
    assert told(entry)["by_call"]["leaf"]["ok"] == 4
