"""Redirects: followed on the same host when asked for, counted as one request from its first send to its last reply."""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Callable

import pytest

from meshperf.load import Arrivals, Phase

from .accounts import measure
from .conftest import Script
from .http2_server import Http2, Peer, Request, header, status

pytestmark = pytest.mark.needs_native

Serve = Callable[[Callable[[socket.socket], None]], Script]
Constant = Callable[..., Phase]


class Site:
    """An HTTP/1.1 server whose paths answer as told: a status and where to look instead."""

    def __init__(self, paths: dict[str, tuple[int, str]], *, closes: bool = False, delay_s: float = 0.0) -> None:
        self.asked: Counter[str] = Counter()
        """Method, path and length of the body of each request."""
        self._paths = paths
        self._closes = closes
        self._delay_s = delay_s

    def __call__(self, connection: socket.socket) -> None:
        data = b""
        while True:
            while b"\r\n\r\n" not in data:
                piece = connection.recv(65536)
                if not piece:
                    return
                data += piece
            head, data = data.split(b"\r\n\r\n", 1)
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            length = int(lengths[0].split(b":")[1]) if lengths else 0
            while len(data) < length:
                data += connection.recv(65536)
            data = data[length:]
            method, path, _ = head.split(b"\r\n")[0].decode().split(" ")
            self.asked[f"{method} {path} {length}"] += 1
            code, location = self._paths.get(path, (200, ""))
            where = f"Location: {location}\r\n" if location else ""
            end = "Connection: close\r\n" if self._closes else ""
            time.sleep(self._delay_s)
            connection.sendall(f"HTTP/1.1 {code} x\r\n{where}{end}Content-Length: 2\r\n\r\nok".encode())
            if self._closes:
                return


def test_a_redirect_is_a_reply_unless_it_is_to_be_followed(serve: Serve, constant: Constant):
    site = Site({"/": (302, "/there")})
    recorded = measure(serve(site).target(), constant()).phases[0]
    assert recorded.counts.ok == 100
    assert site.asked == {"GET / 0": 100}


def test_a_followed_redirect_is_one_request_with_the_time_of_all_hops(serve: Serve, constant: Constant):
    site = Site({"/": (302, "/a"), "/a": (301, "b/c?x=1")}, delay_s=0.01)
    target = serve(site).target(follow_redirects=True, connections=8)
    recorded = measure(target, constant(rate=100.0), workers=2).phases[0]
    assert recorded.counts.ok == recorded.counts.sent == 50
    assert site.asked == {"GET / 0": 50, "GET /a 0": 50, "GET /b/c?x=1 0": 50}
    assert recorded.service.minimum() >= 0.03


@pytest.mark.parametrize(
    ("code", "method", "asked"),
    [
        (301, "POST", "GET /b 0"),
        (302, "POST", "GET /b 0"),
        (303, "PUT", "GET /b 0"),
        (307, "POST", "POST /b 5"),
        (308, "PUT", "PUT /b 5"),
        (302, "PUT", "PUT /b 5"),
    ],
)
def test_the_status_decides_what_is_asked_of_the_other_place(serve: Serve, constant: Constant, code, method, asked):
    site = Site({"/": (code, "/b")})
    target = serve(site).target(follow_redirects=True, method=method, body=b"hello")
    recorded = measure(target, constant()).phases[0]
    assert recorded.counts.ok == 100
    # The request after a followed one is the first one again, body and all.
    assert site.asked == {f"{method} / 5": 100, asked: 100}


@pytest.mark.parametrize("location", ["http://elsewhere.example/", "https://script.example/", "mailto:a@b", ""])
def test_a_redirect_to_elsewhere_is_an_error_and_nobody_goes_there(serve: Serve, constant: Constant, location: str):
    site = Site({"/": (302, location)})
    recorded = measure(serve(site).target(follow_redirects=True), constant()).phases[0]
    assert recorded.errors_by_reason == {"redirect": 100}
    assert site.asked == {"GET / 0": 100}


def test_a_circle_ends_after_ten_redirects(serve: Serve, constant: Constant):
    site = Site({"/": (302, "/")})
    recorded = measure(serve(site).target(follow_redirects=True), constant(rate=40.0)).phases[0]
    assert recorded.errors_by_reason == {"redirect": 20}
    assert site.asked == {"GET / 0": 20 * 11}


@pytest.mark.parametrize("arrivals", [Arrivals.CONSTANT, Arrivals.CLOSED])
@pytest.mark.parametrize("changes", [{}, {"requests_per_connection": 1}, {"protocol": "http1.0"}])
def test_a_redirect_whose_connection_ends_is_followed_on_another(serve: Serve, constant: Constant, changes, arrivals):
    site = Site({"/": (302, "/b"), "/b": (307, "/c")}, closes=True)
    target = serve(site).target(follow_redirects=True, connections=4, **changes)
    phase = (
        constant(rate=100.0) if arrivals is Arrivals.CONSTANT else Phase(target=0, duration_s=0.2, arrivals=arrivals)
    )
    recorded = measure(target, phase).phases[0]
    assert recorded.errors_by_reason == {}
    assert recorded.counts.ok == recorded.counts.offered > 5
    count = recorded.counts.ok
    assert site.asked == {"GET / 0": count, "GET /b 0": count, "GET /c 0": count}


def test_a_timeout_covers_all_hops(serve: Serve, constant: Constant):
    site = Site({"/": (302, "/a"), "/a": (302, "/b")}, delay_s=0.06)
    target = serve(site).target(follow_redirects=True, connections=16, timeout_s=0.1)
    recorded = measure(target, constant(rate=40.0)).phases[0]
    assert recorded.errors_by_reason == {"timeout": 20}
    assert recorded.failed.maximum() < 0.15


def test_http_2_follows_on_another_stream_of_the_connection(serve: Serve, constant: Constant):
    paths: Counter[str] = Counter()

    def answer(peer: Peer, request: Request, number: int) -> None:
        first = b"/start" in request.head
        paths["start" if first else "end"] += 1
        if first:
            peer.reply(request, status(308) + header("location", "/end"))
        else:
            assert request.body == 300_000
            peer.reply(request)

    server = Http2(handle=answer)
    target = serve(server).target(
        protocol="http2", path="/start", follow_redirects=True, streams=4, method="POST", body=bytes(300_000)
    )
    recording = measure(target, constant(rate=60.0))
    assert recording.phases[0].counts.ok == 30
    assert paths == {"start": 30, "end": 30}
    assert recording.connections[0].reopened == 0
