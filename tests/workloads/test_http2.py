"""HTTP/2 and HTTP/1.0 to the workload, by independent clients: curl, and nghttp2's nghttp and h2load."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from meshperf.workloads import counters

from .conftest import Pki, Running, Start

pytestmark = pytest.mark.needs_native

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed: apt install curl")
needs_nghttp = pytest.mark.skipif(
    shutil.which("nghttp") is None or shutil.which("h2load") is None,
    reason="nghttp and h2load are not installed: apt install nghttp2-client",
)
FACTS = "%{http_version} %{http_code} %{size_download}"
WITHIN_S = 20.0


def run(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def curl(running: Running, path: str, *options: str, scheme: str = "http") -> str:
    version = () if scheme == "https" or "--http1.0" in options else ("--http2-prior-knowledge",)
    url = f"{scheme}://{running.endpoint.address}{path}"
    return run("curl", "--silent", "--show-error", "--max-time", "15", *version, *options, url)


def facts(running: Running, path: str, *options: str, scheme: str = "http") -> str:
    return curl(running, path, *options, "--output", "/dev/null", "--write-out", FACTS, scheme=scheme)


@needs_curl
def test_http2_is_told_by_its_first_bytes_on_the_listener_of_http1(start: Start) -> None:
    running = start("--response-bytes", "300")
    assert facts(running, "/") == "2 200 300"
    assert facts(running, "/any?bytes=1000000") == "2 200 1000000"
    assert facts(running, "/?bytes=0") == "2 200 0"
    assert facts(running, "/?bytes=many") == "2 400 28"
    assert facts(running, "/", "--http1.0") == "1.1 200 300"
    found = counters(running.endpoint)
    assert (found["http2_connections"], found["connections"]) == (4, 5)
    assert (found["status.200"], found["status.400"], found["requests"]) == (4, 1, 5)


@needs_curl
def test_a_head_has_the_fields_of_its_get_and_no_body(start: Start) -> None:
    reply = curl(start(), "/", "--head")
    assert re.search(r"^HTTP/2 200 \r?\n", reply) and "content-length: 1024" in reply


@needs_curl
def test_request_bodies_are_read_to_their_end(start: Start, tmp_path: Path) -> None:
    body = tmp_path / "body"
    with body.open("wb") as file:
        file.truncate(40_000_000)
    running = start()
    assert facts(running, "/", "--data-binary", f"@{body}") == "2 200 1024"
    assert counters(running.endpoint)["bytes_in"] > 40_000_000


@needs_curl
def test_whoami_tells_what_arrived(start: Start) -> None:
    running = start("--identity-header", "x-client", "--trusted-peer", "127.0.0.1", "--service-time", "30s")
    answer = json.loads(curl(running, "/whoami?x=1", "--header", "X-Client: me"))
    assert (answer["method"], answer["target"], answer["identity"]) == ("GET", "/whoami?x=1", "me")
    assert answer["headers"]["x-client"] == "me"
    assert answer["headers"][":authority"] == running.endpoint.address


@needs_curl
@pytest.mark.parametrize(("asked", "got"), [("--http2", "2"), ("--http1.1", "1.1"), ("--no-alpn", "1.1")])
def test_over_tls_the_handshake_decides(start: Start, pki: Pki, asked: str, got: str) -> None:
    certificate, key = pki.issue("server", "spiffe://mesh/server")
    running = start("--tls-cert", str(certificate), "--tls-key", str(key))
    assert facts(running, "/?bytes=100000", "--insecure", asked, scheme="https") == f"{got} 200 100000"
    found = counters(running.endpoint)
    assert (found["tls_handshakes"], found["http2_connections"]) == (1, int(got == "2"))


@needs_nghttp
def test_replies_of_several_streams_come_interleaved(start: Start) -> None:
    running = start()
    at = f"http://{running.endpoint.address}"
    told = run("nghttp", "--null-out", "--verbose", f"{at}/?bytes=300000", f"{at}/?bytes=200000")
    frames = re.findall(r"recv DATA frame <length=(\d+), flags=0x\d\d, stream_id=(\d+)>", told)
    streams = [stream for _, stream in frames]
    first, second = sorted(set(streams), key=int)
    assert sum(int(length) for length, stream in frames if stream == first) == 300_000
    assert sum(int(length) for length, stream in frames if stream == second) == 200_000
    assert streams.index(second) < len(streams) - 1 - streams[::-1].index(first), (
        "the second did not wait for the first"
    )


@needs_nghttp
def test_many_streams_on_few_connections_are_all_answered(start: Start) -> None:
    running = start("--response-bytes", "2000", "--workers", "2")
    told = run("h2load", "-n", "5000", "-c", "4", "-m", "100", f"http://{running.endpoint.address}/")
    assert "5000 total, 5000 started, 5000 done, 5000 succeeded, 0 failed" in told
    found = counters(running.endpoint)
    assert (found["status.200"], found["http2_connections"]) == (5000, 4)


@needs_nghttp
def test_service_times_of_streams_run_side_by_side(start: Start) -> None:
    running = start("--service-time", "100ms")
    begin = time.monotonic()
    told = run("h2load", "-n", "200", "-c", "1", "-m", "100", f"http://{running.endpoint.address}/")
    assert "200 succeeded" in told
    assert 0.2 <= time.monotonic() - begin < 2.0


@needs_nghttp
def test_a_busy_worker_serves_one_stream_after_the_other(start: Start) -> None:
    running = start("--service-time", "2ms", "--busy")
    begin = time.monotonic()
    told = run("h2load", "-n", "100", "-c", "2", "-m", "10", f"http://{running.endpoint.address}/")
    assert "100 succeeded" in told
    assert time.monotonic() - begin >= 0.2
    # Each reply leaves when it is done, and not with the others that came in the same read.
    fastest = re.search(r"time for request: +([\d.]+)(us|ms)", told)
    assert fastest is not None
    assert float(fastest[1]) * (1e-3 if fastest[2] == "us" else 1) < 10


@needs_nghttp
def test_statuses_are_drawn_for_streams(start: Start) -> None:
    running = start("--status", "503:0.25")
    run("h2load", "-n", "400", "-c", "1", "-m", "10", f"http://{running.endpoint.address}/")
    found = counters(running.endpoint)
    assert 60 < found["status.503"] < 140 and found["status.503"] + found["status.200"] == 400


@needs_nghttp
def test_no_more_streams_are_open_than_the_options_say(start: Start) -> None:
    running = start("--max-streams", "3", "--service-time", "20ms")
    begin = time.monotonic()
    told = run("h2load", "-n", "30", "-c", "1", "-m", "100", f"http://{running.endpoint.address}/")
    # Three at a time: the first round may hold more, which were sent before the limit was known, and are refused.
    assert "30 done" in told
    assert time.monotonic() - begin >= 0.02 * counters(running.endpoint)["status.200"] / 3


def test_an_http10_client_gets_a_length_and_a_close_unless_it_asks_otherwise(start: Start) -> None:
    running = start("--response-bytes", "10")

    def ask(text: bytes, times: int) -> bytes:
        with socket.create_connection(running.at, timeout=5) as connection:
            reply = b""
            for _ in range(times):
                connection.sendall(text)
                while reply.count(b"0123456789") < times:
                    piece = connection.recv(65_536)
                    if not piece:
                        return reply
                    reply += piece
            return reply

    closing = ask(b"GET / HTTP/1.0\r\n\r\n", 2)
    assert closing.count(b"content-length: 10\r\nconnection: close\r\n") == 1
    kept = ask(b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n" * 2, 2)
    assert kept.count(b"connection: keep-alive\r\n") == 2 and b"close" not in kept
