"""The prober says when a change arrived, held against proxies that take it after a known time."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from meshperf.errors import TargetError
from meshperf.experiment.propagation.probing import Prober, Question

_QUESTION = Question(host="route.probe")
_PERIOD_S = 0.004


class _Proxy:
    """Answers `old`, and `new` from a moment on that the test chooses."""

    def __init__(self, *, chunked: bool = False) -> None:
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = b"new" if time.monotonic() >= proxy.from_s else b"old"
                self.send_response(200)
                if chunked:
                    self.send_header("Transfer-Encoding", "chunked")
                    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
                else:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.from_s = float("inf")
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def proxies() -> Iterator[Callable[..., list[_Proxy]]]:
    made: list[_Proxy] = []

    def make(count: int, **how: bool) -> list[_Proxy]:
        made.extend(_Proxy(**how) for _ in range(count))
        return made

    yield make
    for proxy in made:
        proxy.server.shutdown()
        proxy.server.server_close()


@pytest.mark.parametrize("chunked", [False, True])
def test_a_known_delay_lies_between_the_bounds_of_every_proxy(
    proxies: Callable[..., list[_Proxy]], chunked: bool
) -> None:
    there = proxies(5, chunked=chunked)
    delays = [0.02, 0.05, 0.08, 0.11, 0.2]

    def change() -> None:
        now = time.monotonic()
        for proxy, delay in zip(there, delays, strict=True):
            proxy.from_s = now + delay

    with Prober([proxy.address for proxy in there], _QUESTION, period_s=_PERIOD_S) as prober:
        prober.settle("old", within_s=5)
        seen = prober.watch("new", change, within_s=10)
    for arrival, delay in zip(seen.arrivals, delays, strict=True):
        assert arrival is not None
        # The request that was answered the old way was sent before, the reply of the new kind came after.
        assert arrival.low_s <= delay + 0.001
        assert arrival.high_s >= delay
        assert arrival.high_s - arrival.low_s <= 2 * seen.period_s + 0.05
    assert seen.relapses == 0


def test_a_proxy_that_never_takes_the_change_is_none(proxies: Callable[..., list[_Proxy]]) -> None:
    there = proxies(2)

    def change() -> None:
        there[0].from_s = time.monotonic()

    with Prober([proxy.address for proxy in there], _QUESTION, period_s=_PERIOD_S) as prober:
        seen = prober.watch("new", change, within_s=0.3)
    assert seen.arrivals[0] is not None
    assert seen.arrivals[1] is None


def test_waiting_in_vain_says_what_the_proxy_answers(proxies: Callable[..., list[_Proxy]]) -> None:
    (proxy,) = proxies(1)
    with (
        Prober([proxy.address], _QUESTION, period_s=_PERIOD_S) as prober,
        pytest.raises(TargetError, match="answers old, not new") as failure,
    ):
        prober.settle("new", within_s=0.2)
    assert failure.value.code == "MP5302"


def test_what_the_change_raises_is_raised(proxies: Callable[..., list[_Proxy]]) -> None:
    (proxy,) = proxies(1)

    def change() -> None:
        raise RuntimeError("refused")

    with (
        Prober([proxy.address], _QUESTION, period_s=_PERIOD_S) as prober,
        pytest.raises(RuntimeError, match="refused"),
    ):
        prober.watch("new", change, within_s=0.2)


def test_nobody_there_is_an_error_with_the_address() -> None:
    with pytest.raises(TargetError, match=r"127\.0\.0\.1:1 ") as failure:
        Prober(["127.0.0.1:1"], _QUESTION, period_s=_PERIOD_S)
    assert failure.value.code == "MP5301"
