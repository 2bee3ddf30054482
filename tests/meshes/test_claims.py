"""Probes against servers whose behaviour is known."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from meshperf.environments.asking import ask
from meshperf.meshes import claims


@contextmanager
def answering(reply: bytes) -> Iterator[str]:
    """A server on loopback that reads one request and writes `reply`."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(reply)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def http(body: object, status: int = 200) -> bytes:
    text = json.dumps(body).encode()
    return f"HTTP/1.1 {status} x\r\ncontent-length: {len(text)}\r\n\r\n".encode() + text


def test_a_server_that_answers_plaintext_breaks_the_claim_that_it_refuses_it() -> None:
    with answering(http({})) as address:
        claim = claims.refused("plaintext is refused", address, when="begin", who="a plaintext request")
    assert not claim.held
    assert claim.evidence == "a plaintext request was answered with status 200"


def test_an_error_status_is_an_answer_too() -> None:
    with answering(http({}, 403)) as address:
        assert not claims.refused("refused", address, when="begin", who="it").held


def test_a_closed_connection_is_a_refusal_with_its_reason() -> None:
    with answering(b"") as address:
        claim = claims.refused("refused", address, when="end", who="a plaintext request")
    assert claim.held
    assert "closed without an HTTP reply" in claim.evidence


def test_bytes_that_are_not_http_are_a_refusal() -> None:
    with answering(b"\x15\x03\x03\x00\x02\x02\x0a") as address:
        assert claims.refused("refused", address, when="begin", who="it").held


def test_the_identity_must_be_exactly_the_expected_one() -> None:
    with answering(http({"identity": "spiffe://x/stranger"})) as address:
        seen = claims.identity_seen("caller", address, "spiffe://x/client", when="begin")
    assert not seen.held
    assert "spiffe://x/stranger" in seen.evidence


def test_a_workload_that_cannot_be_asked_does_not_hold_a_claim() -> None:
    with answering(http({}, 503)) as address:
        assert not claims.identity_seen("caller", address, None, when="begin").held


def test_a_chunked_reply_is_read_whole() -> None:
    body = b'4\r\n{"a"\r\n6\r\n: "bc"\r\n1\r\n}\r\n0\r\n\r\n'
    with answering(b"HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n" + body) as address:
        assert ask(address, "/").json() == {"a": "bc"}


def test_a_believed_forgery_is_caught() -> None:
    with answering(http({"identity": "spiffe://forged/caller"})) as address:
        assert not claims.forged_identity_ignored(address, when="begin").held


def test_where_nobody_listens_nobody_was_refused() -> None:
    with answering(b"") as address:
        gone = address
    claim = claims.refused("plaintext is refused", gone, when="end", who="a plaintext request")
    assert not claim.held
    assert "nobody listens there" in claim.evidence
